/* SPDX-License-Identifier: MIT
 *
 * The link against a raw ROUTER in this process: sending, waking, large parts, loss, reopening, and
 * a caller that drives. */
#include "common/link/link.h"

#include "common/clock.h"

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

enum { WORLD_LIMIT_MS = 20000, TEXT_SIZE = 64 };

struct world {
    void *zmq_context;
    void *router;
    char endpoint[96];
    struct link *link;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    /* under the mutex */
    char waiting[TEXT_SIZE]; /* to be sent by collect */
    uint8_t *large;
    size_t large_size;
    int opened;
    int received;
    int received_wanted;
    pthread_t receiver; /* of the last */
    char last[TEXT_SIZE];
    size_t last_frame_size;
    struct wire_part taken;
    bool reopen_asked;
    int released;
    bool signals_blocked;
};

static void world_set(struct world *world, char *place, const char *text) {
    pthread_mutex_lock(&world->mutex);
    snprintf(place, TEXT_SIZE, "%s", text);
    pthread_mutex_unlock(&world->mutex);
}

static void world_say(struct link *link, const char *text) {
    struct wire_out out = {.part_count = 0};
    bytes_append(&out.body, text, strlen(text));
    link_send(link, &out);
    bytes_free(&out.body);
}

static void on_opened(void *context, struct link *link) {
    struct world *world = context;
    sigset_t mask;
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    pthread_mutex_lock(&world->mutex);
    world->opened++;
    world->signals_blocked = sigismember(&mask, SIGTERM) == 1 && sigismember(&mask, SIGINT) == 1;
    pthread_cond_broadcast(&world->changed);
    pthread_mutex_unlock(&world->mutex);
    world_say(link, "hello");
}

static void on_received(void *context, struct link *link, const struct wire_message *message) {
    struct world *world = context;
    pthread_mutex_lock(&world->mutex);
    world->received++;
    world->receiver = pthread_self();
    snprintf(world->last, TEXT_SIZE, "%.*s", (int)message->frames[0].size,
             (const char *)message->frames[0].data);
    if (message->count > 1) {
        world->last_frame_size = message->frames[1].size;
        assert_true(link_take(link, 1, &world->taken));
    }
    pthread_cond_broadcast(&world->changed);
    pthread_mutex_unlock(&world->mutex);
}

static void part_released(void *data, void *hint) {
    struct world *world = hint;
    free(data);
    pthread_mutex_lock(&world->mutex);
    world->released++;
    pthread_cond_broadcast(&world->changed);
    pthread_mutex_unlock(&world->mutex);
}

static void on_collect(void *context, struct link *link) {
    struct world *world = context;
    pthread_mutex_lock(&world->mutex);
    struct wire_out out = {.part_count = 0};
    bytes_append(&out.body, world->waiting, strlen(world->waiting));
    world->waiting[0] = 0;
    if (world->large != NULL) {
        out.parts[out.part_count++] =
            (struct wire_part){world->large, world->large_size, part_released, world};
        world->large = NULL;
    }
    pthread_mutex_unlock(&world->mutex);
    if (out.body.size > 0) {
        assert_true(link_send(link, &out));
    }
    bytes_free(&out.body);
}

static int64_t on_tick(void *context, struct link *link, int64_t now_us) {
    struct world *world = context;
    (void)now_us;
    pthread_mutex_lock(&world->mutex);
    bool reopen = world->reopen_asked;
    world->reopen_asked = false;
    pthread_mutex_unlock(&world->mutex);
    if (reopen) {
        link_reopen(link, 1000);
    }
    return INT64_MAX;
}

static const struct link_ops world_ops = {on_opened, on_received, on_collect, on_tick};

static void world_bind(struct world *world) {
    world->router = zmq_socket(world->zmq_context, ZMQ_ROUTER);
    int limit_ms = WORLD_LIMIT_MS;
    int none = 0;
    zmq_setsockopt(world->router, ZMQ_RCVTIMEO, &limit_ms, sizeof limit_ms);
    zmq_setsockopt(world->router, ZMQ_LINGER, &none, sizeof none);
    assert_int_equal(zmq_bind(world->router, world->endpoint), 0);
    if (strchr(world->endpoint, '*') != NULL) {
        size_t size = sizeof world->endpoint;
        assert_int_equal(zmq_getsockopt(world->router, ZMQ_LAST_ENDPOINT, world->endpoint, &size),
                         0);
    }
}

static int world_setup(void **state) {
    struct world *world = calloc(1, sizeof *world);
    pthread_mutex_init(&world->mutex, NULL);
    pthread_cond_init(&world->changed, NULL);
    world->zmq_context = zmq_ctx_new();
    snprintf(world->endpoint, sizeof world->endpoint, "tcp://127.0.0.1:*");
    world_bind(world);
    struct link_options options = {.payload_max = 1 << 20, .extra_fd = -1};
    assert_int_equal(link_open(world->endpoint, &options, &world_ops, world, &world->link), 0);
    *state = world;
    return 0;
}

static int world_teardown(void **state) {
    struct world *world = *state;
    link_close(&world->link, 0);
    if (world->taken.release != NULL) {
        world->taken.release((void *)(uintptr_t)world->taken.data, world->taken.hint);
    }
    zmq_close(world->router);
    zmq_ctx_term(world->zmq_context);
    free(world->large);
    free(world);
    return 0;
}

