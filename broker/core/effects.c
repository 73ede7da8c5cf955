/* SPDX-License-Identifier: MIT
 *
 * The effect list and its arena.
 *
 *     effects ──> items: one array that grows
 *            └──> arena: chunks that never move, newest first; arrays and texts of the items lie in
 * them
 *
 * The barrier keeps whole lists back. effects_append_all() hands one on by moving its chunks, so
 * that nothing an effect points to is copied. Cleared chunks are kept for the next step, up to a
 * bound. */
#include "broker/core/emit.h"

#include "common/check.h"

#include <stdlib.h>
#include <string.h>

enum { ARENA_CHUNK = 64 * 1024, ARENA_SPARE_MAX = 32, ARENA_ALIGN = 16 };

struct arena_chunk {
    struct arena_chunk *next;
    size_t size;
    size_t used;
    _Alignas(ARENA_ALIGN) uint8_t data[];
};

struct effects_arena {
    struct arena_chunk *chunks;
    struct arena_chunk *last; /* oldest of `chunks` */
    struct arena_chunk *spare;
    uint32_t spare_count;
};

void effects_init(struct effects *effects) {
    *effects = (struct effects){0};
    effects->arena = calloc(1, sizeof(*effects->arena));
    CHECK(effects->arena != NULL);
}

static void arena_retire(struct effects_arena *arena, struct arena_chunk *chunk) {
    if (chunk->size != ARENA_CHUNK || arena->spare_count >= ARENA_SPARE_MAX) {
        free(chunk);
        return;
    }
    chunk->used = 0;
    chunk->next = arena->spare;
    arena->spare = chunk;
    arena->spare_count++;
}

void effects_clear(struct effects *effects) {
    struct effects_arena *arena = effects->arena;
    while (arena->chunks != NULL) {
        struct arena_chunk *chunk = arena->chunks;
        arena->chunks = chunk->next;
        arena_retire(arena, chunk);
    }
    arena->last = NULL;
    effects->count = 0;
}

void effects_fini(struct effects *effects) {
    if (effects->arena == NULL) {
        return;
    }
    effects_clear(effects);
    while (effects->arena->spare != NULL) {
        struct arena_chunk *chunk = effects->arena->spare;
        effects->arena->spare = chunk->next;
        free(chunk);
    }
    free(effects->arena);
    free(effects->items);
    *effects = (struct effects){0};
}

static struct arena_chunk *arena_chunk_make(struct effects_arena *arena, size_t size) {
    struct arena_chunk *chunk = arena->spare;
    if (size <= ARENA_CHUNK && chunk != NULL) {
        arena->spare = chunk->next;
        arena->spare_count--;
        return chunk;
    }
    size_t room = size <= ARENA_CHUNK ? ARENA_CHUNK : size;
    chunk = malloc(sizeof(*chunk) + room);
    CHECK(chunk != NULL);
    chunk->size = room;
    chunk->used = 0;
    return chunk;
}

void *effects_alloc(struct effects *effects, size_t size) {
    struct effects_arena *arena = effects->arena;
    size_t room = (size + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
    struct arena_chunk *chunk = arena->chunks;
    if (chunk == NULL || chunk->size - chunk->used < room) {
        chunk = arena_chunk_make(arena, room);
        chunk->next = arena->chunks;
        arena->chunks = chunk;
        if (arena->last == NULL) {
            arena->last = chunk;
        }
    }
    void *memory = chunk->data + chunk->used;
    chunk->used += room;
    return memory;
}

void effects_trim(struct effects *effects, const void *memory, size_t size) {
    struct arena_chunk *chunk = effects->arena->chunks;
    size_t room = (size + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
    chunk->used = (size_t)((const uint8_t *)memory - chunk->data) + room;
}

struct span effects_copy(struct effects *effects, struct span text) {
    if (text.size == 0) {
        return (struct span){NULL, 0};
    }
    void *memory = effects_alloc(effects, text.size);
    memcpy(memory, text.data, text.size);
    return (struct span){memory, text.size};
}

static void effects_reserve(struct effects *effects, uint32_t more) {
    if (effects->capacity - effects->count >= more) {
        return;
    }
    uint32_t capacity = effects->capacity == 0 ? 64 : effects->capacity * 2;
    while (capacity - effects->count < more) {
        capacity *= 2;
    }
    struct effect *items = realloc(effects->items, capacity * sizeof(*items));
    CHECK(items != NULL);
    effects->items = items;
    effects->capacity = capacity;
}

struct effect *effects_add(struct effects *effects, enum effect_kind kind, route_id route) {
    effects_reserve(effects, 1);
    struct effect *effect = &effects->items[effects->count++];
    memset(effect, 0, sizeof(*effect));
    effect->kind = kind;
    effect->route = route;
    return effect;
}

void effects_append_all(struct effects *to, struct effects *from) {
    if (from->count > 0) {
        effects_reserve(to, from->count);
        memcpy(to->items + to->count, from->items, from->count * sizeof(*from->items));
        to->count += from->count;
        from->count = 0;
    }
    struct effects_arena *source = from->arena;
    if (source->chunks != NULL) {
        source->last->next = to->arena->chunks;
        if (to->arena->last == NULL) {
            to->arena->last = source->last;
        }
        to->arena->chunks = source->chunks;
        source->chunks = NULL;
        source->last = NULL;
    }
}
