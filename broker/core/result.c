/* SPDX-License-Identifier: MIT
 *
 * Results: see result.h. The result takes the place of the arguments in the same record, in memory
 * and in the store, so that finishing a task allocates nothing.
 *
 * Sending is by stream: everything that was finished for it in one turn leaves as one effect. What
 * the credit does not allow stays in the list; the next ACK with more credit takes it up. */
#include "broker/core/result.h"

#include "broker/core/hot.h"
#include "broker/core/process.h"

#include <string.h>

/* Many are cancelled at once: these two need no cold record each. */
static struct span result_cancelled(const struct engine *engine, const struct task *task) {
    return bytes_span((task->flags & TASK_PURGED) != 0 ? &engine->failure_purged
                                                       : &engine->failure_cancelled);
}

static struct span result_failure(const struct engine *engine, uint32_t index) {
    const struct task *task = task_at(engine, index);
    struct span failure = {NULL, 0};
    if ((task->flags & TASK_COLD) != 0) {
        failure = bytes_span(&cold_find(engine, index)->failure);
    }
    bool cancelled = task->status == WIRE_CANCELLED && failure.size == 0;
    return cancelled ? result_cancelled(engine, task) : failure;
}

static inline uint64_t result_cost_of(const struct engine *engine, uint32_t index) {
    const struct task *task = task_at(engine, index);
    uint64_t size = task->payload_size;
    if ((task->flags & TASK_COLD) != 0 || task->status == WIRE_CANCELLED) {
        size += result_failure(engine, index).size;
    }
    return size + RESULT_OVERHEAD;
}

uint64_t result_cost(const struct engine *engine, uint32_t index) {
    return result_cost_of(engine, index);
}

void result_answer(struct engine *engine, route_id route, uint64_t call, uint32_t index) {
    const struct task *task = task_at(engine, index);
    struct effects *sink = engine_sink(engine);
    struct span failure = effects_copy(sink, result_failure(engine, index));
    struct effect *effect = effects_add(sink, EFFECT_ANSWER, route);
    effect->answer.call = call;
    effect->answer.has_outcome = true;
    effect->answer.status = task->status;
    effect->answer.payload = (struct payload){task->payload, task->payload_size};
    effect->answer.inline_payload = failure;
}

/* Before the record changes: the batch in which it will is opened first, so that the answers wait
 * for that one. */
static void result_answer_waiters(struct engine *engine, uint32_t index) {
    struct cold *cold = cold_find(engine, index);
    if (engine->config.keeps && cold != NULL && cold->waiters.head != 0) {
        (void)barrier_change(engine, 0);
    }
    while (cold != NULL && cold->waiters.head != 0) {
        const struct waiter *waiter = waiter_at(engine, cold->waiters.head);
        if (waiter->kind == WAITER_START) {
            process_answer_start(engine, cold->waiters.head);
            continue;
        }
        result_answer(engine, session_at(engine, waiter->session)->route, waiter->number, index);
        waiter_drop(engine, cold->waiters.head);
    }
}

static void result_count(struct engine *engine, struct queue *queue, const struct task *task) {
    if (task->status == WIRE_DONE) {
        engine->counts.done++;
        queue->done++;
    } else if (task->status == WIRE_CANCELLED) {
        engine->counts.cancelled++;
    } else if (task->status == WIRE_LOST) {
        engine->counts.lost++;
        queue->failed++;
    } else {
        engine->counts.failed++;
        queue->failed++;
    }
}

static uint64_t result_ttl_ms(const struct engine *engine, const struct task *task) {
    uint64_t ttl = lane_at(engine, task->lane)->options.ttl_ms;
    if (ttl == 0) {
        ttl = task->status == WIRE_DONE ? TIME_RESULT_TTL_MS : TIME_FAILURE_TTL_MS;
    }
    return ttl > INT64_MAX / 4 ? INT64_MAX / 4 : ttl;
}

/* Ends the record; its result is needed no longer. */
static void result_drop(struct engine *engine, const struct home *home, uint32_t index) {
    engine->counts.results_kept--;
    engine->counts.results_bytes -= result_cost_of(engine, index);
    persist_task_delete(engine, index);
    task_drop(engine, home, index);
}

static void result_append(struct engine *engine, struct stream *stream, uint32_t index) {
    struct task *task = task_at(engine, index);
    task->state = TASK_RESULT;
    tasks_append(engine, &stream->results, index);
    if (stream->unsent == 0) {
        stream->unsent = index;
    }
    if (!stream->flush_due) {
        stream_flush(engine, task->stream);
    }
}

static void result_keep(struct engine *engine, uint32_t index) {
    struct cold *cold = cold_of(engine, index);
    if (cold->expires_ms == 0) {
        cold->expires_ms =
            engine->now.wall_ms + (int64_t)result_ttl_ms(engine, task_at(engine, index));
    }
    cold->ttl = timer_start(&engine->wall, cold->expires_ms, TIMER_TTL, index);
}

