/* SPDX-License-Identifier: MIT
 *
 * Waiters: making and ending parked requests; see waiter.h. Ending one takes it out of everything
 * at once (owner's list, session's list, timer, index), so that no path can leave half of it
 * behind. */
#include "broker/core/waiter.h"

#include "broker/core/call.h"
#include "broker/core/leave.h"
#include "broker/core/process.h"
#include "broker/core/putter.h"
#include "broker/core/state.h"

uint32_t waiter_make(struct engine *engine, enum waiter_kind kind, uint32_t session_index,
                     int64_t timeout_ms) {
    if (engine->waiters.live >= BOUND_WAITERS) {
        return 0;
    }
    uint32_t index = slab_take(&engine->waiters);
    struct waiter *waiter = waiter_at(engine, index);
    struct session *session = session_at(engine, session_index);
    waiter->session = session_index;
    waiter->kind = (uint8_t)kind;
    list_append(&session->waiters, &engine->waiters, offsetof(struct waiter, in_session), index);
    session->calls += waiter_is_call(waiter);
    waiter_set_deadline(engine, index, timeout_ms);
    return index;
}

void waiter_set_deadline(struct engine *engine, uint32_t index, int64_t timeout_ms) {
    struct waiter *waiter = waiter_at(engine, index);
    timer_stop(&engine->mono, &waiter->timer);
    if (timeout_ms >= 0) {
        int64_t limit_ms = INT64_MAX / 4000;
        int64_t due = engine->now.mono_us + (timeout_ms < limit_ms ? timeout_ms : limit_ms) * 1000;
        waiter->timer = timer_start(&engine->mono, due, TIMER_WAITER, index);
    }
}

static bool waiter_has_origin(const void *context, uint32_t value) {
    const struct engine *engine = ((const void *const *)context)[0];
    const struct task_id *id = ((const void *const *)context)[1];
    return task_id_equal(waiter_at(engine, value)->origin, *id);
}

uint32_t waiter_find_origin(const struct engine *engine, struct task_id id) {
    const void *context[2] = {engine, &id};
    return map_find(&engine->waiter_by_origin, task_id_hash(id), waiter_has_origin, context);
}

void waiter_set_origin(struct engine *engine, uint32_t index, struct task_id origin) {
    struct waiter *waiter = waiter_at(engine, index);
    waiter->has_origin = true;
    waiter->origin = origin;
    map_put(&engine->waiter_by_origin, task_id_hash(origin), index);
}

bool waiter_is_older(const struct engine *engine, const struct waiter *waiter) {
    return waiter->has_origin && waiter->origin.session != session_at(engine, waiter->session)->id;
}

void waiter_reserve(struct engine *engine, uint32_t index) {
    struct waiter *waiter = waiter_at(engine, index);
    uint32_t queue_index = lane_at(engine, waiter->lane)->queue;
    struct queue *queue = queue_at(engine, queue_index);
    list_remove(&queue->putters, &engine->waiters, offsetof(struct waiter, in_owner), index);
    waiter->kind = WAITER_RESERVED;
    queue->reserved++;
    queue->reserved_bytes += waiter->payload.size;
    waiter_set_deadline(engine, index, TIME_RESERVED_MS);
}

void waiter_unreserve(struct engine *engine, uint32_t index) {
    struct waiter *waiter = waiter_at(engine, index);
    struct queue *queue = queue_at(engine, lane_at(engine, waiter->lane)->queue);
    waiter->kind = WAITER_PUT;
    queue->reserved--;
    queue->reserved_bytes -= waiter->payload.size;
    list_insert(&queue->putters, &engine->waiters, offsetof(struct waiter, in_owner), 0, index);
    queue_wake(engine, queue->index);
}

static void waiter_leave_queue(struct engine *engine, uint32_t index) {
    struct waiter *waiter = waiter_at(engine, index);
    struct lane *lane = lane_at(engine, waiter->lane);
    struct queue *queue = queue_at(engine, lane->queue);
    struct stream *stream = stream_at(engine, waiter->stream);
    if (waiter->kind == WAITER_RESERVED) {
        queue->reserved--;
        queue->reserved_bytes -= waiter->payload.size;
    } else {
        list_remove(&queue->putters, &engine->waiters, offsetof(struct waiter, in_owner), index);
        if (waiter->payload.handle != 0) {
            engine_free_payload(engine, waiter->payload);
        }
    }
    if (waiter->has_origin) {
        map_drop(&engine->waiter_by_origin, task_id_hash(waiter->origin), index);
    }
    lane->tasks--;
    stream->putters--;
    stream_set_entry(engine, stream, waiter->number, 0);
    if (!PLANTED(PLANT_LOST_WAKEUP)) {
        queue_wake(engine, lane->queue);
    }
}

void waiter_drop(struct engine *engine, uint32_t index) {
    struct waiter *waiter = waiter_at(engine, index);
    struct session *session = session_at(engine, waiter->session);
    timer_stop(&engine->mono, &waiter->timer);
    list_remove(&session->waiters, &engine->waiters, offsetof(struct waiter, in_session), index);
    session->calls -= waiter_is_call(waiter);
    if (waiter->kind == WAITER_CALL || waiter->kind == WAITER_START) {
        struct cold *cold = cold_find(engine, waiter->task);
        list_remove(&cold->waiters, &engine->waiters, offsetof(struct waiter, in_owner), index);
    } else if (waiter_is_call(waiter)) {
        struct host *host = host_at(engine, waiter->host);
        list_remove(&host->waiters, &engine->waiters, offsetof(struct waiter, in_owner), index);
    } else {
        waiter_leave_queue(engine, index);
    }
    slab_free(&engine->waiters, index);
}

void waiter_expired(struct engine *engine, uint32_t index) {
    waiter_at(engine, index)->timer = 0;
    if (waiter_at(engine, index)->kind == WAITER_CALL) {
        call_timed_out(engine, index);
    } else if (waiter_at(engine, index)->kind == WAITER_START) {
        process_start_timed_out(engine, index);
    } else if (waiter_is_call(waiter_at(engine, index))) {
        leave_timed_out(engine, index);
    } else {
        putter_give_up(engine, index);
    }
}
