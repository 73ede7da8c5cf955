/* SPDX-License-Identifier: MIT
 *
 * Capacity: a queue's bounds as people write them, on the broker's command line and in `wherry
 * queue set`:
 *
 *     max=5000            tasks: a whole number, with k, M or G for thousands, millions, milliards
 *     max=5k,bytes=2G     bytes: as sizes everywhere, powers of 1,024
 *     bytes=default       as a queue that nobody set */
#ifndef WHERRY_CAPACITY_H
#define WHERRY_CAPACITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CAPACITY_DEFAULT UINT64_MAX
enum { CAPACITY_WHY = 160 };

struct capacity {
    uint64_t items_max; /* 0: not said */
    uint64_t bytes_max;
};

/* Adds what `text` says. False: `why` tells in words what is wrong with which piece, and `out` is
 * worth nothing. */
bool capacity_read(const char *text, struct capacity *out, char why[CAPACITY_WHY]);

#endif
