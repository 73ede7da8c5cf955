/* SPDX-License-Identifier: MIT
 *
 * imap and imap_unordered: results one by one, items taken only so far ahead.
 *
 *     source ──take──> waiting chunk ──submit──> chunks on their way ──> ready ──> current list ──>
 *     next
 *               at most `look_ahead` items beyond what was yielded
 *
 * There is no feeder thread: whoever asks for the next result first tops up what is on its way. One
 * thread at a time has its turn; the others wait for it within their own time-outs.
 *
 * Ordered: the chunks stand in one list in order of submission and the first one is waited for.
 * Unordered: finished chunks move to a list of their own. */
#include "client/iterator.h"

#include "common/err.h"
#include "common/value.h"

#include <stdlib.h>
#include <string.h>

/* ---- lists ---------------------------------------------------------------------------------- */

static void list_append(struct iterator_list *list, struct iterator_chunk *chunk) {
    chunk->following = NULL;
    if (list->last != NULL) {
        list->last->following = chunk;
    } else {
        list->first = chunk;
    }
    list->last = chunk;
}

static void list_remove(struct iterator_list *list, struct iterator_chunk *chunk) {
    struct iterator_chunk *before = NULL;
    for (struct iterator_chunk *at = list->first; at != chunk; at = at->following) {
        before = at;
    }
    if (before != NULL) {
        before->following = chunk->following;
    } else {
        list->first = chunk->following;
    }
    if (list->last == chunk) {
        list->last = before;
    }
}

/* ---- memory --------------------------------------------------------------------------------- */

static void chunk_free(struct iterator_chunk *chunk) {
    if (chunk->result.release != NULL) {
        chunk->result.release((void *)(uintptr_t)chunk->result.data, chunk->result.hint);
    }
    free(chunk->error);
    free(chunk);
}

void iterator_free(struct wherry_iterator *iterator) {
    struct iterator_list *lists[] = {&iterator->sent, &iterator->ready};
    for (size_t i = 0; i < 2; i++) {
        while (lists[i]->first != NULL) {
            struct iterator_chunk *chunk = lists[i]->first;
            lists[i]->first = chunk->following;
            chunk_free(chunk);
        }
    }
    wherry_value_release(&iterator->kwargs);
    wherry_value_release(&iterator->current);
    bytes_free(&iterator->waiting);
    free(iterator->source_error);
    free(iterator->error);
    free(iterator);
}

/* Under the mutex. */
static void iterator_end_if_over(struct wherry_iterator *iterator) {
    if (iterator->released && iterator->open == 0) {
        struct wherry_pool *pool = iterator->submission.pool;
        iterator_free(iterator);
        pool_iterator_over(pool);
    }
}

/* ---- a chunk as an owner (under the mutex) -------------------------------------------------- */

static struct iterator_chunk *chunk_of(struct owner *owner) {
    return (struct iterator_chunk *)(void *)owner;
}

static void chunk_fail(struct iterator_chunk *chunk, wherry_err err, struct span text) {
    chunk->err = err;
    chunk->error =
        text.size > 0 ? strndup((const char *)text.data, text.size) : strdup(wherry_err_text(err));
}

static void chunk_store(struct iterator_chunk *chunk, const struct session_outcome *outcome) {
    struct span items;
    struct wherry_connection *connection = chunk->iterator->connection;
    if (outcome->err != WHERRY_OK) {
        chunk_fail(chunk, outcome->err, outcome->text);
    } else if (!chunk_result_items(outcome->payload, chunk->items, &items)) {
        chunk_fail(chunk, WHERRY_E_PROTOCOL,
                   span_of_text("a worker answered a chunk with another number of results"));
    } else if (!connection_keep(connection, outcome, &chunk->result)) {
        chunk_fail(chunk, WHERRY_E_NO_MEMORY, (struct span){NULL, 0});
    }
}

static void chunk_finish(struct iterator_chunk *chunk) {
    struct wherry_iterator *iterator = chunk->iterator;
    chunk->finished = true;
    if (iterator->unordered && !iterator->released) {
        list_remove(&iterator->sent, chunk);
        list_append(&iterator->ready, chunk);
    }
    wait_wake(&iterator->word, atomic_fetch_or(&iterator->word, WAIT_DONE));
}

