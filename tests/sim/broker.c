/* SPDX-License-Identifier: MIT
 *
 * The shell around the engine, as small as it can be: whatever the real one does beside it
 * (sockets, HTTP, logs) is left out, whatever it promises the engine (a TICK after each turn,
 * payloads given back once, effects in order, a gap reported) is kept. */
#include "tests/sim/broker.h"

#include "common/check.h"
#include "tests/sim/sim.h"

#include <stdlib.h>
#include <string.h>

enum { BROKER_GAP_US = 1000000 };

static void broker_turn(void *subject, uint64_t life);
static void broker_wake(void *subject, uint64_t stamp);

void sim_broker_init(struct sim_broker *broker, struct sim *sim) {
    *broker = (struct sim_broker){.sim = sim, .timer = {.at_us = INT64_MAX}};
}

struct engine_counts sim_broker_counts(const struct sim_broker *broker) {
    struct engine_counts counts = {0};
    if (broker->alive) {
        engine_counts(broker->engine, &counts);
    }
    return counts;
}

static void broker_drop(struct sim_broker *broker) {
    if (broker->engine != NULL) {
        struct engine_counts counts = sim_broker_counts(broker);
        broker->sim->world.tally.faults[FAULT_DUPLICATE] += counts.duplicates;
        effects_fini(&broker->effects);
        engine_destroy(&broker->engine);
        border_destroy(&broker->border);
        payload_store_destroy(&broker->payloads);
    }
    broker->alive = false;
}

void sim_broker_fini(struct sim_broker *broker) {
    broker_drop(broker);
    free(broker->unreachable);
    broker->unreachable = NULL;
}

/* ---- effects ----------------------------------------------------------------------------------
 */

static void broker_send(void *context, route_id route, struct wire_out *message) {
    struct sim_broker *broker = context;
    if (!net_send_down(broker->sim->net, route, message)) {
        if (broker->unreachable_count == broker->unreachable_capacity) {
            broker->unreachable_capacity = broker->unreachable_capacity * 2 + 8;
            broker->unreachable = realloc(broker->unreachable, broker->unreachable_capacity *
                                                                   sizeof *broker->unreachable);
            CHECK(broker->unreachable != NULL);
        }
        broker->unreachable[broker->unreachable_count++] = route;
    }
    border_release(message);
}

static void broker_log(struct sim_broker *broker, const struct effect *effect) {
    world_note(&broker->sim->world, "log %d %.*s", (int)effect->log.level,
               (int)effect->log.text.size, (const char *)effect->log.text.data);
}

static void broker_carry_out(struct sim_broker *broker, const struct effect *effect) {
    struct sim *sim = broker->sim;
    sim->world.tally.effects[effect->kind]++;
    checker_effect(&sim->checker, effect);
    if (border_encode(broker->border, effect, broker_send, broker)) {
        return;
    }
    switch (effect->kind) {
    case EFFECT_PUT:
        store_put(sim->store, &effect->record,
                  payload_span(broker->payloads, effect->record.payload));
        break;
    case EFFECT_DELETE:
        store_delete(sim->store, &effect->record);
        break;
    case EFFECT_COMMIT:
        world_say(&sim->world, "batch %llu is closed", (unsigned long long)effect->batch);
        store_commit(sim->store, effect->batch);
        break;
    case EFFECT_LOG:
        broker_log(broker, effect);
        break;
    default: /* CLOSE_ROUTE: the border has no memory of routes */
        break;
    }
}

static void broker_carry_out_all(struct sim_broker *broker) {
    for (uint32_t i = 0; i < broker->effects.count; i++) {
        broker_carry_out(broker, &broker->effects.items[i]);
    }
    effects_clear(&broker->effects);
}

/* ---- steps ------------------------------------------------------------------------------------
 */

static void broker_check(struct sim_broker *broker) {
    uint32_t every = broker->sim->config.audit_every * (broker->sim->quiet ? 4 : 1);
    if (every != 0 && broker->steps % every == 0) {
        const char *wrong = engine_audit(broker->engine);
        if (wrong != NULL) {
            world_fail(&broker->sim->world, "engine_audit: %s", wrong);
        }
    }
}

