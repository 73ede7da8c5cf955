/* SPDX-License-Identifier: MIT
 *
 * Cancel: see cancel.h. The order goes to the host of the attempt, by its token, so that it can
 * meet nobody else; if the delivery had not started, the host's closed gate gives it back, and the
 * way back ends it. */
#include "broker/core/cancel.h"

#include "broker/core/attempt.h"
#include "broker/core/result.h"
#include "broker/core/hot.h"
#include "broker/core/submit.h"

enum { SIGNAL_KILL = 9, SIGNAL_TERM = 15 }; /* Linux: no header of the system in here */

void cancel_signal(struct engine *engine, uint32_t index, uint32_t signal) {
    const struct child *child = child_at(engine, task_at(engine, index)->lease.child);
    route_id route = host_at(engine, child->host)->route;
    if (route == 0) {
        return; /* its next hello is answered by cancel_remind() */
    }
    struct token token = task_token(engine, index);
    struct effect *effect = effects_add(engine_sink(engine), EFFECT_SIGNAL, route);
    effect->signal.place = child->place;
    effect->signal.token = token;
    effect->signal.signal = signal;
}

void cancel_finish(struct engine *engine, uint32_t index) {
    result_finish(engine, index, WIRE_CANCELLED, (struct payload){0, 0});
}

static void cancel_leased(struct engine *engine, uint32_t index) {
    struct task *task = task_at(engine, index);
    if ((task->flags & TASK_CANCEL) != 0) {
        return;
    }
    task->flags |= TASK_CANCEL;
    struct cold *cold = cold_of(engine, index);
    persist_task(engine, index);
    cancel_signal(engine, index, SIGNAL_TERM);
    if (!cold->answered) {
        cold->timer =
            timer_start(&engine->mono, engine->now.mono_us + (int64_t)TIME_KILL_AFTER_MS * 1000,
                        TIMER_TASK, index);
    }
}

enum wire_was cancel_task(struct engine *engine, uint32_t index) {
    struct task *task = task_at(engine, index);
    if (task->state == TASK_LEASED) {
        cancel_leased(engine, index);
        return WIRE_WAS_RUNNING;
    }
    if (task_is_ready(task)) {
        attempt_take_ready(engine, index);
        cancel_finish(engine, index);
        return WIRE_WAS_WAITING;
    }
    return WIRE_WAS_ENDED;
}

void cancel_parked(struct engine *engine, uint32_t index) {
    const struct waiter *waiter = waiter_at(engine, index);
    uint32_t stream = waiter->stream;
    uint64_t number = waiter->number;
    waiter_drop(engine, index);
    submit_refuse_for_good(engine, stream, number, WHERRY_E_CANCELLED,
                           "cancelled before it was accepted");
}

void cancel_number(struct engine *engine, uint32_t stream, uint64_t number) {
    uint32_t entry = stream_entry(stream_at(engine, stream), number);
    if ((entry & INDEX_WAITER) != 0) {
        cancel_parked(engine, entry & ~INDEX_WAITER);
    } else if (entry != 0) {
        (void)cancel_task(engine, entry);
    }
}

void cancel_kill(struct engine *engine, uint32_t index) {
    cold_find(engine, index)->killed = true;
    cancel_signal(engine, index, SIGNAL_KILL);
}

void cancel_remind(struct engine *engine, uint32_t index) {
    uint16_t flags = task_at(engine, index)->flags;
    if ((flags & TASK_CANCEL) != 0) {
        bool kill = cold_find(engine, index)->killed || (flags & TASK_KILL) != 0;
        cancel_signal(engine, index, kill ? SIGNAL_KILL : SIGNAL_TERM);
    }
}
