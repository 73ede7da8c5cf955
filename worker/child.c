/* SPDX-License-Identifier: MIT
 *
 * Child. What it must never do: start a delivery that the broker has taken back, forget a result
 * that the broker has not recorded, or keep silent about a closed gate.
 *
 * Everything about generations happens in two functions: child_hello() raises the generation
 * itself, child_follow() notices that somebody raised it. Both end in child_void(): what was
 * delivered is dropped, numbers go on behind `started`, and credit in the new generation is due.
 *
 * Refused: keeping deliveries across a reconnect. The broker may have given them to somebody else.
 */
#include "worker/child.h"

#include "common/bounds.h"
#include "common/check.h"
#include "worker/held.h"
#include "worker/parcel.h"
#include "worker/peer.h"

#include <stdlib.h>
#include <string.h>

enum { CHILD_HELLO_BYTES = 1024 * 1024 };

struct child {
    struct child_config config;
    struct peer peer;
    struct gate_page *gate;
    uint32_t generation;
    uint32_t received; /* the last number delivered in this generation */
    uint32_t first;    /* the last number of the place's former children */
    struct parcels parcels;
    struct parcel *current; /* holds the running task's bytes, if it left the queue */
    bool running;
    uint32_t running_number;
    struct held_result running_head;
    uint32_t unsent; /* results from here on were not sent on this connection */
    bool stuck;      /* the next unsent result needs a hello */
    uint64_t busy_us;
    struct wire_credit granted; /* the last one sent on this connection */
    bool credit_due;
    struct held held;
};

struct child *child_create(const struct child_config *config) {
    struct child *child = calloc(1, sizeof(*child));
    CHECK(child != NULL);
    child->config = *config;
    if (config->held_bytes_max == 0) {
        child->config.held_bytes_max = BOUND_RESULT_HELD_BYTES;
    }
    if (config->window == 0 || config->window > GATE_SLOTS) {
        child->config.window = GATE_SLOTS;
    }
    uint8_t *label = malloc(config->label.size + 1);
    CHECK(label != NULL);
    if (config->label.size > 0) {
        memcpy(label, config->label.data, config->label.size);
    }
    child->config.label.data = label;
    child->gate = config->gate;
    struct gate_state state = gate_state(child->gate);
    child->generation = state.generation;
    child->received = state.started;
    child->first = state.started;
    child->unsent = state.started + 1;
    held_init(&child->held, state.started);
    parcels_init(&child->parcels);
    peer_init(&child->peer);
    return child;
}

void child_destroy(struct child **handle) {
    struct child *child = *handle;
    if (child == NULL) {
        return;
    }
    if (child->current != NULL) {
        parcels_free(&child->parcels, child->current);
    }
    parcels_fini(&child->parcels);
    held_fini(&child->held);
    free((void *)(uintptr_t)child->config.label.data);
    free(child);
    *handle = NULL;
}

/* ---- generations ---------------------------------------------------------------------------- */

static void child_void(struct child *child, uint32_t generation) {
    if (child->running && child->current == NULL) {
        child->current = parcels_shift(&child->parcels);
    }
    parcels_drop_all(&child->parcels);
    child->generation = generation;
    child->received = gate_state(child->gate).started;
    child->credit_due = true;
}

void child_gate_closed(struct child *child, int64_t now_us) {
    (void)now_us;
    uint32_t generation = gate_state(child->gate).generation;
    if (generation != child->generation) {
        child_void(child, generation);
    }
}

/* ---- the connection ------------------------------------------------------------------------- */

void child_opened(struct child *child, int64_t now_us) {
    peer_opened(&child->peer, now_us);
    child->unsent = child->held.oldest;
    child->stuck = false;
    child->credit_due = false;
}

static void child_input_deliver(struct child *child, const struct wire_message *message,
                                struct wire_part *parts, int64_t now_us) {
    child_gate_closed(child, now_us);
    struct parcel *parcel = parcels_make(&child->parcels, message, parts);
    if (parcel == NULL) {
        return;
    }
    uint32_t count = parcel->head.items.left;
    uint32_t room = child->held.oldest - 1 + child->config.window - child->received;
    if (parcel->head.generation != child->generation || count == 0) {
        parcels_free(&child->parcels,
                     parcel); /* void: sent before the broker heard of the closing */
    } else if (parcel->head.first_slot != child->received + 1 || count > room) {
        parcels_free(&child->parcels, parcel);
        peer_want_reopen(&child->peer); /* something is missing; a hello sets both right */
    } else {
        child->received += count;
        parcels_append(&child->parcels, parcel);
    }
}

