/* SPDX-License-Identifier: MIT
 *
 * Pauses of a queue: out, nothing is handed out; in, nothing new is taken. */
#include "tests/unit/broker/core/bench.h"

#include <string.h>

static void pause(struct bench *bench, uint32_t bits, uint32_t resumed) {
    static uint64_t call = 1000;
    struct event_call ask = {.call = call++,
                             .verb = WIRE_QUEUE_PAUSE,
                             .name = span_of_text("default"),
                             .pause = bits,
                             .resume = resumed};
    bench_ask(bench, 1, &ask);
}

static void resume(struct bench *bench) {
    pause(bench, 0, WIRE_PAUSE_ALL);
}

static void put(struct bench *bench, uint64_t number, uint32_t size, int64_t wait_ms) {
    bench_submit_with(bench, 1,
                      &(struct bench_submit){.function = "f",
                                             .first = number,
                                             .count = 1,
                                             .size = size,
                                             .wait_ms = wait_ms,
                                             .want_ack = true});
}

static void commit(struct bench *bench) {
    while (bench_commits(bench)) {
        bench_commit(bench);
    }
}

/* A worker that has finished task 1; its lane takes `busy_us` a task. */
static struct bench *house(enum bench_kind kind, uint64_t busy_us) {
    struct bench *bench = bench_open(kind);
    bench_client(bench, 1);
    bench_worker(bench, 10, "f");
    put(bench, 1, 100, 0);
    commit(bench);
    struct event_result item = {.index = 1, .counter = 1, .status = WIRE_DONE};
    struct event event = {.kind = EVENT_RESULTS, .route = 11};
    event.results = (struct event_results){
        .epoch = 100, .credit = {1, 40, 1}, .busy_us = busy_us, .items = &item, .item_count = 1};
    bench_step(bench, &event);
    bench_tick(bench);
    commit(bench);
    bench_forget(bench);
    return bench;
}

static void assert_said(struct bench *bench, const char *text) {
    if (strstr(bench_trace(bench), text) == NULL) {
        print_error("'%s' is missing in:\n%s", text, bench_trace(bench));
        fail();
    }
    bench_forget(bench);
}

static void a_paused_queue_hands_nothing_out_and_says_why(void **state) {
    (void)state;
    struct bench *bench = house(MEMORY, 500);
    pause(bench, WIRE_PAUSE_OUT, 0);
    bench_forget(bench);
    bench_submit(bench, 1, "f", 2, 2);
    bench_pass(bench, 1000);
    bench_expect(bench, "");
    bench_call(bench, 1, WIRE_TASK_WAIT, 7, bench_id(1, 2), 0);
    bench_expect(bench, "1 ANSWER 7 err=3 \"queue default is paused: nothing is handed out until "
                        "it is resumed\"\n");
    struct engine_queue_view view;
    engine_queue_view(bench_engine(bench), 0, (struct now){0, 0}, &view);
    assert_true(view.paused_out && !view.paused_in);
    resume(bench);
    assert_said(bench, "11 DELIVER f g1 s2 c2: 1.2 1.3\n");
    bench_close(bench);
}

static void what_runs_goes_on_in_a_paused_queue(void **state) {
    (void)state;
    struct bench *bench = house(MEMORY, 10000);
    bench_submit(bench, 1, "f", 2, 2);
    pause(bench, WIRE_PAUSE_OUT, 0);
    bench_forget(bench);
    bench_result(bench, 11, 2, 2, WIRE_DONE, (struct wire_credit){1, 40, 2});
    bench_expect(bench, "11 RESULT_ACK 100.2+1\n1 RESULT 2=0\n");
    resume(bench);
    assert_said(bench, "11 DELIVER f g1 s3 c3: 1.3\n");
    bench_close(bench);
}

/* Else it would start minutes later, behind a long one. */
static void what_was_handed_out_and_has_not_begun_is_taken_back(void **state) {
    (void)state;
    struct bench *bench = house(MEMORY, 500);
    bench_submit(bench, 1, "f", 2, 3);
    assert_said(bench, "11 DELIVER f g1 s2 c2: 1.2 1.3 1.4\n");
    pause(bench, WIRE_PAUSE_OUT, 0);
    bench_forget(bench);
    bench_pass(bench, 30);
    bench_expect(bench, "10 CLOSE_GATE p0\n");
    bench_gate(bench, 10, 0, 1, 2);
    bench_credit(bench, 11, 2, 42, 2);
    bench_pass(bench, 5000);
    bench_expect(bench, ""); /* asked once, not handed out again */
    assert_int_equal(bench_counts(bench).ready, 2);
    assert_int_equal(bench_counts(bench).leased, 1);
    resume(bench);
    bench_pass(bench, 30);
    bench_done(bench, 11, 2, 2);
    assert_true(bench_counts(bench).leased >= 1);
    bench_close(bench);
}

