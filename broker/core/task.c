/* SPDX-License-Identifier: MIT
 *
 * Task: identity and end of the hot record; see task.h. What happens to it in between is spread
 * over the modules of its states: lane, attempt, result. */
#include "broker/core/hot.h"

struct task_id task_id_of(const struct engine *engine, uint32_t index) {
    const struct task *task = task_at(engine, index);
    if ((task->flags & TASK_ORIGIN) != 0) {
        return cold_find(engine, index)->origin;
    }
    const struct stream *stream = stream_at(engine, task->stream);
    struct task_id id = {.session = session_at(engine, stream->session)->id};
    id.number = task_number(task) & UINT64_C(0xffffffffffff);
    id.slot = stream->slot;
    return id;
}

struct token task_token(const struct engine *engine, uint32_t index) {
    const struct task *task = task_at(engine, index);
    struct token token = {.epoch = engine->config.epoch, .counter = task_counter(task)};
    if ((task->flags & TASK_ADOPTED) != 0) {
        token.epoch = cold_find(engine, index)->epoch;
    }
    return token;
}

uint64_t task_id_hash(struct task_id id) {
    return map_hash(id.session ^ map_hash((uint64_t)id.slot << 48 | id.number));
}

uint32_t task_find(const struct engine *engine, struct task_id id) {
    uint32_t found = cold_find_origin(engine, id);
    if (found != 0) {
        return found;
    }
    uint32_t session = sessions_find(engine, id.session);
    uint32_t stream = session == 0 ? 0 : stream_find(engine, session, id.slot);
    if (stream == 0) {
        return 0;
    }
    uint32_t entry = stream_entry(stream_at(engine, stream), id.number);
    return (entry & INDEX_WAITER) != 0 ? 0 : entry;
}

void task_set_payload(struct engine *engine, uint32_t index, uint32_t handle, uint32_t size) {
    struct task *task = task_at(engine, index);
    hot_free_payload(engine, task->payload, task->payload_size);
    task->payload = handle;
    task->payload_size = size;
}

void task_drop(struct engine *engine, const struct home *home, uint32_t index) {
    struct task *task = task_at(engine, index);
    struct stream *stream = home->stream;
    hot_free_payload(engine, task->payload, task->payload_size);
    hot_clear_entry(engine, stream, task_number(task));
    if ((task->flags & TASK_COLD) != 0) {
        cold_drop(engine, index);
    }
    home->lane->tasks--;
    task->state = TASK_FREE;
    slab_free(&engine->tasks, index);
    if (--stream->tasks == 0) {
        sessions_settle(engine, stream->session);
    }
}
