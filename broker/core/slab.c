/* SPDX-License-Identifier: MIT
 *
 * Slab: see slab.h. Fresh indices rise by one and freed ones are reused last in, first out: which
 * index a record gets depends on the events alone, never on addresses, so that runs can be
 * repeated. */
#include "broker/core/slab.h"

#include "common/check.h"

#include <stdlib.h>

enum { SLAB_CHUNKS = 8 };

void slab_init(struct slab *slab, uint32_t record_size, uint32_t shift) {
    CHECK(record_size >= sizeof(uint32_t));
    *slab = (struct slab){.record_size = record_size, .shift = shift};
}

void slab_fini(struct slab *slab) {
    for (uint32_t chunk = 0; chunk < slab->chunk_count; chunk++) {
        free(slab->chunks[chunk]);
    }
    free(slab->chunks);
    *slab = (struct slab){.record_size = slab->record_size, .shift = slab->shift};
}

static void slab_grow(struct slab *slab) {
    if (slab->chunk_count == slab->chunk_capacity) {
        slab->chunk_capacity = slab->chunk_capacity == 0 ? SLAB_CHUNKS : slab->chunk_capacity * 2;
        slab->chunks = realloc(slab->chunks, slab->chunk_capacity * sizeof(*slab->chunks));
        CHECK(slab->chunks != NULL);
    }
    uint8_t *chunk = calloc((size_t)1 << slab->shift, slab->record_size);
    CHECK(chunk != NULL);
    slab->chunks[slab->chunk_count++] = chunk;
}

uint32_t slab_take_fresh(struct slab *slab) {
    uint32_t index = ++slab->used;
    if (index >> slab->shift >= slab->chunk_count) {
        slab_grow(slab);
    }
    return index;
}

void slab_trim(struct slab *slab) {
    CHECK(slab->live == 0);
    while (slab->chunk_count > 1) {
        free(slab->chunks[--slab->chunk_count]);
    }
    if (slab->chunk_count > 0) {
        memset(slab->chunks[0], 0, ((size_t)1 << slab->shift) * slab->record_size);
    }
    slab->used = 0;
    slab->free_head = 0;
}

uint64_t slab_memory_bytes(const struct slab *slab) {
    uint64_t directory = slab->chunk_capacity * sizeof(*slab->chunks);
    return directory + ((uint64_t)slab->chunk_count << slab->shift) * slab->record_size;
}
