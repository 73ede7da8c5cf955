/* SPDX-License-Identifier: MIT
 *
 * Purge: ends everything that waits in a queue, or for room in it.
 *
 *     asked ── mark stored ── work, ≤ step_units_max a step ──> answered with the count
 *              before = n     parked submits, waiting retries,
 *                             lanes: what arrived before n
 *
 * Each ends CANCELLED and its submitter is told. While the work is under way nothing of the queue
 * is handed out and nobody parked comes in, so what is acknowledged is true: nothing that was there
 * is handed out any more. What was handed out before is left alone, but what has not begun is taken
 * back, and whatever comes back (not begun, lost, crashed, asking for another try) ends as well:
 * purge_hits(). The mark is stored with the queue; after a restart the work is done again, once
 * hosts have announced what they run.
 *
 * A purge that is said again after a reconnect is known by its session and call. */
#ifndef WHERRY_PURGE_H
#define WHERRY_PURGE_H

#include "broker/core/state.h"

/* The task was in its queue when that was purged: it must not go there again. */
static inline bool purge_hits(const struct engine *engine, uint32_t index) {
    const struct task *task = task_at(engine, index);
    const struct purge *purge = &queue_at(engine, lane_at(engine, task->lane)->queue)->purge;
    return task_arrival(task) < purge->before;
}

/* QUEUE_PURGE: OK: its answer comes later, or has come; UNKNOWN: no such queue; BUSY: another purge
 * of it is under way. */
wherry_err purge_ask(struct engine *engine, uint32_t session, const struct event_call *call);
/* The task stands in no list: ends it. */
void purge_finish(struct engine *engine, uint32_t task);
/* Up to `units` tasks and submits; returns what was used, and sets *over when none is left. */
uint32_t purge_work(struct engine *engine, uint32_t queue, uint32_t units, bool *over);
/* The grace time is over: purges from before the restart are carried out. */
void purge_go_on(struct engine *engine);

#endif
