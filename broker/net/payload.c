/* SPDX-License-Identifier: MIT
 *
 * The payload store; see payload.h.
 *
 *     small handle   0 | region 20 | slot 11      region: up to 64 KiB of one class; 64 GiB in all
 *     large handle   1 | index 31
 *
 *     chunk (16 MiB of address space, 256 regions)
 *     ┌────────┬────────┬────────┬─── …      region of class c: 65,536 / size(c) slots, ≤ 2,048
 *     │ region │ region │ region │            free slots: a list through the slots themselves,
 *     └────────┴────────┴────────┴─── …      then those never touched (`fresh`)
 *
 * Classes are 8, 12, 16 … 1,024 bytes: payloads are bytes, so nothing asks for more alignment. A
 * class keeps its regions with room in a list and takes from the first: what was freed last is
 * filled first, while it is still in the cache. An empty region goes to a common list, from which
 * any class takes: a broker that served 100-byte tasks all morning can serve 900-byte ones in the
 * same memory. Why not malloc: 16 bytes a payload more, and 2 × 20 ns. Why mmap with NORESERVE: a
 * region is only as large as the pages that were touched, and gives them back by madvise without
 * losing its address.
 *
 * The class of a span follows from its size, so the hot read looks at the chunk's base address
 * alone. */
#include "broker/net/payload.h"

#include "common/check.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(at, size) ((void)(at), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(at, size) ((void)(at), (void)(size))
#endif

enum {
    SMALL_MAX = 1024,
    CLASS_MIN = 8, /* a free slot holds the next one's number */
    CLASS_STEP = 4,
    CLASSES = (SMALL_MAX - CLASS_MIN) / CLASS_STEP + 1,
    REGION_SIZE = 64 * 1024,
    REGION_BITS = 20,
    SLOT_BITS = 11,
    CHUNK_REGIONS = 256,
    CHUNKS_MAX = (1 << REGION_BITS) / CHUNK_REGIONS,
    WARM_MAX = 256, /* empty regions that keep their pages: 16 MiB */
    LARGE_CHUNK = 1024,
    NO_SLOT = 0xffff,
};

#define LARGE_BIT UINT32_C(0x80000000)
#define LARGE_CHUNKS_MAX 4096u /* × 1,024: 4 million large payloads */

struct region {
    uint32_t next; /* in its class's list of regions with room, or in a list of empty ones */
    uint32_t previous;
    uint16_t free_head; /* slot, NO_SLOT: none */
    uint16_t fresh;     /* slots from here on were never used */
    uint16_t used;
    uint16_t slots; /* it has room for */
    uint8_t class;
    bool listed; /* stands in its class's list */
};

struct chunk {
    uint8_t *base;
    struct region *regions;
};

struct large {
    struct payload_store *store;
    atomic_uint references;
    struct payload_owner owner; /* release NULL: the bytes stand behind this struct */
};

struct large_entry {
    struct large *large; /* NULL: free */
    uint32_t next_free;
};

struct payload_store {
    struct chunk chunks[CHUNKS_MAX];
    uint32_t region_count;         /* ever made; region 0 is never used, so handle 0 means empty */
    uint32_t with_room[CLASSES];   /* first region of each class; 0: none */
    uint32_t warm;                 /* empty regions with their pages */
    uint32_t warm_count;
    uint32_t cold;                 /* empty regions without */
    uint64_t memory_bytes; /* of regions in use */
    uint64_t small_count;
    uint64_t small_bytes;
    struct large_entry *large_chunks[LARGE_CHUNKS_MAX];
    uint32_t large_count; /* entries ever made */
    uint32_t large_free;  /* index + 1; 0: none */
    uint64_t large_handles;
    _Atomic uint64_t large_alive;
    _Atomic uint64_t large_bytes;
};

struct payload_store *payload_store_create(void) {
    struct payload_store *store = calloc(1, sizeof *store);
    CHECK(store != NULL);
    store->region_count = 1;
    return store;
}

/* ---- regions --------------------------------------------------------------------------------- */

