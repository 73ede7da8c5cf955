/* SPDX-License-Identifier: MIT
 *
 * Report: see report.h. Bodies are packed with msgpack-c's inline packers into a buffer and copied
 * into the effect; they wait for no commit, because what they say is true only for a moment anyway.
 */
#include "broker/core/report.h"

#include "broker/core/state.h"

#include <msgpack/pack.h>
#include <stdio.h>

enum { REPORT_QUEUES = 1024, REPORT_CHILDREN = 4096, REPORT_MISSING = 64 };

/* ---- packing -------------------------------------------------------------------------------- */

static int report_write(void *data, const char *bytes, size_t size) {
    bytes_append(data, bytes, size);
    return 0;
}

static void pack_string(msgpack_packer *packer, struct span text) {
    msgpack_pack_str(packer, text.size);
    if (text.size > 0) {
        msgpack_pack_str_body(packer, text.data, text.size);
    }
}

static void pack_key(msgpack_packer *packer, const char *key) {
    pack_string(packer, span_of_text(key));
}

static void pack_entry(msgpack_packer *packer, const char *key, uint64_t value) {
    pack_key(packer, key);
    msgpack_pack_uint64(packer, value);
}

static void pack_entry_text(msgpack_packer *packer, const char *key, struct span text) {
    pack_key(packer, key);
    pack_string(packer, text);
}

static void pack_entry_bool(msgpack_packer *packer, const char *key, bool value) {
    pack_key(packer, key);
    if (value) {
        msgpack_pack_true(packer);
    } else {
        msgpack_pack_false(packer);
    }
}

static void report_send(struct engine *engine, route_id route, uint64_t call, struct bytes *body) {
    struct span copy = effects_copy(engine->out, bytes_span(body));
    struct effect *effect = effects_add(engine->out, EFFECT_ANSWER, route);
    effect->answer.call = call;
    effect->answer.body = copy;
    bytes_free(body);
}

void report_body_text(struct engine *engine, route_id route, uint64_t call, struct span text) {
    struct bytes body = BYTES_EMPTY;
    msgpack_packer packer;
    msgpack_packer_init(&packer, &body, report_write);
    msgpack_pack_array(&packer, 1);
    pack_string(&packer, text);
    report_send(engine, route, call, &body);
}

/* ---- why ------------------------------------------------------------------------------------ */

static struct span why_text(char *text, int size) {
    return (struct span){(const uint8_t *)text,
                         size < REPORT_TEXT ? (size_t)size : REPORT_TEXT - 1};
}

static struct span why_ready(const struct engine *engine, const struct task *task, char *text) {
    const struct lane *lane = lane_at(engine, task->lane);
    const struct queue *queue = queue_at(engine, lane->queue);
    int function = (int)lane->function.size;
    if (!engine->grace.over && (task->flags & TASK_OLD) != 0) {
        return span_of_text(
            "the broker was restarted and waits for hosts to announce what they run");
    }
    if (queue_is_paused_out(queue)) {
        return why_text(text, snprintf(text, REPORT_TEXT,
                                       "queue %.*s is paused: nothing is handed out until it is "
                                       "resumed",
                                       (int)queue->name.size, (const char *)queue->name.data));
    }
    if (lane->offers == 0) {
        return why_text(text, snprintf(text, REPORT_TEXT, "no worker offers %.*s in pool %.*s",
                                       function, (const char *)lane->function.data,
                                       (int)queue->name.size, (const char *)queue->name.data));
    }
    if ((lane->options.flags & TASK_PROCESS) != 0) {
        return why_text(text, snprintf(text, REPORT_TEXT,
                                       "no worker of pool %.*s has room for another Process yet",
                                       (int)queue->name.size, (const char *)queue->name.data));
    }
    return why_text(text, snprintf(text, REPORT_TEXT,
                                   "%llu tasks wait in queue %.*s and all its processes are busy",
                                   (unsigned long long)queue->depth, (int)queue->name.size,
                                   (const char *)queue->name.data));
}

struct span report_why(const struct engine *engine, uint32_t index, char text[REPORT_TEXT]) {
    const struct task *task = task_at(engine, index);
    if (task_is_terminal(task)) {
        return span_of_text("it has ended");
    }
    if (task->state == TASK_LEASED) {
        const struct child *child = child_at(engine, task->lease.child);
        const struct host *host = host_at(engine, child->host);
        return why_text(text,
                        snprintf(text, REPORT_TEXT, "it was handed to process %lld of host %.*s",
                                 (long long)child->pid, (int)host->label.size,
                                 (const char *)host->label.data));
    }
    if (task->state == TASK_WAITING) {
        int64_t left_us =
            timer_due(&engine->mono, cold_find(engine, index)->timer) - engine->now.mono_us;
        return why_text(text, snprintf(text, REPORT_TEXT, "it asked for another try in %lld ms",
                                       (long long)(left_us / 1000)));
    }
    if (task->state == TASK_HELD) {
        return span_of_text("it may run once only, and has perhaps started before the restart");
    }
    return why_ready(engine, task, text);
}

/* ---- status --------------------------------------------------------------------------------- */

int64_t report_oldest_us(const struct engine *engine, uint32_t index, struct now now) {
    uint64_t oldest = UINT64_MAX;
    const struct queue *queue = queue_at(engine, index);
    for (uint32_t at = queue->lanes.head; at != 0; at = lane_at(engine, at)->in_queue.next) {
        uint32_t task = lane_first(engine, at);
        if (task != 0 && task_arrival(task_at(engine, task)) < oldest) {
            oldest = task_arrival(task_at(engine, task));
        }
    }
    return oldest == UINT64_MAX ? 0
                                : now.mono_us - ages_time_us(&engine->ages, oldest, now.mono_us);
}

