/* SPDX-License-Identifier: MIT
 *
 * Timers: deadlines of any length in one 4-ary heap, by index. Deadlines of equal length need no
 * heap: they stand in lists by the time they were last pushed back (sessions, hosts, children).
 *
 * There are two sets: one on the monotonic clock in us, one on the wall clock in ms. Equal
 * deadlines are due in the order of their starting. */
#ifndef WHERRY_TIMER_H
#define WHERRY_TIMER_H

#include "broker/core/slab.h"

enum timer_kind {
    TIMER_WAITER = 1, /* owner: waiter */
    TIMER_TASK, /* owner: task: its retry is due, its kill, or the wait for its result is over */
    TIMER_TTL,  /* owner: task: its kept result expires */
    TIMER_SPAWN, /* owner: host: it may be asked for children again */
};

struct timers { /* private */
    struct slab records;
    struct slab heap;
    uint32_t count;
    uint64_t sequence;
};

void timers_init(struct timers *timers);
void timers_fini(struct timers *timers);

/* Returns the timer's index, to be stopped by. */
uint32_t timer_start(struct timers *timers, int64_t due, enum timer_kind kind, uint32_t owner);
/* Stops and sets 0; 0 is a no-op. */
void timer_stop(struct timers *timers, uint32_t *timer);
int64_t timer_due(const struct timers *timers, uint32_t timer);

/* Takes the next timer that is due; its index is void afterwards. False: none is. */
bool timers_expire(struct timers *timers, int64_t now, enum timer_kind *kind, uint32_t *owner);
/* INT64_MAX: none. */
int64_t timers_next(const struct timers *timers);

/* NULL: the heap is in order. */
const char *timers_audit(const struct timers *timers);
bool timer_is(const struct timers *timers, uint32_t timer, enum timer_kind kind, uint32_t owner);
uint64_t timers_memory_bytes(const struct timers *timers);

#endif
