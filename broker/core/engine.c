/* SPDX-License-Identifier: MIT
 *
 * Engine: life, one step, and when the next is needed; see engine.h. A step only dispatches.
 *
 * Events change state and mark what is due; EVENT_TICK, which the shell gives once its input is
 * read dry, does what is due: deliveries, results, putters, the commit. So batches grow with the
 * load and nobody waits on purpose: engine_next_wake() says "now" as long as anything is due. */
#include "broker/core/state.h"

#include "broker/core/attempt.h"
#include "broker/core/dispatch.h"
#include "broker/core/hello.h"
#include "broker/core/match.h"
#include "broker/core/persist.h"
#include "broker/core/putter.h"
#include "broker/core/result.h"
#include "broker/core/spawn.h"

#include <stdlib.h>

enum {
    HOT_UNITS = 16, /* deliveries, results and what was parked a tick: × step_units_max */
    COLD_SHIFT = 8
};

/* ---- life ----------------------------------------------------------------------------------- */

/* 0 stands for the default. */
static void engine_config_complete(struct engine_config *config) {
    if (config->queue_items_max == 0) {
        config->queue_items_max = BOUND_QUEUE_ITEMS;
    }
    if (config->queue_bytes_max == 0) {
        config->queue_bytes_max = BOUND_QUEUE_BYTES;
    }
    if (config->results_bytes_max == 0) {
        config->results_bytes_max = BOUND_RESULTS_BYTES;
    }
    if (config->memory_bytes_max == 0) {
        config->memory_bytes_max = UINT64_MAX;
    }
    if (config->payload_max == 0) {
        config->payload_max = WIRE_PAYLOAD_MAX;
    }
    if (config->window == 0) {
        config->window = BOUND_WINDOW;
    }
    if (config->batch_bytes_max == 0) {
        config->batch_bytes_max = BOUND_BATCH_BYTES;
    }
    if (config->batch_changes_max == 0) {
        config->batch_changes_max = BOUND_BATCH_CHANGES;
    }
    if (config->step_units_max == 0) {
        config->step_units_max = BOUND_STEP_UNITS;
    }
}

void engine_config_init(struct engine_config *config) {
    *config = (struct engine_config){0};
    engine_config_complete(config);
}

static void engine_init_tables(struct engine *engine) {
    slab_init(&engine->tasks, sizeof(struct task), TASK_SHIFT);
    engine->tasks.raw = true; /* submit_make_task() writes all of it */
    slab_init(&engine->colds, sizeof(struct cold), COLD_SHIFT);
    slab_init(&engine->lanes, sizeof(struct lane), TABLE_SHIFT);
    slab_init(&engine->queues, sizeof(struct queue), TABLE_SHIFT);
    slab_init(&engine->waiters, sizeof(struct waiter), TABLE_SHIFT);
    slab_init(&engine->streams, sizeof(struct stream), TABLE_SHIFT);
    slab_init(&engine->sessions, sizeof(struct session), TABLE_SHIFT);
    slab_init(&engine->hosts, sizeof(struct host), TABLE_SHIFT);
    slab_init(&engine->children, sizeof(struct child), TABLE_SHIFT);
    slab_init(&engine->routes, sizeof(struct route), TABLE_SHIFT);
    map_init(&engine->cold_by_task);
    map_init(&engine->task_by_origin);
    map_init(&engine->waiter_by_origin);
    map_init(&engine->lane_by_key);
    map_init(&engine->queue_by_name);
    map_init(&engine->session_by_id);
    map_init(&engine->host_by_id);
    map_init(&engine->route_by_id);
    map_init(&engine->child_by_session);
    timers_init(&engine->mono);
    timers_init(&engine->wall);
}

struct engine *engine_create(const struct engine_config *config) {
    struct engine *engine = calloc(1, sizeof(*engine));
    CHECK(engine != NULL);
    engine->config = *config;
    engine_config_complete(&engine->config);
    engine_init_tables(engine);
    barrier_init(engine);
    grace_init(&engine->grace);
    wire_put_failure(
        &engine->failure_cancelled,
        &(struct wire_failure){.code = WHERRY_E_CANCELLED, .text = span_of_text("cancelled")});
    wire_put_failure(&engine->failure_purged,
                     &(struct wire_failure){.code = WHERRY_E_CANCELLED,
                                            .text = span_of_text("its queue was purged")});
    engine->next_arrival = 1;
    engine->next_counter = 1;
    engine->next_object = 1;
    return engine;
}

