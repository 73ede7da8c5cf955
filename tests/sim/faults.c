/* SPDX-License-Identifier: MIT
 *
 * A table of kinds, each with a function that begins one and, where it lasts, one that ends it.
 * Whatever begins here is told to the checker, which takes a second run for a bug when nothing
 * explains it. */
#include "tests/sim/faults.h"

#include "common/check.h"
#include "tests/sim/sim.h"

#include <signal.h>

#define FAULTS_SECOND_US INT64_C(1000000)
enum { FAULTS_MACHINES = 1 + SIM_CLIENTS_MAX + SIM_HOSTS_MAX };

struct faults_kind {
    uint32_t weight;
    bool durable_only;
    void (*begin)(struct sim_faults *faults);
};

/* ---- helpers ----------------------------------------------------------------------------------
 */

/* Mostly short, often anything up to `high_us`. */
static int64_t faults_span(struct sim_faults *faults, int64_t low_us, int64_t high_us) {
    return sim_rng_chance(&faults->rng, 600) ? sim_rng_skewed(&faults->rng, low_us, high_us)
                                             : sim_rng_between(&faults->rng, low_us, high_us);
}

static void faults_later(struct sim_faults *faults, int64_t low_us, int64_t high_us,
                         world_action action, void *subject, uint64_t argument) {
    struct world *world = &faults->sim->world;
    world_at(world, world->now_us + faults_span(faults, low_us, high_us), action, subject,
             argument);
}

/* The end of a fault carries the life in which it began: faults_stop() has ended all of those. */
static bool faults_current(struct sim_faults *faults, uint64_t life) {
    return faults->life == life;
}

static void faults_moment(struct sim_faults *faults) {
    checker_fault_begin(&faults->sim->checker);
    checker_fault_end(&faults->sim->checker);
}

static struct sim_host *faults_some_host(struct sim_faults *faults) {
    return &faults->sim->hosts[rng_below(&faults->rng, faults->sim->config.hosts)];
}

static struct sim_client *faults_some_client(struct sim_faults *faults) {
    return &faults->sim->clients[rng_below(&faults->rng, faults->sim->config.clients)];
}

static struct sim_child *faults_some_child(struct sim_faults *faults) {
    struct sim_host *host = faults_some_host(faults);
    return &host->children[rng_below(&faults->rng, sim_host_places(faults->sim))];
}

static net_node faults_some_node(struct sim_faults *faults) {
    uint64_t kind = rng_below(&faults->rng, 3);
    return kind == 0   ? faults_some_client(faults)->node
           : kind == 1 ? faults_some_host(faults)->node
                       : faults_some_child(faults)->node;
}

/* ---- the broker -------------------------------------------------------------------------------
 */

static void faults_start_broker(void *subject, uint64_t life) {
    struct sim_faults *faults = subject;
    if (faults_current(faults, life) && !faults->sim->broker.alive) {
        sim_broker_start(&faults->sim->broker);
    }
}

void faults_restart_broker_soon(struct sim_faults *faults) {
    faults_later(faults, 1000, 15 * FAULTS_SECOND_US, faults_start_broker, faults, faults->life);
}

static void faults_broker_crash(struct sim_faults *faults) {
    if (faults->sim->broker.alive) {
        faults->draining = false;
        world_fault(&faults->sim->world, FAULT_BROKER_CRASH);
        sim_broker_crash(&faults->sim->broker);
        faults_restart_broker_soon(faults);
    }
}

static void faults_broker_exit(void *subject, uint64_t life) {
    struct sim_faults *faults = subject;
    if (faults_current(faults, life) && faults->draining && faults->sim->broker.alive) {
        faults->draining = false;
        world_fault(&faults->sim->world, FAULT_BROKER_DRAIN);
        sim_broker_crash(&faults->sim->broker);
        faults_restart_broker_soon(faults);
    }
}

static void faults_broker_drain(struct sim_faults *faults) {
    faults->draining = true;
    sim_broker_drain(&faults->sim->broker);
    faults_later(faults, 100, 3 * FAULTS_SECOND_US, faults_broker_exit, faults, faults->life);
}

static void faults_broker_pause_end(void *subject, uint64_t life) {
    struct sim_faults *faults = subject;
    if (faults_current(faults, life)) {
        sim_broker_continue(&faults->sim->broker);
        checker_fault_end(&faults->sim->checker);
    }
}

