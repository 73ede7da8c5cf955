/* SPDX-License-Identifier: MIT
 *
 * Tasks by their id, queues, and questions about the whole: for other programs than the one that
 * submitted, above all the command line. */
#include "client/async.h"
#include "client/async_internal.h"
#include "client/question.h"
#include "common/clock.h"
#include "common/err.h"
#include "common/name.h"
#include "common/wire/body.h"

#include <string.h>

enum { TASK_BODY_SIZE = 512 }; /* more than any body of these questions: they never grow */

/* ---- attached asyncs ------------------------------------------------------------------------ */

static void attached_answered(struct owner *owner, const struct session_outcome *outcome) {
    struct wherry_async *async = (struct wherry_async *)(void *)owner;
    struct session_outcome told = *outcome;
    struct body_outcome body;
    if (outcome->err == WHERRY_OK) {
        if (body_get_outcome(outcome->payload, &body) == WHERRY_OK) {
            session_outcome_of(body.status, body.payload, &told);
        } else {
            told.err = WHERRY_E_PROTOCOL;
            told.payload = (struct span){NULL, 0};
        }
    }
    async->more->call = 0;
    async_store(async, &told);
    async_done(async, false);
}

const struct owner_kind async_attached_kind = {.answered = attached_answered};

void async_question_forget(struct wherry_async *async) {
    struct wherry_connection *connection = async->connection;
    pthread_mutex_lock(&connection->mutex);
    if (async->more->call != 0) {
        session_call_forget(connection->session, async->more->call);
        async->more->call = 0;
        async_store_error(async, WHERRY_E_CLOSED, (struct span){NULL, 0});
        async_done(async, false);
    }
    pthread_mutex_unlock(&connection->mutex);
}

static wherry_err attach_ask(struct wherry_connection *connection, struct wherry_async *async) {
    uint8_t packed[TASK_BODY_SIZE];
    struct bytes body = {packed, 0, sizeof packed};
    body_put_id(&body, async->id);
    return session_call(connection->session, WIRE_TASK_WAIT, bytes_span(&body), WHERRY_FOREVER, 0,
                        &async->owner, clock_mono_us(), &async->more->call);
}

static wherry_err attach_make(struct wherry_connection *connection, struct task_id id,
                              wherry_async **out) {
    struct wherry_async *async = async_new(connection, &async_attached_kind);
    if (async == NULL || async_more_of(async) == NULL) {
        if (async != NULL) {
            async_drop(async);
        }
        return err_set(WHERRY_E_NO_MEMORY, "attach: out of memory");
    }
    async->id = id;
    async->key = id;
    wherry_err err = attach_ask(connection, async);
    if (err != WHERRY_OK) {
        async_drop(async);
        return connection_fail(connection, err);
    }
    *out = async;
    return WHERRY_OK;
}

static wherry_err task_check(const wherry_connection *connection, const char *id,
                             struct task_id *out) {
    if (connection == NULL || id == NULL) {
        return err_set(WHERRY_E_INVALID, "no connection or no id");
    }
    wherry_err err = connection_check(connection);
    if (err != WHERRY_OK) {
        return err;
    }
    if (!task_id_from_text(id, out)) {
        return err_set(WHERRY_E_INVALID,
                       "\"%.64s\" is no task id: 26 letters and digits are expected", id);
    }
    return WHERRY_OK;
}

wherry_err wherry_task_attach(wherry_connection *connection, const char *id, wherry_async **out) {
    struct task_id task;
    wherry_err err = task_check(connection, id, &task);
    if (err != WHERRY_OK) {
        return err;
    }
    if (out == NULL) {
        return err_set(WHERRY_E_INVALID, "attach: no place for the async");
    }
    pthread_mutex_lock(&connection->mutex);
    err = attach_make(connection, task, out);
    pthread_mutex_unlock(&connection->mutex);
    if (err == WHERRY_OK) {
        connection_wake(connection);
    }
    return err;
}

/* Asked and not waited for: the outcome says what became of it. */
wherry_err async_cancel_attached(struct wherry_async *async) {
    struct question question;
    uint8_t packed[TASK_BODY_SIZE];
    struct bytes body = {packed, 0, sizeof packed};
    body_put_id(&body, async->id);
    wherry_err err =
        question_ask(async->connection, WIRE_TASK_CANCEL, bytes_span(&body), 0, &question);
    if (err == WHERRY_OK) {
        question_disown(&question);
    }
    return err;
}

