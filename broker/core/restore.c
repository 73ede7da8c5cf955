/* SPDX-License-Identifier: MIT
 *
 * Restore: the readers of what persist.c writes. Records come in the order of their keys: store
 * row, queues, sessions, hosts, tasks; within a queue tasks come by arrival, so that each is
 * appended to its lane.
 *
 * A record is decoded whole before anything of it is taken in. */
#include "broker/core/coder.h"
#include "broker/core/persist.h"
#include "broker/core/process.h"
#include "broker/core/result.h"
#include "broker/core/state.h"
#include "broker/core/submit.h"

#include <string.h>

static uint64_t restore_key_id(const struct record *record) {
    uint64_t id = 0;
    for (int i = 0; i < 8; i++) {
        id = id << 8 | record->key[4 + i];
    }
    return id;
}

static struct token get_token(struct coder_in *in) {
    uint64_t epoch = coder_get(in, 8);
    return (struct token){epoch, coder_get(in, 8)};
}

static bool restore_store_row(struct engine *engine, struct coder_in *in) {
    uint8_t uuid[16];
    for (size_t i = 0; i < sizeof(uuid); i++) {
        uuid[i] = (uint8_t)coder_get(in, 1);
    }
    uint64_t epoch = coder_get(in, 8);
    struct token floor = get_token(in);
    uint64_t arrival = coder_get(in, 8);
    uint64_t object = coder_get(in, 8);
    if (!coder_done(in) || epoch >= engine->config.epoch) {
        return false;
    }
    engine->grace.copied = memcmp(uuid, engine->config.store_uuid, sizeof(uuid)) != 0;
    engine->grace.floor = engine->grace.copied ? (struct token){engine->config.epoch, 0} : floor;
    engine->next_arrival = arrival > engine->next_arrival ? arrival : engine->next_arrival;
    engine->next_object = object > engine->next_object ? object : engine->next_object;
    return true;
}

/* Version 1 knew neither pauses nor purges. */
static bool restore_queue(struct engine *engine, struct coder_in *in, uint32_t version) {
    uint64_t arrival = coder_get(in, 8);
    uint64_t items_max = coder_get(in, 8);
    uint64_t bytes_max = coder_get(in, 8);
    uint8_t paused = 0;
    struct purge purge = {0};
    if (version > 1) {
        paused = (uint8_t)coder_get(in, 1);
        purge.before = coder_get(in, 8);
        purge.session = coder_get(in, 8);
        purge.call = coder_get(in, 8);
    }
    purge.open = purge.before > 0; /* perhaps: its work is done again */
    struct span name = coder_get_text(in);
    wherry_err err = WHERRY_OK;
    uint32_t index = coder_done(in) ? queue_intern(engine, name, &err) : 0;
    if (index == 0) {
        return false;
    }
    struct queue *queue = queue_at(engine, index);
    queue->arrival = arrival;
    queue->items_max = items_max;
    queue->bytes_max = bytes_max;
    queue->paused = paused;
    queue->purge = purge;
    if (purge.before >= engine->next_arrival) {
        engine->next_arrival = purge.before + 1;
    }
    queue->set = true;
    engine->next_object = arrival >= engine->next_object ? arrival + 1 : engine->next_object;
    return true;
}

/* ---- sessions ------------------------------------------------------------------------------- */

/* With `engine` NULL: only looks whether it can be read. Version 1 knew no renumbering. */
static bool restore_stream(struct engine *engine, uint32_t session, struct coder_in *in,
                           uint32_t version) {
    uint16_t slot = (uint16_t)coder_get(in, 2);
    uint64_t acked = coder_get(in, 8);
    uint32_t index = engine == NULL ? 0 : stream_of(engine, session, slot);
    struct answers *answers = engine == NULL ? NULL : &stream_at(engine, index)->answers;
    if (answers != NULL) {
        answers->acked = acked;
    }
    for (uint64_t runs = coder_get(in, 4); runs > 0 && !in->bad; runs--) {
        uint64_t first = coder_get(in, 8);
        uint64_t count = coder_get(in, 8);
        if (answers != NULL) {
            runs_append(&answers->accepted, first, count);
        }
    }
    for (uint64_t singles = coder_get(in, 4); singles > 0 && !in->bad; singles--) {
        struct answer_single single = {.number = coder_get(in, 8), .stored = true};
        single.ahead = version > 1 ? (uint32_t)coder_get(in, 3) : 0;
        single.err = (uint8_t)coder_get(in, 1);
        if (answers != NULL) {
            answers_add_single(answers, single);
        }
    }
    return !in->bad;
}

