/* SPDX-License-Identifier: MIT
 *
 * Slab: records of one size behind 32-bit indices.
 *
 *     root ──> page of 1,024 chunk pointers ──> chunk of 2^shift records
 *
 * Index 0 means none. Records never move and the directory grows by one page or chunk at a time, so
 * that no single step ever pays for doubling. A freed record is zeroed; its first four bytes then
 * link the free list, so a record's "am I in use" field must not stand there. Memory is kept for
 * reuse. */
#ifndef WHERRY_SLAB_H
#define WHERRY_SLAB_H

#include <stdbool.h>
#include <stdint.h>

enum { SLAB_PAGE = 1024, SLAB_PAGE_BITS = 10, SLAB_ROOT = 1024 };

struct slab { /* private but for `live` */
    uint8_t ***root;
    uint32_t record_size;
    uint32_t shift;
    uint32_t used; /* indices handed out so far: 1 … used */
    uint32_t free_head;
    uint32_t live;
    uint32_t chunks;
};

void slab_init(struct slab *slab, uint32_t record_size, uint32_t shift);
void slab_fini(struct slab *slab);

/* A zeroed record. Lowest fresh index, or the one freed last. */
uint32_t slab_take(struct slab *slab);
void slab_free(struct slab *slab, uint32_t index);

/* True if `index` was ever handed out: says that slab_at() may look, not that the record is in use.
 */
static inline bool slab_holds(const struct slab *slab, uint32_t index) {
    return index - 1 < slab->used;
}

static inline void *slab_at(const struct slab *slab, uint32_t index) {
    uint32_t chunk = index >> slab->shift;
    uint32_t at = index & ((1u << slab->shift) - 1);
    return slab->root[chunk >> SLAB_PAGE_BITS][chunk & (SLAB_PAGE - 1)] +
           (uint64_t)at * slab->record_size;
}

uint64_t slab_memory_bytes(const struct slab *slab);

#endif
