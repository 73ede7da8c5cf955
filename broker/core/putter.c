/* SPDX-License-Identifier: MIT
 *
 * Putters: see putter.h. Strictly in order of arrival: a small item behind a large one waits, too,
 * or the large one would wait for ever. */
#include "broker/core/putter.h"

#include "broker/core/state.h"
#include "broker/core/submit.h"

void putter_park(struct engine *engine, const struct putter_place *where,
                 const struct event_submit_item *item) {
    uint32_t index = waiter_make(engine, WAITER_PUT, where->session, where->wait_ms);
    if (index == 0) {
        engine_free_payload(engine, item->payload);
        submit_refuse(engine, where->stream, item->number, WHERRY_E_LIMIT,
                      "too many parked requests");
        return;
    }
    struct waiter *waiter = waiter_at(engine, index);
    waiter->lane = (uint16_t)where->lane;
    waiter->stream = where->stream;
    waiter->number = item->number;
    waiter->arrival = engine->next_arrival;
    waiter->payload = item->payload;
    if (item->has_origin) {
        waiter_set_origin(engine, index, item->origin);
    }
    if (item->payload.size > WIRE_INLINE_MAX) {
        engine_free_payload(engine, item->payload);
        waiter->payload.handle = 0;
    }
    struct lane *lane = lane_at(engine, where->lane);
    lane->tasks++; /* it names the lane */
    struct stream *stream = stream_at(engine, where->stream);
    stream->putters++;
    stream_set_entry(engine, stream, item->number, INDEX_WAITER | index);
    struct queue *queue = queue_at(engine, lane->queue);
    list_append(&queue->putters, &engine->waiters, offsetof(struct waiter, in_owner), index);
    queue_wake(engine, lane->queue);
}

/* Its place stays, its time and payload are the new ones. */
void putter_again(struct engine *engine, uint32_t index, const struct event_submit_item *item,
                  int64_t wait_ms) {
    struct waiter *waiter = waiter_at(engine, index);
    uint32_t stream = waiter->stream;
    uint32_t lane = waiter->lane;
    engine->counts.duplicates++;
    if (waiter->kind == WAITER_RESERVED) {
        waiter_unreserve(engine, index);
        const struct queue *queue = queue_at(engine, lane_at(engine, lane)->queue);
        if (queue_has_room(queue, item->payload.size) &&
            queue_is_open(queue, waiter_is_older(engine, waiter))) {
            waiter_drop(engine, index);
            submit_accept(engine, lane, stream, item);
            submit_tell(engine, stream);
            return;
        }
    }
    waiter_set_deadline(engine, index, wait_ms);
    engine_free_payload(engine, item->payload);
}

void putter_renumber(struct engine *engine, uint32_t stream_index, uint64_t from, uint64_t to) {
    struct stream *stream = stream_at(engine, stream_index);
    uint32_t entry = stream_entry(stream, from);
    uint32_t err;
    bool fresh = to > from && to <= stream->answers.acked + engine->config.window &&
                 stream_entry(stream, to) == 0 &&
                 answers_find(&stream->answers, to, &err) == ANSWER_NONE;
    if ((entry & INDEX_WAITER) == 0 || !fresh ||
        answers_bytes(&stream->answers) >= BOUND_ANSWERS_BYTES) {
        return; /* its answer is on its way, or it stays as it is */
    }
    uint32_t index = entry & ~INDEX_WAITER;
    struct waiter *waiter = waiter_at(engine, index);
    stream_set_entry(engine, stream, from, 0);
    stream_set_entry(engine, stream, to, entry);
    waiter->number = to;
    if (!waiter->has_origin) {
        struct task_id origin = {.session = session_at(engine, waiter->session)->id};
        origin.slot = stream->slot;
        origin.number = from & UINT64_C(0xffffffffffff);
        waiter_set_origin(engine, index, origin);
    }
    if (PLANTED(PLANT_RENUMBERED_LAST)) {
        struct queue *queue = queue_at(engine, lane_at(engine, waiter->lane)->queue);
        size_t links = offsetof(struct waiter, in_owner);
        list_remove(&queue->putters, &engine->waiters, links, index);
        list_append(&queue->putters, &engine->waiters, links, index);
    }
    submit_renumber(engine, stream_index, from, to);
    if (waiter->kind == WAITER_RESERVED) {
        submit_answer(engine, stream_index, to, WHERRY_E_RETRY, "its turn has come");
    }
}

