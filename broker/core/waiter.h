/* SPDX-License-Identifier: MIT
 *
 * Waiter: a parked request with an owner and a deadline. One type for every blocking thing:
 *
 *     PUT       a submit at a full queue, in the queue's FIFO
 *     RESERVED  its turn came, its payload was too large to be kept and was asked for again; its
 *               place is counted until the deadline
 *     CALL      a TASK_WAIT on a task that is not terminal
 *     START     a PROCESS_START of a Process that waits for its process
 *     DRAIN     a WORKER_DRAIN that its host has not confirmed (leave.h)
 *     JOIN      a WORKER_JOIN on a host that has not left
 *
 * A session owns its waiters; they go with it. */
#ifndef WHERRY_WAITER_H
#define WHERRY_WAITER_H

#include "broker/core/list.h"
#include "broker/core/event.h"

struct engine;

enum waiter_kind {
    WAITER_FREE = 0,
    WAITER_PUT,
    WAITER_RESERVED,
    WAITER_CALL,
    WAITER_START,
    WAITER_DRAIN,
    WAITER_JOIN,
};

struct waiter {
    uint32_t session; /* also the slab's free link */
    uint8_t kind;
    bool has_origin;        /* PUT: known under another id than its number's */
    uint16_t lane;          /* PUT */
    uint32_t stream;        /* PUT */
    uint32_t task;          /* CALL, START */
    uint32_t host;          /* DRAIN, JOIN */
    uint64_t arrival;       /* PUT: the next number when it came: see purge.h */
    uint64_t number;        /* PUT: the item's; else the call's */
    struct payload payload; /* PUT: handle 0 with a size: not kept */
    struct task_id origin;
    uint32_t timer;
    struct links in_owner;   /* PUT: queue.putters; CALL, START: cold.waiters; else
                                host.waiters */
    struct links in_session; /* session.waiters */
};

/* It belongs to a CALL that waits for its answer. */
static inline bool waiter_is_call(const struct waiter *waiter) {
    return waiter->kind >= WAITER_CALL;
}

/* 0: too many (LIMIT). timeout_ms < 0: no deadline. */
uint32_t waiter_make(struct engine *engine, enum waiter_kind kind, uint32_t session,
                     int64_t timeout_ms);
/* Takes it out of every list; a PUT's payload is freed unless it was taken before. */
void waiter_drop(struct engine *engine, uint32_t waiter);
void waiter_set_deadline(struct engine *engine, uint32_t waiter, int64_t timeout_ms);
/* A PUT whose turn came without its payload: out of the FIFO, its place counted. */
void waiter_reserve(struct engine *engine, uint32_t waiter);
/* Back to the head of the FIFO: what came back meanwhile may have taken the room. */
void waiter_unreserve(struct engine *engine, uint32_t waiter);
/* Everybody knows this PUT by that id: it was submitted, or numbered, otherwise before. */
void waiter_set_origin(struct engine *engine, uint32_t waiter, struct task_id origin);
uint32_t waiter_find_origin(const struct engine *engine, struct task_id id); /* 0: none */
/* A resubmission: a broker before this one may have had it. */
bool waiter_is_older(const struct engine *engine, const struct waiter *waiter);
/* Its deadline passed. */
void waiter_expired(struct engine *engine, uint32_t waiter);

#endif
