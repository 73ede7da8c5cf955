/* SPDX-License-Identifier: MIT
 *
 * Audit: every cross-reference and sum; see engine.h and audit.h. Nothing in here trusts a count
 * that it can take itself. Slow on purpose, and run after each step of every test. */
#include "broker/core/audit.h"

#include "broker/core/result.h"

#include <stdlib.h>

bool audit_list(const struct list *list, const struct slab *slab, size_t offset) {
    uint32_t count = 0;
    uint32_t prev = 0;
    for (uint32_t at = list->head; at != 0; at = list_next(slab, offset, at)) {
        if (!slab_holds(slab, at) || list_links(slab, offset, at)->prev != prev ||
            ++count > list->count) {
            return false;
        }
        prev = at;
    }
    return count == list->count && list->tail == prev;
}

/* ---- tasks ---------------------------------------------------------------------------------- */

static const char *audit_lease(const struct engine *engine, uint32_t index) {
    const struct task *task = task_at(engine, index);
    AUDIT(slab_holds(&engine->children, task->lease.child), "task: leased to no child");
    const struct child *child = child_at(engine, task->lease.child);
    AUDIT(child->index != 0 && child->host != 0, "task: leased to a child that is gone");
    AUDIT(task_counter(task) != 0, "task: leased without a token");
    if ((task->flags & TASK_ADOPTED) != 0) {
        const struct cold *cold = cold_find(engine, index);
        AUDIT(cold != NULL && cold->epoch != 0, "task: adopted without an epoch");
        return NULL;
    }
    AUDIT(children_entry(child, task->lease.number) == index, "task: not in its child's ring");
    AUDIT(task_counter(task) < engine->next_counter, "task: a token of the future");
    return NULL;
}

static const char *audit_cold(const struct engine *engine, uint32_t index) {
    const struct task *task = task_at(engine, index);
    const struct cold *cold = cold_find(engine, index);
    AUDIT((cold != NULL) == ((task->flags & TASK_COLD) != 0),
          "task: its cold record and flag differ");
    if (cold == NULL) {
        AUDIT((task->flags & TASK_ORIGIN) == 0, "task: an origin without a cold record");
        AUDIT(task->state != TASK_WAITING, "task: waits for a retry without a cold record");
        return NULL;
    }
    AUDIT(cold->task == index, "cold: of another task");
    AUDIT(audit_list(&cold->waiters, &engine->waiters, offsetof(struct waiter, in_owner)),
          "cold: waiters");
    AUDIT(cold->timer == 0 || timer_is(&engine->mono, cold->timer, TIMER_TASK, index),
          "cold: timer");
    AUDIT(cold->ttl == 0 || timer_is(&engine->wall, cold->ttl, TIMER_TTL, index), "cold: ttl");
    AUDIT(task->state != TASK_WAITING || cold->timer != 0,
          "task: waits for a retry without a timer");
    AUDIT(!task_is_terminal(task) || cold->waiters.count == 0, "task: terminal and waited for");
    AUDIT((task->flags & TASK_ORIGIN) == 0 || cold_find_origin(engine, cold->origin) == index,
          "task: not found by its origin");
    AUDIT(cold->failure.size == 0 || task->payload == 0, "task: two results");
    return NULL;
}

static const char *audit_task(const struct engine *engine, uint32_t index) {
    const struct task *task = task_at(engine, index);
    AUDIT(task->state <= TASK_KEPT && task->state != TASK_MOVING, "task: unknown state");
    AUDIT(slab_holds(&engine->streams, task->stream), "task: no stream");
    const struct stream *stream = stream_at(engine, task->stream);
    AUDIT(stream->session != 0, "task: its stream is gone");
    AUDIT(stream_entry(stream, task_number(task)) == index, "task: not in its stream's index");
    AUDIT(slab_holds(&engine->lanes, task->lane) && lane_at(engine, task->lane)->queue != 0,
          "task: no lane");
    AUDIT(queue_at(engine, lane_at(engine, task->lane)->queue)->slot == stream->slot,
          "task: its queue and its stream have different slots");
    AUDIT(task_arrival(task) < engine->next_arrival, "task: arrives in the future");
    AUDIT((task->payload == 0) == (task->payload_size == 0), "task: payload and size");
    AUDIT((task->flags & TASK_ANNOUNCED) == 0, "task: a mark of a host hello was left");
    AUDIT((task->flags & TASK_CANCEL) == 0 || task->state == TASK_LEASED ||
              task->state == TASK_HELD,
          "task: cancelled, and neither leased nor ended");
    if (task->state == TASK_LEASED) {
        const char *complaint = audit_lease(engine, index);
        AUDIT(complaint == NULL, complaint);
    } else {
        AUDIT(task_counter(task) == 0, "task: a token without a lease");
        AUDIT((task->flags & TASK_ADOPTED) == 0, "task: adopted without a lease");
    }
    if (task->state == TASK_KEPT) {
        AUDIT((lane_at(engine, task->lane)->options.flags & TASK_KEEP) != 0,
              "task: kept by nobody");
    }
    return audit_cold(engine, index);
}

const char *audit_tasks(const struct engine *engine) {
    uint32_t live = 0;
    uint32_t colds = 0;
    for (uint32_t index = 1; index <= engine->tasks.used; index++) {
        if (task_at(engine, index)->state == TASK_FREE) {
            continue;
        }
        live++;
        colds += (task_at(engine, index)->flags & TASK_COLD) != 0;
        const char *complaint = audit_task(engine, index);
        AUDIT(complaint == NULL, complaint);
    }
    AUDIT(live == engine->tasks.live, "tasks: live count");
    AUDIT(colds == engine->colds.live, "cold records: count");
    return NULL;
}

