/* SPDX-License-Identifier: MIT
 *
 * Hosts: silence, return, drain, and children that speak first. */
#include "tests/unit/broker/core/bench.h"

#include <string.h>

static struct bench *one_leased(void) {
    struct bench *bench = bench_open(MEMORY);
    bench_client(bench, 1);
    bench_worker(bench, 10, "f");
    bench_submit(bench, 1, "f", 1, 1);
    bench_forget(bench);
    return bench;
}

static void a_silent_host_loses_its_leases_after_6_s(void **state) {
    (void)state;
    struct bench *bench = one_leased();
    bench_plain(bench, 11, EVENT_BEAT); /* its child's traffic does not count */
    bench_jump(bench, 5900);
    bench_plain(bench, 11, EVENT_BEAT);
    assert_int_equal(bench_counts(bench).leased, 1);
    bench_jump(bench, 200);
    assert_int_equal(bench_counts(bench).leased, 0);
    assert_int_equal(bench_counts(bench).retries_lease, 1);
    assert_int_equal(bench_counts(bench).hosts, 0);
    bench_forget(bench);
    bench_plain(bench, 11, EVENT_BEAT);
    bench_expect(bench, "11 HELLO_REQUIRED\n");
    bench_close(bench);
}

static void a_gap_in_the_brokers_own_life_is_nobodys_silence(void **state) {
    (void)state;
    struct bench *bench = one_leased();
    struct event gap = {.kind = EVENT_GAP, .gap_us = 10000000};
    bench_step(bench, &gap);
    bench_jump(bench, 10000);
    assert_int_equal(bench_counts(bench).leased, 1);
    bench_jump(bench, 6100);
    assert_int_equal(bench_counts(bench).leased, 0);
    bench_close(bench);
}

static void a_lost_host_that_returns_is_told_what_is_void(void **state) {
    (void)state;
    struct bench *bench = one_leased();
    bench_jump(bench, 6100);
    bench_forget(bench);
    struct bench_place place = {.generation = 1, .started = 1, .attempt_count = 1};
    place.attempts[0] = (struct bench_attempt){.id = bench_id(1, 1), .token = {100, 1}};
    bench_hello_host(bench, 12, 10, "f", &place, 1);
    bench_expect(bench, "12 HELLO_OK\n12 LEASE_LOST p0 100.1+1\n");
    bench_close(bench);
}

static void the_tenth_lost_lease_ends_the_task_as_lost(void **state) {
    (void)state;
    struct bench *bench = bench_open(MEMORY);
    bench_client(bench, 1);
    bench_submit(bench, 1, "f", 1, 1);
    for (uint64_t host = 20; host < 120; host += 10) {
        bench_plain(bench, 1, EVENT_BEAT);
        bench_worker(bench, host, "f");
        bench_jump(bench, 6100);
    }
    assert_int_equal(bench_counts(bench).lost, 1);
    assert_int_equal(bench_counts(bench).retries_lease, 9);
    assert_non_null(strstr(bench_trace(bench), "1 RESULT 1=4(17)\n"));
    bench_close(bench);
}

static void a_drained_host_gets_nothing_more_and_costs_nothing(void **state) {
    (void)state;
    struct bench *bench = one_leased();
    bench_plain(bench, 10, EVENT_DRAIN_HOST);
    bench_result(bench, 11, 1, 1, WIRE_DONE, (struct wire_credit){1, 20, 1});
    bench_submit(bench, 1, "f", 2, 1);
    bench_expect(bench, "11 RESULT_ACK 100.1+1\n1 RESULT 1=0\n");
    bench_plain(bench, 10, EVENT_GOODBYE);
    assert_int_equal(bench_counts(bench).hosts, 0);
    bench_close(bench);
}

/* The function saw that it should stop, and said so, before its process was killed. */
static void what_a_draining_host_stopped_goes_back_uncounted(void **state) {
    (void)state;
    struct bench *bench = one_leased();
    bench_plain(bench, 10, EVENT_DRAIN_HOST);
    bench_result(bench, 11, 1, 1, WIRE_CANCELLED, (struct wire_credit){0, 0, 0});
    bench_expect(bench, "11 RESULT_ACK 100.1+1\n");
    assert_int_equal(bench_counts(bench).ready, 1);
    assert_int_equal(bench_counts(bench).failed, 0);
    bench_done(bench, 11, 1, 1); /* late, and stale */
    assert_int_equal(bench_counts(bench).stale_results, 1);
    bench_close(bench);
}

/* Nobody told it to stop: it is its own failure. */
static void a_host_that_does_not_drain_stops_nothing(void **state) {
    (void)state;
    struct bench *bench = one_leased();
    bench_result(bench, 11, 1, 1, WIRE_CANCELLED, (struct wire_credit){0, 0, 0});
    bench_expect(bench, "11 RESULT_ACK 100.1+1\n1 RESULT 1=1\n");
    bench_close(bench);
}

static void a_goodbye_with_running_attempts_counts_as_a_drain(void **state) {
    (void)state;
    struct bench *bench = one_leased();
    bench_plain(bench, 10, EVENT_GOODBYE);
    assert_int_equal(bench_counts(bench).retries_lease, 0);
    assert_int_equal(bench_counts(bench).ready, 1);
    bench_close(bench);
}

