/* SPDX-License-Identifier: MIT
 *
 * Bounds: full queues, parked putters, results that nobody fetches (rules §6). */
#include "tests/unit/broker/core/bench.h"

#include <string.h>

static struct bench *queue_of(uint64_t items, uint64_t bytes) {
    struct engine_config config = {.queue_items_max = items, .queue_bytes_max = bytes};
    struct bench *bench = bench_open_with(MEMORY, &config);
    bench_client(bench, 1);
    bench_client(bench, 2);
    return bench;
}

static void put(struct bench *bench, route_id route, uint64_t number, uint32_t size,
                int64_t wait_ms) {
    bench_submit_with(bench, route,
                      &(struct bench_submit){.function = "f",
                                             .first = number,
                                             .count = 1,
                                             .size = size,
                                             .wait_ms = wait_ms,
                                             .want_ack = true});
}

static void a_full_queue_says_full_at_once(void **state) {
    (void)state;
    struct bench *bench = queue_of(2, 0);
    bench_submit_with(
        bench, 1,
        &(struct bench_submit){.function = "f", .first = 1, .count = 3, .want_ack = true});
    bench_expect(bench, "1 ANSWERED 3 err=4\n1 ACCEPTED 1+2\n");
    put(bench, 1, 3, 100, 0); /* a copy that comes late is not taken either */
    bench_expect(bench, "1 ANSWERED 3 err=4\n");
    assert_int_equal(bench_counts(bench).refused_full, 1);
    bench_close(bench);
}

static void putters_wait_in_order_and_are_woken_by_a_delivery(void **state) {
    (void)state;
    struct bench *bench = queue_of(1, 0);
    put(bench, 1, 1, 100, -1);
    put(bench, 2, 1, 100, -1);
    put(bench, 1, 2, 100, -1);
    bench_expect(bench, "1 ACCEPTED 1+1\n2 PARKED 1+1\n1 PARKED 2+1\n");
    assert_int_equal(bench_counts(bench).waiters, 2);
    bench_worker(bench, 10, "f");
    assert_int_equal(bench_counts(bench).waiters, 1);
    bench_result(bench, 11, 1, 1, WIRE_DONE, (struct wire_credit){1, 9, 1});
    bench_expect(bench, "11 RESULT_ACK 100.1+1\n11 DELIVER f g1 s2 c2: 2.1\n1 ACCEPTED 2+1\n"
                        "1 RESULT 1=0\n11 DELIVER f g1 s3 c3: 1.2\n");
    bench_close(bench);
}

static void whoever_is_parked_is_told_so_each_time_he_asks(void **state) {
    (void)state;
    struct bench *bench = queue_of(2, 0);
    struct bench_submit submit = {.function = "f", .first = 1, .count = 5, .wait_ms = -1};
    bench_submit_with(bench, 1, &submit);
    bench_expect(bench, "1 PARKED 3+3\n");
    bench_cancel(bench, 1, 4, 1);
    bench_forget(bench);
    bench_submit_with(bench, 1, &submit);
    bench_expect(bench, "1 ANSWERED 4 err=15\n1 PARKED 3+1 5+1\n1 ACCEPTED 1+2\n");
    bench_close(bench);
}

static void a_small_item_does_not_overtake_a_large_one(void **state) {
    (void)state;
    struct bench *bench = queue_of(10, 1000);
    put(bench, 1, 1, 900, 0);
    put(bench, 1, 2, 900, -1);
    put(bench, 2, 1, 10, -1);
    put(bench, 2, 2, 10, 0);
    bench_expect(bench, "1 ACCEPTED 1+1\n1 PARKED 2+1\n2 PARKED 1+1\n2 ANSWERED 2 err=4\n");
    assert_int_equal(bench_counts(bench).waiters, 2);
    bench_close(bench);
}

static void a_putter_that_waited_in_vain_is_certainly_not_in_the_queue(void **state) {
    (void)state;
    struct bench *bench = queue_of(1, 0);
    put(bench, 1, 1, 100, 0);
    put(bench, 1, 2, 100, 500);
    bench_jump(bench, 499);
    bench_expect(bench, "1 ACCEPTED 1+1\n1 PARKED 2+1\n");
    bench_jump(bench, 2);
    bench_expect(bench, "1 ANSWERED 2 err=4\n");
    assert_int_equal(bench_counts(bench).tasks, 1);
    bench_close(bench);
}

