/* SPDX-License-Identifier: MIT
 *
 * Processes; see process.h. What runs where is in the lease, as for any task; what is here is who
 * is told of it, and when. */
#include "broker/core/process.h"

#include "broker/core/attempt.h"
#include "broker/core/call.h"
#include "broker/core/cancel.h"
#include "broker/core/hot.h"
#include "broker/core/report.h"
#include "broker/core/result.h"
#include "common/wire/pack.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
    IN_PROCESSES = offsetof(struct cold, in_processes),
    IN_DAEMONS = offsetof(struct cold, in_daemons),
    PROCESS_HELD_MS = 1000, /* nobody knows yet whether it runs: asked again then */
    PROCESS_BODY = 160,
    SIGNAL_KILL = 9,
    SIGNAL_TERM = 15,
};

static const struct wire_options *process_options(const struct engine *engine, uint32_t task) {
    return &lane_at(engine, task_at(engine, task)->lane)->options;
}

bool process_is(const struct engine *engine, uint32_t task) {
    return (process_options(engine, task)->flags & TASK_PROCESS) != 0;
}

static struct session *process_session(const struct engine *engine, uint32_t task) {
    return session_at(engine, stream_at(engine, task_at(engine, task)->stream)->session);
}

void process_enter(struct engine *engine, uint32_t task) {
    struct cold *cold = cold_of(engine, task);
    uint32_t index = cold_index(engine, task);
    cold->process = true;
    list_append(&engine->processes, &engine->colds, IN_PROCESSES, index);
    if ((process_options(engine, task)->flags & TASK_DAEMON) != 0) {
        list_append(&process_session(engine, task)->daemons, &engine->colds, IN_DAEMONS, index);
        cold->daemon = true;
    }
    queue_match(engine, lane_at(engine, task_at(engine, task)->lane)->queue); /* one child more */
}

static void process_leave_daemons(struct engine *engine, uint32_t task) {
    struct cold *cold = cold_find(engine, task);
    if (cold->daemon) {
        cold->daemon = false;
        list_remove(&process_session(engine, task)->daemons, &engine->colds, IN_DAEMONS,
                    cold_index(engine, task));
    }
}

void process_leave(struct engine *engine, uint32_t task) {
    struct cold *cold = cold_find(engine, task);
    if (cold != NULL && cold->process) {
        cold->process = false;
        list_remove(&engine->processes, &engine->colds, IN_PROCESSES, cold_index(engine, task));
        process_leave_daemons(engine, task);
    }
}

/* ---- how it is ------------------------------------------------------------------------------ */

static const struct child *process_child(const struct engine *engine, uint32_t task) {
    const struct task *record = task_at(engine, task);
    return record->state == TASK_LEASED ? child_at(engine, record->lease.child) : NULL;
}

struct body_process process_view(const struct engine *engine, uint32_t task) {
    const struct child *child = process_child(engine, task);
    if (child != NULL) {
        return (struct body_process){child->activity != 0 ? child->activity : WIRE_PROCESS_RUNNING,
                                     child->pid, host_at(engine, child->host)->label};
    }
    bool dead = task_is_terminal(task_at(engine, task));
    return (struct body_process){.state = dead ? WIRE_PROCESS_DEAD : WIRE_PROCESS_READY};
}

static void process_answer(struct engine *engine, struct effects *sink, uint32_t session,
                           uint64_t call, uint32_t task) {
    uint8_t packed[PROCESS_BODY + WIRE_NAME_MAX];
    struct bytes body = {packed, 0, sizeof packed};
    struct body_process view = process_view(engine, task);
    body_put_process(&body, &view);
    struct span copy = effects_copy(sink, bytes_span(&body));
    struct effect *effect = effects_add(sink, EFFECT_ANSWER, session_at(engine, session)->route);
    effect->answer.call = call;
    effect->answer.body = copy;
}

void process_show(struct engine *engine, uint32_t session, const struct event_call *call,
                  uint32_t task) {
    process_answer(engine, engine_sink(engine), session, call->call, task);
}

/* ---- the start ------------------------------------------------------------------------------ */

void process_answer_start(struct engine *engine, uint32_t index) {
    const struct waiter *waiter = waiter_at(engine, index);
    process_answer(engine, engine_sink(engine), waiter->session, waiter->number, waiter->task);
    waiter_drop(engine, index);
}

void process_started(struct engine *engine, uint32_t task) {
    for (uint32_t at = cold_of(engine, task)->waiters.head; at != 0;) {
        uint32_t next = waiter_at(engine, at)->in_owner.next;
        if (waiter_at(engine, at)->kind == WAITER_START) {
            process_answer_start(engine, at);
        }
        at = next;
    }
}

/* Its time is up, and it has not begun: it never will. */
static void process_withdraw(struct engine *engine, uint32_t session, uint64_t call,
                             uint32_t task) {
    char text[REPORT_TEXT];
    struct span why = report_why(engine, task, text);
    call_answer_span(engine, session, call, WHERRY_E_FULL, why);
    (void)cancel_task(engine, task);
}

