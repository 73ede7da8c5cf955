/* SPDX-License-Identifier: MIT
 *
 * map, starmap and their async forms: items cut into chunks, each one task. The first failure to
 * arrive is the map's (Python's rule), told when all chunks are over. The chunks' results stay as
 * they came until somebody asks for the value: joining them is not the I/O thread's work. */
#include "client/map.h"

#include "client/chunk.h"
#include "client/callbacks.h"
#include "client/source.h"
#include "common/err.h"
#include "common/value.h"

#include <stdlib.h>

struct map_chunk {
    struct owner owner;
    struct map *map;
    size_t items;
    struct task_id id;
    struct task_id key;
    struct wire_part result;
    bool accepted;
    bool over;
};

struct map {
    struct wherry_async *async;
    struct wherry_pool *pool;
    size_t items;
    size_t chunk_count; /* submitted */
    size_t remaining;   /* of them not over */
    size_t unaccepted;
    bool failed;
    bool complete;   /* all are submitted */
    bool terminated; /* by its pool */
    struct map_chunk chunks[];
};

void map_free(struct map *map) {
    for (size_t i = 0; i < map->chunk_count; i++) {
        struct wire_part *result = &map->chunks[i].result;
        if (result->release != NULL) {
            result->release((void *)(uintptr_t)result->data, result->hint);
        }
    }
    free(map);
}

/* ---- a chunk as an owner (under the mutex) -------------------------------------------------- */

static void map_fail(struct map *map, const struct session_outcome *outcome) {
    if (!map->failed) {
        map->failed = true;
        async_store(map->async, outcome);
    }
}

static void map_store(struct map_chunk *chunk, const struct session_outcome *outcome) {
    struct map *map = chunk->map;
    struct session_outcome failure = *outcome;
    struct span items;
    if (failure.err == WHERRY_OK && !chunk_result_items(outcome->payload, chunk->items, &items)) {
        failure = (struct session_outcome){
            .err = WHERRY_E_PROTOCOL,
            .text = span_of_text("a worker answered a chunk with another number of results"),
        };
    }
    if (failure.err == WHERRY_OK &&
        !connection_keep(map->async->connection, outcome, &chunk->result)) {
        failure = (struct session_outcome){.err = WHERRY_E_NO_MEMORY,
                                           .text = span_of_text("no memory for a result")};
    }
    if (failure.err != WHERRY_OK) {
        map_fail(map, &failure);
    }
}

static void map_accept(struct map_chunk *chunk) {
    if (chunk->accepted) {
        return;
    }
    chunk->accepted = true;
    chunk->map->unaccepted--;
    if (chunk->map->unaccepted == 0 && chunk->map->complete) {
        async_accept(chunk->map->async);
    }
}

static void map_end_if_over(struct map *map) {
    if (map->remaining > 0 || !map->complete) {
        return;
    }
    if (async_is_done(map->async)) { /* terminated before */
        async_unhold(map->async);
    } else {
        async_done(map->async, false);
    }
}

static struct map_chunk *chunk_of(struct owner *owner) {
    return (struct map_chunk *)(void *)owner;
}

static void chunk_finished(struct owner *owner, const struct session_outcome *outcome) {
    struct map_chunk *chunk = chunk_of(owner);
    struct map *map = chunk->map;
    struct wherry_pool *pool = map->pool;
    if (!async_is_done(map->async)) {
        map_store(chunk, outcome);
    }
    map_accept(chunk);
    chunk->over = true;
    map->remaining--;
    map_end_if_over(map); /* may free it */
    pool_task_over(pool);
}

static void chunk_accepted(struct owner *owner) {
    map_accept(chunk_of(owner));
}

static void chunk_moved(struct owner *owner, struct task_id key) {
    chunk_of(owner)->key = key;
}

/* While it is being submitted nobody else knows it: its end waits for the last chunk. */
static void chunk_terminated(struct owner *owner) {
    struct map *map = chunk_of(owner)->map;
    if (map->terminated || async_is_done(map->async)) {
        return;
    }
    map->terminated = true;
    map->failed = true;
    async_store_error(map->async, WHERRY_E_CANCELLED, span_of_text("the pool was terminated"));
    if (map->complete) {
        async_done(map->async, true);
    }
}

static struct wherry_pool *chunk_pool(struct owner *owner) {
    return chunk_of(owner)->map->pool;
}

static const struct owner_kind map_chunk_kind = {
    .finished = chunk_finished,
    .accepted = chunk_accepted,
    .moved = chunk_moved,
    .terminated = chunk_terminated,
    .pool = chunk_pool,
};

void map_want_accepted(struct map *map) {
    for (size_t i = 0; i < map->chunk_count; i++) {
        struct map_chunk *chunk = &map->chunks[i];
        if (!chunk->accepted &&
            session_want_accepted(map->async->connection->session, chunk->key)) {
            map_accept(chunk);
        }
    }
}

struct task_id map_open_id(const struct map *map) {
    size_t i = 0;
    while (i < map->chunk_count && map->chunks[i].over) {
        i++;
    }
    return i < map->chunk_count ? map->chunks[i].id : map->async->id;
}

