/* SPDX-License-Identifier: MIT
 *
 * Hot: what happens several times in the life of every task, inline. Nothing in here is more than a
 * few instructions and a call for the rare case. Private to broker/core. */
#ifndef WHERRY_HOT_H
#define WHERRY_HOT_H

#include "broker/core/persist.h"
#include "broker/core/state.h"

static inline void persist_task(struct engine *engine, uint32_t task) {
    if (engine->config.keeps) {
        persist_task_now(engine, task);
    }
}

static inline void persist_task_delete(struct engine *engine, uint32_t task) {
    if (engine->config.keeps) {
        persist_task_delete_now(engine, task);
    }
}

/* engine_free_payload() with its usual case. */
static inline void hot_free_payload(struct engine *engine, uint32_t handle, uint32_t size) {
    struct frees *frees = &engine->frees;
    if (handle != 0 && frees->count < frees->capacity) {
        frees->handles[frees->count++] = handle;
        engine->counts.payload_bytes -= size;
    } else {
        engine_free_payload(engine, (struct payload){handle, size});
    }
}

/* Where a task belongs, resolved once for many tasks of the same lane and stream. Records never
 * move. */
struct home {
    uint32_t lane_index;
    uint32_t stream_index;
    struct lane *lane;
    struct queue *queue;
    struct stream *stream;
};
#define HOME_UNKNOWN ((struct home){0, 0, NULL, NULL, NULL})

static inline void home_find(const struct engine *engine, struct home *home,
                             const struct task *task) {
    if (home->lane_index != task->lane) {
        home->lane_index = task->lane;
        home->lane = lane_at(engine, task->lane);
        home->queue = queue_at(engine, home->lane->queue);
    }
    if (home->stream_index != task->stream) {
        home->stream_index = task->stream;
        home->stream = stream_at(engine, task->stream);
    }
}

static inline void hot_count(struct engine *engine, struct queue *queue, uint32_t size) {
    queue->depth++;
    queue->depth_bytes += size;
    engine->counts.ready++;
}

static inline void hot_uncount(struct engine *engine, struct queue *queue, uint32_t size) {
    queue->depth--;
    queue->depth_bytes -= size;
    engine->counts.ready--;
    if (queue->putters.count > 0 && !queue->wake_due && !PLANTED(PLANT_LOST_WAKEUP)) {
        queue_wake(engine, queue->index);
    }
}

/* Appends to the lane's FIFO. */
static inline void hot_append(struct engine *engine, const struct home *home, uint32_t index) {
    struct task *task = task_at(engine, index);
    task->state = TASK_QUEUED;
    tasks_append(engine, &home->lane->fifo, index);
    hot_count(engine, home->queue, task->payload_size);
    if (!home->lane->active) {
        lane_update(engine, home->lane_index);
    }
}

/* Takes the head of the lane's FIFO. */
static inline void hot_shift(struct engine *engine, const struct home *home) {
    struct list *fifo = &home->lane->fifo;
    struct task *task = task_at(engine, fifo->head);
    fifo->head = task->links.next;
    fifo->count--;
    if (fifo->head != 0) {
        task_at(engine, fifo->head)->links.prev = 0;
    } else {
        fifo->tail = 0;
    }
    hot_uncount(engine, home->queue, task->payload_size);
    if (fifo->count == 0) {
        lane_update(engine, home->lane_index);
    }
}

/* Out of its child's ring; the token is gone. For leases that were delivered, not adopted. */
static inline void hot_release(struct engine *engine, const struct home *home, struct task *task) {
    struct child *child = child_at(engine, task->lease.child);
    struct child_load *load = child->loads;
    while (load->lane != task->lane) {
        load++;
    }
    child->ring[task->lease.number & (child->ring_size - 1)] = 0;
    load->lane = --load->count == 0 ? 0 : load->lane;
    child->leased--;
    child->leased_bytes -= task->payload_size;
    home->lane->leased--;
    home->queue->leased--;
    engine->counts.leased--;
    if (!child->due) {
        children_touch(engine, task->lease.child);
    }
    task->links = (struct links){0, 0};
    task_set_counter(task, 0);
    task->state = TASK_MOVING;
}

/* The entry of `number`, if the chunk used last holds it; NULL: ask the index. */
static inline uint32_t *hot_entry(const struct stream *stream, uint64_t number) {
    struct index_chunk *chunk = stream->index.recent;
    if (chunk == NULL || chunk->number != number >> INDEX_BITS) {
        return NULL;
    }
    return &chunk->entries[number & (INDEX_CHUNK - 1)];
}

static inline void hot_set_entry(struct engine *engine, struct stream *stream, uint64_t number,
                                 uint32_t task) {
    uint32_t *entry = hot_entry(stream, number);
    if (entry != NULL && *entry == 0) {
        *entry = task;
        stream->index.recent->live++;
    } else {
        stream_set_entry(engine, stream, number, task);
    }
}

static inline void hot_clear_entry(struct engine *engine, struct stream *stream, uint64_t number) {
    uint32_t *entry = hot_entry(stream, number);
    if (entry != NULL && *entry != 0 && stream->index.recent->live > 1) {
        *entry = 0;
        stream->index.recent->live--;
    } else {
        stream_set_entry(engine, stream, number, 0);
    }
}

/* A result is recorded or refused: its child may forget it. Tokens mostly come in order. */
static inline void children_acknowledge(struct engine *engine, uint32_t index, struct token token) {
    struct child *child = child_at(engine, index);
    struct wire_token_run *last = child->ack_count > 0 ? &child->acks[child->ack_count - 1] : NULL;
    if (last != NULL && last->first + last->count == token.counter && last->epoch == token.epoch) {
        last->count++;
    } else {
        children_acknowledge_run(engine, index, token);
    }
}

static inline uint64_t hot_estimate_ns(const struct lane *lane) {
    return lane->estimate_ns != 0 ? lane->estimate_ns : BOUND_CREDIT_US * UINT64_C(1000);
}

#endif
