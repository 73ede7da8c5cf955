/* SPDX-License-Identifier: MIT
 *
 * Submitting: apply_async and apply. The hot path is one pass: encode into a scratch buffer without
 * any lock, then one short stay under the mutex in which the session copies the bytes into its open
 * batch; large arguments are handed over instead. */
#include "client/submit.h"

#include "common/call.h"
#include "common/clock.h"
#include "common/err.h"
#include "common/value.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { SUBMIT_PATIENCE_US = 1000000, SUBMIT_CALL_HEAD = 32 };

/* ---- options -------------------------------------------------------------------------------- */

static wherry_err options_wait(const wherry_call_options *options, struct submission *submission) {
    int64_t wait_ms = options->wait_ms;
    submission->patience_us = INT64_MAX;
    if (wait_ms == 0 || wait_ms == WHERRY_FOREVER) {
        submission->lane.wait_ms = -1;
        return WHERRY_OK;
    }
    if (wait_ms < WHERRY_NO_WAIT || wait_ms > INT64_MAX / 2000) {
        return err_set(WHERRY_E_INVALID, "options.wait_ms is %lld: out of range",
                       (long long)wait_ms);
    }
    submission->lane.wait_ms = wait_ms == WHERRY_NO_WAIT ? 0 : wait_ms;
    int64_t patience_us = submission->lane.wait_ms * 1000;
    submission->patience_us = patience_us > SUBMIT_PATIENCE_US ? patience_us : SUBMIT_PATIENCE_US;
    return WHERRY_OK;
}

static wherry_err options_apply(const wherry_call_options *options, struct submission *submission) {
    if (options->size != sizeof *options) {
        return err_set(WHERRY_E_INVALID, "options.size is %zu, expected %zu: set it to sizeof",
                       options->size, sizeof *options);
    }
    if (options->kwargs != NULL && wherry_value_kind(options->kwargs) != WHERRY_MAP) {
        return err_set(WHERRY_E_TYPE, "options.kwargs is no map");
    }
    if (options->no_result && options->keep) {
        return err_set(WHERRY_E_INVALID, "options: keep and no_result exclude each other");
    }
    submission->lane.options = (struct wire_options){
        .flags = (options->keep ? TASK_KEEP : 0) | (options->no_result ? TASK_NO_RESULT : 0) |
                 (options->max_attempts == 1 ? TASK_ONCE : 0),
        .priority = options->priority,
        .max_attempts = options->max_attempts,
        .ttl_ms = options->result_ttl_ms,
    };
    return options_wait(options, submission);
}

wherry_err submission_init(struct submission *submission, struct wherry_pool *pool,
                           const char *function, const wherry_call_options *options) {
    wherry_err err = pool_check(pool);
    if (err != WHERRY_OK) {
        return err;
    }
    size_t size = function != NULL ? strlen(function) : 0;
    if (size == 0 || size > WIRE_NAME_MAX) {
        return err_set(WHERRY_E_INVALID, "the function's name must have 1 to %d bytes",
                       (int)WIRE_NAME_MAX);
    }
    submission->pool = pool;
    submission->lane.queue = pool->queue;
    submission->lane.function = (struct span){(const uint8_t *)function, size};
    submission->lane.options = (struct wire_options){.flags = 0};
    submission->lane.wait_ms = -1;
    submission->patience_us = INT64_MAX;
    return options == NULL ? WHERRY_OK : options_apply(options, submission);
}

int64_t submission_deadline(const struct submission *submission) {
    return submission->patience_us == INT64_MAX ? INT64_MAX
                                                : clock_mono_us() + submission->patience_us;
}

/* ---- one task ------------------------------------------------------------------------------- */

static wherry_err submission_fail(const struct submission *submission, wherry_err err,
                                  size_t size) {
    struct wherry_pool *pool = submission->pool;
    switch ((int)err) {
    case WHERRY_E_TOO_LARGE:
        return err_set(err, "%zu bytes of arguments are more than the broker takes", size);
    case WHERRY_E_LIMIT:
        return err_set(err, "this connection uses too many queues");
    case WHERRY_E_TIMEOUT:
        return err_set(WHERRY_E_FULL,
                       "queue \"%s\": too many calls of this connection wait for the "
                       "broker's answer",
                       pool->name);
    default:
        return connection_fail(pool->connection, err);
    }
}

