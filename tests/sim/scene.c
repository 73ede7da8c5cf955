/* SPDX-License-Identifier: MIT
 *
 * Stepping a world by conditions. A scenario is left by longjmp, always from its own frame: no
 * callback of the world is running then. */
#include "tests/sim/scene.h"

#include "common/check.h"
#include "tests/sim/puppet.h"

#include <setjmp.h>
#include <stdio.h>
#include <string.h>

_Noreturn void scene_break(struct sim *sim, const char *why, int line) {
    world_fail(&sim->world, "line %d: %s", line, why);
    longjmp(*(jmp_buf *)sim->scene_end, 1);
}

bool scene_go(struct sim *sim, int64_t until_us) {
    if (world_next_us(&sim->world) > until_us) {
        sim->world.now_us = until_us;
        return false;
    }
    sim_step(sim);
    if (world_failed(&sim->world)) {
        longjmp(*(jmp_buf *)sim->scene_end, 1);
    }
    return true;
}

void scene_wait(struct sim *sim, int64_t duration_ms) {
    int64_t until_us = sim->world.now_us + duration_ms * 1000;
    while (scene_go(sim, until_us)) {
    }
}

/* ---- peers ------------------------------------------------------------------------------------
 */

static bool client_greeted(const struct sim_client *client) {
    struct session_view view;
    session_look(client->session, &view);
    return view.connected;
}

struct sim_client *client_up(struct sim *sim, uint32_t index) {
    struct sim_client *client = &sim->clients[index];
    sim_client_start(client);
    UNTIL(sim, client_greeted(client));
    return client;
}

static bool host_ready(const struct sim_host *host) {
    struct engine_counts counts = sim_broker_counts(&host->sim->broker);
    uint32_t hosts = 0;
    for (uint32_t i = 0; i < host->sim->config.hosts; i++) {
        hosts += host->sim->hosts[i].logic != NULL;
    }
    return host_greeted(host->logic) &&
           counts.children >= (uint64_t)hosts * host->sim->config.processes;
}

struct sim_host *host_up(struct sim *sim, uint32_t index) {
    struct sim_host *host = &sim->hosts[index];
    sim_host_start(host);
    UNTIL(sim, host_ready(host));
    scene_wait(sim, 50);
    return host;
}

struct sim_task *submit_with(struct sim_client *client, struct sim_submit submit) {
    if (submit.queue == NULL) {
        submit.queue = "q0";
    }
    if (submit.function == NULL) {
        submit.function = "f";
    }
    struct sim_task *task = sim_client_submit(client, &submit);
    EXPECT(client->sim, task != NULL);
    return task;
}

struct sim_task *submit(struct sim_client *client, int64_t duration_us) {
    return submit_with(client,
                       (struct sim_submit){.wait_ms = -1, .plan = {.duration_us = duration_us}});
}

void broker_crash(struct sim *sim, enum store_fate fate) {
    store_set_fate(sim->store, fate);
    sim_broker_crash(&sim->broker);
}

void broker_start(struct sim *sim) {
    sim_broker_start(&sim->broker);
}

/* ---- running ----------------------------------------------------------------------------------
 */

static struct sim *scenario_world(const struct scenario *scenario, bool tracing) {
    struct sim_config config = sim_config_by_hand(scenario->store == DURABLE);
    config.tracing = tracing;
    config.clients = scenario->clients;
    config.hosts = scenario->hosts;
    config.processes = scenario->processes;
    if (scenario->shape != NULL) {
        scenario->shape(&config);
    }
    struct sim *sim = sim_create(&config);
    sim_broker_start(&sim->broker);
    return sim;
}

const char *scenario_run(const struct scenario *scenario, bool tracing) {
    static char failure[512];
    jmp_buf end;
    struct sim *volatile sim = scenario_world(scenario, tracing);
    sim->scene_end = &end;
    if (setjmp(end) == 0) {
        scenario->play(sim);
    }
    memcpy(failure, sim->world.failure, sizeof failure);
    struct sim *done = sim;
    puppets_free(done);
    sim_destroy(&done);
    return failure[0] == '\0' ? NULL : failure;
}
