/* SPDX-License-Identifier: MIT
 *
 * Spawn: see spawn.h. SPAWN leaves behind the DEATH_ACK that freed its place, because both wait for
 * the newest batch: before that the host would find the place occupied. */
#include "broker/core/spawn.h"

#include "broker/core/match.h"
#include "broker/core/process.h"
#include "broker/core/state.h"

enum { FRESH_LINKS = offsetof(struct child, in_free), SPAWN_DOUBLINGS_MAX = 7 };

bool spawn_is(const struct engine *engine, const struct child *child) {
    const struct host *host = host_at(engine, child->host);
    return host->state == HOST_LIVE && child->place >= host->processes;
}

/* ---- one child ------------------------------------------------------------------------------ */

static void spawn_set(struct engine *engine, struct child *child, enum spawn_state state) {
    struct host *host = host_at(engine, child->host);
    host->spawned += child->spawn == SPAWN_FREE && state != SPAWN_FREE;
    host->spawned -= child->spawn != SPAWN_FREE && state == SPAWN_FREE;
    child->spawn = (uint8_t)state;
}

/* Nobody counts on it any more. */
static void spawn_uncount(struct engine *engine, struct child *child) {
    if (child->spawn_lane != 0) {
        lane_at(engine, child->spawn_lane)->spawning--;
        queue_match(engine, lane_at(engine, child->spawn_lane)->queue);
        child->spawn_lane = 0;
    }
}

static void spawn_join(struct engine *engine, struct child *child, bool fresh) {
    struct queue *queue = queue_at(engine, host_at(engine, child->host)->queue);
    if (fresh) {
        list_append(&queue->fresh, &engine->children, FRESH_LINKS, child->index);
    } else {
        list_remove(&queue->fresh, &engine->children, FRESH_LINKS, child->index);
    }
    child->fresh = fresh;
}

void spawn_update(struct engine *engine, uint32_t index) {
    struct child *child = child_at(engine, index);
    bool fresh = spawn_is(engine, child) && child->spawn != SPAWN_STOPPING && child->leased == 0 &&
                 children_usable(engine, child);
    if (fresh != child->fresh) {
        spawn_join(engine, child, fresh);
    }
    if (fresh) {
        spawn_set(engine, child, SPAWN_ASKED);
        queue_match(engine, host_at(engine, child->host)->queue);
    }
}

void spawn_used(struct engine *engine, uint32_t index) {
    struct child *child = child_at(engine, index);
    spawn_uncount(engine, child);
    spawn_set(engine, child, SPAWN_USED);
    child->activity = WIRE_PROCESS_RUNNING;
    host_at(engine, child->host)->spawn_failures = 0;
}

/* It ended without having been given anything, and nobody had asked for that. */
static void spawn_failed(struct engine *engine, struct host *host) {
    uint32_t doublings =
        host->spawn_failures < SPAWN_DOUBLINGS_MAX ? host->spawn_failures : SPAWN_DOUBLINGS_MAX;
    host->spawn_failures += host->spawn_failures < UINT8_MAX;
    if (host->spawn_timer == 0) {
        int64_t wait_us = (int64_t)TIME_SPAWN_AGAIN_MS * 1000 << doublings;
        host->spawn_timer =
            timer_start(&engine->mono, engine->now.mono_us + wait_us, TIMER_SPAWN, host->index);
    }
}

void spawn_timer(struct engine *engine, uint32_t index) {
    struct host *host = host_at(engine, index);
    host->spawn_timer = 0;
    queue_match(engine, host->queue);
}

void spawn_over(struct engine *engine, uint32_t index) {
    struct child *child = child_at(engine, index);
    struct host *host = host_at(engine, child->host);
    if (child->spawn == SPAWN_ASKED && host->state == HOST_LIVE) {
        spawn_failed(engine, host);
    }
    if (child->fresh) { /* it died while it waited for work */
        spawn_join(engine, child, false);
    }
    spawn_uncount(engine, child);
    spawn_set(engine, child, SPAWN_FREE);
    child->name.size = 0;
    if (host->state == HOST_LIVE) {
        queue_match(engine, host->queue);
    }
}

void spawn_announced(struct engine *engine, uint32_t index, bool alive) {
    struct child *child = child_at(engine, index);
    if (!spawn_is(engine, child)) {
        return;
    }
    child->spawn_listed = true;
    if (child->spawn == SPAWN_FREE || (alive && child->spawn == SPAWN_STOPPING)) {
        spawn_set(engine, child, SPAWN_USED); /* until it asks for work */
    }
}

/* The order was lost with its connection, or the death was acknowledged by a broker before us. */
void spawn_sweep(struct engine *engine, uint32_t index) {
    const struct host *host = host_at(engine, index);
    for (uint32_t place = host->processes; place < host->place_count; place++) {
        struct child *child =
            host->places[place] == 0 ? NULL : child_at(engine, host->places[place]);
        if (child != NULL && child->spawn != SPAWN_FREE && !child->spawn_listed) {
            spawn_uncount(engine, child);
            spawn_set(engine, child, SPAWN_FREE);
        }
        if (child != NULL) {
            child->spawn_listed = false;
        }
    }
    queue_match(engine, host->queue);
}

