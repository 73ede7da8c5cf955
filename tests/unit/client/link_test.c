/* SPDX-License-Identifier: MIT
 *
 * The link against a raw ROUTER in this process: sending, waking, large parts, loss, and
 * reopening. */
#include "link_world.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
#include <zmq.h>

static void a_new_link_says_hello_with_all_signals_blocked(void **state) {
    struct world *world = *state;
    struct router_frame peer;
    char text[TEXT_SIZE];
    router_receive(world, &peer, text);
    assert_string_equal(text, "hello");
    world_wait(world, &world->opened, 1);
    assert_true(world->signals_blocked);
}

static void a_wake_makes_a_sleeping_link_collect_and_send(void **state) {
    struct world *world = *state;
    struct router_frame peer;
    char text[TEXT_SIZE];
    router_receive(world, &peer, text);
    for (int i = 0; i < 200; i++) {
        char wanted[TEXT_SIZE];
        snprintf(wanted, sizeof wanted, "message %d", i);
        world_set(world, world->waiting, wanted);
        link_wake(world->link);
        router_receive(world, &peer, text);
        assert_string_equal(text, wanted);
    }
}

static void what_the_router_sends_is_received(void **state) {
    struct world *world = *state;
    struct router_frame peer;
    char text[TEXT_SIZE];
    router_receive(world, &peer, text);
    for (int i = 0; i < 300; i++) {
        router_send(world, &peer, "answer", 0);
    }
    world_wait(world, &world->received, 300);
    assert_string_equal(world->last, "answer");
}

static void a_large_part_is_sent_in_place_and_released_once(void **state) {
    struct world *world = *state;
    struct router_frame peer;
    char text[TEXT_SIZE];
    router_receive(world, &peer, text);
    pthread_mutex_lock(&world->mutex);
    world->large_size = 300000;
    world->large = calloc(1, world->large_size);
    snprintf(world->waiting, TEXT_SIZE, "with part");
    pthread_mutex_unlock(&world->mutex);
    link_wake(world->link);
    assert_int_equal(router_receive(world, &peer, text), 300000);
    world_wait(world, &world->released, 1);
    assert_int_equal(world->released, 1);
}

static void a_received_frame_can_be_taken_and_outlives_the_link(void **state) {
    struct world *world = *state;
    struct router_frame peer;
    char text[TEXT_SIZE];
    router_receive(world, &peer, text);
    router_send(world, &peer, "large", 200000);
    world_wait(world, &world->received, 1);
    link_close(&world->link, 0);
    assert_int_equal(world->taken.size, 200000);
    const uint8_t *data = world->taken.data;
    assert_int_equal(data[0], 'x');
    assert_int_equal(data[199999], 'x');
}

static void reopening_makes_a_connection_with_another_routing_id(void **state) {
    struct world *world = *state;
    struct router_frame first;
    struct router_frame second;
    char text[TEXT_SIZE];
    router_receive(world, &first, text);
    pthread_mutex_lock(&world->mutex);
    world->reopen_asked = true;
    pthread_mutex_unlock(&world->mutex);
    link_wake(world->link);
    router_receive(world, &second, text);
    assert_string_equal(text, "hello");
    assert_true(first.size != second.size || memcmp(first.data, second.data, first.size) != 0);
}

static void a_lost_connection_is_noticed_at_once_and_opened_anew(void **state) {
    struct world *world = *state;
    struct router_frame peer;
    char text[TEXT_SIZE];
    router_receive(world, &peer, text);
    zmq_close(world->router);
    world_wait(world, &world->opened, 2);
    for (int i = 0; i < 1000; i++) { /* the port is free again once libzmq's thread has closed it */
        world->router = zmq_socket(world->zmq_context, ZMQ_ROUTER);
        if (zmq_bind(world->router, world->endpoint) == 0) {
            break;
        }
        assert_int_equal(errno, EADDRINUSE);
        zmq_close(world->router);
        poll(NULL, 0, 2);
    }
    int limit_ms = WORLD_LIMIT_MS;
    zmq_setsockopt(world->router, ZMQ_RCVTIMEO, &limit_ms, sizeof limit_ms);
    router_receive(world, &peer, text);
    assert_string_equal(text, "hello");
}