/* ---- by id ---------------------------------------------------------------------------------- */

static wherry_err task_release_answer(wherry_err err, struct wire_part *answer) {
    if (err == WHERRY_OK) {
        answer->release((void *)(uintptr_t)answer->data, answer->hint);
    }
    return err;
}

wherry_err wherry_task_cancel(wherry_connection *connection, const char *id, int64_t timeout_ms,
                              wherry_task_was *was) {
    struct task_id task;
    wherry_err err = task_check(connection, id, &task);
    if (err != WHERRY_OK) {
        return err;
    }
    uint8_t packed[TASK_BODY_SIZE];
    struct bytes body = {packed, 0, sizeof packed};
    body_put_id(&body, task);
    uint64_t number = 0;
    err = question_number(connection, WIRE_TASK_CANCEL, bytes_span(&body), timeout_ms, &number);
    if (err == WHERRY_OK && was != NULL) {
        *was = (wherry_task_was)number;
    }
    return err;
}

wherry_err wherry_task_waiting(wherry_connection *connection, const char *id, int64_t timeout_ms,
                               wherry_value **out) {
    struct task_id task;
    wherry_err err = task_check(connection, id, &task);
    if (err != WHERRY_OK) {
        return err;
    }
    if (out == NULL) {
        return err_set(WHERRY_E_INVALID, "waiting: no place for the answer");
    }
    uint8_t packed[TASK_BODY_SIZE];
    struct bytes body = {packed, 0, sizeof packed};
    body_put_id(&body, task);
    return question_text(connection, WIRE_WAITING, bytes_span(&body), timeout_ms, out);
}

/* ---- queues, pools, the whole --------------------------------------------------------------- */

static wherry_err whole_check(const wherry_connection *connection, const char *name,
                              const void *out) {
    if (connection == NULL || out == NULL) {
        return err_set(WHERRY_E_INVALID, "no connection, or no place for the answer");
    }
    if (name == NULL || !name_ok(span_of_text(name))) {
        return err_set(WHERRY_E_INVALID,
                       "\"%.160s\" is no name: 1 to 128 of A-Z a-z 0-9 . _ { } - are expected",
                       name != NULL ? name : "");
    }
    return connection_check(connection);
}

wherry_err wherry_queue_set(wherry_connection *connection, const char *name, uint64_t items_max,
                            uint64_t bytes_max, int64_t timeout_ms) {
    wherry_err err = whole_check(connection, name, connection);
    if (err != WHERRY_OK) {
        return err;
    }
    struct body_queue queue = {span_of_text(name), items_max, bytes_max};
    uint8_t packed[TASK_BODY_SIZE];
    struct bytes body = {packed, 0, sizeof packed};
    body_put_queue(&body, &queue);
    struct wire_part answer;
    err = question_answer(connection, WIRE_QUEUE_SET, bytes_span(&body), timeout_ms, &answer);
    return task_release_answer(err, &answer);
}

static wherry_err queue_pause_ask(wherry_connection *connection, const char *name, unsigned pause,
                                  unsigned resume, int64_t timeout_ms) {
    wherry_err err = whole_check(connection, name, connection);
    if (err != WHERRY_OK) {
        return err;
    }
    if (((pause | resume) & ~(unsigned)WIRE_PAUSE_ALL) != 0) {
        return err_set(WHERRY_E_INVALID, "%u: bits of wherry_pause are expected", pause | resume);
    }
    struct body_pause body = {span_of_text(name), pause, resume};
    uint8_t packed[TASK_BODY_SIZE];
    struct bytes bytes = {packed, 0, sizeof packed};
    body_put_pause(&bytes, &body);
    struct wire_part answer;
    err = question_answer(connection, WIRE_QUEUE_PAUSE, bytes_span(&bytes), timeout_ms, &answer);
    return task_release_answer(err, &answer);
}