static void restore_ended(struct engine *engine, uint32_t index, int64_t ended_ms) {
    struct session *session = session_at(engine, index);
    list_remove(&engine->sessions_by_silence, &engine->sessions,
                offsetof(struct session, in_silence), index);
    list_append(&engine->marks, &engine->sessions, offsetof(struct session, in_silence), index);
    session->state = SESSION_ENDED;
    session->ended_ms = ended_ms;
    engine->counts.sessions--;
}

static bool restore_session(struct engine *engine, struct coder_in *in, uint64_t id,
                            uint32_t version) {
    uint8_t secret[WIRE_SECRET_SIZE];
    uint32_t state = (uint32_t)coder_get(in, 1);
    for (size_t i = 0; i < sizeof(secret); i++) {
        secret[i] = (uint8_t)coder_get(in, 1);
    }
    int64_t ended_ms = (int64_t)coder_get(in, 8);
    uint32_t count = (uint32_t)coder_get(in, 2);
    struct coder_in look = *in;
    for (uint32_t i = 0; i < count && !look.bad; i++) {
        (void)restore_stream(NULL, 0, &look, version);
    }
    if (!coder_done(&look) || count > BOUND_STREAMS || sessions_find(engine, id) != 0) {
        return false;
    }
    uint32_t index = sessions_make(engine, id, secret);
    for (uint32_t i = 0; i < count; i++) {
        (void)restore_stream(engine, index, in, version);
    }
    if (state == SESSION_ENDED) {
        restore_ended(engine, index, ended_ms);
    } else if (engine->grace.copied) { /* its client may have gone on in the lost future */
        restore_ended(engine, index, 0);
    }
    return true;
}

static bool restore_host(struct engine *engine, struct coder_in *in, uint64_t id) {
    uint8_t secret[WIRE_SECRET_SIZE];
    for (size_t i = 0; i < sizeof(secret); i++) {
        secret[i] = (uint8_t)coder_get(in, 1);
    }
    if (!coder_done(in) || hosts_find(engine, id) != 0) {
        return false;
    }
    (void)hosts_make(engine, id, secret, HOST_AWAITED);
    return true;
}

/* ---- tasks ---------------------------------------------------------------------------------- */

struct restored {
    uint64_t session;
    uint16_t slot;
    uint64_t number;
    uint16_t flags;
    bool terminal;
    uint8_t status;
    struct wire_options options;
    struct span queue;
    struct span function;
    uint32_t payload_size;
    struct cold cold; /* `failure` is not owned: see failure below */
    struct span failure;
};

static void get_cold(struct coder_in *in, struct restored *out) {
    out->cold.crashes = (uint8_t)coder_get(in, 1);
    out->cold.leases_lost = (uint8_t)coder_get(in, 1);
    out->cold.retries = (uint8_t)coder_get(in, 1);
    out->cold.fence = get_token(in);
    out->cold.held = get_token(in);
    out->cold.expires_ms = (int64_t)coder_get(in, 8);
    out->cold.origin.session = coder_get(in, 8);
    out->cold.origin.slot = coder_get(in, 2) & UINT16_MAX;
    out->cold.origin.number = coder_get(in, 8) & UINT64_C(0xffffffffffff);
    out->failure = coder_get_text(in);
}

static bool get_task(struct coder_in *in, struct restored *out) {
    out->session = coder_get(in, 8);
    out->slot = (uint16_t)coder_get(in, 2);
    out->number = coder_get(in, 8);
    out->flags = (uint16_t)coder_get(in, 2);
    out->terminal = coder_get(in, 1) != 0;
    out->status = (uint8_t)coder_get(in, 1);
    out->options.flags = (uint32_t)coder_get(in, 4);
    out->options.priority = (int32_t)coder_get(in, 4);
    out->options.max_attempts = (uint32_t)coder_get(in, 4);
    out->options.ttl_ms = coder_get(in, 8);
    out->queue = coder_get_text(in);
    out->function = coder_get_text(in);
    out->payload_size = (uint32_t)coder_get(in, 4);
    if ((out->flags & TASK_COLD) != 0) {
        get_cold(in, out);
    }
    return coder_done(in);
}

/* Of a session that was forgotten meanwhile: nobody waits for its tasks. */
static uint32_t restore_owner(struct engine *engine, uint64_t id) {
    static const uint8_t nobody[WIRE_SECRET_SIZE] = {0};
    uint32_t index = sessions_find(engine, id);
    if (index == 0) {
        index = sessions_make(engine, id, nobody);
        restore_ended(engine, index, engine->now.wall_ms);
    }
    return index;
}

static void restore_cold(struct engine *engine, uint32_t index, const struct restored *from) {
    struct cold *cold = cold_of(engine, index);
    cold->crashes = from->cold.crashes;
    cold->leases_lost = from->cold.leases_lost;
    cold->retries = from->cold.retries;
    cold->fence = from->cold.fence;
    cold->held = from->cold.held;
    cold->expires_ms = from->cold.expires_ms;
    if (from->failure.size > 0) {
        bytes_append(&cold->failure, from->failure.data, from->failure.size);
    }
    if ((from->flags & TASK_ORIGIN) != 0) {
        cold_set_origin(engine, index, from->cold.origin);
    }
}

