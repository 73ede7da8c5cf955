/* SPDX-License-Identifier: MIT
 *
 * Questions; see question.h. The broker keeps the deadline, too, and answers TIMEOUT; ours is for
 * the time when no broker answers at all. */
#include "client/question.h"

#include "common/clock.h"
#include "common/err.h"
#include "common/value.h"
#include "common/wire/body.h"

#include <stdio.h>

static void question_answered(struct owner *owner, const struct session_outcome *outcome) {
    struct question *question = (struct question *)(void *)owner;
    question->call = 0;
    question->err = outcome->err;
    snprintf(question->text, sizeof question->text, "%.*s", (int)outcome->text.size,
             outcome->text.size > 0 ? (const char *)outcome->text.data : "");
    if (outcome->err == WHERRY_OK &&
        !connection_keep(question->connection, outcome, &question->answer)) {
        question->err = WHERRY_E_NO_MEMORY;
    }
    wait_wake(&question->word, atomic_fetch_or(&question->word, WAIT_DONE));
}

static const struct owner_kind question_kind = {.answered = question_answered};

wherry_err question_ask(struct wherry_connection *connection, enum wire_verb verb, struct span body,
                        int64_t timeout_ms, struct question *out) {
    *out = (struct question){.owner = {&question_kind}, .connection = connection};
    pthread_mutex_lock(&connection->mutex);
    wherry_err err = session_call(connection->session, verb, body, timeout_ms, 0, &out->owner,
                                  clock_mono_us(), &out->call);
    if (err != WHERRY_OK) {
        out->call = 0;
        connection_fail(connection, err);
    }
    pthread_mutex_unlock(&connection->mutex);
    if (err == WHERRY_OK) {
        connection_wake(connection);
    }
    return err;
}

/* A time-out while nobody answers is told as such. */
static wherry_err question_timeout(struct question *question) {
    struct session_view view;
    pthread_mutex_lock(&question->connection->mutex);
    session_look(question->connection->session, &view);
    pthread_mutex_unlock(&question->connection->mutex);
    return err_set(WHERRY_E_TIMEOUT, view.connected
                                         ? "the broker has not answered in time"
                                         : "not answered in time: no broker is connected");
}

wherry_err question_wait(struct question *question, int64_t deadline_us) {
    wherry_err err =
        wait_word(&question->connection->waiters, &question->word, WAIT_DONE, deadline_us);
    if (err == WHERRY_E_TIMEOUT) {
        return question_timeout(question);
    }
    if (err != WHERRY_OK || question->err == WHERRY_OK) {
        return err;
    }
    return err_set(question->err, "%s",
                   question->text[0] != 0 ? question->text : wherry_err_text(question->err));
}

void question_end(struct question *question) {
    pthread_mutex_lock(&question->connection->mutex);
    if (question->call != 0) {
        session_call_forget(question->connection->session, question->call);
    }
    pthread_mutex_unlock(&question->connection->mutex);
    if (question->answer.release != NULL) {
        question->answer.release((void *)(uintptr_t)question->answer.data, question->answer.hint);
    }
}

void question_disown(struct question *question) {
    pthread_mutex_lock(&question->connection->mutex);
    if (question->call != 0) {
        session_call_disown(question->connection->session, question->call);
    }
    pthread_mutex_unlock(&question->connection->mutex);
    if (question->answer.release != NULL) {
        question->answer.release((void *)(uintptr_t)question->answer.data, question->answer.hint);
    }
}

wherry_err question_answer(struct wherry_connection *connection, enum wire_verb verb,
                           struct span body, int64_t timeout_ms, struct wire_part *out) {
    int64_t deadline_us = 0;
    wherry_err err = wait_deadline(timeout_ms, &deadline_us);
    if (err != WHERRY_OK) {
        return err;
    }
    struct question question;
    err = question_ask(connection, verb, body, timeout_ms, &question);
    if (err != WHERRY_OK) {
        return err;
    }
    err = question_wait(&question, deadline_us);
    if (err == WHERRY_OK) {
        *out = question.answer;
        question.answer = (struct wire_part){NULL, 0, NULL, NULL};
    }
    question_end(&question);
    return err;
}

static void question_release(struct wire_part *answer) {
    answer->release((void *)(uintptr_t)answer->data, answer->hint);
}

wherry_err question_number(struct wherry_connection *connection, enum wire_verb verb,
                           struct span body, int64_t timeout_ms, uint64_t *out) {
    struct wire_part answer;
    wherry_err err = question_answer(connection, verb, body, timeout_ms, &answer);
    if (err != WHERRY_OK) {
        return err;
    }
    err = body_get_number((struct span){answer.data, answer.size}, out);
    question_release(&answer);
    return err;
}

wherry_err question_text(struct wherry_connection *connection, enum wire_verb verb,
                         struct span body, int64_t timeout_ms, wherry_value **out) {
    struct wire_part answer;
    wherry_err err = question_answer(connection, verb, body, timeout_ms, &answer);
    if (err != WHERRY_OK) {
        return err;
    }
    struct span text;
    err = body_get_text((struct span){answer.data, answer.size}, &text);
    if (err == WHERRY_OK) {
        err = wherry_value_build(out, "S", (const char *)text.data, text.size);
    }
    question_release(&answer);
    return err;
}

wherry_err question_value(struct wherry_connection *connection, enum wire_verb verb,
                          struct span body, int64_t timeout_ms, wherry_value **out) {
    struct wire_part answer;
    wherry_err err = question_answer(connection, verb, body, timeout_ms, &answer);
    if (err != WHERRY_OK) {
        return err;
    }
    err = value_adopt(out, answer.data, answer.size, answer.release, answer.hint);
    if (err != WHERRY_OK) {
        question_release(&answer);
        return err_set(WHERRY_E_PROTOCOL, "the broker's answer is no value");
    }
    return WHERRY_OK;
}