static inline uint32_t class_of(size_t size) {
    return size <= CLASS_MIN ? 0 : ((uint32_t)size - CLASS_MIN + CLASS_STEP - 1) / CLASS_STEP;
}

static inline size_t class_size(uint32_t class) {
    return CLASS_MIN + (size_t)class * CLASS_STEP;
}

static uint32_t class_slots(uint32_t class) {
    uint32_t slots = REGION_SIZE / (uint32_t)class_size(class);
    return slots < 1u << SLOT_BITS ? slots : 1u << SLOT_BITS;
}

static struct region *region_of(const struct payload_store *store, uint32_t at) {
    return &store->chunks[at / CHUNK_REGIONS].regions[at % CHUNK_REGIONS];
}

static uint8_t *region_base(const struct payload_store *store, uint32_t at) {
    return store->chunks[at / CHUNK_REGIONS].base + (size_t)(at % CHUNK_REGIONS) * REGION_SIZE;
}

static void chunk_make(struct chunk *chunk) {
    chunk->base = mmap(NULL, (size_t)CHUNK_REGIONS * REGION_SIZE, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    CHECK(chunk->base != MAP_FAILED);
    chunk->regions = calloc(CHUNK_REGIONS, sizeof *chunk->regions);
    CHECK(chunk->regions != NULL);
}

/* An empty region from where it is cheapest. */
static uint32_t region_get(struct payload_store *store) {
    uint32_t at = store->warm != 0 ? store->warm : store->cold;
    if (at == 0) {
        at = store->region_count++;
        CHECK(at < (UINT32_C(1) << REGION_BITS)); /* PAYLOAD_BYTES_MAX keeps us far from it */
        struct chunk *chunk = &store->chunks[at / CHUNK_REGIONS];
        if (chunk->base == NULL) {
            chunk_make(chunk);
        }
    } else if (at == store->warm) {
        store->warm = region_of(store, at)->next;
        store->warm_count--;
    } else {
        store->cold = region_of(store, at)->next;
    }
    return at;
}

static void region_put(struct payload_store *store, uint32_t at) {
    struct region *region = region_of(store, at);
    store->memory_bytes -= class_size(region->class) * region->slots;
    ASAN_UNPOISON_MEMORY_REGION(region_base(store, at), REGION_SIZE);
    if (store->warm_count < WARM_MAX) {
        region->next = store->warm;
        store->warm = at;
        store->warm_count++;
        return;
    }
    madvise(region_base(store, at), REGION_SIZE, MADV_DONTNEED);
    region->next = store->cold;
    store->cold = at;
}

static void region_list(struct payload_store *store, uint32_t at) {
    struct region *region = region_of(store, at);
    region->listed = true;
    region->previous = 0;
    region->next = store->with_room[region->class];
    if (region->next != 0) {
        region_of(store, region->next)->previous = at;
    }
    store->with_room[region->class] = at;
}

static void region_unlist(struct payload_store *store, uint32_t at) {
    struct region *region = region_of(store, at);
    region->listed = false;
    if (region->next != 0) {
        region_of(store, region->next)->previous = region->previous;
    }
    if (region->previous != 0) {
        region_of(store, region->previous)->next = region->next;
    } else {
        store->with_room[region->class] = region->next;
    }
}

static uint32_t region_with_room(struct payload_store *store, uint32_t class) {
    uint32_t at = store->with_room[class];
    if (at == 0) {
        at = region_get(store);
        *region_of(store, at) = (struct region){.free_head = NO_SLOT,
                                                .slots = (uint16_t)class_slots(class),
                                                .class = (uint8_t)class};
        store->memory_bytes += class_size(class) * class_slots(class);
        region_list(store, at);
    }
    return at;
}

/* ---- small ----------------------------------------------------------------------------------- */

static uint32_t small_copy(struct payload_store *store, struct span bytes) {
    uint32_t class = class_of(bytes.size);
    size_t size = class_size(class);
    uint32_t at = region_with_room(store, class);
    struct region *region = region_of(store, at);
    uint32_t slot = region->free_head;
    uint8_t *data = region_base(store, at);
    if (slot != NO_SLOT) {
        data += slot * size;
        memcpy(&region->free_head, data, sizeof region->free_head);
    } else {
        slot = region->fresh++;
        data += slot * size;
    }
    ASAN_UNPOISON_MEMORY_REGION(data, size);
    memcpy(data, bytes.data, bytes.size);
    region->used++;
    if (region->free_head == NO_SLOT && region->fresh == region->slots) {
        region_unlist(store, at);
    }
    store->small_count++;
    store->small_bytes += size;
    return at << SLOT_BITS | slot;
}

static void small_free(struct payload_store *store, uint32_t handle) {
    uint32_t at = handle >> SLOT_BITS;
    uint32_t slot = handle & ((1u << SLOT_BITS) - 1);
    CHECK(at != 0 && at < store->region_count);
    struct region *region = region_of(store, at);
    size_t size = class_size(region->class);
    uint8_t *data = region_base(store, at) + slot * size;
    CHECK(region->used > 0 && slot < region->fresh);
    memcpy(data, &region->free_head, sizeof region->free_head);
    ASAN_POISON_MEMORY_REGION(data + CLASS_MIN, size - CLASS_MIN);
    region->free_head = (uint16_t)slot;
    region->used--;
    store->small_count--;
    store->small_bytes -= size;
    if (!region->listed) {
        region_list(store, at);
    }
    if (region->used == 0 && (region->next != 0 || region->previous != 0)) {
        region_unlist(store, at); /* the class's only region stays: no to and fro at the edge */
        region_put(store, at);
    }
}

/* ---- large ----------------------------------------------------------------------------------- */

static struct large_entry *large_entry(const struct payload_store *store, uint32_t at) {
    return &store->large_chunks[at / LARGE_CHUNK][at % LARGE_CHUNK];
}

/* The last reference may go on libzmq's thread. */
static void large_release(void *data, void *hint) {
    struct large *large = hint;
    (void)data;
    if (atomic_fetch_sub_explicit(&large->references, 1, memory_order_acq_rel) != 1) {
        return;
    }
    atomic_fetch_sub_explicit(&large->store->large_bytes, large->owner.size, memory_order_relaxed);
    if (large->owner.release != NULL) {
        large->owner.release(large->owner.data, large->owner.hint);
    }
    atomic_fetch_sub_explicit(&large->store->large_alive, 1, memory_order_release);
    free(large);
}

static uint32_t large_index(struct payload_store *store) {
    if (store->large_free != 0) {
        uint32_t at = store->large_free - 1;
        store->large_free = large_entry(store, at)->next_free;
        return at;
    }
    uint32_t at = store->large_count++;
    CHECK(at / LARGE_CHUNK < LARGE_CHUNKS_MAX);
    struct large_entry **chunk = &store->large_chunks[at / LARGE_CHUNK];
    if (*chunk == NULL) {
        *chunk = calloc(LARGE_CHUNK, sizeof **chunk);
        CHECK(*chunk != NULL);
    }
    return at;
}

static struct payload large_add(struct payload_store *store, struct large *large) {
    uint32_t at = large_index(store);
    large->store = store;
    atomic_init(&large->references, 1);
    large_entry(store, at)->large = large;
    store->large_handles++;
    atomic_fetch_add_explicit(&store->large_alive, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&store->large_bytes, large->owner.size, memory_order_relaxed);
    return (struct payload){LARGE_BIT | at, (uint32_t)large->owner.size};
}

static struct payload large_copy(struct payload_store *store, struct span bytes) {
    struct large *large = malloc(sizeof *large + bytes.size);
    CHECK(large != NULL);
    memcpy(large + 1, bytes.data, bytes.size);
    large->owner = (struct payload_owner){.data = large + 1, .size = bytes.size};
    return large_add(store, large);
}

static struct large *large_of(const struct payload_store *store, uint32_t handle) {
    uint32_t at = handle & ~LARGE_BIT;
    CHECK(at < store->large_count);
    struct large *large = large_entry(store, at)->large;
    CHECK(large != NULL);
    return large;
}

static void large_free(struct payload_store *store, uint32_t handle) {
    struct large *large = large_of(store, handle);
    struct large_entry *entry = large_entry(store, handle & ~LARGE_BIT);
    entry->large = NULL;
    entry->next_free = store->large_free;
    store->large_free = (handle & ~LARGE_BIT) + 1;
    store->large_handles--;
    large_release(large->owner.data, large);
}

/* ---- both ------------------------------------------------------------------------------------ */

struct payload payload_copy(struct payload_store *store, struct span bytes) {
    if (bytes.size == 0) {
        return (struct payload){0, 0};
    }
    if (bytes.size <= SMALL_MAX) {
        return (struct payload){small_copy(store, bytes), (uint32_t)bytes.size};
    }
    CHECK(bytes.size <= UINT32_MAX);
    return large_copy(store, bytes);
}

struct payload payload_take(struct payload_store *store, struct payload_owner owner) {
    if (owner.size <= SMALL_MAX) {
        struct payload payload = payload_copy(store, (struct span){owner.data, owner.size});
        if (owner.release != NULL) {
            owner.release(owner.data, owner.hint);
        }
        return payload;
    }
    CHECK(owner.size <= UINT32_MAX);
    struct large *large = malloc(sizeof *large);
    CHECK(large != NULL);
    large->owner = owner;
    return large_add(store, large);
}

struct span payload_span(const struct payload_store *store, struct payload payload) {
    if (payload.handle == 0) {
        return (struct span){NULL, 0};
    }
    if (payload.handle & LARGE_BIT) {
        const struct large *large = large_of(store, payload.handle);
        CHECK(large->owner.size == payload.size);
        return (struct span){large->owner.data, large->owner.size};
    }
    uint32_t slot = payload.handle & ((1u << SLOT_BITS) - 1);
    const uint8_t *base = region_base(store, payload.handle >> SLOT_BITS);
    return (struct span){base + slot * class_size(class_of(payload.size)), payload.size};
}

struct wire_part payload_part(struct payload_store *store, struct payload payload) {
    struct span bytes = payload_span(store, payload);
    struct wire_part part = {.data = bytes.data, .size = bytes.size};
    if (bytes.size > WIRE_INLINE_MAX) {
        struct large *large = large_of(store, payload.handle);
        atomic_fetch_add_explicit(&large->references, 1, memory_order_relaxed);
        part.release = large_release;
        part.hint = large;
    }
    return part;
}

void payload_free(struct payload_store *store, uint32_t handle) {
    if (handle == 0) {
        return;
    }
    if (handle & LARGE_BIT) {
        large_free(store, handle);
    } else {
        small_free(store, handle);
    }
}

void payload_sums(const struct payload_store *store, struct payload_sums *out) {
    uint64_t large = atomic_load_explicit(&store->large_bytes, memory_order_relaxed);
    out->count = store->small_count + store->large_handles;
    out->bytes = store->small_bytes + large;
    out->memory_bytes = store->memory_bytes + store->warm_count * REGION_SIZE + large;
}

void payload_store_destroy(struct payload_store **store_at) {
    struct payload_store *store = *store_at;
    if (store == NULL) {
        return;
    }
    for (uint32_t at = 0; at < store->large_count; at++) {
        struct large *large = large_entry(store, at)->large;
        if (large != NULL) {
            large_release(large->owner.data, large);
        }
    }
    CHECK(atomic_load_explicit(&store->large_alive, memory_order_acquire) == 0);
    for (size_t i = 0; i < LARGE_CHUNKS_MAX; i++) {
        free(store->large_chunks[i]);
    }
    for (size_t i = 0; i < CHUNKS_MAX && store->chunks[i].base != NULL; i++) {
        ASAN_UNPOISON_MEMORY_REGION(store->chunks[i].base, (size_t)CHUNK_REGIONS * REGION_SIZE);
        munmap(store->chunks[i].base, (size_t)CHUNK_REGIONS * REGION_SIZE);
        free(store->chunks[i].regions);
    }
    free(store);
    *store_at = NULL;
}
