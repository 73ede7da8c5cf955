/* SPDX-License-Identifier: MIT
 *
 * Held results. Acknowledgements come nearly in order, and tokens grow with numbers (a later
 * delivery has a later token), so a run of tokens is found by halving and then walked.
 *
 * A chunk counts the results in it; no free list, no compaction: results leave in nearly the order
 * in which they came. A large result may be in libzmq's hands on an old, dying connection while its
 * acknowledgement arrives on the new one; hence the count of its users, which libzmq's thread
 * lowers, too. */
#include "worker/held.h"

#include "common/check.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { HELD_CHUNK_BYTES = 64 * 1024 };

struct held_chunk {
    uint32_t users; /* results, and one while it is the open one */
    uint32_t used;
    uint8_t data[HELD_CHUNK_BYTES];
};

struct held_blob {
    _Atomic uint32_t users;
    void *data;
};

static void held_chunk_drop(struct held_chunk *chunk) {
    if (--chunk->users == 0) {
        free(chunk);
    }
}

static void held_blob_drop(struct held_blob *blob) {
    if (atomic_fetch_sub_explicit(&blob->users, 1, memory_order_acq_rel) == 1) {
        free(blob->data);
        free(blob);
    }
}

static void held_blob_release(void *data, void *hint) {
    (void)data;
    held_blob_drop(hint);
}

static void held_forget(struct held *held, struct held_result *result) {
    held->bytes -= result->size;
    if (result->chunk != NULL) {
        held_chunk_drop(result->chunk);
    }
    if (result->blob != NULL) {
        held_blob_drop(result->blob);
    }
    result->chunk = NULL;
    result->blob = NULL;
    result->data = NULL;
    result->size = 0;
    result->acked = true;
}

void held_init(struct held *held, uint32_t started) {
    held->oldest = started + 1;
    held->end = started + 1;
    held->bytes = 0;
    held->open = NULL;
}

void held_fini(struct held *held) {
    for (uint32_t number = held->oldest; number != held->end; number++) {
        struct held_result *result = held_at(held, number);
        if (!result->acked) {
            held_forget(held, result);
        }
    }
    if (held->open != NULL) {
        held_chunk_drop(held->open);
    }
}

struct held_result *held_at(struct held *held, uint32_t number) {
    return &held->ring[number % GATE_SLOTS];
}

static struct held_chunk *held_room(struct held *held, size_t size) {
    struct held_chunk *chunk = held->open;
    if (chunk != NULL && chunk->used + size <= HELD_CHUNK_BYTES) {
        return chunk;
    }
    if (chunk != NULL) {
        held_chunk_drop(chunk);
    }
    chunk = malloc(sizeof(*chunk));
    CHECK(chunk != NULL);
    chunk->users = 1;
    chunk->used = 0;
    held->open = chunk;
    return chunk;
}

static struct held_result *held_push(struct held *held, const struct held_result *head) {
    CHECK(held->end - held->oldest < GATE_SLOTS);
    struct held_result *result = held_at(held, held->end);
    held->end++;
    *result =
        (struct held_result){.token = head->token, .index = head->index, .status = head->status};
    return result;
}

void held_put(struct held *held, const struct held_result *head, struct span payload) {
    if (payload.size > WIRE_INLINE_MAX) {
        void *copy = malloc(payload.size);
        CHECK(copy != NULL);
        memcpy(copy, payload.data, payload.size);
        held_put_taking(held, head, copy, payload.size);
        return;
    }
    struct held_result *result = held_push(held, head);
    if (payload.size == 0) {
        return;
    }
    struct held_chunk *chunk = held_room(held, payload.size);
    uint8_t *at = chunk->data + chunk->used;
    memcpy(at, payload.data, payload.size);
    chunk->used += (uint32_t)payload.size;
    chunk->users++;
    result->chunk = chunk;
    result->data = at;
    result->size = (uint32_t)payload.size;
    held->bytes += payload.size;
}

void held_put_taking(struct held *held, const struct held_result *head, void *data, size_t size) {
    if (size <= WIRE_INLINE_MAX) {
        held_put(held, head, (struct span){data, size});
        free(data);
        return;
    }
    struct held_blob *blob = malloc(sizeof(*blob));
    CHECK(blob != NULL);
    atomic_init(&blob->users, 1);
    blob->data = data;
    struct held_result *result = held_push(held, head);
    result->blob = blob;
    result->data = data;
    result->size = (uint32_t)size;
    held->bytes += size;
}

struct wire_part held_part(const struct held_result *result) {
    struct wire_part part = {.data = result->data, .size = result->size};
    if (result->blob != NULL) {
        atomic_fetch_add_explicit(&result->blob->users, 1, memory_order_relaxed);
        part.release = held_blob_release;
        part.hint = result->blob;
    }
    return part;
}

/* The first number whose token is not below (epoch, counter). */
static uint32_t held_find(struct held *held, struct token token) {
    uint32_t low = 0;
    uint32_t high = held->end - held->oldest;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (token_above(token, held_at(held, held->oldest + middle)->token)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return held->oldest + low;
}

void held_acknowledge(struct held *held, struct gate_page *gate, struct wire_token_run run) {
    uint32_t number = held_find(held, (struct token){run.epoch, run.first});
    for (; number != held->end; number++) {
        struct held_result *result = held_at(held, number);
        if (result->token.epoch != run.epoch || result->token.counter - run.first >= run.count) {
            break;
        }
        if (!result->acked) {
            held_forget(held, result);
            gate_acknowledge(gate, number);
        }
    }
    while (held->oldest != held->end && held_at(held, held->oldest)->acked) {
        held->oldest++;
    }
}
