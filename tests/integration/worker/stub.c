/* SPDX-License-Identifier: MIT
 *
 * A broker made by hand; see stub.h. */
#include "tests/integration/worker/stub.h"

#include "common/call.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

enum { STUB_FRAMES = 8, STUB_WAIT_MS = 20 };

struct stub *stub_open(struct sandbox *box, const char *endpoint) {
    struct stub *stub = calloc(1, sizeof *stub);
    assert_non_null(stub);
    stub->box = box;
    stub->epoch = 5;
    stub->acknowledge_deaths = true;
    stub->acknowledge_results = true;
    stub->context = zmq_ctx_new();
    stub->router = zmq_socket(stub->context, ZMQ_ROUTER);
    assert_int_equal(zmq_bind(stub->router, endpoint), 0);
    wire_out_init(&stub->out);
    return stub;
}

void stub_close(struct stub **handle) {
    struct stub *stub = *handle;
    int linger_ms = 0;
    zmq_setsockopt(stub->router, ZMQ_LINGER, &linger_ms, sizeof linger_ms);
    zmq_close(stub->router);
    zmq_ctx_term(stub->context);
    wire_out_fini(&stub->out);
    free(stub);
    *handle = NULL;
}

/* ---- saying --------------------------------------------------------------------------------- */

static void stub_send(struct stub *stub, const struct stub_route *route) {
    struct wire_message message = wire_out_message(&stub->out);
    zmq_send(stub->router, route->bytes, route->size, ZMQ_SNDMORE);
    for (size_t i = 0; i < message.count; i++) {
        zmq_send(stub->router, message.frames[i].data, message.frames[i].size,
                 i + 1 < message.count ? ZMQ_SNDMORE : 0);
    }
    wire_out_clear(&stub->out);
}

static void stub_hello_ok(struct stub *stub, const struct stub_route *route, uint64_t session) {
    static const uint8_t store[16] = "a stub's store";
    struct wire_hello_ok ok = {.epoch = stub->epoch,
                               .version = 1,
                               .store = {store, sizeof store},
                               .session = session,
                               .beat_ms = 200,
                               .payload_max = WIRE_PAYLOAD_MAX};
    wire_put_hello_ok(&stub->out, &ok);
    stub_send(stub, route);
}

uint64_t stub_deliver(struct stub *stub, uint32_t place, const char *function,
                      struct span arguments) {
    static uint64_t counter = 1000; /* grows over all tests of a program, as over a broker's life */
    struct stub_child *child = &stub->children[place];
    struct bytes payload = BYTES_EMPTY;
    struct call call = {.kind = CALL_ONE, .args = arguments};
    call_encode(&payload, &call);
    struct wire_deliver head = {.epoch = stub->epoch,
                                .generation = child->generation,
                                .first_slot = child->next++,
                                .first_counter = ++counter,
                                .queue = span_of_text("default"),
                                .function = span_of_text(function)};
    struct task_id id = {.session = 77, .number = counter, .slot = 4};
    wire_deliver_begin(&stub->out, &head);
    wire_deliver_item(&stub->out, 1, &id,
                      (struct wire_part){.data = payload.data, .size = payload.size});
    wire_deliver_end(&stub->out);
    stub_send(stub, &child->route);
    bytes_free(&payload);
    return counter;
}

void stub_signal(struct stub *stub, uint32_t place, uint64_t counter, int signal_number) {
    struct wire_signal order = {.epoch = stub->epoch,
                                .place = place,
                                .token = {stub->epoch, counter},
                                .signal = (uint32_t)signal_number};
    wire_put_signal(&stub->out, &order);
    stub_send(stub, &stub->host);
}

void stub_ack_death(struct stub *stub) {
    struct wire_place_note note = {stub->epoch, stub->death_place, stub->death_sequence};
    wire_put_death_ack(&stub->out, &note);
    stub_send(stub, &stub->host);
}

/* ---- hearing -------------------------------------------------------------------------------- */