/* ---- the rest ------------------------------------------------------------------------------- */

static const char *audit_totals(const struct engine *engine) {
    uint64_t ready = 0;
    uint64_t waiting = 0;
    uint64_t leased = 0;
    uint64_t kept = 0;
    uint64_t kept_bytes = 0;
    for (uint32_t index = 1; index <= engine->tasks.used; index++) {
        const struct task *task = task_at(engine, index);
        ready += task_is_ready(task);
        waiting += task->state == TASK_WAITING;
        leased += task->state == TASK_LEASED;
        kept += task_is_terminal(task);
        kept_bytes += task_is_terminal(task) ? result_cost(engine, index) : 0;
    }
    AUDIT(ready == engine->counts.ready, "counts: ready");
    AUDIT(waiting == engine->counts.waiting_retry, "counts: waiting for a retry");
    AUDIT(leased == engine->counts.leased, "counts: leased");
    AUDIT(kept == engine->counts.results_kept, "counts: results kept");
    AUDIT(kept_bytes == engine->counts.results_bytes, "counts: bytes of results");
    return NULL;
}

struct handles {
    uint32_t *items;
    uint32_t count;
    uint64_t bytes;
};

static void handles_add(struct handles *handles, struct payload payload) {
    if (payload.handle != 0) {
        handles->items[handles->count++] = payload.handle;
        handles->bytes += payload.size;
    }
}

static int handle_compare(const void *a, const void *b) {
    uint32_t first = *(const uint32_t *)a;
    uint32_t second = *(const uint32_t *)b;
    return (first > second) - (first < second);
}

static bool handles_are_single(struct handles *handles) {
    qsort(handles->items, handles->count, sizeof(*handles->items), handle_compare);
    for (uint32_t i = 1; i < handles->count; i++) {
        if (handles->items[i] == handles->items[i - 1]) {
            return false;
        }
    }
    return true;
}

/* Each handle is held once, and their bytes are what is counted. (Parked events hold some, too.) */
static const char *audit_payloads(const struct engine *engine) {
    size_t most = (size_t)engine->tasks.used + engine->waiters.used + engine->grace.early.used + 1;
    struct handles handles = {.items = malloc(most * sizeof(uint32_t))};
    CHECK(handles.items != NULL);
    for (uint32_t index = 1; index <= engine->tasks.used; index++) {
        const struct task *task = task_at(engine, index);
        if (task->state != TASK_FREE) {
            handles_add(&handles, (struct payload){task->payload, task->payload_size});
        }
    }
    for (uint32_t index = 1; index <= engine->waiters.used; index++) {
        if (waiter_at(engine, index)->kind == WAITER_PUT) {
            handles_add(&handles, waiter_at(engine, index)->payload);
        }
    }
    for (uint32_t at = engine->grace.early_list.head; at != 0;) {
        const struct early *early = slab_at(&engine->grace.early, at);
        if (early->has_result) {
            handles_add(&handles, early->payload);
        }
        at = early->links.next;
    }
    bool single = handles_are_single(&handles);
    free(handles.items);
    AUDIT(single, "payloads: one is held twice");
    AUDIT(engine->parking.count > 0 || handles.bytes == engine->counts.payload_bytes,
          "payloads: bytes");
    return NULL;
}

static bool route_is_mutual(const struct engine *engine, const struct route *route) {
    switch ((enum peer_kind)route->kind) {
    case PEER_CLIENT:
        return session_at(engine, route->peer)->route == route->id;
    case PEER_HOST:
        return host_at(engine, route->peer)->route == route->id;
    case PEER_CHILD:
        return child_at(engine, route->peer)->route == route->id ||
               child_at(engine, route->peer)->old_route == route->id;
    case PEER_NONE:
        return false;
    }
    return false;
}

const char *audit_rest(const struct engine *engine) {
    const char *complaint = audit_totals(engine);
    complaint = complaint != NULL ? complaint : audit_payloads(engine);
    complaint = complaint != NULL ? complaint : timers_audit(&engine->mono);
    complaint = complaint != NULL ? complaint : timers_audit(&engine->wall);
    AUDIT(complaint == NULL, complaint);
    for (uint32_t index = 1; index <= engine->routes.used; index++) {
        const struct route *route = slab_at(&engine->routes, index);
        AUDIT(route->id == 0 || route_is_mutual(engine, route), "route: its peer has another one");
    }
    AUDIT(engine->frees.count == 0, "payloads: freed ones were not given back");
    const struct barrier *barrier = &engine->barrier;
    AUDIT(barrier->open - barrier->committed <= 2, "barrier: more than one batch in flight");
    AUDIT(barrier->dirty || barrier->held[barrier->open % 2].count == 0,
          "barrier: effects wait for a batch that holds nothing");
    AUDIT(barrier_in_flight(barrier) || barrier->held[barrier->committed % 2].count == 0,
          "barrier: effects wait for a batch that is committed");
    AUDIT(engine->config.keeps || !barrier->dirty, "barrier: a change with nothing to keep it");
    AUDIT(engine->parking.count == 0 || barrier_in_flight(barrier), "parking: nobody will resume");
    AUDIT(
        audit_list(&engine->grace.early_list, &engine->grace.early, offsetof(struct early, links)),
        "grace: list");
    return NULL;
}

const char *engine_audit(const struct engine *engine) {
    const char *(*const parts[])(const struct engine *) = {
        audit_tasks, audit_queues, audit_clients, audit_workers, audit_processes, audit_rest};
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        const char *complaint = parts[i](engine);
        if (complaint != NULL) {
            return complaint;
        }
    }
    return NULL;
}
