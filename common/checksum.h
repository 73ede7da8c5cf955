/* SPDX-License-Identifier: MIT
 *
 * Checksum: a 64-bit hash that finds damage, not malice; the same on every machine. Every step is
 * a bijection of the state, so one changed bit always changes the whole; whoever keeps 32 bits of
 * it misses one damage in four billion.
 *
 *     check = checksum(checksum(0, key), value)        chained: order and borders count, too */
#ifndef WHERRY_CHECKSUM_H
#define WHERRY_CHECKSUM_H

#include "common/bytes.h"

uint64_t checksum(uint64_t seed, struct span bytes);

#endif
