/* SPDX-License-Identifier: MIT
 *
 * Work: what would be too much for one step, taken up piece by piece: an ended session, a lost
 * host, the cancellation of many tasks, the purge of a queue. At most step_units_max units a step,
 * the items in turn; none while the batch that would hold its changes is full. */
#ifndef WHERRY_WORK_H
#define WHERRY_WORK_H

#include "broker/core/event.h"

struct engine;
struct work;

enum work_kind { WORK_SESSION, WORK_HOST, WORK_CANCEL, WORK_PURGE };

struct works {
    struct work *first;
    struct work *last;
    uint32_t count;
};

/* owner: an index of sessions, hosts or queues. */
void work_add(struct engine *engine, enum work_kind kind, uint32_t owner);
/* Runs of numbers of a stream to be cancelled. */
void work_add_cancel(struct engine *engine, uint32_t stream, const struct wire_run *runs,
                     uint32_t run_count);
/* Returns what is left of `units`. */
uint32_t work_run(struct engine *engine, uint32_t units);
/* There is some, and it can go on. */
bool work_is_due(const struct engine *engine);
void work_fini(struct engine *engine);

#endif