static void a_child_before_its_host_is_held_without_credit(void **state) {
    (void)state;
    struct bench *bench = bench_open(MEMORY);
    bench_client(bench, 1);
    bench_submit(bench, 1, "f", 1, 1);
    bench_hello_child(bench, 11, 10, 0, 0, 0);
    bench_credit(bench, 11, 1, 8, 0);
    bench_expect(bench, "11 HELLO_OK\n");
    struct bench_place place = {.generation = 1, .started = 0};
    bench_hello_host(bench, 10, 10, "f", &place, 1);
    bench_expect(bench, "10 HELLO_OK\n"); /* its hello closed the gate: that credit is void */
    bench_credit(bench, 11, 2, 8, 0);
    bench_expect(bench, "11 DELIVER f g2 s1 c1: 1.1\n");
    bench_close(bench);
}

static void a_child_nobody_knows_leaves_nothing_behind(void **state) {
    (void)state;
    struct bench *bench = bench_open(MEMORY);
    bench_hello_child(bench, 11, 10, 0, 0, 0);
    bench_plain(bench, 11, EVENT_ROUTE_LOST);
    assert_int_equal(bench_counts(bench).children, 0);
    bench_close(bench);
}

/* No worker does this; a stranger may. */
static void a_child_that_turns_into_its_own_host_disturbs_nobody(void **state) {
    (void)state;
    struct bench *bench = bench_open(MEMORY);
    bench_hello_child(bench, 11, 10, 0, 0, 0);
    bench_hello_host(bench, 11, 10, "f", NULL, 0);
    assert_int_equal(bench_counts(bench).hosts, 1);
    bench_plain(bench, 11, EVENT_ROUTE_LOST);
    bench_jump(bench, 6100);
    assert_int_equal(bench_counts(bench).hosts, 0);
    bench_close(bench);
}

static void a_host_of_another_secret_is_refused(void **state) {
    (void)state;
    struct bench *bench = one_leased();
    static const uint8_t other[WIRE_SECRET_SIZE] = {9};
    struct event event = {.kind = EVENT_HELLO, .route = 77};
    event.hello = (struct event_hello){.peer = WIRE_HOST,
                                       .version_min = 1,
                                       .version_max = 1,
                                       .session = 10,
                                       .secret = {other, sizeof(other)},
                                       .pool = span_of_text("default")};
    bench_step(bench, &event);
    bench_expect(bench, "77 REFUSED 12\n");
    bench_close(bench);
}

static void a_function_that_fails_is_not_tried_again(void **state) {
    (void)state;
    struct bench *bench = one_leased();
    bench_result(bench, 11, 1, 1, WIRE_FAILED, (struct wire_credit){0, 0, 0});
    bench_expect(bench, "11 RESULT_ACK 100.1+1\n1 RESULT 1=1\n");
    bench_ack(bench, 1, 1, 1, 1);
    bench_close(bench);
}

static void a_function_that_asks_is_tried_again_later_and_later(void **state) {
    (void)state;
    struct bench *bench = one_leased();
    struct wire_credit credit = {1, 4000, 0};
    bench_result(bench, 11, 1, 1, WIRE_TRY_AGAIN, credit);
    assert_int_equal(bench_counts(bench).waiting_retry, 1);
    bench_plain(bench, 10, EVENT_BEAT);
    bench_jump(bench, 990);
    bench_expect(bench, "11 RESULT_ACK 100.1+1\n10 BEAT_OK\n");
    bench_jump(bench, 20);
    bench_expect(bench, "11 DELIVER f g1 s2 c2: 1.1\n");
    for (uint64_t try = 2; try <= 11; try++) {
        bench_result(bench, 11, 1, try, WIRE_TRY_AGAIN, credit);
        for (int s = 0; s < 61; s += 2) {
            bench_plain(bench, 10, EVENT_BEAT);
            bench_plain(bench, 1, EVENT_BEAT);
            bench_jump(bench, 2000);
        }
    }
    assert_int_equal(bench_counts(bench).retries_asked, 10);
    assert_non_null(strstr(bench_trace(bench), "1 RESULT 1=1\n"));
    bench_close(bench);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_silent_host_loses_its_leases_after_6_s),
        cmocka_unit_test(a_gap_in_the_brokers_own_life_is_nobodys_silence),
        cmocka_unit_test(a_lost_host_that_returns_is_told_what_is_void),
        cmocka_unit_test(the_tenth_lost_lease_ends_the_task_as_lost),
        cmocka_unit_test(a_drained_host_gets_nothing_more_and_costs_nothing),
        cmocka_unit_test(what_a_draining_host_stopped_goes_back_uncounted),
        cmocka_unit_test(a_host_that_does_not_drain_stops_nothing),
        cmocka_unit_test(a_goodbye_with_running_attempts_counts_as_a_drain),
        cmocka_unit_test(a_child_before_its_host_is_held_without_credit),
        cmocka_unit_test(a_child_nobody_knows_leaves_nothing_behind),
        cmocka_unit_test(a_child_that_turns_into_its_own_host_disturbs_nobody),
        cmocka_unit_test(a_host_of_another_secret_is_refused),
        cmocka_unit_test(a_function_that_fails_is_not_tried_again),
        cmocka_unit_test(a_function_that_asks_is_tried_again_later_and_later),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
