/* SPDX-License-Identifier: MIT
 *
 * What puppets say. What they hear is puppet_input.c. */
#include "tests/sim/puppet.h"

#include "common/bounds.h"
#include "common/check.h"
#include "common/wire/body.h"
#include "tests/sim/scene.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void puppet_send(struct puppet *puppet, struct wire_out *out) {
    net_send_up(puppet->sim->net, puppet->node, out);
    border_release(out);
    wire_out_fini(out);
}

void puppet_plain(struct puppet *puppet, enum wire_type type) {
    struct wire_out out;
    wire_out_init(&out);
    wire_put_plain(&out, type, 0);
    puppet_send(puppet, &out);
}

static void puppet_beat(void *subject, uint64_t argument) {
    struct puppet *puppet = subject;
    struct world *world = &puppet->sim->world;
    if (!puppet->silent && puppet->seen[WIRE_HELLO_OK] > 0) {
        puppet_plain(puppet, WIRE_BEAT);
    }
    world_at(world, world->now_us + (int64_t)TIME_BEAT_MS * 1000, puppet_beat, puppet, argument);
}

struct puppet *puppet_add(struct sim *sim, const char *name) {
    CHECK(sim->puppet_count < SIM_PUPPETS_MAX);
    struct puppet *puppet = calloc(1, sizeof *puppet);
    CHECK(puppet != NULL);
    sim->puppets[sim->puppet_count++] = puppet;
    puppet->sim = sim;
    puppet->session = 0x1000 + sim->puppet_count;
    memset(puppet->secret, (int)sim->puppet_count, sizeof puppet->secret);
    puppet->node = net_node_add(sim->net, name, SIM_PUPPET_MACHINE + sim->puppet_count, puppet);
    puppet->generation = 1;
    puppet_beat(puppet, 0);
    return puppet;
}

void puppets_free(struct sim *sim) {
    for (uint32_t i = 0; i < sim->puppet_count; i++) {
        free(sim->puppets[i]);
    }
    sim->puppet_count = 0;
}

void puppet_open(struct puppet *puppet) {
    net_open(puppet->sim->net, puppet->node);
    memset(puppet->seen, 0, sizeof puppet->seen);
    puppet->token_count = 0;
}

static bool puppet_greeted(const struct puppet *puppet) {
    return puppet->seen[WIRE_HELLO_OK] + puppet->seen[WIRE_SESSION_LOST] +
               puppet->seen[WIRE_REFUSED] >
           0;
}

static struct wire_hello puppet_hello_of(const struct puppet *puppet, uint32_t peer, bool resume) {
    return (struct wire_hello){
        .peer = peer,
        .version_min = WIRE_VERSION_MIN,
        .version_max = WIRE_VERSION_MAX,
        .resume = resume,
        .session = puppet->session,
        .parent = puppet->parent,
        .attempt = puppet->attempt,
        .secret = {puppet->secret, WIRE_SECRET_SIZE},
        .label = span_of_text("puppet"),
        .pid = 1,
    };
}

/* ---- clients ----------------------------------------------------------------------------------
 */

void puppet_client_hello_raw(struct puppet *puppet, bool resume) {
    struct wire_hello hello = puppet_hello_of(puppet, WIRE_CLIENT, resume);
    struct wire_out out;
    wire_out_init(&out);
    puppet_open(puppet);
    wire_hello_begin(&out, &hello, 0, 0);
    wire_hello_end(&out);
    puppet_send(puppet, &out);
}

void puppet_client_hello(struct puppet *puppet, bool resume) {
    puppet_client_hello_raw(puppet, resume);
    UNTIL(puppet->sim, puppet_greeted(puppet));
}

static const char *puppet_or(const char *text, const char *fallback) {
    return text != NULL ? text : fallback;
}

void puppet_submit(struct puppet *puppet, uint64_t first, uint64_t count,
                   const struct puppet_lane *lane) {
    struct span queue = span_of_text(puppet_or(lane->queue, "q0"));
    struct wire_submit head = {
        .slot = id_slot_of_name(queue),
        .acked = puppet->acked,
        .flags = SUBMIT_WANT_ACK,
        .queue = queue,
        .function = span_of_text(puppet_or(lane->function, "f")),
        .options = {.flags = lane->flags, .max_attempts = (lane->flags & TASK_ONCE) != 0},
        .wait_ms = lane->wait_ms,
    };
    struct wire_out out;
    wire_out_init(&out);
    wire_submit_begin(&out, &head);
    size_t size = lane->size > 0 ? lane->size : 8;
    uint8_t *payload = calloc(1, size);
    CHECK(payload != NULL);
    for (uint64_t i = 0; i < count; i++) {
        wire_submit_item(&out, first + i, (struct wire_part){.data = payload, .size = size},
                         lane->origin);
    }
    wire_submit_end(&out);
    puppet_send(puppet, &out);
    free(payload);
}

