/* SPDX-License-Identifier: MIT
 *
 * Report of one pool: hosts, processes, what each of them runs. See report.h. */
#include "broker/core/report.h"

#include "broker/core/leave.h"
#include "broker/core/state.h"

#include <msgpack/pack.h>

enum { POOL_CHILDREN = 4096, POOL_FUNCTIONS = 1024 };

static int pool_write(void *data, const char *bytes, size_t size) {
    bytes_append(data, bytes, size);
    return 0;
}

static void pool_string(msgpack_packer *packer, struct span text) {
    msgpack_pack_str(packer, text.size);
    if (text.size > 0) {
        msgpack_pack_str_body(packer, text.data, text.size);
    }
}

static void pool_text(msgpack_packer *packer, const char *key, struct span text) {
    pool_string(packer, span_of_text(key));
    pool_string(packer, text);
}

static void pool_number(msgpack_packer *packer, const char *key, uint64_t value) {
    pool_string(packer, span_of_text(key));
    msgpack_pack_uint64(packer, value);
}

static void pool_list(msgpack_packer *packer, const char *key, uint32_t count) {
    pool_string(packer, span_of_text(key));
    msgpack_pack_array(packer, count);
}

/* What a child has had longest, and probably runs; 0: nothing. */
static uint32_t pool_current(const struct engine *engine, const struct child *child) {
    if (child->adopted.head != 0) {
        return ((const struct cold *)slab_at(&engine->colds, child->adopted.head))->task;
    }
    for (uint32_t i = 0; i < child->ring_size && child->leased > 0; i++) {
        uint32_t task = child->ring[(child->next + i) & (child->ring_size - 1)];
        if (task != 0) {
            return task;
        }
    }
    return 0;
}

static void pool_child(const struct engine *engine, msgpack_packer *packer,
                       const struct child *child) {
    char id[ID_TEXT_SIZE] = "";
    struct span function = {NULL, 0};
    uint32_t task = pool_current(engine, child);
    const char *state = task != 0 ? "running" : child->free ? "idle" : "held";
    if (task != 0) {
        task_id_to_text(task_id_of(engine, task), id);
        function = lane_at(engine, task_at(engine, task)->lane)->function;
    }
    msgpack_pack_map(packer, 6);
    pool_number(packer, "place", child->place);
    pool_number(packer, "pid", (uint64_t)child->pid);
    pool_text(packer, "state", span_of_text(state));
    pool_text(packer, "task", span_of_text(id));
    pool_text(packer, "function", function);
    pool_number(packer, "leased", child->leased + child->adopted.count);
}

/* Those for Processes stand behind them: report_process.c. */
static uint32_t pool_places(const struct host *host) {
    return host->place_count < host->processes ? host->place_count : host->processes;
}

static bool pool_shows(const struct engine *engine, uint32_t child) {
    return child != 0 && !child_at(engine, child)->dead && child_at(engine, child)->session != 0;
}

static void pool_host(const struct engine *engine, msgpack_packer *packer, const struct host *host,
                      uint32_t *room) {
    uint32_t count = 0;
    for (uint32_t place = 0; place < pool_places(host); place++) {
        count += pool_shows(engine, host->places[place]);
    }
    count = count < *room ? count : *room;
    *room -= count;
    char id[LEAVE_ID_SIZE];
    leave_id(host->id, id);
    msgpack_pack_map(packer, 6);
    pool_text(packer, "id", span_of_text(id));
    pool_text(packer, "host", host->label);
    pool_number(packer, "pid", (uint64_t)host->pid);
    pool_text(packer, "state",
              span_of_text(host->draining || host->leave ? "draining"
                           : host->route != 0 ? "ready"
                                              : "silent"));
    pool_number(packer, "processes", host->processes);
    pool_list(packer, "children", count);
    for (uint32_t place = 0; place < pool_places(host) && count > 0; place++) {
        if (pool_shows(engine, host->places[place])) {
            pool_child(engine, packer, child_at(engine, host->places[place]));
            count--;
        }
    }
}

/* Of the first host: hosts of a pool are made alike. */
static void pool_functions(const struct engine *engine, msgpack_packer *packer,
                           const struct queue *queue) {
    const struct host *host = queue->hosts.head == 0 ? NULL : host_at(engine, queue->hosts.head);
    uint32_t count = host == NULL ? 0 : host->function_count;
    pool_list(packer, "functions", count < POOL_FUNCTIONS ? count : POOL_FUNCTIONS);
    for (uint32_t i = 0; i < count && i < POOL_FUNCTIONS; i++) {
        pool_string(packer, host->functions[i]);
    }
}

bool report_pool(struct engine *engine, route_id route, uint64_t call, struct span name) {
    uint32_t index = queue_find(engine, name);
    if (index == 0) {
        return false;
    }
    const struct queue *queue = queue_at(engine, index);
    struct bytes body = BYTES_EMPTY;
    msgpack_packer packer;
    msgpack_packer_init(&packer, &body, pool_write);
    msgpack_pack_map(&packer, 7);
    pool_text(&packer, "name", queue->name);
    pool_text(&packer, "state", span_of_text(queue_state(queue)));
    pool_text(&packer, "queue", queue->name);
    pool_number(&packer, "waiting", queue->depth);
    pool_number(&packer, "running", queue->leased);
    pool_functions(engine, &packer, queue);
    uint32_t room = POOL_CHILDREN;
    pool_list(&packer, "hosts", queue->hosts.count);
    for (uint32_t at = queue->hosts.head; at != 0; at = host_at(engine, at)->in_queue.next) {
        pool_host(engine, &packer, host_at(engine, at), &room);
    }
    struct span copy = effects_copy(engine->out, bytes_span(&body));
    struct effect *effect = effects_add(engine->out, EFFECT_ANSWER, route);
    effect->answer.call = call;
    effect->answer.body = copy;
    bytes_free(&body);
    return true;
}
