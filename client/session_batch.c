/* SPDX-License-Identifier: MIT
 *
 * Batches: what was submitted under one lane header between two sends, encoded once.
 *
 * A batch is sent without a copy: libzmq reads the very buffer that is kept for a repetition, so
 * that the buffer has a count of holders (ours, and one a frame on its way) and may be freed by
 * libzmq's thread. A repetition of a whole batch copies the head frame, because the first sending
 * may still be under way and only the copy may be patched. A repetition of some of its tasks is
 * written anew.
 *
 * All batches stand in one list in order of submission; `send_at` is the first that waits to be
 * sent. Pacing: nothing in flight, send now; fewer than 4 unanswered, send; else the open batch
 * grows. Small batches that a change of lane has sealed do not grow any more, so more of them may
 * fly. */
#include "client/session_internal.h"

#include <stdlib.h>
#include <string.h>

/* ---- buffers -------------------------------------------------------------------------------- */

static void session_batch_free(struct session_batch *batch) {
    for (size_t i = 0; i < batch->out.part_count; i++) {
        struct wire_part *part = &batch->out.parts[i];
        if (part->release != NULL) {
            part->release((void *)(uintptr_t)part->data, part->hint);
        }
    }
    wire_out_fini(&batch->out);
    free(batch);
}

/* May run on libzmq's thread. */
static void session_batch_unhold(void *data, void *hint) {
    (void)data;
    struct session_batch *batch = hint;
    if (atomic_fetch_sub(&batch->holds, 1) == 1) {
        session_batch_free(batch);
    }
}

void session_batch_unkeep(struct session_batch *batch) {
    session_batch_unhold(NULL, batch);
}

struct wire_part session_batch_lend(struct session_batch *batch, const void *data, size_t size) {
    atomic_fetch_add(&batch->holds, 1);
    return (struct wire_part){data, size, session_batch_unhold, batch};
}

static struct session_batch *session_batch_make(struct session *session) {
    struct session_batch *batch = session->spare;
    if (batch == NULL) {
        batch = malloc(sizeof *batch);
        if (batch == NULL) {
            return NULL;
        }
        wire_out_init(&batch->out);
        return batch;
    }
    session->spare = batch->following;
    session->spare_count--;
    wire_out_clear(&batch->out);
    return batch;
}

/* Ours was the last hold: the buffer serves the next batch, unless it carries somebody's parts. */
static void session_batch_spare(struct session *session, struct session_batch *batch) {
    if (session->spare_count == SESSION_SPARE_BATCHES || batch->out.part_count > 0) {
        session_batch_free(batch);
        return;
    }
    batch->following = session->spare;
    session->spare = batch;
    session->spare_count++;
}

static void session_send_at_next(struct session *session) {
    while (session->send_at != NULL && session->send_at->state != SESSION_BATCH_WAITING) {
        session->send_at = session->send_at->following;
    }
}

void session_spares_free(struct session *session) {
    while (session->spare != NULL) {
        struct session_batch *batch = session->spare;
        session->spare = batch->following;
        session_batch_free(batch);
    }
    session->spare_count = 0;
}

static void session_batch_unlink(struct session *session, struct session_batch *batch) {
    if (session->send_at == batch) {
        session->send_at = batch->following;
        session_send_at_next(session);
    }
    if (batch->previous != NULL) {
        batch->previous->following = batch->following;
    } else {
        session->batches = batch->following;
    }
    if (batch->following != NULL) {
        batch->following->previous = batch->previous;
    } else {
        session->batches_last = batch->previous;
    }
    session->batch_count--;
    session->batch_bytes -= batch->size;
    session->unanswered -= batch->unanswered;
}

/* Out of its state. */
static void session_batch_leave(struct session *session, struct session_batch *batch) {
    switch (batch->state) {
    case SESSION_BATCH_FLYING:
        session->in_flight--;
        session->in_flight_bytes -= batch->size;
        return;
    case SESSION_BATCH_OPEN:
    case SESSION_BATCH_WAITING:
        session->waiting_bytes -= batch->size;
        return;
    case SESSION_BATCH_PARKED:
        session->by_slot[batch->slot]->parked_bytes -= batch->size;
        return;
    case SESSION_BATCH_KEPT:
        return;
    }
}

static void session_batch_drop(struct session *session, struct session_batch *batch) {
    session_batch_leave(session, batch);
    session_batch_unlink(session, batch);
    if (atomic_fetch_sub(&batch->holds, 1) == 1) {
        session_batch_spare(session, batch);
    }
}

void session_batch_release(struct session *session, struct session_batch *batch) {
    batch->needed--;
    if (batch->needed == 0 && batch != session->open) {
        session_batch_drop(session, batch);
    }
}

