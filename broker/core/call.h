/* SPDX-License-Identifier: MIT
 *
 * Call: questions and commands of clients, each answered once. */
#ifndef WHERRY_CALL_VERBS_H
#define WHERRY_CALL_VERBS_H

#include "broker/core/event.h"
#include "broker/core/waiter.h"

struct engine;

void call_receive(struct engine *engine, uint32_t session, const struct event_call *call);
/* The text is copied. */
void call_answer_span(struct engine *engine, uint32_t session, uint64_t call, wherry_err err,
                      struct span text);
/* `text` must live as long as the program. */
void call_answer_text(struct engine *engine, uint32_t session, uint64_t call, wherry_err err,
                      const char *text);
/* Makes the call wait: the waiter has its number, and must be put into its owner's list. 0: too
 * many of the session's wait; that is answered. */
uint32_t call_park(struct engine *engine, uint32_t session, const struct event_call *call,
                   enum waiter_kind kind);
/* The same for one that waits for a task. */
void call_park_at(struct engine *engine, uint32_t session, const struct event_call *call,
                  enum waiter_kind kind, uint32_t task);
/* A call that waits and is said again after a reconnect: the older copy goes. */
void call_forget(struct engine *engine, uint32_t session, uint64_t call);
/* OK with one number, which waits for the newest batch. */
void call_answer_number(struct engine *engine, uint32_t session, uint64_t call, uint64_t number);
/* A waiting call's deadline passed. */
void call_timed_out(struct engine *engine, uint32_t waiter);

#endif
