/* SPDX-License-Identifier: MIT
 *
 * Attempt: one run of a task by a child, known by its token; how it ends, and what it may still
 * say.
 *
 *     LEASED ──answer──> terminal, or WAITING (it asked for another try)
 *            ──return──> BACK          not started: nothing is counted, nothing fenced
 *            ──lose────> BACK          started, its lease is lost: counted apart, fenced;  10th:
 * LOST ──crash───> BACK          it was running when its process died: counted, fenced;  3rd:
 * FAILED ──stop────> BACK          stopped on purpose (drain, cancel): fenced, not counted
 *
 * Fenced: results of this token or an older one are refused for ever (rules §4.2). A cancelled task
 * ends CANCELLED wherever it would go back. */
#ifndef WHERRY_ATTEMPT_H
#define WHERRY_ATTEMPT_H

#include "broker/core/event.h"

struct engine;

/* May an attempt with this token still speak for the task? Its current one; or, if the task has
 * none, one above its fence that is announced (`held`) or above the floor. */
bool attempt_judge(const struct engine *engine, uint32_t task, struct token token);

/* A ready task is leased again to the place that announced it. */
void attempt_adopt(struct engine *engine, uint32_t task, uint32_t child, struct token token);

void attempt_return(struct engine *engine, uint32_t task);
void attempt_lose(struct engine *engine, uint32_t task, uint32_t cause, struct span why);
void attempt_crash(struct engine *engine, uint32_t task, const struct event_death *death);
void attempt_stop(struct engine *engine, uint32_t task);

/* Out of its lease, with its token; what it was inside of its process is over, too. */
void attempt_detach(struct engine *engine, uint32_t task);

/* A judged result; the task is leased or ready. Takes the payload. */
void attempt_answer(struct engine *engine, uint32_t task, struct token token, uint32_t status,
                    struct payload payload, int64_t retry_ms);

/* Takes a ready task out of wherever it waits. */
void attempt_take_ready(struct engine *engine, uint32_t task);

/* The process of an answered attempt died: its result may still arrive for 1 s. */
void attempt_await_result(struct engine *engine, uint32_t task);
/* Adopted, and announced as answered: its result comes with a hello of its child. When one has come
 * without it, a broker that is gone had acknowledged it, and it has 10 s. */
void attempt_expect_result(struct engine *engine, uint32_t task);
/* TIMER_TASK: a retry is due, a kill, or the wait for a result is over. */
void attempt_timer(struct engine *engine, uint32_t task);

#endif
