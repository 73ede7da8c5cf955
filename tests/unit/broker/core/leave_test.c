/* SPDX-License-Identifier: MIT
 *
 * Hosts that are sent away: the order, its confirmation, and who waits for the end. */
#include "tests/unit/broker/core/bench.h"

#include <string.h>

static const char host_10[] = "000000000000000a";

static void drain(struct bench *bench, uint64_t call, int64_t grace_ms, int64_t timeout_ms) {
    bench_ask(bench, 1,
              &(struct event_call){.call = call,
                                   .verb = WIRE_WORKER_DRAIN,
                                   .timeout_ms = timeout_ms,
                                   .name = span_of_text(host_10),
                                   .grace_ms = grace_ms});
}

static void join(struct bench *bench, uint64_t call, int64_t timeout_ms) {
    bench_ask(bench, 1,
              &(struct event_call){.call = call,
                                   .verb = WIRE_WORKER_JOIN,
                                   .timeout_ms = timeout_ms,
                                   .name = span_of_text(host_10)});
}

static struct bench *house(void) {
    struct bench *bench = bench_open(MEMORY);
    bench_client(bench, 1);
    bench_worker(bench, 10, "f");
    bench_pass(bench, 3100); /* the grace time is over */
    bench_plain(bench, 10, EVENT_BEAT);
    bench_forget(bench);
    return bench;
}

static void a_drain_is_answered_when_the_host_confirms_and_a_join_when_it_has_left(void **state) {
    (void)state;
    struct bench *bench = house();
    drain(bench, 1, -1, 60000);
    join(bench, 2, 60000);
    bench_expect(bench, "10 LEAVE -1\n");
    bench_plain(bench, 10, EVENT_DRAIN_HOST);
    bench_expect(bench, "1 ANSWER 1 err=0\n");
    bench_plain(bench, 10, EVENT_GOODBYE);
    bench_expect(bench, "10 CLOSE_ROUTE\n1 ANSWER 2 err=0\n11 CLOSE_ROUTE\n");
    join(bench, 3, 0);
    bench_expect(bench, "1 ANSWER 3 err=0\n");
    drain(bench, 4, -1, 0);
    bench_expect(bench, "1 ANSWER 4 err=10 \"no such worker: it has left, or never was here\"\n");
    bench_close(bench);
}

static void nothing_is_handed_out_from_the_order_on(void **state) {
    (void)state;
    struct bench *bench = house();
    drain(bench, 1, -1, 60000);
    bench_submit(bench, 1, "f", 1, 1);
    bench_pass(bench, 100);
    assert_int_equal(bench_counts(bench).leased, 0);
    bench_worker(bench, 20, "f");
    assert_int_equal(bench_counts(bench).leased, 1);
    bench_close(bench);
}

static void what_runs_is_finished_there(void **state) {
    (void)state;
    struct bench *bench = house();
    bench_submit(bench, 1, "f", 1, 1);
    drain(bench, 1, -1, 60000);
    bench_plain(bench, 10, EVENT_DRAIN_HOST);
    bench_forget(bench);
    bench_done(bench, 11, 1, 1);
    bench_expect(bench, "11 RESULT_ACK 100.1+1\n1 RESULT 1=0\n");
    bench_close(bench);
}

static void a_host_that_falls_silent_first_is_told_of(void **state) {
    (void)state;
    struct bench *bench = house();
    drain(bench, 1, -1, 60000);
    join(bench, 2, 60000);
    bench_forget(bench);
    bench_jump(bench, 6100);
    assert_non_null(strstr(bench_trace(bench), "1 ANSWER 1 err=17 \"it fell silent"));
    assert_non_null(strstr(bench_trace(bench), "1 ANSWER 2 err=0\n"));
    bench_close(bench);
}

static void the_order_is_said_again_after_a_hello_until_it_is_confirmed(void **state) {
    (void)state;
    struct bench *bench = house();
    bench_plain(bench, 10, EVENT_ROUTE_LOST);
    drain(bench, 1, 500, 60000);
    bench_expect(bench, "");
    struct bench_place place = {.generation = 1};
    bench_hello_host(bench, 12, 10, "f", &place, 1);
    bench_expect(bench, "12 HELLO_OK\n12 LEAVE 500\n");
    bench_plain(bench, 12, EVENT_DRAIN_HOST);
    bench_forget(bench);
    bench_hello_host(bench, 13, 10, "f", &place, 1);
    assert_null(strstr(bench_trace(bench), "LEAVE"));
    bench_close(bench);
}