static void engine_fini_records(struct engine *engine) {
    for (uint32_t i = 1; i <= engine->lanes.used; i++) {
        lane_fini(lane_at(engine, i));
    }
    for (uint32_t i = 1; i <= engine->queues.used; i++) {
        queue_fini(queue_at(engine, i));
    }
    for (uint32_t i = 1; i <= engine->streams.used; i++) {
        stream_fini(stream_at(engine, i));
    }
    for (uint32_t i = 1; i <= engine->sessions.used; i++) {
        sessions_fini(session_at(engine, i));
    }
    for (uint32_t i = 1; i <= engine->hosts.used; i++) {
        hosts_fini(host_at(engine, i));
    }
    for (uint32_t i = 1; i <= engine->children.used; i++) {
        children_fini(child_at(engine, i));
    }
    for (uint32_t i = 1; i <= engine->colds.used; i++) {
        bytes_free(&((struct cold *)slab_at(&engine->colds, i))->failure);
    }
}

void engine_destroy(struct engine **handle) {
    struct engine *engine = *handle;
    if (engine == NULL) {
        return;
    }
    engine_fini_records(engine);
    work_fini(engine);
    parking_fini(engine);
    grace_fini(engine);
    barrier_fini(&engine->barrier);
    struct slab *slabs[] = {&engine->tasks,    &engine->colds,   &engine->lanes,    &engine->queues,
                            &engine->waiters,  &engine->streams, &engine->sessions, &engine->hosts,
                            &engine->children, &engine->routes};
    for (size_t i = 0; i < sizeof(slabs) / sizeof(slabs[0]); i++) {
        slab_fini(slabs[i]);
    }
    struct map *maps[] = {&engine->cold_by_task, &engine->task_by_origin, &engine->waiter_by_origin,
                          &engine->lane_by_key,  &engine->queue_by_name,  &engine->session_by_id,
                          &engine->host_by_id,   &engine->route_by_id,
                          &engine->child_by_session};
    for (size_t i = 0; i < sizeof(maps) / sizeof(maps[0]); i++) {
        map_fini(maps[i]);
    }
    timers_fini(&engine->mono);
    timers_fini(&engine->wall);
    free(engine->spare_chunk);
    free(engine->frees.handles);
    bytes_free(&engine->head);
    bytes_free(&engine->failure_cancelled);
    bytes_free(&engine->failure_purged);
    free(engine);
    *handle = NULL;
}

/* ---- payloads and effects ------------------------------------------------------------------- */

struct effects *engine_sink(struct engine *engine) {
    return barrier_sink(engine, barrier_newest(&engine->barrier));
}

void engine_free_payload(struct engine *engine, struct payload payload) {
    struct frees *frees = &engine->frees;
    if (payload.handle == 0) {
        return;
    }
    if (frees->count == frees->capacity) {
        frees->capacity = frees->capacity == 0 ? 256 : frees->capacity * 2;
        frees->handles = realloc(frees->handles, frees->capacity * sizeof(*frees->handles));
        CHECK(frees->handles != NULL);
    }
    frees->handles[frees->count++] = payload.handle;
    engine->counts.payload_bytes -= payload.size;
}

/* Behind everything that names them: effects of this step, held ones, and the store's batch. */
static void engine_flush_frees(struct engine *engine) {
    struct frees *frees = &engine->frees;
    if (frees->count == 0) {
        return;
    }
    uint64_t newest = barrier_newest(&engine->barrier);
    struct effects *sink = newest <= engine->barrier.committed
                               ? engine->out
                               : &engine->barrier.held[newest % 2]; /* whatever is planted */
    size_t size = frees->count * sizeof(*frees->handles);
    struct span copy = effects_copy(sink, (struct span){(const void *)frees->handles, size});
    struct effect *effect = effects_add(sink, EFFECT_PAYLOADS_FREE, 0);
    effect->payloads.handles = (const void *)copy.data;
    effect->payloads.count = frees->count;
    frees->count = 0;
}

