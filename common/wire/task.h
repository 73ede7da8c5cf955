/* SPDX-License-Identifier: MIT
 *
 * Between client and broker: tasks and their results, questions and answers. */
#ifndef WHERRY_WIRE_TASK_H
#define WHERRY_WIRE_TASK_H

#include "common/wire/message.h"

enum { /* task option flags */
    TASK_KEEP = 1,      /* the result stays for its time; anybody with the role may read it */
    TASK_NO_RESULT = 2, /* nobody wants the result */
    TASK_ONCE = 4,      /* may run once only: max_attempts = 1 */
    TASK_PROCESS = 8,   /* a Process: runs once, in an operating-system process of its own */
    TASK_DAEMON = 16,   /* a Process that is killed when the session of its submitter ends */
};

struct wire_options { /* [flags, priority, max_attempts, ttl_ms] ; defaults are 0 */
    uint32_t flags;
    int32_t priority;
    uint32_t max_attempts; /* 0: the queue's rule (3 crashes, 10 lost leases) */
    uint64_t ttl_ms;       /* how long a kept result stays; 0: 1 h, failures 24 h */
};

enum {
    SUBMIT_WANT_ACK = 1,
    SUBMIT_AGAIN = 2, /* a broker that has forgotten them had accepted all items */
};

/* [10, slot, acked, flags, queue, function, options, wait_ms, [item…]] item = number, payload: two
 * elements; payload = bin | frame number | [payload, [ref…], origin id] */
struct wire_submit {
    uint16_t slot;
    uint64_t acked; /* all answers up to here were received */
    uint32_t flags;
    struct span queue;
    struct span function;
    struct wire_options options;
    int64_t wait_ms; /* at a full queue: 0 = FULL at once, -1 = wait without end */
    struct wire_items items;
};
struct wire_submit_item {
    uint64_t number;
    struct span payload;
    int frame;             /* the payload's frame, or 0 when inline: frames may be moved */
    bool has_origin;       /* a resubmission names the id under which the task is known */
    struct task_id origin;
};
void wire_submit_begin(struct wire_out *out, const struct wire_submit *head); /* items ignored */
/* Inline when payload.release is NULL and size ≤ WIRE_INLINE_MAX, else as a frame. */
void wire_submit_item(struct wire_out *out, uint64_t number, struct wire_part payload,
                      const struct task_id *origin);
void wire_submit_end(struct wire_out *out);
/* Patch the head of a finished submit in place: both are written at fixed width. */
void wire_submit_patch(struct wire_out *out, uint64_t acked, uint32_t flags);
wherry_err wire_get_submit(const struct wire_message *message, struct wire_submit *out);
bool wire_next_submit(struct wire_items *items, struct wire_submit_item *out);

/* [11, slot, acked, credit, [run…]]   run = first, count: two elements */
struct wire_ack {
    uint16_t slot;
    uint64_t acked;
    uint64_t credit; /* absolute: result bytes this session may be sent since its hello */
    struct wire_items results; /* runs of numbers whose results were received */
};
void wire_put_ack(struct wire_out *out, const struct wire_ack *ack, const struct wire_run *runs,
                  uint32_t run_count);
wherry_err wire_get_ack(const struct wire_message *message, struct wire_ack *out);

/* [12, slot, [run…]] */
struct wire_cancel {
    uint16_t slot;
    struct wire_items runs;
};
void wire_put_cancel(struct wire_out *out, uint16_t slot, const struct wire_run *runs,
                     uint32_t run_count);
wherry_err wire_get_cancel(const struct wire_message *message, struct wire_cancel *out);

/* [14, slot, acked, [old, new, …]]: two elements an item */
struct wire_renumber {
    uint16_t slot;
    uint64_t acked;
    struct wire_items items;
};
struct wire_renumbering {
    uint64_t from;
    uint64_t to;
};
void wire_put_renumber(struct wire_out *out, uint16_t slot, uint64_t acked,
                       const struct wire_renumbering *items, uint32_t item_count);
wherry_err wire_get_renumber(const struct wire_message *message, struct wire_renumber *out);
bool wire_next_renumbering(struct wire_items *items, struct wire_renumbering *out);

enum wire_verb {
    WIRE_TASK_WAIT = 1,   /* body [id bin]: wait until terminal; ANSWER body [status, payload] */
    WIRE_TASK_CANCEL = 2, /* body [id bin]: ANSWER body [enum wire_was] */
    WIRE_STATUS = 3,      /* body []: ANSWER body: a map, see docs/protocol.md */
    WIRE_POOL_SHOW = 4,   /* body [pool name] */
    WIRE_QUEUE_SET = 5,   /* body [name, items max, bytes max]: 0: as it is, 2^64-1: default */
    WIRE_WAITING = 6,     /* body [id bin]: why is it not running? ANSWER body [text] */
    WIRE_QUEUE_PAUSE = 7, /* body [name, pause, resume]: bits of enum wire_pause */
    WIRE_QUEUE_PURGE = 8, /* body [name]: ANSWER body [how many], when all have ended */
    WIRE_WORKER_DRAIN = 9, /* body [host id text, grace_ms]: answered once the host drains */
    WIRE_WORKER_JOIN = 10, /* body [host id text]: answered once it has left */
    /* 11 … 19: queues of items */
    WIRE_PROCESS_START = 20,  /* body [id bin]: ANSWER body_process, once its process runs; at the
                                 deadline it is withdrawn: FULL */
    WIRE_PROCESS_SHOW = 21,   /* body [id bin]: ANSWER body_process, at once */
    WIRE_PROCESS_SIGNAL = 22, /* body [id bin, signal]: ANSWER body [enum wire_was] */
    WIRE_PROCESS_LIST = 23,   /* body []: ANSWER body: a map, see below */
};

