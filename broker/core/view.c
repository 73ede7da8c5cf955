/* SPDX-License-Identifier: MIT
 *
 * View: what metrics, tests and SIGUSR1 read; see engine.h. Changes nothing. */
#include "broker/core/report.h"
#include "broker/core/state.h"

#include <inttypes.h>

void engine_counts(const struct engine *engine, struct engine_counts *out) {
    *out = engine->counts;
    out->tasks = engine->tasks.live;
    out->ready = engine->counts.ready - engine->counts.waiting_retry;
    out->waiters = engine->waiters.live;
}

uint32_t engine_queue_count(const struct engine *engine) {
    return engine->queues.live;
}

void engine_queue_view(const struct engine *engine, uint32_t at, struct now now,
                       struct engine_queue_view *out) {
    uint32_t index = at + 1; /* queues are never removed */
    const struct queue *queue = queue_at(engine, index);
    *out = (struct engine_queue_view){
        .name = queue->name,
        .depth = queue->depth,
        .depth_bytes = queue->depth_bytes,
        .items_max = queue->items_max,
        .bytes_max = queue->bytes_max,
        .leased = queue->leased,
        .waiters = queue->putters.count + queue->reserved,
        .paused_in = !queue_is_open(queue, false),
        .paused_out = queue_is_paused_out(queue),
        .oldest_age_us = report_oldest_us(engine, index, now),
    };
}

uint64_t engine_memory_bytes(const struct engine *engine) {
    const struct slab *slabs[] = {
        &engine->tasks,   &engine->colds,    &engine->lanes, &engine->queues,   &engine->waiters,
        &engine->streams, &engine->sessions, &engine->hosts, &engine->children, &engine->routes};
    const struct map *maps[] = {&engine->cold_by_task,     &engine->task_by_origin,
                                &engine->waiter_by_origin, &engine->lane_by_key,
                                &engine->queue_by_name,    &engine->session_by_id,
                                &engine->host_by_id,       &engine->route_by_id};
    uint64_t bytes =
        sizeof(*engine) + timers_memory_bytes(&engine->mono) + timers_memory_bytes(&engine->wall);
    for (size_t i = 0; i < sizeof(slabs) / sizeof(slabs[0]); i++) {
        bytes += slab_memory_bytes(slabs[i]);
    }
    for (size_t i = 0; i < sizeof(maps) / sizeof(maps[0]); i++) {
        bytes += map_memory_bytes(maps[i]);
    }
    for (uint32_t i = 1; i <= engine->streams.used; i++) {
        const struct stream *stream = stream_at(engine, i);
        bytes += stream->index.count * sizeof(struct index_chunk) +
                 stream->index.capacity * sizeof(void *) + answers_bytes(&stream->answers);
    }
    for (uint32_t i = 1; i <= engine->children.used; i++) {
        bytes += child_at(engine, i)->ring_size * sizeof(uint32_t);
    }
    return bytes;
}

static void dump_queue(const struct engine *engine, uint32_t index, FILE *out) {
    const struct queue *queue = queue_at(engine, index);
    fprintf(out,
            "queue %.*s depth=%" PRIu64 "/%" PRIu64 " bytes=%" PRIu64 "/%" PRIu64 " leased=%" PRIu64
            " putters=%u hosts=%u free=%u idle=%u state=\"%s\"\n",
            (int)queue->name.size, (const char *)queue->name.data, queue->depth, queue->items_max,
            queue->depth_bytes, queue->bytes_max, queue->leased, queue->putters.count,
            queue->hosts.count, queue->free_children, queue->idle_children, queue_state(queue));
    for (uint32_t at = queue->lanes.head; at != 0; at = lane_at(engine, at)->in_queue.next) {
        const struct lane *lane = lane_at(engine, at);
        fprintf(out, "  lane %.*s queued=%u back=%u leased=%u offers=%u estimate_ns=%" PRIu64 "\n",
                (int)lane->function.size, (const char *)lane->function.data, lane->fifo.count,
                lane->back_count, lane->leased, lane->offers, lane->estimate_ns);
    }
}

void engine_dump(const struct engine *engine, FILE *out) {
    static const char *const host_states[] = {"free", "awaited", "early", "live", "lost"};
    const struct barrier *barrier = &engine->barrier;
    fprintf(out,
            "engine epoch=%" PRIu64 " keeps=%d draining=%d grace_over=%d committed=%" PRIu64
            " open=%" PRIu64 " dirty=%d parked=%u work=%u tasks=%u\n",
            engine->config.epoch, engine->config.keeps, engine->draining, engine->grace.over,
            barrier->committed, barrier->open, barrier->dirty, engine->parking.count,
            engine->works.count, engine->tasks.live);
    for (uint32_t i = 1; i <= engine->queues.used; i++) {
        dump_queue(engine, i, out);
    }
    for (uint32_t i = 1; i <= engine->hosts.used; i++) {
        const struct host *host = host_at(engine, i);
        if (host->state == HOST_FREE) {
            continue;
        }
        fprintf(out, "host %.*s pid=%" PRId64 " state=%s draining=%d route=%" PRIu64 "\n",
                (int)host->label.size, (const char *)host->label.data, host->pid,
                host_states[host->state], host->draining, host->route);
        for (uint32_t place = 0; place < host->place_count; place++) {
            if (host->places[place] == 0) {
                continue;
            }
            const struct child *child = child_at(engine, host->places[place]);
            fprintf(out,
                    "  place %u pid=%" PRId64 " route=%" PRIu64 " generation=%u started=%u next=%u "
                    "up_to=%u leased=%u adopted=%u free=%d closing=%d dead=%d\n",
                    place, child->pid, child->route, child->generation, child->started, child->next,
                    child->up_to, child->leased, child->adopted.count, child->free, child->closing,
                    child->dead);
        }
    }
    for (uint32_t i = 1; i <= engine->sessions.used; i++) {
        const struct session *session = session_at(engine, i);
        if (session->state != SESSION_FREE) {
            fprintf(out,
                    "session %016" PRIx64 " state=%s route=%" PRIu64 " streams=%u waiters=%u\n",
                    session->id, session->state == SESSION_LIVE ? "live" : "ended", session->route,
                    session->stream_count, session->waiters.count);
        }
    }
}
