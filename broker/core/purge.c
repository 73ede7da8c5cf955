/* SPDX-License-Identifier: MIT
 *
 * Purges; see purge.h. The mark takes an arrival number of its own, so that it parts what came
 * before from what comes after, parked submits included. */
#include "broker/core/purge.h"

#include "broker/core/attempt.h"
#include "broker/core/call.h"
#include "broker/core/hot.h"
#include "broker/core/result.h"
#include "broker/core/submit.h"

wherry_err purge_ask(struct engine *engine, uint32_t session, const struct event_call *call) {
    uint32_t index = queue_find(engine, call->name);
    if (index == 0) {
        return WHERRY_E_UNKNOWN;
    }
    struct queue *queue = queue_at(engine, index);
    struct purge *purge = &queue->purge;
    uint64_t id = session_at(engine, session)->id;
    if (purge->session == id && purge->call == call->call) { /* said again */
        if (!purge->open) {
            call_answer_number(engine, session, call->call, purge->count);
        }
        return WHERRY_OK;
    }
    if (purge->open) {
        return WHERRY_E_BUSY;
    }
    *purge = (struct purge){.before = engine->next_arrival++, .session = id, .call = call->call};
    purge->open = true;
    purge->works = engine->grace.over || !engine->config.keeps; /* else hosts announce first */
    queue->set = true;
    queue->recalls++;
    if (!PLANTED(PLANT_PURGE_UNSTORED)) {
        persist_queue(engine, index);
    }
    note_line(engine, LOG_INFO, "msg=\"queue is purged\" queue=\"%.*s\"", (int)queue->name.size,
              (const char *)queue->name.data);
    if (purge->works) {
        work_add(engine, WORK_PURGE, index);
    }
    return WHERRY_OK;
}

void purge_finish(struct engine *engine, uint32_t index) {
    struct task *task = task_at(engine, index);
    queue_at(engine, lane_at(engine, task->lane)->queue)->purge.count++;
    task->flags |= TASK_PURGED;
    result_finish(engine, index, WIRE_CANCELLED, (struct payload){0, 0});
}

/* ---- the work ------------------------------------------------------------------------------- */

/* Those who came before it; whoever came since stands behind them. */
static uint32_t purge_putters(struct engine *engine, struct queue *queue, uint32_t units) {
    uint32_t used = 0;
    for (; used < units && queue->putters.head != 0; used++) {
        uint32_t index = queue->putters.head;
        const struct waiter *waiter = waiter_at(engine, index);
        uint32_t stream = waiter->stream;
        uint64_t number = waiter->number;
        if (waiter->arrival > queue->purge.before) {
            break;
        }
        waiter_drop(engine, index);
        submit_refuse(engine, stream, number, WHERRY_E_CANCELLED,
                      "the queue was purged before it was accepted");
        queue->purge.count++;
    }
    return used;
}

/* One task that waits for a retry or stands in a lane; 0: none is left that came before it. */
static uint32_t purge_next(const struct engine *engine, const struct queue *queue,
                           uint32_t *lane_index) {
    if (queue->retries.head != 0 && purge_hits(engine, queue->retries.head)) {
        return queue->retries.head;
    }
    while (*lane_index != 0) {
        uint32_t task = lane_first(engine, *lane_index);
        if (task != 0 && purge_hits(engine, task)) {
            return task;
        }
        *lane_index = lane_at(engine, *lane_index)->in_queue.next;
    }
    return 0;
}

/* Its caller may have reconnected meanwhile, or be gone. */
static void purge_answer(struct engine *engine, const struct purge *purge) {
    uint32_t session = sessions_find(engine, purge->session);
    if (session != 0 && session_at(engine, session)->route != 0) {
        call_answer_number(engine, session, purge->call, purge->count);
    }
}

static void purge_end(struct engine *engine, uint32_t index) {
    struct queue *queue = queue_at(engine, index);
    queue->purge.open = false;
    queue->purge.works = false;
    note_line(engine, LOG_INFO, "msg=\"queue was purged\" queue=\"%.*s\" tasks=%llu",
              (int)queue->name.size, (const char *)queue->name.data,
              (unsigned long long)queue->purge.count);
    purge_answer(engine, &queue->purge);
    queue_wake(engine, index);
    queue_match(engine, index);
}

uint32_t purge_work(struct engine *engine, uint32_t index, uint32_t units, bool *over) {
    struct queue *queue = queue_at(engine, index);
    uint32_t used = purge_putters(engine, queue, units);
    uint32_t lane = queue->lanes.head;
    uint32_t task = 0;
    while (used < units && (task = purge_next(engine, queue, &lane)) != 0) {
        attempt_take_ready(engine, task);
        purge_finish(engine, task);
        used++;
    }
    *over = used < units;
    if (*over) {
        purge_end(engine, index);
    }
    return used;
}

void purge_go_on(struct engine *engine) {
    for (uint32_t index = 1; index <= engine->queues.used; index++) {
        struct queue *queue = queue_at(engine, index);
        if (queue->purge.open && !queue->purge.works) {
            queue->purge.works = true;
            work_add(engine, WORK_PURGE, index);
        }
    }
}