enum wire_pause {
    WIRE_PAUSE_OUT = 1,    /* nothing is handed out; what was and has not begun is taken back */
    WIRE_PAUSE_IN = 2,     /* nothing new is taken: submits wait, as at a full queue */
    WIRE_PAUSE_REFUSE = 4, /* nothing new is taken: submits are refused as CLOSED */
    WIRE_PAUSE_ALL = 7,
};

enum wire_was { /* what a task was when its cancellation was asked for */
    WIRE_WAS_ENDED = 0,   /* its outcome stays */
    WIRE_WAS_WAITING = 1, /* it has ended, without having run */
    WIRE_WAS_RUNNING = 2, /* handed out: its host ends it */
};

/* The maps that STATUS and POOL_SHOW answer: text keys, unsigned integers unless said otherwise;
 * readers ignore keys that they do not know. `wherry status` and `wherry pool` show them.
 *
 *     STATUS     epoch, keeps bool, queues [QUEUE…], totals {each field of engine_counts by name}
 *     QUEUE      name, waiting (what the bound counts), bytes, items_max, bytes_max, running
 *                (leased), waiters, oldest_ms, state (in words), paused_in, paused_out, refuses
 *                (bools), missing [function that nobody offers and somebody waits for…]
 *     POOL_SHOW  name, queue, state (the queue's), waiting, running, functions [name…],
 *                hosts [HOST…]
 *     HOST       id (16 hexadecimal digits), host (label), pid, state "ready" | "draining" |
 *                "silent", processes (its number of places), children [CHILD…]
 *     CHILD      place, pid, state "idle" | "running" | "held", task (id text; "" when idle),
 *                function ("" when idle), leased
 *     PROCESS_LIST  processes [PROCESS…], more bool: there are others
 *     PROCESS    id (text), name, state "ready" | "running" | "waiting", pid, host (label),
 *                function, pool, daemon bool, session (of its submitter, 16 hexadecimal digits) */

/* What a Process does. NEW and the time after its result was fetched are known to its owner
 * alone. */
enum wire_process_state {
    WIRE_PROCESS_READY = 1,   /* accepted, not running yet */
    WIRE_PROCESS_RUNNING = 2,
    WIRE_PROCESS_WAITING = 3, /* asleep, or blocked in a call: its main thread uses no CPU */
    WIRE_PROCESS_DEAD = 4,
};

/* [13, call, verb, timeout_ms, thread, body bin] */
struct wire_call {
    uint64_t call; /* chosen by the client, unique in its session */
    uint32_t verb;
    int64_t timeout_ms;
    uint64_t thread; /* a lock's owner is (session, thread) */
    struct span body; /* one msgpack array */
};
void wire_put_call(struct wire_out *out, const struct wire_call *call);
wherry_err wire_get_call(const struct wire_message *message, struct wire_call *out);

/* ACCEPTED [50, epoch, slot, [run…]], PARKED [54, epoch, slot, [run…]] */
struct wire_numbers {
    uint64_t epoch;
    uint16_t slot;
    struct wire_items runs;
};
void wire_put_numbers(struct wire_out *out, enum wire_type type, uint64_t epoch, uint16_t slot,
                      const struct wire_run *runs, uint32_t run_count);
wherry_err wire_get_numbers(const struct wire_message *message, enum wire_type type,
                            struct wire_numbers *out);

struct wire_answered { /* [51, epoch, slot, number, err, text] */
    uint64_t epoch;
    uint16_t slot;
    uint64_t number;
    uint32_t err; /* RETRY: its turn has come, send the payload again; RENUMBERED */
    struct span text;
};
void wire_put_answered(struct wire_out *out, const struct wire_answered *message);
wherry_err wire_get_answered(const struct wire_message *message, struct wire_answered *out);

/* [52, epoch, slot, [number, status, payload, …]] three elements an item */
struct wire_result {
    uint64_t epoch;
    uint16_t slot;
    struct wire_items items;
};
struct wire_result_item {
    uint64_t number;
    uint32_t status;
    struct span payload;
    int frame;
};
void wire_result_begin(struct wire_out *out, uint64_t epoch, uint16_t slot);
void wire_result_item(struct wire_out *out, uint64_t number, uint32_t status,
                      struct wire_part payload);
void wire_result_end(struct wire_out *out);
wherry_err wire_get_result(const struct wire_message *message, struct wire_result *out);
bool wire_next_result(struct wire_items *items, struct wire_result_item *out);

struct wire_answer { /* [53, epoch, call, err, text, body bin] */
    uint64_t epoch;
    uint64_t call;
    uint32_t err;
    struct span text;
    struct span body;
    int frame; /* of a large body, else 0 */
};
void wire_put_answer(struct wire_out *out, const struct wire_answer *message,
                     struct wire_part body);
wherry_err wire_get_answer(const struct wire_message *message, struct wire_answer *out);

#endif