void puppet_ack(struct puppet *puppet, uint64_t acked, uint64_t first, uint64_t count) {
    struct wire_run run = {first, count};
    struct wire_ack ack = {
        .slot = id_slot_of_name(span_of_text("q0")), .acked = acked, .credit = BOUND_RESULT_WINDOW};
    struct wire_out out;
    wire_out_init(&out);
    puppet->acked = acked;
    wire_put_ack(&out, &ack, &run, count > 0 ? 1 : 0);
    puppet_send(puppet, &out);
}

void puppet_renumber(struct puppet *puppet, uint64_t from, uint64_t to) {
    struct wire_renumbering item = {from, to};
    struct wire_out out;
    wire_out_init(&out);
    wire_put_renumber(&out, id_slot_of_name(span_of_text("q0")), puppet->acked, &item, 1);
    puppet_send(puppet, &out);
}

void puppet_cancel(struct puppet *puppet, uint64_t number) {
    struct wire_run run = {number, 1};
    struct wire_out out;
    wire_out_init(&out);
    wire_put_cancel(&out, id_slot_of_name(span_of_text("q0")), &run, 1);
    puppet_send(puppet, &out);
}

/* Frees the body. */
static void puppet_ask(struct puppet *puppet, uint64_t call, enum wire_verb verb,
                       struct bytes *body, int64_t timeout_ms) {
    struct wire_call message = {.call = call,
                                .verb = verb,
                                .timeout_ms = timeout_ms,
                                .thread = 1,
                                .body = bytes_span(body)};
    struct wire_out out;
    wire_out_init(&out);
    puppet->call_answered[call] = false;
    wire_put_call(&out, &message);
    puppet_send(puppet, &out);
    bytes_free(body);
}

void puppet_call(struct puppet *puppet, uint64_t call, enum wire_verb verb, struct task_id id,
                 int64_t timeout_ms) {
    struct bytes body = BYTES_EMPTY;
    body_put_id(&body, id);
    puppet_ask(puppet, call, verb, &body, timeout_ms);
}

void puppet_pause(struct puppet *puppet, uint64_t call, const char *queue, uint32_t pause,
                  uint32_t resume) {
    struct bytes body = BYTES_EMPTY;
    body_put_pause(&body, &(struct body_pause){span_of_text(queue), pause, resume});
    puppet_ask(puppet, call, WIRE_QUEUE_PAUSE, &body, 1000);
}

void puppet_purge(struct puppet *puppet, uint64_t call, const char *queue) {
    struct bytes body = BYTES_EMPTY;
    body_put_name(&body, span_of_text(queue));
    puppet_ask(puppet, call, WIRE_QUEUE_PURGE, &body, -1);
}

void puppet_call_host(struct puppet *puppet, uint64_t call, enum wire_verb verb, uint64_t host) {
    struct bytes body = BYTES_EMPTY;
    char id[24];
    snprintf(id, sizeof id, "%016" PRIx64, host);
    if (verb == WIRE_WORKER_DRAIN) {
        body_put_drain(&body, &(struct body_drain){span_of_text(id), -1});
    } else {
        body_put_name(&body, span_of_text(id));
    }
    puppet_ask(puppet, call, verb, &body, -1);
}

struct task_id puppet_id(const struct puppet *puppet, const char *queue, uint64_t number) {
    return (struct task_id){.session = puppet->session,
                            .slot = id_slot_of_name(span_of_text(queue)),
                            .number = number & ((UINT64_C(1) << 48) - 1)};
}

/* ---- hosts ------------------------------------------------------------------------------------
 */

static void puppet_put_place(struct wire_out *out, const struct puppet_place *place) {
    struct wire_place head = {.place = place->place,
                              .alive = place->alive,
                              .generation = place->generation,
                              .started = place->started};
    wire_hello_place(out, &head, place->attempt_count);
    for (uint32_t i = 0; i < place->attempt_count; i++) {
        wire_hello_attempt(out, &place->attempts[i]);
    }
}

