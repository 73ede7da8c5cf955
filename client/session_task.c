/* SPDX-License-Identifier: MIT
 *
 * Streams and task records: (slot, number) -> record in two array look-ups. Numbers are
 * consecutive, so that chunks of 1,024 records need no hash and no allocation a task; a chunk whose
 * tasks have all finished is freed, and one long-running task keeps no more than its chunk. */
#include "client/session_internal.h"

#include <stdlib.h>
#include <string.h>

/* ---- streams -------------------------------------------------------------------------------- */

struct session_stream *session_stream_of(struct session *session, uint16_t slot) {
    struct session_stream *stream = session->by_slot[slot];
    if (stream != NULL || session->stream_count == BOUND_STREAMS) {
        return stream;
    }
    stream = calloc(1, sizeof *stream);
    if (stream == NULL) {
        return NULL;
    }
    stream->slot = slot;
    stream->next = 1;
    stream->following = session->streams;
    session->streams = stream;
    session->by_slot[slot] = stream;
    session->stream_count++;
    return stream;
}

void session_stream_free(struct session_stream *stream) {
    for (size_t i = 0; i < stream->chunk_count; i++) {
        free(stream->chunks[i]);
    }
    free(stream->chunks);
    free(stream->runs);
    free(stream->cancels.items);
    free(stream->retries.items);
    free(stream);
}

void session_streams_clear(struct session *session) {
    while (session->streams != NULL) {
        struct session_stream *stream = session->streams;
        session->streams = stream->following;
        session->by_slot[stream->slot] = NULL;
        session_stream_free(stream);
    }
    session->stream_count = 0;
    session->alive = 0;
    session->cancel_count = 0;
    session->retry_count = 0;
    session->renumber = NULL;
    session->results_unacked = 0;
    session->bytes_unacked = 0;
    session->ack_at_us = INT64_MAX;
}

/* ---- records -------------------------------------------------------------------------------- */

static uint64_t session_chunk_of(uint64_t number) {
    return (number - 1) / SESSION_CHUNK;
}

struct session_record *session_record_find(struct session_stream *stream, uint64_t number) {
    if (stream == NULL || number == 0 || number >= stream->next) {
        return NULL;
    }
    uint64_t chunk = session_chunk_of(number);
    if (chunk < stream->first_chunk || stream->chunks[chunk - stream->first_chunk] == NULL) {
        return NULL;
    }
    struct session_record *record =
        &stream->chunks[chunk - stream->first_chunk]->records[(number - 1) % SESSION_CHUNK];
    return record->state == SESSION_TASK_GONE ? NULL : record;
}

/* Chunks in front whose tasks are all gone leave the list once they are half of it. */
static void session_chunks_trim(struct session_stream *stream) {
    size_t dead = 0;
    while (dead < stream->chunk_count && stream->chunks[dead] == NULL) {
        dead++;
    }
    if (dead * 2 < stream->chunk_count || dead == 0) {
        return;
    }
    memmove(stream->chunks, stream->chunks + dead,
            (stream->chunk_count - dead) * sizeof stream->chunks[0]);
    stream->chunk_count -= dead;
    stream->first_chunk += dead;
}

static bool session_chunks_grow(struct session_stream *stream) {
    size_t capacity = stream->chunk_capacity == 0 ? 8 : stream->chunk_capacity * 2;
    struct session_chunk **chunks = realloc(stream->chunks, capacity * sizeof chunks[0]);
    if (chunks == NULL) {
        return false;
    }
    stream->chunks = chunks;
    stream->chunk_capacity = capacity;
    return true;
}

bool session_record_reserve(struct session_stream *stream) {
    uint64_t index = session_chunk_of(stream->next) - stream->first_chunk;
    if (index < stream->chunk_count) {
        return true;
    }
    session_chunks_trim(stream);
    if (stream->chunk_count == stream->chunk_capacity && !session_chunks_grow(stream)) {
        return false;
    }
    struct session_chunk *chunk = calloc(1, sizeof *chunk);
    if (chunk == NULL) {
        return false;
    }
    stream->chunks[stream->chunk_count++] = chunk;
    return true;
}

