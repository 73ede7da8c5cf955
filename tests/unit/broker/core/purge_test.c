/* SPDX-License-Identifier: MIT
 *
 * Purges of a queue: what waits ends, what runs goes on, and what would come back does not. */
#include "tests/unit/broker/core/bench.h"

#include <string.h>

static void purge(struct bench *bench, route_id route, uint64_t call) {
    bench_ask(bench, route,
              &(struct event_call){
                  .call = call, .verb = WIRE_QUEUE_PURGE, .name = span_of_text("default")});
}

static void commit(struct bench *bench) {
    while (bench_commits(bench)) {
        bench_commit(bench);
    }
}

static void assert_said(struct bench *bench, const char *text) {
    if (strstr(bench_trace(bench), text) == NULL) {
        print_error("'%s' is missing in:\n%s", text, bench_trace(bench));
        fail();
    }
}

static void whatever_waits_ends_and_is_told(void **state) {
    (void)state;
    struct engine_config config = {.queue_items_max = 3};
    struct bench *bench = bench_open_with(MEMORY, &config);
    bench_client(bench, 1);
    bench_client(bench, 2);
    bench_submit(bench, 1, "f", 1, 2);
    bench_submit(bench, 2, "g", 1, 1);
    bench_submit_with(
        bench, 1, &(struct bench_submit){.function = "f", .first = 3, .count = 1, .wait_ms = -1});
    bench_forget(bench);
    purge(bench, 2, 1);
    assert_said(bench, "2 ANSWER 1 err=0 [4]\n");
    assert_said(bench, "1 RESULT 1=2(15) 2=2(15)\n");
    assert_said(bench, "2 RESULT 1=2(15)\n");
    assert_said(bench, "1 ANSWERED 3 err=15\n");
    assert_int_equal(bench_counts(bench).ready, 0);
    assert_int_equal(bench_counts(bench).waiters, 0);
    bench_submit(bench, 1, "f", 4, 1);
    bench_worker(bench, 10, "f");
    assert_int_equal(bench_counts(bench).leased, 1);
    bench_close(bench);
}

static void what_runs_goes_on(void **state) {
    (void)state;
    struct bench *bench = bench_open(MEMORY);
    bench_client(bench, 1);
    bench_worker(bench, 10, "f");
    bench_submit(bench, 1, "f", 1, 2);
    bench_forget(bench);
    purge(bench, 1, 1);
    bench_expect(bench, "1 ANSWER 1 err=0 [1]\n1 RESULT 2=2(15)\n");
    bench_done(bench, 11, 1, 1);
    bench_expect(bench, "11 RESULT_ACK 100.1+1\n1 RESULT 1=0\n");
    bench_close(bench);
}

static void what_would_come_back_ends(void **state) {
    (void)state;
    struct bench *bench = bench_open(MEMORY);
    bench_client(bench, 1);
    bench_worker(bench, 10, "f");
    bench_worker(bench, 20, "f");
    bench_worker(bench, 30, "f");
    bench_submit(bench, 1, "f", 1, 3);
    purge(bench, 1, 1);
    bench_forget(bench);
    bench_gate(bench, 10, 0, 1, 0); /* it had not begun */
    bench_expect(bench, "1 RESULT 1=2(15)\n");
    bench_result(bench, 21, 2, 2, WIRE_TRY_AGAIN, (struct wire_credit){0, 0, 0});
    bench_expect(bench, "21 RESULT_ACK 100.2+1\n1 RESULT 2=2(15)\n");
    struct event_attempt attempt = {bench_id(1, 3), {100, 3}, false};
    struct event_death death = {.sequence = 1,
                                .generation = 1,
                                .started = 1,
                                .cause = WIRE_CAUSE_SIGNAL,
                                .attempts = &attempt,
                                .attempt_count = 1};
    bench_death(bench, 30, &death);
    bench_expect(bench, "30 DEATH_ACK p0\n1 RESULT 3=2(15)\n");
    assert_int_equal(bench_counts(bench).retries_crash, 0);
    bench_close(bench);
}

static void what_waits_for_another_try_ends_at_once(void **state) {
    (void)state;
    struct bench *bench = bench_open(MEMORY);
    bench_client(bench, 1);
    bench_worker(bench, 10, "f");
    bench_submit(bench, 1, "f", 1, 1);
    bench_result(bench, 11, 1, 1, WIRE_TRY_AGAIN, (struct wire_credit){0, 0, 0});
    assert_int_equal(bench_counts(bench).waiting_retry, 1);
    bench_forget(bench);
    purge(bench, 1, 1);
    bench_expect(bench, "1 ANSWER 1 err=0 [1]\n1 RESULT 1=2(15)\n");
    assert_int_equal(bench_counts(bench).waiting_retry, 0);
    bench_close(bench);
}

