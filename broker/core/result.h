/* SPDX-License-Identifier: MIT
 *
 * Result: how a task ends, and the way of its outcome to whoever wants it.
 *
 *     finish ──> RESULT: pushed on the session's byte credit ──ack──> gone, or KEPT for its time to
 * live └──> waiters of TASK_WAIT are answered at once
 *
 * A terminal state never changes again. */
#ifndef WHERRY_RESULT_H
#define WHERRY_RESULT_H

#include "broker/core/event.h"

struct engine;
struct home;

enum { RESULT_OVERHEAD = 48 }; /* bytes a kept result counts beyond its payload */

/* The task stands in no list and has no token. Takes the payload. */
void result_finish(struct engine *engine, uint32_t task, uint32_t status, struct payload payload);
/* The same for one whose home is known. */
void result_finish_home(struct engine *engine, const struct home *home, uint32_t task,
                        uint32_t status, struct payload payload);
/* The engine itself says how it ended. */
void result_fail(struct engine *engine, uint32_t task, uint32_t status,
                 const struct wire_failure *failure);

/* Nothing that was sent may have arrived: all of it is due again. */
void result_resend(struct engine *engine, uint32_t stream);
/* The client has these. */
void result_receive(struct engine *engine, uint32_t stream, const struct wire_run *run);
/* Byte credit, absolute since the hello. */
void result_credit(struct engine *engine, uint32_t session, uint64_t credit);
/* TICK: sends what is due; returns what is left of `units`. */
uint32_t result_flush(struct engine *engine, uint32_t units);
/* Of an ended session: what nobody will fetch goes. Returns units used. */
uint32_t result_purge(struct engine *engine, uint32_t stream, uint32_t units);
/* Its time to live is over. */
void result_expire(struct engine *engine, uint32_t task);
/* A restored terminal task. */
void result_restore(struct engine *engine, uint32_t task);

/* Answers a TASK_WAIT with the outcome of a terminal task. */
void result_answer(struct engine *engine, route_id route, uint64_t call, uint32_t task);
uint64_t result_cost(const struct engine *engine, uint32_t task);

#endif
