/* SPDX-License-Identifier: MIT
 *
 * The end of a session and what becomes of its tasks (rules.md §2.3, §2.5, §2.8).
 *
 *     SESSION_LOST, another epoch, nothing kept     resubmit: new numbers, old ids as origin
 *     SESSION_LOST otherwise                        never sent: resubmit; sent: settle by id
 *     no broker for reconnect_limit                 never sent or accepted: NO_BROKER; else
 * UNCERTAIN
 *
 * Each ends with a fresh identity: the numbers of the old session are never used again, so that a
 * late copy of an old message can do no harm. */
#include "client/session_internal.h"

#include <stdlib.h>
#include <string.h>

/* What is taken out of the session before its new life begins. */
struct renewal {
    uint64_t old_id;
    bool resubmit_all;
    struct session_batch *batches;
    struct session_stream *streams;
    struct session_stream *by_slot[ID_SLOTS];
};

static void renewal_begin(struct session *session, struct renewal *renewal) {
    session_batch_seal(session);
    renewal->old_id = session->id;
    renewal->batches = session->batches;
    renewal->streams = session->streams;
    memcpy(renewal->by_slot, session->by_slot, sizeof renewal->by_slot);
    session->batches = NULL;
    session->batches_last = NULL;
    session->send_at = NULL;
    session->in_flight = 0;
    session->in_flight_bytes = 0;
    session->waiting_bytes = 0;
    session->batch_count = 0;
    session->batch_bytes = 0;
    session->unanswered = 0;
    session->streams = NULL;
    memset(session->by_slot, 0, sizeof session->by_slot);
    session_streams_clear(session);
}

/* One task of an old batch under a new number; false: no memory. */
static bool renewal_submit(struct session *session, struct session_batch *old,
                           const struct wire_submit_item *item, struct task_id origin,
                           const struct session_record *record) {
    struct session_stream *stream = session_stream_of(session, old->slot);
    if (stream == NULL || !session_record_reserve(stream)) {
        return false;
    }
    struct session_lane lane = session_batch_lane(old);
    bool again = (record->flags & SESSION_ACCEPTED_ONCE) != 0;
    /* An item with an origin is some 24 bytes longer: both limits leave room for that. */
    if (session->open == NULL || session->open->again != again ||
        !session_batch_fits(session->open, &lane, item->payload.size)) {
        session_batch_seal(session);
        if (session_batch_open(session, &lane, old->slot, stream->next) == NULL) {
            return false;
        }
        session->open->opened_us = old->opened_us;
        session->open->again = again;
    }
    struct session_record *fresh = session_record_new(session, stream);
    *fresh = (struct session_record){
        .owner = record->owner,
        .batch = session->open,
        .state = SESSION_TASK_OPEN,
        .flags =
            record->flags & (SESSION_ACCEPTED_ONCE | SESSION_ACCEPT_WANTED | SESSION_PERHAPS_IN),
    };
    if (record->state == SESSION_TASK_SENT) {
        fresh->flags |= SESSION_PERHAPS_IN;
    }
    struct task_id key = {.session = session->id, .slot = old->slot, .number = stream->next - 1};
    session_batch_append(session, session->open, session_batch_part(old, item), &origin);
    session->resubmitted++;
    session->open->want_ack |= (record->flags & SESSION_ACCEPT_WANTED) != 0;
    if (record->owner != NULL) {
        session->ops.moved(session->context, record->owner, key);
    }
    if ((record->flags & SESSION_CANCEL_ASKED) != 0) {
        session_ask_cancel(session, stream, key.number, fresh);
    }
    return true;
}

static void renewal_item(struct session *session, const struct renewal *renewal,
                         struct session_batch *batch, const struct wire_submit_item *item) {
    struct session_record *record =
        session_record_find(renewal->by_slot[batch->slot], item->number);
    if (record == NULL || record->batch != batch) {
        return;
    }
    if ((record->flags & SESSION_HEIR) != 0) {
        record->state = SESSION_TASK_GONE; /* dealt with under the number that it has now */
        return;
    }
    struct task_id key = {.session = renewal->old_id, .slot = batch->slot, .number = item->number};
    struct task_id id = item->has_origin ? item->origin : key;
    bool resubmit = renewal->resubmit_all || record->state == SESSION_TASK_OPEN;
    if (!resubmit) {
        session_settle_add(session, id, key, record);
    } else if (!renewal_submit(session, batch, item, id, record) && record->owner != NULL) {
        struct session_outcome outcome = {
            .err = WHERRY_E_LOST,
            .text = span_of_text("no memory to submit the task to the restarted broker again"),
        };
        session->ops.finished(session->context, record->owner, &outcome);
    }
    record->state = SESSION_TASK_GONE; /* dealt with */
}

