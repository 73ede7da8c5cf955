/* SPDX-License-Identifier: MIT
 *
 * Cold: what few tasks have, made on first use and found by a map: counters of failed attempts,
 * fence and held token, the origin id, who waits for it, timers, and the failure bytes that the
 * engine made. */
#ifndef WHERRY_COLD_H
#define WHERRY_COLD_H

#include "broker/core/list.h"
#include "common/bytes.h"
#include "common/id.h"

struct engine;

struct cold {
    uint32_t task; /* also the slab's free link */
    uint8_t used;
    uint8_t crashes;
    uint8_t leases_lost;
    uint8_t retries;    /* asked for by the function */
    bool answered;      /* its dead child answered: the timer waits for that result */
    bool expected;      /* announced as answered: its child still holds the result, or nobody */
    bool killed;        /* SIGKILL was sent after SIGTERM */
    struct token fence; /* results of attempts up to here are refused */
    struct token held;  /* the announced attempt that may still answer */
    uint64_t epoch;     /* of the current token, when the lease was adopted */
    struct task_id origin;
    struct list waiters;  /* TASK_WAIT and PROCESS_START calls */
    struct links adopted; /* in the child's list of adopted leases */
    uint32_t timer;       /* TIMER_TASK */
    uint32_t ttl;         /* TIMER_TTL */
    int64_t expires_ms;   /* wall clock; 0: not kept */
    uint64_t batch;       /* newest batch with its record, for what comes back */
    struct bytes failure; /* the result when the engine made it */
    bool process;         /* in engine.processes */
    bool daemon;          /* in the daemons of its session */
    struct links in_processes;
    struct links in_daemons;
    struct list sessions; /* client sessions inside of its attempt (nested.h) */
};

/* Made if there is none. */
struct cold *cold_of(struct engine *engine, uint32_t task);
/* Its index in engine.colds, for lists; it must have one. */
uint32_t cold_index(const struct engine *engine, uint32_t task);
/* NULL: none. */
struct cold *cold_find(const struct engine *engine, uint32_t task);
void cold_drop(struct engine *engine, uint32_t task);
/* Registers the id of a resubmission. */
void cold_set_origin(struct engine *engine, uint32_t task, struct task_id origin);
uint32_t cold_find_origin(const struct engine *engine, struct task_id id);

#endif