/* Status and payload are set. */
static void result_settle(struct engine *engine, const struct home *home, uint32_t index,
                          bool wanted) {
    struct task *task = task_at(engine, index);
    uint32_t flags = home->lane->options.flags;
    wanted = wanted && (flags & TASK_NO_RESULT) == 0;
    task->state = TASK_KEPT;
    task->flags &= (uint16_t) ~(TASK_CANCEL | TASK_STARTED | TASK_OLD);
    engine->counts.results_kept++;
    engine->counts.results_bytes += result_cost_of(engine, index);
    if ((flags & TASK_KEEP) != 0) {
        result_keep(engine, index);
    } else if (!wanted) {
        result_drop(engine, home, index);
        return;
    }
    if (wanted) {
        result_append(engine, home->stream, index);
    }
}

void result_finish_home(struct engine *engine, const struct home *home, uint32_t index,
                        uint32_t status, struct payload payload) {
    struct task *task = task_at(engine, index);
    hot_free_payload(engine, task->payload, task->payload_size);
    task->payload = payload.handle;
    task->payload_size = payload.size;
    task->status = (uint8_t)status;
    result_count(engine, home->queue, task);
    if ((task->flags & TASK_COLD) != 0) {
        timer_stop(&engine->mono, &cold_find(engine, index)->timer);
        process_leave(engine, index);
        result_answer_waiters(engine, index);
    }
    result_settle(engine, home, index,
                  session_at(engine, home->stream->session)->state == SESSION_LIVE);
    if (engine->config.keeps && task->state != TASK_FREE) {
        if (PLANTED(PLANT_RESULT_UNSTORED)) {
            persist_task_delete_now(engine, index);
            return;
        }
        persist_task_now(engine, index);
    }
}

void result_finish(struct engine *engine, uint32_t index, uint32_t status, struct payload payload) {
    struct home home = HOME_UNKNOWN;
    home_find(engine, &home, task_at(engine, index));
    result_finish_home(engine, &home, index, status, payload);
}

void result_fail(struct engine *engine, uint32_t index, uint32_t status,
                 const struct wire_failure *failure) {
    struct cold *cold = cold_of(engine, index);
    wire_put_failure(&cold->failure, failure);
    result_finish(engine, index, status, (struct payload){0, 0});
}

void result_restore(struct engine *engine, uint32_t index) {
    const struct task *task = task_at(engine, index);
    struct home home = HOME_UNKNOWN;
    home_find(engine, &home, task);
    result_settle(engine, &home, index, (task->flags & TASK_RECEIVED) == 0);
}

/* ---- to the client -------------------------------------------------------------------------- */

void result_resend(struct engine *engine, uint32_t index) {
    struct stream *stream = stream_at(engine, index);
    stream->unsent = stream->results.head;
    stream_flush(engine, index);
}

/* How many from `unsent` on the credit and the units allow; at least one may overdraw the credit.
 */
static uint32_t result_sendable(struct engine *engine, const struct stream *stream,
                                uint32_t units) {
    struct session *session = session_at(engine, stream->session);
    uint32_t count = 0;
    for (uint32_t at = stream->unsent; at != 0 && count < units; count++) {
        const struct task *task = task_at(engine, at);
        if (session->sent >= session->credit) {
            break;
        }
        session->sent += task->payload_size;
        at = task->links.next;
    }
    return count;
}

static void result_send(struct engine *engine, struct stream *stream, uint32_t count) {
    struct effects *sink = engine_sink(engine);
    struct effect_result_item *items = effects_alloc(sink, count * sizeof(*items));
    for (uint32_t i = 0; i < count; i++) {
        uint32_t index = stream->unsent;
        const struct task *task = task_at(engine, index);
        items[i].number = task_number(task);
        items[i].status = task->status;
        items[i].payload = (struct payload){task->payload, task->payload_size};
        items[i].inline_payload = (struct span){NULL, 0};
        if (task->payload == 0 &&
            ((task->flags & TASK_COLD) != 0 || task->status == WIRE_CANCELLED)) {
            items[i].inline_payload = effects_copy(sink, result_failure(engine, index));
        }
        stream->unsent = task->links.next;
    }
    struct effect *effect =
        effects_add(sink, EFFECT_RESULT, session_at(engine, stream->session)->route);
    effect->result.slot = stream->slot;
    effect->result.items = items;
    effect->result.item_count = count;
}