struct session_record *session_record_new(struct session *session, struct session_stream *stream) {
    uint64_t number = stream->next++;
    struct session_chunk *chunk = stream->chunks[session_chunk_of(number) - stream->first_chunk];
    chunk->alive++;
    session->alive++;
    stream->unanswered++;
    return &chunk->records[(number - 1) % SESSION_CHUNK];
}

/* The watermark passes a number when its answer has come; each number is passed once. */
static void session_acked_advance(struct session *session, struct session_stream *stream) {
    uint64_t before = stream->acked;
    while (stream->acked + 1 < stream->next) {
        struct session_record *record = session_record_find(stream, stream->acked + 1);
        if (record != NULL && record->state < SESSION_TASK_ACCEPTED) {
            break;
        }
        stream->acked++;
    }
    if (stream->acked == before) {
        return;
    }
    if (session->ack_at_us == INT64_MAX) {
        session->ack_at_us = session->now_us + SESSION_ACK_US;
    }
    session_renumber_look(session, stream);
}

void session_record_park(struct session *session, struct session_stream *stream,
                         struct session_record *record) {
    if ((record->flags & SESSION_TASK_PARKED) == 0) {
        record->flags |= SESSION_TASK_PARKED;
        record->batch->parked++;
        stream->parked++;
        session_batch_settle(session, record->batch);
        session_renumber_look(session, stream);
    }
}

void session_record_unpark(struct session_stream *stream, struct session_record *record) {
    if ((record->flags & SESSION_TASK_PARKED) != 0) {
        record->flags &= (uint8_t)~SESSION_TASK_PARKED;
        record->batch->parked--;
        stream->parked--;
    }
}

/* An answer under the old number: it will never be known by the new one. */
static void session_heir_void(struct session *session, struct session_stream *stream,
                              uint64_t number, struct session_record *record) {
    uint64_t heir = number + record->kin;
    record->kin = 0;
    record->flags &= (uint8_t)~SESSION_RENUMBER_SAID;
    session_record_drop(session, stream, heir, session_record_find(stream, heir));
}

void session_record_answered(struct session *session, struct session_stream *stream,
                             uint64_t number, struct session_record *record) {
    if (record->state >= SESSION_TASK_ACCEPTED) {
        return;
    }
    bool is_heir = (record->flags & SESSION_HEIR) != 0;
    if (record->kin != 0 && !is_heir) {
        session_heir_void(session, stream, number, record);
    }
    struct session_batch *batch = record->batch;
    session_record_unpark(stream, record);
    batch->heirs -= is_heir ? 1 : 0;
    stream->unanswered -= is_heir ? 0 : 1;
    record->state = SESSION_TASK_ACCEPTED;
    session_batch_answered(session, batch);
    if (session->keeps) {
        record->batch = NULL;
        session_batch_release(session, batch);
    }
    session_acked_advance(session, stream);
}

void session_record_drop(struct session *session, struct session_stream *stream, uint64_t number,
                         struct session_record *record) {
    session_record_answered(session, stream, number, record);
    if (record->batch != NULL) {
        session_batch_release(session, record->batch);
    }
    *record = (struct session_record){.state = SESSION_TASK_GONE};
    session->alive--;
    uint64_t index = session_chunk_of(number) - stream->first_chunk;
    struct session_chunk *chunk = stream->chunks[index];
    chunk->alive--;
    if (chunk->alive == 0 && session_chunk_of(stream->next) > session_chunk_of(number)) {
        free(chunk);
        stream->chunks[index] = NULL;
        session_chunks_trim(stream);
    }
}

void session_record_finish(struct session *session, struct session_stream *stream, uint64_t number,
                           struct session_record *record, const struct session_outcome *outcome) {
    void *owner = record->owner;
    session_record_drop(session, stream, number, record);
    if (owner != NULL) {
        session->ops.finished(session->context, owner, outcome);
    }
}

/* ---- results received, numbers asked for ---------------------------------------------------- */

static bool session_run_add(struct session_stream *stream, uint64_t number) {
    if (stream->run_count == stream->run_capacity) {
        size_t capacity = stream->run_capacity == 0 ? 64 : stream->run_capacity * 2;
        struct wire_run *runs = realloc(stream->runs, capacity * sizeof runs[0]);
        if (runs == NULL) {
            return false; /* the broker says it again after a reconnect */
        }
        stream->runs = runs;
        stream->run_capacity = capacity;
    }
    stream->runs[stream->run_count++] = (struct wire_run){number, 1};
    return true;
}

