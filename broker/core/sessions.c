/* SPDX-License-Identifier: MIT
 *
 * Sessions: hello, silence, end and mark of client sessions; see sessions.h.
 *
 * A session is taken up again by whoever knows its secret; knowing its id alone gives nothing. What
 * is never done: take a resumption of an unknown session as a new one. Its old submits would be
 * accepted again. */
#include "broker/core/sessions.h"

#include "broker/core/hello.h"
#include "broker/core/nested.h"
#include "broker/core/persist.h"
#include "broker/core/process.h"
#include "broker/core/result.h"
#include "broker/core/state.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { SILENCE_OFFSET = offsetof(struct session, in_silence) };

static bool session_has_id(const void *context, uint32_t value) {
    const struct engine *engine = ((const void *const *)context)[0];
    return session_at(engine, value)->id == *((const uint64_t *const *)context)[1];
}

uint32_t sessions_find(const struct engine *engine, uint64_t id) {
    const void *context[2] = {engine, &id};
    return map_find(&engine->session_by_id, map_hash(id), session_has_id, context);
}

uint32_t sessions_make(struct engine *engine, uint64_t id, const uint8_t *secret) {
    uint32_t index = slab_take(&engine->sessions);
    struct session *session = session_at(engine, index);
    session->index = index;
    session->state = SESSION_LIVE;
    session->id = id;
    memcpy(session->secret, secret, WIRE_SECRET_SIZE);
    session->heard_us = engine_lived_us(engine);
    list_append(&engine->sessions_by_silence, &engine->sessions, SILENCE_OFFSET, index);
    map_put(&engine->session_by_id, map_hash(id), index);
    engine->counts.sessions++;
    return index;
}

void sessions_heard(struct engine *engine, uint32_t index) {
    struct session *session = session_at(engine, index);
    session->heard_us = engine_lived_us(engine);
    if (engine->sessions_by_silence.tail != index) {
        list_remove(&engine->sessions_by_silence, &engine->sessions, SILENCE_OFFSET, index);
        list_append(&engine->sessions_by_silence, &engine->sessions, SILENCE_OFFSET, index);
    }
}

/* What was sent on the old connection may be lost: it is sent again, before anything newer. */
void sessions_connect(struct engine *engine, uint32_t index, route_id route) {
    struct session *session = session_at(engine, index);
    if (session->route != route) {
        routes_close(engine, session->route);
        session->route = route;
        routes_bind(engine, route, PEER_CLIENT, index);
    }
    session->credit = BOUND_RESULT_WINDOW;
    session->sent = 0;
    for (uint32_t i = 0; i < session->stream_count; i++) {
        result_resend(engine, session->streams[i]);
    }
    sessions_heard(engine, index);
}

void sessions_store(struct engine *engine, uint32_t index) {
    struct session *session = session_at(engine, index);
    if (engine->config.keeps && !session->store_due) {
        session->store_due = true;
        (void)barrier_change(engine, 64);
        list_append(&engine->store_due, &engine->sessions, offsetof(struct session, in_store),
                    index);
    }
}

/* ---- the end -------------------------------------------------------------------------------- */

void sessions_end(struct engine *engine, uint32_t index, const char *why) {
    struct session *session = session_at(engine, index);
    CHECK(session->state == SESSION_LIVE);
    nested_leave(engine, index);
    note_line(engine, LOG_INFO, "msg=\"client session ended\" session=%016" PRIx64 " why=\"%s\"",
              session->id, why);
    routes_close(engine, session->route);
    session->route = 0;
    session->state = SESSION_ENDED;
    session->ended_ms = engine->now.wall_ms;
    memset(session->secret, 0, sizeof(session->secret));
    list_remove(&engine->sessions_by_silence, &engine->sessions, SILENCE_OFFSET, index);
    list_append(&engine->marks, &engine->sessions, SILENCE_OFFSET, index);
    engine->counts.sessions--;
    sessions_store(engine, index);
    work_add(engine, WORK_SESSION, index);
}

uint32_t sessions_purge(struct engine *engine, uint32_t index, uint32_t units) {
    struct session *session = session_at(engine, index);
    uint32_t used = 0;
    used += process_end_daemons(engine, index, units);
    while (used < units && session->waiters.count > 0) {
        waiter_drop(engine, session->waiters.head);
        used++;
    }
    for (uint32_t i = 0; i < session->stream_count && used < units; i++) {
        used += result_purge(engine, session->streams[i], units - used);
    }
    return used;
}

