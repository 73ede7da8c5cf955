/* SPDX-License-Identifier: MIT
 *
 * Putting the world together, and a whole run: trouble, calm, goodbye, emptiness. */
#include "tests/sim/sim.h"

#include "common/check.h"

#include <inttypes.h>
#include <stdlib.h>

#define SIM_SECOND_US INT64_C(1000000)
#define SIM_CALM_US (10 * SIM_SECOND_US)
#define SIM_DAY_US (24 * 3600 * SIM_SECOND_US)

enum { SIM_QUIET_STEPS_MAX = 400000, SIM_LOOK_EVERY = 40 };

/* ---- configurations ---------------------------------------------------------------------------
 */

struct sim_config sim_config_by_hand(bool durable) {
    struct sim_config config = {
        .seed = 1,
        .durable = durable,
        .by_hand = true,
        .audit_every = 1,
        .clients = 1,
        .hosts = 1,
        .processes = 1,
        .queues = 1,
        .think_us = SIM_SECOND_US,
        .processes_max = 2,
        .reconnect_limit_us = INT64_MAX,
    };
    engine_config_init(&config.engine);
    return config;
}

/* Small numbers meet their edges often; now and then everything is as in life. */
struct sim_config sim_config_of(uint64_t seed, bool durable, uint64_t steps) {
    struct rng rng = sim_rng_of(seed, 4);
    struct sim_config config = sim_config_by_hand(durable);
    config.seed = seed;
    config.by_hand = false;
    config.steps = steps;
    config.clients = 1 + (uint32_t)rng_below(&rng, 3);
    config.hosts = 1 + (uint32_t)rng_below(&rng, 3);
    config.processes = 1 + (uint32_t)rng_below(&rng, 3);
    config.queues = config.hosts > 1 && sim_rng_chance(&rng, 400) ? 2 : 1;
    config.reconnect_limit_us = sim_rng_chance(&rng, 300) ? 60 * SIM_SECOND_US : INT64_MAX;
    config.think_us = INT64_C(10000) << rng_below(&rng, 8);
    config.child_window = sim_rng_chance(&rng, 600) ? 1 + (uint32_t)rng_below(&rng, 8) : 0;
    struct engine_config *engine = &config.engine;
    engine->queue_items_max = 2 + rng_below(&rng, 20);
    engine->queue_bytes_max = sim_rng_chance(&rng, 200) ? 60000 : engine->queue_bytes_max;
    engine->results_bytes_max = sim_rng_chance(&rng, 200) ? 50000 : engine->results_bytes_max;
    uint64_t batches = rng_below(&rng, 4);
    engine->batch_bytes_max = batches < 2 ? 2000 : 0;
    engine->batch_changes_max = batches == 2 ? 10 : 0;
    engine->step_units_max = sim_rng_chance(&rng, 500) ? 1 + (uint32_t)rng_below(&rng, 4) : 0;
    config.client_window = sim_rng_chance(&rng, 500) ? 8 + (uint32_t)rng_below(&rng, 40) : 0;
    config.processes_max = 1 + (uint32_t)rng_below(&rng, 3);
    engine->window = config.client_window != 0 ? config.client_window : engine->window;
    return config;
}

/* ---- life -------------------------------------------------------------------------------------
 */

static struct sim_client *sim_is_client(struct sim *sim, const void *peer) {
    for (uint32_t i = 0; i < SIM_CLIENTS_MAX; i++) {
        if (peer == &sim->clients[i]) {
            return &sim->clients[i];
        }
    }
    return NULL;
}

static struct sim_host *sim_is_host(struct sim *sim, const void *peer) {
    for (uint32_t i = 0; i < SIM_HOSTS_MAX; i++) {
        if (peer == &sim->hosts[i]) {
            return &sim->hosts[i];
        }
    }
    return NULL;
}

