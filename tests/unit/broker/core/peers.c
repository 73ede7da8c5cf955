/* SPDX-License-Identifier: MIT
 *
 * Peers: what clients, hosts and children say on the bench; see bench.h. */
#include "tests/unit/broker/core/bench.h"

#include <string.h>

/* ---- peers ----------------------------------------------------------------------------------- */

static const uint8_t bench_secret[WIRE_SECRET_SIZE] = "sixteen letters";

struct task_id bench_id(uint64_t session, uint64_t number) {
    struct task_id id = {.session = session};
    id.number = number & UINT64_C(0xffffffffffff);
    id.slot = id_slot_of_name(span_of_text("default"));
    return id;
}

static struct event bench_hello(route_id route, uint32_t peer, uint64_t session) {
    struct event event = {.kind = EVENT_HELLO, .route = route};
    event.hello.peer = peer;
    event.hello.version_min = WIRE_VERSION_MIN;
    event.hello.version_max = WIRE_VERSION_MAX;
    event.hello.session = session;
    event.hello.secret = (struct span){bench_secret, WIRE_SECRET_SIZE};
    event.hello.label = span_of_text("box");
    event.hello.pid = (int64_t)session;
    return event;
}

void bench_hello_client(struct bench *bench, route_id route, uint64_t session, bool resume) {
    struct event event = bench_hello(route, WIRE_CLIENT, session);
    event.hello.resume = resume;
    bench_step(bench, &event);
    bench_tick(bench);
}

void bench_client(struct bench *bench, uint64_t session) {
    bench_hello_client(bench, session, session, false);
    if (bench_keeps(bench)) {
        bench_commit(bench);
    }
    bench_forget(bench);
}

void bench_hello_host(struct bench *bench, route_id route, uint64_t session, const char *functions,
                      const struct bench_place *places, uint32_t place_count) {
    struct span names[8];
    uint32_t count = 0;
    for (const char *at = functions; *at != '\0' && count < 8;) {
        size_t size = strcspn(at, ",");
        names[count++] = (struct span){(const uint8_t *)at, size};
        at += size + (at[size] == ',');
    }
    struct event_place announced[4] = {0};
    struct event_attempt attempts[4][4];
    for (uint32_t i = 0; i < place_count; i++) {
        announced[i] =
            (struct event_place){places[i].place,   !places[i].dead, places[i].generation,
                                 places[i].started, attempts[i],     places[i].attempt_count};
        for (uint32_t j = 0; j < places[i].attempt_count; j++) {
            const struct bench_attempt *attempt = &places[i].attempts[j];
            attempts[i][j] = (struct event_attempt){attempt->id, attempt->token, attempt->answered};
        }
    }
    struct event event = bench_hello(route, WIRE_HOST, session);
    event.hello.pool = span_of_text("default");
    event.hello.processes = BENCH_POOL_PLACES;
    event.hello.processes_max = BENCH_PROCESS_PLACES;
    event.hello.functions = names;
    event.hello.function_count = count;
    event.hello.places = announced;
    event.hello.place_count = place_count;
    bench_step(bench, &event);
    bench_tick(bench);
}

void bench_hello_holding(struct bench *bench, route_id route, uint64_t host, uint32_t place,
                         uint32_t generation, uint32_t started, const struct event_held *held) {
    struct event event = bench_hello(route, WIRE_CHILD, host * 100 + place);
    event.hello.parent = host;
    event.hello.place = place;
    event.hello.generation = generation;
    event.hello.started = started;
    event.hello.held = held;
    event.hello.held_count = held != NULL;
    bench_step(bench, &event);
    bench_tick(bench);
}

void bench_hello_child(struct bench *bench, route_id route, uint64_t host, uint32_t place,
                       uint32_t generation, uint32_t started) {
    bench_hello_holding(bench, route, host, place, generation, started, NULL);
}

void bench_credit(struct bench *bench, route_id child, uint32_t generation, uint32_t up_to,
                  uint32_t started) {
    struct event event = {.kind = EVENT_CREDIT, .route = child};
    event.credit = (struct wire_credit){generation, up_to, started};
    bench_step(bench, &event);
    bench_tick(bench);
}

void bench_worker(struct bench *bench, uint64_t host, const char *functions) {
    bench_hello_host(bench, host, host, functions, NULL, 0);
    if (bench_keeps(bench) && bench_commits(bench)) {
        bench_commit(bench);
    }
    bench_hello_child(bench, host + 1, host, 0, 0, 0);
    bench_credit(bench, host + 1, 1, 8, 0);
    bench_forget(bench);
}

/* ---- messages -------------------------------------------------------------------------------- */

