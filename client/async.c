/* SPDX-License-Identifier: MIT
 *
 * Asyncs: the outcome, told by the I/O thread, and what users ask of it. */
#include "client/async.h"

#include "client/async_internal.h"
#include "client/callbacks.h"
#include "client/map.h"
#include "client/pool.h"
#include "common/err.h"
#include "common/value.h"

#include <stdlib.h>
#include <string.h>

/* ---- memory --------------------------------------------------------------------------------- */

struct async_more *async_more_of(struct wherry_async *async) {
    if (async->more == NULL) {
        async->more = calloc(1, sizeof *async->more);
    }
    return async->more;
}

bool async_callbacks_set(struct wherry_async *async, const wherry_call_options *options) {
    if (options == NULL || (options->callback == NULL && options->error_callback == NULL)) {
        return true;
    }
    struct async_more *more = async_more_of(async);
    if (more == NULL) {
        return false;
    }
    more->callback = options->callback;
    more->error_callback = options->error_callback;
    more->context = options->context;
    return callbacks_start(async->connection);
}

static void async_free_contents(struct wherry_async *async) {
    wherry_value *value = atomic_load(&async->value);
    wherry_value_release(&value);
    if (async->result.release != NULL) {
        async->result.release((void *)(uintptr_t)async->result.data, async->result.hint);
    }
    struct async_more *more = async->more;
    if (more != NULL) {
        if (more->map != NULL) {
            map_free(more->map);
        }
        free(more->error);
        free(more->host);
        free(more);
    }
}

static void async_recycle(struct wherry_async *async) {
    if (atomic_load_explicit(&async->value, memory_order_relaxed) != NULL ||
        async->result.release != NULL || async->more != NULL) {
        async_free_contents(async);
    }
    async_give_back(async);
}

void async_drop(struct wherry_async *async) {
    async_recycle(async);
}

/* Sets and clears bits; the one who completes the life gives it back. Returns the word before. */
static unsigned async_change(struct wherry_async *async, unsigned set, unsigned clear) {
    unsigned before = atomic_load_explicit(&async->word, memory_order_relaxed);
    unsigned after = 0;
    do {
        after = (before | set) & ~clear;
    } while (!atomic_compare_exchange_weak(&async->word, &before, after));
    unsigned life = WAIT_DONE | ASYNC_RELEASED | ASYNC_CALLBACK | ASYNC_HELD;
    if ((after & life) == (WAIT_DONE | ASYNC_RELEASED)) {
        async_recycle(async);
    }
    return before;
}

/* ---- the outcome (under the mutex) ---------------------------------------------------------- */

static void async_store_failure(struct wherry_async *async, struct span payload) {
    struct wire_failure failure;
    if (async->more == NULL || wire_get_failure(payload, &failure) != WHERRY_OK) {
        return;
    }
    async->more->cause = (wherry_cause)failure.cause;
    async->more->cause_number = failure.cause_number;
    async->more->pid = failure.pid;
    async->more->host = strndup((const char *)failure.host.data, failure.host.size);
}

void async_store_error(struct wherry_async *async, wherry_err err, struct span text) {
    async->err = err;
    struct async_more *more = text.size > 0 ? async_more_of(async) : NULL;
    if (more != NULL) {
        free(more->error); /* of a map that had failed before it was terminated */
        more->error = strndup((const char *)text.data, text.size);
    }
}

void async_store(struct wherry_async *async, const struct session_outcome *outcome) {
    if (outcome->err != WHERRY_OK) {
        async_store_error(async, outcome->err, outcome->text);
        async_store_failure(async, outcome->payload);
        return;
    }
    if (outcome->payload.size <= sizeof async->small) {
        if (outcome->payload.size > 0) {
            memcpy(async->small, outcome->payload.data, outcome->payload.size);
        }
        async->result = (struct wire_part){async->small, outcome->payload.size, NULL, NULL};
    } else if (!connection_keep(async->connection, outcome, &async->result)) {
        async_store_error(async, WHERRY_E_NO_MEMORY, span_of_text("no memory for the result"));
    }
}

void async_done(struct wherry_async *async, bool keep_held) {
    struct async_more *more = async->more;
    bool callback = more != NULL && (async->err == WHERRY_OK ? more->callback != NULL
                                                             : more->error_callback != NULL);
    if (callback && async->connection->callbacks != NULL) { /* NULL: released */
        atomic_fetch_or(&async->word, ASYNC_CALLBACK);
        callbacks_push(async->connection, async); /* before get may return */
    }
    struct waiters *waiters = &async->connection->waiters; /* the change may free the async */
    unsigned set = WAIT_DONE | ASYNC_ACCEPTED;
    wait_wake_late(waiters, &async->word, async_change(async, set, keep_held ? 0 : ASYNC_HELD));
}

void async_unhold(struct wherry_async *async) {
    async_change(async, 0, ASYNC_HELD);
}

void async_accept(struct wherry_async *async) {
    wait_wake(&async->word, atomic_fetch_or(&async->word, ASYNC_ACCEPTED));
}

void async_callback_over(struct wherry_async *async) {
    async_change(async, 0, ASYNC_CALLBACK);
}

/* ---- an async as the owner of one call ------------------------------------------------------ */

static struct wherry_async *async_of(struct owner *owner) {
    return (struct wherry_async *)(void *)owner;
}

static void call_finished(struct owner *owner, const struct session_outcome *outcome) {
    struct wherry_async *async = async_of(owner);
    struct wherry_pool *pool = async->pool;
    if (async_is_done(async)) { /* terminated before */
        async_unhold(async);
    } else {
        async_store(async, outcome);
        async_done(async, false);
    }
    if (pool != NULL) {
        pool_task_over(pool);
    }
}

