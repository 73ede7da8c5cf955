/* SPDX-License-Identifier: MIT
 *
 * Lanes: interning, order, estimate; see lane.h. A lane that no record names may be given to
 * another key when the table is full, so that a client which varies its options cannot use the
 * table up. */
#include "broker/core/lane.h"

#include "broker/core/hot.h"
#include "broker/core/treap.h"

#include <stdlib.h>
#include <string.h>

enum { LANE_ESTIMATE_MIN_NS = 100 };

static bool options_equal(const struct wire_options *a, const struct wire_options *b) {
    return a->flags == b->flags && a->priority == b->priority &&
           a->max_attempts == b->max_attempts && a->ttl_ms == b->ttl_ms;
}

struct lane_key {
    const struct engine *engine;
    uint32_t queue;
    struct span function;
    const struct wire_options *options;
};

static bool lane_has_key(const void *context, uint32_t value) {
    const struct lane_key *key = context;
    const struct lane *lane = lane_at(key->engine, value);
    return lane->queue == key->queue && span_equal(lane->function, key->function) &&
           options_equal(&lane->options, key->options);
}

static uint64_t lane_hash(const struct lane_key *key) {
    uint64_t hash = map_hash_bytes(key->function.data, key->function.size);
    hash = map_hash(hash ^ key->queue ^ (uint64_t)key->options->flags << 32);
    hash = map_hash(hash ^ (uint32_t)key->options->priority);
    return map_hash(hash ^ key->options->ttl_ms ^ (uint64_t)key->options->max_attempts << 32);
}

bool lane_is(const struct engine *engine, uint32_t index, struct span queue, struct span function,
             const struct wire_options *options) {
    const struct lane *lane = lane_at(engine, index);
    return lane->queue != 0 && span_equal(lane->function, function) &&
           span_equal(queue_at(engine, lane->queue)->name, queue) &&
           options_equal(&lane->options, options);
}

void lane_fini(struct lane *lane) {
    free((void *)(uintptr_t)lane->function.data);
    lane->function = (struct span){NULL, 0};
}

static void lane_forget(struct engine *engine, uint32_t index) {
    struct lane *lane = lane_at(engine, index);
    struct lane_key key = {engine, lane->queue, lane->function, &lane->options};
    map_drop(&engine->lane_by_key, lane_hash(&key), index);
    struct queue *queue = queue_at(engine, lane->queue);
    list_remove(&queue->lanes, &engine->lanes, offsetof(struct lane, in_queue), index);
    for (uint32_t host = queue->hosts.head; host != 0;) {
        struct host *record = host_at(engine, host);
        record->offers[index / 64] &= ~(UINT64_C(1) << index % 64);
        host = record->in_queue.next;
    }
    lane_fini(lane);
    slab_free(&engine->lanes, index);
}

/* Makes room by forgetting a lane that nobody uses. */
static bool lane_reclaim(struct engine *engine) {
    for (uint32_t index = 1; index <= engine->lanes.used; index++) {
        struct lane *lane = lane_at(engine, index);
        if (lane->queue != 0 && lane->tasks == 0 && lane->spawning == 0) {
            lane_forget(engine, index);
            return true;
        }
    }
    return false;
}

uint32_t lane_intern(struct engine *engine, uint32_t queue_index, struct span function,
                     const struct wire_options *options) {
    struct lane_key key = {engine, queue_index, function, options};
    uint64_t hash = lane_hash(&key);
    uint32_t index = map_find(&engine->lane_by_key, hash, lane_has_key, &key);
    if (index != 0) {
        return index;
    }
    if (engine->lanes.live >= BOUND_LANES && !lane_reclaim(engine)) {
        return 0;
    }
    uint8_t *name = malloc(function.size + 1);
    CHECK(name != NULL);
    if (function.size > 0) {
        memcpy(name, function.data, function.size);
    }
    index = slab_take(&engine->lanes);
    struct lane *lane = lane_at(engine, index);
    lane->queue = (uint16_t)queue_index;
    lane->options = *options;
    lane->function = (struct span){name, function.size};
    map_put(&engine->lane_by_key, hash, index);
    struct queue *queue = queue_at(engine, queue_index);
    list_append(&queue->lanes, &engine->lanes, offsetof(struct lane, in_queue), index);
    for (uint32_t host = queue->hosts.head; host != 0;
         host = host_at(engine, host)->in_queue.next) {
        hosts_consider_lane(engine, host, index);
    }
    return index;
}