void bench_submit_with(struct bench *bench, route_id route, const struct bench_submit *submit) {
    struct event_submit_item items[64] = {0};
    assert_true(submit->count <= 64);
    uint32_t size = submit->size == 0 ? 100 : submit->size;
    struct span queue = span_of_text(submit->queue == NULL ? "default" : submit->queue);
    for (uint32_t i = 0; i < submit->count; i++) {
        items[i].number = submit->first + i;
        items[i].payload = (struct payload){bench_payload(bench, size), size};
        items[i].has_origin = submit->has_origin;
        items[i].origin = submit->origin;
    }
    struct event event = {.kind = EVENT_SUBMIT, .route = route};
    event.submit = (struct event_submit){.slot = id_slot_of_name(queue),
                                         .acked = submit->acked,
                                         .want_ack = submit->want_ack,
                                         .again = submit->again,
                                         .queue = queue,
                                         .function = span_of_text(submit->function),
                                         .wait_ms = submit->wait_ms,
                                         .items = items,
                                         .item_count = submit->count};
    event.submit.options.flags = submit->flags;
    event.submit.options.priority = submit->priority;
    event.submit.options.max_attempts = submit->max_attempts;
    bench_step(bench, &event);
    bench_tick(bench);
}

void bench_submit(struct bench *bench, route_id route, const char *function, uint64_t first,
                  uint32_t count) {
    bench_submit_with(bench, route,
                      &(struct bench_submit){.function = function, .first = first, .count = count});
}

void bench_result(struct bench *bench, route_id child, uint32_t index, uint64_t counter,
                  uint32_t status, struct wire_credit credit) {
    struct event_result item = {.index = index, .counter = counter, .status = status};
    item.payload = (struct payload){bench_payload(bench, 10), 10};
    struct event event = {.kind = EVENT_RESULTS, .route = child};
    event.results = (struct event_results){.epoch = bench_epoch(bench),
                                           .credit = credit,
                                           .busy_us = 10,
                                           .items = &item,
                                           .item_count = 1};
    bench_step(bench, &event);
    bench_tick(bench);
}

void bench_done(struct bench *bench, route_id child, uint32_t index, uint64_t counter) {
    bench_result(bench, child, index, counter, WIRE_DONE, (struct wire_credit){0, 0, 0});
}

void bench_ack(struct bench *bench, route_id route, uint64_t acked, uint64_t first,
               uint64_t count) {
    struct wire_run run = {first, count};
    struct event event = {.kind = EVENT_ACK, .route = route};
    event.ack = (struct event_ack){
        .slot = bench_id(1, 1).slot, .acked = acked, .runs = &run, .run_count = count > 0};
    bench_step(bench, &event);
    bench_tick(bench);
}

void bench_cancel(struct bench *bench, route_id route, uint64_t first, uint64_t count) {
    struct wire_run run = {first, count};
    struct event event = {.kind = EVENT_CANCEL, .route = route};
    event.cancel = (struct event_cancel){.slot = bench_id(1, 1).slot, .runs = &run, .run_count = 1};
    bench_step(bench, &event);
    bench_tick(bench);
}

void bench_renumber(struct bench *bench, route_id route, uint64_t from, uint64_t to) {
    struct wire_renumbering item = {from, to};
    struct event event = {.kind = EVENT_RENUMBER, .route = route};
    event.renumber = (struct event_renumber){
        .slot = bench_id(1, 1).slot, .items = &item, .item_count = 1};
    bench_step(bench, &event);
    bench_tick(bench);
}

void bench_gate(struct bench *bench, route_id host, uint32_t place, uint32_t generation,
                uint32_t started) {
    struct event event = {.kind = EVENT_GATE, .route = host};
    event.gate = (struct wire_gate){place, generation, started};
    bench_step(bench, &event);
    bench_tick(bench);
}

void bench_death(struct bench *bench, route_id host, const struct event_death *death) {
    struct event event = {.kind = EVENT_DEATH, .route = host, .death = *death};
    bench_step(bench, &event);
    bench_tick(bench);
}

void bench_call(struct bench *bench, route_id route, uint32_t verb, uint64_t call,
                struct task_id id, int64_t timeout_ms) {
    bench_ask(bench, route,
              &(struct event_call){.call = call,
                                   .verb = verb,
                                   .timeout_ms = timeout_ms,
                                   .id = id,
                                   .name = span_of_text("default")});
}

void bench_ask(struct bench *bench, route_id route, const struct event_call *call) {
    struct event event = {.kind = EVENT_CALL, .route = route};
    event.call = *call;
    bench_step(bench, &event);
    bench_tick(bench);
}

void bench_plain(struct bench *bench, route_id route, enum event_kind kind) {
    struct event event = {.kind = kind, .route = route};
    bench_step(bench, &event);
    bench_tick(bench);
}
