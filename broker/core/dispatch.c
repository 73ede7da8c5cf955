/* SPDX-License-Identifier: MIT
 *
 * Dispatch: see dispatch.h. Who speaks on an unknown route is told HELLO_REQUIRED and nothing else
 * happens; who says what its kind of peer cannot say is refused. */
#include "broker/core/dispatch.h"

#include "broker/core/call.h"
#include "broker/core/death.h"
#include "broker/core/hello.h"
#include "broker/core/outcome.h"
#include "broker/core/process.h"
#include "broker/core/putter.h"
#include "broker/core/result.h"
#include "broker/core/state.h"
#include "broker/core/submit.h"

/* Calls `visit` with each payload of an event. */
typedef void payload_visit(struct engine *engine, struct payload payload);

static void dispatch_payloads(struct engine *engine, const struct event *event,
                              payload_visit *visit) {
    if (event->kind == EVENT_SUBMIT) {
        for (uint32_t i = 0; i < event->submit.item_count; i++) {
            visit(engine, event->submit.items[i].payload);
        }
    } else if (event->kind == EVENT_RESULTS) {
        for (uint32_t i = 0; i < event->results.item_count; i++) {
            visit(engine, event->results.items[i].payload);
        }
    } else if (event->kind == EVENT_HELLO) {
        for (uint32_t i = 0; i < event->hello.held_count; i++) {
            visit(engine, event->hello.held[i].payload);
        }
    }
}

static void dispatch_count(struct engine *engine, struct payload payload) {
    engine->counts.payload_bytes += payload.handle != 0 ? payload.size : 0;
}

void dispatch_count_payloads(struct engine *engine, const struct event *event) {
    dispatch_payloads(engine, event, dispatch_count);
}

void dispatch_drop(struct engine *engine, const struct event *event) {
    dispatch_payloads(engine, event, engine_free_payload);
}

/* ---- clients -------------------------------------------------------------------------------- */

static void dispatch_ack(struct engine *engine, uint32_t session, const struct event_ack *ack) {
    uint32_t stream = stream_find(engine, session, ack->slot);
    result_credit(engine, session, ack->credit);
    if (stream == 0) {
        return;
    }
    submit_acknowledge(engine, stream, ack->acked);
    for (uint32_t i = 0; i < ack->run_count; i++) {
        result_receive(engine, stream, &ack->runs[i]);
    }
}

static void dispatch_cancel(struct engine *engine, uint32_t session,
                            const struct event_cancel *cancel) {
    uint32_t stream = stream_find(engine, session, cancel->slot);
    if (stream != 0 && cancel->run_count > 0) {
        work_add_cancel(engine, stream, cancel->runs, cancel->run_count);
    }
}

static void dispatch_renumber(struct engine *engine, uint32_t session,
                              const struct event_renumber *renumber) {
    uint32_t stream = stream_find(engine, session, renumber->slot);
    if (stream == 0) {
        return;
    }
    submit_acknowledge(engine, stream, renumber->acked);
    for (uint32_t i = 0; i < renumber->item_count; i++) {
        putter_renumber(engine, stream, renumber->items[i].from, renumber->items[i].to);
    }
}

/* True: it is something that a client says. */
static bool dispatch_client(struct engine *engine, uint32_t session, const struct event *event) {
    sessions_heard(engine, session);
    switch (event->kind) {
    case EVENT_SUBMIT:
        submit_receive(engine, session, &event->submit);
        return true;
    case EVENT_ACK:
        dispatch_ack(engine, session, &event->ack);
        return true;
    case EVENT_CANCEL:
        dispatch_cancel(engine, session, &event->cancel);
        return true;
    case EVENT_RENUMBER:
        dispatch_renumber(engine, session, &event->renumber);
        return true;
    case EVENT_CALL:
        call_receive(engine, session, &event->call);
        return true;
    case EVENT_GOODBYE:
        sessions_end(engine, session, "goodbye");
        return true;
    default:
        return false;
    }
}

/* ---- workers -------------------------------------------------------------------------------- */

static bool dispatch_child(struct engine *engine, uint32_t child, const struct event *event) {
    switch (event->kind) {
    case EVENT_RESULTS:
        outcome_receive(engine, child, &event->results);
        return true;
    case EVENT_CREDIT:
        if (child_at(engine, child)->route == event->route) {
            children_credit(engine, child, &event->credit);
        }
        return true;
    case EVENT_GOODBYE:
        routes_close(engine, event->route);
        children_disconnect(engine, child, event->route);
        return true;
    default:
        return false;
    }
}

static void dispatch_gate(struct engine *engine, uint32_t host, const struct wire_gate *gate) {
    uint32_t child = hosts_child_find(engine, host, gate->place);
    if (child != 0) {
        (void)children_closed(engine, child, gate->generation, gate->started);
    }
}

static bool dispatch_host(struct engine *engine, uint32_t host, const struct event *event) {
    hosts_heard(engine, host);
    switch (event->kind) {
    case EVENT_GATE:
        dispatch_gate(engine, host, &event->gate);
        return true;
    case EVENT_DEATH:
        death_receive(engine, host, &event->death);
        return true;
    case EVENT_STATES:
        process_states(engine, host, &event->states);
        return true;
    case EVENT_DRAIN_HOST:
        hosts_drain(engine, host);
        return true;
    case EVENT_GOODBYE:
        host_at(engine, host)->goodbye = true;
        hosts_lose(engine, host, "goodbye");
        return true;
    default:
        return false;
    }
}

/* ---- everybody ------------------------------------------------------------------------------ */

static void dispatch_stranger(struct engine *engine, const struct event *event) {
    dispatch_drop(engine, event);
    if (event->kind != EVENT_GOODBYE) {
        effects_add(engine->out, EFFECT_HELLO_REQUIRED, event->route);
    }
}

static void dispatch_confused(struct engine *engine, const struct event *event) {
    dispatch_drop(engine, event);
    hello_refuse(engine, event->route, WHERRY_E_PROTOCOL, "not a message of this kind of peer");
}

static bool dispatch_peer(struct engine *engine, const struct route *route,
                          const struct event *event) {
    switch ((enum peer_kind)route->kind) {
    case PEER_CLIENT:
        return dispatch_client(engine, route->peer, event);
    case PEER_HOST:
        return dispatch_host(engine, route->peer, event);
    case PEER_CHILD:
        return dispatch_child(engine, route->peer, event);
    case PEER_NONE:
        break;
    }
    IMPOSSIBLE("a route without a peer");
}

void dispatch_event(struct engine *engine, const struct event *event) {
    const struct route *route = routes_find(engine, event->route);
    if (route == NULL) {
        dispatch_stranger(engine, event);
        return;
    }
    if (event->kind == EVENT_BEAT) {
        if (route->kind == PEER_CLIENT) {
            sessions_heard(engine, route->peer);
        } else if (route->kind == PEER_HOST) {
            hosts_heard(engine, route->peer);
        }
        effects_add(engine->out, EFFECT_BEAT_OK, event->route);
    } else if (!dispatch_peer(engine, route, event)) {
        dispatch_confused(engine, event);
    }
}