/* ≤ 2 a step; meanwhile nothing is handed out, and nobody parked comes in. */
static void a_large_purge_is_done_in_steps_and_the_queue_stands_still(void **state) {
    (void)state;
    struct engine_config config = {.queue_items_max = 5, .step_units_max = 2};
    struct bench *bench = bench_open_with(MEMORY, &config);
    bench_client(bench, 1);
    bench_worker(bench, 10, "f");
    bench_submit_with(
        bench, 1, &(struct bench_submit){.function = "f", .first = 1, .count = 6, .wait_ms = -1});
    assert_int_equal(bench_counts(bench).ready, 5); /* 1 runs */
    struct event ask = {.kind = EVENT_CALL, .route = 1};
    ask.call = (struct event_call){
        .call = 1, .verb = WIRE_QUEUE_PURGE, .name = span_of_text("default")};
    bench_step(bench, &ask);
    struct event_submit_item item = {.number = 7, .payload = {bench_payload(bench, 9), 9}};
    struct event late = {.kind = EVENT_SUBMIT, .route = 1};
    late.submit = (struct event_submit){.slot = bench_id(1, 6).slot,
                                        .queue = span_of_text("default"),
                                        .function = span_of_text("f"),
                                        .wait_ms = -1,
                                        .items = &item,
                                        .item_count = 1};
    bench_step(bench, &late);
    struct event_result done = {.index = 1, .counter = 1, .status = WIRE_DONE};
    struct event results = {.kind = EVENT_RESULTS, .route = 11};
    results.results = (struct event_results){
        .epoch = 100, .credit = {1, 20, 1}, .busy_us = 10, .items = &done, .item_count = 1};
    bench_step(bench, &results); /* the child is free, and gets nothing */
    bench_forget(bench);
    struct event tick = {.kind = EVENT_TICK};
    for (uint64_t cancelled = 2; cancelled <= 4; cancelled += 2) {
        bench_step(bench, &tick);
        assert_int_equal(bench_counts(bench).cancelled, cancelled);
        assert_int_equal(bench_counts(bench).waiters, 1);
        assert_null(strstr(bench_trace(bench), "DELIVER"));
    }
    bench_tick(bench);
    assert_said(bench, "1 ANSWER 1 err=0 [5]\n");
    assert_int_equal(bench_counts(bench).cancelled, 5);
    assert_said(bench, "11 DELIVER f g1 s2 c2: 1.7\n"); /* who came later */
    bench_close(bench);
}

static void what_was_delivered_and_has_not_begun_is_asked_back(void **state) {
    (void)state;
    struct bench *bench = bench_open(MEMORY);
    bench_client(bench, 1);
    bench_worker(bench, 10, "f");
    bench_submit(bench, 1, "f", 1, 1);
    struct event_result item = {.index = 1, .counter = 1, .status = WIRE_DONE};
    struct event event = {.kind = EVENT_RESULTS, .route = 11};
    event.results = (struct event_results){
        .epoch = 100, .credit = {1, 40, 1}, .busy_us = 500, .items = &item, .item_count = 1};
    bench_step(bench, &event);
    bench_submit(bench, 1, "f", 2, 3);
    bench_forget(bench);
    purge(bench, 1, 1);
    bench_expect(bench, "1 ANSWER 1 err=0 [0]\n");
    bench_pass(bench, 30);
    bench_expect(bench, "10 CLOSE_GATE p0\n");
    bench_gate(bench, 10, 0, 1, 2);
    bench_expect(bench, "1 RESULT 4=2(15) 3=2(15)\n");
    bench_close(bench);
}

static void a_purge_said_again_is_the_same_one(void **state) {
    (void)state;
    struct bench *bench = bench_open(MEMORY);
    bench_client(bench, 1);
    bench_submit(bench, 1, "f", 1, 2);
    purge(bench, 1, 7);
    bench_submit(bench, 1, "f", 3, 1);
    bench_forget(bench);
    bench_hello_client(bench, 2, 1, true);
    purge(bench, 2, 7);
    assert_said(bench, "2 ANSWER 7 err=0 [2]\n");
    assert_int_equal(bench_counts(bench).ready, 1);
    purge(bench, 2, 8);
    assert_said(bench, "2 ANSWER 8 err=0 [1]\n");
    bench_close(bench);
}

