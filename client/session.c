/* SPDX-License-Identifier: MIT
 *
 * Life of a session, its connection states and the choice of what goes out next; see session.h.
 *
 *     attached, hello due ──hello──> waiting for HELLO_OK ──> connected ──silence──> wants reopen
 *            ^                                |  SESSION_LOST                          |
 *            └────────────────────────────────┴──────────── session_opened <──────────┘
 *
 * Before HELLO_OK nothing but the hello goes out. Acknowledgements are lazy: they ride on submits
 * (`acked`), and results are acknowledged by one message for hundreds of them. */
#include "client/session_internal.h"

#include "common/name.h"

#include <stdlib.h>
#include <string.h>

/* ---- life ----------------------------------------------------------------------------------- */

/* A hello that is due must be answered by then, also when no connection takes it. */
static void session_hello(struct session *session) {
    session->hello_due = session->attached && !session->closing &&
                         session->failed != WHERRY_E_REFUSED &&
                         session->failed != WHERRY_E_PROTOCOL;
    session->hello_by_us = session->hello_due ? session->now_us + SESSION_HELLO_US : INT64_MAX;
}

void session_identify(struct session *session) {
    do {
        session->ops.random(session->context, &session->id, sizeof session->id);
    } while (session->id == 0);
    session->ops.random(session->context, session->secret, sizeof session->secret);
    session->established = false;
    session->connected = false;
    session_hello(session);
}

struct session *session_create(const struct session_options *options, const struct session_ops *ops,
                               void *context, int64_t now_us) {
    struct session *session = calloc(1, sizeof *session);
    if (session == NULL) {
        return NULL;
    }
    session->ops = *ops;
    session->context = context;
    session->options = *options;
    session->now_us = now_us;
    session->payload_max = WIRE_PAYLOAD_MAX;
    session->window = options->window != 0 ? options->window : BOUND_WINDOW;
    session->beat_us = (int64_t)TIME_BEAT_MS * 1000;
    session->hello_by_us = INT64_MAX;
    session->away_since_us = now_us;
    session->ack_at_us = INT64_MAX;
    session->call_next = 1;
    session_identify(session);
    return session;
}

void session_destroy(struct session **session) {
    struct session *dying = *session;
    if (dying == NULL) {
        return;
    }
    *session = NULL;
    session_calls_clear(dying);
    session_batches_clear(dying);
    session_streams_clear(dying);
    session_spares_free(dying);
    free(dying);
}

void session_fail(struct session *session, wherry_err err, const char *text, size_t text_size) {
    session->failed = err;
    size_t size = text_size < sizeof session->failure - 1 ? text_size : sizeof session->failure - 1;
    memcpy(session->failure, text, size);
    session->failure[size] = 0;
}

void session_close(struct session *session, int64_t now_us) {
    session->now_us = now_us;
    if (session->closing) {
        return;
    }
    session->goodbye_due = session->connected;
    session->closing = true;
    session_end_all(session, WHERRY_E_CLOSED, "the connection was released");
}

/* ---- submitting ----------------------------------------------------------------------------- */

static bool session_room(const struct session *session, const struct session_stream *stream) {
    /* A number for itself, and one for each unanswered request that may have to be renumbered. */
    return session->waiting_bytes < SESSION_WAITING_BYTES &&
           (stream == NULL ||
            (stream->next + 1 - stream->acked + stream->unanswered <= session->window &&
             stream->parked < SESSION_PARKED && stream->parked_bytes < SESSION_PARKED_BYTES));
}

bool session_has_room(const struct session *session, uint16_t slot) {
    return session_room(session, session->by_slot[slot]);
}

static bool session_lane_ok(const struct session_lane *lane) {
    return lane->function.size >= 1 && lane->function.size <= WIRE_NAME_MAX &&
           lane->wait_ms >= -1 && name_ok(lane->queue);
}

/* The batch that takes the next task, with room for it. */
static wherry_err session_submit_batch(struct session *session, const struct session_lane *lane,
                                       size_t payload_size) {
    if (session->open != NULL && session_batch_fits(session->open, lane, payload_size)) {
        return WHERRY_OK;
    }
    if (!session_lane_ok(lane)) {
        return WHERRY_E_INVALID;
    }
    struct session_stream *stream = session_stream_of(session, id_slot_of_name(lane->queue));
    if (stream == NULL) {
        return session->stream_count == BOUND_STREAMS ? WHERRY_E_LIMIT : WHERRY_E_NO_MEMORY;
    }
    session_batch_seal(session);
    return session_batch_open(session, lane, stream->slot, stream->next) == NULL
               ? WHERRY_E_NO_MEMORY
               : WHERRY_OK;
}