static void stub_hello_host(struct stub *stub, const struct stub_route *route,
                            struct wire_hello *hello) {
    struct span name;
    struct wire_place place;
    struct wire_attempt attempt;
    size_t at = 0;
    stub->functions[0] = '\0';
    while (wire_next_name(&hello->functions, &name) &&
           at + name.size + 2 < sizeof stub->functions) {
        at += (size_t)snprintf(stub->functions + at, sizeof stub->functions - at, "%.*s ",
                               (int)name.size, (const char *)name.data);
    }
    stub->announced = 0;
    while (wire_next_place(&hello->places, &place)) {
        while (wire_next_attempt(&place.attempts, &attempt)) {
            stub->announced++;
        }
    }
    stub->host = *route;
    stub->host_hellos++;
}

static void stub_take_result(struct stub *stub, uint64_t counter, uint32_t status,
                             struct span payload) {
    stub->counter = counter;
    stub->status = status;
    stub->payload_size = payload.size < STUB_RESULT_BYTES ? payload.size : STUB_RESULT_BYTES;
    memcpy(stub->payload, payload.data, stub->payload_size);
    stub->results++;
}

static void stub_ack_result(struct stub *stub, const struct stub_route *route, struct token token) {
    struct wire_token_run run = {token.epoch, token.counter, 1};
    if (stub->acknowledge_results) {
        wire_put_tokens(&stub->out, WIRE_RESULT_ACK, stub->epoch, 0, &run, 1);
        stub_send(stub, route);
    }
}

static void stub_hello_child(struct stub *stub, const struct stub_route *route,
                             struct wire_hello *hello) {
    struct wire_held held;
    assert_true(hello->place < STUB_PLACES);
    struct stub_child *child = &stub->children[hello->place];
    child->route = *route;
    child->pid = hello->pid;
    child->hellos++;
    child->generation = 0;
    while (wire_next_held(&hello->held, &held)) {
        stub->held++;
        stub_take_result(stub, held.token.counter, held.status, held.payload);
        stub_ack_result(stub, route, held.token);
    }
}

static void stub_hello(struct stub *stub, const struct stub_route *route,
                       const struct wire_message *message) {
    struct wire_hello hello;
    assert_int_equal(wire_get_hello(message, &hello), WHERRY_OK);
    stub_hello_ok(stub, route, hello.session);
    if (hello.peer == WIRE_HOST) {
        stub_hello_host(stub, route, &hello);
    } else {
        stub_hello_child(stub, route, &hello);
    }
}

static struct stub_child *stub_child_of(struct stub *stub, const struct stub_route *route) {
    for (uint32_t i = 0; i < STUB_PLACES; i++) {
        struct stub_child *child = &stub->children[i];
        if (child->route.size == route->size &&
            memcmp(child->route.bytes, route->bytes, route->size) == 0) {
            return child;
        }
    }
    return NULL;
}

static void stub_credit(struct stub *stub, const struct stub_route *route,
                        struct wire_credit credit) {
    struct stub_child *child = stub_child_of(stub, route);
    if (child == NULL) {
        return;
    }
    if (child->generation != credit.generation) {
        child->next = credit.started + 1;
    }
    child->generation = credit.generation;
    child->up_to = credit.up_to;
    child->started = credit.started;
    stub->credits++;
}

static void stub_results(struct stub *stub, const struct stub_route *route,
                         const struct wire_message *message) {
    struct wire_results results;
    struct wire_results_item item;
    assert_int_equal(wire_get_results(message, &results), WHERRY_OK);
    while (wire_next_results(&results.items, &item)) {
        stub_take_result(stub, item.counter, item.status, item.payload);
        stub_ack_result(stub, route, (struct token){results.epoch, item.counter});
    }
    stub_credit(stub, route, results.credit);
}