/* Its children spoke first, so that its hello makes it: HELLO_OK waits for a commit. */
static void the_order_does_not_overtake_the_answer_to_a_hello(void **state) {
    (void)state;
    struct bench *bench = bench_open(DURABLE);
    bench_client(bench, 1);
    bench_hello_child(bench, 11, 10, 0, 0, 0);
    drain(bench, 1, -1, 60000);
    while (bench_commits(bench)) {
        bench_commit(bench);
    }
    bench_forget(bench);
    bench_hello_host(bench, 10, 10, "f", NULL, 0);
    assert_null(strstr(bench_trace(bench), "LEAVE"));
    bench_commit(bench);
    const char *hello = strstr(bench_trace(bench), "10 HELLO_OK\n");
    const char *leave = strstr(bench_trace(bench), "10 LEAVE -1\n");
    assert_non_null(hello);
    assert_true(leave > hello);
    bench_close(bench);
}

static void a_host_that_drains_already_may_be_given_another_time(void **state) {
    (void)state;
    struct bench *bench = house();
    bench_plain(bench, 10, EVENT_DRAIN_HOST);
    drain(bench, 1, 1000, 60000);
    bench_expect(bench, "10 LEAVE 1000\n1 ANSWER 1 err=0\n");
    bench_close(bench);
}

static void a_call_whose_time_is_over_says_so_and_the_order_stands(void **state) {
    (void)state;
    struct bench *bench = house();
    drain(bench, 1, -1, 100);
    join(bench, 2, 200);
    bench_forget(bench);
    bench_jump(bench, 101);
    bench_expect(bench, "1 ANSWER 1 err=3 \"it has not confirmed yet, and is told again\"\n");
    bench_jump(bench, 101);
    bench_expect(bench, "1 ANSWER 2 err=3 \"it has not left yet\"\n");
    struct bench_place place = {.generation = 1};
    bench_hello_host(bench, 12, 10, "f", &place, 1);
    assert_non_null(strstr(bench_trace(bench), "12 LEAVE -1\n"));
    bench_close(bench);
}

static void a_call_said_again_waits_once(void **state) {
    (void)state;
    struct bench *bench = house();
    join(bench, 5, 60000);
    bench_hello_client(bench, 2, 1, true);
    bench_ask(bench, 2,
              &(struct event_call){.call = 5,
                                   .verb = WIRE_WORKER_JOIN,
                                   .timeout_ms = 60000,
                                   .name = span_of_text(host_10)});
    assert_int_equal(bench_counts(bench).waiters, 1);
    bench_forget(bench);
    bench_plain(bench, 10, EVENT_GOODBYE);
    bench_expect(bench, "10 CLOSE_ROUTE\n2 ANSWER 5 err=0\n11 CLOSE_ROUTE\n");
    bench_close(bench);
}

static void a_broker_that_just_started_does_not_say_that_a_worker_is_gone(void **state) {
    (void)state;
    struct bench *bench = bench_open(MEMORY);
    bench_client(bench, 1);
    join(bench, 1, 0);
    assert_non_null(strstr(bench_trace(bench), "1 ANSWER 1 err=20"));
    bench_forget(bench);
    struct event_call ask = {.call = 2, .verb = WIRE_WORKER_DRAIN, .name = span_of_text("node7")};
    bench_ask(bench, 1, &ask);
    assert_non_null(strstr(bench_trace(bench), "1 ANSWER 2 err=10"));
    bench_close(bench);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            a_drain_is_answered_when_the_host_confirms_and_a_join_when_it_has_left),
        cmocka_unit_test(nothing_is_handed_out_from_the_order_on),
        cmocka_unit_test(what_runs_is_finished_there),
        cmocka_unit_test(a_host_that_falls_silent_first_is_told_of),
        cmocka_unit_test(the_order_is_said_again_after_a_hello_until_it_is_confirmed),
        cmocka_unit_test(the_order_does_not_overtake_the_answer_to_a_hello),
        cmocka_unit_test(a_host_that_drains_already_may_be_given_another_time),
        cmocka_unit_test(a_call_whose_time_is_over_says_so_and_the_order_stands),
        cmocka_unit_test(a_call_said_again_waits_once),
        cmocka_unit_test(a_broker_that_just_started_does_not_say_that_a_worker_is_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