static void closing_sends_what_still_waits(void **state) {
    struct world *world = *state;
    struct router_frame peer;
    char text[TEXT_SIZE];
    router_receive(world, &peer, text);
    world_set(world, world->waiting, "goodbye");
    link_close(&world->link, 1000);
    router_receive(world, &peer, text);
    assert_string_equal(text, "goodbye");
}

static void malformed_addresses_are_refused_in_words(void **state) {
    (void)state;
    static const char *const bad[] = {"",           "tcp://",         "tcp://host",
                                      "tcp://:80",  "tcp://host:0",   "tcp://host:70000",
                                      "ipc://",     "http://host:80", "tcp://a:1,,tcp://b:2",
                                      "tcp://a:1 ", "tcp://a:1x"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct link *link = NULL;
        struct link_options options = {.payload_max = 1, .extra_fd = -1};
        assert_int_equal(link_open(bad[i], &options, &world_ops, NULL, &link), WHERRY_E_INVALID);
        assert_null(link);
        assert_true(strlen(wherry_last_error()) > 0);
    }
}

struct alarmed { /* rings between the look at the time and the sleep */
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    int ticks;
};

static void alarmed_nothing(void *context, struct link *link) {
    (void)context;
    (void)link;
}

static void alarmed_received(void *context, struct link *link, const struct wire_message *message) {
    (void)message;
    alarmed_nothing(context, link);
}

static int64_t alarmed_tick(void *context, struct link *link, int64_t now_us) {
    struct alarmed *alarmed = context;
    (void)now_us;
    pthread_mutex_lock(&alarmed->mutex);
    if (alarmed->ticks++ < 100) {
        link_alarm(link);
    }
    pthread_cond_broadcast(&alarmed->changed);
    pthread_mutex_unlock(&alarmed->mutex);
    return INT64_MAX;
}

static void an_alarm_is_followed_by_a_tick_whenever_it_comes(void **state) {
    (void)state;
    static const struct link_ops ops = {alarmed_nothing, alarmed_received, alarmed_nothing,
                                        alarmed_tick};
    struct alarmed alarmed = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0};
    struct link_options options = {.payload_max = 1024, .extra_fd = -1};
    struct link *link = NULL;
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += WORLD_LIMIT_MS / 1000;
    assert_int_equal(
        link_open("ipc:///tmp/wherry-nobody-listens-here", &options, &ops, &alarmed, &link),
        WHERRY_OK);
    int timed_out = 0;
    pthread_mutex_lock(&alarmed.mutex);
    while (alarmed.ticks <= 100 && timed_out == 0) {
        timed_out = pthread_cond_timedwait(&alarmed.changed, &alarmed.mutex, &until);
    }
    pthread_mutex_unlock(&alarmed.mutex);
    link_close(&link, 0);
    assert_int_equal(timed_out, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_WORLD(a_new_link_says_hello_with_all_signals_blocked),
        IN_WORLD(a_wake_makes_a_sleeping_link_collect_and_send),
        IN_WORLD(what_the_router_sends_is_received),
        IN_WORLD(a_large_part_is_sent_in_place_and_released_once),
        IN_WORLD(a_received_frame_can_be_taken_and_outlives_the_link),
        IN_WORLD(reopening_makes_a_connection_with_another_routing_id),
        IN_WORLD(a_lost_connection_is_noticed_at_once_and_opened_anew),
        IN_WORLD(closing_sends_what_still_waits),
        cmocka_unit_test(an_alarm_is_followed_by_a_tick_whenever_it_comes),
        cmocka_unit_test(malformed_addresses_are_refused_in_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
