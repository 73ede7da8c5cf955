/* SPDX-License-Identifier: MIT
 *
 * Identities.
 *
 *     task id, 128 bits:   session 64 (random) | slot 16 (0…4095) | number 48 (from 1)
 *     text form:           26 characters of Crockford's base32, lower case; a double click selects
 *     token:               (epoch, counter): the fencing number of one attempt
 *
 * The slot is CRC-16/XMODEM & 4095 of the queue's name, or of what stands in its first {…}. */
#ifndef WHERRY_ID_H
#define WHERRY_ID_H

#include "common/bytes.h"

#include <stdbool.h>
#include <stdint.h>

struct task_id {
    uint64_t session;
    uint64_t number : 48;
    uint64_t slot : 16;
};

struct token {
    uint64_t epoch;
    uint64_t counter; /* 0: no token */
};

enum {
    ID_SLOTS = 4096,
    ID_TEXT_SIZE = 27, /* with the closing 0 */
    ID_WIRE_SIZE = 16, /* big endian: session, slot, number */
};

uint16_t id_slot_of_name(struct span name);

bool task_id_equal(struct task_id a, struct task_id b);
void task_id_to_text(struct task_id id, char out[ID_TEXT_SIZE]);
/* False unless `text` is exactly one id; upper case and the look-alikes i, l, o are read. */
bool task_id_from_text(const char *text, struct task_id *out);
void task_id_to_wire(struct task_id id, uint8_t out[ID_WIRE_SIZE]);
struct task_id task_id_from_wire(const uint8_t in[ID_WIRE_SIZE]);

bool token_equal(struct token a, struct token b);
/* Later in the order of epochs, then counters. */
bool token_above(struct token a, struct token b);

#endif
