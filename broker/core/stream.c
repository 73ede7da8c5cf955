/* SPDX-License-Identifier: MIT
 *
 * Streams and their index; see stream.h. The index is addressed by chunk: consecutive numbers meet
 * the same chunk, which is remembered, so that the table behind it is asked once in about a
 * thousand tasks. */
#include "broker/core/stream.h"

#include "broker/core/state.h"

#include <stdlib.h>
#include <string.h>

/* ---- index ---------------------------------------------------------------------------------- */

static uint32_t index_place(const struct index *index, uint64_t chunk) {
    uint32_t mask = index->capacity - 1;
    uint32_t at = (uint32_t)map_hash(chunk) & mask;
    while (index->slots[at] != NULL && index->slots[at]->number != chunk) {
        at = (at + 1) & mask;
    }
    return at;
}

struct index_chunk *index_find(const struct index *index, uint64_t chunk) {
    if (index->recent != NULL && index->recent->number == chunk) {
        return index->recent;
    }
    return index->capacity == 0 ? NULL : index->slots[index_place(index, chunk)];
}

static void index_grow(struct index *index) {
    struct index_chunk **old = index->slots;
    uint32_t capacity = index->capacity;
    index->capacity = capacity == 0 ? 4 : capacity * 2;
    index->slots = calloc(index->capacity, sizeof(struct index_chunk *));
    CHECK(index->slots != NULL);
    for (uint32_t i = 0; i < capacity; i++) {
        if (old[i] != NULL) {
            index->slots[index_place(index, old[i]->number)] = old[i];
        }
    }
    free(old);
}

static struct index_chunk *index_make(struct engine *engine, struct index *index, uint64_t number) {
    if ((index->count + 1) * 2 > index->capacity) {
        index_grow(index);
    }
    struct index_chunk *chunk = engine->spare_chunk;
    engine->spare_chunk = NULL;
    if (chunk == NULL) {
        chunk = calloc(1, sizeof(*chunk));
        CHECK(chunk != NULL);
    }
    chunk->number = number;
    index->slots[index_place(index, number)] = chunk;
    index->count++;
    return chunk;
}

/* Deletes by moving later members of the probe sequence up. */
static void index_remove(struct engine *engine, struct index *index, struct index_chunk *chunk) {
    uint32_t mask = index->capacity - 1;
    uint32_t hole = index_place(index, chunk->number);
    uint32_t at = hole;
    for (;;) {
        at = (at + 1) & mask;
        struct index_chunk *next = index->slots[at];
        if (next == NULL) {
            break;
        }
        uint32_t home = (uint32_t)map_hash(next->number) & mask;
        if (((at - home) & mask) >= ((at - hole) & mask)) {
            index->slots[hole] = next;
            hole = at;
        }
    }
    index->slots[hole] = NULL;
    index->count--;
    if (index->recent == chunk) {
        index->recent = NULL;
    }
    if (engine->spare_chunk == NULL) {
        engine->spare_chunk = chunk;
    } else {
        free(chunk);
    }
}

void index_fini(struct index *index) {
    for (uint32_t i = 0; i < index->capacity; i++) {
        free(index->slots[i]);
    }
    free(index->slots);
    *index = (struct index){NULL, 0, 0, NULL};
}

uint32_t stream_entry(const struct stream *stream, uint64_t number) {
    const struct index_chunk *chunk = index_find(&stream->index, number >> INDEX_BITS);
    return chunk == NULL ? 0 : chunk->entries[number & (INDEX_CHUNK - 1)];
}

void stream_set_entry(struct engine *engine, struct stream *stream, uint64_t number,
                      uint32_t entry) {
    struct index *index = &stream->index;
    struct index_chunk *chunk = index_find(index, number >> INDEX_BITS);
    if (chunk == NULL) {
        if (entry == 0) {
            return;
        }
        chunk = index_make(engine, index, number >> INDEX_BITS);
    }
    index->recent = chunk;
    uint32_t *at = &chunk->entries[number & (INDEX_CHUNK - 1)];
    chunk->live += (entry != 0) - (*at != 0);
    *at = entry;
    if (chunk->live == 0) {
        index_remove(engine, index, chunk);
    }
}

/* ---- streams -------------------------------------------------------------------------------- */

static uint32_t stream_place(const struct engine *engine, const struct session *session,
                             uint16_t slot) {
    uint32_t low = 0;
    uint32_t high = session->stream_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (stream_at(engine, session->streams[middle])->slot < slot) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

uint32_t stream_find(const struct engine *engine, uint32_t session_index, uint16_t slot) {
    const struct session *session = session_at(engine, session_index);
    uint32_t at = stream_place(engine, session, slot);
    if (at == session->stream_count) {
        return 0;
    }
    uint32_t index = session->streams[at];
    return stream_at(engine, index)->slot == slot ? index : 0;
}

uint32_t stream_of(struct engine *engine, uint32_t session_index, uint16_t slot) {
    struct session *session = session_at(engine, session_index);
    uint32_t at = stream_place(engine, session, slot);
    if (at < session->stream_count && stream_at(engine, session->streams[at])->slot == slot) {
        return session->streams[at];
    }
    if (session->stream_count >= BOUND_STREAMS) {
        return 0;
    }
    uint32_t index = slab_take(&engine->streams);
    struct stream *stream = stream_at(engine, index);
    stream->session = session_index;
    stream->slot = slot;
    session->streams =
        realloc(session->streams, (session->stream_count + 1) * sizeof(*session->streams));
    CHECK(session->streams != NULL);
    memmove(session->streams + at + 1, session->streams + at,
            (session->stream_count - at) * sizeof(*session->streams));
    session->streams[at] = index;
    session->stream_count++;
    return index;
}

void stream_flush(struct engine *engine, uint32_t index) {
    struct stream *stream = stream_at(engine, index);
    if (!stream->flush_due && stream->unsent != 0) {
        stream->flush_due = true;
        list_append(&engine->flush_due, &engine->streams, offsetof(struct stream, in_flush), index);
    }
}

void stream_fini(struct stream *stream) {
    answers_fini(&stream->answers);
    runs_fini(&stream->pending);
    index_fini(&stream->index);
}