static void faults_broker_pause(struct sim_faults *faults) {
    struct sim *sim = faults->sim;
    if (sim->broker.alive && !sim->broker.stopped) {
        world_fault(&sim->world, FAULT_BROKER_PAUSE);
        checker_fault_begin(&sim->checker);
        sim_broker_stop(&sim->broker);
        faults_later(faults, 1000, 12 * FAULTS_SECOND_US, faults_broker_pause_end, faults,
                     faults->life);
    }
}

/* ---- the store --------------------------------------------------------------------------------
 */

static void faults_io_error(struct sim_faults *faults) {
    faults_moment(faults);
    store_fail_next(faults->sim->store);
}

static void faults_space_back(void *subject, uint64_t life) {
    struct sim_faults *faults = subject;
    if (faults_current(faults, life)) {
        faults->space_low = false;
        store_free_space(faults->sim->store);
    }
}

static void faults_disk_full(struct sim_faults *faults) {
    if (!faults->space_low) {
        faults->space_low = true;
        store_fill(faults->sim->store, sim_rng_chance(&faults->rng, 300));
        faults_later(faults, 10000, 10 * FAULTS_SECOND_US, faults_space_back, faults, faults->life);
    }
}

static void faults_clock_jump(struct sim_faults *faults) {
    struct world *world = &faults->sim->world;
    world_fault(world, FAULT_CLOCK_JUMP);
    world->wall_offset_ms = sim_rng_between(&faults->rng, -1800000, 1800000);
}

/* ---- clients ----------------------------------------------------------------------------------
 */

static void faults_start_client(void *subject, uint64_t life) {
    struct sim_client *client = subject;
    if (faults_current(&client->sim->faults, life) && client->session == NULL) {
        sim_client_start(client);
    }
}

static void faults_client_crash(struct sim_faults *faults) {
    struct sim_client *client = faults_some_client(faults);
    if (client->session != NULL) {
        sim_client_crash(client);
        faults_later(faults, 1000, 5 * FAULTS_SECOND_US, faults_start_client, client, faults->life);
    }
}

static void faults_client_pause_end(void *subject, uint64_t life) {
    struct sim_client *client = subject;
    if (faults_current(&client->sim->faults, life)) {
        sim_client_stop(client, false);
    }
}

/* Long enough, now and then, for the session to end behind the client's back. */
static int64_t faults_silence_us(struct sim_faults *faults, struct sim_client *client) {
    if (!sim_rng_chance(&faults->rng, 100)) {
        return faults_span(faults, 1000, 15 * FAULTS_SECOND_US);
    }
    checker_client_silent(&faults->sim->checker, client);
    return sim_rng_between(&faults->rng, 85 * FAULTS_SECOND_US, 110 * FAULTS_SECOND_US);
}

static void faults_client_pause(struct sim_faults *faults) {
    struct sim_client *client = faults_some_client(faults);
    if (client->session == NULL || client->stopped) {
        return;
    }
    world_fault(&faults->sim->world, FAULT_CLIENT_PAUSE);
    int64_t pause_us = faults_silence_us(faults, client);
    sim_client_stop(client, true);
    faults_later(faults, pause_us, pause_us, faults_client_pause_end, client, faults->life);
}

/* ---- hosts and children -----------------------------------------------------------------------
 */

static void faults_start_host(void *subject, uint64_t life) {
    struct sim_host *host = subject;
    bool wanted = faults_current(&host->sim->faults, life) && !host->sim->ending;
    if (wanted && host->logic == NULL) {
        sim_host_start(host);
    }
}

static void faults_host_crash(struct sim_faults *faults) {
    struct sim_host *host = faults_some_host(faults);
    if (host->logic != NULL) {
        sim_host_crash(host);
        faults_later(faults, 1000, 15 * FAULTS_SECOND_US, faults_start_host, host, faults->life);
    }
}

static void faults_host_drain(struct sim_faults *faults) {
    sim_host_drain(faults_some_host(faults));
}

void faults_host_ended(struct sim_faults *faults, struct sim_host *host) {
    world_fault(&faults->sim->world, FAULT_HOST_DRAIN);
    if (!faults->sim->config.by_hand && !faults->sim->ending) {
        faults_later(faults, 1000, 5 * FAULTS_SECOND_US, faults_start_host, host, faults->life);
    }
}

static void faults_host_pause_end(void *subject, uint64_t life) {
    struct sim_host *host = subject;
    if (faults_current(&host->sim->faults, life)) {
        sim_host_stop(host, false);
        checker_fault_end(&host->sim->checker);
    }
}

