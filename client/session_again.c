/* SPDX-License-Identifier: MIT
 *
 * Some tasks of a batch again: those unanswered after a reconnect, those whose arguments the broker
 * asks for once more (they waited at a full queue without them), and CANCEL. Rare, so that a batch
 * is simply read back and the wanted tasks are written anew; large arguments are lent, not
 * copied. */
#include "client/session_internal.h"

bool session_keep_unanswered(const struct session_record *record) {
    return record->state < SESSION_TASK_ACCEPTED && (record->flags & SESSION_HEIR) == 0;
}

/* A wait at a full queue goes on with what is left of it. */
int64_t session_batch_wait_left(const struct session *session, const struct session_batch *batch) {
    if (batch->wait_ms <= 0) {
        return batch->wait_ms;
    }
    int64_t left_ms = batch->wait_ms - (session->now_us - batch->opened_us) / 1000;
    return left_ms > 0 ? left_ms : 0;
}

struct wire_part session_batch_part(struct session_batch *batch,
                                    const struct wire_submit_item *item) {
    if (item->frame == 0) {
        return (struct wire_part){item->payload.data, item->payload.size, NULL, NULL};
    }
    return session_batch_lend(batch, item->payload.data, item->payload.size);
}

bool session_batch_rewrite(struct session *session, struct session_batch *batch,
                           struct wire_out *out, session_keep keep, uint32_t flags) {
    struct session_stream *stream = session->by_slot[batch->slot];
    struct wire_message message = wire_out_message(&batch->out);
    struct wire_submit submit;
    CHECK(wire_get_submit(&message, &submit) == WHERRY_OK);
    struct session_lane lane = session_batch_lane(batch);
    lane.wait_ms = session_batch_wait_left(session, batch);
    session_batch_begin(out, &lane, batch->slot, stream->acked, flags);
    bool some = false;
    struct wire_submit_item item;
    while (wire_next_submit(&submit.items, &item)) {
        struct session_record *record = session_record_find(stream, item.number);
        if (record != NULL && record->batch == batch && keep(record)) {
            wire_submit_item(out, item.number, session_batch_part(batch, &item),
                             item.has_origin ? &item.origin : NULL);
            some = true;
        }
    }
    wire_submit_end(out);
    return some;
}

/* ---- single tasks again, and CANCEL ---------------------------------------------------------- */

static bool session_keep_retry(const struct session_record *record) {
    return (record->flags & SESSION_RETRY_ASKED) != 0 && record->state < SESSION_TASK_ACCEPTED;
}

static void session_retry_clear(struct session *session, struct session_batch *batch) {
    struct session_stream *stream = session->by_slot[batch->slot];
    for (uint32_t i = 0; i < batch->count; i++) {
        struct session_record *record = session_record_find(stream, batch->first + i);
        if (record != NULL) {
            record->flags &= (uint8_t)~SESSION_RETRY_ASKED;
        }
    }
}

static bool session_retry_stream(struct session *session, struct session_stream *stream,
                                 struct wire_out *out) {
    while (stream->retries.count > 0) {
        uint64_t number = stream->retries.items[--stream->retries.count];
        session->retry_count--;
        struct session_record *record = session_record_find(stream, number);
        /* A waiting batch goes out whole in any case. */
        if (record == NULL || record->batch == NULL ||
            (record->batch->state != SESSION_BATCH_FLYING &&
             record->batch->state != SESSION_BATCH_PARKED)) {
            if (record != NULL) {
                record->flags &= (uint8_t)~SESSION_RETRY_ASKED;
            }
            continue;
        }
        struct session_batch *batch = record->batch;
        bool some = session_batch_rewrite(session, batch, out, session_keep_retry,
                                          SUBMIT_WANT_ACK | session_batch_again(batch));
        session_retry_clear(session, batch);
        if (some) {
            batch->want_ack = true;
            return true;
        }
        wire_out_clear(out);
    }
    return false;
}

bool session_retry_send(struct session *session, struct wire_out *out) {
    for (struct session_stream *at = session->streams; at != NULL; at = at->following) {
        if (session_retry_stream(session, at, out)) {
            return true;
        }
    }
    return false;
}

/* A cancel follows its submit: what was not sent yet stays on the list. */
static uint32_t session_cancel_take(struct session *session, struct session_stream *stream,
                                    struct wire_run *runs, uint32_t runs_max) {
    struct session_numbers *cancels = &stream->cancels;
    uint32_t count = 0;
    size_t kept = 0;
    for (size_t i = 0; i < cancels->count; i++) {
        uint64_t number = cancels->items[i];
        struct session_record *record = session_record_find(stream, number);
        if (record == NULL) {
            continue;
        }
        struct wire_run *last = count == 0 ? NULL : &runs[count - 1];
        if (session_record_unsent(record)) {
            cancels->items[kept++] = number;
        } else if (last != NULL && number == last->first + last->count) {
            last->count++;
        } else if (count < runs_max) {
            runs[count++] = (struct wire_run){number, 1};
        } else {
            cancels->items[kept++] = number;
        }
    }
    session->cancel_count -= cancels->count - kept;
    cancels->count = kept;
    return count;
}

bool session_cancel_send(struct session *session, struct wire_out *out) {
    for (struct session_stream *at = session->streams; at != NULL; at = at->following) {
        struct wire_run runs[SESSION_RUNS];
        uint32_t count = session_cancel_take(session, at, runs, SESSION_RUNS);
        if (count > 0) {
            wire_put_cancel(out, at->slot, runs, count);
            return true;
        }
    }
    return false;
}
