/* SPDX-License-Identifier: MIT
 *
 * What lies on disk; see format.h. Written straight into the pages that LMDB hands out: the bytes
 * of a record are copied once. */
#include "broker/store/lmdb/format.h"
#include "broker/store/lmdb/big_endian.h"

#include "common/checksum.h"

#include <string.h>

static const char row_magic[8] = "wherry\0";

/* The same, one behind the other. */
static uint8_t *put64_next(uint8_t *out, uint64_t value) {
    put64(out, value);
    return out + sizeof value;
}

static uint64_t get64_next(const uint8_t **data) {
    uint64_t value = get64(*data);
    *data += sizeof value;
    return value;
}

/* ---- pieces ---------------------------------------------------------------------------------- */

uint32_t format_pieces(uint64_t body_size) {
    return body_size == 0 ? 0 : (uint32_t)((body_size - 1) / FORMAT_PIECE);
}

struct format_cut format_cut(uint64_t body_size, uint32_t number) {
    uint64_t from = (uint64_t)number * FORMAT_PIECE;
    uint64_t left = body_size - from;
    return (struct format_cut){from, (uint32_t)(left < FORMAT_PIECE ? left : FORMAT_PIECE)};
}

static uint64_t body_size(const struct store_change *change) {
    return (uint64_t)change->record.head.size + change->payload.size;
}

/* Copies a cut of head ‖ payload. */
static void body_copy(const struct store_change *change, struct format_cut cut, uint8_t *out) {
    struct span head = change->record.head;
    size_t of_head = cut.from < head.size ? head.size - cut.from : 0;
    of_head = of_head < cut.size ? of_head : cut.size;
    if (of_head > 0) {
        memcpy(out, head.data + cut.from, of_head);
    }
    if (cut.size > of_head) {
        memcpy(out + of_head, change->payload.data + (cut.from + of_head - head.size),
               cut.size - of_head);
    }
}

void format_piece_key(const uint8_t *key, uint32_t number, uint8_t *out) {
    memcpy(out, key, RECORD_KEY_SIZE);
    put32(out + RECORD_KEY_SIZE, number);
}

static uint32_t piece_check(struct span key, struct span bytes) {
    return (uint32_t)checksum(checksum(0, key), bytes);
}

void format_piece_write(const struct store_change *change, uint32_t number, uint8_t *out) {
    uint8_t key[FORMAT_PIECE_KEY];
    struct format_cut cut = format_cut(body_size(change), number);
    format_piece_key(change->record.key, number, key);
    body_copy(change, cut, out + FORMAT_PIECE_HEAD);
    put32(out, piece_check((struct span){key, sizeof key},
                           (struct span){out + FORMAT_PIECE_HEAD, cut.size}));
}

bool format_piece_read(struct span key, struct span value, struct span *out) {
    if (value.size < FORMAT_PIECE_HEAD || value.size > FORMAT_PIECE_HEAD + FORMAT_PIECE) {
        return false;
    }
    *out = (struct span){value.data + FORMAT_PIECE_HEAD, value.size - FORMAT_PIECE_HEAD};
    return get32(value.data) == piece_check(key, *out);
}

/* ---- records --------------------------------------------------------------------------------- */

uint32_t format_record_size(const struct store_change *change) {
    return FORMAT_RECORD_HEAD + format_cut(body_size(change), 0).size;
}

/* key: RECORD_KEY_SIZE bytes. */
static uint32_t record_check(const uint8_t *key, struct span value) {
    uint8_t front[RECORD_KEY_SIZE + FORMAT_RECORD_HEAD - 4];
    memcpy(front, key, RECORD_KEY_SIZE);
    memcpy(front + RECORD_KEY_SIZE, value.data, FORMAT_RECORD_HEAD - 4);
    uint64_t check = checksum(0, (struct span){front, sizeof front});
    return (uint32_t)checksum(check, (struct span){value.data + FORMAT_RECORD_HEAD,
                                                   value.size - FORMAT_RECORD_HEAD});
}

void format_record_write(const struct store_change *change, uint8_t *out) {
    struct format_cut cut = format_cut(body_size(change), 0);
    put32(out, (uint32_t)FORMAT_VERSION << 24);
    put32(out + 4, (uint32_t)change->record.head.size);
    put32(out + 8, (uint32_t)change->payload.size);
    body_copy(change, cut, out + FORMAT_RECORD_HEAD);
    put32(out + 12, record_check(change->record.key,
                                 (struct span){out, FORMAT_RECORD_HEAD + cut.size}));
}

uint64_t format_body_size(struct span value) {
    return value.size < FORMAT_RECORD_HEAD ? 0
                                           : (uint64_t)get32(value.data + 4) +
                                                 get32(value.data + 8);
}

