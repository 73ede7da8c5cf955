/* SPDX-License-Identifier: MIT
 *
 * Calls; see call.h. A task is found by its id alone, but only its own session may wait for it or
 * cancel it, unless it was submitted with KEEP, or its session has ended and nobody owns it any
 * more.
 *
 * EXPIRED is said only of numbers that were answered. Asking about a number of one's own that never
 * arrived settles it: NEVER is recorded, so that a late copy of the submit is a duplicate. */
#include "broker/core/call.h"

#include "broker/core/cancel.h"
#include "broker/core/leave.h"
#include "broker/core/process.h"
#include "broker/core/purge.h"
#include "broker/core/report.h"
#include "broker/core/result.h"
#include "broker/core/state.h"
#include "common/wire/body.h"

enum { CALL_NUMBER_SIZE = 16 };

static void call_answer(struct engine *engine, struct effects *sink, route_id route, uint64_t call,
                        wherry_err err, struct span text) {
    struct span copy = effects_copy(sink, text);
    struct effect *effect = effects_add(sink, EFFECT_ANSWER, route);
    effect->answer.call = call;
    effect->answer.err = err;
    effect->answer.text = copy;
    engine->counts.refused_other += err == WHERRY_E_REFUSED || err == WHERRY_E_LIMIT;
}

uint32_t call_park(struct engine *engine, uint32_t session, const struct event_call *call,
                   enum waiter_kind kind) {
    uint32_t index = session_at(engine, session)->calls >= BOUND_CALLS
                         ? 0
                         : waiter_make(engine, kind, session, call->timeout_ms);
    if (index == 0) {
        call_answer_text(engine, session, call->call, WHERRY_E_LIMIT, "too many open calls");
    } else {
        waiter_at(engine, index)->number = call->call;
    }
    return index;
}

void call_park_at(struct engine *engine, uint32_t session, const struct event_call *call,
                  enum waiter_kind kind, uint32_t task) {
    uint32_t index = call_park(engine, session, call, kind);
    if (index != 0) {
        waiter_at(engine, index)->task = task;
        list_append(&cold_of(engine, task)->waiters, &engine->waiters,
                    offsetof(struct waiter, in_owner), index);
    }
}

void call_answer_span(struct engine *engine, uint32_t session, uint64_t call, wherry_err err,
                      struct span text) {
    call_answer(engine, engine_sink(engine), session_at(engine, session)->route, call, err, text);
}

void call_answer_text(struct engine *engine, uint32_t session, uint64_t call, wherry_err err,
                      const char *text) {
    call_answer(engine, engine_sink(engine), session_at(engine, session)->route, call, err,
                span_of_text(text));
}

static void call_put_number(struct effects *sink, route_id route, uint64_t call, uint64_t number) {
    uint8_t packed[CALL_NUMBER_SIZE];
    struct bytes body = {packed, 0, sizeof packed};
    body_put_number(&body, number);
    struct span copy = effects_copy(sink, bytes_span(&body));
    struct effect *effect = effects_add(sink, EFFECT_ANSWER, route);
    effect->answer.call = call;
    effect->answer.body = copy;
}

void call_answer_number(struct engine *engine, uint32_t session, uint64_t call, uint64_t number) {
    call_put_number(engine_sink(engine), session_at(engine, session)->route, call, number);
}

/* ---- ids ------------------------------------------------------------------------------------ */

/* What stands in this stream and lane. */
static bool call_may_touch(const struct engine *engine, uint32_t session, uint32_t stream,
                           uint32_t lane) {
    uint32_t owner = stream_at(engine, stream)->session;
    return owner == session || session_at(engine, owner)->state == SESSION_ENDED ||
           (lane_at(engine, lane)->options.flags & TASK_KEEP) != 0;
}

static wherry_err call_record_never(struct engine *engine, uint32_t session, struct task_id id) {
    uint32_t index = id.slot < ID_SLOTS ? stream_of(engine, session, id.slot) : 0;
    if (index == 0) {
        return WHERRY_E_UNKNOWN;
    }
    struct stream *stream = stream_at(engine, index);
    if (id.number <= stream->answers.acked + engine->config.window &&
        answers_bytes(&stream->answers) < BOUND_ANSWERS_BYTES) {
        answers_add_single(
            &stream->answers,
            (struct answer_single){.number = id.number, .err = WHERRY_E_UNKNOWN, .stored = true});
        sessions_store(engine, session);
    }
    return WHERRY_E_UNKNOWN;
}

/* A submit that waits for room; 0: none. */
static uint32_t call_waiter(const struct engine *engine, struct task_id id) {
    uint32_t index = waiter_find_origin(engine, id);
    if (index != 0) {
        return index;
    }
    uint32_t owner = sessions_find(engine, id.session);
    uint32_t stream = owner == 0 ? 0 : stream_find(engine, owner, id.slot);
    uint32_t entry = stream == 0 ? 0 : stream_entry(stream_at(engine, stream), id.number);
    return (entry & INDEX_WAITER) != 0 ? entry & ~INDEX_WAITER : 0;
}