static void chunk_finished(struct owner *owner, const struct session_outcome *outcome) {
    struct iterator_chunk *chunk = chunk_of(owner);
    struct wherry_iterator *iterator = chunk->iterator;
    struct wherry_pool *pool = iterator->submission.pool;
    if (!chunk->finished) {
        chunk_store(chunk, outcome);
        chunk_finish(chunk);
    }
    chunk->over = true;
    if (chunk->dropped) {
        chunk_free(chunk);
    }
    iterator->open--;
    iterator_end_if_over(iterator);
    pool_task_over(pool);
}

static void chunk_accepted(struct owner *owner) {
    (void)owner;
}

static void chunk_moved(struct owner *owner, struct task_id key) {
    chunk_of(owner)->key = key;
}

static void chunk_terminated(struct owner *owner) {
    struct iterator_chunk *chunk = chunk_of(owner);
    if (!chunk->finished) {
        chunk_fail(chunk, WHERRY_E_CANCELLED, span_of_text("the pool was terminated"));
        chunk_finish(chunk);
    }
}

static struct wherry_pool *chunk_pool(struct owner *owner) {
    return chunk_of(owner)->iterator->submission.pool;
}

static const struct owner_kind iterator_chunk_kind = {
    .finished = chunk_finished,
    .accepted = chunk_accepted,
    .moved = chunk_moved,
    .terminated = chunk_terminated,
    .pool = chunk_pool,
};

/* ---- topping up (whoever has the turn) ------------------------------------------------------ */

static void iterator_exhaust(struct wherry_iterator *iterator, wherry_err err) {
    iterator->exhausted = true;
    if (err != WHERRY_E_END) {
        iterator->source_err = err;
        const char *text = wherry_last_error();
        iterator->source_error = strdup(text[0] != 0 ? text : wherry_err_text(err));
    }
}

/* The next chunk's payload, unless one still waits to be submitted. */
static wherry_err iterator_take(struct wherry_iterator *iterator) {
    struct bytes items = BYTES_EMPTY;
    size_t count = 0;
    wherry_err err = WHERRY_OK;
    while (count < iterator->chunksize && err == WHERRY_OK) {
        err = source_next(&iterator->source, &items);
        count += err == WHERRY_OK ? 1 : 0;
    }
    if (err != WHERRY_OK) {
        iterator_exhaust(iterator, err);
    }
    err = WHERRY_OK;
    if (count > 0) {
        bytes_clear(&iterator->waiting);
        err = chunk_encode(&iterator->waiting, bytes_span(&items), count, iterator->kwargs, false);
        iterator->waiting_items = err == WHERRY_OK ? count : 0;
        iterator->taken += count;
    }
    bytes_free(&items);
    return err;
}

static wherry_err iterator_submit(struct wherry_iterator *iterator, int64_t deadline_us) {
    struct wherry_connection *connection = iterator->connection;
    struct iterator_chunk *chunk = calloc(1, sizeof *chunk);
    if (chunk == NULL) {
        return err_set(WHERRY_E_NO_MEMORY, "no memory for a chunk");
    }
    chunk->owner.kind = &iterator_chunk_kind;
    chunk->iterator = iterator;
    chunk->items = iterator->waiting_items;
    pthread_mutex_lock(&connection->mutex);
    wherry_err err = submission_run(&iterator->submission, &iterator->waiting, &chunk->owner,
                                    deadline_us, &chunk->key);
    if (err == WHERRY_OK) {
        list_append(&iterator->sent, chunk);
        iterator->open++;
        iterator->waiting_items = 0;
    }
    bool wake = session_has_output(connection->session);
    pthread_mutex_unlock(&connection->mutex);
    if (wake) {
        connection_wake(connection);
    }
    if (err != WHERRY_OK) {
        free(chunk);
    }
    return err;
}

/* Errors of submitting come out at their place, behind what is on its way; only a wait that ended
 * early ends this call. */