/* Not terminal: back where it can be delivered from, once the grace time is over. */
static void restore_waiting(struct engine *engine, uint32_t index, const struct restored *from) {
    struct task *task = task_at(engine, index);
    const struct cold *cold = cold_find(engine, index);
    task->flags |= TASK_OLD | (from->flags & (TASK_CANCEL | TASK_KILL | TASK_STARTED));
    bool started = (task->flags & TASK_STARTED) != 0;
    if (started || (task->flags & TASK_CANCEL) != 0 || (cold != NULL && cold->held.counter != 0)) {
        grace_suspect(engine, index);
    }
    if (started || (task->flags & TASK_CANCEL) != 0) {
        task->state = TASK_HELD;
        queue_count(engine, lane_at(engine, task->lane)->queue, task->payload_size);
    } else {
        lane_append(engine, index);
    }
    if (process_is(engine, index)) {
        process_enter(engine, index);
    }
}

static bool restore_task(struct engine *engine, struct coder_in *in, const struct record *record) {
    struct restored from = {0};
    wherry_err err = WHERRY_OK;
    if (!get_task(in, &from) || from.function.size == 0) {
        return false;
    }
    uint32_t queue = queue_intern(engine, from.queue, &err);
    uint32_t lane = queue == 0 ? 0 : lane_intern(engine, queue, from.function, &from.options);
    uint32_t owner = lane == 0 ? 0 : restore_owner(engine, from.session);
    uint32_t stream = owner == 0 ? 0 : stream_of(engine, owner, from.slot);
    if (stream == 0 || stream_entry(stream_at(engine, stream), from.number) != 0) {
        return false;
    }
    uint64_t arrival = restore_key_id(record);
    struct submit_task make = {stream, lane, from.number, arrival, record->payload};
    uint32_t index = submit_make_task(engine, &make);
    struct stream *owner_stream = stream_at(engine, stream);
    if (from.number > owner_stream->answers.acked) {
        runs_add(&owner_stream->answers.accepted, from.number);
    }
    engine->counts.payload_bytes += record->payload.handle != 0 ? record->payload.size : 0;
    engine->next_arrival = arrival >= engine->next_arrival ? arrival + 1 : engine->next_arrival;
    if ((from.flags & TASK_COLD) != 0) {
        restore_cold(engine, index, &from);
    }
    if (from.terminal) {
        task_at(engine, index)->status = from.status;
        task_at(engine, index)->flags |= from.flags & (TASK_RECEIVED | TASK_PURGED);
        result_restore(engine, index); /* an ended session's is purged when the scan is over */
    } else {
        restore_waiting(engine, index, &from);
    }
    return true;
}

static bool restore_by_kind(struct engine *engine, struct coder_in *in,
                            const struct record *record, uint32_t version) {
    switch (record->key[0]) {
    case RECORD_STORE:
        return restore_store_row(engine, in);
    case RECORD_QUEUE:
        return restore_queue(engine, in, version);
    case RECORD_SESSION:
        return restore_session(engine, in, restore_key_id(record), version);
    case RECORD_HOST:
        return restore_host(engine, in, restore_key_id(record));
    case RECORD_TASK:
        return restore_task(engine, in, record);
    default:
        return false;
    }
}

/* Its own row is the first that an engine puts into a store. One that has lost it (salvage) is as a
 * copy: nobody knows the floor under its tokens any more. */
static void restore_without_row(struct engine *engine) {
    engine->grace.copied = true;
    engine->grace.floor = (struct token){engine->config.epoch, 0};
}

wherry_err persist_restore(struct engine *engine, const struct record *record) {
    struct coder_in in;
    uint32_t version = coder_open(record->head, &in) ? (uint32_t)coder_get(&in, 1) : 0;
    if (version < RECORD_OLDEST || version > RECORD_VERSION) {
        return WHERRY_E_PROTOCOL;
    }
    if (!engine->grace.row_seen && record->key[0] != RECORD_STORE) {
        restore_without_row(engine);
    }
    engine->grace.row_seen = true;
    return restore_by_kind(engine, &in, record, version) ? WHERRY_OK : WHERRY_E_PROTOCOL;
}

bool record_task_id(struct span head, struct task_id *out) {
    struct coder_in in;
    if (!coder_open(head, &in)) {
        return false;
    }
    (void)coder_get(&in, 1);
    out->session = coder_get(&in, 8);
    out->slot = coder_get(&in, 2) & UINT16_MAX;
    out->number = coder_get(&in, 8) & UINT64_C(0xffffffffffff);
    return !in.bad;
}
