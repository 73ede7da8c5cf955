/* SPDX-License-Identifier: MIT
 *
 * The router, with DEALERs of the same process at the other end. */
#include "broker/net/router.h"

#include "common/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

enum { DEADLINE_US = 60000000, LARGE = 100000, ROUTE_MAX = 1 << 20 };

struct fixture {
    struct router *router;
    void *context; /* of the dealers */
    int64_t deadline_us;
    atomic_int released;
};

static void pause_until_deadline(const struct fixture *fixture) {
    if (clock_mono_us() > fixture->deadline_us) {
        fail_msg("the deadline passed");
    }
    poll(NULL, 0, 1);
}

static int router_setup(void **state) {
    static const char *const endpoints[] = {"tcp://127.0.0.1:*"};
    struct fixture *fixture = calloc(1, sizeof *fixture);
    fixture->deadline_us = clock_mono_us() + DEADLINE_US;
    fixture->context = zmq_ctx_new();
    struct router_config config = {.endpoints = endpoints, .endpoint_count = 1,
                                   .payload_max = 1 << 20, .route_bytes_max = ROUTE_MAX,
                                   .send_hwm = 8};
    *state = fixture;
    return router_open(&config, &fixture->router) == WHERRY_OK ? 0 : -1;
}

static int router_teardown(void **state) {
    struct fixture *fixture = *state;
    zmq_ctx_term(fixture->context);
    router_close(&fixture->router, 0);
    free(fixture);
    return 0;
}

static void *dealer_open(struct fixture *fixture, const char *routing_id) {
    const int none = 0;
    const int few = 1;
    void *dealer = zmq_socket(fixture->context, ZMQ_DEALER);
    zmq_setsockopt(dealer, ZMQ_LINGER, &none, sizeof none);
    zmq_setsockopt(dealer, ZMQ_RCVHWM, &few, sizeof few);
    if (routing_id != NULL) {
        zmq_setsockopt(dealer, ZMQ_ROUTING_ID, routing_id, strlen(routing_id));
    }
    assert_int_equal(zmq_connect(dealer, router_endpoint(fixture->router, 0)), 0);
    return dealer;
}

static route_id receive(struct fixture *fixture, struct wire_message *message) {
    route_id route = 0;
    while (router_receive(fixture->router, clock_mono_us(), &route, message) == ROUTER_NOTHING) {
        pause_until_deadline(fixture);
    }
    return route;
}

static void release_counted(void *data, void *hint) {
    struct fixture *fixture = hint;
    free(data);
    atomic_fetch_add(&fixture->released, 1);
}

/* One message with a large part that wants to be released. */
static void send_large(struct fixture *fixture, route_id route) {
    struct wire_out out;
    wire_out_init(&out);
    bytes_append(&out.body, "head", 4);
    out.parts[0] = (struct wire_part){calloc(1, LARGE), LARGE, release_counted, fixture};
    out.part_count = 1;
    router_send(fixture->router, route, &out);
    assert_int_equal(out.part_count, 0); /* taken, whatever became of it */
    wire_out_fini(&out);
}

static void a_route_stays_the_same_while_its_peer_does(void **state) {
    struct fixture *fixture = *state;
    struct wire_message message;
    void *first = dealer_open(fixture, NULL);
    void *second = dealer_open(fixture, NULL);
    zmq_send(first, "a", 1, 0);
    route_id one = receive(fixture, &message);
    assert_int_equal(message.frames[0].size, 1);
    zmq_send(second, "b", 1, 0);
    route_id two = receive(fixture, &message);
    zmq_send(first, "c", 1, 0);
    assert_int_equal(receive(fixture, &message), one);
    assert_int_not_equal(one, two);
    router_forget(fixture->router, one);
    zmq_send(first, "d", 1, 0);
    route_id again = receive(fixture, &message);
    assert_int_not_equal(again, one);
    assert_int_not_equal(again, two);
    zmq_close(first);
    zmq_close(second);
}