/* True once nothing is left that only the session's owner could want. */
static bool session_is_purged(const struct engine *engine, const struct session *session) {
    if (session->waiters.count > 0 || session->daemons.count > 0) {
        return false;
    }
    for (uint32_t i = 0; i < session->stream_count; i++) {
        const struct stream *stream = stream_at(engine, session->streams[i]);
        if (stream->tasks > 0 || stream->putters > 0) {
            return false;
        }
    }
    return true;
}

static void session_free_streams(struct engine *engine, struct session *session) {
    for (uint32_t i = 0; i < session->stream_count; i++) {
        struct stream *stream = stream_at(engine, session->streams[i]);
        if (stream->flush_due) {
            list_remove(&engine->flush_due, &engine->streams, offsetof(struct stream, in_flush),
                        session->streams[i]);
        }
        stream_fini(stream);
        slab_free(&engine->streams, session->streams[i]);
    }
    free(session->streams);
    session->streams = NULL;
    session->stream_count = 0;
}

void sessions_settle(struct engine *engine, uint32_t index) {
    struct session *session = session_at(engine, index);
    if (session->state != SESSION_ENDED || !session->mark_over ||
        !session_is_purged(engine, session)) {
        return;
    }
    persist_session_delete(engine, index);
    if (session->store_due) {
        list_remove(&engine->store_due, &engine->sessions, offsetof(struct session, in_store),
                    index);
    }
    session_free_streams(engine, session);
    map_drop(&engine->session_by_id, map_hash(session->id), index);
    slab_free(&engine->sessions, index);
}

void sessions_judge_marks(struct engine *engine) {
    uint32_t units = engine->config.step_units_max;
    for (; engine->marks.head != 0 && units > 0; units--) {
        uint32_t index = engine->marks.head;
        struct session *session = session_at(engine, index);
        if (session->ended_ms + TIME_MARK_TTL_MS > engine->now.wall_ms &&
            engine->marks.count <= BOUND_MARKS) {
            return;
        }
        list_remove(&engine->marks, &engine->sessions, SILENCE_OFFSET, index);
        session->mark_over = true;
        sessions_settle(engine, index);
    }
}

void sessions_judge_silence(struct engine *engine) {
    int64_t limit = engine_lived_us(engine) - (int64_t)TIME_SESSION_SILENCE_MS * 1000;
    uint32_t units = engine->config.step_units_max;
    while (engine->sessions_by_silence.head != 0 && units-- > 0) {
        uint32_t index = engine->sessions_by_silence.head;
        if (session_at(engine, index)->heard_us > limit) {
            return;
        }
        sessions_end(engine, index, "silent for 90 s");
    }
}

void sessions_fini(struct session *session) {
    free(session->streams);
    session->streams = NULL;
}

/* ---- hello ---------------------------------------------------------------------------------- */

static void session_lost(struct engine *engine, route_id route) {
    struct effect *effect = effects_add(engine->out, EFFECT_SESSION_LOST, route);
    effect->session_lost.epoch = engine->config.epoch;
    effect->session_lost.keeps = engine->config.keeps;
    effect->session_lost.store = (struct span){engine->config.store_uuid, 16};
}

/* A new session may be told only when it is stored; one that is known waits for nothing. */
static uint32_t session_new(struct engine *engine, route_id route,
                            const struct event_hello *hello) {
    if (engine->counts.sessions >= BOUND_SESSIONS) {
        hello_refuse(engine, route, WHERRY_E_LIMIT, "too many client sessions");
        return 0;
    }
    uint32_t index = sessions_make(engine, hello->session, hello->secret.data);
    sessions_store(engine, index);
    return index;
}

void sessions_hello(struct engine *engine, route_id route, const struct event_hello *hello) {
    uint32_t index = sessions_find(engine, hello->session);
    struct effects *sink = engine->out;
    if (!nested_may_exist(engine, hello)) {
        hello_refuse(engine, route, WHERRY_E_REFUSED, "the attempt that it is part of has ended");
        return;
    }
    bool resume = hello->resume && !PLANTED(PLANT_RESUME_AS_NEW);
    if ((index == 0 && resume) ||
        (index != 0 && session_at(engine, index)->state == SESSION_ENDED)) {
        session_lost(engine, route);
        return;
    }
    if (index == 0) {
        index = session_new(engine, route, hello);
        if (index == 0) {
            return;
        }
        sink = engine_sink(engine);
    } else if (memcmp(session_at(engine, index)->secret, hello->secret.data, WIRE_SECRET_SIZE) !=
               0) {
        hello_refuse(engine, route, WHERRY_E_REFUSED, "this session belongs to somebody else");
        return;
    } else if (!hello->resume) {
        sink = engine_sink(engine); /* its first HELLO_OK may still be waiting */
    }
    sessions_connect(engine, index, route);
    nested_join(engine, index, hello);
    hello_ok(engine, sink, route, hello->session);
}