void session_batch_settle(struct session *session, struct session_batch *batch) {
    if (batch->unanswered > batch->parked + batch->heirs || batch == session->open) {
        return;
    }
    session_batch_leave(session, batch); /* WAITING: answered before it could be sent again */
    batch->state = SESSION_BATCH_KEPT;
    if (batch->unanswered > 0) {
        batch->state = SESSION_BATCH_PARKED;
        session->by_slot[batch->slot]->parked_bytes += batch->size;
    }
    session_send_at_next(session);
}

void session_batch_answered(struct session *session, struct session_batch *batch) {
    batch->unanswered--;
    session->unanswered--;
    session_batch_settle(session, batch);
}

void session_batches_clear(struct session *session) {
    session->open = NULL;
    while (session->batches != NULL) {
        session_batch_drop(session, session->batches);
    }
    CHECK(session->in_flight == 0 && session->waiting_bytes == 0 && session->send_at == NULL);
}

/* ---- writing -------------------------------------------------------------------------------- */

struct session_lane session_batch_lane(const struct session_batch *batch) {
    const uint8_t *names = (const uint8_t *)batch->names;
    return (struct session_lane){
        .queue = {names, batch->queue_size},
        .function = {names + batch->queue_size, batch->function_size},
        .options = batch->options,
        .wait_ms = batch->wait_ms,
    };
}

void session_batch_begin(struct wire_out *out, const struct session_lane *lane, uint16_t slot,
                         uint64_t acked, uint32_t flags) {
    struct wire_submit head = {
        .slot = slot,
        .acked = acked,
        .flags = flags,
        .queue = lane->queue,
        .function = lane->function,
        .options = lane->options,
        .wait_ms = lane->wait_ms,
    };
    wire_submit_begin(out, &head);
}

static void session_batch_grow(struct session *session, struct session_batch *batch, size_t more) {
    batch->size += more;
    session->batch_bytes += more;
    session->waiting_bytes += more;
}

struct session_batch *session_batch_open(struct session *session, const struct session_lane *lane,
                                         uint16_t slot, uint64_t first) {
    struct session_batch *batch = session_batch_make(session);
    if (batch == NULL) {
        return NULL;
    }
    struct wire_out out = batch->out;
    *batch = (struct session_batch){
        .previous = session->batches_last,
        .out = out,
        .holds = 1,
        .state = SESSION_BATCH_OPEN,
        .slot = slot,
        .first = first,
        .options = lane->options,
        .wait_ms = lane->wait_ms,
        .opened_us = session->now_us,
        .queue_size = (uint16_t)lane->queue.size,
        .function_size = (uint16_t)lane->function.size,
    };
    memcpy(batch->names, lane->queue.data, lane->queue.size);
    memcpy(batch->names + lane->queue.size, lane->function.data, lane->function.size);
    if (session->batches_last != NULL) {
        session->batches_last->following = batch;
    } else {
        session->batches = batch;
    }
    session->batches_last = batch;
    session->open = batch;
    session_batch_begin(&batch->out, lane, slot, 0, 0);
    session->batch_count++;
    session_batch_grow(session, batch, batch->out.body.size);
    return batch;
}

static bool session_options_equal(const struct wire_options *a, const struct wire_options *b) {
    return a->flags == b->flags && a->priority == b->priority &&
           a->max_attempts == b->max_attempts && a->ttl_ms == b->ttl_ms;
}

bool session_batch_fits(const struct session_batch *batch, const struct session_lane *lane,
                        size_t payload_size) {
    return lane->queue.size == batch->queue_size && lane->function.size == batch->function_size &&
           memcmp(lane->function.data, batch->names + batch->queue_size, batch->function_size) ==
               0 &&
           memcmp(lane->queue.data, batch->names, batch->queue_size) == 0 &&
           session_options_equal(&lane->options, &batch->options) &&
           lane->wait_ms == batch->wait_ms && wire_out_fits(&batch->out, payload_size);
}

void session_batch_append(struct session *session, struct session_batch *batch,
                          struct wire_part payload, const struct task_id *origin) {
    size_t before = batch->out.body.size;
    size_t parts_before = batch->out.part_count;
    wire_submit_item(&batch->out, batch->first + batch->count, payload, origin);
    batch->count++;
    batch->unanswered++;
    session->unanswered++;
    batch->needed++;
    size_t frame = batch->out.part_count > parts_before ? payload.size : 0;
    session_batch_grow(session, batch, batch->out.body.size - before + frame);
}

void session_batch_seal(struct session *session) {
    struct session_batch *batch = session->open;
    if (batch == NULL) {
        return;
    }
    session->open = NULL;
    if (batch->needed == 0) {
        session_batch_drop(session, batch);
        return;
    }
    wire_submit_end(&batch->out);
    batch->state = SESSION_BATCH_WAITING;
    if (session->send_at == NULL) {
        session->send_at = batch;
    }
}

