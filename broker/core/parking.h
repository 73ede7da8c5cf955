/* SPDX-License-Identifier: MIT
 *
 * Parking: events that would change something while the open batch is full and its predecessor
 * still uncommitted. They wait here, copied, in order; hello, beats and time go on. What can wait
 * is bounded by the credit of the peers. */
#ifndef WHERRY_PARKING_H
#define WHERRY_PARKING_H

#include "broker/core/event.h"

struct engine;
struct parked;

struct parking {
    struct parked *first;
    struct parked *last;
    uint32_t count;
};

/* True: the event was copied and must not be handled now. */
bool parking_takes(struct engine *engine, const struct event *event);
/* Handles what waited, as far as the batch has room: `units` items, and the event that goes beyond.
 */
void parking_resume(struct engine *engine, uint32_t units);
/* Some can be handled. */
bool parking_is_due(const struct engine *engine);
void parking_fini(struct engine *engine);

#endif