static void child_input_ack(struct child *child, const struct wire_message *message) {
    struct wire_tokens tokens;
    struct wire_token_run run;
    if (wire_get_tokens(message, &tokens) != WHERRY_OK) {
        return;
    }
    while (wire_next_token_run(&tokens.runs, &run)) {
        held_acknowledge(&child->held, child->gate, run);
    }
    if ((int32_t)(child->held.oldest - child->unsent) > 0) {
        child->unsent = child->held.oldest;
    }
}

static void child_take(struct child *child, const struct wire_message *message,
                       struct wire_part *parts, int64_t now_us) {
    enum wire_type type;
    switch (peer_input(&child->peer, message, &type, now_us)) {
    case PEER_TAKEN:
        return;
    case PEER_GREETED:
        child->credit_due = true;
        return;
    case PEER_PASS:
        break;
    }
    if (type == WIRE_DELIVER) {
        child_input_deliver(child, message, parts, now_us);
    } else if (type == WIRE_RESULT_ACK) {
        child_input_ack(child, message);
    }
}

void child_input(struct child *child, const struct wire_message *message, int64_t now_us) {
    child_take(child, message, NULL, now_us);
}

void child_input_parts(struct child *child, const struct wire_message *message,
                       struct wire_part *parts, int64_t now_us) {
    child_take(child, message, parts, now_us);
    for (size_t i = 0; i + 1 < message->count; i++) {
        if (parts[i].release != NULL) { /* nobody wanted it */
            parts[i].release((void *)(uintptr_t)parts[i].data, parts[i].hint);
        }
    }
}

static struct task_id child_id_of(const struct child *child, uint32_t number) {
    const struct gate_slot *slot = &child->gate->slots[number % GATE_SLOTS];
    return (struct task_id){.session = slot->session,
                            .number = slot->slot_number & ((UINT64_C(1) << 48) - 1),
                            .slot = slot->slot_number >> 48};
}

/* Lists results from the oldest on, and counts them as sent. The broker cuts off whoever sends a
 * message longer than the largest payload and a batch. */
static void child_hello_results(struct child *child, struct wire_out *out) {
    size_t bytes = 0;
    for (; child->unsent != child->held.end && bytes < CHILD_HELLO_BYTES; child->unsent++) {
        const struct held_result *result = held_at(&child->held, child->unsent);
        if (result->acked) {
            continue;
        }
        if (bytes + result->size > WIRE_PAYLOAD_MAX) {
            break;
        }
        struct wire_held item = {.id = child_id_of(child, child->unsent),
                                 .token = result->token,
                                 .status = result->status,
                                 .payload = {result->data, result->size}};
        wire_hello_held(out, &item);
        bytes += result->size;
    }
}

static void child_hello(struct child *child, int64_t now_us, struct wire_out *out) {
    struct gate_state state = gate_close(child->gate);
    child_void(child, state.generation + 1);
    child->credit_due = false;
    struct wire_hello hello = {
        .peer = WIRE_CHILD,
        .version_min = WIRE_VERSION_MIN,
        .version_max = WIRE_VERSION_MAX,
        .resume = child->peer.resume,
        .session = child->config.session,
        .secret = {child->config.secret, WIRE_SECRET_SIZE},
        .parent = child->config.host_session,
        .label = child->config.label,
        .pid = child->config.pid,
        .place = child->config.place,
        .generation = state.generation,
        .started = state.started,
    };
    wire_hello_begin(out, &hello, 0, 0);
    child->unsent = child->held.oldest;
    child_hello_results(child, out);
    wire_hello_end(out);
    peer_hello_sent(&child->peer, now_us);
}

static struct wire_credit child_credit(const struct child *child) {
    return (struct wire_credit){
        .generation = child->generation,
        .up_to = child->config.once ? child->first + 1
                                    : child->held.oldest - 1 + child->config.window,
        .started = gate_state(child->gate).started,
    };
}

static void child_credit_sent(struct child *child, struct wire_credit credit) {
    child->granted = credit;
    child->credit_due = false;
}

/* The next result that is neither sent nor acknowledged; sets `stuck` if only a hello can carry it.
 */
static struct held_result *child_next_unsent(struct child *child) {
    while (child->unsent != child->held.end && held_at(&child->held, child->unsent)->acked) {
        child->unsent++;
    }
    child->stuck = false;
    if (child->unsent == child->held.end) {
        return NULL;
    }
    struct held_result *result = held_at(&child->held, child->unsent);
    child->stuck = result->token.epoch != child->peer.epoch;
    return child->stuck ? NULL : result;
}