static void faults_host_pause(struct sim_faults *faults) {
    struct sim_host *host = faults_some_host(faults);
    if (host->logic != NULL && !host->stopped) {
        world_fault(&faults->sim->world, FAULT_HOST_PAUSE);
        checker_fault_begin(&faults->sim->checker);
        sim_host_stop(host, true);
        faults_later(faults, 1000, 15 * FAULTS_SECOND_US, faults_host_pause_end, host,
                     faults->life);
    }
}

static void faults_child_crash(struct sim_faults *faults) {
    bool scribble = sim_rng_chance(&faults->rng, 50);
    int signal = sim_rng_chance(&faults->rng, 500) ? SIGKILL : SIGSEGV;
    sim_child_kill(faults_some_child(faults), signal, scribble);
}

static void faults_child_pause_end(void *subject, uint64_t life) {
    struct sim_child *child = subject;
    if (faults_current(&child->host->sim->faults, life)) {
        sim_child_stop(child, false);
    }
}

static void faults_child_pause(struct sim_faults *faults) {
    struct sim_child *child = faults_some_child(faults);
    if (child->logic != NULL && !child->stopped) {
        world_fault(&faults->sim->world, FAULT_CHILD_PAUSE);
        faults_moment(faults);
        sim_child_stop(child, true);
        faults_later(faults, 1000, 15 * FAULTS_SECOND_US, faults_child_pause_end, child,
                     faults->life);
    }
}

/* ---- the network ------------------------------------------------------------------------------
 */

static void faults_cut(struct sim_faults *faults) {
    world_fault(&faults->sim->world, FAULT_DISCONNECT);
    faults_moment(faults);
    if (sim_rng_chance(&faults->rng, 500)) {
        net_cut_soon(faults->sim->net, faults_some_node(faults));
    } else {
        net_cut(faults->sim->net, faults_some_node(faults));
    }
}

static void faults_heal(void *subject, uint64_t argument) {
    struct sim_faults *faults = subject;
    if (faults_current(faults, argument / FAULTS_MACHINES)) {
        net_heal(faults->sim->net, (uint32_t)(argument % FAULTS_MACHINES));
        checker_fault_end(&faults->sim->checker);
    }
}

static void faults_partition(struct sim_faults *faults) {
    struct sim *sim = faults->sim;
    static const enum sim_fault named[3] = {FAULT_PARTITION_BOTH, FAULT_PARTITION_UP,
                                            FAULT_PARTITION_DOWN};
    uint64_t kind = rng_below(&faults->rng, 3);
    int64_t duration_us = faults_span(faults, 1000, 15 * FAULTS_SECOND_US);
    uint32_t machine = faults_some_host(faults)->machine;
    if (sim_rng_chance(&faults->rng, 400)) {
        struct sim_client *client = faults_some_client(faults);
        machine = client->machine;
        duration_us = faults_silence_us(faults, client);
    }
    world_fault(&sim->world, named[kind]);
    world_note(&sim->world, "partition of machine %u, kind %u", machine, (unsigned)kind);
    checker_fault_begin(&sim->checker);
    net_partition(sim->net, machine, kind != 2, kind != 1);
    faults_later(faults, duration_us, duration_us, faults_heal, faults,
                 faults->life * FAULTS_MACHINES + machine);
}

static void faults_delay(struct sim_faults *faults) {
    world_fault(&faults->sim->world, FAULT_DELAY);
    faults_moment(faults);
    enum net_way way = sim_rng_chance(&faults->rng, 500) ? NET_UP : NET_DOWN;
    net_node node = faults_some_node(faults); /* one draw a statement: arguments have no order */
    int64_t delay_us = sim_rng_skewed(&faults->rng, 1000, 5 * FAULTS_SECOND_US);
    net_delay_next(faults->sim->net, node, way, delay_us);
}

/* Somebody speaks another version, or knows a client's session but not its secret. Neither gets in.
 */
