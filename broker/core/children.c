/* SPDX-License-Identifier: MIT
 *
 * Children: rings, generations and credit; see children.h. One rule decides everything about
 * generations: seeing a newer one voids what lies above the number that its report calls started,
 * whatever its own generation, and nothing older than the newest seen ever voids anything. */
#include "broker/core/children.h"

#include "broker/core/attempt.h"
#include "broker/core/hot.h"
#include "broker/core/spawn.h"

#include <stdlib.h>
#include <string.h>

/* ---- ring and loads ------------------------------------------------------------------------- */

static void ring_grow(struct engine *engine, struct child *child) {
    uint32_t size = child->ring_size == 0 ? CHILD_RING_MIN : child->ring_size * 2;
    uint32_t *ring = calloc(size, sizeof(*ring));
    CHECK(ring != NULL);
    for (uint32_t i = 0; i < child->ring_size; i++) {
        if (child->ring[i] != 0) {
            ring[task_at(engine, child->ring[i])->lease.number & (size - 1)] = child->ring[i];
        }
    }
    free(child->ring);
    child->ring = ring;
    child->ring_size = size;
}

uint32_t children_room(const struct child *child) {
    int32_t room = children_ahead(child->up_to, child->next - 1);
    if (room <= 0 ||
        (child->ring_size == BOUND_GATE_SLOTS && children_entry(child, child->next) != 0)) {
        return 0;
    }
    return (uint32_t)room < BOUND_GATE_SLOTS ? (uint32_t)room : BOUND_GATE_SLOTS;
}

uint64_t children_work_ns(const struct engine *engine, const struct child *child) {
    uint64_t work = 0;
    for (uint32_t i = 0; i < CHILD_LOADS; i++) {
        if (child->loads[i].lane != 0) {
            work += child->loads[i].count * hot_estimate_ns(lane_at(engine, child->loads[i].lane));
        }
    }
    return work;
}

static inline struct child_load *child_load_of(struct child *child, uint32_t lane) {
    for (uint32_t i = 0; i < CHILD_LOADS; i++) {
        if (child->loads[i].lane == lane) {
            return &child->loads[i];
        }
    }
    return NULL;
}

bool children_can_load(const struct child *child, uint32_t lane) {
    for (uint32_t i = 0; i < CHILD_LOADS; i++) {
        if (child->loads[i].lane == lane || child->loads[i].lane == 0) {
            return true;
        }
    }
    return false;
}

bool children_can_hold(const struct child *child, uint32_t size) {
    return child->leased == 0 || child->leased_bytes + size <= BOUND_LEASED_BYTES;
}

static void child_count_leases(struct engine *engine, uint32_t lane_index, uint32_t count) {
    struct lane *lane = lane_at(engine, lane_index);
    lane->leased += count;
    queue_at(engine, lane->queue)->leased += count;
    engine->counts.leased += count;
}

static bool children_make_slot(struct engine *engine, uint32_t index) {
    struct child *child = child_at(engine, index);
    while (child->ring_size == 0 ||
           (children_entry(child, child->next) != 0 && child->ring_size < BOUND_GATE_SLOTS)) {
        ring_grow(engine, child);
    }
    return children_entry(child, child->next) == 0;
}

/* How many from `next` on find a free place without growing further; at most `most`. */
uint32_t children_make_slots(struct engine *engine, uint32_t index, uint32_t most) {
    struct child *child = child_at(engine, index);
    uint32_t count = 0;
    while (count < most && children_make_slot(engine, index)) {
        uint32_t mask = child->ring_size - 1;
        while (count < most && count <= mask && child->ring[(child->next + count) & mask] == 0) {
            count++;
        }
        if (count == most || child->ring_size == BOUND_GATE_SLOTS) {
            return count;
        }
        ring_grow(engine, child);
        count = 0;
    }
    return count;
}

void children_lease(struct engine *engine, uint32_t index, uint32_t lane_index,
                    const struct effect_deliver_item *items, uint32_t count) {
    struct child *child = child_at(engine, index);
    uint32_t mask = child->ring_size - 1;
    if (child->leased == 0) {
        child->busy_since_us = engine_lived_us(engine);
    }
    for (uint32_t i = 0; i < count; i++) {
        struct task *task = task_at(engine, items[i].index);
        uint32_t *place = &child->ring[child->next & mask];
        CHECK(*place == 0);
        *place = items[i].index;
        task->state = TASK_LEASED;
        task->lease.child = index;
        task->lease.number = child->next++;
        child->leased_bytes += task->payload_size;
        child->sealed = (task->flags & TASK_VOID_AGAIN) != 0 ? task->lease.number : child->sealed;
    }
    struct child_load *load = child_load_of(child, lane_index);
    load = load != NULL ? load : child_load_of(child, 0);
    CHECK(load != NULL);
    load->lane = (uint16_t)lane_index;
    load->count = (uint16_t)(load->count + count);
    child->leased += count;
    child_count_leases(engine, lane_index, count);
}

