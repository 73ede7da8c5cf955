/* SPDX-License-Identifier: MIT
 *
 * Audit of sessions, streams and waiters. */
#include "broker/core/audit.h"

static const char *audit_answers(const struct answers *answers) {
    uint64_t end = answers->acked;
    for (uint32_t i = 0; i < answers->accepted.count; i++) {
        const struct wire_run *run = &answers->accepted.items[i];
        AUDIT(run->count > 0, "answers: an empty run");
        AUDIT(run->first > end || (i == 0 && run->first > answers->acked), "answers: runs overlap");
        AUDIT(i == 0 || run->first > end, "answers: runs touch");
        end = run->first + run->count;
    }
    uint64_t last = answers->acked;
    for (uint32_t i = 0; i < answers->single_count; i++) {
        AUDIT(answers->singles[i].number > last, "answers: single ones out of order");
        AUDIT(!runs_have(&answers->accepted, answers->singles[i].number),
              "answers: two for one number");
        last = answers->singles[i].number;
    }
    return NULL;
}

/* Counts what the index holds, and looks at each entry from the other side. */
static const char *audit_index(const struct engine *engine, uint32_t index, uint32_t *tasks,
                               uint32_t *putters) {
    const struct index *table = &stream_at(engine, index)->index;
    uint32_t chunks = 0;
    for (uint32_t i = 0; i < table->capacity; i++) {
        const struct index_chunk *chunk = table->slots[i];
        uint32_t live = 0;
        for (uint32_t at = 0; chunk != NULL && at < INDEX_CHUNK; at++) {
            uint32_t entry = chunk->entries[at];
            uint64_t number = (chunk->number << INDEX_BITS) + at;
            if (entry == 0) {
                continue;
            }
            live++;
            if ((entry & INDEX_WAITER) != 0) {
                const struct waiter *waiter = waiter_at(engine, entry & ~INDEX_WAITER);
                AUDIT(waiter->kind != WAITER_FREE && !waiter_is_call(waiter) &&
                          waiter->stream == index && waiter->number == number,
                      "index: not this putter");
                (*putters)++;
            } else {
                const struct task *task = task_at(engine, entry);
                AUDIT(task->state != TASK_FREE && task->stream == index &&
                          task_number(task) == number,
                      "index: not this task");
                (*tasks)++;
            }
        }
        chunks += chunk != NULL;
        AUDIT(chunk == NULL || (live == chunk->live && live > 0), "index: live entries of a chunk");
        AUDIT(chunk == NULL || index_find(table, chunk->number) == chunk, "index: a lost chunk");
    }
    AUDIT(chunks == table->count, "index: chunks");
    return NULL;
}

static const char *audit_results(const struct engine *engine, uint32_t index) {
    const struct stream *stream = stream_at(engine, index);
    bool unsent_seen = stream->unsent == 0;
    AUDIT(audit_list(&stream->results, &engine->tasks, offsetof(struct task, links)),
          "stream: results");
    for (uint32_t at = stream->results.head; at != 0; at = task_at(engine, at)->links.next) {
        AUDIT(task_at(engine, at)->state == TASK_RESULT && task_at(engine, at)->stream == index,
              "stream: no result of its own");
        unsent_seen = unsent_seen || at == stream->unsent;
    }
    AUDIT(unsent_seen, "stream: the first unsent result is not in the list");
    const struct session *session = session_at(engine, stream->session);
    AUDIT(stream->unsent == 0 || stream->flush_due || session->route == 0 ||
              session->sent >= session->credit,
          "stream: results could be sent and nobody does");
    return NULL;
}

static const char *audit_stream(const struct engine *engine, uint32_t index) {
    const struct stream *stream = stream_at(engine, index);
    uint32_t tasks = 0;
    uint32_t putters = 0;
    AUDIT(stream_find(engine, stream->session, stream->slot) == index,
          "stream: not in its session");
    const char *complaint = audit_index(engine, index, &tasks, &putters);
    AUDIT(complaint == NULL, complaint);
    AUDIT(tasks == stream->tasks, "stream: count of tasks");
    AUDIT(putters == stream->putters, "stream: count of putters");
    complaint = audit_answers(&stream->answers);
    AUDIT(complaint == NULL, complaint);
    return audit_results(engine, index);
}