void sim_broker_step(struct sim_broker *broker, const struct event *event) {
    struct sim *sim = broker->sim;
    CHECK(broker->alive);
    sim->world.tally.events[event->kind]++;
    broker->steps++;
    checker_before_step(&sim->checker);
    engine_step(broker->engine, event, world_now(&sim->world), &broker->effects);
    checker_after_step(&sim->checker, event->kind);
    broker_carry_out_all(broker);
    broker_check(broker);
    while (broker->unreachable_count > 0) {
        struct event lost = {.kind = EVENT_ROUTE_LOST,
                             .route = broker->unreachable[--broker->unreachable_count]};
        sim_broker_step(broker, &lost);
    }
    world_timer_set(&sim->world, &broker->timer, engine_next_wake(broker->engine), broker_wake,
                    broker);
}

static void broker_plan_turn(struct sim_broker *broker) {
    if (!broker->turn_planned) {
        broker->turn_planned = true;
        world_at(&broker->sim->world, broker->sim->world.now_us, broker_turn, broker, broker->life);
    }
}

static void broker_tick(struct sim_broker *broker) {
    struct event tick = {.kind = EVENT_TICK};
    sim_broker_step(broker, &tick);
}

/* The end of a turn: the input was read dry. */
static void broker_turn(void *subject, uint64_t life) {
    struct sim_broker *broker = subject;
    if (!broker->alive || broker->life != life) {
        return;
    }
    broker->turn_planned = false;
    if (!broker->stopped) {
        broker_tick(broker);
    }
}

static void broker_wake(void *subject, uint64_t stamp) {
    struct sim_broker *broker = subject;
    if (world_timer_due(&broker->timer, stamp) && broker->alive && !broker->stopped) {
        broker_tick(broker);
    }
}

void sim_broker_message(void *context, route_id route, const struct wire_message *message) {
    struct sim *sim = context;
    struct sim_broker *broker = &sim->broker;
    struct event event;
    if (border_decode(broker->border, route, message, NULL, NULL, &event) != WHERRY_OK) {
        struct span why = border_refusal(broker->border);
        world_fail(&sim->world, "the border refuses a message of %s: %.*s",
                   net_node_name(sim->net, net_route_node(sim->net, route)), (int)why.size,
                   (const char *)why.data);
        return;
    }
    sim_broker_step(broker, &event);
    broker_plan_turn(broker);
}

void sim_broker_route_lost(void *context, route_id route) {
    struct sim *sim = context;
    if (sim->broker.alive && !sim->broker.stopped) {
        struct event lost = {.kind = EVENT_ROUTE_LOST, .route = route};
        sim_broker_step(&sim->broker, &lost);
        broker_plan_turn(&sim->broker);
    }
}

/* ---- the store's answers ----------------------------------------------------------------------
 */

static void broker_committed_later(void *subject, uint64_t batch) {
    struct sim_broker *broker = subject;
    struct event committed = {.kind = EVENT_COMMITTED, .committed = batch};
    world_say(&broker->sim->world, "batch %llu is committed", (unsigned long long)batch);
    sim_broker_step(broker, &committed);
}

void sim_broker_committed(void *context, uint64_t batch) {
    struct sim *sim = context;
    if (sim->broker.stopped) { /* the store's thread stands still, too, but its notice waits */
        sim->broker.committed_waiting = batch;
        return;
    }
    broker_committed_later(&sim->broker, batch);
}

void sim_broker_store_failed(void *context) {
    struct sim *sim = context;
    world_note(&sim->world, "broker exits: outcome of a commit unknown");
    sim_broker_crash(&sim->broker);
    faults_restart_broker_soon(&sim->faults);
}

void sim_broker_space(void *context, bool has_space) {
    struct sim *sim = context;
    if (sim->broker.alive && !sim->broker.stopped) {
        struct event space = {.kind = EVENT_STORE_SPACE, .store_has_space = has_space};
        sim_broker_step(&sim->broker, &space);
    }
}

/* ---- life -------------------------------------------------------------------------------------
 */

