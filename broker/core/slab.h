/* SPDX-License-Identifier: MIT
 *
 * Slab: records of one size behind 32-bit indices.
 *
 *     directory of chunk pointers ──> chunk of 2^shift records
 *
 * Index 0 means none. Records never move, and are added chunk by chunk, so that no single step ever
 * pays for doubling them. (The directory does double: 8 bytes for 2^shift records, 20 KB at ten
 * million tasks.) A freed record is zeroed (but for raw slabs); its first four bytes then link the
 * free list, so a record's "am I in use" field must not stand there. Memory is kept for reuse,
 * until slab_trim() finds nothing in use. */
#ifndef WHERRY_SLAB_H
#define WHERRY_SLAB_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct slab { /* private but for `live` */
    uint8_t **chunks;
    uint32_t record_size;
    uint32_t shift;
    uint32_t used; /* indices handed out so far: 1 … used */
    uint32_t free_head;
    uint32_t live;
    uint32_t chunk_count;
    uint32_t chunk_capacity;
    bool raw; /* records are not zeroed when freed: whoever takes one writes all of it */
};

void slab_init(struct slab *slab, uint32_t record_size, uint32_t shift);
void slab_fini(struct slab *slab);

/* True if `index` was ever handed out: says that slab_at() may look, not that the record is in use.
 */
static inline bool slab_holds(const struct slab *slab, uint32_t index) {
    return index - 1 < slab->used;
}

static inline void *slab_at(const struct slab *slab, uint32_t index) {
    uint32_t at = index & ((1u << slab->shift) - 1);
    return slab->chunks[index >> slab->shift] + (uint64_t)at * slab->record_size;
}

/* A record that was never handed out; for slab_take(). */
uint32_t slab_take_fresh(struct slab *slab);

/* A zeroed record (of a raw slab: any bytes). The one freed last, or the lowest fresh index. */
static inline uint32_t slab_take(struct slab *slab) {
    slab->live++;
    uint32_t index = slab->free_head;
    if (index == 0) {
        return slab_take_fresh(slab);
    }
    uint32_t *record = slab_at(slab, index);
    slab->free_head = *record;
    *record = 0;
    return index;
}

static inline void slab_free(struct slab *slab, uint32_t index) {
    uint32_t *record = slab_at(slab, index);
    if (!slab->raw) {
        memset(record, 0, slab->record_size);
    }
    *record = slab->free_head;
    slab->free_head = index;
    slab->live--;
}

/* With no record in use: gives all memory but one chunk back, and indices begin with 1 again.
 * Nobody may hold an index. */
void slab_trim(struct slab *slab);

uint64_t slab_memory_bytes(const struct slab *slab);

#endif
