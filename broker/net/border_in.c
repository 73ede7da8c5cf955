/* SPDX-License-Identifier: MIT
 *
 * Wire messages into events; see border.h.
 *
 * The reader has checked a message to its last item before it says OK, so a walk over its lists
 * cannot fail half way. What remains to be judged here is meaning: who may say what, statuses, the
 * failure inside a TRY_AGAIN. All that is judged before the first payload goes into the store, or
 * undone.
 *
 * Arrays live in scratch memory that is reserved once a message from the list's count (which the
 * reader has checked against the bytes) and kept: no malloc a message, none a task. */
#include "broker/net/border_parts.h"
#include "common/bounds.h"
#include "common/check.h"
#include "common/wire/cursor.h"

#include <stdlib.h>
#include <string.h>

struct decode {
    struct border *border;
    border_take *take;
    void *context;
    const struct wire_message *message;
    struct event *event;
};

/* Room for `count` things of `size` bytes; what was there may be gone. */
static void *scratch_reserve(struct scratch *scratch, size_t count, size_t size) {
    size_t needed = (count > 0 ? count : 1) * size;
    if (scratch->capacity < needed) {
        free(scratch->data);
        scratch->data = malloc(needed);
        CHECK(scratch->data != NULL);
        scratch->capacity = needed;
    }
    return scratch->data;
}

static wherry_err refuse(struct border *border, const char *why) {
    border->refusal = span_of_text(why);
    border->counts.refused++;
    return WHERRY_E_PROTOCOL;
}

/* A payload into the store: copied from frame 0, or its frame taken over. */
static inline struct payload payload_in(const struct decode *decode, struct span bytes, int frame) {
    struct payload_store *store = decode->border->config.store;
    if (frame == 0 || decode->take == NULL) {
        return payload_copy(store, bytes);
    }
    return payload_take(store, decode->take(decode->context, (size_t)frame));
}

/* How long a TRY_AGAIN asks to wait; false: its payload is no failure. */
static bool retry_read(uint32_t status, struct span payload, int64_t *retry_ms) {
    struct wire_failure failure;
    *retry_ms = 0;
    if (status != WIRE_TRY_AGAIN) {
        return status <= WIRE_LOST;
    }
    if (wire_get_failure(payload, &failure) != WHERRY_OK) {
        return false;
    }
    *retry_ms = failure.retry_ms > 0 ? failure.retry_ms : 0;
    return true;
}

/* ---- hello ----------------------------------------------------------------------------------- */

static const struct span *functions_in(struct border *border, struct wire_items items,
                                       uint32_t *count) {
    struct span *names = scratch_reserve(&border->items, items.left, sizeof *names);
    *count = 0;
    while (wire_next_name(&items, &names[*count])) {
        (*count)++;
    }
    return names;
}

static uint32_t attempts_in(struct wire_items items, struct event_attempt *out) {
    struct wire_attempt attempt;
    uint32_t count = 0;
    while (wire_next_attempt(&items, &attempt)) {
        out[count++] = (struct event_attempt){attempt.id, attempt.token, attempt.answered};
    }
    return count;
}

static size_t attempts_total(struct wire_items places) {
    struct wire_place place;
    size_t total = 0;
    while (wire_next_place(&places, &place)) {
        total += place.attempts.left;
    }
    return total;
}

static const struct event_place *places_in(struct border *border, struct wire_items items,
                                           uint32_t *count) {
    struct event_place *places = scratch_reserve(&border->places, items.left, sizeof *places);
    struct event_attempt *attempts =
        scratch_reserve(&border->attempts, attempts_total(items), sizeof *attempts);
    struct wire_place place;
    *count = 0;
    while (wire_next_place(&items, &place)) {
        uint32_t attempt_count = attempts_in(place.attempts, attempts);
        places[(*count)++] = (struct event_place){
            .place = place.place,
            .alive = place.alive,
            .generation = place.generation,
            .started = place.started,
            .attempts = attempts,
            .attempt_count = attempt_count,
        };
        attempts += attempt_count;
    }
    return places;
}

static bool held_in(const struct decode *decode, struct wire_items items,
                    struct event_hello *hello) {
    struct border *border = decode->border;
    struct event_held *held = scratch_reserve(&border->items, items.left, sizeof *held);
    struct wire_held item;
    hello->held = held;
    while (wire_next_held(&items, &item)) {
        struct event_held *out = &held[hello->held_count];
        if (!retry_read(item.status, item.payload, &out->retry_ms)) {
            return false;
        }
        out->id = item.id;
        out->token = item.token;
        out->status = item.status;
        out->payload = payload_copy(border->config.store, item.payload);
        hello->held_count++;
    }
    return true;
}

