/* SPDX-License-Identifier: MIT
 *
 * Attempts: see attempt.h. Every way back to the queue goes through attempt_go_back(), so that a
 * cancelled or purged task cannot slip back into its lane, and a fence is stored in the same batch
 * as the counters.
 *
 * What distinguishes the ways is whether user code may have run: only then is there a fence,
 * because only then can a late result exist. */
#include "broker/core/attempt.h"

#include "broker/core/cancel.h"
#include "broker/core/nested.h"
#include "broker/core/process.h"
#include "broker/core/purge.h"
#include "broker/core/result.h"
#include "broker/core/hot.h"

#include <inttypes.h>
#include <stdio.h>

enum { RETRY_FIRST_MS = 1000, RETRY_LIMIT_MS = 60000, ATTEMPT_TEXT = 4352 };

bool attempt_judge(const struct engine *engine, uint32_t index, struct token token) {
    const struct task *task = task_at(engine, index);
    if (PLANTED(PLANT_STALE_TOKEN) && !task_is_terminal(task)) {
        return true;
    }
    if (task_is_terminal(task) || token.counter == 0) {
        return false;
    }
    if (task->state == TASK_LEASED) {
        return token_equal(task_token(engine, index), token);
    }
    const struct cold *cold = cold_find(engine, index);
    struct token fence = cold == NULL ? (struct token){0, 0} : cold->fence;
    struct token held = cold == NULL ? (struct token){0, 0} : cold->held;
    return token_above(token, fence) &&
           (token_equal(token, held) || token_above(token, engine->grace.floor));
}

void attempt_take_ready(struct engine *engine, uint32_t index) {
    struct task *task = task_at(engine, index);
    struct queue *queue = queue_at(engine, lane_at(engine, task->lane)->queue);
    if (task->state == TASK_QUEUED || task->state == TASK_BACK) {
        lane_remove(engine, index);
    } else {
        CHECK(task->state == TASK_WAITING || task->state == TASK_HELD);
        if (task->state == TASK_WAITING) {
            timer_stop(&engine->mono, &cold_find(engine, index)->timer);
            engine->counts.waiting_retry--;
            tasks_remove(engine, &queue->retries, index);
        }
        queue_uncount(engine, queue->index, task->payload_size);
    }
    task->links = (struct links){0, 0};
    task->state = TASK_MOVING;
}

void attempt_adopt(struct engine *engine, uint32_t index, uint32_t child, struct token token) {
    attempt_take_ready(engine, index);
    children_adopt(engine, child, index, token);
    if (process_is(engine, index)) {
        process_started(engine, index);
    }
    if (!engine->grace.over) { /* what else is out when it ends is below the floor */
        cold_find(engine, index)->held = token;
        persist_task(engine, index);
    }
    note_task(engine, LOG_INFO, "announced attempt taken over", index, token, " place=%u",
              child_at(engine, child)->place);
}

/* ---- the ways back -------------------------------------------------------------------------- */

static void attempt_fence(struct engine *engine, uint32_t index, struct token token) {
    struct cold *cold = cold_of(engine, index);
    if (!PLANTED(PLANT_NO_FENCE)) {
        cold->fence = token;
    }
    cold->held = (struct token){0, 0};
}

void attempt_detach(struct engine *engine, uint32_t index) {
    children_release(engine, index);
    struct cold *cold = cold_find(engine, index);
    if (cold != NULL) {
        timer_stop(&engine->mono, &cold->timer);
        cold->answered = false;
        cold->expected = false;
        cold->killed = false;
        nested_end(engine, cold);
    }
}

/* It ends instead of going back. */
static bool attempt_is_unwanted(const struct engine *engine, uint32_t index) {
    return (task_at(engine, index)->flags & TASK_CANCEL) != 0 || purge_hits(engine, index);
}

/* `stored`: something about it changed that a restart must know. */
static void attempt_go_back(struct engine *engine, uint32_t index, bool stored) {
    struct task *task = task_at(engine, index);
    if ((task->flags & TASK_CANCEL) != 0) {
        cancel_finish(engine, index);
        return;
    }
    if (purge_hits(engine, index)) {
        purge_finish(engine, index);
        return;
    }
    if ((task->flags & TASK_STARTED) != 0) {
        task->flags &= (uint16_t)~TASK_STARTED;
        stored = true;
    }
    lane_return(engine, index); /* first: what is stored must not look like a task that has ended */
    if (stored) {
        persist_task(engine, index);
    }
}

void attempt_return(struct engine *engine, uint32_t index) {
    attempt_detach(engine, index);
    attempt_go_back(engine, index, false);
}

