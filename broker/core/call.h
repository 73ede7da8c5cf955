/* SPDX-License-Identifier: MIT
 *
 * Call: questions and commands of clients, each answered once. */
#ifndef WHERRY_CALL_VERBS_H
#define WHERRY_CALL_VERBS_H

#include "broker/core/event.h"

struct engine;

void call_receive(struct engine *engine, uint32_t session, const struct event_call *call);
/* `text` must live as long as the program. */
void call_answer_span(struct engine *engine, uint32_t session, uint64_t call, wherry_err err,
                      struct span text);
void call_answer_text(struct engine *engine, uint32_t session, uint64_t call, wherry_err err,
                      const char *text);
/* A call that waits and is said again after a reconnect: the older copy goes. */
void call_forget(struct engine *engine, uint32_t session, uint64_t call);
/* OK with one number, which waits for the newest batch. */
void call_answer_number(struct engine *engine, uint32_t session, uint64_t call, uint64_t number);
/* A waiting call's deadline passed. */
void call_timed_out(struct engine *engine, uint32_t waiter);

#endif
