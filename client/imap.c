/* SPDX-License-Identifier: MIT
 *
 * imap and imap_unordered: an iterator is made and given its first items. */
#include "client/iterator.h"

#include "common/err.h"
#include "common/value.h"

#include <stdlib.h>
#include <string.h>

enum { LOOK_AHEAD_LEAST = 16, LOOK_AHEAD_CHUNKS = 4 };

static wherry_err imap_check(const struct wherry_pool *pool, const wherry_items *items,
                             int64_t chunksize, const wherry_call_options *options) {
    wherry_err err = source_check(items);
    if (err != WHERRY_OK) {
        return err;
    }
    if (chunksize != WHERRY_AUTO && chunksize < 1) {
        return err_set(WHERRY_E_INVALID, "chunksize is %lld: expected 1 or more, or WHERRY_AUTO",
                       (long long)chunksize);
    }
    if (options != NULL &&
        (options->callback != NULL || options->error_callback != NULL || options->no_result)) {
        return err_set(WHERRY_E_INVALID, "options: imap has no callbacks and is about its results");
    }
    pthread_mutex_lock(&pool->connection->mutex);
    err = pool_check_open(pool);
    pthread_mutex_unlock(&pool->connection->mutex);
    return err;
}

static wherry_err imap_look_ahead(struct wherry_iterator *iterator,
                                  const wherry_call_options *options) {
    if (options != NULL && options->look_ahead > 0) {
        iterator->look_ahead = options->look_ahead;
    } else {
        uint32_t processes = 0;
        wherry_err err = pool_processes_for_chunks(iterator->submission.pool, &processes);
        if (err != WHERRY_OK) {
            return err;
        }
        iterator->look_ahead = (uint64_t)LOOK_AHEAD_CHUNKS * processes * iterator->chunksize;
        if (iterator->look_ahead < LOOK_AHEAD_LEAST) {
            iterator->look_ahead = LOOK_AHEAD_LEAST;
        }
    }
    if (iterator->look_ahead < iterator->chunksize) {
        iterator->look_ahead = iterator->chunksize;
    }
    return WHERRY_OK;
}

static wherry_err imap_prepare(struct wherry_iterator *iterator, const char *function,
                               const wherry_call_options *options) {
    memcpy(iterator->function, function, strlen(function) + 1);
    iterator->submission.lane.function = span_of_text(iterator->function);
    if (options != NULL && options->kwargs != NULL) {
        wherry_err err = value_copy(&iterator->kwargs, value_span(options->kwargs));
        if (err != WHERRY_OK) {
            return err;
        }
    }
    return imap_look_ahead(iterator, options);
}

static wherry_err imap_start(wherry_pool *pool, const char *function, const wherry_items *items,
                             int64_t chunksize, const wherry_call_options *options, bool unordered,
                             wherry_iterator **out) {
    struct submission submission;
    wherry_err err = submission_init(&submission, pool, function, options);
    if (err == WHERRY_OK) {
        err = out == NULL ? err_set(WHERRY_E_INVALID, "imap: no place for the iterator")
                          : imap_check(pool, items, chunksize, options);
    }
    if (err != WHERRY_OK) {
        return err;
    }
    struct wherry_iterator *iterator = calloc(1, sizeof *iterator);
    if (iterator == NULL) {
        return err_set(WHERRY_E_NO_MEMORY, "no memory for an iterator");
    }
    iterator->connection = pool->connection;
    iterator->submission = submission;
    iterator->source.items = *items;
    iterator->unordered = unordered;
    iterator->chunksize = chunksize == WHERRY_AUTO ? 1 : (size_t)chunksize;
    err = imap_prepare(iterator, function, options);
    if (err != WHERRY_OK) {
        iterator_free(iterator);
        return err;
    }
    pthread_mutex_lock(&pool->connection->mutex);
    pool->iterators++;
    pthread_mutex_unlock(&pool->connection->mutex);
    connection_hold(pool->connection);
    err = iterator_top_up(iterator, INT64_MAX); /* interrupted, or OK */
    if (err != WHERRY_OK) {
        wherry_iterator_release(&iterator);
        return err;
    }
    *out = iterator;
    return WHERRY_OK;
}

wherry_err wherry_pool_imap(wherry_pool *pool, const char *function, wherry_items items,
                            int64_t chunksize, const wherry_call_options *options,
                            wherry_iterator **out) {
    return imap_start(pool, function, &items, chunksize, options, false, out);
}

wherry_err wherry_pool_imap_unordered(wherry_pool *pool, const char *function, wherry_items items,
                                      int64_t chunksize, const wherry_call_options *options,
                                      wherry_iterator **out) {
    return imap_start(pool, function, &items, chunksize, options, true, out);
}
