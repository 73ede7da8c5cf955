/* SPDX-License-Identifier: MIT
 *
 * Cancel: ends tasks on request.
 *
 *     waiting anywhere   CANCELLED at once
 *     parked             answered CANCELLED; it was never in the queue
 *     leased             the request is stored, then SIGTERM to the attempt, SIGKILL after 5 s. Its
 * end counts: a success stays a success, everything else becomes CANCELLED terminal nothing changes
 */
#ifndef WHERRY_CANCEL_H
#define WHERRY_CANCEL_H

#include "broker/core/event.h"

struct engine;

enum wire_was cancel_task(struct engine *engine, uint32_t task);
/* One number of a stream, whatever stands behind it. */
void cancel_number(struct engine *engine, uint32_t stream, uint64_t number);
/* A parked submit. The answer is remembered over restarts: its client may not have got it, and must
 * not be taken at its next word. */
void cancel_parked(struct engine *engine, uint32_t waiter);
/* The task stands in no list: ends it. */
void cancel_finish(struct engine *engine, uint32_t task);
/* To the attempt of a leased task. */
void cancel_signal(struct engine *engine, uint32_t task, uint32_t signal);
/* SIGTERM was not enough. */
void cancel_kill(struct engine *engine, uint32_t task);
/* A host is back: what was asked of its attempts is asked again. */
void cancel_remind(struct engine *engine, uint32_t task);

#endif
