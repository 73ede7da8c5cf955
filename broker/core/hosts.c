/* SPDX-License-Identifier: MIT
 *
 * Hosts: table, offers, silence and end; see hosts.h. What a host says at hello is in
 * hosts_hello.c.
 *
 * A lost host costs its leases only: they are ended one by one as work, with a fence each, because
 * user code may go on running out there. */
#include "broker/core/hosts.h"

#include "broker/core/attempt.h"
#include "broker/core/leave.h"
#include "broker/core/persist.h"
#include "broker/core/state.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { HOST_SILENCE = offsetof(struct host, in_silence) };

static bool host_has_id(const void *context, uint32_t value) {
    const struct engine *engine = ((const void *const *)context)[0];
    return host_at(engine, value)->id == *((const uint64_t *const *)context)[1];
}

uint32_t hosts_find(const struct engine *engine, uint64_t id) {
    const void *context[2] = {engine, &id};
    return map_find(&engine->host_by_id, map_hash(id), host_has_id, context);
}

uint32_t hosts_make(struct engine *engine, uint64_t id, const uint8_t *secret,
                    enum host_state state) {
    uint32_t index = slab_take(&engine->hosts);
    struct host *host = host_at(engine, index);
    host->index = index;
    host->state = (uint8_t)state;
    host->id = id;
    memcpy(host->secret, secret, WIRE_SECRET_SIZE);
    map_put(&engine->host_by_id, map_hash(id), index);
    engine->grace.awaited += state == HOST_AWAITED;
    return index;
}

uint32_t hosts_child_find(const struct engine *engine, uint32_t index, uint32_t place) {
    const struct host *host = host_at(engine, index);
    return place < host->place_count ? host->places[place] : 0;
}

uint32_t hosts_child(struct engine *engine, uint32_t index, uint32_t place) {
    struct host *host = host_at(engine, index);
    if (place >= BOUND_PLACES) {
        return 0;
    }
    if (place >= host->place_count) {
        host->places = realloc(host->places, (place + 1) * sizeof(*host->places));
        CHECK(host->places != NULL);
        memset(host->places + host->place_count, 0,
               (place + 1 - host->place_count) * sizeof(*host->places));
        host->place_count = place + 1;
    }
    if (host->places[place] == 0) {
        uint32_t child_index = slab_take(&engine->children);
        struct child *child = child_at(engine, child_index);
        child->index = child_index;
        child->host = index;
        child->place = place;
        child->next = 1;
        host->places[place] = child_index;
        engine->counts.children++;
    }
    return host->places[place];
}

/* ---- offers --------------------------------------------------------------------------------- */