static wherry_err submission_try(const struct submission *submission, struct bytes *arguments,
                                 struct owner *owner, struct task_id *id) {
    struct wherry_pool *pool = submission->pool;
    wherry_err err = pool_check_open(pool);
    if (err != WHERRY_OK) {
        return err;
    }
    bool large = arguments->size > WIRE_INLINE_MAX;
    struct wire_part payload = {arguments->data, arguments->size,
                                large ? connection_free_copy : NULL, NULL};
    /* Only a wait with an end needs to know when it began. */
    int64_t now_us = submission->lane.wait_ms > 0 ? clock_mono_us() : 0;
    err = session_submit(pool->connection->session, &submission->lane, payload, owner, now_us, id);
    if (err == WHERRY_OK) {
        pool->open++;
        if (large) {
            *arguments = BYTES_EMPTY;
        }
    }
    return err;
}

wherry_err submission_run(const struct submission *submission, struct bytes *arguments,
                          struct owner *owner, int64_t deadline_us, struct task_id *id) {
    wherry_err err = submission_try(submission, arguments, owner, id);
    while (err == WHERRY_E_BUSY) {
        struct room_waiter waiter = {.slot = submission->pool->slot};
        err = connection_wait_room(submission->pool->connection, &waiter, deadline_us);
        if (err == WHERRY_OK) {
            err = submission_try(submission, arguments, owner, id);
        }
    }
    if (err == WHERRY_OK || err == WHERRY_E_CLOSED || err == WHERRY_E_INTERRUPTED) {
        return err;
    }
    return submission_fail(submission, err, arguments->size);
}

/* ---- arguments ------------------------------------------------------------------------------ */

static wherry_err encode_call(struct bytes *out, struct span args, struct span kwargs) {
    if (!bytes_reserve(out, SUBMIT_CALL_HEAD + args.size + kwargs.size)) {
        return err_set(WHERRY_E_NO_MEMORY, "no memory for the arguments");
    }
    struct call call = {.kind = CALL_ONE, .args = args, .kwargs = kwargs};
    call_encode(out, &call);
    return WHERRY_OK;
}

wherry_err submission_encode(struct bytes *out, const wherry_value *args,
                             const wherry_value *kwargs) {
    static const uint8_t none = 0x90;
    if (args != NULL && wherry_value_kind(args) != WHERRY_LIST) {
        return err_set(WHERRY_E_TYPE, "args is no list");
    }
    if (kwargs != NULL && wherry_value_kind(kwargs) != WHERRY_MAP) {
        return err_set(WHERRY_E_TYPE, "kwargs is no map");
    }
    return encode_call(out, args != NULL ? value_span(args) : (struct span){&none, 1},
                       kwargs != NULL ? value_span(kwargs) : (struct span){NULL, 0});
}

/* Keywords common to many calls join those of a picture that has none. */
static wherry_err encode_common(struct bytes *arguments, const wherry_value *kwargs) {
    struct call call;
    wherry_err err = call_decode(bytes_span(arguments), &call);
    if (err != WHERRY_OK) {
        return err;
    }
    if (call.kwargs.size > 1 || call.kwargs.data[0] != 0x80) {
        return err_set(WHERRY_E_INVALID, "keywords were given twice: in options and behind a ';'");
    }
    struct bytes joined = BYTES_EMPTY;
    err = encode_call(&joined, call.args, value_span(kwargs));
    if (err == WHERRY_OK) {
        bytes_free(arguments);
        *arguments = joined;
    }
    return err;
}

static wherry_err encode_picture(struct bytes *arguments, const wherry_call_options *options,
                                 const char *picture, va_list values) {
    wherry_err err = call_encode_picture(arguments, picture, values);
    if (err == WHERRY_OK && options != NULL && options->kwargs != NULL) {
        err = encode_common(arguments, options->kwargs);
    }
    return err;
}

/* ---- apply_async ---------------------------------------------------------------------------- */

/* Under the mutex. */
static wherry_err apply_locked(const struct submission *submission, struct bytes *arguments,
                               const wherry_call_options *options, int64_t deadline_us, bool wanted,
                               struct wherry_async **out) {
    wherry_err err = pool_check_open(submission->pool); /* before a thread is made for callbacks */
    if (err != WHERRY_OK) {
        return err;
    }
    struct wherry_async *async = async_new(submission->pool->connection, &async_call_kind);
    if (async == NULL) {
        return err_set(WHERRY_E_NO_MEMORY, "no memory for an async");
    }
    if (!async_callbacks_set(async, options)) {
        err = err_set(WHERRY_E_NO_MEMORY, "no memory or no thread for callbacks");
    }
    if (err == WHERRY_OK) {
        err = submission_run(submission, arguments, &async->owner, deadline_us, &async->id);
    }
    if (err != WHERRY_OK) {
        async_drop(async);
        return err;
    }
    async->key = async->id;
    async->pool = submission->pool;
    if (!wanted) {
        atomic_fetch_or(&async->word, ASYNC_RELEASED);
    }
    *out = async;
    return WHERRY_OK;
}

