/* SPDX-License-Identifier: MIT
 *
 * getrandom(2), without the pool's descriptor and its ways to fail; see entropy.h. */
#include "common/entropy.h"

#include "common/check.h"

#include <errno.h>
#include <sys/random.h>
#include <sys/types.h>

void entropy_fill(void *out, size_t size) {
    unsigned char *at = out;
    while (size > 0) {
        ssize_t got = getrandom(at, size, 0);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        CHECK(got > 0);
        at += got;
        size -= (size_t)got;
    }
}

uint64_t entropy_u64(void) {
    uint64_t value = 0;
    while (value == 0) {
        entropy_fill(&value, sizeof value);
    }
    return value;
}

void rng_seed_from_system(struct rng *rng) {
    rng_init(rng, entropy_u64());
}