static int span_compare(struct span a, struct span b) {
    size_t common = a.size < b.size ? a.size : b.size;
    int order = common == 0 ? 0 : memcmp(a.data, b.data, common);
    return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

bool hosts_has_function(const struct host *host, struct span name) {
    uint32_t low = 0;
    uint32_t high = host->function_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (span_compare(host->functions[middle], name) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < host->function_count && span_compare(host->functions[low], name) == 0;
}

void hosts_consider_lane(struct engine *engine, uint32_t index, uint32_t lane_index) {
    struct host *host = host_at(engine, index);
    struct lane *lane = lane_at(engine, lane_index);
    if (hosts_has_function(host, lane->function)) {
        host->offers[lane_index / 64] |= UINT64_C(1) << lane_index % 64;
        lane->offers++;
        lane_update(engine, lane_index);
    }
}

void hosts_look_again(struct engine *engine, uint32_t index) {
    const struct host *host = host_at(engine, index);
    for (uint32_t place = 0; place < host->place_count; place++) {
        if (host->places[place] != 0) {
            children_touch(engine, host->places[place]);
        }
    }
}

void hosts_join(struct engine *engine, uint32_t index) {
    struct host *host = host_at(engine, index);
    struct queue *queue = queue_at(engine, host->queue);
    host->state = HOST_LIVE;
    host->heard_us = engine_lived_us(engine);
    list_append(&engine->hosts_by_silence, &engine->hosts, HOST_SILENCE, index);
    list_append(&queue->hosts, &engine->hosts, offsetof(struct host, in_queue), index);
    engine->counts.hosts++;
    for (uint32_t at = queue->lanes.head; at != 0; at = lane_at(engine, at)->in_queue.next) {
        hosts_consider_lane(engine, index, at);
    }
    hosts_look_again(engine, index);
}

void hosts_leave(struct engine *engine, uint32_t index, enum host_state state) {
    struct host *host = host_at(engine, index);
    struct queue *queue = queue_at(engine, host->queue);
    host->state = (uint8_t)state;
    for (uint32_t place = 0; place < host->place_count; place++) {
        if (host->places[place] != 0) {
            children_update(engine, host->places[place]); /* out of the free list */
        }
    }
    list_remove(&engine->hosts_by_silence, &engine->hosts, HOST_SILENCE, index);
    list_remove(&queue->hosts, &engine->hosts, offsetof(struct host, in_queue), index);
    engine->counts.hosts--;
    for (uint32_t at = queue->lanes.head; at != 0; at = lane_at(engine, at)->in_queue.next) {
        if (hosts_offers(host, at)) {
            lane_at(engine, at)->offers--;
            lane_update(engine, at);
        }
    }
    memset(host->offers, 0, sizeof(host->offers));
}

void hosts_drain(struct engine *engine, uint32_t index) {
    host_at(engine, index)->draining = true;
    hosts_look_again(engine, index);
    leave_confirmed(engine, index);
}

/* ---- the end -------------------------------------------------------------------------------- */

void hosts_heard(struct engine *engine, uint32_t index) {
    struct host *host = host_at(engine, index);
    if (host->state != HOST_LIVE) {
        return;
    }
    host->heard_us = engine_lived_us(engine);
    if (engine->hosts_by_silence.tail != index) {
        list_remove(&engine->hosts_by_silence, &engine->hosts, HOST_SILENCE, index);
        list_append(&engine->hosts_by_silence, &engine->hosts, HOST_SILENCE, index);
    }
}

void hosts_lose(struct engine *engine, uint32_t index, const char *why) {
    struct host *host = host_at(engine, index);
    note_line(engine, host->goodbye ? LOG_INFO : LOG_WARN,
              "msg=\"host left\" host=\"%.*s\" pid=%" PRId64 " why=\"%s\"", (int)host->label.size,
              (const char *)host->label.data, host->pid, why);
    routes_close(engine, host->route);
    host->route = 0;
    host->purge_place = 0;
    hosts_leave(engine, index, HOST_LOST);
    leave_note(engine, index);
    leave_over(engine, index);
    persist_host_delete(engine, index);
    work_add(engine, WORK_HOST, index);
}

static void host_end_attempt(struct engine *engine, const struct host *host, uint32_t task) {
    const struct cold *cold = cold_find(engine, task);
    if (host->goodbye && (cold == NULL || !cold->answered)) {
        attempt_stop(engine, task);
    } else {
        attempt_lose(engine, task, WIRE_CAUSE_HOST_LOST, span_of_text("its host fell silent"));
    }
}

/* Ends leases of one child; returns how many. */
static uint32_t host_purge_child(struct engine *engine, const struct host *host, uint32_t index,
                                 uint32_t units) {
    struct child *child = child_at(engine, index);
    uint32_t used = 0;
    while (used < units && child->adopted.head != 0) {
        const struct cold *cold = slab_at(&engine->colds, child->adopted.head);
        host_end_attempt(engine, host, cold->task);
        used++;
    }
    for (uint32_t i = 0; i < child->ring_size && used < units && child->leased > 0; i++) {
        if (child->ring[i] != 0) {
            host_end_attempt(engine, host, child->ring[i]);
            used++;
        }
    }
    return used;
}

uint32_t hosts_purge(struct engine *engine, uint32_t index, uint32_t units, bool *over) {
    struct host *host = host_at(engine, index);
    uint32_t used = 0;
    *over = host->state != HOST_LOST;
    while (!*over && used < units) {
        if (host->purge_place == host->place_count) {
            hosts_drop(engine, index);
            *over = true;
            return used;
        }
        uint32_t child = host->places[host->purge_place];
        if (child != 0) {
            used += host_purge_child(engine, host, child, units - used);
        }
        if (child == 0 ||
            (child_at(engine, child)->leased == 0 && child_at(engine, child)->adopted.count == 0)) {
            host->purge_place++;
            used++;
        }
    }
    return used;
}

void hosts_judge_silence(struct engine *engine) {
    int64_t limit = engine_lived_us(engine) - (int64_t)TIME_HOST_LOST_MS * 1000;
    while (engine->hosts_by_silence.head != 0) {
        uint32_t index = engine->hosts_by_silence.head;
        if (host_at(engine, index)->heard_us > limit) {
            return;
        }
        hosts_lose(engine, index, "silent for 6 s");
    }
}

void hosts_drop(struct engine *engine, uint32_t index) {
    struct host *host = host_at(engine, index);
    CHECK(host->state != HOST_LIVE);
    leave_over(engine, index);
    engine->grace.awaited -= host->state == HOST_AWAITED;
    for (uint32_t place = 0; place < host->place_count; place++) {
        if (host->places[place] != 0) {
            children_drop(engine, host->places[place]);
        }
    }
    routes_close(engine, host->route);
    map_drop(&engine->host_by_id, map_hash(host->id), index);
    timer_stop(&engine->mono, &host->spawn_timer);
    hosts_fini(host);
    slab_free(&engine->hosts, index);
}

static void span_free(struct span *span) {
    free((void *)(uintptr_t)span->data);
    *span = (struct span){NULL, 0};
}

void hosts_forget_functions(struct host *host) {
    for (uint32_t i = 0; i < host->function_count; i++) {
        span_free(&host->functions[i]);
    }
    free(host->functions);
    host->functions = NULL;
    host->function_count = 0;
}

void hosts_fini(struct host *host) {
    hosts_forget_functions(host);
    span_free(&host->label);
    free(host->places);
    host->places = NULL;
    host->place_count = 0;
}