/* ---- sending -------------------------------------------------------------------------------- */

bool session_batch_sendable(const struct session *session) {
    const struct session_batch *batch = session->send_at != NULL ? session->send_at : session->open;
    if (batch == NULL || batch->count == 0) {
        return false;
    }
    bool few = session->in_flight < SESSION_IN_FLIGHT;
    bool small = session->send_at != NULL && session->in_flight < SESSION_SEALED_IN_FLIGHT &&
                 session->in_flight_bytes + batch->size <= WIRE_BATCH_MAX;
    uint64_t last = batch->first + batch->count - 1;
    return (few || small) && last - session->by_slot[batch->slot]->acked <= session->window;
}

static void session_batch_mark(struct session *session, struct session_batch *batch,
                               enum session_task_state from, enum session_task_state to) {
    struct session_stream *stream = session->by_slot[batch->slot];
    for (uint32_t i = 0; i < batch->count; i++) {
        struct session_record *record = session_record_find(stream, batch->first + i);
        if (record != NULL && record->state == from) {
            record->state = (uint8_t)to;
        }
    }
}

static uint32_t session_batch_flags(const struct session *session,
                                    const struct session_batch *batch) {
    /* A lone batch is answered by its results: no extra message. */
    bool alone = session->in_flight == 0 && session->send_at == NULL && !batch->want_ack &&
                 (batch->options.flags & TASK_NO_RESULT) == 0;
    return (alone ? 0 : SUBMIT_WANT_ACK) | session_batch_again(batch);
}

static void session_batch_copy(struct session_batch *batch, struct wire_out *out,
                               struct wire_part *body) {
    if (body != NULL && !batch->sent_before) {
        *body = session_batch_lend(batch, batch->out.body.data, batch->out.body.size);
    } else {
        bytes_append(&out->body, batch->out.body.data, batch->out.body.size);
    }
    for (size_t i = 0; i < batch->out.part_count; i++) {
        const struct wire_part *part = &batch->out.parts[i];
        out->parts[out->part_count++] = session_batch_lend(batch, part->data, part->size);
    }
}

/* The waiting batch at the front leaves the waiting ones. */
static struct session_batch *session_batch_next(struct session *session) {
    if (session->send_at == NULL) {
        session_batch_seal(session);
    }
    struct session_batch *batch = session->send_at;
    session->send_at = batch->following;
    session_send_at_next(session);
    return batch;
}

void session_batch_send(struct session *session, struct wire_out *out, struct wire_part *body) {
    struct session_batch *batch = session_batch_next(session);
    uint64_t acked = session->by_slot[batch->slot]->acked;
    uint32_t flags = session_batch_flags(session, batch);
    bool whole = batch->unanswered == batch->count && batch->heirs == 0 &&
                 session_batch_wait_left(session, batch) == batch->wait_ms;
    if (!whole) {
        session_batch_rewrite(session, batch, out, session_keep_unanswered, flags);
    } else if (!batch->sent_before) {
        wire_submit_patch(&batch->out, acked, flags);
        session_batch_copy(batch, out, body);
    } else {
        session_batch_copy(batch, out, body);
        wire_submit_patch(out, acked, flags);
    }
    session->by_slot[batch->slot]->acked_told = acked;
    session_batch_mark(session, batch, SESSION_TASK_OPEN, SESSION_TASK_SENT);
    session->waiting_bytes -= batch->size;
    batch->sent_before = true;
    batch->want_ack = (flags & SUBMIT_WANT_ACK) != 0;
    batch->state = SESSION_BATCH_FLYING;
    session->in_flight++;
    session->in_flight_bytes += batch->size;
}

/* Whoever waited will be told anew that he waits. */
static void session_batch_rewind(struct session *session, struct session_batch *batch) {
    struct session_stream *stream = session->by_slot[batch->slot];
    for (uint32_t i = 0; i < batch->count && batch->parked > 0; i++) {
        struct session_record *record = session_record_find(stream, batch->first + i);
        if (record != NULL) {
            session_record_unpark(stream, record);
            record->flags &= (uint8_t)~SESSION_RENUMBER_SAID;
        }
    }
    if (batch->unanswered == batch->heirs) {
        return; /* parked it stays: nothing of it was ever sent */
    }
    session_batch_leave(session, batch);
    batch->state = SESSION_BATCH_WAITING;
    session->waiting_bytes += batch->size;
}

void session_batches_rewind(struct session *session) {
    session->send_at = NULL;
    for (struct session_batch *at = session->batches; at != NULL; at = at->following) {
        if (at->state == SESSION_BATCH_FLYING || at->state == SESSION_BATCH_PARKED) {
            session_batch_rewind(session, at);
        }
        if (at->state == SESSION_BATCH_WAITING && session->send_at == NULL) {
            session->send_at = at;
        }
    }
}
