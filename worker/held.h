/* SPDX-License-Identifier: MIT
 *
 * Held: the results that a child keeps until the broker has acknowledged them (rules §3.4).
 *
 *     numbers   … acknowledged | oldest … (some acknowledged out of turn) … | end
 *
 * A ring by number, as large as the gate. Small payloads are packed into chunks of 64 KiB, large
 * ones keep their own memory and travel from there: it is freed when neither the ring nor a send
 * needs it. */
#ifndef WHERRY_HELD_H
#define WHERRY_HELD_H

#include "common/wire/wire.h"
#include "worker/gate.h"

struct held_chunk;
struct held_blob;

struct held_result {
    struct token token;
    uint32_t index;
    uint32_t status;
    const uint8_t *data;
    uint32_t size;
    bool acked;
    struct held_chunk *chunk; /* one of the two, or none when empty */
    struct held_blob *blob;
};

struct held {        /* private but for reading */
    uint32_t oldest; /* first number not acknowledged */
    uint32_t end;    /* the number that the next result has */
    uint64_t bytes;
    struct held_chunk *open;
    struct held_result ring[GATE_SLOTS];
};

void held_init(struct held *held, uint32_t started);
void held_fini(struct held *held);

/* The result of number held->end. `head` without its payload; data is copied, or taken (malloc'd).
 */
void held_put(struct held *held, const struct held_result *head, struct span payload);
void held_put_taking(struct held *held, const struct held_result *head, void *data, size_t size);

struct held_result *held_at(struct held *held, uint32_t number);
/* For a writer: small ones are copied by it, large ones are sent in place. */
struct wire_part held_part(const struct held_result *result);

/* Forgets the results of these tokens, and marks their slots in the page. */
void held_acknowledge(struct held *held, struct gate_page *gate, struct wire_token_run run);

#endif