/* ---- restart -------------------------------------------------------------------------------- */

wherry_err engine_restore(struct engine *engine, const struct record *record) {
    CHECK(!engine->restored);
    return persist_restore(engine, record);
}

void engine_restored(struct engine *engine, struct now now, struct effects *out) {
    CHECK(!engine->restored);
    engine->now = now;
    engine->out = out;
    engine->restored = true;
    engine->barrier.first_arrival[engine->barrier.open % 2] = engine->next_arrival;
    for (uint32_t i = 1; i <= engine->sessions.used; i++) {
        struct session *session = session_at(engine, i);
        session->heard_us = engine_lived_us(engine);
        if (session->state == SESSION_ENDED) {
            session->ended_ms = session->ended_ms == 0 ? now.wall_ms : session->ended_ms;
            work_add(engine, WORK_SESSION, i);
            if (engine->grace.copied) { /* in the batch that makes the store's uuid ours */
                sessions_store(engine, i);
            }
        }
    }
    grace_begin(engine);
    persist_store_row(engine);
    engine_flush_frees(engine);
    engine->out = NULL;
}

/* ---- one step ------------------------------------------------------------------------------- */

static void engine_expire_timers(struct engine *engine, uint32_t units) {
    enum timer_kind kind;
    uint32_t owner;
    while (units-- > 0 && (timers_expire(&engine->mono, engine->now.mono_us, &kind, &owner) ||
                           timers_expire(&engine->wall, engine->now.wall_ms, &kind, &owner))) {
        switch (kind) {
        case TIMER_WAITER:
            waiter_expired(engine, owner);
            break;
        case TIMER_TASK:
            attempt_timer(engine, owner);
            break;
        case TIMER_TTL:
            result_expire(engine, owner);
            break;
        case TIMER_SPAWN:
            spawn_timer(engine, owner);
            break;
        }
    }
}

/* After a backlog of millions the memory of its records goes back to the system, once nothing is
 * left that could name one. */
static void engine_trim(struct engine *engine) {
    bool empty = engine->tasks.live == 0 && engine->works.count == 0 && engine->grace.over &&
                 engine->parking.count == 0;
    if (empty && engine->tasks.chunk_count > 1) {
        slab_trim(&engine->tasks);
    }
}

static void engine_tick(struct engine *engine) {
    uint32_t units = engine->config.step_units_max;
    parking_resume(engine, units * HOT_UNITS);
    engine_expire_timers(engine, work_run(engine, units));
    sessions_judge_silence(engine);
    sessions_judge_marks(engine);
    hosts_judge_silence(engine);
    grace_judge(engine, units);
    children_judge_unstarted(engine);
    children_settle(engine);
    (void)match_run(engine, units * HOT_UNITS);
    (void)putter_wake(engine, units);
    (void)result_flush(engine, units * HOT_UNITS);
    engine_trim(engine);
    barrier_close(engine);
}

static void engine_drain(struct engine *engine) {
    engine->draining = true;
    for (uint32_t i = 1; i <= engine->children.used; i++) {
        if (child_at(engine, i)->index != 0 && child_at(engine, i)->host != 0) {
            children_touch(engine, i);
        }
    }
    for (uint32_t i = 1; i <= engine->queues.used; i++) {
        queue_wake(engine, i);
    }
}

static void engine_space(struct engine *engine, bool has_space) {
    engine->store_full = !has_space;
    for (uint32_t i = 1; has_space && i <= engine->queues.used; i++) {
        queue_wake(engine, i);
    }
}

