/* SPDX-License-Identifier: MIT
 *
 * Task: the hot record, 44 bytes, and the states of a task's life inside the broker.
 *
 *     QUEUED   in its lane's FIFO, by arrival           \
 *     BACK     in its lane's ordered set: it came back   > counted by the queue's bound
 *     WAITING  a retry is due later                     /
 *     HELD     may run once only and perhaps started before a restart: waits for an announcement
 *     LEASED   handed to a child (in its ring), or adopted from an announcement
 *     RESULT   terminal: in its stream's list of results, until the client acknowledges it
 *     KEPT     terminal: stays for its time to live, in no list
 *
 * `links` are the lists' (QUEUED: lane, WAITING: queue, RESULT: stream), the tree's in BACK, or the
 * lease.
 * Whatever is rare about a task is in its cold record (cold.h). */
#ifndef WHERRY_TASK_H
#define WHERRY_TASK_H

#include "broker/core/list.h"
#include "common/id.h"

struct engine;
struct home;

enum task_state {
    TASK_FREE = 0,
    TASK_MOVING, /* on its way from one state to another; never between two steps */
    TASK_QUEUED,
    TASK_BACK,
    TASK_WAITING,
    TASK_HELD,
    TASK_LEASED,
    TASK_RESULT,
    TASK_KEPT,
};

enum task_flag {
    TASK_COLD = 1,   /* has a cold record */
    TASK_OLD = 2,    /* older than this epoch: not delivered before the grace time ends */
    TASK_ORIGIN = 4, /* a resubmission: known everywhere under its cold record's origin id */
    TASK_CANCEL = 8, /* its end was asked for while it was leased */
    TASK_ADOPTED =
        16, /* its lease comes from an announcement: in the child's list, not in its ring */
    TASK_ANNOUNCED = 32, /* scratch: named by the host hello that is being read */
    TASK_STARTED = 64,   /* run-once: a start record was written */
    TASK_RECEIVED = 128, /* its client acknowledged the result (kept ones only) */
    TASK_VOID = 256,     /* a large delivery that came back once before it started, … */
    TASK_VOID_AGAIN = 512, /* … and again: now nothing is sent behind it */
    TASK_PURGED = 1024,    /* CANCELLED with its queue */
    TASK_KILL = 2048,      /* with CANCEL: by SIGKILL */
};

struct task {
    uint32_t stream; /* whose submission; also the slab's free link */
    uint32_t number_low;
    uint32_t arrival_low;
    uint32_t counter_low;
    uint16_t number_high;
    uint16_t arrival_high;
    uint16_t counter_high;
    uint16_t lane;
    uint32_t payload;
    uint32_t payload_size;
    union {
        struct links links;
        struct {
            uint32_t child;
            uint32_t number; /* gate slot */
        } lease;
        struct {
            uint32_t left;
            uint32_t right;
        } tree;
    };
    uint8_t state;
    uint8_t status; /* enum wire_status, terminal states only */
    uint16_t flags;
};
_Static_assert(sizeof(struct task) + sizeof(uint32_t) <= 48, "a hot record with its index entry");

enum { TASK_SHIFT = 12, TASK_INDEX_MAX = INT32_MAX };

static inline uint64_t task_number(const struct task *task) {
    return (uint64_t)task->number_high << 32 | task->number_low;
}

static inline void task_set_number(struct task *task, uint64_t number) {
    task->number_low = (uint32_t)number;
    task->number_high = (uint16_t)(number >> 32);
}

static inline uint64_t task_arrival(const struct task *task) {
    return (uint64_t)task->arrival_high << 32 | task->arrival_low;
}

static inline void task_set_arrival(struct task *task, uint64_t arrival) {
    task->arrival_low = (uint32_t)arrival;
    task->arrival_high = (uint16_t)(arrival >> 32);
}

/* 0: no token. */
static inline uint64_t task_counter(const struct task *task) {
    return (uint64_t)task->counter_high << 32 | task->counter_low;
}

static inline void task_set_counter(struct task *task, uint64_t counter) {
    task->counter_low = (uint32_t)counter;
    task->counter_high = (uint16_t)(counter >> 32);
}

static inline bool task_is_terminal(const struct task *task) {
    return task->state >= TASK_RESULT;
}

/* Counted by its queue's bound. */
static inline bool task_is_ready(const struct task *task) {
    return task->state >= TASK_QUEUED && task->state <= TASK_HELD;
}

/* The id under which everybody knows it. */
struct task_id task_id_of(const struct engine *engine, uint32_t index);
/* Its current token; counter 0 if it has none. */
struct token task_token(const struct engine *engine, uint32_t index);
uint64_t task_id_hash(struct task_id id);
/* By id, in whatever state; 0: no record. */
uint32_t task_find(const struct engine *engine, struct task_id id);

/* Ends the record: payload, index entry, cold record. It must stand in no list. Its answer stays
 * remembered by its stream. */
void task_drop(struct engine *engine, const struct home *home, uint32_t index);
/* Replaces the payload by another (a result, or nothing); the old one is freed. */
void task_set_payload(struct engine *engine, uint32_t index, uint32_t handle, uint32_t size);

#endif
