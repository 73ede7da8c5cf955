/* SPDX-License-Identifier: MIT
 *
 * Sim: one world with a broker, clients and worker hosts in it, all of them the real logic.
 *
 *     client 0 …      session     ─┐                          ┌─ border, engine, payload store
 *     host 0 …        host logic  ─┼── net (encoded messages) ┤
 *       child 0 …     child logic ─┘                          └─ store (simulated, durable or none)
 *         └ gate page, shared with its host
 *
 * A run:  sim_create; faults and applications act for `steps` steps; then faults stop, everything
 * is healed and started, and within SIM_SETTLE_US every task must have ended; then all say goodbye,
 * and nothing may be left. Scenarios drive the same parts by hand (script.h). */
#ifndef SIM_SIM_H
#define SIM_SIM_H

#include "tests/sim/broker.h"
#include "tests/sim/checker.h"
#include "tests/sim/client.h"
#include "tests/sim/faults.h"
#include "tests/sim/host.h"
#include "tests/sim/net.h"
#include "tests/sim/store.h"
#include "tests/sim/world.h"

enum {
    SIM_CLIENTS_MAX = 4,
    SIM_HOSTS_MAX = 4,
    SIM_PUPPETS_MAX = 8,
    SIM_PUPPET_MACHINE = 1 + SIM_CLIENTS_MAX + SIM_HOSTS_MAX,
};
struct puppet;
#define SIM_SETTLE_US (INT64_C(200) * 1000 * 1000)

struct sim_config {
    uint64_t seed;
    bool durable;
    bool by_hand; /* no application, no faults: a scenario says what happens */
    bool tracing;
    uint32_t audit_every; /* steps between audits; 1 by default, 0: never */
    uint64_t steps;
    uint32_t clients;
    int64_t think_us; /* the longest pause of an application between two moves */
    uint32_t hosts;
    uint32_t processes;          /* children of the pool a host */
    uint32_t processes_max;      /* places for Processes a host, behind those */
    uint32_t queues;             /* 1 or 2; host i serves queue i mod queues */
    int64_t reconnect_limit_us;  /* of clients; INT64_MAX: none */
    uint32_t client_window;      /* unanswered numbers of a client in one slot; 0: its default */
    uint32_t child_window;       /* deliveries a child grants ahead; 0: its default */
    struct engine_config engine; /* bounds; epoch, uuid and keeps are filled in */
};

struct sim {
    struct sim_config config;
    struct world world;
    struct net *net;
    struct store *store; /* also with a memory broker, then unused */
    struct sim_broker broker;
    struct sim_client clients[SIM_CLIENTS_MAX];
    struct sim_host hosts[SIM_HOSTS_MAX];
    struct sim_checker checker;
    struct sim_faults faults;
    net_node stranger;                       /* somebody who has no business here */
    struct puppet *puppets[SIM_PUPPETS_MAX]; /* of a scenario */
    uint32_t puppet_count;
    void *scene_end; /* jmp_buf of a scenario */
    bool quiet;      /* faults have stopped, applications submit nothing more */
    int64_t quiet_since_us;
    bool ending; /* everything has been said: hosts drain, nothing starts again */
};

/* Sizes, bounds and habits drawn from the seed. */
struct sim_config sim_config_of(uint64_t seed, bool durable, uint64_t steps);
/* Small and calm: what scenarios start from. */
struct sim_config sim_config_by_hand(bool durable);

struct sim *sim_create(const struct sim_config *config);
void sim_destroy(struct sim **sim);

/* The whole run. False: a promise was broken; world.failure says which. */
bool sim_run(struct sim *sim);

/* One step of the world, with the checks that follow each. False: nothing is planned, or broken. */
bool sim_step(struct sim *sim);
void sim_advance(struct sim *sim, int64_t duration_us);

/* Quiet for so long that every late message has arrived. */
bool sim_is_calm(const struct sim *sim);

/* A message for a puppet (puppet_input.c). */
void puppet_message(struct puppet *puppet, const struct wire_message *message);

#endif
