/* SPDX-License-Identifier: MIT
 *
 * Map: linear hashing over two slabs; see map.h.
 *
 *     buckets  round + split of them, each the head of a chain of nodes
 *     bucket   of a hash: hash mod round, or mod 2 × round if that bucket was already split
 *
 * A load of at most one node a bucket is kept by splitting one bucket whenever a node is added.
 * Refused: open addressing, which must move everything at once when it grows. */
#include "broker/core/map.h"

#include "common/check.h"

enum { MAP_ROUND = 16 };

struct map_node {
    uint32_t value; /* never 0 while in use */
    uint32_t next;
    uint64_t hash;
};

uint64_t map_hash(uint64_t key) {
    key ^= key >> 33;
    key *= UINT64_C(0xff51afd7ed558ccd);
    key ^= key >> 33;
    key *= UINT64_C(0xc4ceb9fe1a85ec53);
    return key ^ key >> 33;
}

uint64_t map_hash_bytes(const void *data, size_t size) {
    const uint8_t *bytes = data;
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < size; i++) {
        hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
    }
    return map_hash(hash);
}

static void map_add_bucket(struct map *map) {
    (void)slab_take(&map->buckets);
}

void map_init(struct map *map) {
    *map = (struct map){.round = MAP_ROUND};
    slab_init(&map->nodes, sizeof(struct map_node), 8);
    slab_init(&map->buckets, sizeof(uint32_t), 10);
    for (uint32_t i = 0; i < MAP_ROUND; i++) {
        map_add_bucket(map);
    }
}

void map_fini(struct map *map) {
    slab_fini(&map->nodes);
    slab_fini(&map->buckets);
}

/* Buckets are the slab's indices 1, 2, … in order of their making. */
static uint32_t *map_bucket(const struct map *map, uint64_t hash) {
    uint32_t at = (uint32_t)(hash & (map->round - 1));
    if (at < map->split) {
        at = (uint32_t)(hash & (2 * (uint64_t)map->round - 1));
    }
    return slab_at(&map->buckets, at + 1);
}

static struct map_node *map_node_at(const struct map *map, uint32_t index) {
    return slab_at(&map->nodes, index);
}

uint32_t map_find(const struct map *map, uint64_t hash, map_match *match, const void *context) {
    for (uint32_t at = *map_bucket(map, hash); at != 0;) {
        const struct map_node *node = map_node_at(map, at);
        if (node->hash == hash && (match == NULL || match(context, node->value))) {
            return node->value;
        }
        at = node->next;
    }
    return 0;
}

static void map_split(struct map *map) {
    map_add_bucket(map);
    uint32_t *old = slab_at(&map->buckets, map->split + 1);
    uint32_t at = *old;
    *old = 0;
    map->split++;
    while (at != 0) {
        struct map_node *node = map_node_at(map, at);
        uint32_t next = node->next;
        uint32_t *bucket = map_bucket(map, node->hash);
        node->next = *bucket;
        *bucket = at;
        at = next;
    }
    if (map->split == map->round) {
        map->round *= 2;
        map->split = 0;
    }
}

void map_put(struct map *map, uint64_t hash, uint32_t value) {
    CHECK(value != 0);
    uint32_t index = slab_take(&map->nodes);
    struct map_node *node = map_node_at(map, index);
    uint32_t *bucket = map_bucket(map, hash);
    *node = (struct map_node){.hash = hash, .value = value, .next = *bucket};
    *bucket = index;
    if (map->nodes.live > map->round + map->split) {
        map_split(map);
    }
}

void map_drop(struct map *map, uint64_t hash, uint32_t value) {
    uint32_t *link = map_bucket(map, hash);
    while (*link != 0) {
        struct map_node *node = map_node_at(map, *link);
        if (node->hash == hash && node->value == value) {
            uint32_t index = *link;
            *link = node->next;
            slab_free(&map->nodes, index);
            return;
        }
        link = &node->next;
    }
    IMPOSSIBLE("a pair that is dropped must be in its map");
}

uint64_t map_memory_bytes(const struct map *map) {
    return slab_memory_bytes(&map->nodes) + slab_memory_bytes(&map->buckets);
}
