/* SPDX-License-Identifier: MIT
 *
 * Report of the Processes that have not ended. See report.h. */
#include "broker/core/report.h"

#include "broker/core/leave.h"
#include "broker/core/process.h"
#include "broker/core/state.h"
#include "common/wire/pack.h"

enum { REPORT_PROCESSES = 4096 };

static void put_text(struct bytes *body, const char *key, struct span text) {
    pack_text(body, span_of_text(key), WIRE_NAME_MAX);
    pack_text(body, text, WIRE_NAME_MAX);
}

static const char *state_word(uint32_t state) {
    return state == WIRE_PROCESS_READY     ? "ready"
           : state == WIRE_PROCESS_WAITING ? "waiting"
           : state == WIRE_PROCESS_RUNNING ? "running"
                                           : "dead";
}

static void put_process(const struct engine *engine, struct bytes *body, uint32_t task) {
    const struct task *record = task_at(engine, task);
    const struct lane *lane = lane_at(engine, record->lane);
    const struct child *child =
        record->state == TASK_LEASED ? child_at(engine, record->lease.child) : NULL;
    struct body_process view = process_view(engine, task);
    char id[ID_TEXT_SIZE];
    char session[LEAVE_ID_SIZE];
    task_id_to_text(task_id_of(engine, task), id);
    leave_id(session_at(engine, stream_at(engine, record->stream)->session)->id, session);
    pack_map(body, 9);
    put_text(body, "id", span_of_text(id));
    put_text(body, "name", child != NULL ? child->name : span_of_text(""));
    put_text(body, "state", span_of_text(state_word(view.state)));
    pack_text(body, span_of_text("pid"), WIRE_NAME_MAX);
    pack_uint(body, (uint64_t)view.pid);
    put_text(body, "host", view.host);
    put_text(body, "function", lane->function);
    put_text(body, "pool", queue_at(engine, lane->queue)->name);
    pack_text(body, span_of_text("daemon"), WIRE_NAME_MAX);
    pack_bool(body, (lane->options.flags & TASK_DAEMON) != 0);
    put_text(body, "session", span_of_text(session));
}

void report_processes(struct engine *engine, route_id route, uint64_t call) {
    uint32_t all = engine->processes.count;
    uint32_t count = all < REPORT_PROCESSES ? all : REPORT_PROCESSES;
    struct bytes body = BYTES_EMPTY;
    pack_map(&body, 2);
    pack_text(&body, span_of_text("processes"), WIRE_NAME_MAX);
    pack_array(&body, count);
    for (uint32_t at = engine->processes.head; count > 0; count--) {
        const struct cold *cold = slab_at(&engine->colds, at);
        put_process(engine, &body, cold->task);
        at = cold->in_processes.next;
    }
    pack_text(&body, span_of_text("more"), WIRE_NAME_MAX);
    pack_bool(&body, all > REPORT_PROCESSES);
    struct span copy = effects_copy(engine->out, bytes_span(&body));
    struct effect *effect = effects_add(engine->out, EFFECT_ANSWER, route);
    effect->answer.call = call;
    effect->answer.body = copy;
    bytes_free(&body);
}
