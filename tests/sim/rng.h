/* SPDX-License-Identifier: MIT
 *
 * The simulation's only source of chance: common/rng.h, in streams. One seed, one run; each role
 * draws from a stream of its own, so that a change in one role's habits does not reshuffle the
 * others. */
#ifndef SIM_RNG_H
#define SIM_RNG_H

#include "common/rng.h"

struct rng sim_rng_of(uint64_t seed, uint64_t stream);
int64_t sim_rng_between(struct rng *rng, int64_t low, int64_t high); /* both included */
bool sim_rng_chance(struct rng *rng, uint32_t permille);
/* Mostly near `low`, now and then up to `high`: how delays are distributed in life. */
int64_t sim_rng_skewed(struct rng *rng, int64_t low, int64_t high);

#endif