/* True if the attempts that ended badly are all that the task may have. */
static bool attempt_was_last(const struct engine *engine, uint32_t index) {
    const struct cold *cold = cold_find(engine, index);
    const struct wire_options *options = &lane_at(engine, task_at(engine, index)->lane)->options;
    uint32_t most = (options->flags & TASK_ONCE) != 0 ? 1 : options->max_attempts;
    uint32_t ended = (uint32_t)cold->crashes + cold->leases_lost + cold->retries;
    return most > 0 && ended >= most;
}

static const struct host *attempt_host(const struct engine *engine, uint32_t index) {
    uint32_t child = task_at(engine, index)->lease.child;
    return host_at(engine, child_at(engine, child)->host);
}

void attempt_lose(struct engine *engine, uint32_t index, uint32_t cause, struct span why) {
    struct token token = task_token(engine, index);
    const struct host *host = attempt_host(engine, index);
    struct cold *cold = cold_of(engine, index);
    cold->leases_lost += cold->leases_lost < UINT8_MAX;
    note_task(engine, LOG_WARN, "lease lost", index, token, " host=\"%.*s\" count=%u why=\"%.*s\"",
              (int)host->label.size, (const char *)host->label.data, cold->leases_lost,
              (int)why.size, (const char *)why.data);
    struct wire_failure failure = {
        .code = WHERRY_E_LOST, .cause = cause, .text = why, .host = host->label, .pid = host->pid};
    uint32_t lost = cold->leases_lost;
    attempt_detach(engine, index);
    attempt_fence(engine, index, token);
    bool unwanted = attempt_is_unwanted(engine, index) && !process_is(engine, index);
    if (!unwanted && (lost >= BOUND_LEASES_LOST || attempt_was_last(engine, index))) {
        result_fail(engine, index, WIRE_LOST, &failure);
        return;
    }
    engine->counts.retries_lease += !unwanted;
    attempt_go_back(engine, index, true);
}

/* Out of its lease: back, uncounted. */
static void attempt_stopped(struct engine *engine, uint32_t index, struct token token) {
    note_task(engine, LOG_INFO, "attempt stopped", index, token, "%s", "");
    attempt_fence(engine, index, token);
    const struct task *task = task_at(engine, index);
    if ((lane_at(engine, task->lane)->options.flags & TASK_ONCE) != 0 &&
        (task->flags & TASK_CANCEL) == 0) {
        struct wire_failure failure = {
            .code = WHERRY_E_LOST,
            .cause = WIRE_CAUSE_DRAINED,
            .text = span_of_text("it may run once only, and was stopped while it ran"),
        };
        result_fail(engine, index, WIRE_LOST, &failure);
        return;
    }
    attempt_go_back(engine, index, true);
}

void attempt_stop(struct engine *engine, uint32_t index) {
    struct token token = task_token(engine, index);
    attempt_detach(engine, index);
    attempt_stopped(engine, index, token);
}

static struct span attempt_death_text(const struct event_death *death, char *out) {
    const char *what = "its process died";
    if (death->cause == WIRE_CAUSE_SIGNAL) {
        what = "its process was killed by signal";
    } else if (death->cause == WIRE_CAUSE_EXIT) {
        what = "its process exited inside the function with code";
    } else if (death->cause == WIRE_CAUSE_MEMORY) {
        what = "its process ran out of memory; signal";
    }
    int tail = death->text.size > ATTEMPT_TEXT / 2 ? ATTEMPT_TEXT / 2 : (int)death->text.size;
    const char *text = (const char *)death->text.data;
    int size = snprintf(out, ATTEMPT_TEXT, "%s %" PRId64 "%s%.*s", what, death->cause_number,
                        tail > 0 ? ": " : "", tail, tail > 0 ? text + death->text.size - tail : "");
    return (struct span){(const uint8_t *)out,
                         size < ATTEMPT_TEXT ? (size_t)size : ATTEMPT_TEXT - 1};
}

void attempt_crash(struct engine *engine, uint32_t index, const struct event_death *death) {
    struct token token = task_token(engine, index);
    const struct host *host = attempt_host(engine, index);
    char text[ATTEMPT_TEXT];
    struct cold *cold = cold_of(engine, index);
    cold->crashes += cold->crashes < UINT8_MAX;
    struct wire_failure failure = {.code = WHERRY_E_WORKER_LOST,
                                   .cause = death->cause,
                                   .cause_number = death->cause_number,
                                   .text = attempt_death_text(death, text),
                                   .host = host->label,
                                   .pid = death->pid};
    note_task(engine, LOG_WARN, "process died", index, token,
              " host=\"%.*s\" pid=%" PRId64 " cause=%u number=%" PRId64 " count=%u",
              (int)host->label.size, (const char *)host->label.data, death->pid, death->cause,
              death->cause_number, cold->crashes);
    uint32_t crashes = cold->crashes;
    attempt_detach(engine, index);
    attempt_fence(engine, index, token);
    if (crashes >= BOUND_CRASHES || attempt_was_last(engine, index)) {
        result_fail(engine, index, WIRE_FAILED, &failure);
        return;
    }
    engine->counts.retries_crash += !attempt_is_unwanted(engine, index);
    attempt_go_back(engine, index, true);
}