static void stub_death(struct stub *stub, const struct wire_message *message) {
    struct wire_death death;
    assert_int_equal(wire_get_death(message, &death), WHERRY_OK);
    if (death.sequence != stub->death_sequence) {
        stub->deaths++;
    }
    stub->death_place = death.place;
    stub->death_sequence = death.sequence;
    stub->cause = death.cause;
    stub->cause_number = death.cause_number;
    stub->death_attempts = death.attempts.left;
    snprintf(stub->death_text, sizeof stub->death_text, "%.*s", (int)death.text.size,
             (const char *)death.text.data);
    if (stub->acknowledge_deaths) {
        stub_ack_death(stub);
    }
}

static void stub_take(struct stub *stub, const struct stub_route *route,
                      const struct wire_message *message) {
    enum wire_type type;
    struct wire_credit credit;
    assert_int_equal(wire_type_of(message, &type), WHERRY_OK);
    bool host =
        route->size == stub->host.size && memcmp(route->bytes, stub->host.bytes, route->size) == 0;
    if (type == WIRE_HELLO) {
        stub_hello(stub, route, message);
    } else if (!host && stub_child_of(stub, route) == NULL) {
        wire_put_plain(&stub->out, WIRE_HELLO_REQUIRED, stub->epoch);
        stub_send(stub, route);
    } else if (type == WIRE_BEAT) {
        wire_put_plain(&stub->out, WIRE_BEAT_OK, stub->epoch);
        stub_send(stub, route);
    } else if (type == WIRE_CREDIT) {
        assert_int_equal(wire_get_credit(message, &credit), WHERRY_OK);
        stub_credit(stub, route, credit);
    } else if (type == WIRE_RESULTS) {
        stub_results(stub, route, message);
    } else if (type == WIRE_DEATH) {
        stub_death(stub, message);
    } else if (type == WIRE_DRAIN) {
        stub->draining = true;
    } else if (type == WIRE_GOODBYE) {
        stub->goodbye = true;
    }
}

void stub_turn(struct stub *stub) {
    zmq_pollitem_t item = {stub->router, 0, ZMQ_POLLIN, 0};
    assert_true(sandbox_left_ms(stub->box) > 0);
    if (zmq_poll(&item, 1, STUB_WAIT_MS) <= 0) {
        return;
    }
    zmq_msg_t parts[STUB_FRAMES];
    size_t count = 0;
    int more = 1;
    while (more) {
        assert_true(count < STUB_FRAMES);
        zmq_msg_init(&parts[count]);
        assert_true(zmq_msg_recv(&parts[count], stub->router, 0) >= 0);
        more = zmq_msg_more(&parts[count++]);
    }
    struct stub_route route = {.size = zmq_msg_size(&parts[0])};
    assert_true(route.size <= STUB_ROUTE_MAX);
    memcpy(route.bytes, zmq_msg_data(&parts[0]), route.size);
    struct wire_message message = {.count = count - 1};
    for (size_t i = 1; i < count; i++) {
        message.frames[i - 1] = (struct span){zmq_msg_data(&parts[i]), zmq_msg_size(&parts[i])};
    }
    stub_take(stub, &route, &message);
    for (size_t i = 0; i < count; i++) {
        zmq_msg_close(&parts[i]);
    }
}

void stub_gather(struct stub *stub, uint32_t children) {
    for (;;) {
        uint32_t ready = 0;
        for (uint32_t i = 0; i < STUB_PLACES; i++) {
            ready += stub->children[i].generation != 0;
        }
        if (ready >= children && stub->host.size > 0) {
            return;
        }
        stub_turn(stub);
    }
}

const char *stub_result(struct stub *stub) {
    static char text[WIRE_TEXT_MAX + 1];
    struct wire_failure failure;
    uint32_t before = stub->results;
    while (stub->results == before) {
        stub_turn(stub);
    }
    text[0] = '\0';
    if (stub->status != WIRE_DONE &&
        wire_get_failure((struct span){stub->payload, stub->payload_size}, &failure) == WHERRY_OK) {
        snprintf(text, sizeof text, "%.*s", (int)failure.text.size,
                 (const char *)failure.text.data);
    }
    return text;
}