void session_result_received(struct session *session, struct session_stream *stream,
                             uint64_t number, size_t size) {
    struct wire_run *last = stream->run_count == 0 ? NULL : &stream->runs[stream->run_count - 1];
    if (last != NULL && number == last->first + last->count) {
        last->count++;
    } else if (last == NULL || number < last->first || number > last->first + last->count) {
        if (!session_run_add(stream, number)) {
            return;
        }
    }
    session->results_unacked++;
    session->bytes_unacked += size;
    if (session->ack_at_us == INT64_MAX) {
        session->ack_at_us = session->now_us + SESSION_ACK_US;
    }
    if (session->results_unacked >= SESSION_ACK_RESULTS ||
        session->bytes_unacked >= SESSION_ACK_BYTES || stream->run_count >= SESSION_RUNS) {
        session->ack_at_us = session->now_us;
    }
}

static bool session_numbers_add(struct session_numbers *numbers, uint64_t number) {
    if (numbers->count == numbers->capacity) {
        size_t capacity = numbers->capacity == 0 ? 64 : numbers->capacity * 2;
        uint64_t *items = realloc(numbers->items, capacity * sizeof items[0]);
        if (items == NULL) {
            return false;
        }
        numbers->items = items;
        numbers->capacity = capacity;
    }
    numbers->items[numbers->count++] = number;
    return true;
}

void session_ask_cancel(struct session *session, struct session_stream *stream, uint64_t number,
                        struct session_record *record) {
    if ((record->flags & SESSION_CANCEL_ASKED) == 0 &&
        session_numbers_add(&stream->cancels, number)) {
        record->flags |= SESSION_CANCEL_ASKED;
        session->cancels_ever = true;
        session->cancel_count++;
    }
}

void session_ask_retry(struct session *session, struct session_stream *stream, uint64_t number,
                       struct session_record *record) {
    if ((record->flags & SESSION_RETRY_ASKED) == 0 && record->batch != NULL &&
        session_numbers_add(&stream->retries, number)) {
        record->flags |= SESSION_RETRY_ASKED;
        session->retry_count++;
    }
}

static void session_chunk_cancels(struct session *session, struct session_stream *stream,
                                  size_t index) {
    struct session_chunk *chunk = stream->chunks[index];
    for (uint32_t i = 0; chunk != NULL && i < SESSION_CHUNK; i++) {
        struct session_record *record = &chunk->records[i];
        if (record->state != SESSION_TASK_GONE && (record->flags & SESSION_CANCEL_ASKED) != 0) {
            record->flags &= (uint8_t)~SESSION_CANCEL_ASKED;
            session_ask_cancel(session, stream,
                               (stream->first_chunk + index) * SESSION_CHUNK + i + 1, record);
        }
    }
}

void session_cancels_rewind(struct session *session) {
    if (!session->cancels_ever) {
        return;
    }
    for (struct session_stream *at = session->streams; at != NULL; at = at->following) {
        session->cancel_count -= at->cancels.count;
        at->cancels.count = 0;
        for (size_t i = 0; i < at->chunk_count; i++) {
            session_chunk_cancels(session, at, i);
        }
    }
}

static void session_chunk_each(struct session *session, struct session_stream *stream, size_t index,
                               bool (*visit)(void *context, void *owner), void *context) {
    struct session_chunk *chunk = stream->chunks[index];
    for (uint32_t i = 0; chunk != NULL && i < SESSION_CHUNK; i++) {
        struct session_record *record = &chunk->records[i];
        if (record->state != SESSION_TASK_GONE && record->owner != NULL &&
            visit(context, record->owner)) {
            session_ask_cancel(session, stream,
                               (stream->first_chunk + index) * SESSION_CHUNK + i + 1, record);
        }
    }
}

void session_each(struct session *session, bool (*visit)(void *context, void *owner),
                  void *context) {
    for (struct session_stream *at = session->streams; at != NULL; at = at->following) {
        for (size_t i = 0; i < at->chunk_count; i++) {
            session_chunk_each(session, at, i, visit, context);
        }
    }
    for (struct session_settle *at = session->settling; at != NULL; at = at->following) {
        if (at->owner != NULL && visit(context, at->owner) && !at->asked) {
            at->cancel = true;
        }
    }
}