/* The same, if this session may touch it. */
static uint32_t call_parked(const struct engine *engine, uint32_t session, struct task_id id) {
    uint32_t index = call_waiter(engine, id);
    const struct waiter *waiter = index == 0 ? NULL : waiter_at(engine, index);
    bool may = waiter != NULL && call_may_touch(engine, session, waiter->stream, waiter->lane);
    return may ? index : 0;
}

static const char *call_parked_text(const struct engine *engine, uint32_t index) {
    const struct waiter *waiter = index == 0 ? NULL : waiter_at(engine, index);
    return waiter == NULL || queue_is_open(queue_at(engine, lane_at(engine, waiter->lane)->queue),
                                           waiter_is_older(engine, waiter))
               ? "it still waits for room in its queue"
               : "its queue is paused and takes nothing in until it is resumed";
}

/* An id without a record: what became of it? */
static wherry_err call_fate(struct engine *engine, uint32_t session, struct task_id id) {
    uint32_t owner = sessions_find(engine, id.session);
    uint32_t stream = owner == 0 ? 0 : stream_find(engine, owner, id.slot);
    uint32_t err = 0;
    if (call_waiter(engine, id) != 0) {
        return WHERRY_E_BUSY;
    }
    if (stream != 0) {
        const struct stream *record = stream_at(engine, stream);
        const struct runs *runs = &record->answers.accepted;
        if (PLANTED(PLANT_EXPIRED_BY_NUMBER) && runs->count > 0 &&
            id.number < runs->items[runs->count - 1].first + runs->items[runs->count - 1].count) {
            return WHERRY_E_EXPIRED;
        }
        uint64_t number = answers_follow(&record->answers, id.number);
        switch (answers_find(&record->answers, number, &err)) {
        case ANSWER_ACKED:
        case ANSWER_ACCEPTED:
            return number == 0 ? WHERRY_E_UNKNOWN : WHERRY_E_EXPIRED;
        case ANSWER_SINGLE:
            return (wherry_err)err;
        case ANSWER_NONE:
            if (number != id.number && session_at(engine, owner)->state == SESSION_LIVE) {
                return WHERRY_E_BUSY; /* its client has yet to say the new number to this broker */
            }
            break;
        }
    }
    return owner == session && id.number > 0 ? call_record_never(engine, session, id)
                                             : WHERRY_E_UNKNOWN;
}

static const char *call_fate_text(const struct engine *engine, struct task_id id, wherry_err err) {
    switch (err) {
    case WHERRY_E_EXPIRED:
        return "it existed; its result is gone";
    case WHERRY_E_BUSY:
        return call_parked_text(engine, call_waiter(engine, id));
    case WHERRY_E_UNKNOWN:
        return "no task with this id was ever seen";
    default:
        return wherry_err_text(err);
    }
}

/* The task, if this session may touch it; else 0, and the call is answered. */
static uint32_t call_task(struct engine *engine, uint32_t session, const struct event_call *call) {
    uint32_t index = task_find(engine, call->id);
    if (index == 0) {
        wherry_err err = call_fate(engine, session, call->id);
        call_answer_text(engine, session, call->call, err, call_fate_text(engine, call->id, err));
        return 0;
    }
    const struct task *task = task_at(engine, index);
    if (!call_may_touch(engine, session, task->stream, task->lane)) {
        call_answer_text(engine, session, call->call, WHERRY_E_REFUSED,
                         "the task belongs to another session and was not submitted to be kept");
        return 0;
    }
    return index;
}

/* ---- verbs ---------------------------------------------------------------------------------- */

void call_forget(struct engine *engine, uint32_t session_index, uint64_t call) {
    struct session *session = session_at(engine, session_index);
    if (call > session->call_newest) {
        session->call_newest = call;
        return;
    }
    for (uint32_t at = session->waiters.head; at != 0 && session->calls > 0;) {
        const struct waiter *waiter = waiter_at(engine, at);
        if (waiter_is_call(waiter) && waiter->number == call) {
            waiter_drop(engine, at);
            return;
        }
        at = waiter->in_session.next;
    }
}

static void call_wait(struct engine *engine, uint32_t session, const struct event_call *call) {
    call_forget(engine, session, call->call);
    uint32_t task = call_task(engine, session, call);
    if (task == 0) {
        return;
    }
    if (task_is_terminal(task_at(engine, task))) {
        result_answer(engine, session_at(engine, session)->route, call->call, task);
        return;
    }
    if (call->timeout_ms == 0) {
        char text[REPORT_TEXT];
        call_answer(engine, engine_sink(engine), session_at(engine, session)->route, call->call,
                    WHERRY_E_TIMEOUT, report_why(engine, task, text));
        return;
    }
    call_park_at(engine, session, call, WAITER_CALL, task);
}