void map_cancel(struct map *map) {
    for (size_t i = 0; i < map->chunk_count; i++) {
        if (!map->chunks[i].over) {
            session_cancel(map->async->connection->session, map->chunks[i].key);
        }
    }
}

/* ---- the value ------------------------------------------------------------------------------ */

wherry_err map_value(struct map *map, wherry_value **out) {
    struct bytes list = BYTES_EMPTY;
    bool room = chunk_list_head(&list, map->items);
    for (size_t i = 0; room && i < map->chunk_count; i++) {
        struct map_chunk *chunk = &map->chunks[i];
        struct span items = {NULL, 0};
        chunk_result_items((struct span){chunk->result.data, chunk->result.size}, chunk->items,
                           &items);
        room = bytes_reserve(&list, items.size);
        if (room) {
            bytes_append(&list, items.data, items.size);
        }
    }
    wherry_err err = room ? value_adopt(out, list.data, list.size, connection_free_copy, NULL)
                          : err_set(WHERRY_E_NO_MEMORY, "no memory for %zu results", map->items);
    if (err != WHERRY_OK) {
        bytes_free(&list);
    }
    return err;
}

/* ---- submitting ----------------------------------------------------------------------------- */

struct map_order { /* one call of the map family */
    struct submission submission;
    const wherry_call_options *options;
    struct source_list list;
    size_t chunksize;
    bool starmap;
};

static wherry_err map_chunk_encode(const struct map_order *order, size_t first, size_t count,
                                   struct bytes *out) {
    struct bytes items = BYTES_EMPTY;
    for (size_t i = first; i < first + count; i++) {
        struct span item = order->list.items[i];
        if (!bytes_reserve(&items, item.size)) {
            bytes_free(&items);
            return err_set(WHERRY_E_NO_MEMORY, "no memory for a chunk");
        }
        bytes_append(&items, item.data, item.size);
    }
    const wherry_value *kwargs = order->options != NULL ? order->options->kwargs : NULL;
    wherry_err err = chunk_encode(out, bytes_span(&items), count, kwargs, order->starmap);
    bytes_free(&items);
    return err;
}

static wherry_err map_submit_chunk(const struct map_order *order, struct map *map, size_t first,
                                   size_t count, int64_t deadline_us) {
    struct wherry_connection *connection = map->async->connection;
    struct bytes arguments = BYTES_EMPTY;
    wherry_err err = map_chunk_encode(order, first, count, &arguments);
    if (err != WHERRY_OK) {
        bytes_free(&arguments);
        return err;
    }
    struct map_chunk *chunk = &map->chunks[map->chunk_count];
    *chunk = (struct map_chunk){.owner = {&map_chunk_kind}, .map = map, .items = count};
    pthread_mutex_lock(&connection->mutex);
    err = submission_run(&order->submission, &arguments, &chunk->owner, deadline_us, &chunk->key);
    if (err == WHERRY_OK) {
        chunk->id = chunk->key;
        if (map->chunk_count == 0) {
            map->async->id = chunk->id;
        }
        map->chunk_count++;
        map->remaining++;
        map->unaccepted++;
    }
    bool wake = session_has_output(connection->session);
    pthread_mutex_unlock(&connection->mutex);
    if (wake) {
        connection_wake(connection);
    }
    bytes_free(&arguments);
    return err;
}

static wherry_err map_submit_all(const struct map_order *order, struct map *map) {
    int64_t deadline_us = submission_deadline(&order->submission);
    wherry_err err = WHERRY_OK;
    for (size_t at = 0; err == WHERRY_OK && at < order->list.count; at += order->chunksize) {
        size_t left = order->list.count - at;
        size_t count = left < order->chunksize ? left : order->chunksize;
        err = map_submit_chunk(order, map, at, count, deadline_us);
    }
    return err;
}

static wherry_err map_create(const struct map_order *order, struct map **out) {
    struct wherry_connection *connection = order->submission.pool->connection;
    size_t items = order->list.count;
    size_t chunks = items == 0 ? 0 : (items - 1) / order->chunksize + 1;
    struct map *map = calloc(1, sizeof *map + chunks * sizeof map->chunks[0]);
    if (map == NULL) {
        return err_set(WHERRY_E_NO_MEMORY, "no memory for a map of %zu items", items);
    }
    map->pool = order->submission.pool;
    map->items = items;
    pthread_mutex_lock(&connection->mutex);
    struct wherry_async *async = async_new(connection, &async_call_kind);
    bool made = async != NULL && async_more_of(async) != NULL;
    if (made) {
        map->async = async;
        async->more->map = map; /* which goes with it from here on */
        /* No items: no callback, as Python. */
        made = items == 0 || async_callbacks_set(async, order->options);
    } else {
        free(map);
    }
    if (!made && async != NULL) {
        async_drop(async);
    }
    pthread_mutex_unlock(&connection->mutex);
    if (!made) {
        return err_set(WHERRY_E_NO_MEMORY, "no memory for a map, or no thread for callbacks");
    }
    *out = map;
    return WHERRY_OK;
}