void children_adopt(struct engine *engine, uint32_t index, uint32_t task_index,
                    struct token token) {
    struct child *child = child_at(engine, index);
    struct task *task = task_at(engine, task_index);
    struct cold *cold = cold_of(engine, task_index);
    task->state = TASK_LEASED;
    task->flags |= TASK_ADOPTED;
    task->lease.child = index;
    task->lease.number = 0;
    task_set_counter(task, token.counter);
    cold->epoch = token.epoch;
    list_append(&child->adopted, &engine->colds, offsetof(struct cold, adopted),
                cold_index(engine, task_index));
    child_count_leases(engine, task->lane, 1);
    children_touch(engine, index);
}

void children_release(struct engine *engine, uint32_t task_index) {
    struct task *task = task_at(engine, task_index);
    struct home home = HOME_UNKNOWN;
    home_find(engine, &home, task);
    if ((task->flags & TASK_ADOPTED) == 0) {
        hot_release(engine, &home, task);
        task->flags &= (uint16_t)~TASK_ANNOUNCED;
        return;
    }
    struct child *child = child_at(engine, task->lease.child);
    list_remove(&child->adopted, &engine->colds, offsetof(struct cold, adopted),
                cold_index(engine, task_index));
    home.lane->leased--;
    home.queue->leased--;
    engine->counts.leased--;
    children_touch(engine, task->lease.child);
    task->links = (struct links){0, 0};
    task_set_counter(task, 0);
    task->flags &= (uint16_t) ~(TASK_ANNOUNCED | TASK_ADOPTED);
    task->state = TASK_MOVING;
}

/* ---- generations ---------------------------------------------------------------------------- */

/* A large delivery takes long to arrive; it must not be void again and again before it does. */
static void child_count_void(struct task *task) {
    if (task->payload_size > BOUND_ALONE_BYTES && !PLANTED(PLANT_NEVER_SEALED)) {
        task->flags |= (task->flags & TASK_VOID) != 0 ? TASK_VOID_AGAIN : TASK_VOID;
    }
}

/* Whatever was delivered above `started` comes back, newest first. */
static void child_void(struct engine *engine, uint32_t index, uint32_t started) {
    struct child *child = child_at(engine, index);
    int32_t above = children_ahead(child->next - 1, started);
    if (above > (int32_t)child->ring_size) {
        above = (int32_t)child->ring_size;
    }
    for (; above > 0 && child->leased > 0; above--) {
        uint32_t number = started + (uint32_t)above;
        uint32_t task = children_entry(child, number);
        if (task != 0 && task_at(engine, task)->lease.number == number) {
            child_count_void(task_at(engine, task));
            attempt_return(engine, task);
            engine->counts.taken_back++;
        }
    }
}

bool children_closed(struct engine *engine, uint32_t index, uint32_t generation, uint32_t started) {
    struct child *child = child_at(engine, index);
    if (child->seen && children_ahead(generation + 1, child->generation) <= 0) {
        return false;
    }
    if (!PLANTED(PLANT_OLDER_NOT_VOIDED) || generation == child->generation) {
        child_void(engine, index, started);
    }
    if (!child->seen || started != child->started) {
        child->fruitless = 0;
    }
    child->seen = true;
    child->generation = generation + 1;
    child->started = started;
    child->next = started + 1;
    child->up_to = started;
    child->closing = false;
    children_touch(engine, index);
    return true;
}

bool children_is_stale(const struct engine *engine, uint32_t index, uint32_t generation) {
    const struct child *child = child_at(engine, index);
    return child->seen && children_ahead(generation + 1, child->generation) < 0;
}

bool children_can_have_started(const struct child *child, uint32_t started) {
    return !child->seen ||
           (children_ahead(started, child->started) >= 0 &&
            children_ahead(started, child->next) < 0);
}

void children_credit(struct engine *engine, uint32_t index, const struct wire_credit *credit) {
    struct child *child = child_at(engine, index);
    if (!child->seen || children_ahead(credit->generation, child->generation) > 0) {
        if (!children_can_have_started(child, credit->started)) {
            routes_close(engine, child->route);
            child->route = 0;
            children_touch(engine, index);
            return;
        }
        (void)children_closed(engine, index, credit->generation - 1, credit->started);
    }
    if (credit->generation != child->generation) {
        return; /* of a closed generation: void */
    }
    if (children_ahead(credit->started, child->started) > 0 &&
        children_ahead(credit->started, child->next) < 0) {
        child->started = credit->started;
        child->fruitless = 0;
        child->busy_since_us = engine_lived_us(engine);
        children_progress(engine, index);
    }
    if (children_ahead(credit->up_to, child->up_to) > 0 &&
        children_ahead(credit->up_to, child->started) <= BOUND_GATE_SLOTS) {
        if (child->up_to != child->started) { /* more than before: it asks for work */
            child->busy_since_us = engine_lived_us(engine);
        }
        child->up_to = credit->up_to;
    }
    children_touch(engine, index);
}