static wherry_err apply_submit(const struct submission *submission, struct bytes *arguments,
                               const wherry_call_options *options, bool wanted,
                               struct wherry_async **out) {
    struct wherry_connection *connection = submission->pool->connection;
    int64_t deadline_us = submission_deadline(submission);
    pthread_mutex_lock(&connection->mutex);
    wherry_err err = apply_locked(submission, arguments, options, deadline_us, wanted, out);
    bool wake = session_has_output(connection->session);
    pthread_mutex_unlock(&connection->mutex);
    if (wake) {
        connection_wake(connection);
    }
    return err;
}

static wherry_err apply_picture(wherry_pool *pool, const char *function,
                                const wherry_call_options *options, bool wanted,
                                struct wherry_async **out, const char *picture, va_list values) {
    struct submission submission;
    wherry_err err = submission_init(&submission, pool, function, options);
    if (err != WHERRY_OK) {
        return err;
    }
    struct bytes *arguments = connection_scratch_take(pool->connection);
    if (arguments == NULL) {
        return err_set(WHERRY_E_NO_MEMORY, "no memory for the arguments");
    }
    err = encode_picture(arguments, options, picture, values);
    if (err == WHERRY_OK) {
        err = apply_submit(&submission, arguments, options, wanted, out);
    }
    connection_scratch_give(pool->connection, arguments);
    return err;
}

static wherry_err apply_values(wherry_pool *pool, const char *function, const wherry_value *args,
                               const wherry_value *kwargs, const wherry_call_options *options,
                               bool wanted, struct wherry_async **out) {
    struct submission submission;
    wherry_err err = submission_init(&submission, pool, function, options);
    if (err != WHERRY_OK) {
        return err;
    }
    if (kwargs == NULL && options != NULL) {
        kwargs = options->kwargs;
    }
    struct bytes *arguments = connection_scratch_take(pool->connection);
    if (arguments == NULL) {
        return err_set(WHERRY_E_NO_MEMORY, "no memory for the arguments");
    }
    err = submission_encode(arguments, args, kwargs);
    if (err == WHERRY_OK) {
        err = apply_submit(&submission, arguments, options, wanted, out);
    }
    connection_scratch_give(pool->connection, arguments);
    return err;
}

wherry_err wherry_pool_apply_async(wherry_pool *pool, const char *function,
                                   const wherry_call_options *options, wherry_async **out,
                                   const char *picture, ...) {
    struct wherry_async *async = NULL;
    va_list values;
    va_start(values, picture);
    wherry_err err = apply_picture(pool, function, options, out != NULL, &async, picture, values);
    va_end(values);
    if (err == WHERRY_OK && out != NULL) {
        *out = async;
    }
    return err;
}

wherry_err wherry_pool_apply_async_values(wherry_pool *pool, const char *function,
                                          const wherry_value *args, const wherry_value *kwargs,
                                          const wherry_call_options *options, wherry_async **out) {
    struct wherry_async *async = NULL;
    wherry_err err = apply_values(pool, function, args, kwargs, options, out != NULL, &async);
    if (err == WHERRY_OK && out != NULL) {
        *out = async;
    }
    return err;
}

/* ---- apply ---------------------------------------------------------------------------------- */

static wherry_err apply_wait(wherry_err err, struct wherry_async *async, wherry_value **out) {
    if (err == WHERRY_OK) {
        err = wherry_async_get(async, WHERRY_FOREVER, NULL);
    }
    if (err == WHERRY_OK && out != NULL) {
        err = async_value_take(async, out);
    }
    wherry_async_release(&async);
    return err;
}

wherry_err wherry_pool_apply(wherry_pool *pool, const char *function,
                             const wherry_call_options *options, wherry_value **out,
                             const char *picture, ...) {
    struct wherry_async *async = NULL;
    va_list values;
    va_start(values, picture);
    wherry_err err = apply_picture(pool, function, options, true, &async, picture, values);
    va_end(values);
    return apply_wait(err, async, out);
}

wherry_err wherry_pool_apply_values(wherry_pool *pool, const char *function,
                                    const wherry_value *args, const wherry_value *kwargs,
                                    const wherry_call_options *options, wherry_value **out) {
    struct wherry_async *async = NULL;
    wherry_err err = apply_values(pool, function, args, kwargs, options, true, &async);
    return apply_wait(err, async, out);
}
