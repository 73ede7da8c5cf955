/* SPDX-License-Identifier: MIT
 *
 * Queues: names, bounds and counts; see queue.h. The count is kept here and nowhere else, so that
 * the bound cannot be bypassed: every way into or out of a lane goes through queue_count() and
 * queue_uncount(). */
#include "broker/core/queue.h"

#include "broker/core/hot.h"
#include "common/name.h"

#include <stdlib.h>
#include <string.h>

static bool queue_has_name(const void *context, uint32_t value) {
    const struct engine *engine = ((const void *const *)context)[0];
    const struct span *name = ((const void *const *)context)[1];
    return span_equal(queue_at(engine, value)->name, *name);
}

uint32_t queue_find(const struct engine *engine, struct span name) {
    const void *context[2] = {engine, &name};
    return map_find(&engine->queue_by_name, map_hash_bytes(name.data, name.size), queue_has_name,
                    context);
}

uint32_t queue_intern(struct engine *engine, struct span name, wherry_err *err) {
    uint32_t index = queue_find(engine, name);
    if (index != 0) {
        return index;
    }
    if (!name_ok(name)) {
        *err = WHERRY_E_INVALID;
        return 0;
    }
    if (engine->queues.live >= BOUND_QUEUES) {
        *err = WHERRY_E_LIMIT;
        return 0;
    }
    uint8_t *copy = malloc(name.size);
    CHECK(copy != NULL);
    memcpy(copy, name.data, name.size);
    index = slab_take(&engine->queues);
    struct queue *queue = queue_at(engine, index);
    queue->index = index;
    queue->name = (struct span){copy, name.size};
    queue->slot = id_slot_of_name(name);
    queue->arrival = engine->next_object++;
    queue->items_max = engine->config.queue_items_max;
    queue->bytes_max = engine->config.queue_bytes_max;
    map_put(&engine->queue_by_name, map_hash_bytes(name.data, name.size), index);
    return index;
}

void queue_fini(struct queue *queue) {
    free((void *)(uintptr_t)queue->name.data);
    queue->name = (struct span){NULL, 0};
}

void queue_count(struct engine *engine, uint32_t index, uint32_t size) {
    hot_count(engine, queue_at(engine, index), size);
}

void queue_uncount(struct engine *engine, uint32_t index, uint32_t size) {
    hot_uncount(engine, queue_at(engine, index), size);
}

void queue_wake(struct engine *engine, uint32_t index) {
    struct queue *queue = queue_at(engine, index);
    if (!queue->wake_due && queue->putters.count > 0) {
        queue->wake_due = true;
        list_append(&engine->wake_due, &engine->queues, offsetof(struct queue, in_wake), index);
    }
}

void queue_match(struct engine *engine, uint32_t index) {
    struct queue *queue = queue_at(engine, index);
    bool pool = queue->active.count > 0 && queue->free_hosts.count > 0;
    bool processes = queue->active_processes > 0 || queue->fresh.count > 0;
    if (!queue->match_due && (pool || processes) && queue_hands_out(queue)) {
        queue->match_due = true;
        list_append(&engine->match_due, &engine->queues, offsetof(struct queue, in_match), index);
    }
}

wherry_err queue_set_bounds(struct engine *engine, struct span name, uint64_t items_max,
                            uint64_t bytes_max) {
    wherry_err err = WHERRY_OK;
    uint32_t index = queue_intern(engine, name, &err);
    if (index == 0) {
        return err;
    }
    struct queue *queue = queue_at(engine, index);
    const struct engine_config *config = &engine->config;
    if (items_max > 0) {
        queue->items_max = items_max == QUEUE_BOUND_DEFAULT ? config->queue_items_max : items_max;
    }
    if (bytes_max > 0) {
        queue->bytes_max = bytes_max == QUEUE_BOUND_DEFAULT ? config->queue_bytes_max : bytes_max;
    }
    queue->set = true;
    persist_queue(engine, index);
    queue_wake(engine, index);
    return WHERRY_OK;
}

/* ---- pauses --------------------------------------------------------------------------------- */

const char *queue_state(const struct queue *queue) {
    bool out = !queue_is_paused_out(queue);
    if (queue->purge.works) {
        return "purging";
    }
    if (queue_refuses(queue, false)) {
        return out ? "refusing" : "refusing, paused";
    }
    if (!queue_is_open(queue, false)) {
        return out ? "paused in" : "paused in and out";
    }
    return out ? "open" : "paused";
}

wherry_err queue_pause(struct engine *engine, struct span name, uint32_t pause, uint32_t resume) {
    if (((pause | resume) & ~(uint32_t)WIRE_PAUSE_ALL) != 0) {
        return WHERRY_E_INVALID;
    }
    uint32_t index = queue_find(engine, name);
    if (index == 0) {
        return WHERRY_E_UNKNOWN;
    }
    struct queue *queue = queue_at(engine, index);
    uint8_t before = queue->paused;
    queue->paused = (uint8_t)((queue->paused & ~resume) | pause);
    if (queue->paused != before) {
        queue->set = true;
        if (!PLANTED(PLANT_PAUSE_UNSTORED)) {
            persist_queue(engine, index);
        }
        note_line(engine, LOG_INFO, "msg=\"queue paused or resumed\" queue=\"%.*s\" state=\"%s\"",
                  (int)name.size, (const char *)name.data, queue_state(queue));
    }
    if (queue_is_paused_out(queue) && (before & WIRE_PAUSE_OUT) == 0) {
        queue->recalls++;
    }
    queue_wake(engine, index);
    queue_match(engine, index);
    return WHERRY_OK;
}