void call_timed_out(struct engine *engine, uint32_t index) {
    const struct waiter *waiter = waiter_at(engine, index);
    char text[REPORT_TEXT];
    call_answer(engine, engine_sink(engine), session_at(engine, waiter->session)->route,
                waiter->number, WHERRY_E_TIMEOUT, report_why(engine, waiter->task, text));
    waiter_drop(engine, index);
}

static void call_cancel(struct engine *engine, uint32_t session, const struct event_call *call) {
    uint32_t parked = call_parked(engine, session, call->id);
    uint32_t task = parked != 0 ? 0 : call_task(engine, session, call);
    if (parked == 0 && task == 0) {
        return;
    }
    enum wire_was was = WIRE_WAS_WAITING;
    if (parked != 0) {
        cancel_parked(engine, parked);
    } else {
        was = cancel_task(engine, task);
    }
    struct effects *sink = PLANTED(PLANT_CANCEL_UNSTORED) ? engine->out : engine_sink(engine);
    call_put_number(sink, session_at(engine, session)->route, call->call, was);
}

static void call_explain(struct engine *engine, uint32_t session, const struct event_call *call) {
    uint32_t parked = call_parked(engine, session, call->id);
    if (parked != 0) {
        report_body_text(engine, session_at(engine, session)->route, call->call,
                         span_of_text(call_parked_text(engine, parked)));
        return;
    }
    uint32_t task = call_task(engine, session, call);
    if (task != 0) {
        char text[REPORT_TEXT];
        report_body_text(engine, session_at(engine, session)->route, call->call,
                         report_why(engine, task, text));
    }
}

static void call_queue_set(struct engine *engine, uint32_t session, const struct event_call *call) {
    wherry_err err = queue_set_bounds(engine, call->name, call->items_max, call->bytes_max);
    call_answer_text(engine, session, call->call, err,
                     err == WHERRY_OK ? "" : "not a queue's name, or too many queues");
}

static void call_queue_pause(struct engine *engine, uint32_t session,
                             const struct event_call *call) {
    wherry_err err = queue_pause(engine, call->name, call->pause, call->resume);
    call_answer_text(engine, session, call->call, err,
                     err == WHERRY_OK          ? ""
                     : err == WHERRY_E_UNKNOWN ? "no such queue"
                                               : "no such way to pause");
}

static void call_queue_purge(struct engine *engine, uint32_t session,
                             const struct event_call *call) {
    wherry_err err = purge_ask(engine, session, call);
    if (err != WHERRY_OK) {
        call_answer_text(engine, session, call->call, err,
                         err == WHERRY_E_BUSY ? "the queue is being purged already"
                                              : "no such queue");
    }
}

static void call_process(struct engine *engine, uint32_t session, const struct event_call *call) {
    call_forget(engine, session, call->call);
    uint32_t task = call_task(engine, session, call);
    if (task == 0) {
        return;
    }
    if (!process_is(engine, task)) {
        call_answer_text(engine, session, call->call, WHERRY_E_INVALID, "a task, not a Process");
    } else if (call->verb == WIRE_PROCESS_START) {
        process_start(engine, session, call, task);
    } else if (call->verb == WIRE_PROCESS_SHOW) {
        process_show(engine, session, call, task);
    } else {
        process_signal(engine, session, call, task);
    }
}

void call_receive(struct engine *engine, uint32_t session, const struct event_call *call) {
    route_id route = session_at(engine, session)->route;
    switch (call->verb) {
    case WIRE_TASK_WAIT:
        call_wait(engine, session, call);
        return;
    case WIRE_TASK_CANCEL:
        call_cancel(engine, session, call);
        return;
    case WIRE_WAITING:
        call_explain(engine, session, call);
        return;
    case WIRE_PROCESS_START:
    case WIRE_PROCESS_SHOW:
    case WIRE_PROCESS_SIGNAL:
        call_process(engine, session, call);
        return;
    case WIRE_PROCESS_LIST:
        report_processes(engine, route, call->call);
        return;
    case WIRE_STATUS:
        report_status(engine, route, call->call);
        return;
    case WIRE_POOL_SHOW:
        if (!report_pool(engine, route, call->call, call->name)) {
            call_answer_text(engine, session, call->call, WHERRY_E_UNKNOWN, "no such pool");
        }
        return;
    case WIRE_QUEUE_SET:
        call_queue_set(engine, session, call);
        return;
    case WIRE_QUEUE_PAUSE:
        call_queue_pause(engine, session, call);
        return;
    case WIRE_WORKER_DRAIN:
        leave_ask(engine, session, call);
        return;
    case WIRE_WORKER_JOIN:
        leave_join(engine, session, call);
        return;
    case WIRE_QUEUE_PURGE:
        call_queue_purge(engine, session, call);
        return;
    default:
        call_answer_text(engine, session, call->call, WHERRY_E_INVALID, "unknown verb");
        return;
    }
}