/* ---- asking --------------------------------------------------------------------------------- */

static void spawn_order(struct engine *engine, const struct child *child, enum effect_kind kind) {
    struct effect *effect =
        effects_add(engine_sink(engine), kind, host_at(engine, child->host)->route);
    effect->place_note.place = child->place;
}

static bool spawn_has_room(const struct host *host, uint32_t lane) {
    return host->spawned < host->processes_max && host->route != 0 && !host->draining &&
           !host->leave && host->spawn_timer == 0 && hosts_offers(host, lane);
}

/* The one with the fewest; 0: none has room. */
static uint32_t spawn_host(const struct engine *engine, const struct queue *queue, uint32_t lane) {
    uint32_t best = 0;
    for (uint32_t at = queue->hosts.head; at != 0; at = host_at(engine, at)->in_queue.next) {
        const struct host *host = host_at(engine, at);
        if (spawn_has_room(host, lane) &&
            (best == 0 || host->spawned < host_at(engine, best)->spawned)) {
            best = at;
        }
    }
    return best;
}

/* A free place, behind the one that was used last; 0: none, which room excludes. */
static uint32_t spawn_place(struct engine *engine, uint32_t index) {
    struct host *host = host_at(engine, index);
    for (uint32_t i = 0; i < host->processes_max; i++) {
        uint32_t child =
            hosts_child(engine, index, host->processes + host->spawn_next % host->processes_max);
        host->spawn_next++;
        if (child != 0 && child_at(engine, child)->spawn == SPAWN_FREE) {
            return child;
        }
    }
    return 0;
}

/* False: no host has room. */
static bool spawn_ask(struct engine *engine, const struct queue *queue, uint32_t lane) {
    uint32_t host = spawn_host(engine, queue, lane);
    uint32_t index = host == 0 ? 0 : spawn_place(engine, host);
    if (index == 0) {
        return false;
    }
    struct child *child = child_at(engine, index);
    spawn_set(engine, child, SPAWN_ASKED);
    child->spawn_lane = (uint16_t)lane;
    lane_at(engine, lane)->spawning++;
    spawn_order(engine, child, EFFECT_SPAWN);
    return true;
}

/* ---- handing out ---------------------------------------------------------------------------- */

static uint32_t spawn_fresh(const struct engine *engine, const struct queue *queue, uint32_t lane) {
    for (uint32_t at = queue->fresh.head; at != 0; at = child_at(engine, at)->in_free.next) {
        if (hosts_offers(host_at(engine, child_at(engine, at)->host), lane)) {
            return at;
        }
    }
    return 0;
}

static void spawn_deliver(struct engine *engine, uint32_t lane, uint32_t child) {
    uint32_t task = lane_first(engine, lane);
    spawn_used(engine, child);
    if (match_deliver(engine, lane, child, 1) == 1) {
        process_started(engine, task);
    }
    spawn_update(engine, child);
}

/* Returns what is left of `units`. */
static uint32_t spawn_lane(struct engine *engine, struct queue *queue, uint32_t lane,
                           uint32_t units) {
    while (units > 0 && match_may_start(engine, lane_first(engine, lane))) {
        uint32_t child = spawn_fresh(engine, queue, lane);
        if (child == 0) {
            break;
        }
        spawn_deliver(engine, lane, child);
        units--;
    }
    while (units > 0 && match_may_start(engine, lane_first(engine, lane)) &&
           lane_ready(lane_at(engine, lane)) > lane_at(engine, lane)->spawning &&
           spawn_ask(engine, queue, lane)) {
        units--;
    }
    return units;
}

static bool spawn_is_wanted(const struct engine *engine, const struct queue *queue,
                            const struct child *child) {
    const struct host *host = host_at(engine, child->host);
    for (uint32_t at = queue->active.head; at != 0; at = lane_at(engine, at)->in_active.next) {
        if ((lane_at(engine, at)->options.flags & TASK_PROCESS) != 0 && hosts_offers(host, at)) {
            return true;
        }
    }
    return false;
}

static void spawn_stop_unwanted(struct engine *engine, struct queue *queue) {
    for (uint32_t at = queue->fresh.head; at != 0;) {
        struct child *child = child_at(engine, at);
        at = child->in_free.next;
        if (!spawn_is_wanted(engine, queue, child) && !PLANTED(PLANT_NEVER_STOPPED)) {
            spawn_uncount(engine, child);
            spawn_set(engine, child, SPAWN_STOPPING);
            spawn_update(engine, child->index);
            spawn_order(engine, child, EFFECT_STOP);
        }
    }
}

uint32_t spawn_queue(struct engine *engine, uint32_t index, uint32_t units) {
    struct queue *queue = queue_at(engine, index);
    for (uint32_t at = queue->active_processes > 0 ? queue->active.head : 0;
         at != 0 && units > 0;) {
        uint32_t next = lane_at(engine, at)->in_active.next;
        if ((lane_at(engine, at)->options.flags & TASK_PROCESS) != 0) {
            units = spawn_lane(engine, queue, at, units);
        }
        at = next;
    }
    spawn_stop_unwanted(engine, queue);
    return units;
}