/* The head's turn has come. */
static void putter_admit(struct engine *engine, uint32_t index) {
    struct waiter *waiter = waiter_at(engine, index);
    uint32_t stream = waiter->stream;
    uint32_t lane = waiter->lane;
    if (waiter->payload.handle == 0 && waiter->payload.size > 0) {
        waiter_reserve(engine, index);
        submit_answer(engine, stream, waiter->number, WHERRY_E_RETRY, "its turn has come");
        return;
    }
    struct event_submit_item item = {.number = waiter->number,
                                     .payload = waiter->payload,
                                     .has_origin = waiter->has_origin,
                                     .origin = waiter->origin};
    waiter->payload = (struct payload){0, 0};
    waiter_drop(engine, index);
    submit_accept(engine, lane, stream, &item);
    submit_tell(engine, stream);
}

/* OK, or why it can wait no longer. One that an earlier broker accepted is not refused for passing
 * reasons: the next broker will have it, too. */
static wherry_err putter_refusal(const struct engine *engine, const struct queue *queue,
                                 const struct waiter *waiter, const char **why) {
    bool older = waiter_is_older(engine, waiter);
    if (engine->draining && !older) {
        *why = "the broker is going down";
        return WHERRY_E_DRAINING;
    }
    if (queue_never_fits(queue, waiter->payload.size)) {
        *why = "larger than the queue's bound";
        return WHERRY_E_TOO_LARGE;
    }
    *why = "the queue was paused and refuses new work until it is resumed";
    return queue_refuses(queue, older) ? WHERRY_E_CLOSED : WHERRY_OK;
}

static uint32_t putter_wake_queue(struct engine *engine, uint32_t queue_index, uint32_t units) {
    struct queue *queue = queue_at(engine, queue_index);
    if (queue->purge.works) {
        return units; /* its end wakes them */
    }
    while (units > 0 && queue->putters.head != 0) {
        uint32_t index = queue->putters.head;
        const struct waiter *waiter = waiter_at(engine, index);
        uint32_t stream = waiter->stream;
        uint64_t number = waiter->number;
        const char *why;
        wherry_err err = putter_refusal(engine, queue, waiter, &why);
        if (err != WHERRY_OK) {
            waiter_drop(engine, index);
            submit_refuse(engine, stream, number, err, why);
        } else if (engine->store_full || !queue_is_open(queue, waiter_is_older(engine, waiter)) ||
                   !queue_has_room(queue, waiter->payload.size)) {
            return units;
        } else {
            putter_admit(engine, index);
        }
        units--;
    }
    if (queue->putters.head != 0) {
        queue_wake(engine, queue_index);
    }
    return units;
}

uint32_t putter_wake(struct engine *engine, uint32_t units) {
    uint32_t rounds = engine->wake_due.count;
    while (rounds-- > 0 && units > 0) {
        uint32_t index = engine->wake_due.head;
        list_remove(&engine->wake_due, &engine->queues, offsetof(struct queue, in_wake), index);
        queue_at(engine, index)->wake_due = false;
        units = putter_wake_queue(engine, index, units);
    }
    return units;
}

void putter_give_up(struct engine *engine, uint32_t index) {
    struct waiter *waiter = waiter_at(engine, index);
    uint32_t stream = waiter->stream;
    uint64_t number = waiter->number;
    bool reserved = waiter->kind == WAITER_RESERVED;
    bool open = queue_is_open(queue_at(engine, lane_at(engine, waiter->lane)->queue),
                              waiter_is_older(engine, waiter));
    waiter_drop(engine, index);
    if (!reserved) {
        submit_refuse(engine, stream, number, WHERRY_E_FULL,
                      open ? "the queue stayed full until the deadline"
                           : "the queue was still paused at the deadline");
    }
}