static wherry_err hello_in(const struct decode *decode) {
    struct border *border = decode->border;
    struct wire_hello hello;
    if (wire_get_hello(decode->message, &hello) != WHERRY_OK) {
        return refuse(border, "malformed HELLO");
    }
    if (hello.functions.left > BOUND_FUNCTIONS || hello.places.left > BOUND_PLACES) {
        return refuse(border, "HELLO names more functions or places than a host may have");
    }
    struct event_hello *out = &decode->event->hello;
    *out = (struct event_hello){
        .peer = hello.peer,
        .version_min = hello.version_min,
        .version_max = hello.version_max,
        .features = hello.features,
        .resume = hello.resume,
        .session = hello.session,
        .secret = hello.secret,
        .parent = hello.parent,
        .attempt = hello.attempt,
        .label = hello.label,
        .pid = hello.pid,
        .pool = hello.pool,
        .processes = hello.processes,
        .processes_max = hello.processes_max,
        .place = hello.place,
        .generation = hello.generation,
        .started = hello.started,
    };
    decode->event->kind = EVENT_HELLO;
    if (hello.peer == WIRE_HOST) {
        out->functions = functions_in(border, hello.functions, &out->function_count);
        out->places = places_in(border, hello.places, &out->place_count);
    } else if (hello.peer == WIRE_CHILD && !held_in(decode, hello.held, out)) {
        border_drop(border, decode->event);
        return refuse(border, "HELLO holds a result of an unknown status");
    }
    return WHERRY_OK;
}

/* ---- clients --------------------------------------------------------------------------------- */

static wherry_err submit_in(const struct decode *decode) {
    struct border *border = decode->border;
    struct wire_submit submit;
    if (wire_get_submit(decode->message, &submit) != WHERRY_OK) {
        return refuse(border, "malformed SUBMIT");
    }
    struct event_submit_item *items =
        scratch_reserve(&border->items, submit.items.left, sizeof *items);
    struct wire_submit_item item;
    uint32_t count = 0;
    while (wire_next_submit(&submit.items, &item)) {
        struct event_submit_item *out = &items[count++];
        out->number = item.number;
        out->payload = payload_in(decode, item.payload, item.frame);
        out->has_origin = item.has_origin;
        if (item.has_origin) {
            out->origin = item.origin;
        }
    }
    batches_count(&border->counts.submits, count);
    decode->event->kind = EVENT_SUBMIT;
    decode->event->submit = (struct event_submit){
        .slot = submit.slot,
        .acked = submit.acked,
        .want_ack = (submit.flags & SUBMIT_WANT_ACK) != 0,
        .again = (submit.flags & SUBMIT_AGAIN) != 0,
        .queue = submit.queue,
        .function = submit.function,
        .options = submit.options,
        .wait_ms = submit.wait_ms,
        .items = items,
        .item_count = count,
    };
    return WHERRY_OK;
}

static const struct wire_run *runs_in(struct border *border, struct wire_items items,
                                      uint32_t *count) {
    struct wire_run *runs = scratch_reserve(&border->items, items.left, sizeof *runs);
    *count = 0;
    while (wire_next_run(&items, &runs[*count])) {
        (*count)++;
    }
    return runs;
}

static wherry_err ack_in(const struct decode *decode) {
    struct wire_ack ack;
    if (wire_get_ack(decode->message, &ack) != WHERRY_OK) {
        return refuse(decode->border, "malformed ACK");
    }
    struct event_ack *out = &decode->event->ack;
    decode->event->kind = EVENT_ACK;
    *out = (struct event_ack){.slot = ack.slot, .acked = ack.acked, .credit = ack.credit};
    out->runs = runs_in(decode->border, ack.results, &out->run_count);
    return WHERRY_OK;
}

static wherry_err cancel_in(const struct decode *decode) {
    struct wire_cancel cancel;
    if (wire_get_cancel(decode->message, &cancel) != WHERRY_OK) {
        return refuse(decode->border, "malformed CANCEL");
    }
    struct event_cancel *out = &decode->event->cancel;
    decode->event->kind = EVENT_CANCEL;
    *out = (struct event_cancel){.slot = cancel.slot};
    out->runs = runs_in(decode->border, cancel.runs, &out->run_count);
    return WHERRY_OK;
}