static void a_frame_is_taken_without_a_copy(void **state) {
    struct fixture *fixture = *state;
    struct wire_message message;
    void *large = calloc(1, LARGE);
    void *dealer = dealer_open(fixture, NULL);
    zmq_send(dealer, "head", 4, ZMQ_SNDMORE);
    zmq_send(dealer, large, LARGE, 0);
    receive(fixture, &message);
    assert_int_equal(message.count, 2);
    struct payload_owner owner = router_take(fixture->router, 1);
    assert_ptr_equal(owner.data, message.frames[1].data);
    assert_int_equal(owner.size, LARGE);
    owner.release(owner.data, owner.hint);
    zmq_close(dealer);
    free(large);
}

static void a_sent_part_is_released_when_it_has_left(void **state) {
    struct fixture *fixture = *state;
    struct wire_message message;
    void *dealer = dealer_open(fixture, NULL);
    zmq_send(dealer, "a", 1, 0);
    send_large(fixture, receive(fixture, &message));
    char *bytes = malloc(LARGE);
    assert_int_equal(zmq_recv(dealer, bytes, LARGE, 0), 4);
    assert_int_equal(zmq_recv(dealer, bytes, LARGE, 0), LARGE);
    while (atomic_load(&fixture->released) == 0) {
        pause_until_deadline(fixture);
    }
    free(bytes);
    zmq_close(dealer);
}

static void a_peer_that_has_gone_is_told_once_and_its_part_released(void **state) {
    struct fixture *fixture = *state;
    struct wire_message message;
    void *dealer = dealer_open(fixture, NULL);
    zmq_send(dealer, "a", 1, 0);
    route_id route = receive(fixture, &message);
    zmq_close(dealer);
    route_id lost = 0;
    while ((lost = router_next_lost(fixture->router)) == 0) {
        send_large(fixture, route);
        pause_until_deadline(fixture);
    }
    assert_int_equal(lost, route);
    assert_int_equal(router_next_lost(fixture->router), 0);
    int before = atomic_load(&fixture->released);
    send_large(fixture, route); /* to a route that is no more */
    assert_int_equal(atomic_load(&fixture->released), before + 1);
}

static void a_peer_that_does_not_read_loses_its_route_not_our_memory(void **state) {
    struct fixture *fixture = *state;
    struct wire_message message;
    struct router_counts counts;
    void *dealer = dealer_open(fixture, NULL);
    zmq_send(dealer, "a", 1, 0);
    route_id route = receive(fixture, &message);
    while (router_next_lost(fixture->router) == 0) {
        send_large(fixture, route);
        router_counts(fixture->router, &counts);
        assert_true(counts.waiting_bytes <= ROUTE_MAX + 2 * LARGE);
        assert_true(clock_mono_us() < fixture->deadline_us);
    }
    router_counts(fixture->router, &counts);
    assert_int_equal(counts.not_reading, 1);
    assert_int_equal(counts.waiting_bytes, 0);
    zmq_close(dealer);
}

static void what_waits_leaves_in_order_when_the_peer_reads(void **state) {
    struct fixture *fixture = *state;
    struct wire_message message;
    struct router_counts counts = {0};
    struct wire_out out;
    void *dealer = dealer_open(fixture, NULL);
    zmq_send(dealer, "a", 1, 0);
    route_id route = receive(fixture, &message);
    char *bytes = calloc(1, LARGE);
    uint32_t sent = 0;
    wire_out_init(&out);
    while (counts.waiting_bytes < ROUTE_MAX / 2) {
        memcpy(bytes, &sent, sizeof sent);
        bytes_append(&out.body, bytes, LARGE);
        router_send(fixture->router, route, &out);
        wire_out_clear(&out);
        router_counts(fixture->router, &counts);
        sent++;
    }
    for (uint32_t i = 0; i < sent; i++) {
        uint32_t number = 0;
        router_flush(fixture->router);
        while (zmq_recv(dealer, bytes, LARGE, ZMQ_DONTWAIT) < 0) {
            router_flush(fixture->router);
            pause_until_deadline(fixture);
        }
        memcpy(&number, bytes, sizeof number);
        assert_int_equal(number, i);
    }
    wire_out_fini(&out);
    free(bytes);
    zmq_close(dealer);
}

