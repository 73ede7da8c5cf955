/* SPDX-License-Identifier: MIT
 *
 * Task: the inside of wherry_task, for the runner and the built-in functions.
 *
 *     items ──> [ argument | argument | … ]   borrowed from the delivery, `count` of them
 *     answer ─> bytes behind `answer_from`; what stands before belongs to earlier items of a chunk
 */
#ifndef WHERRY_TASK_H
#define WHERRY_TASK_H

#include "common/call.h"
#include "worker/child.h"
#include "worker/include/wherry_worker.h"

/* A keyword that was read: its strings live as long as the task. */
struct task_kwarg {
    wherry_value *value;
    struct task_kwarg *next;
};

struct wherry_task { /* private to worker/ */
    const struct child_task *delivery;
    bool (*cancelled)(void *context, uint32_t number);
    void *context;
    struct span items; /* msgpack values, one behind the other */
    uint32_t count;
    struct call call; /* as decoded; kwargs: one map, or empty */
    wherry_value *args_value;
    wherry_value *kwargs_value;
    struct task_kwarg *kwargs_read;
    struct bytes *answer;
    size_t answer_from;
    bool answered;
    _Atomic bool cooperates; /* the function asked whether it is cancelled: SIGTERM is not needed */
    struct bytes text;       /* of a failure or a retry */
    bool has_text;
    int64_t retry_ms;           /* −1: the last outcome set was no valid retry */
    char id_text[ID_TEXT_SIZE]; /* these three are written when asked for; "": not yet */
    char function_text[WIRE_NAME_MAX + 1];
    char queue_text[WIRE_NAME_MAX + 1];
};

/* After each item: forgets arguments and texts, keeps the answer. */
void task_end_item(struct wherry_task *task);

/* The answer is these bytes, which are one checked value. */
wherry_err task_answer(struct wherry_task *task, struct span value);

/* True, and `out`: the item at `index` of the arguments. */
bool task_item(const struct wherry_task *task, uint32_t index, struct span *out);

#endif