static void puts_wait_at_a_queue_that_is_paused_in(void **state) {
    (void)state;
    struct bench *bench = house(MEMORY, 10000);
    pause(bench, WIRE_PAUSE_IN, 0);
    bench_forget(bench);
    put(bench, 2, 100, -1);
    put(bench, 3, 100, 0);
    put(bench, 4, 100, 500);
    bench_expect(bench, "1 PARKED 2+1\n1 ANSWERED 3 err=4\n1 PARKED 4+1\n");
    bench_call(bench, 1, WIRE_TASK_WAIT, 7, bench_id(1, 2), 0);
    bench_expect(bench, "1 ANSWER 7 err=20 \"its queue is paused and takes nothing in until it is "
                        "resumed\"\n");
    bench_jump(bench, 501);
    bench_expect(bench, "1 ANSWERED 4 err=4\n");
    assert_int_equal(bench_counts(bench).waiters, 1);
    resume(bench);
    assert_said(bench, "1 ACCEPTED 2+1\n");
    bench_close(bench);
}

static void a_queue_that_refuses_turns_those_that_wait_away_too(void **state) {
    (void)state;
    struct bench *bench = house(MEMORY, 10000);
    pause(bench, WIRE_PAUSE_IN, 0);
    put(bench, 2, 100, -1);
    bench_forget(bench);
    pause(bench, WIRE_PAUSE_REFUSE, WIRE_PAUSE_IN);
    assert_said(bench, "1 ANSWERED 2 err=7\n");
    put(bench, 3, 100, -1);
    bench_expect(bench, "1 ANSWERED 3 err=7\n");
    put(bench, 3, 100, -1); /* said again */
    bench_expect(bench, "1 ANSWERED 3 err=7\n");
    resume(bench);
    bench_forget(bench);
    put(bench, 4, 100, -1);
    assert_said(bench, "1 ACCEPTED 4+1\n");
    bench_close(bench);
}

/* It was accepted once, by a broker that forgot it: no pause turns it away. */
static void what_was_accepted_before_comes_in_all_the_same(void **state) {
    (void)state;
    struct bench *bench = house(MEMORY, 10000);
    pause(bench, WIRE_PAUSE_REFUSE, 0);
    bench_forget(bench);
    bench_submit_with(bench, 1,
                      &(struct bench_submit){.function = "f",
                                             .first = 2,
                                             .count = 1,
                                             .wait_ms = -1,
                                             .has_origin = true,
                                             .want_ack = true,
                                             .origin = {.session = 99, .number = 1}});
    assert_said(bench, "1 ACCEPTED 2+1\n");
    bench_close(bench);
}

static void a_payload_asked_for_before_the_pause_waits_again(void **state) {
    (void)state;
    struct engine_config config = {.queue_items_max = 1};
    struct bench *bench = bench_open_with(MEMORY, &config);
    bench_client(bench, 1);
    put(bench, 1, 100, 0);
    put(bench, 2, 20000, -1);
    bench_cancel(bench, 1, 1, 1);
    assert_said(bench, "1 ANSWERED 2 err=31\n");
    pause(bench, WIRE_PAUSE_IN, 0);
    bench_forget(bench);
    put(bench, 2, 20000, -1);
    bench_expect(bench, "1 PARKED 2+1\n");
    resume(bench);
    assert_said(bench, "1 ANSWERED 2 err=31\n");
    put(bench, 2, 20000, -1);
    assert_said(bench, "1 ACCEPTED 2+1\n");
    bench_close(bench);
}

static void a_pause_is_stored_before_it_is_answered_and_outlives_a_restart(void **state) {
    (void)state;
    struct bench *bench = house(DURABLE, 10000);
    pause(bench, WIRE_PAUSE_OUT | WIRE_PAUSE_IN, 0);
    assert_null(strstr(bench_trace(bench), "ANSWER"));
    bench_commit(bench);
    assert_non_null(strstr(bench_trace(bench), "err=0"));
    bench_restart(bench);
    struct engine_queue_view view;
    engine_queue_view(bench_engine(bench), 0, (struct now){0, 0}, &view);
    assert_true(view.paused_out && view.paused_in);
    bench_close(bench);
}

static void what_does_not_exist_cannot_be_paused(void **state) {
    (void)state;
    struct bench *bench = bench_open(MEMORY);
    bench_client(bench, 1);
    struct event_call ask = {
        .call = 1, .verb = WIRE_QUEUE_PAUSE, .name = span_of_text("none"), .pause = WIRE_PAUSE_OUT};
    bench_ask(bench, 1, &ask);
    bench_expect(bench, "1 ANSWER 1 err=10 \"no such queue\"\n");
    ask.pause = 64;
    bench_ask(bench, 1, &ask);
    bench_expect(bench, "1 ANSWER 1 err=1 \"no such way to pause\"\n");
    bench_close(bench);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_paused_queue_hands_nothing_out_and_says_why),
        cmocka_unit_test(what_runs_goes_on_in_a_paused_queue),
        cmocka_unit_test(what_was_handed_out_and_has_not_begun_is_taken_back),
        cmocka_unit_test(puts_wait_at_a_queue_that_is_paused_in),
        cmocka_unit_test(a_queue_that_refuses_turns_those_that_wait_away_too),
        cmocka_unit_test(what_was_accepted_before_comes_in_all_the_same),
        cmocka_unit_test(a_payload_asked_for_before_the_pause_waits_again),
        cmocka_unit_test(a_pause_is_stored_before_it_is_answered_and_outlives_a_restart),
        cmocka_unit_test(what_does_not_exist_cannot_be_paused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