static void a_repeated_putter_keeps_its_place(void **state) {
    (void)state;
    struct bench *bench = queue_of(1, 0);
    put(bench, 1, 1, 100, 0);
    put(bench, 1, 2, 100, -1);
    put(bench, 2, 1, 100, -1);
    bench_hello_client(bench, 3, 1, true);
    put(bench, 3, 2, 100, -1);
    assert_int_equal(bench_counts(bench).waiters, 2);
    bench_forget(bench);
    bench_worker(bench, 10, "f");
    assert_int_equal(bench_counts(bench).waiters, 1);
    bench_result(bench, 11, 1, 1, WIRE_DONE, (struct wire_credit){1, 9, 1});
    assert_non_null(strstr(bench_trace(bench), "DELIVER f g1 s2 c2: 1.2\n"));
    bench_close(bench);
}

static void a_large_parked_payload_is_asked_for_when_its_turn_comes(void **state) {
    (void)state;
    struct bench *bench = queue_of(1, 0);
    put(bench, 1, 1, 100, 0);
    put(bench, 1, 2, 20000, -1);
    assert_int_equal(bench_counts(bench).payload_bytes, 100);
    bench_cancel(bench, 1, 1, 1);
    assert_non_null(strstr(bench_trace(bench), "1 ANSWERED 2 err=31\n"));
    put(bench, 2, 1, 100, 0); /* the place is kept */
    bench_forget(bench);
    put(bench, 1, 2, 20000, -1);
    bench_expect(bench, "1 ACCEPTED 2+1\n");
    bench_close(bench);
}

static void a_reserved_place_is_not_kept_for_ever(void **state) {
    (void)state;
    struct bench *bench = queue_of(1, 0);
    put(bench, 1, 1, 100, 0);
    put(bench, 1, 2, 20000, -1);
    bench_cancel(bench, 1, 1, 1);
    bench_forget(bench);
    bench_jump(bench, 6000);
    put(bench, 2, 1, 100, 0);
    bench_expect(bench, "2 ACCEPTED 1+1\n");
    assert_int_equal(bench_counts(bench).waiters, 0);
    bench_close(bench);
}

static void what_can_never_fit_is_too_large(void **state) {
    (void)state;
    struct bench *bench = queue_of(10, 1000);
    put(bench, 1, 1, 1001, -1);
    put(bench, 1, 2, 1000, -1);
    bench_expect(bench, "1 ANSWERED 1 err=6\n1 ACCEPTED 2+1\n");
    bench_close(bench);
}

static void what_comes_back_is_taken_above_the_bound_and_putters_wait(void **state) {
    (void)state;
    struct bench *bench = queue_of(1, 0);
    bench_worker(bench, 10, "f");
    put(bench, 1, 1, 100, 0);
    put(bench, 1, 2, 100, 0);
    put(bench, 2, 1, 100, -1);
    bench_gate(bench, 10, 0, 1, 0);
    assert_int_equal(bench_counts(bench).ready, 2);
    assert_int_equal(bench_counts(bench).waiters, 1);
    bench_cancel(bench, 1, 1, 1);
    assert_int_equal(bench_counts(bench).waiters, 1);
    bench_cancel(bench, 1, 2, 1);
    assert_int_equal(bench_counts(bench).waiters, 0);
    bench_close(bench);
}

static void unfetched_results_stop_submits_at_once(void **state) {
    (void)state;
    struct engine_config config = {.results_bytes_max = 100};
    struct bench *bench = bench_open_with(MEMORY, &config);
    bench_client(bench, 1);
    bench_worker(bench, 10, "f");
    bench_submit(bench, 1, "f", 1, 2);
    bench_result(bench, 11, 1, 1, WIRE_DONE, (struct wire_credit){1, 9, 1});
    bench_result(bench, 11, 2, 2, WIRE_DONE, (struct wire_credit){1, 9, 2});
    bench_forget(bench);
    put(bench, 1, 3, 100, -1);
    bench_submit_with(
        bench, 1,
        &(struct bench_submit){.function = "f", .first = 4, .count = 1, .flags = TASK_NO_RESULT});
    bench_expect(bench, "1 ANSWERED 3 err=5\n1 ACCEPTED 1+2\n11 DELIVER f g1 s3 c3: 1.4\n");
    bench_ack(bench, 1, 0, 1, 2);
    put(bench, 1, 5, 100, 0);
    assert_int_equal(bench_counts(bench).submitted, 4);
    bench_close(bench);
}

static void results_wait_for_byte_credit(void **state) {
    (void)state;
    struct bench *bench = bench_open(MEMORY);
    bench_client(bench, 1);
    bench_worker(bench, 10, "f");
    bench_submit(bench, 1, "f", 1, 2);
    struct event_result item = {
        .index = 1, .counter = 1, .payload = {bench_payload(bench, 200), 128u << 20}};
    struct event event = {.kind = EVENT_RESULTS, .route = 11};
    event.results =
        (struct event_results){.epoch = 100, .credit = {1, 9, 1}, .items = &item, .item_count = 1};
    bench_step(bench, &event);
    bench_tick(bench);
    bench_forget(bench);
    bench_done(bench, 11, 2, 2);
    bench_expect(bench, "11 RESULT_ACK 100.2+1\n"); /* the window is used up */
    struct event more = {.kind = EVENT_ACK, .route = 1};
    more.ack = (struct event_ack){.slot = bench_id(1, 1).slot, .credit = UINT64_C(1) << 30};
    bench_step(bench, &more);
    bench_tick(bench);
    bench_expect(bench, "1 RESULT 2=0\n");
    bench_close(bench);
}

