/* SPDX-License-Identifier: MIT
 *
 * Matching: credit is time, lanes take turns, what came back goes first. */
#include "tests/unit/broker/core/bench.h"

#include "common/bounds.h"

#include <string.h>

static void result_taking(struct bench *bench, route_id child, uint32_t index, uint64_t counter,
                          uint64_t busy_us, struct wire_credit credit) {
    struct event_result item = {.index = index, .counter = counter, .status = WIRE_DONE};
    struct event event = {.kind = EVENT_RESULTS, .route = child};
    event.results = (struct event_results){
        .epoch = 100, .credit = credit, .busy_us = busy_us, .items = &item, .item_count = 1};
    bench_step(bench, &event);
    bench_tick(bench);
}

static void long_tasks_are_given_one_by_one(void **state) {
    (void)state;
    struct bench *bench = bench_open(MEMORY);
    bench_client(bench, 1);
    bench_worker(bench, 10, "f");
    bench_submit(bench, 1, "f", 1, 5);
    bench_forget(bench);
    result_taking(bench, 11, 1, 1, 10000, (struct wire_credit){1, 20, 1}); /* 10 ms each */
    bench_expect(bench, "11 RESULT_ACK 100.1+1\n11 DELIVER f g1 s2 c2: 1.2\n1 RESULT 1=0\n");
    bench_close(bench);
}

static void middling_tasks_fill_two_milliseconds(void **state) {
    (void)state;
    struct bench *bench = bench_open(MEMORY);
    bench_client(bench, 1);
    bench_worker(bench, 10, "f");
    bench_submit(bench, 1, "f", 1, 20);
    bench_forget(bench);
    result_taking(bench, 11, 1, 1, 500, (struct wire_credit){1, 40, 1}); /* 0.5 ms each */
    bench_expect(bench, "11 RESULT_ACK 100.1+1\n11 DELIVER f g1 s2 c2: 1.2 1.3 1.4 1.5\n"
                        "1 RESULT 1=0\n");
    bench_close(bench);
}

static void tasks_are_shared_out_among_free_children(void **state) {
    (void)state;
    struct bench *bench = bench_open(MEMORY);
    bench_client(bench, 1);
    bench_worker(bench, 10, "f");
    bench_submit(bench, 1, "f", 1, 1);
    result_taking(bench, 11, 1, 1, 500, (struct wire_credit){1, 40, 1});
    bench_worker(bench, 20, "f");
    bench_worker(bench, 30, "f");
    bench_forget(bench);
    bench_submit(bench, 1, "f", 2, 6);
    assert_non_null(strstr(bench_trace(bench), "11 DELIVER f g1 s2 c2: 1.2 1.3\n"));
    assert_non_null(strstr(bench_trace(bench), "21 DELIVER f g1 s1 c4: 1.4 1.5\n"));
    assert_non_null(strstr(bench_trace(bench), "31 DELIVER f g1 s1 c6: 1.6\n"));
    bench_close(bench);
}

static void lanes_take_turns(void **state) {
    (void)state;
    struct bench *bench = bench_open(MEMORY);
    bench_client(bench, 1);
    bench_submit(bench, 1, "f", 1, 3);
    bench_submit(bench, 1, "g", 4, 3);
    bench_worker(bench, 10, "f,g");
    char want[64];
    for (uint64_t n = 1; n <= 6; n++) {
        uint64_t number = n % 2 == 1 ? (n + 1) / 2 : 3 + n / 2;
        bench_forget(bench);
        result_taking(bench, 11, (uint32_t)number, n, 10000,
                      (struct wire_credit){1, 20, (uint32_t)n});
        uint64_t next = n % 2 == 0 ? (n + 2) / 2 : 3 + (n + 1) / 2;
        (void)snprintf(want, sizeof(want), "c%u: 1.%u\n", (unsigned)n + 1, (unsigned)next);
        assert_true(n == 6 || strstr(bench_trace(bench), want) != NULL);
    }
    bench_close(bench);
}

static void higher_priority_goes_first(void **state) {
    (void)state;
    struct bench *bench = bench_open(MEMORY);
    bench_client(bench, 1);
    bench_submit(bench, 1, "f", 1, 1);
    bench_submit_with(
        bench, 1, &(struct bench_submit){.function = "f", .first = 2, .count = 1, .priority = 5});
    bench_submit_with(
        bench, 1, &(struct bench_submit){.function = "f", .first = 3, .count = 1, .priority = -5});
    bench_hello_host(bench, 10, 10, "f", NULL, 0);
    bench_hello_child(bench, 11, 10, 0, 0, 0);
    bench_forget(bench);
    bench_credit(bench, 11, 1, 8, 0);
    bench_expect(bench, "11 DELIVER f g1 s1 c1: 1.2\n");
    bench_close(bench);
}

static void what_came_back_goes_before_what_waits_in_order_of_arrival(void **state) {
    (void)state;
    struct bench *bench = bench_open(MEMORY);
    bench_client(bench, 1);
    bench_worker(bench, 10, "f");
    bench_submit(bench, 1, "f", 1, 1);
    result_taking(bench, 11, 1, 1, 500, (struct wire_credit){1, 40, 1});
    bench_submit(bench, 1, "f", 2, 6);
    bench_gate(bench, 10, 0, 1, 1); /* 2 … 5 come back, 6 and 7 never left */
    bench_forget(bench);
    bench_credit(bench, 11, 2, 40, 1);
    bench_expect(bench, "11 DELIVER f g2 s2 c6: 1.2 1.3 1.4 1.5\n");
    bench_close(bench);
}

