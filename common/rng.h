/* SPDX-License-Identifier: MIT
 *
 * A random sequence that its seed decides: jitter in the engine, the simulation's world. Not for
 * secrets; those come from entropy.h.
 *
 *     struct rng rng;
 *     rng_init(&rng, seed);              same seed, same sequence, on every machine
 *     uint64_t n = rng_below(&rng, 10);  0 … 9 */
#ifndef WHERRY_RNG_H
#define WHERRY_RNG_H

#include <stdbool.h>
#include <stdint.h>

struct rng { /* private */
    uint64_t state[4];
};

void rng_init(struct rng *rng, uint64_t seed);
uint64_t rng_next(struct rng *rng);
uint64_t rng_below(struct rng *rng, uint64_t bound); /* 0 … bound - 1; bound ≥ 1 */
bool rng_chance(struct rng *rng, uint32_t per_million);

#endif