static struct puppet *sim_is_puppet(struct sim *sim, const void *peer) {
    for (uint32_t i = 0; i < sim->puppet_count; i++) {
        if (peer == sim->puppets[i]) {
            return sim->puppets[i];
        }
    }
    return NULL;
}

static void sim_to_peer(void *context, void *peer, const struct wire_message *message) {
    struct sim *sim = context;
    struct sim_client *client = sim_is_client(sim, peer);
    struct sim_host *host = sim_is_host(sim, peer);
    if (client != NULL) {
        sim_client_message(client, message);
    } else if (host != NULL) {
        sim_host_message(host, message);
    } else if (sim_is_puppet(sim, peer) != NULL) {
        puppet_message(sim_is_puppet(sim, peer), message);
    } else if (peer != &sim->stranger) {
        sim_child_message(peer, message);
    }
}

struct sim *sim_create(const struct sim_config *config) {
    struct sim *sim = calloc(1, sizeof *sim);
    CHECK(sim != NULL);
    sim->config = *config;
    world_init(&sim->world);
    sim->world.tracing = config->tracing;
    sim->net = net_create(&sim->world, config->seed,
                          (struct net_hooks){.to_broker = sim_broker_message,
                                             .to_peer = sim_to_peer,
                                             .route_lost = sim_broker_route_lost,
                                             .context = sim});
    sim->store = store_create(&sim->world, config->seed,
                              (struct store_hooks){.committed = sim_broker_committed,
                                                   .failed = sim_broker_store_failed,
                                                   .space = sim_broker_space,
                                                   .context = sim});
    checker_init(&sim->checker, sim);
    sim_broker_init(&sim->broker, sim);
    for (uint32_t i = 0; i < config->clients; i++) {
        sim_client_init(&sim->clients[i], sim, i);
    }
    for (uint32_t i = 0; i < config->hosts; i++) {
        sim_host_init(&sim->hosts[i], sim, i);
    }
    sim->stranger = net_node_add(sim->net, "stranger", 0, &sim->stranger);
    faults_init(&sim->faults, sim);
    return sim;
}

void sim_destroy(struct sim **sim_at) {
    struct sim *sim = *sim_at;
    if (sim == NULL) {
        return;
    }
    for (uint32_t i = 0; i < sim->config.clients; i++) {
        sim_client_fini(&sim->clients[i]);
    }
    for (uint32_t i = 0; i < sim->config.hosts; i++) {
        sim_host_fini(&sim->hosts[i]);
    }
    sim_broker_fini(&sim->broker);
    checker_fini(&sim->checker);
    store_destroy(&sim->store);
    net_destroy(&sim->net);
    world_fini(&sim->world);
    free(sim);
    *sim_at = NULL;
}

bool sim_step(struct sim *sim) {
    return !world_failed(&sim->world) && world_step(&sim->world);
}

void sim_advance(struct sim *sim, int64_t duration_us) {
    int64_t until_us = sim->world.now_us + duration_us;
    while (world_next_us(&sim->world) <= until_us && sim_step(sim)) {
    }
    if (!world_failed(&sim->world)) {
        sim->world.now_us = until_us;
    }
}

bool sim_is_calm(const struct sim *sim) {
    return sim->quiet && sim->world.now_us >= sim->quiet_since_us + SIM_CALM_US;
}

/* ---- a run ------------------------------------------------------------------------------------
 */

static void sim_start(struct sim *sim) {
    net_set_farewell(sim->net, NET_SOME_LATE);
    net_set_delay(sim->net, 20, 20000);
    store_set_delay(sim->store, 50, 50000);
    sim_broker_start(&sim->broker);
    for (uint32_t i = 0; i < sim->config.hosts; i++) {
        sim_host_start(&sim->hosts[i]);
    }
    for (uint32_t i = 0; i < sim->config.clients; i++) {
        sim_client_start(&sim->clients[i]);
    }
    faults_begin(&sim->faults);
}

