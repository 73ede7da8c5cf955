/* SPDX-License-Identifier: MIT
 *
 * Process: a task that may run once, in an operating-system process of its own.
 *
 *     ready ──SPAWN, the child's hello──> running ──DEATH──> exit code
 *       │ no room until the deadline         │ host lost ──> LOST
 *       └──> CANCELLED, FULL                 └ never begun ──> ready
 *
 * It is a task in every respect (id, record, acceptance, result) with three differences: it runs on
 * a child that was forked for it (spawn.h), its outcome is how that child's process ended, and it
 * belongs to its submitter's session: a daemon is killed with that.
 *
 * The outcome of one that ran is DONE with the exit code as one integer: n of exit(n), -N of signal
 * N. */
#ifndef WHERRY_CORE_PROCESS_H
#define WHERRY_CORE_PROCESS_H

#include "broker/core/event.h"
#include "common/wire/body.h"

struct engine;

/* Is this task a Process? */
bool process_is(const struct engine *engine, uint32_t task);

/* A new record, accepted or restored: into its lists. And out of them, for one that has ended. */
void process_enter(struct engine *engine, uint32_t task);
void process_leave(struct engine *engine, uint32_t task);

/* It was handed to its child: whoever waits for its start is told. */
void process_started(struct engine *engine, uint32_t task);
/* Its process has died while it ran. */
void process_died(struct engine *engine, uint32_t task, const struct event_death *death);
/* Up to `units` daemons of an ended session are killed; returns how many. */
uint32_t process_end_daemons(struct engine *engine, uint32_t session, uint32_t units);

/* Verbs; `task` was found and may be touched. */
void process_start(struct engine *engine, uint32_t session, const struct event_call *call,
                   uint32_t task);
void process_show(struct engine *engine, uint32_t session, const struct event_call *call,
                  uint32_t task);
void process_signal(struct engine *engine, uint32_t session, const struct event_call *call,
                    uint32_t task);
/* What is known of it now; `host` is borrowed from the engine. */
struct body_process process_view(const struct engine *engine, uint32_t task);

/* PROCESS_START: its end came before its start; or its deadline passed. */
void process_answer_start(struct engine *engine, uint32_t waiter);
void process_start_timed_out(struct engine *engine, uint32_t waiter);

/* What a host says of its processes. */
void process_states(struct engine *engine, uint32_t host, const struct event_states *states);

#endif