wherry_err iterator_top_up(struct wherry_iterator *iterator, int64_t deadline_us) {
    for (;;) {
        bool more =
            !iterator->exhausted &&
            iterator->taken - iterator->yielded + iterator->chunksize <= iterator->look_ahead;
        if (iterator->waiting_items == 0 && !more) {
            return WHERRY_OK;
        }
        wherry_err err = WHERRY_OK;
        if (iterator->waiting_items == 0) {
            err = iterator_take(iterator);
        }
        if (err == WHERRY_OK && iterator->waiting_items > 0) {
            err = iterator_submit(iterator, deadline_us);
        }
        if (err == WHERRY_E_INTERRUPTED || (err == WHERRY_E_FULL && deadline_us != INT64_MAX)) {
            return err == WHERRY_E_FULL ? WHERRY_E_TIMEOUT : err;
        }
        if (err != WHERRY_OK) {
            iterator->waiting_items = 0;
            iterator_exhaust(iterator, err);
        }
    }
}

/* ---- next (whoever has the turn) ------------------------------------------------------------ */

static wherry_err iterator_tell(struct wherry_iterator *iterator, wherry_err err,
                                const char *text) {
    free(iterator->error);
    iterator->error = strdup(text);
    return err_set(err, "%s", text);
}

/* The next finished chunk leaves its list; NULL: none yet. `some`: more are on their way. */
static struct iterator_chunk *iterator_pop(struct wherry_iterator *iterator, bool *some) {
    struct iterator_list *list = iterator->unordered ? &iterator->ready : &iterator->sent;
    struct wherry_connection *connection = iterator->connection;
    pthread_mutex_lock(&connection->mutex);
    struct iterator_chunk *chunk = list->first;
    if (chunk != NULL && chunk->finished) {
        list_remove(list, chunk);
    } else {
        chunk = NULL;
        atomic_fetch_and(&iterator->word, ~(unsigned)(WAIT_DONE | WAIT_WAITED));
    }
    *some = iterator->sent.first != NULL;
    pthread_mutex_unlock(&connection->mutex);
    return chunk;
}

static void iterator_drop(struct wherry_iterator *iterator, struct iterator_chunk *chunk) {
    struct wherry_connection *connection = iterator->connection;
    pthread_mutex_lock(&connection->mutex);
    chunk->dropped = true;
    bool over = chunk->over;
    pthread_mutex_unlock(&connection->mutex);
    if (over) {
        chunk_free(chunk);
    }
}

static wherry_err iterator_open_chunk(struct wherry_iterator *iterator,
                                      struct iterator_chunk *chunk) {
    wherry_err err = chunk->err;
    if (err == WHERRY_OK) {
        err = value_adopt(&iterator->current, chunk->result.data, chunk->result.size,
                          chunk->result.release, chunk->result.hint);
        iterator->current_at = 0;
        if (err == WHERRY_OK) {
            chunk->result.release = NULL; /* the value's now */
        } else {
            chunk_fail(chunk, WHERRY_E_TYPE, span_of_text("a worker's result is no value"));
            err = WHERRY_E_TYPE;
        }
    }
    if (err != WHERRY_OK) {
        iterator->yielded += chunk->items;
        iterator->ended = iterator->chunksize > 1; /* as Python's generator */
        iterator_tell(iterator, err, chunk->error != NULL ? chunk->error : wherry_err_text(err));
    }
    iterator_drop(iterator, chunk);
    return err;
}

static wherry_err iterator_yield(struct wherry_iterator *iterator, wherry_value **out) {
    wherry_err err = wherry_value_at(iterator->current, iterator->current_at, out);
    if (err == WHERRY_OK) {
        iterator->current_at++;
        iterator->yielded++;
        if (iterator->current_at == wherry_value_count(iterator->current)) {
            wherry_value_release(&iterator->current);
        }
    }
    return err;
}

static wherry_err iterator_end(struct wherry_iterator *iterator) {
    iterator->ended = true;
    wherry_err err = iterator->source_err;
    iterator->source_err = WHERRY_OK;
    if (err == WHERRY_OK) {
        return err_set(WHERRY_E_END, "the iterator is exhausted");
    }
    return iterator_tell(iterator, err,
                         iterator->source_error != NULL ? iterator->source_error
                                                        : wherry_err_text(err));
}

