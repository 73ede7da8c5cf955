/* SPDX-License-Identifier: MIT
 *
 * What stands in the body of a CALL and of its ANSWER, verb by verb (enum wire_verb).
 *
 *     body_id       [id]                        CALL of TASK_WAIT, TASK_CANCEL, WAITING,
 *                                               PROCESS_START, PROCESS_SHOW
 *     body_name     [name]                      CALL of POOL_SHOW, QUEUE_PURGE, WORKER_JOIN
 *     body_queue    [name, items max, bytes max] CALL of QUEUE_SET
 *     body_pause    [name, pause, resume]       CALL of QUEUE_PAUSE
 *     body_drain    [host id, grace ms]         CALL of WORKER_DRAIN
 *     body_signal   [id, signal]                CALL of PROCESS_SIGNAL
 *     body_empty    []                          CALL of STATUS, PROCESS_LIST; ANSWER of QUEUE_SET,
 *                                               QUEUE_PAUSE, WORKER_DRAIN, WORKER_JOIN
 *     body_number   [number]                    ANSWER of TASK_CANCEL, QUEUE_PURGE, PROCESS_SIGNAL
 *     body_process  [state, pid, host]          ANSWER of PROCESS_START, PROCESS_SHOW
 *     body_outcome  [status, payload]           ANSWER of TASK_WAIT
 *     body_text     [text]                      ANSWER of WAITING
 *
 * Writers append to `out`; readers borrow `body` and answer PROTOCOL for anything else. */
#ifndef WHERRY_WIRE_BODY_H
#define WHERRY_WIRE_BODY_H

#include "common/wire/wire.h"

void body_put_id(struct bytes *out, struct task_id id);
wherry_err body_get_id(struct span body, struct task_id *out);

void body_put_name(struct bytes *out, struct span name);
wherry_err body_get_name(struct span body, struct span *out);

struct body_queue {
    struct span name;
    uint64_t items_max; /* 0: as it is */
    uint64_t bytes_max;
};
void body_put_queue(struct bytes *out, const struct body_queue *queue);
wherry_err body_get_queue(struct span body, struct body_queue *out);

struct body_pause {
    struct span name;
    uint32_t pause; /* bits of enum wire_pause to be set, … */
    uint32_t resume; /* … once these were cleared */
};
void body_put_pause(struct bytes *out, const struct body_pause *pause);
wherry_err body_get_pause(struct span body, struct body_pause *out);

struct body_drain {
    struct span host; /* its id, as POOL_SHOW tells it */
    int64_t grace_ms; /* -1: without end */
};
void body_put_drain(struct bytes *out, const struct body_drain *drain);
wherry_err body_get_drain(struct span body, struct body_drain *out);

void body_put_signal(struct bytes *out, struct task_id id, uint32_t signal);
wherry_err body_get_signal(struct span body, struct task_id *id, uint32_t *signal);

struct body_process {
    uint32_t state;   /* enum wire_process_state */
    int64_t pid;      /* 0: it has none (yet) */
    struct span host; /* label; "" without a pid */
};
void body_put_process(struct bytes *out, const struct body_process *process);
wherry_err body_get_process(struct span body, struct body_process *out);

void body_put_empty(struct bytes *out);

void body_put_number(struct bytes *out, uint64_t number);
wherry_err body_get_number(struct span body, uint64_t *out);

struct body_outcome {
    uint32_t status; /* enum wire_status */
    struct span payload;
};
void body_put_outcome(struct bytes *out, const struct body_outcome *outcome);
wherry_err body_get_outcome(struct span body, struct body_outcome *out);

void body_put_text(struct bytes *out, struct span text);
wherry_err body_get_text(struct span body, struct span *out);

#endif