static void call_accepted(struct owner *owner) {
    async_accept(async_of(owner));
}

static void call_moved(struct owner *owner, struct task_id key) {
    async_of(owner)->key = key;
}

static void call_terminated(struct owner *owner) {
    struct wherry_async *async = async_of(owner);
    if (!async_is_done(async)) {
        async_store_error(async, WHERRY_E_CANCELLED, span_of_text("the pool was terminated"));
        async_done(async, true);
    }
}

static struct wherry_pool *call_pool(struct owner *owner) {
    return async_of(owner)->pool;
}

const struct owner_kind async_call_kind = {
    .finished = call_finished,
    .accepted = call_accepted,
    .moved = call_moved,
    .terminated = call_terminated,
    .pool = call_pool,
};

/* ---- the value ------------------------------------------------------------------------------ */

static wherry_err async_value_make(struct wherry_async *async, wherry_value **out) {
    if (async->more != NULL && async->more->map != NULL) {
        return map_value(async->more->map, out);
    }
    if (async->result.size == 0) {
        return value_adopt(out, "\xc0", 1, NULL, NULL);
    }
    /* The bytes stay the async's: the value only borrows them. */
    return value_adopt(out, async->result.data, async->result.size, NULL, NULL);
}

wherry_err async_value(struct wherry_async *async, const wherry_value **out) {
    wherry_value *value = atomic_load_explicit(&async->value, memory_order_acquire);
    if (value == NULL) {
        wherry_err err = async_value_make(async, &value);
        if (err != WHERRY_OK) {
            return err;
        }
        wherry_value *present = NULL;
        if (!atomic_compare_exchange_strong(&async->value, &present, value)) {
            wherry_value_release(&value); /* another thread was first */
            value = present;
        }
    }
    *out = value;
    return WHERRY_OK;
}

wherry_err async_value_take(struct wherry_async *async, wherry_value **out) {
    if (async->more != NULL && async->more->map != NULL) {
        return map_value(async->more->map, out);
    }
    struct wire_part *result = &async->result;
    bool shared = async->more != NULL && async->more->callback != NULL; /* it may be reading */
    if (result->release == NULL || shared) {
        static const uint8_t nil = 0xc0;
        struct span bytes = {result->size > 0 ? result->data : &nil,
                             result->size > 0 ? result->size : 1};
        return value_copy(out, bytes);
    }
    wherry_err err = value_adopt(out, result->data, result->size, result->release, result->hint);
    if (err == WHERRY_OK) {
        *result = (struct wire_part){NULL, 0, NULL, NULL};
    }
    return err;
}

/* ---- users' questions that never wait ------------------------------------------------------- */

const char *async_error_text(const struct wherry_async *async) {
    if (async->err == WHERRY_OK) {
        return "";
    }
    return async->more != NULL && async->more->error != NULL ? async->more->error
                                                             : wherry_err_text(async->err);
}

bool wherry_async_ready(const wherry_async *async) {
    return async != NULL && connection_check(async->connection) == WHERRY_OK &&
           async_is_done(async);
}

wherry_err wherry_async_successful(const wherry_async *async, bool *out) {
    if (async == NULL || out == NULL) {
        return err_set(WHERRY_E_INVALID, "successful: no async, or no place for the answer");
    }
    wherry_err err = connection_check(async->connection);
    if (err != WHERRY_OK) {
        return err;
    }
    if (!async_is_done(async)) {
        return err_set(WHERRY_E_NOT_READY, "the call is still open");
    }
    *out = async->err == WHERRY_OK;
    return WHERRY_OK;
}

const char *wherry_async_id(wherry_async *async) {
    if (async == NULL || async->id.number == 0) {
        return "";
    }
    if (atomic_load(async->connection->life) != 1) { /* forked: the mutex may be held for ever */
        task_id_to_text(async->id, async->id_text);
        return async->id_text;
    }
    pthread_mutex_lock(&async->connection->mutex);
    if (async->id_text[0] == 0) {
        task_id_to_text(async->id, async->id_text);
    }
    pthread_mutex_unlock(&async->connection->mutex);
    return async->id_text;
}

const char *wherry_async_error(wherry_async *async) {
    return async != NULL && async_is_done(async) ? async_error_text(async) : "";
}

wherry_err wherry_async_failure(wherry_async *async, wherry_failure *out) {
    if (async == NULL || out == NULL) {
        return err_set(WHERRY_E_INVALID, "failure: no async, or no place for the answer");
    }
    bool successful = false;
    wherry_err err = wherry_async_successful(async, &successful);
    if (err != WHERRY_OK) {
        return err;
    }
    const struct async_more *more = async->more;
    *out = (wherry_failure){
        .err = async->err,
        .text = async_error_text(async),
        .cause = more != NULL ? more->cause : WHERRY_CAUSE_NONE,
        .number = more != NULL ? more->cause_number : 0,
        .host = more != NULL && more->host != NULL ? more->host : "",
        .pid = more != NULL ? more->pid : 0,
    };
    return WHERRY_OK;
}

void wherry_async_release(wherry_async **async) {
    if (async == NULL || *async == NULL) {
        return;
    }
    struct wherry_async *dying = *async;
    *async = NULL;
    if (atomic_load(dying->connection->life) != 1) {
        async_recycle(dying); /* a forked child: nobody else is here */
        return;
    }
    if (dying->owner.kind == &async_attached_kind) {
        async_question_forget(dying);
    }
    async_change(dying, ASYNC_RELEASED, 0);
}
