/* SPDX-License-Identifier: MIT
 *
 * Broker: the engine behind the real border, fed by the virtual network, committing to the
 * simulated store. One process at a time; each start has a higher epoch.
 *
 * A turn, as in the broker's program: all messages that are there, then one TICK. A stopped broker
 * reads nothing; continued, it first tells the engine how long it stood still. */
#ifndef SIM_BROKER_H
#define SIM_BROKER_H

#include "broker/core/engine.h"
#include "broker/net/border.h"
#include "broker/net/payload.h"
#include "tests/sim/world.h"

struct sim;

struct sim_broker {
    struct sim *sim;
    bool alive;
    bool stopped;
    int64_t stopped_at_us;
    uint64_t epoch;
    struct engine *engine;
    struct border *border;
    struct payload_store *payloads;
    struct effects effects;
    struct world_timer timer;
    bool turn_planned;
    uint64_t committed_waiting; /* while stopped; 0: none */
    uint64_t life;
    uint64_t steps;
    route_id *unreachable; /* found out while sending; the engine is told after the step */
    uint32_t unreachable_count;
    uint32_t unreachable_capacity;
};

void sim_broker_init(struct sim_broker *broker, struct sim *sim);
void sim_broker_fini(struct sim_broker *broker);

void sim_broker_start(struct sim_broker *broker);
void sim_broker_crash(struct sim_broker *broker);
void sim_broker_stop(struct sim_broker *broker);     /* SIGSTOP */
void sim_broker_drain(struct sim_broker *broker);    /* SIGTERM: no new work from here on */
void sim_broker_continue(struct sim_broker *broker); /* SIGCONT */
/* Give the engine one event, as the shell would. */
void sim_broker_step(struct sim_broker *broker, const struct event *event);
struct engine_counts sim_broker_counts(const struct sim_broker *broker);

/* Hooks of net and store. */
void sim_broker_message(void *sim, route_id route, const struct wire_message *message);
void sim_broker_route_lost(void *sim, route_id route);
void sim_broker_committed(void *sim, uint64_t batch);
void sim_broker_store_failed(void *sim);
void sim_broker_space(void *sim, bool has_space);

#endif