wherry_err wherry_queue_pause(wherry_connection *connection, const char *name, unsigned how,
                              int64_t timeout_ms) {
    const unsigned in = WHERRY_PAUSE_IN | WHERRY_PAUSE_REFUSE;
    if (how == 0 || (how & in) == in) {
        return err_set(WHERRY_E_INVALID, "%u: what is paused, and in one way?", how);
    }
    return queue_pause_ask(connection, name, how, (how & in) != 0 ? in : 0, timeout_ms);
}

wherry_err wherry_queue_resume(wherry_connection *connection, const char *name, unsigned how,
                               int64_t timeout_ms) {
    const unsigned in = WHERRY_PAUSE_IN | WHERRY_PAUSE_REFUSE;
    unsigned resume = how == 0 ? WIRE_PAUSE_ALL : how | ((how & in) != 0 ? in : 0);
    return queue_pause_ask(connection, name, 0, resume, timeout_ms);
}

wherry_err wherry_queue_purge(wherry_connection *connection, const char *name, int64_t timeout_ms,
                              uint64_t *count) {
    wherry_err err = whole_check(connection, name, connection);
    if (err != WHERRY_OK) {
        return err;
    }
    uint8_t packed[TASK_BODY_SIZE];
    struct bytes body = {packed, 0, sizeof packed};
    uint64_t purged = 0;
    body_put_name(&body, span_of_text(name));
    err = question_number(connection, WIRE_QUEUE_PURGE, bytes_span(&body), timeout_ms, &purged);
    if (err == WHERRY_OK && count != NULL) {
        *count = purged;
    }
    return err;
}

/* A malformed id is as good as any that nobody has. */
static wherry_err worker_check(const wherry_connection *connection, const char *worker) {
    if (connection == NULL || worker == NULL || *worker == 0 || strlen(worker) > WIRE_NAME_MAX) {
        return err_set(WHERRY_E_INVALID, "no connection, or no worker's id");
    }
    return connection_check(connection);
}

wherry_err wherry_worker_drain(wherry_connection *connection, const char *worker, int64_t grace_ms,
                               int64_t timeout_ms) {
    wherry_err err = worker_check(connection, worker);
    if (err != WHERRY_OK) {
        return err;
    }
    if (grace_ms < WHERRY_FOREVER) {
        return err_set(WHERRY_E_INVALID, "drain: a time of 0 ms or more, or WHERRY_FOREVER");
    }
    struct body_drain drain = {span_of_text(worker), grace_ms};
    uint8_t packed[TASK_BODY_SIZE];
    struct bytes body = {packed, 0, sizeof packed};
    body_put_drain(&body, &drain);
    struct wire_part answer;
    err = question_answer(connection, WIRE_WORKER_DRAIN, bytes_span(&body), timeout_ms, &answer);
    return task_release_answer(err, &answer);
}

wherry_err wherry_worker_join(wherry_connection *connection, const char *worker,
                              int64_t timeout_ms) {
    wherry_err err = worker_check(connection, worker);
    if (err != WHERRY_OK) {
        return err;
    }
    uint8_t packed[TASK_BODY_SIZE];
    struct bytes body = {packed, 0, sizeof packed};
    body_put_name(&body, span_of_text(worker));
    struct wire_part answer;
    err = question_answer(connection, WIRE_WORKER_JOIN, bytes_span(&body), timeout_ms, &answer);
    return task_release_answer(err, &answer);
}

wherry_err wherry_status(wherry_connection *connection, int64_t timeout_ms, wherry_value **out) {
    wherry_err err = whole_check(connection, "status", out);
    if (err != WHERRY_OK) {
        return err;
    }
    uint8_t packed[TASK_BODY_SIZE];
    struct bytes body = {packed, 0, sizeof packed};
    body_put_empty(&body);
    return question_value(connection, WIRE_STATUS, bytes_span(&body), timeout_ms, out);
}

wherry_err wherry_pool_show(wherry_connection *connection, const char *name, int64_t timeout_ms,
                            wherry_value **out) {
    name = name != NULL ? name : "default";
    wherry_err err = whole_check(connection, name, out);
    if (err != WHERRY_OK) {
        return err;
    }
    uint8_t packed[TASK_BODY_SIZE];
    struct bytes body = {packed, 0, sizeof packed};
    body_put_name(&body, span_of_text(name));
    return question_value(connection, WIRE_POOL_SHOW, bytes_span(&body), timeout_ms, out);
}
