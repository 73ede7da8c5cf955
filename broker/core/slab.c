/* SPDX-License-Identifier: MIT
 *
 * Slab: see slab.h. Fresh indices rise by one and freed ones are reused last in, first out: which
 * index a record gets depends on the events alone, never on addresses, so that runs can be
 * repeated. */
#include "broker/core/slab.h"

#include "common/check.h"

#include <stdlib.h>
#include <string.h>

static void *slab_memory(size_t count, size_t size) {
    void *memory = calloc(count, size);
    CHECK(memory != NULL);
    return memory;
}

void slab_init(struct slab *slab, uint32_t record_size, uint32_t shift) {
    CHECK(record_size >= sizeof(uint32_t));
    *slab = (struct slab){.record_size = record_size, .shift = shift};
}

void slab_fini(struct slab *slab) {
    for (uint32_t page = 0; slab->root != NULL && page < SLAB_ROOT; page++) {
        for (uint32_t chunk = 0; slab->root[page] != NULL && chunk < SLAB_PAGE; chunk++) {
            free(slab->root[page][chunk]);
        }
        free(slab->root[page]);
    }
    free(slab->root);
    *slab = (struct slab){.record_size = slab->record_size, .shift = slab->shift};
}

static void slab_grow(struct slab *slab, uint32_t chunk) {
    uint32_t page = chunk >> SLAB_PAGE_BITS;
    CHECK(page < SLAB_ROOT);
    if (slab->root == NULL) {
        slab->root = slab_memory(SLAB_ROOT, sizeof(*slab->root));
    }
    if (slab->root[page] == NULL) {
        slab->root[page] = slab_memory(SLAB_PAGE, sizeof(**slab->root));
    }
    slab->root[page][chunk & (SLAB_PAGE - 1)] = slab_memory(1u << slab->shift, slab->record_size);
    slab->chunks = chunk + 1;
}

uint32_t slab_take(struct slab *slab) {
    slab->live++;
    uint32_t index = slab->free_head;
    if (index != 0) {
        uint32_t *record = slab_at(slab, index);
        slab->free_head = *record;
        *record = 0;
        return index;
    }
    index = ++slab->used;
    if (index >> slab->shift >= slab->chunks) {
        slab_grow(slab, index >> slab->shift);
    }
    return index;
}

void slab_free(struct slab *slab, uint32_t index) {
    uint32_t *record = slab_at(slab, index);
    memset(record, 0, slab->record_size);
    *record = slab->free_head;
    slab->free_head = index;
    slab->live--;
}

uint64_t slab_memory_bytes(const struct slab *slab) {
    uint64_t pages = (slab->chunks + SLAB_PAGE - 1) / SLAB_PAGE;
    uint64_t root = slab->root == NULL ? 0 : SLAB_ROOT * sizeof(void *);
    return root + pages * SLAB_PAGE * sizeof(void *) +
           ((uint64_t)slab->chunks << slab->shift) * slab->record_size;
}