static wherry_err iterator_run(struct wherry_iterator *iterator, int64_t deadline_us,
                               wherry_value **out) {
    struct wherry_connection *connection = iterator->connection;
    while (!iterator->ended) {
        if (iterator->current != NULL) {
            return iterator_yield(iterator, out);
        }
        wherry_err err = iterator_top_up(iterator, deadline_us);
        if (err != WHERRY_OK) {
            return err == WHERRY_E_TIMEOUT ? err_set(err, "no result yet") : err;
        }
        bool some = false;
        struct iterator_chunk *chunk = iterator_pop(iterator, &some);
        if (chunk != NULL) {
            err = iterator_open_chunk(iterator, chunk);
        } else if (!some) {
            return iterator_end(iterator);
        } else {
            err = wait_word(&connection->waiters, &iterator->word, WAIT_DONE, deadline_us);
        }
        if (err != WHERRY_OK) {
            return err == WHERRY_E_TIMEOUT ? err_set(err, "no result yet") : err;
        }
    }
    return err_set(WHERRY_E_END, "the iterator is exhausted");
}

/* One thread at a time is inside; the mutex is given up while it waits for that. */
static wherry_err iterator_turn(struct wherry_iterator *iterator, int64_t deadline_us) {
    struct wherry_connection *connection = iterator->connection;
    wherry_err err = WHERRY_OK;
    pthread_mutex_lock(&connection->mutex);
    while (err == WHERRY_OK && iterator->turn_taken) {
        struct pool_joiner waiter = {.following = NULL};
        joiner_add(&iterator->queue, &waiter);
        pthread_mutex_unlock(&connection->mutex);
        err = wait_word(&connection->waiters, &waiter.word, WAIT_DONE, deadline_us);
        pthread_mutex_lock(&connection->mutex);
        joiner_remove(&iterator->queue, &waiter);
    }
    iterator->turn_taken = iterator->turn_taken || err == WHERRY_OK;
    pthread_mutex_unlock(&connection->mutex);
    return err == WHERRY_E_TIMEOUT ? err_set(err, "another thread waits for the next result") : err;
}

static void iterator_turn_over(struct wherry_iterator *iterator) {
    pthread_mutex_lock(&iterator->connection->mutex);
    iterator->turn_taken = false;
    joiners_wake(&iterator->queue);
    pthread_mutex_unlock(&iterator->connection->mutex);
}

wherry_err wherry_iterator_next(wherry_iterator *iterator, int64_t timeout_ms, wherry_value **out) {
    if (iterator == NULL || out == NULL) {
        return err_set(WHERRY_E_INVALID, "next: no iterator, or no place for the value");
    }
    int64_t deadline_us = 0;
    wherry_err err = connection_check(iterator->connection);
    if (err == WHERRY_OK) {
        err = wait_deadline(timeout_ms, &deadline_us);
    }
    if (err != WHERRY_OK) {
        return err;
    }
    err = iterator_turn(iterator, deadline_us);
    if (err != WHERRY_OK) {
        return err;
    }
    err = iterator_run(iterator, deadline_us, out);
    iterator_turn_over(iterator);
    return err;
}

const char *wherry_iterator_error(wherry_iterator *iterator) {
    return iterator != NULL && iterator->error != NULL ? iterator->error : "";
}

void wherry_iterator_release(wherry_iterator **iterator) {
    if (iterator == NULL || *iterator == NULL) {
        return;
    }
    struct wherry_iterator *dying = *iterator;
    struct wherry_connection *connection = dying->connection;
    *iterator = NULL;
    if (atomic_load(connection->life) != 1) {
        iterator_free(dying);
        connection_unhold(connection);
        return;
    }
    pthread_mutex_lock(&connection->mutex);
    dying->released = true;
    for (struct iterator_chunk *at = dying->sent.first; at != NULL; at = at->following) {
        if (!at->over) {
            session_cancel(connection->session, at->key);
        }
    }
    iterator_end_if_over(dying);
    pthread_mutex_unlock(&connection->mutex);
    connection_wake(connection);
    connection_unhold(connection);
}
