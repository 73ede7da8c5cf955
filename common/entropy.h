/* SPDX-License-Identifier: MIT
 *
 * Randomness from the operating system: session ids, secrets, seeds. Programs and libraries call
 * it; pure code is handed the result. */
#ifndef WHERRY_ENTROPY_H
#define WHERRY_ENTROPY_H

#include "common/rng.h"

#include <stddef.h>

/* Cannot fail on a kernel that has booted; ends the process if it does: there is no second best. */
void entropy_fill(void *out, size_t size);
uint64_t entropy_u64(void); /* never 0 */
void rng_seed_from_system(struct rng *rng);

#endif