static void engine_handle(struct engine *engine, const struct event *event) {
    switch (event->kind) {
    case EVENT_TICK:
        engine_tick(engine);
        return;
    case EVENT_ROUTE_LOST:
        routes_lost(engine, event->route);
        return;
    case EVENT_HELLO:
        hello_receive(engine, event->route, &event->hello);
        return;
    case EVENT_DRAIN_BROKER:
        engine_drain(engine);
        return;
    case EVENT_COMMITTED:
        barrier_committed(engine, event->committed);
        barrier_close_full(engine); /* before what was parked adds to it */
        return;
    case EVENT_STORE_SPACE:
        engine_space(engine, event->store_has_space);
        return;
    case EVENT_GAP:
        engine->gaps_us += PLANTED(PLANT_NO_GAP) ? 0 : event->gap_us;
        return;
    case EVENT_GOODBYE:
    case EVENT_BEAT:
    case EVENT_SUBMIT:
    case EVENT_ACK:
    case EVENT_CANCEL:
    case EVENT_CALL:
    case EVENT_RENUMBER:
    case EVENT_CREDIT:
    case EVENT_RESULTS:
    case EVENT_GATE:
    case EVENT_DEATH:
    case EVENT_STATES:
    case EVENT_DRAIN_HOST:
        dispatch_event(engine, event);
        return;
    }
}

void engine_step(struct engine *engine, const struct event *event, struct now now,
                 struct effects *out) {
    if (!engine->restored) {
        engine_restored(engine, now, out);
    }
    engine->now = now;
    engine->out = out;
    dispatch_count_payloads(engine, event);
    uint64_t arrival = engine->next_arrival;
    if (!parking_takes(engine, event)) {
        engine_handle(engine, event);
    }
    barrier_close_full(engine); /* what follows in this turn goes into the next one */
    if (engine->next_arrival != arrival) {
        ages_note(&engine->ages, arrival, now.mono_us);
    }
    engine_flush_frees(engine);
    engine->out = NULL;
}

wherry_err engine_queue_set(struct engine *engine, struct span name, uint64_t items_max,
                            uint64_t bytes_max, struct now now, struct effects *out) {
    engine->now = now;
    engine->out = out;
    wherry_err err = queue_set_bounds(engine, name, items_max, bytes_max);
    engine->out = NULL;
    return err;
}

/* ---- time ----------------------------------------------------------------------------------- */

static int64_t earlier(int64_t a, int64_t b) {
    return a < b ? a : b;
}

/* Something is due at once. */
static bool engine_is_due(const struct engine *engine) {
    return engine->match_due.count > 0 || engine->wake_due.count > 0 ||
           engine->flush_due.count > 0 || engine->children_due.count > 0 || work_is_due(engine) ||
           parking_is_due(engine) ||
           (engine->barrier.dirty && !barrier_in_flight(&engine->barrier));
}

/* The end of the longest silence, in lived time. */
static int64_t engine_next_silence(const struct engine *engine) {
    int64_t next = barrier_full(engine) ? INT64_MAX : grace_next(engine); /* it stores much */
    if (engine->sessions_by_silence.head != 0) {
        const struct session *session = session_at(engine, engine->sessions_by_silence.head);
        next = earlier(next, session->heard_us + (int64_t)TIME_SESSION_SILENCE_MS * 1000);
    }
    if (engine->hosts_by_silence.head != 0) {
        const struct host *host = host_at(engine, engine->hosts_by_silence.head);
        next = earlier(next, host->heard_us + (int64_t)TIME_HOST_LOST_MS * 1000);
    }
    if (engine->unstarted.head != 0) {
        next =
            earlier(next, child_at(engine, engine->unstarted.head)->looked_us + BOUND_UNSTARTED_US);
    }
    return next;
}

static int64_t engine_next_wall_ms(const struct engine *engine) {
    int64_t next = timers_next(&engine->wall);
    if (engine->marks.head != 0) {
        next = earlier(next, session_at(engine, engine->marks.head)->ended_ms + TIME_MARK_TTL_MS);
    }
    return next;
}

int64_t engine_next_wake(const struct engine *engine) {
    if (engine_is_due(engine)) {
        return 0;
    }
    int64_t next = timers_next(&engine->mono);
    int64_t silence = engine_next_silence(engine);
    if (silence != INT64_MAX) {
        next = earlier(next, silence + engine->gaps_us);
    }
    int64_t wall_ms = engine_next_wall_ms(engine);
    if (wall_ms < INT64_MAX / 2000) {
        int64_t ahead_ms = wall_ms - engine->now.wall_ms;
        next = earlier(next, engine->now.mono_us + (ahead_ms > 0 ? ahead_ms * 1000 : 0));
    }
    return next;
}
