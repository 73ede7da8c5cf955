/* SPDX-License-Identifier: MIT
 *
 * Waiting for an async. A get with a time-out asks the broker shortly before its end why the task
 * is not done, so that the time-out can say it without lasting longer. */
#include "client/async_internal.h"
#include "client/map.h"
#include "client/question.h"
#include "common/clock.h"
#include "common/err.h"
#include "common/wire/body.h"

enum { WHY_LEAD_US = 1000000, WHY_LEAST_US = 20000 };

static wherry_err async_check(const struct wherry_async *async, int64_t timeout_ms,
                              int64_t *deadline_us) {
    if (async == NULL) {
        return err_set(WHERRY_E_INVALID, "no async");
    }
    wherry_err err = connection_check(async->connection);
    return err == WHERRY_OK ? wait_deadline(timeout_ms, deadline_us) : err;
}

static wherry_err async_outcome(struct wherry_async *async, const wherry_value **out) {
    if (async->err != WHERRY_OK) {
        return err_set(async->err, "%s", async_error_text(async));
    }
    return out == NULL ? WHERRY_OK : async_value(async, out);
}

/* The task that is waited for: of a map the first that is not over. */
static struct task_id async_open_id(struct wherry_async *async) {
    if (async->more == NULL || async->more->map == NULL) {
        return async->id;
    }
    pthread_mutex_lock(&async->connection->mutex);
    struct task_id id = map_open_id(async->more->map);
    pthread_mutex_unlock(&async->connection->mutex);
    return id;
}

static bool async_why_ask(struct wherry_async *async, struct task_id id,
                          struct question *question) {
    uint8_t packed[64];
    struct bytes body = {packed, 0, sizeof packed}; /* an id needs 19 bytes: it never grows */
    body_put_id(&body, id);
    return question_ask(async->connection, WIRE_WAITING, bytes_span(&body), WHY_LEAD_US / 1000,
                        question) == WHERRY_OK;
}

static void timeout_text(struct task_id task, struct question *question) {
    char id[ID_TEXT_SIZE];
    struct span why;
    task_id_to_text(task, id);
    bool told = question != NULL && (atomic_load(&question->word) & WAIT_DONE) != 0 &&
                question->err == WHERRY_OK &&
                body_get_text((struct span){question->answer.data, question->answer.size}, &why) ==
                    WHERRY_OK;
    if (told) {
        err_set(WHERRY_E_TIMEOUT, "task %s is not done: %.*s", id, (int)why.size,
                (const char *)why.data);
    } else {
        err_set(WHERRY_E_TIMEOUT, "task %s is not done", id);
    }
}

/* Waits to the deadline, asking why on the way. */
static wherry_err async_wait_why(struct wherry_async *async, int64_t deadline_us) {
    struct waiters *waiters = &async->connection->waiters;
    int64_t left_us = deadline_us - clock_mono_us();
    int64_t lead_us = left_us / 2 < WHY_LEAD_US ? left_us / 2 : WHY_LEAD_US;
    wherry_err err = wait_word(waiters, &async->word, WAIT_DONE, deadline_us - lead_us);
    if (err != WHERRY_E_TIMEOUT) {
        return err;
    }
    struct question question;
    struct task_id id = async_open_id(async);
    bool asked = async_why_ask(async, id, &question);
    err = wait_word(waiters, &async->word, WAIT_DONE, deadline_us);
    if (err == WHERRY_E_TIMEOUT) {
        timeout_text(id, asked ? &question : NULL);
    }
    if (asked) {
        question_end(&question);
    }
    return err;
}

static wherry_err async_wait_until(struct wherry_async *async, int64_t deadline_us) {
    bool patient = deadline_us != INT64_MAX && deadline_us != 0 && async->id.number != 0 &&
                   deadline_us - clock_mono_us() >= WHY_LEAST_US;
    if (patient) {
        return async_wait_why(async, deadline_us);
    }
    wherry_err err = wait_word(&async->connection->waiters, &async->word, WAIT_DONE, deadline_us);
    if (err == WHERRY_E_TIMEOUT) {
        timeout_text(async_open_id(async), NULL);
    }
    return err;
}