static wherry_err renumber_in(const struct decode *decode) {
    struct wire_renumber renumber;
    if (wire_get_renumber(decode->message, &renumber) != WHERRY_OK) {
        return refuse(decode->border, "malformed RENUMBER");
    }
    struct wire_renumbering *items =
        scratch_reserve(&decode->border->items, renumber.items.left, sizeof *items);
    uint32_t count = 0;
    while (wire_next_renumbering(&renumber.items, &items[count])) {
        count++;
    }
    decode->event->kind = EVENT_RENUMBER;
    decode->event->renumber =
        (struct event_renumber){renumber.slot, renumber.acked, items, count};
    return WHERRY_OK;
}

/* The fields of a verb's body; more of them are a newer version's. */
static bool call_body_in(struct span body, struct event_call *out) {
    struct cursor cursor = cursor_of(body);
    uint32_t count = 0;
    if (!cursor_array(&cursor, &count)) {
        return false;
    }
    switch (out->verb) {
    case WIRE_TASK_WAIT:
    case WIRE_TASK_CANCEL:
    case WIRE_WAITING:
    case WIRE_PROCESS_START:
    case WIRE_PROCESS_SHOW:
        return count >= 1 && cursor_id(&cursor, &out->id);
    case WIRE_PROCESS_SIGNAL:
        return count >= 2 && cursor_id(&cursor, &out->id) && cursor_u32(&cursor, &out->signal);
    case WIRE_POOL_SHOW:
    case WIRE_QUEUE_PURGE:
    case WIRE_WORKER_JOIN:
        return count >= 1 && cursor_str(&cursor, WIRE_NAME_MAX, &out->name);
    case WIRE_QUEUE_SET:
        return count >= 3 && cursor_str(&cursor, WIRE_NAME_MAX, &out->name) &&
               cursor_uint(&cursor, &out->items_max) && cursor_uint(&cursor, &out->bytes_max);
    case WIRE_WORKER_DRAIN:
        return count >= 2 && cursor_str(&cursor, WIRE_NAME_MAX, &out->name) &&
               cursor_patience(&cursor, &out->grace_ms);
    case WIRE_QUEUE_PAUSE:
        return count >= 3 && cursor_str(&cursor, WIRE_NAME_MAX, &out->name) &&
               cursor_u32(&cursor, &out->pause) && cursor_u32(&cursor, &out->resume);
    default: /* a peer's number, not an enum of ours: the engine answers unknown verbs */
        return true;
    }
}

static wherry_err call_in(const struct decode *decode) {
    struct wire_call call;
    if (wire_get_call(decode->message, &call) != WHERRY_OK) {
        return refuse(decode->border, "malformed CALL");
    }
    struct event_call *out = &decode->event->call;
    decode->event->kind = EVENT_CALL;
    *out = (struct event_call){
        .call = call.call,
        .verb = call.verb,
        .timeout_ms = call.timeout_ms,
        .thread = call.thread,
    };
    if (!call_body_in(call.body, out)) {
        out->verb = 0; /* answered INVALID, as a verb that does not exist */
    }
    return WHERRY_OK;
}

/* ---- children and hosts ---------------------------------------------------------------------- */

static wherry_err credit_in(const struct decode *decode) {
    decode->event->kind = EVENT_CREDIT;
    if (wire_get_credit(decode->message, &decode->event->credit) != WHERRY_OK) {
        return refuse(decode->border, "malformed CREDIT");
    }
    return WHERRY_OK;
}

static wherry_err results_in(const struct decode *decode) {
    struct border *border = decode->border;
    struct wire_results results;
    if (wire_get_results(decode->message, &results) != WHERRY_OK) {
        return refuse(border, "malformed RESULTS");
    }
    struct event_result *items = scratch_reserve(&border->items, results.items.left, sizeof *items);
    struct event_results *event = &decode->event->results;
    struct wire_results_item item;
    decode->event->kind = EVENT_RESULTS;
    *event = (struct event_results){results.epoch, results.credit, results.busy_us, items, 0};
    while (wire_next_results(&results.items, &item)) {
        struct event_result *out = &items[event->item_count];
        if (!retry_read(item.status, item.payload, &out->retry_ms)) {
            border_drop(border, decode->event);
            return refuse(border, "RESULTS holds a result of an unknown status");
        }
        out->index = item.index;
        out->counter = item.counter;
        out->status = item.status;
        out->payload = payload_in(decode, item.payload, item.frame);
        event->item_count++;
    }
    batches_count(&border->counts.results_in, event->item_count);
    return WHERRY_OK;
}

static wherry_err gate_in(const struct decode *decode) {
    decode->event->kind = EVENT_GATE;
    if (wire_get_gate(decode->message, &decode->event->gate) != WHERRY_OK) {
        return refuse(decode->border, "malformed GATE");
    }
    return WHERRY_OK;
}

