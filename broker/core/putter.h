/* SPDX-License-Identifier: MIT
 *
 * Putter: a submit that waits at a full queue.
 *
 *     PUT, in the queue's FIFO ──its turn──> accepted
 *                                     └────> RESERVED, when its payload (> WIRE_INLINE_MAX) was not
 * kept: RETRY is answered, its place is counted for some seconds
 *
 * The broker keeps the deadline; FULL says that the item is certainly not in the queue. */
#ifndef WHERRY_PUTTER_H
#define WHERRY_PUTTER_H

#include "broker/core/event.h"

struct engine;

struct putter_place {
    uint32_t session;
    uint32_t stream;
    uint32_t lane;
    int64_t wait_ms;
};

void putter_park(struct engine *engine, const struct putter_place *where,
                 const struct event_submit_item *item);
/* A parked number came again. */
void putter_again(struct engine *engine, uint32_t waiter, const struct event_submit_item *item,
                  int64_t wait_ms);
/* A parked number lives on as another one, in its place, and is known by its first id for ever. */
void putter_renumber(struct engine *engine, uint32_t stream, uint64_t from, uint64_t to);
/* TICK: lets putters in, oldest first, while there is room. Returns what is left of `units`. */
uint32_t putter_wake(struct engine *engine, uint32_t units);
/* Its deadline passed. */
void putter_give_up(struct engine *engine, uint32_t waiter);

#endif
