/* SPDX-License-Identifier: MIT
 *
 * Barrier: see barrier.h. Held effects stand in two lists, one a batch, and leave in the order in
 * which they were made. Whoever needs an order across batches (deliveries to one child) asks for
 * the newest batch that it has ever asked for. */
#include "broker/core/barrier.h"

#include "broker/core/persist.h"
#include "broker/core/state.h"

void barrier_init(struct engine *engine) {
    struct barrier *barrier = &engine->barrier;
    barrier->open = 1;
    effects_init(&barrier->held[0]);
    effects_init(&barrier->held[1]);
}

void barrier_fini(struct barrier *barrier) {
    effects_fini(&barrier->held[0]);
    effects_fini(&barrier->held[1]);
}

struct effects *barrier_sink(struct engine *engine, uint64_t batch) {
    struct barrier *barrier = &engine->barrier;
    if (batch <= barrier->committed || PLANTED(PLANT_ANSWER_BEFORE_COMMIT)) {
        return engine->out;
    }
    return &barrier->held[batch % 2];
}

uint64_t barrier_batch_of_arrival(const struct barrier *barrier, uint64_t arrival) {
    if (barrier->dirty && arrival >= barrier->first_arrival[barrier->open % 2]) {
        return barrier->open;
    }
    uint64_t before = barrier->open - 1;
    if (before > barrier->committed && arrival >= barrier->first_arrival[before % 2]) {
        return before;
    }
    return barrier->committed;
}

uint64_t barrier_change(struct engine *engine, uint64_t bytes) {
    struct barrier *barrier = &engine->barrier;
    if (!barrier->dirty) {
        barrier->dirty = true;
        engine->counts.batches_opened++;
    }
    barrier->bytes += bytes;
    barrier->changes++;
    return barrier->open;
}

static bool barrier_at_bound(const struct engine *engine) {
    return engine->barrier.bytes >= engine->config.batch_bytes_max ||
           engine->barrier.changes >= engine->config.batch_changes_max;
}

bool barrier_full(const struct engine *engine) {
    return barrier_in_flight(&engine->barrier) && barrier_at_bound(engine);
}

void barrier_close_full(struct engine *engine) {
    if (barrier_at_bound(engine)) {
        barrier_close(engine);
    }
}

void barrier_close(struct engine *engine) {
    struct barrier *barrier = &engine->barrier;
    if (!barrier->dirty || barrier_in_flight(barrier)) {
        return;
    }
    persist_sessions_due(engine);
    effects_add(engine->out, EFFECT_COMMIT, 0)->batch = barrier->open;
    barrier->open++;
    barrier->dirty = false;
    barrier->bytes = 0;
    barrier->changes = 0;
    barrier->first_arrival[barrier->open % 2] = engine->next_arrival;
}

void barrier_committed(struct engine *engine, uint64_t batch) {
    struct barrier *barrier = &engine->barrier;
    CHECK(barrier_in_flight(barrier) && batch == barrier->committed + 1);
    barrier->committed = batch;
    engine->counts.batches_committed++;
    effects_append_all(engine->out, &barrier->held[batch % 2]);
}
