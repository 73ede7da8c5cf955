/* SPDX-License-Identifier: MIT
 *
 * What comes in. The broker's word is checked like a stranger's: numbers that were never sent and
 * messages of another session are counted as garbage and change nothing. Everything may come
 * twice. */
#include "client/session_internal.h"

#include <string.h>

/* ---- outcomes ------------------------------------------------------------------------------- */

/* Codes with a meaning of their own at the caller's side are not a task's to give. */
static wherry_err session_failure_code(uint32_t code) {
    switch (code) {
    case WHERRY_E_TOO_LARGE:
    case WHERRY_E_CANCELLED:
    case WHERRY_E_WORKER_LOST:
    case WHERRY_E_LOST:
    case WHERRY_E_NO_FUNCTION:
    case WHERRY_E_EXPIRED:
    case WHERRY_E_UNCERTAIN:
    case WHERRY_E_LIMIT:
        return (wherry_err)code;
    default:
        return WHERRY_E_TASK_FAILED;
    }
}

void session_outcome_of(uint32_t status, struct span payload, struct session_outcome *out) {
    *out = (struct session_outcome){.err = WHERRY_OK, .payload = payload};
    struct wire_failure failure;
    bool told = status != WIRE_DONE && wire_get_failure(payload, &failure) == WHERRY_OK;
    if (told) {
        out->text = failure.text;
    }
    switch (status) {
    case WIRE_DONE:
        return;
    case WIRE_FAILED:
        out->err = told ? session_failure_code(failure.code) : WHERRY_E_TASK_FAILED;
        return;
    case WIRE_CANCELLED:
        out->err = WHERRY_E_CANCELLED;
        return;
    case WIRE_EXPIRED:
        out->err = WHERRY_E_EXPIRED;
        return;
    case WIRE_LOST:
        out->err =
            told && failure.code == WHERRY_E_WORKER_LOST ? WHERRY_E_WORKER_LOST : WHERRY_E_LOST;
        return;
    default:
        out->err = WHERRY_E_PROTOCOL;
        out->text = span_of_text("the broker answered an outcome of a later version");
    }
}

/* ---- connection ----------------------------------------------------------------------------- */

static bool input_hello_ok(struct session *session, const struct wire_message *message) {
    struct wire_hello_ok ok;
    if (wire_get_hello_ok(message, &ok) != WHERRY_OK || ok.session != session->id ||
        ok.beat_ms == 0) {
        return false;
    }
    if (session->connected) {
        return true; /* twice the same */
    }
    session->epoch = ok.epoch;
    session->keeps = ok.keeps;
    session->payload_max = ok.payload_max;
    session->beat_us = (int64_t)ok.beat_ms * 1000;
    session->beat_at_us = session->now_us + session->beat_us;
    session->connected = true;
    session->established = true;
    session->received_bytes = 0;
    session->restoring[0] = 0;
    if (session->failed == WHERRY_E_NO_BROKER) {
        session_fail(session, WHERRY_OK, "", 0);
    }
    session_batches_rewind(session);
    session_cancels_rewind(session);
    session_calls_rewind(session);
    return true;
}

static bool input_session_lost(struct session *session, const struct wire_message *message) {
    struct wire_session_lost lost;
    if (wire_get_session_lost(message, &lost) != WHERRY_OK) {
        return false;
    }
    if (session->established) {
        session_lost(session, &lost);
    }
    return true;
}

static bool input_refused(struct session *session, const struct wire_message *message) {
    struct wire_refused refused;
    if (wire_get_refused(message, &refused) != WHERRY_OK) {
        return false;
    }
    session->connected = false;
    session->hello_due = false;
    session->hello_by_us = INT64_MAX;
    char text[SESSION_FAILURE_SIZE];
    size_t size = refused.text.size < sizeof text - 1 ? refused.text.size : sizeof text - 1;
    memcpy(text, refused.text.data, size);
    text[size] = 0;
    if (refused.err == WHERRY_E_RESTORING) {
        session->reopen = true; /* it is there, and will know this session */
        session->away_since_us = session->now_us;
        memcpy(session->restoring, text, sizeof text);
        return true;
    }
    if (refused.err == WHERRY_E_DRAINING || refused.err == WHERRY_E_LIMIT) {
        session->reopen = true; /* it passes: another broker, or the same one later */
        return true;
    }
    wherry_err err = refused.err == WHERRY_E_PROTOCOL ? WHERRY_E_PROTOCOL : WHERRY_E_REFUSED;
    session_end_all(session, err, size > 0 ? text : wherry_err_text(err));
    return true;
}

