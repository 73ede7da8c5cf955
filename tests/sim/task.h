/* SPDX-License-Identifier: MIT
 *
 * What the simulated tasks carry. A task's payload is its own plan; its result is a note that says
 * which attempt made it, so that the checker can judge what comes out without asking the engine. */
#ifndef SIM_TASK_H
#define SIM_TASK_H

#include "common/bytes.h"
#include "common/id.h"

enum task_behaviour {
    TASK_SUCCEEDS,
    TASK_FAILS,
    TASK_ASKS_AGAIN,   /* asks for another attempt, the first two times */
    TASK_CRASHES_ONCE, /* takes its child with it, the first time */
    TASK_CRASHES,      /* every time */
    TASK_BEHAVIOURS,
};

struct task_plan {
    uint32_t magic;
    uint32_t ordinal; /* of the checker's record */
    int64_t duration_us;
    uint32_t behaviour;
    uint32_t result_size; /* the note, and filling up to this */
};

struct task_note {
    uint32_t magic;
    uint32_t ordinal;
    uint64_t epoch;
    uint64_t counter;
    uint32_t run; /* 1: the first time that the function was started */
    uint32_t reserved;
};

/* `size` is at least the plan's own; the rest is filling. The caller frees. */
uint8_t *task_plan_encode(const struct task_plan *plan, size_t size);
bool task_plan_decode(struct span payload, struct task_plan *out);
/* As one msgpack bin, filled up to `size`. */
void task_note_encode(struct bytes *out, const struct task_note *note, size_t size);
/* Finds a note in a result, be it a value or a failure. False: the broker made it. */
bool task_note_decode(struct span payload, struct task_note *out);

#endif