static void faults_stranger(struct sim_faults *faults) {
    struct sim *sim = faults->sim;
    uint8_t secret[WIRE_SECRET_SIZE] = {0};
    struct sim_client *client = faults_some_client(faults);
    struct session_view view = {.id = 1};
    if (client->session != NULL) {
        session_look(client->session, &view);
    }
    bool version = sim_rng_chance(&faults->rng, 500);
    struct wire_hello hello = {
        .peer = WIRE_CLIENT,
        .version_min = version ? 90 : WIRE_VERSION_MIN,
        .version_max = version ? 99 : WIRE_VERSION_MAX,
        .resume = true,
        .session = view.id,
        .secret = {secret, sizeof secret},
    };
    struct wire_out out;
    wire_out_init(&out);
    wire_hello_begin(&out, &hello, 0, 0);
    wire_hello_end(&out);
    world_fault(&sim->world, FAULT_STRANGER);
    net_open(sim->net, sim->stranger);
    net_send_up(sim->net, sim->stranger, &out);
    border_release(&out);
    wire_out_fini(&out);
}

/* ---- the plan ---------------------------------------------------------------------------------
 */

static const struct faults_kind faults_kinds[] = {
    {4, false, faults_broker_crash}, {1, false, faults_broker_drain},
    {3, false, faults_broker_pause}, {2, true, faults_io_error},
    {2, true, faults_disk_full},     {1, false, faults_clock_jump},
    {1, false, faults_client_crash}, {2, false, faults_client_pause},
    {2, false, faults_host_crash},   {1, false, faults_host_drain},
    {2, false, faults_host_pause},   {6, false, faults_child_crash},
    {3, false, faults_child_pause},  {8, false, faults_cut},
    {4, false, faults_partition},    {4, false, faults_delay},
    {1, false, faults_stranger},
};
enum { FAULTS_KINDS = sizeof faults_kinds / sizeof faults_kinds[0] };

static void faults_next(void *subject, uint64_t life);

static void faults_plan_next(struct sim_faults *faults) {
    faults_later(faults, 500, faults->pace_us, faults_next, faults, faults->life);
}

static bool faults_allowed(const struct sim_faults *faults, uint32_t kind) {
    return (faults->kinds >> kind & 1) != 0 &&
           (faults->sim->config.durable || !faults_kinds[kind].durable_only);
}

static void faults_next(void *subject, uint64_t life) {
    struct sim_faults *faults = subject;
    if (!faults_current(faults, life)) {
        return;
    }
    uint32_t weights = 0;
    for (uint32_t i = 0; i < FAULTS_KINDS; i++) {
        weights += faults_allowed(faults, i) ? faults_kinds[i].weight : 0;
    }
    if (weights == 0) {
        return; /* a calm seed */
    }
    uint32_t at = (uint32_t)rng_below(&faults->rng, weights);
    for (uint32_t i = 0; i < FAULTS_KINDS; i++) {
        uint32_t weight = faults_allowed(faults, i) ? faults_kinds[i].weight : 0;
        if (at < weight) {
            faults_kinds[i].begin(faults);
            break;
        }
        at -= weight;
    }
    faults_plan_next(faults);
}

void faults_init(struct sim_faults *faults, struct sim *sim) {
    *faults = (struct sim_faults){.sim = sim, .rng = sim_rng_of(sim->config.seed, 3), .life = 1};
    bool calm = sim_rng_chance(&faults->rng, 80);
    faults->kinds = calm ? 0 : (uint32_t)rng_next(&faults->rng);
    if (!calm && sim_rng_chance(&faults->rng, 200)) {
        faults->kinds = UINT32_MAX;
    }
    faults->pace_us = INT64_C(50000) << rng_below(&faults->rng, 8);
}

void faults_begin(struct sim_faults *faults) {
    faults_plan_next(faults);
}

void faults_stop(struct sim_faults *faults) {
    struct sim *sim = faults->sim;
    faults->life++;
    for (uint32_t machine = 0; machine < FAULTS_MACHINES; machine++) {
        net_heal(sim->net, machine);
    }
    sim_broker_continue(&sim->broker);
    if (faults->draining) {
        sim_broker_crash(&sim->broker);
    }
    if (!sim->broker.alive) {
        sim_broker_start(&sim->broker);
    }
    store_free_space(sim->store);
    for (uint32_t i = 0; i < sim->config.clients; i++) {
        sim_client_stop(&sim->clients[i], false);
        faults_start_client(&sim->clients[i], faults->life);
    }
    for (uint32_t i = 0; i < sim->config.hosts; i++) {
        sim_host_stop(&sim->hosts[i], false);
        for (uint32_t place = 0; place < sim_host_places(sim); place++) {
            sim_child_stop(&sim->hosts[i].children[place], false);
        }
        faults_start_host(&sim->hosts[i], faults->life);
    }
    while (sim->checker.faults_active > 0) {
        checker_fault_end(&sim->checker);
    }
}