/* Only a part could be submitted: that part is cancelled and nobody is told. */
static void map_abandon(struct map *map) {
    struct wherry_connection *connection = map->async->connection;
    struct wherry_async *async = map->async;
    pthread_mutex_lock(&connection->mutex);
    async->more->callback = NULL;
    async->more->error_callback = NULL;
    map_cancel(map);
    map->complete = true;
    atomic_fetch_or(&async->word, ASYNC_RELEASED);
    map_end_if_over(map);
    pthread_mutex_unlock(&connection->mutex);
    connection_wake(connection);
}

static void map_finish_submitting(struct map *map) {
    struct wherry_connection *connection = map->async->connection;
    pthread_mutex_lock(&connection->mutex);
    map->complete = true;
    if (map->unaccepted == 0) {
        async_accept(map->async);
    }
    if (map->terminated && map->remaining > 0) {
        async_done(map->async, true);
    } else {
        map_end_if_over(map);
    }
    pthread_mutex_unlock(&connection->mutex);
}

static wherry_err map_closed(const struct wherry_pool *pool) {
    pthread_mutex_lock(&pool->connection->mutex);
    wherry_err err = pool_check_open(pool);
    pthread_mutex_unlock(&pool->connection->mutex);
    return err;
}

static wherry_err map_run(struct map_order *order, struct wherry_async **out) {
    struct map *map = NULL;
    wherry_err err = map_create(order, &map);
    if (err != WHERRY_OK) {
        return err;
    }
    err = map_submit_all(order, map);
    if (err != WHERRY_OK) {
        map_abandon(map);
        return err;
    }
    *out = map->async;
    map_finish_submitting(map);
    return WHERRY_OK;
}

static wherry_err map_start(wherry_pool *pool, const char *function, const wherry_items *items,
                            int64_t chunksize, const wherry_call_options *options, bool starmap,
                            struct wherry_async **out) {
    struct map_order order = {.options = options, .starmap = starmap};
    wherry_err err = submission_init(&order.submission, pool, function, options);
    if (err == WHERRY_OK) {
        err = source_check(items);
    }
    if (err == WHERRY_OK) {
        err = map_closed(pool);
    }
    if (err == WHERRY_OK) { /* before any item is taken: a wrong chunksize is found at once */
        err = chunk_size(pool, chunksize == WHERRY_AUTO ? 1 : chunksize, 1, &order.chunksize);
    }
    if (err == WHERRY_OK && options != NULL && options->no_result) {
        err = err_set(WHERRY_E_INVALID, "options.no_result: a map is about its results");
    }
    if (err == WHERRY_OK) {
        err = source_read_all(items, &order.list);
    }
    if (err != WHERRY_OK) {
        return err;
    }
    err = chunk_size(pool, chunksize, order.list.count, &order.chunksize);
    if (err == WHERRY_OK) {
        err = map_run(&order, out);
    }
    source_list_fini(&order.list);
    return err;
}

static wherry_err map_wait(wherry_err err, struct wherry_async *async, wherry_value **out) {
    if (err == WHERRY_OK) {
        err = wherry_async_get(async, WHERRY_FOREVER, NULL);
    }
    if (err == WHERRY_OK && out != NULL) {
        err = async_value_take(async, out);
    }
    wherry_async_release(&async);
    return err;
}

static wherry_err map_start_async(wherry_pool *pool, const char *function,
                                  const wherry_items *items, int64_t chunksize,
                                  const wherry_call_options *options, bool starmap,
                                  wherry_async **out) {
    struct wherry_async *async = NULL;
    wherry_err err = map_start(pool, function, items, chunksize, options, starmap, &async);
    if (err == WHERRY_OK && out != NULL) {
        *out = async;
    } else {
        wherry_async_release(&async);
    }
    return err;
}

wherry_err wherry_pool_map(wherry_pool *pool, const char *function, wherry_items items,
                           int64_t chunksize, const wherry_call_options *options,
                           wherry_value **out) {
    struct wherry_async *async = NULL;
    wherry_err err = map_start(pool, function, &items, chunksize, options, false, &async);
    return map_wait(err, async, out);
}

wherry_err wherry_pool_map_async(wherry_pool *pool, const char *function, wherry_items items,
                                 int64_t chunksize, const wherry_call_options *options,
                                 wherry_async **out) {
    return map_start_async(pool, function, &items, chunksize, options, false, out);
}

wherry_err wherry_pool_starmap(wherry_pool *pool, const char *function, wherry_items items,
                               int64_t chunksize, const wherry_call_options *options,
                               wherry_value **out) {
    struct wherry_async *async = NULL;
    wherry_err err = map_start(pool, function, &items, chunksize, options, true, &async);
    return map_wait(err, async, out);
}

wherry_err wherry_pool_starmap_async(wherry_pool *pool, const char *function, wherry_items items,
                                     int64_t chunksize, const wherry_call_options *options,
                                     wherry_async **out) {
    return map_start_async(pool, function, &items, chunksize, options, true, out);
}
