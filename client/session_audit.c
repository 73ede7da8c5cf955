/* SPDX-License-Identifier: MIT
 *
 * Looking at a session: a view for its shell, and the audit of every cross-reference for tests. */
#include "client/session_internal.h"

void session_look(const struct session *session, struct session_view *out) {
    *out = (struct session_view){
        .id = session->id,
        .epoch = session->epoch,
        .connected = session->connected,
        .keeps = session->keeps,
        .payload_max = session->payload_max,
        .failed = session->failed,
        .failure = session->failure,
        .restoring = session->restoring,
        .tasks_open = session->alive,
        .unsent_bytes = session->waiting_bytes,
        .unanswered = session->unanswered,
        .batches = session->batch_count,
        .batch_bytes = session->batch_bytes,
        .garbage = session->garbage,
        .resubmitted = session->resubmitted,
    };
}

uint64_t session_due(const struct session *session) {
    return session->alive + session->call_count;
}

struct audit {
    uint64_t alive;
    uint64_t unanswered;
    uint64_t needed;
    uint64_t parked;
};

static void audit_kin(const struct session_stream *stream, uint64_t number,
                      const struct session_record *record) {
    bool heir = (record->flags & SESSION_HEIR) != 0;
    CHECK(!heir || (record->kin != 0 && record->owner == NULL));
    if (record->kin != 0) {
        const struct session_record *other =
            session_record_find((struct session_stream *)(uintptr_t)stream,
                                heir ? number - record->kin : number + record->kin);
        CHECK(other != NULL && other->kin == record->kin);
        CHECK(((other->flags & SESSION_HEIR) != 0) != heir);
    }
}

static void audit_chunk(const struct session *session, const struct session_stream *stream,
                        size_t index, struct audit *audit) {
    const struct session_chunk *chunk = stream->chunks[index];
    uint32_t alive = 0;
    for (uint32_t i = 0; i < SESSION_CHUNK; i++) {
        const struct session_record *record = &chunk->records[i];
        if (record->state == SESSION_TASK_GONE) {
            continue;
        }
        uint64_t number = (stream->first_chunk + index) * SESSION_CHUNK + i + 1;
        alive++;
        CHECK(number < stream->next);
        CHECK(record->state == SESSION_TASK_ACCEPTED || number > stream->acked);
        CHECK(record->state == SESSION_TASK_ACCEPTED || record->batch != NULL);
        if (record->batch != NULL) {
            CHECK(record->batch->slot == stream->slot);
            CHECK(number >= record->batch->first);
            CHECK(number < record->batch->first + record->batch->count);
            audit->needed++;
        }
        audit_kin(stream, number, record);
        audit->unanswered += record->state < SESSION_TASK_ACCEPTED ? 1 : 0;
        audit->parked += (record->flags & SESSION_TASK_PARKED) != 0 ? 1 : 0;
        CHECK((record->flags & SESSION_TASK_PARKED) == 0 || record->state == SESSION_TASK_SENT);
    }
    CHECK(alive == chunk->alive);
    CHECK(alive > 0 || (stream->next - 1) / SESSION_CHUNK == stream->first_chunk + index);
    audit->alive += alive;
    (void)session;
}

static void audit_batches(const struct session *session, const struct audit *audit) {
    uint64_t unanswered = 0;
    uint64_t needed = 0;
    uint64_t parked = 0;
    uint32_t flying = 0;
    size_t waiting_bytes = 0;
    const struct session_batch *first_waiting = NULL;
    for (const struct session_batch *at = session->batches; at != NULL; at = at->following) {
        unanswered += at->unanswered;
        needed += at->needed;
        parked += at->parked;
        CHECK(at->holds >= 1);
        CHECK((at->state == SESSION_BATCH_OPEN) == (at == session->open));
        CHECK(at->state != SESSION_BATCH_KEPT || at->unanswered == 0);
        CHECK(at->state != SESSION_BATCH_PARKED || at->unanswered > 0);
        CHECK(at->state == SESSION_BATCH_PARKED || at->unanswered == 0 ||
              at->unanswered > at->parked + at->heirs);
        CHECK(at == session->open || at->needed > 0);
        flying += at->state == SESSION_BATCH_FLYING ? 1 : 0;
        bool waiting = at->state == SESSION_BATCH_WAITING;
        waiting_bytes += waiting || at->state == SESSION_BATCH_OPEN ? at->size : 0;
        first_waiting = first_waiting == NULL && waiting ? at : first_waiting;
    }
    CHECK(flying == session->in_flight);
    CHECK(waiting_bytes == session->waiting_bytes);
    CHECK(first_waiting == session->send_at);
    CHECK(unanswered == audit->unanswered && unanswered == session->unanswered);
    CHECK(needed == audit->needed);
    CHECK(parked == audit->parked);
}

static void audit_parked(const struct session *session) {
    uint64_t bytes = 0;
    for (const struct session_batch *at = session->batches; at != NULL; at = at->following) {
        bytes += at->state == SESSION_BATCH_PARKED ? at->size : 0;
    }
    for (const struct session_stream *at = session->streams; at != NULL; at = at->following) {
        bytes -= at->parked_bytes;
    }
    CHECK(bytes == 0);
}

static void audit_calls(const struct session *session) {
    uint32_t calls = 0;
    uint32_t unsent = 0;
    for (const struct session_call_entry *at = session->calls; at != NULL; at = at->following) {
        calls++;
        unsent += at->sent ? 0 : 1;
    }
    CHECK(calls == session->call_count);
    CHECK(unsent == session->calls_unsent);
    uint32_t asked = 0;
    for (const struct session_settle *at = session->settling; at != NULL; at = at->following) {
        asked += at->asked ? 1 : 0;
    }
    CHECK(asked == session->settle_asked);
}

void session_audit(const struct session *session) {
    struct audit audit = {0};
    for (const struct session_stream *at = session->streams; at != NULL; at = at->following) {
        CHECK(session->by_slot[at->slot] == at);
        CHECK(at->acked < at->next);
        for (size_t i = 0; i < at->chunk_count; i++) {
            if (at->chunks[i] != NULL) {
                audit_chunk(session, at, i, &audit);
            }
        }
    }
    CHECK(audit.alive == session->alive);
    audit_batches(session, &audit);
    audit_parked(session);
    audit_calls(session);
}
