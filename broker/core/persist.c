/* SPDX-License-Identifier: MIT
 *
 * Persist: the writers; see persist.h. A task's record is written at acceptance and overwritten by
 * its result under the same key; in between only what fences an attempt, starts a run-once task or
 * cancels one is written. Delivery writes nothing.
 *
 *     STORE    uuid 16, epoch 8, floor epoch 8, floor counter 8, next arrival 8, next object 8
 *     QUEUE    arrival 8, items max 8, bytes max 8, paused 1, purged before 8, by session 8, by
 *              call 8, name
 *     SESSION  state 1, secret 16, ended 8, streams 2 × (slot 2, acked 8, runs 4 × (first 8, count
 *              8), singles 4 × (number 8, ahead 3, err 1))
 *     HOST     secret 16
 *     TASK     session 8, slot 2, number 8, flags 2, terminal 1, status 1, options (flags 4,
 *              priority 4, attempts 4, ttl 8), queue, function, payload size 4; with COLD: crashes
 *              1, lost 1, retries 1, fence 16, held 16, expires 8, origin 18, failure
 *
 * Before these stands the version, 1 byte. Version 1, which restore.c reads as well, had no pauses,
 * no purges and no `ahead`. */
#include "broker/core/persist.h"

#include "broker/core/coder.h"
#include "broker/core/state.h"

enum {
    TASK_STORED_FLAGS =
        TASK_COLD | TASK_ORIGIN | TASK_CANCEL | TASK_KILL | TASK_STARTED | TASK_RECEIVED |
        TASK_PURGED
};

static void persist_key(struct record *record, enum record_kind kind, uint16_t slot, uint64_t id) {
    record->key[0] = (uint8_t)kind;
    record->key[1] = 0;
    record->key[2] = (uint8_t)(slot >> 8);
    record->key[3] = (uint8_t)slot;
    for (int i = 0; i < 8; i++) {
        record->key[4 + i] = (uint8_t)(id >> (56 - 8 * i));
    }
}

/* One buffer for all heads: a record is encoded whole before the next one begins. */
static struct bytes *persist_head(struct engine *engine) {
    bytes_clear(&engine->head);
    return &engine->head;
}

/* Seals `head` and puts the record into the open batch. The head lies with the effects that wait
 * for this batch, so that the store may read it until it is committed. */
static void persist_put(struct engine *engine, struct record *record, struct bytes *head) {
    struct barrier *barrier = &engine->barrier;
    coder_seal(head, 0);
    record->head = effects_copy(&barrier->held[barrier->open % 2], bytes_span(head));
    (void)barrier_change(engine, record->head.size + record->payload.size + RECORD_KEY_SIZE);
    effects_add(engine->out, EFFECT_PUT, 0)->record = *record;
}

static void persist_delete(struct engine *engine, const struct record *record) {
    (void)barrier_change(engine, RECORD_KEY_SIZE);
    effects_add(engine->out, EFFECT_DELETE, 0)->record = *record;
}

static void put_token(struct bytes *out, struct token token) {
    coder_put(out, token.epoch, 8);
    coder_put(out, token.counter, 8);
}

void persist_store_row(struct engine *engine) {
    if (!engine->config.keeps) {
        return;
    }
    struct record record = {0};
    struct bytes *head = persist_head(engine);
    persist_key(&record, RECORD_STORE, 0, 0);
    coder_put(head, RECORD_VERSION, 1);
    bytes_append(head, engine->config.store_uuid, sizeof(engine->config.store_uuid));
    coder_put(head, engine->config.epoch, 8);
    put_token(head, engine->grace.floor);
    coder_put(head, engine->next_arrival, 8);
    coder_put(head, engine->next_object, 8);
    persist_put(engine, &record, head);
}

void persist_queue(struct engine *engine, uint32_t index) {
    if (!engine->config.keeps) {
        return;
    }
    const struct queue *queue = queue_at(engine, index);
    struct record record = {0};
    struct bytes *head = persist_head(engine);
    persist_key(&record, RECORD_QUEUE, queue->slot, queue->arrival);
    coder_put(head, RECORD_VERSION, 1);
    coder_put(head, queue->arrival, 8);
    coder_put(head, queue->items_max, 8);
    coder_put(head, queue->bytes_max, 8);
    coder_put(head, queue->paused, 1);
    coder_put(head, queue->purge.before, 8);
    coder_put(head, queue->purge.session, 8);
    coder_put(head, queue->purge.call, 8);
    coder_put_text(head, queue->name);
    persist_put(engine, &record, head);
}

/* ---- sessions ------------------------------------------------------------------------------- */

static void put_stream(struct bytes *out, const struct stream *stream) {
    const struct answers *answers = &stream->answers;
    coder_put(out, stream->slot, 2);
    coder_put(out, answers->acked, 8);
    coder_put(out, answers->accepted.count, 4);
    for (uint32_t i = 0; i < answers->accepted.count; i++) {
        coder_put(out, answers->accepted.items[i].first, 8);
        coder_put(out, answers->accepted.items[i].count, 8);
    }
    uint32_t stored = 0;
    for (uint32_t i = 0; i < answers->single_count; i++) {
        stored += answers->singles[i].stored;
    }
    coder_put(out, stored, 4);
    for (uint32_t i = 0; i < answers->single_count; i++) {
        if (answers->singles[i].stored) {
            coder_put(out, answers->singles[i].number, 8);
            coder_put(out, answers->singles[i].ahead, 3);
            coder_put(out, answers->singles[i].err, 1);
        }
    }
}