/* ---- room ----------------------------------------------------------------------------------- */

void children_touch(struct engine *engine, uint32_t index) {
    struct child *child = child_at(engine, index);
    if (!child->due) {
        child->due = true;
        list_append(&engine->children_due, &engine->children, offsetof(struct child, in_due),
                    index);
    }
}

bool children_usable(const struct engine *engine, const struct child *child) {
    const struct host *host = host_at(engine, child->host);
    return host->state == HOST_LIVE && !host->draining && !host->leave && !engine->draining &&
           child->route != 0 && child->seen && !child->closing && !child->dead &&
           child->adopted.count == 0 && children_room(child) > 0 &&
           !children_sealed(engine, child) &&
           (child->leased == 0 ||
            (children_work_ns(engine, child) < BOUND_CREDIT_US * 1000 &&
             engine_lived_us(engine) - child->busy_since_us < BOUND_UNSTARTED_US));
}

static void child_join_free(struct engine *engine, struct child *child) {
    struct host *host = host_at(engine, child->host);
    struct queue *queue = queue_at(engine, host->queue);
    list_append(&host->free, &engine->children, offsetof(struct child, in_free), child->index);
    queue->free_children++;
    child->free = true;
    if (host->free.count == 1) {
        list_append(&queue->free_hosts, &engine->hosts, offsetof(struct host, in_free),
                    host->index);
    }
}

static void child_leave_free(struct engine *engine, struct child *child) {
    struct host *host = host_at(engine, child->host);
    struct queue *queue = queue_at(engine, host->queue);
    list_remove(&host->free, &engine->children, offsetof(struct child, in_free), child->index);
    queue->free_children--;
    child->free = false;
    if (host->free.count == 0) {
        list_remove(&queue->free_hosts, &engine->hosts, offsetof(struct host, in_free),
                    host->index);
    }
}

void children_update(struct engine *engine, uint32_t index) {
    struct child *child = child_at(engine, index);
    if (child->fresh || spawn_is(engine, child)) {
        spawn_update(engine, index);
        return;
    }
    bool usable = children_usable(engine, child);
    bool idle = usable && child->leased == 0;
    if (idle != child->idle) {
        queue_at(engine, host_at(engine, child->host)->queue)->idle_children +=
            idle ? 1 : UINT32_MAX;
        child->idle = idle;
    }
    if (usable != child->free) {
        if (usable) {
            child_join_free(engine, child);
        } else {
            child_leave_free(engine, child);
        }
    }
    if (usable) {
        queue_match(engine, host_at(engine, child->host)->queue);
    }
}

/* ---- acknowledging -------------------------------------------------------------------------- */

void children_acknowledge_run(struct engine *engine, uint32_t index, struct token token) {
    struct child *child = child_at(engine, index);
    if (child->ack_count == child->ack_capacity) {
        child->ack_capacity = child->ack_capacity == 0 ? 16 : child->ack_capacity * 2;
        child->acks = realloc(child->acks, child->ack_capacity * sizeof(*child->acks));
        CHECK(child->acks != NULL);
    }
    child->acks[child->ack_count++] =
        (struct wire_token_run){.epoch = token.epoch, .first = token.counter, .count = 1};
    children_touch(engine, index);
}

static void child_send_acks(struct engine *engine, struct child *child) {
    if (child->ack_count == 0) {
        return;
    }
    route_id routes[2] = {child->route, child->old_route};
    for (int i = 0; i < 2; i++) {
        if (routes[i] == 0) {
            continue;
        }
        struct effects *sink = engine_sink(engine);
        size_t size = child->ack_count * sizeof(*child->acks);
        struct wire_token_run *runs = effects_alloc(sink, size);
        memcpy(runs, child->acks, size);
        struct effect *effect = effects_add(sink, EFFECT_RESULT_ACK, routes[i]);
        effect->tokens.place = child->place;
        effect->tokens.runs = runs;
        effect->tokens.run_count = child->ack_count;
    }
    child->ack_count = 0;
}

void children_settle(struct engine *engine) {
    while (engine->children_due.head != 0) {
        uint32_t index = engine->children_due.head;
        struct child *child = child_at(engine, index);
        list_remove(&engine->children_due, &engine->children, offsetof(struct child, in_due),
                    index);
        child->due = false;
        child_send_acks(engine, child);
        if (children_may_wait(child) != child->waiting) {
            children_progress(engine, index);
        }
        children_update(engine, index);
    }
}
