/* SPDX-License-Identifier: MIT
 *
 * Where asyncs come from: chunks that are never given back before the connection is, so that a late
 * futex wake-up on a released one hits nothing. Taken under the mutex from a private list; given
 * back from any thread onto a stack without a lock, which the next taker empties as a whole (so
 * that the ABA problem of popping cannot arise). */
#include "client/async_internal.h"

#include <stdlib.h>
#include <string.h>

enum { SLAB_CHUNK = 256 };

struct slab_chunk {
    struct slab_chunk *following;
    struct wherry_async asyncs[SLAB_CHUNK];
};

struct async_slab {
    struct slab_chunk *chunks;
    struct wherry_async *spare;                /* under the mutex */
    _Atomic(struct wherry_async *) given_back; /* any thread */
};

struct async_slab *async_slab_create(void) {
    return calloc(1, sizeof(struct async_slab));
}

void async_slab_destroy(struct async_slab **slab) {
    struct async_slab *dying = *slab;
    if (dying == NULL) {
        return;
    }
    *slab = NULL;
    while (dying->chunks != NULL) {
        struct slab_chunk *chunk = dying->chunks;
        dying->chunks = chunk->following;
        free(chunk);
    }
    free(dying);
}

static bool slab_grow(struct async_slab *slab) {
    struct slab_chunk *chunk = malloc(sizeof *chunk);
    if (chunk == NULL) {
        return false;
    }
    chunk->following = slab->chunks;
    slab->chunks = chunk;
    for (size_t i = 0; i < SLAB_CHUNK; i++) {
        chunk->asyncs[i].following = i + 1 < SLAB_CHUNK ? &chunk->asyncs[i + 1] : NULL;
    }
    slab->spare = &chunk->asyncs[0];
    return true;
}

struct wherry_async *async_new(struct wherry_connection *connection,
                               const struct owner_kind *kind) {
    struct async_slab *slab = connection->asyncs;
    if (slab->spare == NULL) {
        slab->spare = atomic_exchange(&slab->given_back, NULL);
    }
    if (slab->spare == NULL && !slab_grow(slab)) {
        return NULL;
    }
    struct wherry_async *async = slab->spare;
    slab->spare = async->following;
    async->owner.kind = kind;
    atomic_store_explicit(&async->word, ASYNC_HELD, memory_order_relaxed);
    async->err = WHERRY_OK;
    async->connection = connection;
    async->pool = NULL;
    async->id = (struct task_id){0};
    async->key = (struct task_id){0};
    async->result = (struct wire_part){NULL, 0, NULL, NULL};
    atomic_store_explicit(&async->value, NULL, memory_order_relaxed);
    async->more = NULL;
    async->following = NULL;
    async->id_text[0] = 0;
    connection_hold(connection);
    return async;
}

void async_give_back(struct wherry_async *async) {
    struct wherry_connection *connection = async->connection;
    struct async_slab *slab = connection->asyncs;
    async->following = atomic_load_explicit(&slab->given_back, memory_order_relaxed);
    while (!atomic_compare_exchange_weak(&slab->given_back, &async->following, async)) {
    }
    connection_unhold(connection);
}
