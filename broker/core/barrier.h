/* SPDX-License-Identifier: MIT
 *
 * Barrier: nothing leaves before the batch is committed on which it depends (rules §1).
 *
 *     committed ──< in flight: being committed >── open: takes PUTs and DELETEs
 *                   effects held for it            effects held for it
 *
 * At most one batch is in flight. Effects name the newest batch that changed what they depend on;
 * those of a committed one pass at once. With a store that keeps nothing no batch is ever opened.
 */
#ifndef WHERRY_BARRIER_H
#define WHERRY_BARRIER_H

#include "broker/core/effect.h"

struct engine;

struct barrier {
    uint64_t committed;
    uint64_t open;             /* committed + 1, or + 2 while one is in flight */
    bool dirty;                /* the open batch holds changes */
    uint64_t bytes;            /* of the open batch */
    uint32_t changes;          /* the same */
    struct effects held[2];    /* by batch mod 2 */
    uint64_t first_arrival[2]; /* tasks from here on are in that batch */
};

void barrier_init(struct engine *engine);
void barrier_fini(struct barrier *barrier);

static inline bool barrier_in_flight(const struct barrier *barrier) {
    return barrier->open > barrier->committed + 1;
}

/* The newest batch that changed anything. */
static inline uint64_t barrier_newest(const struct barrier *barrier) {
    return barrier->dirty ? barrier->open : barrier->open - 1;
}

/* Where an effect that depends on `batch` goes. */
struct effects *barrier_sink(struct engine *engine, uint64_t batch);
/* The batch in which a task that arrived as `arrival` was first stored. */
uint64_t barrier_batch_of_arrival(const struct barrier *barrier, uint64_t arrival);

/* A change of `bytes` goes into the open batch now. Returns its number. */
uint64_t barrier_change(struct engine *engine, uint64_t bytes);
/* The open batch is full and its predecessor not committed: changes must park. */
bool barrier_full(const struct engine *engine);
/* Closes the open batch if it holds changes and none is in flight. */
void barrier_close(struct engine *engine);
/* The same, only if it is full. */
void barrier_close_full(struct engine *engine);
void barrier_committed(struct engine *engine, uint64_t batch);

#endif