static void persist_session(struct engine *engine, uint32_t index) {
    const struct session *session = session_at(engine, index);
    struct record record = {0};
    struct bytes *head = persist_head(engine);
    persist_key(&record, RECORD_SESSION, 0, session->id);
    coder_put(head, RECORD_VERSION, 1);
    coder_put(head, session->state, 1);
    bytes_append(head, session->secret, WIRE_SECRET_SIZE);
    coder_put(head, (uint64_t)session->ended_ms, 8);
    coder_put(head, session->stream_count, 2);
    for (uint32_t i = 0; i < session->stream_count; i++) {
        put_stream(head, stream_at(engine, session->streams[i]));
    }
    persist_put(engine, &record, head);
}

void persist_sessions_due(struct engine *engine) {
    while (engine->store_due.head != 0) {
        uint32_t index = engine->store_due.head;
        list_remove(&engine->store_due, &engine->sessions, offsetof(struct session, in_store),
                    index);
        session_at(engine, index)->store_due = false;
        persist_session(engine, index);
    }
}

void persist_session_delete(struct engine *engine, uint32_t index) {
    if (engine->config.keeps) {
        struct record record = {0};
        persist_key(&record, RECORD_SESSION, 0, session_at(engine, index)->id);
        persist_delete(engine, &record);
    }
}

/* ---- hosts ---------------------------------------------------------------------------------- */

void persist_host(struct engine *engine, uint32_t index) {
    if (!engine->config.keeps) {
        return;
    }
    const struct host *host = host_at(engine, index);
    struct record record = {0};
    struct bytes *head = persist_head(engine);
    persist_key(&record, RECORD_HOST, 0, host->id);
    coder_put(head, RECORD_VERSION, 1);
    bytes_append(head, host->secret, WIRE_SECRET_SIZE);
    persist_put(engine, &record, head);
}

void persist_host_delete(struct engine *engine, uint32_t index) {
    if (engine->config.keeps) {
        struct record record = {0};
        persist_key(&record, RECORD_HOST, 0, host_at(engine, index)->id);
        persist_delete(engine, &record);
    }
}

/* ---- tasks ---------------------------------------------------------------------------------- */

static void put_options(struct bytes *out, const struct wire_options *options) {
    coder_put(out, options->flags, 4);
    coder_put(out, (uint32_t)options->priority, 4);
    coder_put(out, options->max_attempts, 4);
    coder_put(out, options->ttl_ms, 8);
}

static void put_cold(struct bytes *out, const struct cold *cold) {
    coder_put(out, cold->crashes, 1);
    coder_put(out, cold->leases_lost, 1);
    coder_put(out, cold->retries, 1);
    put_token(out, cold->fence);
    put_token(out, cold->held);
    coder_put(out, (uint64_t)cold->expires_ms, 8);
    coder_put(out, cold->origin.session, 8);
    coder_put(out, cold->origin.slot, 2);
    coder_put(out, cold->origin.number, 8);
    coder_put_text(out, bytes_span(&cold->failure));
}

static void persist_task_key(const struct engine *engine, struct record *record,
                             const struct task *task) {
    persist_key(record, RECORD_TASK, stream_at(engine, task->stream)->slot, task_arrival(task));
}

void persist_task_now(struct engine *engine, uint32_t index) {
    const struct task *task = task_at(engine, index);
    const struct stream *stream = stream_at(engine, task->stream);
    const struct lane *lane = lane_at(engine, task->lane);
    struct record record = {.payload = {task->payload, task->payload_size}};
    struct bytes *head = persist_head(engine);
    persist_task_key(engine, &record, task);
    coder_put(head, RECORD_VERSION, 1);
    coder_put(head, session_at(engine, stream->session)->id, 8);
    coder_put(head, stream->slot, 2);
    coder_put(head, task_number(task), 8);
    coder_put(head, task->flags & TASK_STORED_FLAGS, 2);
    coder_put(head, task_is_terminal(task), 1);
    coder_put(head, task->status, 1);
    put_options(head, &lane->options);
    coder_put_text(head, queue_at(engine, lane->queue)->name);
    coder_put_text(head, lane->function);
    coder_put(head, task->payload_size, 4);
    if ((task->flags & TASK_COLD) != 0) {
        put_cold(head, cold_find(engine, index));
    }
    persist_put(engine, &record, head);
    if ((task->flags & TASK_COLD) != 0) {
        cold_find(engine, index)->batch = engine->barrier.open;
    }
}

/* Its answer must outlive it: the session's record goes along. */
void persist_task_delete_now(struct engine *engine, uint32_t index) {
    const struct task *task = task_at(engine, index);
    struct record record = {0};
    persist_task_key(engine, &record, task);
    persist_delete(engine, &record);
    sessions_store(engine, stream_at(engine, task->stream)->session);
}