/* Records without a batch: accepted by a broker that keeps. */
static void renewal_rest(struct session *session, const struct renewal *renewal,
                         struct session_stream *stream) {
    for (size_t i = 0; i < stream->chunk_count; i++) {
        for (uint32_t at = 0; stream->chunks[i] != NULL && at < SESSION_CHUNK; at++) {
            struct session_record *record = &stream->chunks[i]->records[at];
            if (record->state != SESSION_TASK_GONE) {
                struct task_id id = {
                    .session = renewal->old_id,
                    .slot = stream->slot,
                    .number = (stream->first_chunk + i) * SESSION_CHUNK + at + 1,
                };
                session_settle_add(session, id, id, record);
            }
        }
    }
}

static void renewal_batch(struct session *session, const struct renewal *renewal,
                          struct session_batch *batch) {
    struct wire_message message = wire_out_message(&batch->out);
    struct wire_submit submit;
    CHECK(wire_get_submit(&message, &submit) == WHERRY_OK);
    struct wire_submit_item item;
    while (wire_next_submit(&submit.items, &item)) {
        renewal_item(session, renewal, batch, &item);
    }
}

static void renewal_run(struct session *session, struct renewal *renewal) {
    while (renewal->batches != NULL) {
        struct session_batch *batch = renewal->batches;
        renewal->batches = batch->following;
        renewal_batch(session, renewal, batch);
        session_batch_unkeep(batch);
    }
    while (renewal->streams != NULL) {
        struct session_stream *stream = renewal->streams;
        renewal->streams = stream->following;
        renewal_rest(session, renewal, stream);
        session_stream_free(stream);
    }
}

void session_lost(struct session *session, const struct wire_session_lost *lost) {
    struct renewal *renewal = calloc(1, sizeof *renewal);
    if (renewal == NULL) {
        session_end_all(session, WHERRY_E_NO_MEMORY, "no memory to renew a lost session");
        return;
    }
    renewal->resubmit_all = lost->epoch != session->epoch && !lost->keeps;
    renewal_begin(session, renewal);
    session_identify(session);
    session->epoch = lost->epoch;
    session->keeps = lost->keeps;
    renewal_run(session, renewal);
    session_batch_seal(session); /* what is new is no part of this */
    free(renewal);
    session_settle_more(session);
}

/* ---- the end of everything ------------------------------------------------------------------ */

static void end_record(struct session *session, struct session_record *record, wherry_err err,
                       const char *text) {
    struct session_outcome outcome = {.err = err, .text = span_of_text(text)};
    if (record->state == SESSION_TASK_SENT && err == WHERRY_E_NO_BROKER) {
        outcome.err = WHERRY_E_UNCERTAIN;
        outcome.text = span_of_text("no broker answers: whether the task was accepted is unknown");
    }
    void *owner = record->owner;
    record->owner = NULL;
    if (owner != NULL) {
        session->ops.finished(session->context, owner, &outcome);
    }
}

static void end_stream(struct session *session, struct session_stream *stream, wherry_err err,
                       const char *text) {
    for (size_t i = 0; i < stream->chunk_count; i++) {
        for (uint32_t at = 0; stream->chunks[i] != NULL && at < SESSION_CHUNK; at++) {
            struct session_record *record = &stream->chunks[i]->records[at];
            if (record->state != SESSION_TASK_GONE) {
                end_record(session, record, err, text);
            }
        }
    }
}

void session_end_all(struct session *session, wherry_err err, const char *text) {
    session_fail(session, err, text, strlen(text));
    for (struct session_stream *at = session->streams; at != NULL; at = at->following) {
        end_stream(session, at, err, text);
    }
    struct session_outcome outcome = {.err = err, .text = span_of_text(text)};
    session_calls_end(session, &outcome);
    session_batches_clear(session);
    session_streams_clear(session);
}

void session_lose_broker(struct session *session, const char *text, int64_t now_us) {
    session->now_us = now_us;
    session->connected = false;
    if (!session->closing) {
        session_end_all(session, WHERRY_E_NO_BROKER, text);
        session_identify(session);
    }
}

void session_give_up(struct session *session) {
    session_end_all(session, WHERRY_E_NO_BROKER, "no broker answered within the reconnect limit");
    session_identify(session);
}