static void a_second_peer_with_the_same_routing_id_takes_nothing(void **state) {
    struct fixture *fixture = *state;
    struct wire_message message;
    char text[8];
    void *first = dealer_open(fixture, "same");
    zmq_send(first, "a", 1, 0);
    route_id route = receive(fixture, &message);
    void *intruder = dealer_open(fixture, "same");
    zmq_send(intruder, "b", 1, 0);
    struct wire_out out;
    wire_out_init(&out);
    bytes_append(&out.body, "mine", 4);
    router_send(fixture->router, route, &out);
    wire_out_fini(&out);
    assert_int_equal(zmq_recv(first, text, sizeof text, 0), 4);
    assert_int_equal(zmq_recv(intruder, text, sizeof text, ZMQ_DONTWAIT), -1);
    zmq_close(first);
    zmq_close(intruder);
}

static void quiet_routes_come_up_in_order(void **state) {
    struct fixture *fixture = *state;
    struct wire_message message;
    void *first = dealer_open(fixture, NULL);
    void *second = dealer_open(fixture, NULL);
    zmq_send(first, "a", 1, 0);
    route_id one = receive(fixture, &message);
    zmq_send(second, "b", 1, 0);
    route_id two = receive(fixture, &message);
    int64_t now_us = clock_mono_us() + 5000000;
    assert_int_equal(router_next_quiet(fixture->router, now_us - 5000000, 1000000), 0);
    assert_int_equal(router_next_quiet(fixture->router, now_us, 1000000), one);
    assert_int_equal(router_next_quiet(fixture->router, now_us, 1000000), two);
    assert_int_equal(router_next_quiet(fixture->router, now_us, 1000000), 0);
    zmq_close(first);
    zmq_close(second);
}

static void too_many_frames_are_read_to_their_end(void **state) {
    struct fixture *fixture = *state;
    struct wire_message message;
    route_id route = 0;
    enum router_got got;
    void *dealer = dealer_open(fixture, NULL);
    for (int i = 0; i < WIRE_FRAMES_MAX + 10; i++) {
        zmq_send(dealer, "x", 1, ZMQ_SNDMORE);
    }
    zmq_send(dealer, "x", 1, 0);
    zmq_send(dealer, "next", 4, 0);
    while ((got = router_receive(fixture->router, 1, &route, &message)) == ROUTER_NOTHING) {
        pause_until_deadline(fixture);
    }
    assert_int_equal(got, ROUTER_TOO_MANY_FRAMES);
    assert_int_equal(receive(fixture, &message), route);
    assert_int_equal(message.frames[0].size, 4);
    zmq_close(dealer);
}

#define ROUTER_TEST(name) cmocka_unit_test_setup_teardown(name, router_setup, router_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        ROUTER_TEST(a_route_stays_the_same_while_its_peer_does),
        ROUTER_TEST(a_frame_is_taken_without_a_copy),
        ROUTER_TEST(a_sent_part_is_released_when_it_has_left),
        ROUTER_TEST(a_peer_that_has_gone_is_told_once_and_its_part_released),
        ROUTER_TEST(a_peer_that_does_not_read_loses_its_route_not_our_memory),
        ROUTER_TEST(what_waits_leaves_in_order_when_the_peer_reads),
        ROUTER_TEST(a_second_peer_with_the_same_routing_id_takes_nothing),
        ROUTER_TEST(quiet_routes_come_up_in_order),
        ROUTER_TEST(too_many_frames_are_read_to_their_end),
    };
    return cmocka_run_group_tests_name("router", tests, NULL, NULL);
}