static bool child_output_results(struct child *child, struct wire_out *out) {
    struct held_result *result = child_next_unsent(child);
    if (result == NULL) {
        if (child->stuck && child->unsent == child->held.oldest) {
            peer_want_reopen(&child->peer); /* all that was sent is settled: say the next hello */
        }
        return false;
    }
    wire_results_begin(out, child->peer.epoch);
    for (uint32_t count = 0; result != NULL && count < WIRE_ITEMS_MAX; count++) {
        if (count > 0 && !wire_out_fits(out, result->size)) {
            break;
        }
        wire_results_item(out, result->index, result->token.counter, result->status,
                          held_part(result));
        child->unsent++;
        result = child_next_unsent(child);
    }
    struct wire_credit credit = child_credit(child);
    wire_results_end(out, credit, child->busy_us);
    child->busy_us = 0;
    child_credit_sent(child, credit);
    return true;
}

static bool child_output_credit(struct child *child, struct wire_out *out) {
    struct wire_credit credit = child_credit(child);
    uint32_t gained = credit.up_to - child->granted.up_to;
    if (!child->credit_due && gained * 4 < child->config.window) {
        return false;
    }
    wire_put_credit(out, &credit);
    child_credit_sent(child, credit);
    return true;
}

bool child_output(struct child *child, int64_t now_us, struct wire_out *out) {
    if (!child->peer.open) {
        return false;
    }
    if (child->peer.hello_due) {
        child_hello(child, now_us, out);
        return true;
    }
    if (!child->peer.greeted) {
        return false;
    }
    child_gate_closed(child, now_us);
    return child_output_results(child, out) ||
           (child->peer.greeted && child_output_credit(child, out)) ||
           peer_output_beat(&child->peer, out);
}

int64_t child_next_wake(const struct child *child) {
    return peer_next_wake(&child->peer);
}

void child_tick(struct child *child, int64_t now_us) {
    peer_tick(&child->peer, now_us);
}

bool child_wants_reopen(const struct child *child) {
    return child->peer.reopen;
}

bool child_greeted(const struct child *child) {
    return child->peer.greeted;
}

struct span child_refusal(const struct child *child) {
    return (struct span){(const uint8_t *)child->peer.refusal, child->peer.refusal_size};
}

/* ---- running -------------------------------------------------------------------------------- */

static void child_describe(const struct parcel *parcel, uint32_t number, struct token token,
                           struct child_task *out) {
    *out = (struct child_task){
        .number = number,
        .id = parcel->item.id,
        .token = token,
        .queue = parcel->head.queue,
        .function = parcel->head.function,
        .options = parcel->head.options,
        .payload = parcel->item.payload,
    };
}

bool child_start(struct child *child, struct child_task *out) {
    struct parcel *parcel = child->parcels.first;
    if (parcel == NULL || child->running || child->stuck ||
        child->held.bytes > child->config.held_bytes_max) {
        return false;
    }
    uint32_t number;
    struct token token;
    CHECK(parcels_next(&child->parcels, &number, &token));
    gate_fill(child->gate, number, parcel->item.id, token);
    if (!gate_start(child->gate, child->generation, number)) {
        child_void(child, gate_state(child->gate).generation);
        return false;
    }
    child->running = true;
    child->running_number = number;
    child->running_head.token = token;
    child->running_head.index = parcel->item.index;
    child_describe(parcel, number, token, out);
    if (parcel->head.items.left == 0) {
        child->current = parcels_shift(&child->parcels);
    }
    return true;
}

bool child_has_more(const struct child *child) {
    return child->parcels.count > 0;
}

/* Before the result can leave: the page says "answered". */
static void child_end_task(struct child *child, uint32_t number, uint32_t status,
                           uint64_t busy_us) {
    CHECK(child->running && child->running_number == number && child->held.end == number);
    child->running_head.status = status;
    child->running = false;
    child->busy_us += busy_us;
    gate_answer(child->gate, number);
}

static void child_drop_current(struct child *child) {
    if (child->current != NULL) {
        parcels_free(&child->parcels, child->current);
        child->current = NULL;
    }
}

void child_finish(struct child *child, uint32_t number, uint32_t status, struct span payload,
                  uint64_t busy_us) {
    child_end_task(child, number, status, busy_us);
    held_put(&child->held, &child->running_head, payload);
    child_drop_current(child);
}

void child_finish_taking(struct child *child, uint32_t number, uint32_t status, void *data,
                         size_t size, uint64_t busy_us) {
    child_end_task(child, number, status, busy_us);
    held_put_taking(&child->held, &child->running_head, data, size);
    child_drop_current(child);
}

bool child_unsent(const struct child *child) {
    return child->unsent != child->held.end;
}

bool child_settled(const struct child *child) {
    return !child->running && child->held.oldest == child->held.end;
}

bool child_cancelled(const struct child *child, uint32_t number) {
    return gate_cancelled(child->gate, number);
}

bool child_signalled(struct child *child) {
    return gate_signalled(child->gate);
}
