/* SPDX-License-Identifier: MIT
 *
 * Map: 64-bit hash -> slab indices, for what is looked up once a message or seldom: sessions,
 * routes, names, cold records. The hot path has no map in it.
 *
 * Linear hashing: each insertion splits at most one bucket, so that no step ever rehashes
 * everything. The mixing function has no seed, and nothing iterates over a map: order cannot depend
 * on it. */
#ifndef WHERRY_MAP_H
#define WHERRY_MAP_H

#include "broker/core/slab.h"

#include <stddef.h>

struct map { /* private */
    struct slab nodes;
    struct slab buckets;
    uint32_t round; /* buckets at the beginning of this round of splits: a power of two */
    uint32_t split; /* next bucket to split */
};

/* Is the record with this value the one that is looked for? */
typedef bool map_match(const void *context, uint32_t value);

void map_init(struct map *map);
void map_fini(struct map *map);

uint64_t map_hash(uint64_t key);
uint64_t map_hash_bytes(const void *data, size_t size);

/* 0: not there. A NULL match takes the first value with this hash. */
uint32_t map_find(const struct map *map, uint64_t hash, map_match *match, const void *context);
void map_put(struct map *map, uint64_t hash, uint32_t value);
/* Removes this pair, which must be there. */
void map_drop(struct map *map, uint64_t hash, uint32_t value);

uint64_t map_memory_bytes(const struct map *map);

#endif