static bool input_hello_required(struct session *session) {
    session->connected = false;
    session->reopen = true;
    return true;
}

/* ---- tasks ---------------------------------------------------------------------------------- */

/* The record of a number that was sent and is unfinished. */
static struct session_record *input_record(struct session *session, struct session_stream *stream,
                                           uint64_t number) {
    struct session_record *record = session_record_find(stream, number);
    if (record == NULL || record->state == SESSION_TASK_OPEN) {
        return NULL;
    }
    if ((record->flags & SESSION_HEIR) != 0) { /* what is said of it tells that it was moved */
        session_heir_take(session, stream, number, record);
    }
    return record;
}

/* Once, although a restarted broker accepts it again. */
static void input_tell_accepted(struct session *session, struct session_record *record) {
    if ((record->flags & SESSION_ACCEPTED_ONCE) != 0) {
        return;
    }
    record->flags |= SESSION_ACCEPTED_ONCE;
    bool wanted =
        !session->options.accepted_if_wanted || (record->flags & SESSION_ACCEPT_WANTED) != 0;
    if (wanted && record->owner != NULL) {
        session->ops.accepted(session->context, record->owner);
    }
}

static void input_accept(struct session *session, struct session_stream *stream, uint64_t number) {
    struct session_record *record = input_record(session, stream, number);
    if (record == NULL || record->state == SESSION_TASK_ACCEPTED) {
        return;
    }
    bool no_result = (record->batch->options.flags & TASK_NO_RESULT) != 0;
    session_record_answered(session, stream, number, record);
    input_tell_accepted(session, record);
    if (no_result) {
        struct session_outcome outcome = {.err = WHERRY_OK};
        session_record_finish(session, stream, number, record, &outcome);
    }
}

static void input_park(struct session *session, struct session_stream *stream, uint64_t number) {
    struct session_record *record = input_record(session, stream, number);
    if (record != NULL && record->state != SESSION_TASK_ACCEPTED &&
        !session_record_unsent(record)) {
        session_record_park(session, stream, record);
    }
}

/* ACCEPTED or PARKED: `take` is called with each number. */
static bool input_numbers(struct session *session, const struct wire_message *message,
                          enum wire_type type,
                          void (*take)(struct session *session, struct session_stream *stream,
                                       uint64_t number)) {
    struct wire_numbers numbers;
    if (wire_get_numbers(message, type, &numbers) != WHERRY_OK || numbers.slot >= ID_SLOTS) {
        return false;
    }
    struct session_stream *stream = session->by_slot[numbers.slot];
    struct wire_run run;
    while (stream != NULL && wire_next_run(&numbers.runs, &run)) {
        uint64_t end = run.first + run.count < stream->next ? run.first + run.count : stream->next;
        /* Everything up to `acked` was answered before. */
        uint64_t number = run.first > stream->acked ? run.first : stream->acked + 1;
        for (; number < end; number++) {
            take(session, stream, number);
        }
    }
    return stream != NULL;
}