void process_start(struct engine *engine, uint32_t session, const struct event_call *call,
                   uint32_t task) {
    if (!task_is_ready(task_at(engine, task))) {
        process_answer(engine, engine_sink(engine), session, call->call, task);
        return;
    }
    if (call->timeout_ms == 0 && task_at(engine, task)->state != TASK_HELD) {
        process_withdraw(engine, session, call->call, task);
        return;
    }
    call_park_at(engine, session, call, WAITER_START, task);
}

void process_start_timed_out(struct engine *engine, uint32_t index) {
    struct waiter waiter = *waiter_at(engine, index);
    if (task_at(engine, waiter.task)->state == TASK_HELD) {
        waiter_set_deadline(engine, index, PROCESS_HELD_MS);
        return;
    }
    waiter_drop(engine, index);
    process_withdraw(engine, waiter.session, waiter.number, waiter.task);
}

/* ---- signals -------------------------------------------------------------------------------- */

/* Of one that runs. Stored, so that a restarted broker sends it again. */
static void process_send(struct engine *engine, uint32_t index, uint32_t signal) {
    struct task *task = task_at(engine, index);
    uint16_t flags =
        (uint16_t)(task->flags | TASK_CANCEL | (signal == SIGNAL_KILL ? TASK_KILL : 0));
    if (flags != task->flags) {
        task->flags = flags;
        persist_task(engine, index);
    }
    cancel_signal(engine, index, signal);
}

void process_signal(struct engine *engine, uint32_t session, const struct event_call *call,
                    uint32_t task) {
    if (call->signal != SIGNAL_KILL && call->signal != SIGNAL_TERM) {
        call_answer_text(engine, session, call->call, WHERRY_E_INVALID, "SIGTERM or SIGKILL");
        return;
    }
    enum wire_was was = WIRE_WAS_RUNNING;
    if (task_at(engine, task)->state == TASK_LEASED) {
        process_send(engine, task, call->signal);
    } else {
        was = cancel_task(engine, task);
    }
    call_answer_number(engine, session, call->call, was);
}

uint32_t process_end_daemons(struct engine *engine, uint32_t session_index, uint32_t units) {
    struct session *session = session_at(engine, session_index);
    uint32_t used = 0;
    for (; used < units && session->daemons.head != 0 && !PLANTED(PLANT_DAEMON_STAYS); used++) {
        const struct cold *cold = slab_at(&engine->colds, session->daemons.head);
        uint32_t task = cold->task;
        process_leave_daemons(engine, task);
        if (task_at(engine, task)->state == TASK_LEASED) {
            process_send(engine, task, SIGNAL_KILL);
        } else {
            (void)cancel_task(engine, task);
        }
    }
    return used;
}

/* ---- the end -------------------------------------------------------------------------------- */

static int64_t process_exit_code(const struct event_death *death) {
    bool killed = death->cause == WIRE_CAUSE_SIGNAL || death->cause == WIRE_CAUSE_MEMORY;
    return killed ? -death->cause_number : death->cause_number;
}

void process_died(struct engine *engine, uint32_t task, const struct event_death *death) {
    struct token token = task_token(engine, task);
    int64_t code = process_exit_code(death);
    note_task(engine, LOG_INFO, "Process ended", task, token, " pid=%" PRId64 " code=%" PRId64,
              death->pid, code);
    attempt_detach(engine, task);
    if (PLANTED(PLANT_SPAWN_AGAIN)) {
        lane_return(engine, task);
        return;
    }
    struct cold *cold = cold_of(engine, task);
    bytes_clear(&cold->failure);
    pack_int(&cold->failure, code);
    result_finish(engine, task, WIRE_DONE, (struct payload){0, 0});
}

/* ---- what hosts say ------------------------------------------------------------------------- */

static void process_name(struct child *child, struct span name) {
    if (!span_equal(child->name, name) && name.size <= WIRE_NAME_MAX) {
        uint8_t *copy = realloc((void *)(uintptr_t)child->name.data, name.size + 1);
        CHECK(copy != NULL);
        if (name.size > 0) {
            memcpy(copy, name.data, name.size);
        }
        child->name = (struct span){copy, name.size};
    }
}

void process_states(struct engine *engine, uint32_t host, const struct event_states *states) {
    for (uint32_t i = 0; i < states->item_count; i++) {
        const struct wire_state *state = &states->items[i];
        uint32_t index = hosts_child_find(engine, host, state->place);
        bool known = state->state == WIRE_PROCESS_RUNNING || state->state == WIRE_PROCESS_WAITING;
        if (index != 0 && known) {
            child_at(engine, index)->activity = (uint8_t)state->state;
            process_name(child_at(engine, index), state->name);
        }
    }
}
