/* SPDX-License-Identifier: MIT
 *
 * xoshiro256**, its state spread from a 64-bit seed by splitmix64 as its authors advise: seeds 1,
 * 2, 3 give unrelated sequences. Chosen for being tiny, fast and the same everywhere. */
#include "common/rng.h"

#include "common/check.h"

static uint64_t splitmix(uint64_t *state) {
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static uint64_t rotate_left(uint64_t value, int bits) {
    return value << bits | value >> (64 - bits);
}

void rng_init(struct rng *rng, uint64_t seed) {
    for (int i = 0; i < 4; i++) {
        rng->state[i] = splitmix(&seed);
    }
}

uint64_t rng_next(struct rng *rng) {
    uint64_t *s = rng->state;
    uint64_t result = rotate_left(s[1] * 5, 7) * 9;
    uint64_t shifted = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= shifted;
    s[3] = rotate_left(s[3], 45);
    return result;
}

uint64_t rng_below(struct rng *rng, uint64_t bound) {
    CHECK(bound > 0);
    /* Rejecting the uneven rest at the low end keeps every answer equally likely. */
    uint64_t rest = (0 - bound) % bound;
    uint64_t value = rng_next(rng);
    while (value < rest) {
        value = rng_next(rng);
    }
    return value % bound;
}

bool rng_chance(struct rng *rng, uint32_t per_million) {
    return rng_below(rng, 1000000) < per_million;
}