struct span format_head(struct span value) {
    size_t size = value.size < FORMAT_RECORD_HEAD ? 0 : get32(value.data + 4);
    bool fits = size > 0 && size <= value.size - FORMAT_RECORD_HEAD;
    return fits ? (struct span){value.data + FORMAT_RECORD_HEAD, size} : (struct span){NULL, 0};
}

enum format_found format_record_read(struct span key, struct span value, struct format_record *out,
                                     uint32_t *version) {
    if (key.size != RECORD_KEY_SIZE || value.size < FORMAT_RECORD_HEAD ||
        value.size > FORMAT_RECORD_HEAD + FORMAT_PIECE) {
        return FORMAT_DAMAGED;
    }
    if (get32(value.data + 12) != record_check(key.data, value)) {
        return FORMAT_DAMAGED;
    }
    *version = value.data[0];
    if (*version < FORMAT_OLDEST || *version > FORMAT_VERSION) {
        return FORMAT_UNKNOWN_VERSION;
    }
    out->head_size = get32(value.data + 4);
    out->payload_size = get32(value.data + 8);
    out->first = (struct span){value.data + FORMAT_RECORD_HEAD, value.size - FORMAT_RECORD_HEAD};
    bool whole = out->first.size == format_cut(format_body_size(value), 0).size;
    return whole ? FORMAT_OK : FORMAT_DAMAGED;
}

/* ---- the row --------------------------------------------------------------------------------- */

enum { ROW_IS_COPY = 1, ROW_HAS_JOURNAL = 2 };

static uint64_t row_check(const uint8_t *data) {
    return checksum(0, (struct span){data, FORMAT_ROW_SIZE - 8});
}

void format_row_write(const struct lmdb_row *row, uint8_t *out) {
    uint8_t *at = out;
    memcpy(at, row_magic, sizeof row_magic);
    put32(at + 8, FORMAT_ROW_VERSION);
    put32(at + 12, (row->is_copy ? ROW_IS_COPY : 0) | (row->has_journal ? ROW_HAS_JOURNAL : 0));
    memcpy(at + 16, row->uuid, sizeof row->uuid);
    at = put64_next(at + 32, row->epoch);
    at = put64_next(at, row->batch);
    at = put64_next(at, row->transaction);
    for (size_t i = 0; i < FORMAT_KINDS; i++) {
        at = put64_next(at, row->counts[i]);
    }
    put64(at, row_check(out));
}

enum format_found format_row_read(struct span value, struct lmdb_row *out, uint32_t *version) {
    const uint8_t *at = value.data;
    if (value.size < 16 || memcmp(at, row_magic, sizeof row_magic) != 0) {
        return FORMAT_DAMAGED;
    }
    *version = get32(at + 8);
    if (*version < FORMAT_OLDEST || *version > FORMAT_ROW_VERSION) {
        return FORMAT_UNKNOWN_VERSION;
    }
    if (value.size != FORMAT_ROW_SIZE ||
        get64(value.data + FORMAT_ROW_SIZE - 8) != row_check(value.data)) {
        return FORMAT_DAMAGED;
    }
    out->is_copy = (get32(at + 12) & ROW_IS_COPY) != 0;
    out->has_journal = (get32(at + 12) & ROW_HAS_JOURNAL) != 0;
    memcpy(out->uuid, at + 16, sizeof out->uuid);
    at += 32;
    out->epoch = get64_next(&at);
    out->batch = get64_next(&at);
    out->transaction = get64_next(&at);
    for (size_t i = 0; i < FORMAT_KINDS; i++) {
        out->counts[i] = get64_next(&at);
    }
    return FORMAT_OK;
}

/* ---- keys ------------------------------------------------------------------------------------ */

uint64_t format_key_number(const uint8_t *key) {
    return get64(key + RECORD_KEY_SIZE - 8);
}

static size_t text_add(char *out, size_t size, size_t at, const char *text) {
    while (*text != '\0' && at + 1 < size) {
        out[at++] = *text++;
    }
    out[at] = '\0';
    return at;
}

static size_t number_add(char *out, size_t size, size_t at, uint64_t number) {
    char digits[24];
    size_t first = sizeof digits - 1;
    digits[first] = '\0';
    do {
        digits[--first] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    return text_add(out, size, at, digits + first);
}

void format_key_text(const uint8_t *key, char *out, size_t size) {
    static const char *const kinds[FORMAT_KINDS] = {
        [RECORD_STORE] = "the engine's row", [RECORD_QUEUE] = "queue",
        [RECORD_SESSION] = "session",        [RECORD_HOST] = "host",
        [RECORD_TASK] = "task",
    };
    const char *kind = key[0] < FORMAT_KINDS ? kinds[key[0]] : NULL;
    size_t at = text_add(out, size, 0, kind != NULL ? kind : "record of no known kind");
    at = text_add(out, size, at, " ");
    at = number_add(out, size, at, format_key_number(key));
    at = text_add(out, size, at, " of slot ");
    number_add(out, size, at, (unsigned)key[2] << 8 | key[3]);
}