static wherry_err death_in(const struct decode *decode) {
    struct wire_death death;
    if (wire_get_death(decode->message, &death) != WHERRY_OK) {
        return refuse(decode->border, "malformed DEATH");
    }
    struct event_attempt *attempts =
        scratch_reserve(&decode->border->attempts, death.attempts.left, sizeof *attempts);
    decode->event->kind = EVENT_DEATH;
    decode->event->death = (struct event_death){
        .place = death.place,
        .sequence = death.sequence,
        .generation = death.generation,
        .started = death.started,
        .cause = death.cause,
        .cause_number = death.cause_number,
        .text = death.text,
        .rss_peak_bytes = death.rss_peak_bytes,
        .pid = death.pid,
        .attempts = attempts,
        .attempt_count = attempts_in(death.attempts, attempts),
    };
    return WHERRY_OK;
}

static wherry_err states_in(const struct decode *decode) {
    struct wire_items items;
    if (wire_get_states(decode->message, &items) != WHERRY_OK) {
        return refuse(decode->border, "malformed STATES");
    }
    struct wire_state *states =
        scratch_reserve(&decode->border->items, items.left, sizeof *states);
    uint32_t count = 0;
    while (wire_next_state(&items, &states[count])) {
        count++;
    }
    decode->event->kind = EVENT_STATES;
    decode->event->states = (struct event_states){states, count};
    return WHERRY_OK;
}

/* ---- all ------------------------------------------------------------------------------------- */

static wherry_err plain_in(const struct decode *decode, enum event_kind kind) {
    decode->event->kind = kind;
    return WHERRY_OK;
}

static wherry_err decode_as(const struct decode *decode, enum wire_type type) {
    switch (type) {
    case WIRE_HELLO:
        return hello_in(decode);
    case WIRE_GOODBYE:
        return plain_in(decode, EVENT_GOODBYE);
    case WIRE_BEAT:
        return plain_in(decode, EVENT_BEAT);
    case WIRE_SUBMIT:
        return submit_in(decode);
    case WIRE_ACK:
        return ack_in(decode);
    case WIRE_CANCEL:
        return cancel_in(decode);
    case WIRE_CALL:
        return call_in(decode);
    case WIRE_RENUMBER:
        return renumber_in(decode);
    case WIRE_CREDIT:
        return credit_in(decode);
    case WIRE_RESULTS:
        return results_in(decode);
    case WIRE_GATE:
        return gate_in(decode);
    case WIRE_DEATH:
        return death_in(decode);
    case WIRE_DRAIN:
        return plain_in(decode, EVENT_DRAIN_HOST);
    case WIRE_STATES:
        return states_in(decode);
    case WIRE_HELLO_OK:
    case WIRE_HELLO_REQUIRED:
    case WIRE_SESSION_LOST:
    case WIRE_REFUSED:
    case WIRE_BEAT_OK:
    case WIRE_ACCEPTED:
    case WIRE_ANSWERED:
    case WIRE_RESULT:
    case WIRE_ANSWER:
    case WIRE_PARKED:
    case WIRE_DELIVER:
    case WIRE_RESULT_ACK:
    case WIRE_CLOSE_GATE:
    case WIRE_LEASE_LOST:
    case WIRE_DEATH_ACK:
    case WIRE_SIGNAL:
    case WIRE_SPAWN:
    case WIRE_STOP:
    case WIRE_OUTPUT:
    case WIRE_MOVED:
    case WIRE_LEAVE:
        break;
    }
    return refuse(decode->border, "this message is the broker's to send");
}

wherry_err border_decode(struct border *border, route_id route, const struct wire_message *message,
                         border_take *take, void *context, struct event *out) {
    struct decode decode = {border, take, context, message, out};
    enum wire_type type;
    border->counts.messages_in++;
    out->route = route;
    if (wire_type_of(message, &type) != WHERRY_OK) {
        return refuse(border, "not a message of this protocol (is the address that of a wherry "
                              "broker's port, and the peer of a version it knows?)");
    }
    return decode_as(&decode, type);
}

void border_drop(struct border *border, const struct event *event) {
    struct payload_store *store = border->config.store;
    if (event->kind == EVENT_SUBMIT) {
        for (uint32_t i = 0; i < event->submit.item_count; i++) {
            payload_free(store, event->submit.items[i].payload.handle);
        }
    } else if (event->kind == EVENT_RESULTS) {
        for (uint32_t i = 0; i < event->results.item_count; i++) {
            payload_free(store, event->results.items[i].payload.handle);
        }
    } else if (event->kind == EVENT_HELLO) {
        for (uint32_t i = 0; i < event->hello.held_count; i++) {
            payload_free(store, event->hello.held[i].payload.handle);
        }
    }
}