static bool input_answered(struct session *session, const struct wire_message *message) {
    struct wire_answered answered;
    if (wire_get_answered(message, &answered) != WHERRY_OK || answered.slot >= ID_SLOTS ||
        answered.err == WHERRY_OK) {
        return false;
    }
    struct session_stream *stream = session->by_slot[answered.slot];
    struct session_record *record = input_record(session, stream, answered.number);
    if (record == NULL || record->state == SESSION_TASK_ACCEPTED) {
        return stream != NULL; /* late */
    }
    if (answered.err == WHERRY_E_RETRY) {
        session_ask_retry(session, stream, answered.number, record);
        return true;
    }
    if (answered.err == WHERRY_E_RENUMBERED) {
        uint64_t heir = answered.number + record->kin;
        if (record->kin == 0) {
            return false;
        }
        session_heir_take(session, stream, heir, session_record_find(stream, heir));
        return true;
    }
    struct session_outcome outcome = {.err = (wherry_err)answered.err, .text = answered.text};
    if ((record->flags & SESSION_PERHAPS_IN) != 0 && answered.err != WHERRY_E_CANCELLED) {
        /* This broker refuses it; the one before may have handed it to a worker (rules.md §2.5). */
        outcome.err = WHERRY_E_UNCERTAIN;
        outcome.text = span_of_text("the broker was restarted without its tasks: whether this one "
                                    "had been accepted is unknown, and now it is refused");
    }
    session_record_finish(session, stream, answered.number, record, &outcome);
    return true;
}

static void input_result_item(struct session *session, struct session_stream *stream,
                              const struct wire_result_item *item) {
    /* A result that comes again is acknowledged again. */
    session_result_received(session, stream, item->number, item->payload.size);
    struct session_record *record = input_record(session, stream, item->number);
    if (record == NULL) {
        return;
    }
    if (record->state != SESSION_TASK_ACCEPTED) {
        input_tell_accepted(session, record);
    }
    struct session_outcome outcome;
    session_outcome_of(item->status, item->payload, &outcome);
    outcome.frame = item->frame;
    session_record_finish(session, stream, item->number, record, &outcome);
}

static bool input_result(struct session *session, const struct wire_message *message) {
    struct wire_result result;
    if (wire_get_result(message, &result) != WHERRY_OK || result.slot >= ID_SLOTS) {
        return false;
    }
    struct session_stream *stream = session->by_slot[result.slot];
    struct wire_result_item item;
    while (stream != NULL && wire_next_result(&result.items, &item)) {
        session->received_bytes += item.payload.size + SESSION_RESULT_OVERHEAD;
        if (item.number < stream->next) {
            input_result_item(session, stream, &item);
        }
    }
    return stream != NULL;
}

static bool input_answer(struct session *session, const struct wire_message *message) {
    struct wire_answer answer;
    if (wire_get_answer(message, &answer) != WHERRY_OK) {
        return false;
    }
    session->received_bytes += answer.body.size + SESSION_RESULT_OVERHEAD;
    session_call_answer(session, &answer);
    return true;
}

/* ---- all ------------------------------------------------------------------------------------ */

static bool input_known(struct session *session, enum wire_type type,
                        const struct wire_message *message) {
    switch ((int)type) {
    case WIRE_HELLO_OK:
        return input_hello_ok(session, message);
    case WIRE_HELLO_REQUIRED:
        return input_hello_required(session);
    case WIRE_SESSION_LOST:
        return input_session_lost(session, message);
    case WIRE_REFUSED:
        return input_refused(session, message);
    case WIRE_BEAT_OK:
        return true;
    case WIRE_ACCEPTED:
        return session->connected && input_numbers(session, message, type, input_accept);
    case WIRE_PARKED:
        return session->connected && input_numbers(session, message, type, input_park);
    case WIRE_ANSWERED:
        return session->connected && input_answered(session, message);
    case WIRE_RESULT:
        return session->connected && input_result(session, message);
    case WIRE_ANSWER:
        return session->connected && input_answer(session, message);
    default:
        return false; /* not for clients */
    }
}

void session_input(struct session *session, const struct wire_message *message, int64_t now_us) {
    session->now_us = now_us;
    enum wire_type type;
    if (session->closing) {
        return;
    }
    if (wire_type_of(message, &type) != WHERRY_OK || !input_known(session, type, message)) {
        session->garbage++;
        return;
    }
    session->beats_unanswered = 0;
}