static void a_child_is_not_given_more_than_its_credit(void **state) {
    (void)state;
    struct bench *bench = bench_open(MEMORY);
    bench_client(bench, 1);
    bench_worker(bench, 10, "f");
    bench_submit(bench, 1, "f", 1, 20);
    bench_forget(bench);
    result_taking(bench, 11, 1, 1, 1, (struct wire_credit){1, 4, 1});
    bench_expect(bench, "11 RESULT_ACK 100.1+1\n"
                        "11 DELIVER f g1 s2 c2: 1.2 1.3 1.4 1.5 1.6 1.7 1.8\n"
                        "1 RESULT 1=0\n");
    bench_close(bench);
}

static void a_child_silent_over_a_long_task_is_given_nothing_behind_it(void **state) {
    (void)state;
    struct bench *bench = bench_open(MEMORY);
    bench_client(bench, 1);
    bench_worker(bench, 10, "f");
    bench_submit(bench, 1, "f", 1, 1);
    result_taking(bench, 11, 1, 1, 100, (struct wire_credit){1, 40, 1}); /* short so far */
    bench_submit(bench, 1, "f", 2, 1);
    bench_pass(bench, 30); /* 2 takes long */
    bench_forget(bench);
    bench_submit(bench, 1, "f", 3, 1);
    bench_expect(bench, "");
    result_taking(bench, 11, 1, 2, 30000, (struct wire_credit){1, 40, 2});
    assert_non_null(strstr(bench_trace(bench), "DELIVER f g1 s3 c3: 1.3\n"));
    bench_close(bench);
}

static void gate_numbers_wrap(void **state) {
    (void)state;
    struct bench *bench = bench_open(MEMORY);
    bench_client(bench, 1);
    bench_hello_host(bench, 10, 10, "f", NULL, 0);
    bench_hello_child(bench, 11, 10, 0, UINT32_MAX - 1, UINT32_MAX - 1);
    bench_credit(bench, 11, UINT32_MAX, 8, UINT32_MAX - 1);
    bench_submit(bench, 1, "f", 1, 1);
    bench_forget(bench);
    result_taking(bench, 11, 1, 1, 1, (struct wire_credit){UINT32_MAX, 8, UINT32_MAX});
    bench_submit(bench, 1, "f", 2, 3);
    assert_non_null(strstr(bench_trace(bench), "11 DELIVER f g4294967295 s0 c2: 1.2 1.3 1.4\n"));
    bench_gate(bench, 10, 0, UINT32_MAX, 0);
    assert_int_equal(bench_counts(bench).leased, 1);
    bench_credit(bench, 11, 0, 20, 0);
    assert_int_equal(bench_counts(bench).leased, 3);
    bench_close(bench);
}

/* 20 MiB each: three fit, whatever their time is; a free child gets what is left. */
static void a_child_is_not_given_more_bytes_than_it_may_hold(void **state) {
    (void)state;
    struct bench *bench = bench_open(MEMORY);
    bench_client(bench, 1);
    bench_worker(bench, 10, "f");
    bench_submit(bench, 1, "f", 1, 1);
    result_taking(bench, 11, 1, 1, 1, (struct wire_credit){1, 40, 1});
    struct bench_submit large = {.function = "f", .first = 2, .count = 5, .size = 20 << 20};
    bench_submit_with(bench, 1, &large);
    assert_int_equal(bench_counts(bench).leased, 3);
    bench_worker(bench, 20, "f");
    assert_int_equal(bench_counts(bench).leased, 5);
    bench_close(bench);
}

static void the_largest_arguments_are_given_one_by_one(void **state) {
    (void)state;
    struct bench *bench = bench_open(MEMORY);
    bench_client(bench, 1);
    bench_worker(bench, 10, "f");
    bench_submit(bench, 1, "f", 1, 1);
    result_taking(bench, 11, 1, 1, 1, (struct wire_credit){1, 40, 1});
    struct bench_submit large = {
        .function = "f", .first = 2, .count = 2, .size = BOUND_LEASED_BYTES};
    bench_submit_with(bench, 1, &large);
    assert_int_equal(bench_counts(bench).leased, 1);
    result_taking(bench, 11, 2, 2, 1, (struct wire_credit){1, 40, 2});
    assert_int_equal(bench_counts(bench).leased, 1);
    assert_int_equal(bench_counts(bench).ready, 0);
    bench_close(bench);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(long_tasks_are_given_one_by_one),
        cmocka_unit_test(middling_tasks_fill_two_milliseconds),
        cmocka_unit_test(tasks_are_shared_out_among_free_children),
        cmocka_unit_test(lanes_take_turns),
        cmocka_unit_test(higher_priority_goes_first),
        cmocka_unit_test(what_came_back_goes_before_what_waits_in_order_of_arrival),
        cmocka_unit_test(a_child_is_not_given_more_than_its_credit),
        cmocka_unit_test(a_child_silent_over_a_long_task_is_given_nothing_behind_it),
        cmocka_unit_test(a_child_is_not_given_more_bytes_than_it_may_hold),
        cmocka_unit_test(the_largest_arguments_are_given_one_by_one),
        cmocka_unit_test(gate_numbers_wrap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