void puppet_host_hello(struct puppet *host, bool resume, const struct puppet_place *places,
                       uint32_t place_count) {
    struct wire_hello hello = puppet_hello_of(host, WIRE_HOST, resume);
    hello.pool = span_of_text("q0");
    hello.processes = 4;
    hello.processes_max = 2;
    struct wire_out out;
    wire_out_init(&out);
    puppet_open(host);
    wire_hello_begin(&out, &hello, 1, place_count);
    wire_hello_function(&out, span_of_text("f"));
    for (uint32_t i = 0; i < place_count; i++) {
        puppet_put_place(&out, &places[i]);
    }
    wire_hello_end(&out);
    puppet_send(host, &out);
    UNTIL(host->sim, puppet_greeted(host));
}

void puppet_gate(struct puppet *host, uint32_t place, uint32_t generation, uint32_t started) {
    struct wire_gate gate = {place, generation, started};
    struct wire_out out;
    wire_out_init(&out);
    wire_put_gate(&out, &gate);
    puppet_send(host, &out);
}

void puppet_death(struct puppet *host, uint64_t sequence, const struct puppet_place *place) {
    struct wire_death death = {
        .place = place->place,
        .sequence = sequence,
        .generation = place->generation,
        .started = place->started,
        .cause = WIRE_CAUSE_SIGNAL,
        .cause_number = 9,
        .pid = 1,
    };
    struct wire_out out;
    wire_out_init(&out);
    wire_put_death(&out, &death, place->attempts, place->attempt_count);
    puppet_send(host, &out);
}

/* ---- children ---------------------------------------------------------------------------------
 */

void puppet_child_hello_raw(struct puppet *child, uint32_t generation, uint32_t started,
                            const struct wire_held *held, uint32_t held_count) {
    struct wire_hello hello = puppet_hello_of(child, WIRE_CHILD, false);
    hello.parent = child->host->session;
    hello.place = child->place;
    hello.generation = generation;
    hello.started = started;
    struct wire_out out;
    wire_out_init(&out);
    puppet_open(child);
    wire_hello_begin(&out, &hello, 0, 0);
    for (uint32_t i = 0; i < held_count; i++) {
        wire_hello_held(&out, &held[i]);
    }
    wire_hello_end(&out);
    puppet_send(child, &out);
}

void puppet_child_hello(struct puppet *child, struct puppet *host, uint32_t place,
                        const struct wire_held *held, uint32_t held_count) {
    child->host = host;
    child->place = place;
    puppet_child_hello_raw(child, child->generation, child->started, held, held_count);
    child->generation++;
    UNTIL(child->sim, puppet_greeted(child));
}

void puppet_credit(struct puppet *child, uint32_t up_to) {
    struct wire_credit credit = {child->generation, up_to, child->started};
    struct wire_out out;
    wire_out_init(&out);
    wire_put_credit(&out, &credit);
    puppet_send(child, &out);
}

static void puppet_note(struct bytes *payload, const struct puppet_delivery *delivery) {
    struct task_note note = {.ordinal = UINT32_MAX,
                             .epoch = delivery->token.epoch,
                             .counter = delivery->token.counter,
                             .run = 1};
    task_note_encode(payload, &note, 0);
}

void puppet_result(struct puppet *child, const struct puppet_delivery *delivery, uint32_t status) {
    struct bytes payload = BYTES_EMPTY;
    puppet_note(&payload, delivery);
    struct wire_out out;
    wire_out_init(&out);
    wire_results_begin(&out, delivery->token.epoch);
    wire_results_item(&out, delivery->index, delivery->token.counter, status,
                      (struct wire_part){.data = payload.data, .size = payload.size});
    wire_results_end(&out, (struct wire_credit){child->generation, child->started, child->started},
                     100);
    puppet_send(child, &out);
    bytes_free(&payload);
}

struct wire_held puppet_held(struct bytes *payload, const struct puppet_delivery *delivery) {
    puppet_note(payload, delivery);
    return (struct wire_held){.id = delivery->id,
                              .token = delivery->token,
                              .status = WIRE_DONE,
                              .payload = bytes_span(payload)};
}

struct wire_attempt puppet_attempt(const struct puppet_delivery *delivery, bool answered) {
    return (struct wire_attempt){delivery->id, delivery->token, answered};
}

bool puppet_named(const struct puppet *puppet, struct token token) {
    for (uint32_t i = 0; i < puppet->token_count; i++) {
        const struct token_pair *pair = &puppet->tokens[i];
        if (pair->first.epoch == token.epoch && token.counter - pair->first.counter < pair->count) {
            return true;
        }
    }
    return false;
}