wherry_err session_submit(struct session *session, const struct session_lane *lane,
                          struct wire_part payload, void *owner, int64_t now_us,
                          struct task_id *id) {
    if (now_us != 0) {
        session->now_us = now_us;
    }
    if (session->failed != WHERRY_OK) {
        return session->failed;
    }
    if (payload.size > session->payload_max) {
        return WHERRY_E_TOO_LARGE;
    }
    if (session->waiting_bytes >= SESSION_WAITING_BYTES) {
        return WHERRY_E_BUSY;
    }
    wherry_err err = session_submit_batch(session, lane, payload.size);
    if (err != WHERRY_OK) {
        return err;
    }
    struct session_batch *batch = session->open;
    struct session_stream *stream = session->by_slot[batch->slot];
    if (!session_room(session, stream)) {
        return WHERRY_E_BUSY;
    }
    if (!session_record_reserve(stream) || !wire_out_reserve(&batch->out, payload.size)) {
        return WHERRY_E_NO_MEMORY;
    }
    struct session_record *record = session_record_new(session, stream);
    *record = (struct session_record){
        .owner = owner,
        .batch = batch,
        .state = SESSION_TASK_OPEN,
    };
    session_batch_append(session, batch, payload, NULL);
    session_renumber_look(session, stream);
    *id = (struct task_id){.session = session->id, .slot = batch->slot, .number = stream->next - 1};
    return WHERRY_OK;
}

static struct session_record *session_key_find(struct session *session, struct task_id key) {
    return key.session == session->id ? session_record_find(session->by_slot[key.slot], key.number)
                                      : NULL;
}

void session_cancel(struct session *session, struct task_id key) {
    struct session_record *record = session_key_find(session, key);
    struct session_settle *settle = record == NULL ? session_settle_find(session, key) : NULL;
    if (record != NULL) {
        session_ask_cancel(session, session->by_slot[key.slot], key.number, record);
    } else if (settle != NULL && !settle->asked) {
        settle->cancel = true;
    }
}

void session_forget(struct session *session, struct task_id key) {
    struct session_record *record = session_key_find(session, key);
    struct session_settle *settle = record == NULL ? session_settle_find(session, key) : NULL;
    if (record != NULL) {
        record->owner = NULL;
    } else if (settle != NULL) {
        settle->owner = NULL;
    }
}

bool session_want_accepted(struct session *session, struct task_id key) {
    struct session_record *record = session_key_find(session, key);
    if (record == NULL) {
        return session_settle_find(session, key) == NULL;
    }
    if ((record->flags & SESSION_ACCEPTED_ONCE) != 0) {
        return true;
    }
    /* Each one of a batch that flies without asking is asked about by itself, once. */
    if (record->batch->state != SESSION_BATCH_FLYING) {
        record->batch->want_ack = true;
    } else if (!record->batch->want_ack && (record->flags & SESSION_ACCEPT_WANTED) == 0) {
        session_ask_retry(session, session->by_slot[key.slot], key.number, record);
    }
    record->flags |= SESSION_ACCEPT_WANTED;
    return false;
}

/* ---- connection and time -------------------------------------------------------------------- */

void session_opened(struct session *session, int64_t now_us) {
    session->now_us = now_us;
    if (session->connected) {
        session->away_since_us = now_us;
    }
    session->attached = true;
    session->connected = false;
    session_hello(session);
    session->reopen = false;
    session->beat_due = false;
    session->beats_unanswered = 0;
}

bool session_wants_reopen(const struct session *session) {
    return session->reopen && !session->closing;
}

static int64_t session_give_up_at(const struct session *session) {
    bool away = !session->connected && session->failed == WHERRY_OK &&
                session->options.reconnect_limit_us != INT64_MAX;
    return away ? session->away_since_us + session->options.reconnect_limit_us : INT64_MAX;
}

static int64_t session_min(int64_t a, int64_t b) {
    return a < b ? a : b;
}

int64_t session_next_wake(const struct session *session) {
    if (session->closing) {
        return INT64_MAX;
    }
    int64_t wake = session_give_up_at(session);
    if (session->connected) {
        wake = session_min(session->beat_at_us, session->ack_at_us);
    } else if (!session->reopen) {
        wake = session_min(wake, session->hello_by_us);
    }
    return wake;
}

