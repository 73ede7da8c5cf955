/* SPDX-License-Identifier: MIT
 *
 * Hosts that are sent away; see leave.h. */
#include "broker/core/leave.h"

#include "broker/core/call.h"
#include "broker/core/state.h"

#include <inttypes.h>
#include <stdio.h>

void leave_id(uint64_t host, char out[LEAVE_ID_SIZE]) {
    (void)snprintf(out, LEAVE_ID_SIZE, "%016" PRIx64, host);
}

static bool leave_digit(uint8_t digit, uint64_t *id) {
    bool letter = digit >= 'a' && digit <= 'f';
    if (!letter && (digit < '0' || digit > '9')) {
        return false;
    }
    *id = *id << 4 | (uint64_t)(letter ? digit - 'a' + 10 : digit - '0');
    return true;
}

/* 0: no id. */
static uint64_t leave_parse(struct span text) {
    uint64_t id = 0;
    bool ok = text.size == LEAVE_ID_SIZE - 1;
    for (size_t i = 0; ok && i < text.size; i++) {
        ok = leave_digit(text.data[i], &id);
    }
    return ok ? id : 0;
}

static bool leave_is_left(const struct engine *engine, uint64_t id) {
    bool found = false;
    for (uint32_t i = 0; i < BOUND_LEFT; i++) {
        found = found || (id != 0 && engine->left.ids[i] == id);
    }
    return found;
}

/* 0: there is no such host. */
static uint32_t leave_host(const struct engine *engine, uint64_t id) {
    uint32_t host = id == 0 ? 0 : hosts_find(engine, id);
    return host != 0 && host_at(engine, host)->state != HOST_LOST ? host : 0;
}

static void leave_unknown(struct engine *engine, uint32_t session, uint64_t call, uint64_t id) {
    if (id != 0 && !engine->grace.over && !leave_is_left(engine, id)) {
        call_answer_text(engine, session, call, WHERRY_E_BUSY,
                         "the broker started a moment ago, and not all workers are back yet");
    } else {
        call_answer_text(engine, session, call, WHERRY_E_UNKNOWN,
                         "no such worker: it has left, or never was here");
    }
}

/* Behind a HELLO_OK that waits for its batch: before that the host listens to nothing else. */
static void leave_order(struct engine *engine, const struct host *host) {
    if (host->route != 0) {
        struct effect *effect = effects_add(engine_sink(engine), EFFECT_LEAVE, host->route);
        effect->leave_grace_ms = host->leave_grace_ms;
    }
}

static void leave_park(struct engine *engine, uint32_t session, uint32_t host,
                       const struct event_call *call, enum waiter_kind kind) {
    call_forget(engine, session, call->call);
    uint32_t index = call_park(engine, session, call, kind);
    if (index != 0) {
        waiter_at(engine, index)->host = host;
        list_append(&host_at(engine, host)->waiters, &engine->waiters,
                    offsetof(struct waiter, in_owner), index);
    }
}

void leave_ask(struct engine *engine, uint32_t session, const struct event_call *call) {
    uint64_t id = leave_parse(call->name);
    uint32_t index = leave_host(engine, id);
    if (index == 0) {
        leave_unknown(engine, session, call->call, id);
        return;
    }
    struct host *host = host_at(engine, index);
    host->leave = true;
    host->leave_grace_ms = call->grace_ms;
    hosts_look_again(engine, index);
    leave_order(engine, host);
    if (host->draining) { /* already: only its time may be another */
        call_answer_text(engine, session, call->call, WHERRY_OK, "");
    } else {
        leave_park(engine, session, index, call, WAITER_DRAIN);
    }
}

void leave_join(struct engine *engine, uint32_t session, const struct event_call *call) {
    uint64_t id = leave_parse(call->name);
    uint32_t index = leave_host(engine, id);
    if (index != 0) {
        leave_park(engine, session, index, call, WAITER_JOIN);
    } else if (leave_is_left(engine, id)) {
        call_answer_text(engine, session, call->call, WHERRY_OK, "");
    } else {
        leave_unknown(engine, session, call->call, id);
    }
}

void leave_remind(struct engine *engine, uint32_t index) {
    if (host_at(engine, index)->leave) {
        leave_order(engine, host_at(engine, index));
    }
}

static void leave_answer(struct engine *engine, uint32_t index, wherry_err err, const char *text) {
    const struct waiter *waiter = waiter_at(engine, index);
    call_answer_text(engine, waiter->session, waiter->number, err, text);
    waiter_drop(engine, index);
}

void leave_confirmed(struct engine *engine, uint32_t index) {
    struct host *host = host_at(engine, index);
    host->leave = false; /* it tells by itself now, after each hello */
    for (uint32_t at = host->waiters.head; at != 0;) {
        uint32_t next = waiter_at(engine, at)->in_owner.next;
        if (waiter_at(engine, at)->kind == WAITER_DRAIN) {
            leave_answer(engine, at, WHERRY_OK, "");
        }
        at = next;
    }
}

void leave_note(struct engine *engine, uint32_t index) {
    engine->left.ids[engine->left.next++ % BOUND_LEFT] = host_at(engine, index)->id;
}

void leave_over(struct engine *engine, uint32_t index) {
    const struct host *host = host_at(engine, index);
    while (host->waiters.head != 0) {
        uint32_t at = host->waiters.head;
        if (waiter_at(engine, at)->kind == WAITER_JOIN || host->goodbye) {
            leave_answer(engine, at, WHERRY_OK, "");
        } else {
            leave_answer(engine, at, WHERRY_E_LOST,
                         "it fell silent before it had heard; what it ran goes to others");
        }
    }
}

void leave_timed_out(struct engine *engine, uint32_t index) {
    bool join = waiter_at(engine, index)->kind == WAITER_JOIN;
    leave_answer(engine, index, WHERRY_E_TIMEOUT,
                 join ? "it has not left yet" : "it has not confirmed yet, and is told again");
}