static bool lane_is_missing(const struct lane *lane) {
    return lane->offers == 0 && lane_ready(lane) > 0;
}

static void pack_missing(const struct engine *engine, msgpack_packer *packer,
                         const struct queue *queue) {
    uint32_t count = 0;
    for (uint32_t at = queue->lanes.head; at != 0; at = lane_at(engine, at)->in_queue.next) {
        count += lane_is_missing(lane_at(engine, at));
    }
    count = count < REPORT_MISSING ? count : REPORT_MISSING;
    pack_key(packer, "missing");
    msgpack_pack_array(packer, count);
    for (uint32_t at = queue->lanes.head; at != 0 && count > 0;) {
        const struct lane *lane = lane_at(engine, at);
        if (lane_is_missing(lane)) {
            pack_string(packer, lane->function);
            count--;
        }
        at = lane->in_queue.next;
    }
}

static void pack_queue(const struct engine *engine, msgpack_packer *packer, uint32_t index) {
    const struct queue *queue = queue_at(engine, index);
    msgpack_pack_map(packer, 15);
    pack_entry_text(packer, "name", queue->name);
    pack_entry(packer, "waiting", queue->depth);
    pack_entry(packer, "bytes", queue->depth_bytes);
    pack_entry(packer, "items_max", queue->items_max);
    pack_entry(packer, "bytes_max", queue->bytes_max);
    pack_entry(packer, "running", queue->leased);
    pack_entry(packer, "waiters", queue->putters.count + queue->reserved);
    pack_entry(packer, "oldest_ms", (uint64_t)report_oldest_us(engine, index, engine->now) / 1000);
    pack_entry_text(packer, "state", span_of_text(queue_state(queue)));
    pack_entry_bool(packer, "paused_in", !queue_is_open(queue, false));
    pack_entry_bool(packer, "paused_out", queue_is_paused_out(queue));
    pack_entry_bool(packer, "refuses", queue_refuses(queue, false));
    pack_entry(packer, "done", queue->done);
    pack_entry(packer, "failed", queue->failed);
    pack_missing(engine, packer, queue);
}

static void pack_totals(const struct engine *engine, msgpack_packer *packer) {
    struct engine_counts counts;
    engine_counts(engine, &counts);
    const struct {
        const char *name;
        uint64_t value;
    } totals[] = {
#define TOTAL(name) {#name, counts.name}
        TOTAL(tasks),
        TOTAL(ready),
        TOTAL(leased),
        TOTAL(waiting_retry),
        TOTAL(results_kept),
        TOTAL(results_bytes),
        TOTAL(waiters),
        TOTAL(sessions),
        TOTAL(hosts),
        TOTAL(children),
        TOTAL(payload_bytes),
        TOTAL(submitted),
        TOTAL(delivered),
        TOTAL(done),
        TOTAL(failed),
        TOTAL(cancelled),
        TOTAL(lost),
        TOTAL(retries_crash),
        TOTAL(retries_lease),
        TOTAL(retries_asked),
        TOTAL(taken_back),
        TOTAL(stale_results),
        TOTAL(duplicates),
        TOTAL(taken_again),
        TOTAL(refused_full),
        TOTAL(refused_results_full),
        TOTAL(refused_too_large),
        TOTAL(refused_other),
        TOTAL(credit_stalls),
        TOTAL(batches_opened),
        TOTAL(batches_committed),
#undef TOTAL
    };
    const uint32_t count = sizeof(totals) / sizeof(totals[0]);
    pack_key(packer, "totals");
    msgpack_pack_map(packer, count);
    for (uint32_t i = 0; i < count; i++) {
        pack_entry(packer, totals[i].name, totals[i].value);
    }
}

/* How long tasks from before a restart may still have to wait; 0: no longer. */
static uint64_t report_grace_ms(const struct engine *engine) {
    int64_t left_us = grace_next(engine) - engine_lived_us(engine);
    return engine->grace.over || left_us <= 0 ? 0 : (uint64_t)left_us / 1000 + 1;
}

void report_status(struct engine *engine, route_id route, uint64_t call) {
    struct bytes body = BYTES_EMPTY;
    msgpack_packer packer;
    msgpack_packer_init(&packer, &body, report_write);
    uint32_t queues = engine->queues.live < REPORT_QUEUES ? engine->queues.live : REPORT_QUEUES;
    msgpack_pack_map(&packer, 12);
    pack_entry_text(&packer, "version", span_of_text(WHERRY_VERSION));
    pack_entry(&packer, "epoch", engine->config.epoch);
    pack_entry_bool(&packer, "keeps", engine->config.keeps);
    pack_entry_bool(&packer, "draining", engine->draining);
    pack_entry(&packer, "grace_ms", report_grace_ms(engine));
    pack_entry(&packer, "hosts_awaited", engine->grace.awaited);
    pack_entry_bool(&packer, "truncated", queues < engine->queues.live);
    pack_entry(&packer, "hosts", engine->counts.hosts);
    pack_entry(&packer, "processes", engine->counts.children);
    pack_entry(&packer, "sessions", engine->counts.sessions);
    pack_key(&packer, "queues");
    msgpack_pack_array(&packer, queues);
    for (uint32_t index = 1; index <= engine->queues.used && queues > 0; index++) {
        if (queue_at(engine, index)->name.size > 0) {
            pack_queue(engine, &packer, index);
            queues--;
        }
    }
    pack_totals(engine, &packer);
    report_send(engine, route, call, &body);
}