/* ---- answers -------------------------------------------------------------------------------- */

static int64_t attempt_delay_ms(uint32_t retries, int64_t retry_ms) {
    if (retry_ms > 0) {
        return retry_ms;
    }
    uint32_t doublings = retries - 1 < 6 ? retries - 1 : 6;
    int64_t delay = (int64_t)RETRY_FIRST_MS << doublings;
    return delay < RETRY_LIMIT_MS ? delay : RETRY_LIMIT_MS;
}

/* Out of its lane or lease; asks for another try. */
static void attempt_retry(struct engine *engine, uint32_t index, struct token token,
                          struct payload payload, int64_t retry_ms) {
    struct cold *cold = cold_of(engine, index);
    cold->retries += cold->retries < UINT8_MAX;
    attempt_fence(engine, index, token);
    if (cold->retries > BOUND_RETRIES_ASKED || attempt_was_last(engine, index)) {
        result_finish(engine, index, WIRE_FAILED, payload);
        return;
    }
    engine_free_payload(engine, payload);
    if (purge_hits(engine, index)) {
        purge_finish(engine, index);
        return;
    }
    int64_t delay_ms = attempt_delay_ms(cold->retries, retry_ms);
    struct task *task = task_at(engine, index);
    struct queue *queue = queue_at(engine, lane_at(engine, task->lane)->queue);
    task->state = TASK_WAITING;
    task->flags &= (uint16_t)~TASK_STARTED;
    tasks_append(engine, &queue->retries, index);
    cold->timer =
        timer_start(&engine->mono, engine->now.mono_us + delay_ms * 1000, TIMER_TASK, index);
    queue_count(engine, queue->index, task->payload_size);
    engine->counts.waiting_retry++;
    engine->counts.retries_asked++;
    persist_task(engine, index);
}

void attempt_answer(struct engine *engine, uint32_t index, struct token token, uint32_t status,
                    struct payload payload, int64_t retry_ms) {
    struct task *task = task_at(engine, index);
    bool stopped = status == WIRE_CANCELLED &&
                   (task->state != TASK_LEASED || attempt_host(engine, index)->draining);
    if (task->state == TASK_LEASED) {
        attempt_detach(engine, index);
    } else {
        attempt_take_ready(engine, index);
    }
    status = status == WIRE_CANCELLED ? WIRE_FAILED : status; /* its own word for it */
    if ((task->flags & TASK_CANCEL) != 0 && status != WIRE_DONE) {
        engine_free_payload(engine, payload);
        cancel_finish(engine, index);
    } else if (stopped) {
        engine_free_payload(engine, payload);
        attempt_stopped(engine, index, token);
    } else if (status == WIRE_TRY_AGAIN) {
        attempt_retry(engine, index, token, payload, retry_ms);
    } else {
        result_finish(engine, index, status, payload);
    }
}

/* ---- time ----------------------------------------------------------------------------------- */

static void attempt_await(struct engine *engine, uint32_t index, int64_t time_ms) {
    struct cold *cold = cold_of(engine, index);
    timer_stop(&engine->mono, &cold->timer);
    cold->answered = true;
    cold->timer =
        timer_start(&engine->mono, engine->now.mono_us + time_ms * 1000, TIMER_TASK, index);
}

void attempt_await_result(struct engine *engine, uint32_t index) {
    attempt_await(engine, index, TIME_ANSWERED_WAIT_MS);
}

void attempt_expect_result(struct engine *engine, uint32_t index) {
    cold_of(engine, index)->expected = true;
    if (child_at(engine, task_at(engine, index)->lease.child)->route != 0) {
        attempt_await(engine, index, TIME_HELD_WAIT_MS);
    }
}

void attempt_timer(struct engine *engine, uint32_t index) {
    struct task *task = task_at(engine, index);
    struct cold *cold = cold_find(engine, index);
    cold->timer = 0;
    if (task->state == TASK_WAITING) {
        attempt_take_ready(engine, index);
        lane_return(engine, index);
    } else if (cold->answered && engine->parking.count > 0 && !PLANTED(PLANT_PARKED_UNHEARD)) {
        attempt_await_result(engine, index); /* it may have arrived, and wait for a batch */
    } else if (cold->answered) {
        attempt_lose(engine, index, WIRE_CAUSE_NONE,
                     span_of_text("it had answered, and the answer never arrived"));
    } else {
        cancel_kill(engine, index);
    }
}