static void a_second_purge_waits_for_the_first(void **state) {
    (void)state;
    struct engine_config config = {.step_units_max = 1};
    struct bench *bench = bench_open_with(MEMORY, &config);
    bench_client(bench, 1);
    bench_client(bench, 2);
    bench_submit(bench, 1, "f", 1, 3);
    bench_forget(bench);
    struct event ask = {.kind = EVENT_CALL, .route = 1};
    ask.call = (struct event_call){
        .call = 1, .verb = WIRE_QUEUE_PURGE, .name = span_of_text("default")};
    bench_step(bench, &ask);
    ask.route = 2;
    bench_step(bench, &ask);
    bench_expect(bench, "2 ANSWER 1 err=20 \"the queue is being purged already\"\n");
    bench_tick(bench);
    assert_said(bench, "1 ANSWER 1 err=0 [3]\n");
    bench_close(bench);
}

static void nothing_that_was_purged_comes_back_after_a_restart(void **state) {
    (void)state;
    struct bench *bench = bench_open(DURABLE);
    bench_client(bench, 1);
    bench_worker(bench, 10, "f");
    bench_submit(bench, 1, "f", 1, 2);
    commit(bench); /* 1 is handed out */
    purge(bench, 1, 7);
    assert_null(strstr(bench_trace(bench), "ANSWER"));
    commit(bench);
    assert_said(bench, "1 ANSWER 7 err=0 [1]\n");
    bench_restart(bench);
    bench_hello_client(bench, 1, 1, true);
    bench_submit(bench, 1, "f", 3, 1);
    bench_jump(bench, 10100); /* nobody announces 1 */
    commit(bench);
    assert_int_equal(bench_counts(bench).cancelled, 1); /* the other one is in the store */
    assert_int_equal(bench_counts(bench).ready, 1);
    bench_forget(bench);
    purge(bench, 1, 7); /* its answer was lost */
    commit(bench);
    assert_said(bench, "1 ANSWER 7 err=0");
    assert_int_equal(bench_counts(bench).ready, 1);
    bench_close(bench);
}

/* An empty store would give the numbers of the purged tasks again. */
static void arrivals_go_on_behind_the_mark(void **state) {
    (void)state;
    struct bench *bench = bench_open(DURABLE);
    bench_client(bench, 1);
    bench_submit(bench, 1, "f", 1, 9);
    purge(bench, 1, 1);
    commit(bench);
    bench_ack(bench, 1, 9, 1, 9);
    commit(bench);
    bench_restart(bench);
    bench_restart(bench);
    bench_hello_client(bench, 1, 1, true);
    bench_submit(bench, 1, "f", 10, 1);
    bench_jump(bench, 10100);
    commit(bench);
    assert_int_equal(bench_counts(bench).ready, 1);
    bench_close(bench);
}

static void what_runs_is_left_alone_over_a_restart(void **state) {
    (void)state;
    struct bench *bench = bench_open(DURABLE);
    bench_client(bench, 1);
    bench_worker(bench, 10, "f");
    bench_submit(bench, 1, "f", 1, 1);
    commit(bench);
    purge(bench, 1, 1);
    commit(bench);
    bench_restart(bench);
    struct bench_place place = {.generation = 1, .started = 1, .attempt_count = 1};
    place.attempts[0] = (struct bench_attempt){.id = bench_id(1, 1), .token = {100, 1}};
    bench_hello_host(bench, 10, 10, "f", &place, 1);
    bench_pass(bench, 100);
    commit(bench);
    assert_int_equal(bench_counts(bench).leased, 1);
    assert_int_equal(bench_counts(bench).cancelled, 0);
    bench_close(bench);
}

static void a_queue_that_does_not_exist_cannot_be_purged(void **state) {
    (void)state;
    struct bench *bench = bench_open(MEMORY);
    bench_client(bench, 1);
    purge(bench, 1, 1);
    bench_expect(bench, "1 ANSWER 1 err=10 \"no such queue\"\n");
    bench_close(bench);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whatever_waits_ends_and_is_told),
        cmocka_unit_test(what_runs_goes_on),
        cmocka_unit_test(what_would_come_back_ends),
        cmocka_unit_test(what_waits_for_another_try_ends_at_once),
        cmocka_unit_test(a_large_purge_is_done_in_steps_and_the_queue_stands_still),
        cmocka_unit_test(what_was_delivered_and_has_not_begun_is_asked_back),
        cmocka_unit_test(a_purge_said_again_is_the_same_one),
        cmocka_unit_test(a_second_purge_waits_for_the_first),
        cmocka_unit_test(nothing_that_was_purged_comes_back_after_a_restart),
        cmocka_unit_test(arrivals_go_on_behind_the_mark),
        cmocka_unit_test(what_runs_is_left_alone_over_a_restart),
        cmocka_unit_test(a_queue_that_does_not_exist_cannot_be_purged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
