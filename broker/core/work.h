/* SPDX-License-Identifier: MIT
 *
 * Work: what would be too much for one step, taken up piece by piece: an ended session, a lost
 * host, the cancellation of many tasks. At most step_units_max units a step, oldest item first. */
#ifndef WHERRY_WORK_H
#define WHERRY_WORK_H

#include "broker/core/event.h"

struct engine;
struct work;

enum work_kind { WORK_SESSION, WORK_HOST, WORK_CANCEL };

struct works {
    struct work *first;
    struct work *last;
    uint32_t count;
};

void work_add(struct engine *engine, enum work_kind kind, uint32_t owner);
/* Runs of numbers of a stream to be cancelled. */
void work_add_cancel(struct engine *engine, uint32_t stream, const struct wire_run *runs,
                     uint32_t run_count);
/* Returns what is left of `units`. */
uint32_t work_run(struct engine *engine, uint32_t units);
void work_fini(struct engine *engine);

#endif