wherry_err wherry_async_get(wherry_async *async, int64_t timeout_ms, const wherry_value **out) {
    /* The usual case by itself: done, and in the process that made it. */
    if (async != NULL && timeout_ms >= WHERRY_FOREVER && async_is_done(async) &&
        atomic_load_explicit(async->connection->life, memory_order_relaxed) == 1) {
        return async_outcome(async, out);
    }
    int64_t deadline_us = 0;
    wherry_err err = async_check(async, timeout_ms, &deadline_us);
    if (err == WHERRY_OK) {
        err = async_wait_until(async, deadline_us);
    }
    return err == WHERRY_OK ? async_outcome(async, out) : err;
}

wherry_err wherry_async_wait(wherry_async *async, int64_t timeout_ms) {
    int64_t deadline_us = 0;
    wherry_err err = async_check(async, timeout_ms, &deadline_us);
    return err == WHERRY_OK ? async_wait_until(async, deadline_us) : err;
}

/* ---- acceptance ----------------------------------------------------------------------------- */

static wherry_err accepted_timeout(struct wherry_async *async) {
    struct session_view view;
    pthread_mutex_lock(&async->connection->mutex);
    session_look(async->connection->session, &view);
    pthread_mutex_unlock(&async->connection->mutex);
    char id[ID_TEXT_SIZE];
    task_id_to_text(async->id, id);
    if (!view.connected) {
        return err_set(WHERRY_E_UNCERTAIN,
                       "no broker answers: whether task %s is accepted is not "
                       "known yet",
                       id);
    }
    return err_set(WHERRY_E_TIMEOUT, "task %s is not accepted yet", id);
}

static void accepted_want(struct wherry_async *async) {
    pthread_mutex_lock(&async->connection->mutex);
    if (async->more != NULL && async->more->map != NULL) {
        map_want_accepted(async->more->map);
    } else if (session_want_accepted(async->connection->session, async->key) ||
               async->owner.kind == &async_attached_kind) { /* whoever knows its id */
        async_accept(async);
    }
    pthread_mutex_unlock(&async->connection->mutex);
    connection_wake(async->connection);
}

wherry_err wherry_async_accepted(wherry_async *async, int64_t timeout_ms) {
    int64_t deadline_us = 0;
    wherry_err err = async_check(async, timeout_ms, &deadline_us);
    if (err != WHERRY_OK) {
        return err;
    }
    if ((atomic_load(&async->word) & ASYNC_ACCEPTED) == 0) {
        accepted_want(async);
        err = wait_word(&async->connection->waiters, &async->word, ASYNC_ACCEPTED, deadline_us);
    }
    if (err == WHERRY_E_TIMEOUT) {
        return accepted_timeout(async);
    }
    if (err != WHERRY_OK || !async_is_done(async)) {
        return err;
    }
    switch (async->err) { /* what failed after it was taken was taken */
    case WHERRY_OK:
    case WHERRY_E_TASK_FAILED:
    case WHERRY_E_WORKER_LOST:
    case WHERRY_E_CANCELLED:
    case WHERRY_E_LOST:
    case WHERRY_E_EXPIRED:
        return WHERRY_OK;
    default:
        return async_outcome(async, NULL);
    }
}

/* ---- cancel and why ------------------------------------------------------------------------- */

wherry_err wherry_async_cancel(wherry_async *async) {
    int64_t unused = 0;
    wherry_err err = async_check(async, 0, &unused);
    if (err != WHERRY_OK || async_is_done(async)) {
        return err;
    }
    struct wherry_connection *connection = async->connection;
    if (async->owner.kind == &async_attached_kind) {
        return async_cancel_attached(async);
    }
    pthread_mutex_lock(&connection->mutex);
    if (async->more != NULL && async->more->map != NULL) {
        map_cancel(async->more->map);
    } else {
        session_cancel(connection->session, async->key);
    }
    pthread_mutex_unlock(&connection->mutex);
    connection_wake(connection);
    return WHERRY_OK;
}

wherry_err wherry_async_why(wherry_async *async, int64_t timeout_ms, wherry_value **out) {
    int64_t unused = 0;
    wherry_err err = async_check(async, timeout_ms, &unused);
    if (err != WHERRY_OK) {
        return err;
    }
    if (out == NULL || async->id.number == 0) {
        return err_set(WHERRY_E_INVALID, "why: no place for the answer, or a map without items");
    }
    uint8_t packed[64];
    struct bytes body = {packed, 0, sizeof packed};
    body_put_id(&body, async_open_id(async));
    return question_text(async->connection, WIRE_WAITING, bytes_span(&body), timeout_ms, out);
}