static const char *audit_session_waiters(const struct engine *engine,
                                         const struct session *session) {
    uint32_t calls = 0;
    AUDIT(audit_list(&session->waiters, &engine->waiters, offsetof(struct waiter, in_session)),
          "session: waiters");
    for (uint32_t at = session->waiters.head; at != 0;
         at = waiter_at(engine, at)->in_session.next) {
        AUDIT(waiter_at(engine, at)->session == session->index, "session: another one's waiter");
        calls += waiter_is_call(waiter_at(engine, at));
    }
    AUDIT(calls == session->calls, "session: calls");
    return NULL;
}

static const char *audit_session(const struct engine *engine, uint32_t index) {
    const struct session *session = session_at(engine, index);
    AUDIT(session->index == index, "session: its index");
    AUDIT(sessions_find(engine, session->id) == index, "session: not found by its id");
    const struct route *route = session->route == 0 ? NULL : routes_find(engine, session->route);
    AUDIT(session->route == 0 ||
              (route != NULL && route->kind == PEER_CLIENT && route->peer == index),
          "session: its route");
    AUDIT(session->state == SESSION_LIVE || session->route == 0, "session: ended and connected");
    for (uint32_t i = 1; i < session->stream_count; i++) {
        AUDIT(stream_at(engine, session->streams[i - 1])->slot <
                  stream_at(engine, session->streams[i])->slot,
              "session: streams out of order");
    }
    return audit_session_waiters(engine, session);
}

static const char *audit_waiter(const struct engine *engine, uint32_t index) {
    const struct waiter *waiter = waiter_at(engine, index);
    AUDIT(waiter->timer == 0 || timer_is(&engine->mono, waiter->timer, TIMER_WAITER, index),
          "waiter: timer");
    AUDIT(waiter->kind != WAITER_RESERVED || waiter->timer != 0,
          "waiter: a place reserved for ever");
    if (waiter->kind == WAITER_CALL || waiter->kind == WAITER_START) {
        const struct task *task = task_at(engine, waiter->task);
        AUDIT(task->state != TASK_FREE && !task_is_terminal(task), "waiter: its task has ended");
    } else if (waiter_is_call(waiter)) {
        const struct host *host = host_at(engine, waiter->host);
        AUDIT(host->state != HOST_FREE && host->state != HOST_LOST, "waiter: its host has left");
    } else {
        AUDIT(stream_entry(stream_at(engine, waiter->stream), waiter->number) ==
                  (INDEX_WAITER | index),
              "waiter: not in its stream's index");
        AUDIT(!waiter->has_origin || waiter_find_origin(engine, waiter->origin) != 0,
              "waiter: not found by its origin");
    }
    return NULL;
}

static const char *audit_silence(const struct engine *engine) {
    size_t offset = offsetof(struct session, in_silence);
    int64_t last = INT64_MIN;
    AUDIT(audit_list(&engine->sessions_by_silence, &engine->sessions, offset),
          "sessions: by silence");
    AUDIT(audit_list(&engine->marks, &engine->sessions, offset), "sessions: marks");
    for (uint32_t at = engine->sessions_by_silence.head; at != 0;) {
        const struct session *session = session_at(engine, at);
        AUDIT(session->state == SESSION_LIVE && session->heard_us >= last,
              "sessions: silence order");
        last = session->heard_us;
        at = session->in_silence.next;
    }
    AUDIT(engine->sessions_by_silence.count == engine->counts.sessions, "sessions: count");
    AUDIT(audit_list(&engine->flush_due, &engine->streams, offsetof(struct stream, in_flush)),
          "streams: due");
    AUDIT(audit_list(&engine->store_due, &engine->sessions, offsetof(struct session, in_store)),
          "sessions: to be stored");
    AUDIT(engine->store_due.count == 0 || engine->barrier.dirty,
          "sessions: to be stored, and no batch is open");
    return NULL;
}

const char *audit_clients(const struct engine *engine) {
    const char *complaint = audit_silence(engine);
    for (uint32_t i = 1; complaint == NULL && i <= engine->sessions.used; i++) {
        if (session_at(engine, i)->state != SESSION_FREE) {
            complaint = audit_session(engine, i);
        }
    }
    for (uint32_t i = 1; complaint == NULL && i <= engine->streams.used; i++) {
        const struct stream *stream = stream_at(engine, i);
        if (stream->session != 0 && (stream->results.count > 0 || stream->index.capacity > 0 ||
                                     stream->answers.acked > 0)) {
            complaint = audit_stream(engine, i);
        }
    }
    for (uint32_t i = 1; complaint == NULL && i <= engine->waiters.used; i++) {
        if (waiter_at(engine, i)->kind != WAITER_FREE) {
            complaint = audit_waiter(engine, i);
        }
    }
    return complaint;
}
