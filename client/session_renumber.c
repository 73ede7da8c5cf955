/* SPDX-License-Identifier: MIT
 *
 * Renumbering (rules.md §2.2). `acked` cannot pass a task that waits at a full queue, so a single
 * one would end the window for everything else in its slot, perhaps for the very task that is to
 * make room for it. Once the oldest unanswered number is half a window behind and waits, its
 * batch's waiting tasks get new numbers.
 *
 *     old number   parked ──RENUMBER said──> ANSWERED RENUMBERED: the heir takes its place
 *                                      └───> any other answer: the heir is void
 *     its heir     a record without an owner, in a batch that names the old id as origin
 *
 * Both numbers are unanswered until then, and the broker knows the task by exactly one of them:
 * after a reconnect the old one is sent again, and its answer says which. Only when RENUMBERED is
 * the answer to that, and not to a RENUMBER of the same connection, the heir must be sent, too.
 *
 * The room for new numbers is there: a submit leaves a second number free for each unanswered
 * request. So at most half a window is unanswered, and the renumbered do not fall behind at
 * once. */
#include "client/session_internal.h"

#include "common/plant.h"

static bool renumber_is_due(const struct session *session, struct session_stream *stream) {
    uint64_t span = stream->next - 1 - stream->acked;
    if (span <= session->window / 2 || span >= session->window) {
        return false;
    }
    const struct session_record *oldest = session_record_find(stream, stream->acked + 1);
    return oldest != NULL && !PLANTED(PLANT_NEVER_RENUMBERED) &&
           (oldest->flags & (SESSION_TASK_PARKED | SESSION_RENUMBER_SAID)) == SESSION_TASK_PARKED;
}

void session_renumber_look(struct session *session, struct session_stream *stream) {
    if (session->renumber == NULL && renumber_is_due(session, stream)) {
        session->renumber = stream;
    }
}

/* ---- saying it ------------------------------------------------------------------------------- */

struct renumber {
    struct session *session;
    struct session_stream *stream;
    struct session_batch *old;
    struct session_batch *heirs; /* NULL: none was needed yet */
    struct wire_renumbering items[SESSION_RUNS];
    uint32_t count;
};

static bool renumber_open(struct renumber *renumber) {
    struct session *session = renumber->session;
    struct session_batch *old = renumber->old;
    struct session_lane lane = session_batch_lane(old);
    session_batch_seal(session);
    renumber->heirs = session_batch_open(session, &lane, old->slot, renumber->stream->next);
    if (renumber->heirs == NULL) {
        return false;
    }
    renumber->heirs->opened_us = old->opened_us; /* its wait goes on */
    return true;
}

/* False: no room for a number, or no memory. */
static bool renumber_make_heir(struct renumber *renumber, const struct wire_submit_item *item,
                               struct session_record *record) {
    struct session *session = renumber->session;
    struct session_stream *stream = renumber->stream;
    if (stream->next - 1 - stream->acked >= session->window || !session_record_reserve(stream) ||
        (renumber->heirs == NULL && !renumber_open(renumber)) ||
        !wire_out_fits(&renumber->heirs->out, item->payload.size) ||
        !wire_out_reserve(&renumber->heirs->out, item->payload.size)) {
        return false;
    }
    struct task_id id = {.session = session->id, .slot = stream->slot, .number = item->number};
    record->kin = (uint32_t)(stream->next - item->number);
    *session_record_new(session, stream) = (struct session_record){
        .batch = renumber->heirs,
        .state = SESSION_TASK_SENT,
        .flags = SESSION_HEIR,
        .kin = record->kin,
    };
    stream->unanswered--;
    session_batch_append(session, renumber->heirs, session_batch_part(renumber->old, item),
                         item->has_origin ? &item->origin : &id);
    return true;
}

static bool renumber_item(struct renumber *renumber, const struct wire_submit_item *item) {
    struct session_record *record = session_record_find(renumber->stream, item->number);
    if (record == NULL || record->batch != renumber->old ||
        (record->flags & SESSION_TASK_PARKED) == 0) {
        return true;
    }
    if (record->kin == 0 && !renumber_make_heir(renumber, item, record)) {
        return false;
    }
    record->flags |= SESSION_RENUMBER_SAID;
    renumber->items[renumber->count++] =
        (struct wire_renumbering){item->number, item->number + record->kin};
    return renumber->count < SESSION_RUNS;
}

/* The heirs' batch is neither to be sent nor in flight: like one that is parked. */
static void renumber_close(struct renumber *renumber) {
    struct session_batch *heirs = renumber->heirs;
    bool some = heirs->count > 0;
    heirs->heirs = heirs->count;
    heirs->sent_before = true;
    session_batch_seal(renumber->session); /* drops an empty one */
    if (some) {
        session_batch_settle(renumber->session, heirs);
    }
}

bool session_renumber_send(struct session *session, struct wire_out *out) {
    struct session_stream *stream = session->renumber;
    session->renumber = NULL;
    struct renumber renumber = {.session = session, .stream = stream};
    if (renumber_is_due(session, stream)) {
        renumber.old = session_record_find(stream, stream->acked + 1)->batch;
        struct wire_message message = wire_out_message(&renumber.old->out);
        struct wire_submit submit;
        struct wire_submit_item item;
        CHECK(wire_get_submit(&message, &submit) == WHERRY_OK);
        while (wire_next_submit(&submit.items, &item) && renumber_item(&renumber, &item)) {
        }
    }
    if (renumber.heirs != NULL) {
        renumber_close(&renumber);
    }
    if (renumber.count > 0) {
        wire_put_renumber(out, stream->slot, stream->acked, renumber.items, renumber.count);
        stream->acked_told = stream->acked;
    }
    for (struct session_stream *at = session->streams; at != NULL; at = at->following) {
        session_renumber_look(session, at);
    }
    return renumber.count > 0;
}

/* ---- the answer ------------------------------------------------------------------------------ */

void session_heir_take(struct session *session, struct session_stream *stream, uint64_t number,
                       struct session_record *heir) {
    uint64_t from = number - heir->kin;
    struct session_record *old = session_record_find(stream, from);
    uint8_t flags = old->flags;
    heir->owner = old->owner;
    heir->flags = flags & (SESSION_ACCEPTED_ONCE | SESSION_ACCEPT_WANTED | SESSION_PERHAPS_IN);
    heir->kin = 0;
    heir->batch->heirs--;
    stream->unanswered++;
    old->owner = NULL;
    old->kin = 0;
    if ((flags & SESSION_TASK_PARKED) != 0) {
        session_record_park(session, stream, heir);
    } else { /* it was said on a connection before this one */
        session_ask_retry(session, stream, number, heir);
    }
    session_record_drop(session, stream, from, old);
    if (heir->owner != NULL) {
        struct task_id key = {.session = session->id, .slot = stream->slot, .number = number};
        session->ops.moved(session->context, heir->owner, key);
    }
    if ((flags & SESSION_CANCEL_ASKED) != 0) {
        session_ask_cancel(session, stream, number, heir);
    }
}