/* Every task must end in time. */
static void sim_settle(struct sim *sim) {
    int64_t until_us = sim->world.now_us + SIM_SETTLE_US;
    const struct sim_task *open = NULL;
    uint64_t steps = 0;
    while (sim_step(sim)) {
        if (++steps % SIM_LOOK_EVERY == 0 && sim_is_calm(sim) &&
            checker_queues_calm(&sim->checker) && checker_open_tasks(&sim->checker, &open) == 0) {
            return;
        }
        if (sim->world.now_us > until_us || steps > SIM_QUIET_STEPS_MAX) {
            uint32_t count = checker_open_tasks(&sim->checker, &open);
            if (count > 0) {
                world_fail(&sim->world,
                           "%u tasks have not ended %s after faults stopped: task %u of c%u%s",
                           count, steps > SIM_QUIET_STEPS_MAX ? "400,000 steps" : "200 s",
                           open->ordinal, open->client,
                           open->finished || open->orphan ? " was accepted and never ran" : "");
            }
            return;
        }
    }
}

static void sim_look_for_rest(struct sim *sim, bool results_too) {
    struct engine_counts counts = sim_broker_counts(&sim->broker);
    struct payload_sums sums;
    payload_sums(sim->broker.payloads, &sums);
    if (counts.sessions + counts.hosts + counts.children + counts.leased + counts.waiters > 0) {
        world_fail(&sim->world,
                   "left over: %" PRIu64 " sessions, %" PRIu64 " hosts, %" PRIu64
                   " children, %" PRIu64 " leased, %" PRIu64 " waiters",
                   counts.sessions, counts.hosts, counts.children, counts.leased, counts.waiters);
    } else if (counts.tasks != counts.results_kept || (results_too && counts.tasks > 0)) {
        world_fail(&sim->world, "left over: %" PRIu64 " tasks, %" PRIu64 " with kept results",
                   counts.tasks, counts.results_kept);
    } else if (results_too && (sums.count > 0 || counts.payload_bytes > 0)) {
        world_fail(&sim->world,
                   "left over: %" PRIu64 " payloads in the store, %" PRIu64
                   " bytes by the engine's count",
                   sums.count, counts.payload_bytes);
    }
}

static bool sim_only_results_left(const struct sim *sim) {
    struct engine_counts counts = sim_broker_counts(&sim->broker);
    return counts.tasks == counts.results_kept && counts.waiters == 0;
}

/* Everybody leaves; then only kept results are there, and a day later nothing. */
static void sim_end(struct sim *sim) {
    int64_t until_us = sim->world.now_us + SIM_SETTLE_US;
    for (uint32_t i = 0; i < sim->config.clients; i++) {
        sim_client_goodbye(&sim->clients[i]);
    }
    do {
        sim_advance(sim, 10 * SIM_SECOND_US);
    } while (!sim_only_results_left(sim) && sim->world.now_us < until_us &&
             !world_failed(&sim->world));
    sim->ending = true;
    for (uint32_t i = 0; i < sim->config.hosts; i++) {
        sim_host_drain(&sim->hosts[i]);
    }
    sim_advance(sim, 120 * SIM_SECOND_US);
    if (!world_failed(&sim->world)) {
        sim_look_for_rest(sim, false);
    }
    sim_advance(sim, 2 * SIM_DAY_US);
    if (!world_failed(&sim->world)) {
        sim_look_for_rest(sim, true);
    }
}

bool sim_run(struct sim *sim) {
    sim_start(sim);
    while (sim->world.tally.steps < sim->config.steps && sim_step(sim)) {
    }
    if (!world_failed(&sim->world)) {
        world_note(&sim->world, "faults stop");
        sim->quiet = true;
        sim->quiet_since_us = sim->world.now_us;
        faults_stop(&sim->faults);
        sim_settle(sim);
    }
    if (!world_failed(&sim->world)) {
        sim_end(sim);
    }
    sim->world.tally.seeds = 1;
    return !world_failed(&sim->world);
}
