/* SPDX-License-Identifier: MIT
 *
 * Answers: which numbers of a stream were answered, above its `acked`: plain OKs as runs, other
 * answers singly. This is what recognises a repeated request, and what EXPIRED may be said of. */
#ifndef WHERRY_ANSWERS_H
#define WHERRY_ANSWERS_H

#include "common/wire/wire.h"

struct runs { /* sorted, disjoint, not touching */
    struct wire_run *items;
    uint32_t count;
    uint32_t capacity;
};

struct answer_single {
    uint64_t number;
    uint32_t ahead; /* RENUMBERED: the request lives on as number + ahead */
    uint8_t err;
    bool stored; /* NEVER, RENUMBERED: belongs into the session's record */
};

struct answers {
    uint64_t acked; /* everything up to here was answered and its answer received */
    struct runs accepted;
    struct answer_single *singles; /* sorted */
    uint32_t single_count;
    uint32_t single_capacity;
};

void runs_add_slow(struct runs *runs, uint64_t number);
/* Appending is the usual case. */
static inline void runs_add(struct runs *runs, uint64_t number) {
    if (runs->count > 0) {
        struct wire_run *last = &runs->items[runs->count - 1];
        if (last->first + last->count == number) {
            last->count++;
            return;
        }
    }
    runs_add_slow(runs, number);
}
/* Numbers of which the first lies above everything that is there. */
static inline void runs_add_many(struct runs *runs, uint64_t first, uint64_t count) {
    runs_add(runs, first);
    runs->items[runs->count - 1].count += count - 1;
}
/* Behind everything that is there. */
void runs_append(struct runs *runs, uint64_t first, uint64_t count);
bool runs_have(const struct runs *runs, uint64_t number);
void runs_drop_until(struct runs *runs, uint64_t number); /* everything ≤ number goes */
void runs_fini(struct runs *runs);

enum answer_kind { ANSWER_NONE, ANSWER_ACCEPTED, ANSWER_SINGLE, ANSWER_ACKED };
/* `err`: of a single one. */
enum answer_kind answers_find(const struct answers *answers, uint64_t number, uint32_t *err);
void answers_add_single(struct answers *answers, struct answer_single single);
/* The number under which a request lives now: itself, if it was never renumbered. */
uint64_t answers_follow(const struct answers *answers, uint64_t number);
/* Numbers up to `acked` need not be told apart any more. False: nothing new. */
bool answers_acknowledge(struct answers *answers, uint64_t acked);
uint64_t answers_bytes(const struct answers *answers);
void answers_fini(struct answers *answers);

#endif
