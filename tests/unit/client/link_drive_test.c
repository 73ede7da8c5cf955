/* SPDX-License-Identifier: MIT
 *
 * A caller that drives a link in place of its I/O thread, and threads that wake it meanwhile. */
#include "link_world.h"

#include "common/clock.h"

#include <poll.h>

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
    link_drive(world->link, world_enough, world, INT64_MAX);
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
    link_drive(world->link, world_enough, world, INT64_MAX);
    pthread_join(sender, NULL);
    assert_true(pthread_equal(world->receiver, pthread_self()));
    pthread_mutex_lock(&world->mutex);
    world->reopen_asked = true; /* who but the I/O thread would do it now */
    pthread_mutex_unlock(&world->mutex);
    link_wake(world->link);
    world_wait(world, &world->opened, 2);
}

static bool never_enough(void *context) {
    (void)context;
    return false;
}

static bool at_last_enough(void *context) {
    return clock_mono_us() >= *(int64_t *)context;
}

static void a_drive_asks_again_when_its_time_is_over(void **state) {
    struct world *world = *state;
    int64_t until_us = clock_mono_us() + 20000;
    link_drive(world->link, at_last_enough, &until_us, until_us); /* or it would sleep for ever */
}

/* The link is vacant: the I/O thread looks for the caller, which has just driven. */
static void a_wake_without_a_driver_sends_by_itself(void **state) {
    struct world *world = *state;
    struct router_frame peer;
    char text[TEXT_SIZE];
    router_receive(world, &peer, text);
    int own = 0;
    for (int i = 0; i < 300; i++) {
        world_drive(world, &peer);
        world_set(world, world->waiting, "by itself");
        link_wake(world->link);
        pthread_mutex_lock(&world->mutex);
        own += pthread_equal(world->sender, pthread_self()) != 0;
        pthread_mutex_unlock(&world->mutex);
        router_receive(world, &peer, text);
        assert_string_equal(text, "by itself");
    }
    assert_true(own > 0);
}

/* Also those of other threads, at whatever moment of the drive, and with nobody coming back. */
static void *wake_often(void *context) {
    struct world *world = context;
    struct router_frame peer;
    char text[TEXT_SIZE];
    for (int i = 0; i < 3000; i++) {
        world_set(world, world->waiting, "from another thread");
        link_wake(world->link);
        router_receive(world, &peer, text);
        if (i % 3 == 0) {
            router_send(world, &peer, "answer", 0);
        }
    }
    return NULL;
}

static void no_wake_is_lost_while_a_caller_comes_and_goes(void **state) {
    struct world *world = *state;
    struct router_frame peer;
    char text[TEXT_SIZE];
    pthread_t other;
    router_receive(world, &peer, text);
    assert_int_equal(pthread_create(&other, NULL, wake_often, world), 0);
    for (int i = 0; i < 1000; i++) {
        pthread_mutex_lock(&world->mutex);
        world->received_wanted = i + 1;
        pthread_mutex_unlock(&world->mutex);
        link_drive(world->link, world_enough, world, INT64_MAX);
        if (i % 2 == 0) {
            link_yield(world->link);
        }
    }
    pthread_join(other, NULL);
}

static void *stop_soon(void *context) {
    struct world *world = context;
    struct router_frame peer;
    char text[TEXT_SIZE];
    router_receive(world, &peer, text);
    link_stop(world->link, 0);
    return NULL;
}

static void a_drive_ends_when_the_link_is_stopped(void **state) {
    struct world *world = *state;
    pthread_t other;
    assert_int_equal(pthread_create(&other, NULL, stop_soon, world), 0);
    link_drive(world->link, never_enough, NULL, INT64_MAX);
    pthread_join(other, NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_WORLD(a_caller_that_drives_receives_and_sends_by_itself),
        IN_WORLD(a_caller_that_is_away_has_its_link_driven_until_it_comes_back),
        IN_WORLD(a_resting_thread_is_there_again_when_the_caller_goes_away),
        IN_WORLD(a_drive_asks_again_when_its_time_is_over),
        IN_WORLD(a_wake_without_a_driver_sends_by_itself),
        IN_WORLD(no_wake_is_lost_while_a_caller_comes_and_goes),
        IN_WORLD(a_drive_ends_when_the_link_is_stopped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
