/* SPDX-License-Identifier: MIT
 *
 * Faults: a seeded plan of what goes wrong. Each seed draws its own set of kinds and its own pace
 * (some are calm, some have none at all), so that rare combinations are not drowned by frequent
 * single faults. */
#ifndef SIM_FAULTS_H
#define SIM_FAULTS_H

#include "tests/sim/rng.h"
#include "tests/sim/world.h"

struct sim;
struct sim_host;

struct sim_faults {
    struct sim *sim;
    struct rng rng;
    uint64_t life;   /* grows when faults stop: what was planned before is off */
    uint32_t kinds;  /* bits of the plan's kinds that this seed knows */
    int64_t pace_us; /* the longest calm */
    bool space_low;
    bool draining; /* the broker was told to: it is about to exit */
};

void faults_init(struct sim_faults *faults, struct sim *sim);
/* Faults begin; nothing happens before the first pace is over. */
void faults_begin(struct sim_faults *faults);
/* Faults stop: everything is healed, continued and started. */
void faults_stop(struct sim_faults *faults);

/* The broker's process ended by itself. */
void faults_restart_broker_soon(struct sim_faults *faults);
/* A host has drained: its machine will offer it again. */
void faults_host_ended(struct sim_faults *faults, struct sim_host *host);

#endif
