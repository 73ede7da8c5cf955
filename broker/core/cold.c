/* SPDX-License-Identifier: MIT
 *
 * Cold records, by a map from the task; see cold.h. A task's COLD flag says whether there is one,
 * so that the usual task never asks the map. */
#include "broker/core/state.h"

static bool cold_is_of(const void *context, uint32_t value) {
    const struct engine *engine = ((const void *const *)context)[0];
    uint32_t task = *((const uint32_t *const *)context)[1];
    return ((struct cold *)slab_at(&engine->colds, value))->task == task;
}

uint32_t cold_index(const struct engine *engine, uint32_t task) {
    const void *context[2] = {engine, &task};
    return map_find(&engine->cold_by_task, map_hash(task), cold_is_of, context);
}

struct cold *cold_find(const struct engine *engine, uint32_t task) {
    if ((task_at(engine, task)->flags & TASK_COLD) == 0) {
        return NULL;
    }
    return slab_at(&engine->colds, cold_index(engine, task));
}

struct cold *cold_of(struct engine *engine, uint32_t task) {
    struct cold *cold = cold_find(engine, task);
    if (cold != NULL) {
        return cold;
    }
    uint32_t index = slab_take(&engine->colds);
    cold = slab_at(&engine->colds, index);
    cold->task = task;
    cold->used = 1;
    map_put(&engine->cold_by_task, map_hash(task), index);
    task_at(engine, task)->flags |= TASK_COLD;
    return cold;
}

static bool cold_has_origin(const void *context, uint32_t value) {
    const struct engine *engine = ((const void *const *)context)[0];
    const struct task_id *id = ((const void *const *)context)[1];
    return task_id_equal(cold_find(engine, value)->origin, *id);
}

uint32_t cold_find_origin(const struct engine *engine, struct task_id id) {
    const void *context[2] = {engine, &id};
    return map_find(&engine->task_by_origin, task_id_hash(id), cold_has_origin, context);
}

void cold_set_origin(struct engine *engine, uint32_t task, struct task_id origin) {
    cold_of(engine, task)->origin = origin;
    task_at(engine, task)->flags |= TASK_ORIGIN;
    map_put(&engine->task_by_origin, task_id_hash(origin), task);
}

void cold_drop(struct engine *engine, uint32_t task) {
    uint32_t index = cold_index(engine, task);
    struct cold *cold = slab_at(&engine->colds, index);
    CHECK(cold->waiters.count == 0 && !cold->process && cold->sessions.count == 0);
    if ((task_at(engine, task)->flags & TASK_ORIGIN) != 0) {
        map_drop(&engine->task_by_origin, task_id_hash(cold->origin), task);
    }
    timer_stop(&engine->mono, &cold->timer);
    timer_stop(&engine->wall, &cold->ttl);
    bytes_free(&cold->failure);
    map_drop(&engine->cold_by_task, map_hash(task), index);
    slab_free(&engine->colds, index);
    task_at(engine, task)->flags &= (uint16_t) ~(TASK_COLD | TASK_ORIGIN);
}