static void broker_restore(struct sim_broker *broker) {
    struct store *store = broker->sim->store;
    for (uint32_t i = 0; i < store_count(store); i++) {
        struct store_row row = store_at(store, i);
        struct record record = {.head = row.head,
                                .payload = payload_copy(broker->payloads, row.payload)};
        memcpy(record.key, row.key, RECORD_KEY_SIZE);
        if (engine_restore(broker->engine, &record) != WHERRY_OK) {
            world_fail(&broker->sim->world, "the engine refuses a record of its own (kind %u)",
                       (unsigned)row.key[0]);
        }
    }
}

static uint64_t broker_next_epoch(struct sim_broker *broker) {
    if (broker->sim->config.durable) {
        return store_raise_epoch(broker->sim->store);
    }
    uint64_t now_ns = (uint64_t)broker->sim->world.now_us * 1000; /* memory: start time in ns */
    return now_ns > broker->epoch ? now_ns : broker->epoch + 1;
}

void sim_broker_start(struct sim_broker *broker) {
    struct sim *sim = broker->sim;
    CHECK(!broker->alive);
    broker->epoch = broker_next_epoch(broker);
    broker->life++;
    broker->stopped = false;
    broker->turn_planned = false;
    broker->committed_waiting = 0;
    broker->timer.at_us = INT64_MAX;
    broker->payloads = payload_store_create();
    broker->border =
        border_create(&(struct border_config){.epoch = broker->epoch, .store = broker->payloads});
    struct engine_config config = sim->config.engine;
    config.epoch = broker->epoch;
    config.keeps = sim->config.durable;
    config.seed = sim->config.seed + broker->epoch;
    broker->engine = engine_create(&config);
    effects_init(&broker->effects);
    broker->alive = true;
    world_note(&sim->world, "broker starts, epoch %llu, %u records",
               (unsigned long long)broker->epoch, store_count(sim->store));
    broker_restore(broker);
    engine_restored(broker->engine, world_now(&sim->world), &broker->effects);
    broker_carry_out_all(broker);
    if (!store_has_space(sim->store)) {
        sim_broker_space(sim, false);
    }
    checker_broker_started(&sim->checker);
    net_broker_up(sim->net);
    broker_plan_turn(broker);
}

void sim_broker_crash(struct sim_broker *broker) {
    if (!broker->alive) {
        return;
    }
    world_note(&broker->sim->world, "broker dies");
    broker_drop(broker);
    broker->life++;
    broker->unreachable_count = 0;
    store_crash(broker->sim->store);
    net_broker_down(broker->sim->net);
    checker_broker_crashed(&broker->sim->checker);
}

void sim_broker_stop(struct sim_broker *broker) {
    if (broker->alive && !broker->stopped) {
        broker->stopped = true;
        broker->stopped_at_us = broker->sim->world.now_us;
        net_stop_broker(broker->sim->net, true);
        world_note(&broker->sim->world, "broker stopped");
    }
}

void sim_broker_continue(struct sim_broker *broker) {
    struct sim *sim = broker->sim;
    if (!broker->alive || !broker->stopped) {
        return;
    }
    broker->stopped = false;
    world_note(&sim->world, "broker continued");
    int64_t gap_us = sim->world.now_us - broker->stopped_at_us;
    if (gap_us > BROKER_GAP_US) {
        struct event gap = {.kind = EVENT_GAP, .gap_us = gap_us};
        sim_broker_step(broker, &gap);
    }
    struct event space = {.kind = EVENT_STORE_SPACE,
                          .store_has_space = store_has_space(sim->store)};
    sim_broker_step(broker, &space);
    if (broker->committed_waiting != 0) {
        uint64_t batch = broker->committed_waiting;
        broker->committed_waiting = 0;
        broker_committed_later(broker, batch);
    }
    net_stop_broker(sim->net, false);
    broker_plan_turn(broker);
}

void sim_broker_drain(struct sim_broker *broker) {
    struct event drain = {.kind = EVENT_DRAIN_BROKER};
    if (broker->alive && !broker->stopped) {
        world_note(&broker->sim->world, "broker drains");
        sim_broker_step(broker, &drain);
    }
}