uint32_t result_flush(struct engine *engine, uint32_t units) {
    uint32_t rounds = engine->flush_due.count;
    while (rounds-- > 0 && units > 0) {
        uint32_t index = engine->flush_due.head;
        struct stream *stream = stream_at(engine, index);
        list_remove(&engine->flush_due, &engine->streams, offsetof(struct stream, in_flush), index);
        stream->flush_due = false;
        if (session_at(engine, stream->session)->route == 0 || stream->unsent == 0) {
            continue;
        }
        uint32_t count = result_sendable(engine, stream, units);
        if (count > 0) {
            result_send(engine, stream, count);
        } else {
            engine->counts.credit_stalls++;
        }
        units -= count;
        if (units == 0) {
            stream_flush(engine, index);
        }
    }
    return units;
}

void result_credit(struct engine *engine, uint32_t index, uint64_t credit) {
    struct session *session = session_at(engine, index);
    if (credit <= session->credit) {
        return;
    }
    session->credit = credit;
    for (uint32_t i = 0; i < session->stream_count; i++) {
        stream_flush(engine, session->streams[i]);
    }
}

/* Out of its stream's list. */
static void result_unlink(struct engine *engine, struct stream *stream, uint32_t index) {
    struct task *task = task_at(engine, index);
    if (stream->unsent == index) {
        stream->unsent = task->links.next;
    }
    tasks_remove(engine, &stream->results, index);
    task->state = TASK_KEPT;
}

static void result_let_go(struct engine *engine, const struct home *home, uint32_t index) {
    result_unlink(engine, home->stream, index);
    if ((home->lane->options.flags & TASK_KEEP) == 0) {
        result_drop(engine, home, index);
    } else {
        task_at(engine, index)->flags |= TASK_RECEIVED;
    }
}

/* Numbers of one chunk. The chunk goes with its last entry. */
static void result_receive_chunk(struct engine *engine, struct stream *stream, uint64_t first,
                                 uint64_t last) {
    const struct index_chunk *chunk = index_find(&stream->index, first >> INDEX_BITS);
    uint32_t live = chunk == NULL ? 0 : chunk->live;
    struct home home = HOME_UNKNOWN;
    for (uint64_t number = first; number <= last && live > 0; number++) {
        uint32_t entry = chunk->entries[number & (INDEX_CHUNK - 1)];
        if (entry == 0 || (entry & INDEX_WAITER) != 0 ||
            task_at(engine, entry)->state != TASK_RESULT) {
            continue;
        }
        home_find(engine, &home, task_at(engine, entry));
        result_let_go(engine, &home, entry);
        live = live == 1 ? 0 : chunk->live;
    }
}

/* The chunks of a run by number, or, if the run is wider than the whole index, those of the index.
 */
static void result_receive_wide(struct engine *engine, uint32_t stream_index, uint64_t first,
                                uint64_t last) {
    const struct index *index = &stream_at(engine, stream_index)->index;
    uint64_t *chunks = effects_alloc(engine->out, index->count * sizeof(*chunks));
    uint32_t count = 0;
    for (uint32_t i = 0; i < index->capacity; i++) {
        if (index->slots[i] != NULL) {
            chunks[count++] = index->slots[i]->number << INDEX_BITS;
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        uint64_t low = chunks[i] > first ? chunks[i] : first;
        uint64_t high = chunks[i] + INDEX_CHUNK - 1 < last ? chunks[i] + INDEX_CHUNK - 1 : last;
        result_receive_chunk(engine, stream_at(engine, stream_index), low, high);
    }
}

void result_receive(struct engine *engine, uint32_t index, const struct wire_run *run) {
    const uint64_t top = UINT64_C(0xffffffffffff);
    if (run->count == 0 || run->first > top) {
        return;
    }
    uint64_t last = run->count > top - run->first ? top : run->first + run->count - 1;
    uint64_t chunks = (last >> INDEX_BITS) - (run->first >> INDEX_BITS) + 1;
    if (chunks > 2 && chunks > stream_at(engine, index)->index.capacity) {
        result_receive_wide(engine, index, run->first, last);
        return;
    }
    for (uint64_t first = run->first; first <= last;) {
        uint64_t end = first | (INDEX_CHUNK - 1);
        end = end < last ? end : last;
        result_receive_chunk(engine, stream_at(engine, index), first, end);
        first = end + 1;
    }
}

uint32_t result_purge(struct engine *engine, uint32_t stream_index, uint32_t units) {
    uint32_t used = 0;
    for (; used < units && stream_at(engine, stream_index)->results.head != 0; used++) {
        struct home home = HOME_UNKNOWN;
        uint32_t index = stream_at(engine, stream_index)->results.head;
        home_find(engine, &home, task_at(engine, index));
        result_let_go(engine, &home, index);
    }
    return used;
}

void result_expire(struct engine *engine, uint32_t index) {
    struct task *task = task_at(engine, index);
    struct home home = HOME_UNKNOWN;
    home_find(engine, &home, task);
    cold_find(engine, index)->ttl = 0;
    if (task->state == TASK_RESULT) {
        result_unlink(engine, home.stream, index);
    }
    result_drop(engine, &home, index);
}