static void a_draining_broker_takes_nothing_and_hands_nothing_out(void **state) {
    (void)state;
    struct bench *bench = queue_of(1, 0);
    put(bench, 1, 1, 100, 0);
    put(bench, 2, 1, 100, -1);
    bench_forget(bench);
    bench_plain(bench, 0, EVENT_DRAIN_BROKER);
    put(bench, 1, 2, 100, -1);
    bench_expect(bench, "2 ANSWERED 1 err=27\n1 ANSWERED 2 err=27\n");
    bench_worker(bench, 10, "f");
    assert_int_equal(bench_counts(bench).leased, 0);
    bench_close(bench);
}

static void a_number_beyond_the_window_is_refused(void **state) {
    (void)state;
    struct engine_config config = {.window = 4};
    struct bench *bench = bench_open_with(MEMORY, &config);
    bench_client(bench, 1);
    put(bench, 1, 5, 100, 0);
    put(bench, 1, 4, 100, 0);
    bench_expect(bench, "1 ANSWERED 5 err=29\n1 ACCEPTED 4+1\n");
    bench_close(bench);
}

static void memory_has_a_limit(void **state) {
    (void)state;
    struct engine_config config = {.memory_bytes_max = 250};
    struct bench *bench = bench_open_with(MEMORY, &config);
    bench_client(bench, 1);
    bench_submit_with(bench, 1, &(struct bench_submit){.function = "f", .first = 1, .count = 2});
    put(bench, 1, 3, 100, -1);
    bench_expect(bench, "1 ANSWERED 3 err=4\n1 ACCEPTED 1+2\n");
    bench_close(bench);
}

static void memory_of_a_backlog_is_given_back(void **state) {
    (void)state;
    struct bench *bench = bench_open(MEMORY);
    bench_client(bench, 1);
    bench_jump(bench, 11000); /* the grace time is over */
    uint64_t before = engine_memory_bytes(bench_engine(bench));
    for (uint64_t first = 1; first < 12800; first += 64) {
        bench_submit_with(bench, 1, &(struct bench_submit){.function = "f",
                                                           .first = first,
                                                           .count = 64,
                                                           .flags = TASK_NO_RESULT});
    }
    uint64_t full = engine_memory_bytes(bench_engine(bench));
    assert_true(full > before + 12800 * 40);
    bench_cancel(bench, 1, 1, 12800);
    for (int i = 0; i < 40 && bench_counts(bench).tasks > 0; i++) {
        bench_tick(bench);
    }
    bench_tick(bench);
    assert_int_equal(bench_counts(bench).tasks, 0);
    assert_true(engine_memory_bytes(bench_engine(bench)) < before + 12800 * 20);
    bench_worker(bench, 10, "g");
    bench_submit(bench, 1, "g", 12801, 5); /* and all goes on */
    assert_non_null(strstr(bench_trace(bench), "1.12801"));
    bench_close(bench);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_queue_says_full_at_once),
        cmocka_unit_test(putters_wait_in_order_and_are_woken_by_a_delivery),
        cmocka_unit_test(whoever_is_parked_is_told_so_each_time_he_asks),
        cmocka_unit_test(a_small_item_does_not_overtake_a_large_one),
        cmocka_unit_test(a_putter_that_waited_in_vain_is_certainly_not_in_the_queue),
        cmocka_unit_test(a_repeated_putter_keeps_its_place),
        cmocka_unit_test(a_large_parked_payload_is_asked_for_when_its_turn_comes),
        cmocka_unit_test(a_reserved_place_is_not_kept_for_ever),
        cmocka_unit_test(what_can_never_fit_is_too_large),
        cmocka_unit_test(what_comes_back_is_taken_above_the_bound_and_putters_wait),
        cmocka_unit_test(unfetched_results_stop_submits_at_once),
        cmocka_unit_test(results_wait_for_byte_credit),
        cmocka_unit_test(a_draining_broker_takes_nothing_and_hands_nothing_out),
        cmocka_unit_test(a_number_beyond_the_window_is_refused),
        cmocka_unit_test(memory_has_a_limit),
        cmocka_unit_test(memory_of_a_backlog_is_given_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
