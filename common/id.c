/* SPDX-License-Identifier: MIT
 *
 * Task ids, slots and tokens; see id.h.
 *
 * The text form is the 128 bits, most significant first, in 26 digits of five bits; the first digit
 * holds the two bits that are too many as zeros and is therefore at most 7. One id has one text in
 * lower case, so that texts may be compared and searched for.
 *
 * CRC-16/XMODEM (polynomial 0x1021, start 0, not reflected) is what Redis Cluster hashes names
 * with: clients in any language find it ready-made. */
#include "common/id.h"

#include <string.h>

static const char id_digits[] = "0123456789abcdefghjkmnpqrstvwxyz";

static uint16_t crc16_xmodem(struct span span) {
    uint32_t crc = 0;
    for (size_t i = 0; i < span.size; i++) {
        crc ^= (uint32_t)span.data[i] << 8;
        for (int bit = 0; bit < 8; bit++) {
            crc = (crc & 0x8000) != 0 ? (crc << 1) ^ 0x1021 : crc << 1;
        }
    }
    return (uint16_t)(crc & 0xffff);
}

/* What stands between the first { and the first } behind it, unless that is nothing. */
static struct span name_tag(struct span name) {
    const uint8_t *open = name.size > 0 ? memchr(name.data, '{', name.size) : NULL;
    if (open == NULL) {
        return name;
    }
    size_t rest = name.size - (size_t)(open + 1 - name.data);
    const uint8_t *close = rest > 0 ? memchr(open + 1, '}', rest) : NULL;
    if (close == NULL || close == open + 1) {
        return name;
    }
    return (struct span){open + 1, (size_t)(close - open - 1)};
}

uint16_t id_slot_of_name(struct span name) {
    return crc16_xmodem(name_tag(name)) & (ID_SLOTS - 1);
}

static uint64_t id_low(struct task_id id) {
    return (uint64_t)id.slot << 48 | id.number;
}

static struct task_id id_of_halves(uint64_t high, uint64_t low) {
    struct task_id id = {.session = high};
    id.number = low & UINT64_C(0xffffffffffff);
    id.slot = low >> 48;
    return id;
}

bool task_id_equal(struct task_id a, struct task_id b) {
    return a.session == b.session && id_low(a) == id_low(b);
}

void task_id_to_text(struct task_id id, char out[ID_TEXT_SIZE]) {
    uint64_t high = id.session;
    uint64_t low = id_low(id);
    for (int i = ID_TEXT_SIZE - 2; i >= 0; i--) {
        out[i] = id_digits[low & 31];
        low = low >> 5 | high << 59;
        high >>= 5;
    }
    out[ID_TEXT_SIZE - 1] = '\0';
}

/* The value of one digit, or -1. */
static int id_digit(char letter) {
    if (letter >= 'A' && letter <= 'Z') {
        letter = (char)(letter - 'A' + 'a');
    }
    if (letter == 'o') {
        return 0;
    }
    if (letter == 'i' || letter == 'l') {
        return 1;
    }
    const char *found = letter != '\0' ? strchr(id_digits, letter) : NULL;
    return found != NULL ? (int)(found - id_digits) : -1;
}

bool task_id_from_text(const char *text, struct task_id *out) {
    uint64_t high = 0;
    uint64_t low = 0;
    for (int i = 0; i < ID_TEXT_SIZE - 1; i++) {
        int digit = id_digit(text[i]);
        if (digit < 0 || (i == 0 && digit > 7)) {
            return false;
        }
        high = high << 5 | low >> 59;
        low = low << 5 | (uint64_t)digit;
    }
    struct task_id id = id_of_halves(high, low);
    if (text[ID_TEXT_SIZE - 1] != '\0' || id.slot >= ID_SLOTS) {
        return false;
    }
    *out = id;
    return true;
}

static void u64_to_wire(uint64_t value, uint8_t out[8]) {
    value = __builtin_bswap64(value);
    memcpy(out, &value, 8);
}

static uint64_t u64_from_wire(const uint8_t in[8]) {
    uint64_t value;
    memcpy(&value, in, 8);
    return __builtin_bswap64(value);
}

void task_id_to_wire(struct task_id id, uint8_t out[ID_WIRE_SIZE]) {
    u64_to_wire(id.session, out);
    u64_to_wire(id_low(id), out + 8);
}

struct task_id task_id_from_wire(const uint8_t in[ID_WIRE_SIZE]) {
    return id_of_halves(u64_from_wire(in), u64_from_wire(in + 8));
}

bool token_equal(struct token a, struct token b) {
    return a.epoch == b.epoch && a.counter == b.counter;
}

bool token_above(struct token a, struct token b) {
    return a.epoch != b.epoch ? a.epoch > b.epoch : a.counter > b.counter;
}
