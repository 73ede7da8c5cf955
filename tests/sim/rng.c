/* SPDX-License-Identifier: MIT
 *
 * Streams and shapes over the common generator. */
#include "tests/sim/rng.h"

#include "common/check.h"

struct rng sim_rng_of(uint64_t seed, uint64_t stream) {
    struct rng rng;
    rng_init(&rng, seed * UINT64_C(0xd1342543de82ef95) + stream);
    return rng;
}

int64_t sim_rng_between(struct rng *rng, int64_t low, int64_t high) {
    CHECK(low <= high);
    return low + (int64_t)rng_below(rng, (uint64_t)(high - low) + 1);
}

bool sim_rng_chance(struct rng *rng, uint32_t permille) {
    return rng_below(rng, 1000) < permille;
}

int64_t sim_rng_skewed(struct rng *rng, int64_t low, int64_t high) {
    int64_t reach = high - low;
    for (uint64_t times = rng_below(rng, 6); times > 0; times--) {
        reach /= 4;
    }
    return reach <= 0 ? low : sim_rng_between(rng, low, low + reach);
}