void session_tick(struct session *session, int64_t now_us) {
    session->now_us = now_us;
    if (session->closing) {
        return;
    }
    if (now_us >= session_give_up_at(session)) {
        session_give_up(session);
    }
    if (!session->connected) {
        if (now_us >= session->hello_by_us) {
            session->reopen = true;
            session->restoring[0] = 0; /* who said so has gone */
        }
        return;
    }
    session->away_since_us = now_us;
    if (now_us < session->beat_at_us) {
        return;
    }
    session->beat_at_us = now_us + session->beat_us;
    if (session->beats_unanswered >= SESSION_BEATS_UNANSWERED) {
        session->connected = false;
        session->reopen = true;
    } else {
        session->beat_due = true;
    }
}

/* ---- what goes out -------------------------------------------------------------------------- */

static void output_hello(struct session *session, struct wire_out *out) {
    struct wire_hello hello = {
        .peer = WIRE_CLIENT,
        .version_min = WIRE_VERSION_MIN,
        .version_max = WIRE_VERSION_MAX,
        .resume = session->established,
        .session = session->id,
        .secret = {session->secret, sizeof session->secret},
        .parent = session->options.parent,
        .attempt = session->options.attempt,
        .label = span_of_text(session->options.label),
        .pid = session->options.pid,
    };
    wire_hello_begin(out, &hello, 0, 0);
    wire_hello_end(out);
    session->hello_due = false;
}

static bool output_ack_due(const struct session *session) {
    return session->ack_at_us <= session->now_us;
}

static struct session_stream *output_ack_stream(const struct session *session) {
    struct session_stream *at = session->streams;
    while (at != NULL && at->run_count == 0 && at->acked == at->acked_told) {
        at = at->following;
    }
    return at;
}

static bool output_ack(struct session *session, struct wire_out *out) {
    struct session_stream *stream = output_ack_stream(session);
    if (stream == NULL) {
        session->ack_at_us = INT64_MAX;
        return false;
    }
    size_t count = stream->run_count < SESSION_RUNS ? stream->run_count : SESSION_RUNS;
    struct wire_ack ack = {
        .slot = stream->slot,
        .acked = stream->acked,
        .credit = session->received_bytes + BOUND_RESULT_WINDOW,
    };
    wire_put_ack(out, &ack, stream->runs, (uint32_t)count);
    stream->acked_told = stream->acked;
    stream->run_count -= count;
    if (stream->run_count > 0) {
        memmove(stream->runs, stream->runs + count, stream->run_count * sizeof stream->runs[0]);
    }
    session->results_unacked = 0;
    session->bytes_unacked = 0;
    if (output_ack_stream(session) == NULL) {
        session->ack_at_us = INT64_MAX;
    }
    return true;
}

static bool output_connected(struct session *session, struct wire_out *out,
                             struct wire_part *body) {
    if (session->beat_due) {
        wire_put_plain(out, WIRE_BEAT, 0);
        session->beat_due = false;
        session->beats_unanswered++;
        return true;
    }
    if (output_ack_due(session) && output_ack(session, out)) {
        return true;
    }
    if (session->calls_unsent > 0 && session_call_send(session, out)) {
        return true;
    }
    if (session->retry_count > 0 && session_retry_send(session, out)) {
        return true;
    }
    if (session->renumber != NULL && session_renumber_send(session, out)) {
        return true;
    }
    if (session_batch_sendable(session)) {
        session_batch_send(session, out, body);
        return true;
    }
    return session->cancel_count > 0 && session_cancel_send(session, out);
}

bool session_output_lent(struct session *session, int64_t now_us, struct wire_out *out,
                         struct wire_part *body) {
    session->now_us = now_us;
    wire_out_clear(out);
    if (body != NULL) {
        *body = (struct wire_part){NULL, 0, NULL, NULL};
    }
    if (session->closing) {
        bool goodbye = session->goodbye_due;
        session->goodbye_due = false;
        if (goodbye) {
            wire_put_plain(out, WIRE_GOODBYE, 0);
        }
        return goodbye;
    }
    if (session->attached && session->hello_due) {
        output_hello(session, out);
        return true;
    }
    return session->connected && output_connected(session, out, body);
}

bool session_output(struct session *session, int64_t now_us, struct wire_out *out) {
    return session_output_lent(session, now_us, out, NULL);
}

bool session_has_output(const struct session *session) {
    if (session->closing || !session->connected) {
        return session->goodbye_due || (session->attached && session->hello_due);
    }
    return session->beat_due || output_ack_due(session) || session_call_ready(session) ||
           session->retry_count > 0 || session->renumber != NULL || session->cancel_count > 0 ||
           session_batch_sendable(session);
}