/* ---- order ---------------------------------------------------------------------------------- */

static bool lane_urgent(const struct engine *engine, uint32_t a, uint32_t b) {
    return lane_at(engine, a)->options.priority > lane_at(engine, b)->options.priority;
}

void lane_update(struct engine *engine, uint32_t index) {
    struct lane *lane = lane_at(engine, index);
    bool active = lane->offers > 0 && lane_ready(lane) > 0;
    if (active == lane->active) {
        return;
    }
    struct queue *queue = queue_at(engine, lane->queue);
    size_t offset = offsetof(struct lane, in_active);
    lane->active = active;
    bool process = (lane->options.flags & TASK_PROCESS) != 0;
    queue->active_processes += process ? (active ? 1 : UINT32_MAX) : 0;
    if (!active) {
        list_remove(&queue->active, &engine->lanes, offset, index);
        return;
    }
    uint32_t after = queue->active.tail;
    while (after != 0 && lane_urgent(engine, index, after)) {
        after = lane_at(engine, after)->in_active.prev;
    }
    list_insert(&queue->active, &engine->lanes, offset, after, index);
    queue_match(engine, lane->queue);
}

void lane_append(struct engine *engine, uint32_t index) {
    struct home home = HOME_UNKNOWN;
    home_find(engine, &home, task_at(engine, index));
    hot_append(engine, &home, index);
}

void lane_return(struct engine *engine, uint32_t index) {
    struct task *task = task_at(engine, index);
    struct lane *lane = lane_at(engine, task->lane);
    task->state = TASK_BACK;
    treap_insert(&engine->tasks, &lane->back, index);
    lane->back_count++;
    queue_count(engine, lane->queue, task->payload_size);
    lane_update(engine, task->lane);
    queue_match(engine, lane->queue);
}

uint32_t lane_first(const struct engine *engine, uint32_t index) {
    const struct lane *lane = lane_at(engine, index);
    uint32_t queued = lane->fifo.head;
    if (lane->back_count == 0) {
        return queued;
    }
    uint32_t back = treap_first(&engine->tasks, lane->back);
    if (queued != 0 &&
        task_arrival(task_at(engine, queued)) < task_arrival(task_at(engine, back))) {
        return queued;
    }
    return back;
}

void lane_remove(struct engine *engine, uint32_t index) {
    struct task *task = task_at(engine, index);
    struct lane *lane = lane_at(engine, task->lane);
    if (task->state == TASK_QUEUED) {
        tasks_remove(engine, &lane->fifo, index);
    } else {
        CHECK(task->state == TASK_BACK);
        treap_remove(&engine->tasks, &lane->back, index);
        lane->back_count--;
    }
    hot_uncount(engine, queue_at(engine, lane->queue), task->payload_size);
    if (lane_ready(lane) == 0) {
        lane_update(engine, task->lane);
    }
}

/* ---- estimate ------------------------------------------------------------------------------- */

void lane_measure(struct lane *lane, uint64_t items, uint64_t busy_ns) {
    uint64_t sample = busy_ns / items;
    if (sample < LANE_ESTIMATE_MIN_NS) {
        sample = LANE_ESTIMATE_MIN_NS;
    }
    if (lane->estimate_ns == 0) {
        lane->estimate_ns = sample;
    } else if (items >= 4) {
        lane->estimate_ns = (lane->estimate_ns + sample) / 2;
    } else {
        lane->estimate_ns = (lane->estimate_ns * (8 - items) + sample * items) / 8;
    }
}
