/* SPDX-License-Identifier: MIT
 *
 * The main path with a store that keeps nothing: hello, submit, deliver, result, acknowledge. */
#include "tests/unit/broker/core/bench.h"

static void a_task_goes_all_the_way(void **state) {
    (void)state;
    struct bench *bench = bench_open(MEMORY);
    bench_client(bench, 1);
    bench_worker(bench, 10, "f");
    bench_submit(bench, 1, "f", 1, 1);
    bench_expect(bench, "11 DELIVER f g1 s1 c1: 1.1\n");
    bench_done(bench, 11, 1, 1);
    bench_expect(bench, "11 RESULT_ACK 100.1+1\n1 RESULT 1=0\n");
    assert_int_equal(bench_counts(bench).results_kept, 1);
    bench_ack(bench, 1, 1, 1, 1);
    bench_expect(bench, "");
    assert_int_equal(bench_counts(bench).tasks, 0);
    bench_close(bench);
}

static void a_new_lane_gets_one_task_then_many(void **state) {
    (void)state;
    struct bench *bench = bench_open(MEMORY);
    bench_client(bench, 1);
    bench_worker(bench, 10, "f");
    bench_submit(bench, 1, "f", 1, 6);
    bench_expect(bench, "11 DELIVER f g1 s1 c1: 1.1\n");
    bench_result(bench, 11, 1, 1, WIRE_DONE, (struct wire_credit){1, 9, 1});
    bench_expect(bench, "11 RESULT_ACK 100.1+1\n"
                        "11 DELIVER f g1 s2 c2: 1.2 1.3 1.4 1.5 1.6\n"
                        "1 RESULT 1=0\n");
    bench_close(bench);
}

static void accepted_is_told_when_asked_for(void **state) {
    (void)state;
    struct bench *bench = bench_open(MEMORY);
    bench_client(bench, 1);
    bench_submit(bench, 1, "f", 1, 2);
    bench_expect(bench, "");
    bench_submit_with(
        bench, 1,
        &(struct bench_submit){.function = "f", .first = 3, .count = 2, .want_ack = true});
    bench_expect(bench, "1 ACCEPTED 1+4\n");
    bench_close(bench);
}

static void a_repeated_number_is_told_again_and_not_taken_again(void **state) {
    (void)state;
    struct bench *bench = bench_open(MEMORY);
    bench_client(bench, 1);
    bench_submit_with(
        bench, 1,
        &(struct bench_submit){.function = "f", .first = 1, .count = 2, .want_ack = true});
    bench_submit(bench, 1, "f", 2, 2);
    bench_expect(bench, "1 ACCEPTED 1+2\n1 ACCEPTED 2+2\n");
    assert_int_equal(bench_counts(bench).tasks, 3);
    assert_int_equal(bench_counts(bench).duplicates, 1);
    bench_submit_with(bench, 1,
                      &(struct bench_submit){.function = "f", .first = 4, .count = 1, .acked = 3});
    bench_submit(bench, 1, "f", 3, 1); /* already acknowledged: silently dropped */
    assert_int_equal(bench_counts(bench).tasks, 4);
    bench_close(bench);
}

static void only_who_offers_the_function_gets_it(void **state) {
    (void)state;
    struct bench *bench = bench_open(MEMORY);
    bench_client(bench, 1);
    bench_worker(bench, 10, "f");
    bench_worker(bench, 20, "g,h");
    bench_submit(bench, 1, "h", 1, 1);
    bench_submit(bench, 1, "f", 2, 1);
    bench_submit(bench, 1, "nobody", 3, 1);
    bench_expect(bench, "21 DELIVER h g1 s1 c1: 1.1\n11 DELIVER f g1 s1 c2: 1.2\n");
    bench_call(bench, 1, WIRE_TASK_WAIT, 1, bench_id(1, 3), 50);
    bench_pass(bench, 60);
    bench_expect(bench, "1 ANSWER 1 err=3 \"no worker offers nobody in pool default\"\n");
    bench_close(bench);
}

static void a_stale_token_is_refused_and_acknowledged(void **state) {
    (void)state;
    struct bench *bench = bench_open(MEMORY);
    bench_client(bench, 1);
    bench_worker(bench, 10, "f");
    bench_submit(bench, 1, "f", 1, 1);
    bench_forget(bench);
    bench_done(bench, 11, 1, 7);
    bench_expect(bench, "11 RESULT_ACK 100.7+1\n");
    bench_done(bench, 11, 999, 1);
    bench_expect(bench, "11 RESULT_ACK 100.1+1\n");
    assert_int_equal(bench_counts(bench).stale_results, 2);
    assert_int_equal(bench_counts(bench).leased, 1);
    bench_close(bench);
}

static void a_stranger_is_asked_for_its_hello(void **state) {
    (void)state;
    struct bench *bench = bench_open(MEMORY);
    bench_submit(bench, 5, "f", 1, 2);
    bench_plain(bench, 6, EVENT_BEAT);
    bench_expect(bench, "5 HELLO_REQUIRED\n6 HELLO_REQUIRED\n");
    bench_client(bench, 1);
    bench_plain(bench, 1, EVENT_BEAT);
    bench_expect(bench, "1 BEAT_OK\n");
    bench_close(bench);
}

static void a_wrong_version_is_refused_in_words(void **state) {
    (void)state;
    struct bench *bench = bench_open(MEMORY);
    static const uint8_t secret[WIRE_SECRET_SIZE] = {1};
    struct event event = {.kind = EVENT_HELLO, .route = 1};
    event.hello.session = 1;
    event.hello.secret = (struct span){secret, sizeof(secret)};
    event.hello.version_min = 7;
    event.hello.version_max = 9;
    bench_step(bench, &event);
    bench_expect(bench, "1 REFUSED 13\n");
    bench_close(bench);
}

static void many_results_leave_as_one_message(void **state) {
    (void)state;
    struct bench *bench = bench_open(MEMORY);
    bench_client(bench, 1);
    bench_worker(bench, 10, "f");
    bench_submit(bench, 1, "f", 1, 4);
    bench_result(bench, 11, 1, 1, WIRE_DONE, (struct wire_credit){1, 9, 1});
    bench_forget(bench);
    struct event_result items[3] = {{.index = 2, .counter = 2},
                                    {.index = 3, .counter = 3},
                                    {.index = 4, .counter = 4, .status = WIRE_FAILED}};
    struct event event = {.kind = EVENT_RESULTS, .route = 11};
    event.results = (struct event_results){.epoch = 100, .items = items, .item_count = 3};
    bench_step(bench, &event);
    bench_tick(bench);
    bench_expect(bench, "11 RESULT_ACK 100.2+3\n1 RESULT 2=0 3=0 4=1\n");
    bench_ack(bench, 1, 4, 1, 4);
    assert_int_equal(bench_counts(bench).tasks, 0);
    bench_close(bench);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_task_goes_all_the_way),
        cmocka_unit_test(a_new_lane_gets_one_task_then_many),
        cmocka_unit_test(accepted_is_told_when_asked_for),
        cmocka_unit_test(a_repeated_number_is_told_again_and_not_taken_again),
        cmocka_unit_test(only_who_offers_the_function_gets_it),
        cmocka_unit_test(a_stale_token_is_refused_and_acknowledged),
        cmocka_unit_test(a_stranger_is_asked_for_its_hello),
        cmocka_unit_test(a_wrong_version_is_refused_in_words),
        cmocka_unit_test(many_results_leave_as_one_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