struct router_frame {
    uint8_t data[TEXT_SIZE];
    size_t size;
};

/* The peer's id and its text; further frames are counted. */
static size_t router_receive(struct world *world, struct router_frame *peer, char *text) {
    peer->size = (size_t)zmq_recv(world->router, peer->data, sizeof peer->data, 0);
    assert_int_not_equal((int)peer->size, -1);
    int size = zmq_recv(world->router, text, TEXT_SIZE - 1, 0);
    assert_true(size >= 0);
    text[size < TEXT_SIZE ? size : TEXT_SIZE - 1] = 0;
    size_t more_bytes = 0;
    int more = 0;
    size_t more_size = sizeof more;
    zmq_getsockopt(world->router, ZMQ_RCVMORE, &more, &more_size);
    while (more) {
        zmq_msg_t frame;
        zmq_msg_init(&frame);
        assert_true(zmq_msg_recv(&frame, world->router, 0) >= 0);
        more_bytes += zmq_msg_size(&frame);
        more = zmq_msg_more(&frame);
        zmq_msg_close(&frame);
    }
    return more_bytes;
}

static void router_send(struct world *world, const struct router_frame *peer, const char *text,
                        size_t large) {
    zmq_send(world->router, peer->data, peer->size, ZMQ_SNDMORE);
    zmq_send(world->router, text, strlen(text), large > 0 ? ZMQ_SNDMORE : 0);
    if (large > 0) {
        uint8_t *data = calloc(1, large);
        memset(data, 'x', large);
        zmq_send(world->router, data, large, 0);
        free(data);
    }
}

static void world_wait(struct world *world, const int *value, int wanted) {
    struct timespec limit;
    clock_gettime(CLOCK_REALTIME, &limit);
    limit.tv_sec += WORLD_LIMIT_MS / 1000;
    pthread_mutex_lock(&world->mutex);
    while (*value < wanted) {
        assert_int_equal(pthread_cond_timedwait(&world->changed, &world->mutex, &limit), 0);
    }
    pthread_mutex_unlock(&world->mutex);
}

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

static bool world_enough(void *context) {
    struct world *world = context;
    pthread_mutex_lock(&world->mutex);
    bool enough = world->received >= world->received_wanted;
    pthread_mutex_unlock(&world->mutex);
    return enough;
}

static void world_drive(struct world *world, const struct router_frame *peer) {
    pthread_mutex_lock(&world->mutex);
    world->received_wanted = world->received + 1;
    pthread_mutex_unlock(&world->mutex);
    router_send(world, peer, "answer", 0);
    link_drive(world->link, world_enough);
}

static void a_caller_that_drives_receives_and_sends_by_itself(void **state) {
    struct world *world = *state;
    struct router_frame peer;
    char text[TEXT_SIZE];
    router_receive(world, &peer, text);
    world_drive(world, &peer); /* takes the turn, as the I/O thread may have it */
    for (int i = 0; i < 300; i++) {
        world_drive(world, &peer);
        world_set(world, world->waiting, "result");
        link_pass(world->link, i % 2 == 0);
        router_receive(world, &peer, text);
        assert_string_equal(text, "result");
    }
    assert_int_equal(world->received, 301);
}

static void a_caller_that_is_away_has_its_link_driven_until_it_comes_back(void **state) {
    struct world *world = *state;
    struct router_frame peer;
    char text[TEXT_SIZE];
    router_receive(world, &peer, text);
    for (int i = 0; i < 20; i++) {
        world_drive(world, &peer);
        router_send(world, &peer, "while away", 0);
        world_wait(world, &world->received, 2 * i + 2);
        pthread_mutex_lock(&world->mutex);
        assert_false(pthread_equal(world->receiver, pthread_self()));
        pthread_mutex_unlock(&world->mutex);
    }
}

static void *send_after_a_rest(void *context) {
    struct world *world = context;
    struct router_frame peer;
    char text[TEXT_SIZE];
    router_receive(world, &peer, text);
    poll(NULL, 0, 100); /* long enough for the I/O thread to stop looking */
    router_send(world, &peer, "late", 0);
    return NULL;
}

static void a_resting_thread_is_there_again_when_the_caller_goes_away(void **state) {
    struct world *world = *state;
    pthread_t sender;
    world->received_wanted = 1;
    assert_int_equal(pthread_create(&sender, NULL, send_after_a_rest, world), 0);
    link_drive(world->link, world_enough);
    pthread_join(sender, NULL);
    assert_true(pthread_equal(world->receiver, pthread_self()));
    pthread_mutex_lock(&world->mutex);
    world->reopen_asked = true; /* who but the I/O thread would do it now */
    pthread_mutex_unlock(&world->mutex);
    link_wake(world->link);
    world_wait(world, &world->opened, 2);
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

#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, world_setup, world_teardown)

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
        IN_WORLD(a_caller_that_drives_receives_and_sends_by_itself),
        IN_WORLD(a_caller_that_is_away_has_its_link_driven_until_it_comes_back),
        IN_WORLD(a_resting_thread_is_there_again_when_the_caller_goes_away),
        cmocka_unit_test(an_alarm_is_followed_by_a_tick_whenever_it_comes),
        cmocka_unit_test(malformed_addresses_are_refused_in_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
