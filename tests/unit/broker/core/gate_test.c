/* SPDX-License-Identifier: MIT
 *
 * Generations, reports and deaths as the engine sees them (rules §3). */
#include "tests/unit/broker/core/bench.h"

#include <string.h>

/* A worker with a measured lane: numbers 2 … 4 of it lie at the child, 2 being run. */
static struct bench *three_delivered(void) {
    struct bench *bench = bench_open(MEMORY);
    bench_client(bench, 1);
    bench_worker(bench, 10, "f");
    bench_submit(bench, 1, "f", 1, 4);
    bench_result(bench, 11, 1, 1, WIRE_DONE, (struct wire_credit){1, 9, 1});
    bench_ack(bench, 1, 1, 1, 1);
    bench_forget(bench);
    return bench;
}

static struct bench_attempt running(uint64_t number, uint64_t counter) {
    return (struct bench_attempt){.id = bench_id(1, number), .token = {100, counter}};
}

static void a_report_voids_what_was_not_started(void **state) {
    (void)state;
    struct bench *bench = three_delivered();
    bench_gate(bench, 10, 0, 1, 2);
    assert_int_equal(bench_counts(bench).leased, 1);
    assert_int_equal(bench_counts(bench).ready, 2);
    bench_expect(bench, "");
    bench_done(bench, 11, 2, 2);
    bench_credit(bench, 11, 2, 9, 2);
    bench_expect(bench, "11 RESULT_ACK 100.2+1\n1 RESULT 2=0\n11 DELIVER f g2 s3 c5: 1.3 1.4\n");
    bench_close(bench);
}

static void an_older_report_voids_nothing(void **state) {
    (void)state;
    struct bench *bench = three_delivered();
    bench_gate(bench, 10, 0, 1, 4);
    bench_credit(bench, 11, 2, 12, 4);
    bench_gate(bench, 10, 0, 1, 2);
    bench_gate(bench, 10, 0, 0, 0);
    assert_int_equal(bench_counts(bench).leased, 3);
    bench_close(bench);
}

static void the_first_credit_of_a_generation_is_the_report_of_the_one_before(void **state) {
    (void)state;
    struct bench *bench = three_delivered();
    bench_credit(bench, 11, 2, 9, 3);
    bench_expect(bench, "11 DELIVER f g2 s4 c5: 1.4\n");
    assert_int_equal(bench_counts(bench).leased, 3);
    bench_close(bench);
}

static void credit_of_a_closed_generation_is_refused(void **state) {
    (void)state;
    struct bench *bench = three_delivered();
    bench_gate(bench, 10, 0, 1, 2);
    bench_credit(bench, 11, 1, 20, 2);
    bench_expect(bench, "");
    bench_close(bench);
}

static void a_running_attempt_of_a_dead_child_counts_and_its_neighbours_do_not(void **state) {
    (void)state;
    struct bench *bench = three_delivered();
    struct event_attempt attempt = {bench_id(1, 2), {100, 2}, false};
    struct event_death death = {.place = 0,
                                .sequence = 1,
                                .generation = 1,
                                .started = 2,
                                .cause = WIRE_CAUSE_SIGNAL,
                                .cause_number = 11,
                                .attempts = &attempt,
                                .attempt_count = 1};
    bench_death(bench, 10, &death);
    bench_death(bench, 10, &death); /* repeated until acknowledged */
    bench_expect(bench, "10 DEATH_ACK p0\n10 DEATH_ACK p0\n");
    assert_int_equal(bench_counts(bench).retries_crash, 1);
    assert_int_equal(bench_counts(bench).ready, 3);
    bench_done(bench, 11, 2, 2);
    assert_int_equal(bench_counts(bench).stale_results, 1);
    bench_close(bench);
}

static void the_third_crash_fails_the_task_with_its_cause(void **state) {
    (void)state;
    struct bench *bench = bench_open(MEMORY);
    bench_client(bench, 1);
    bench_worker(bench, 10, "f");
    bench_submit(bench, 1, "f", 1, 1);
    for (uint32_t life = 1; life <= 3; life++) {
        struct event_attempt attempt = {bench_id(1, 1), {100, life}, false};
        struct event_death death = {.sequence = life,
                                    .generation = 2 * life - 1,
                                    .started = life,
                                    .cause = WIRE_CAUSE_SIGNAL,
                                    .cause_number = 9,
                                    .attempts = &attempt,
                                    .attempt_count = 1};
        bench_forget(bench);
        bench_death(bench, 10, &death);
        bench_hello_child(bench, 11 + life, 10, 0, 2 * life, life);
        bench_credit(bench, 11 + life, 2 * life + 1, life + 8, life);
    }
    assert_non_null(strstr(bench_trace(bench), "1 RESULT 1=1(16)\n"));
    assert_int_equal(bench_counts(bench).retries_crash, 2);
    assert_int_equal(bench_counts(bench).failed, 1);
    assert_int_equal(bench_logged(bench, "process died"), 3);
    bench_close(bench);
}

static void an_answered_attempt_waits_for_its_result_and_is_then_lost_not_crashed(void **state) {
    (void)state;
    struct bench *bench = three_delivered();
    struct event_attempt attempts[] = {{bench_id(1, 2), {100, 2}, true},
                                       {bench_id(1, 3), {100, 3}, true}};
    struct event_death death = {.sequence = 1,
                                .generation = 1,
                                .started = 3,
                                .cause = WIRE_CAUSE_MEMORY,
                                .attempts = attempts,
                                .attempt_count = 2};
    bench_death(bench, 10, &death);
    bench_done(bench, 11, 2, 2); /* still in the dead child's connection */
    bench_expect(bench, "10 DEATH_ACK p0\n11 RESULT_ACK 100.2+1\n1 RESULT 2=0\n");
    bench_pass(bench, 1100);
    assert_int_equal(bench_counts(bench).retries_lease, 1);
    assert_int_equal(bench_counts(bench).retries_crash, 0);
    bench_close(bench);
}

static void what_a_dead_gate_does_not_say_is_lost(void **state) {
    (void)state;
    struct bench *bench = three_delivered();
    struct event_death death = {
        .sequence = 1, .generation = 1, .started = 2, .cause = WIRE_CAUSE_SIGNAL};
    bench_death(bench, 10, &death); /* a page that cannot be trusted lists nothing */
    assert_int_equal(bench_counts(bench).retries_lease, 1);
    assert_int_equal(bench_counts(bench).ready, 3);
    bench_close(bench);
}

static void an_unstarted_delivery_is_taken_back_while_another_process_idles(void **state) {
    (void)state;
    struct bench *bench = three_delivered();
    bench_pass(bench, 50);
    bench_expect(bench, ""); /* nobody else could run it */
    bench_worker(bench, 20, "f");
    bench_pass(bench, 30);
    bench_expect(bench, "10 CLOSE_GATE p0\n");
    bench_gate(bench, 10, 0, 1, 2);
    bench_expect(bench, "21 DELIVER f g1 s1 c5: 1.3 1.4\n");
    bench_close(bench);
}

/* Numbers 2 … 4 with arguments of 20 MiB lie at the child, which has started none of them. */
static struct bench *large_delivered(void) {
    struct bench *bench = bench_open(MEMORY);
    bench_client(bench, 1);
    bench_worker(bench, 10, "f");
    bench_submit(bench, 1, "f", 1, 1);
    bench_result(bench, 11, 1, 1, WIRE_DONE, (struct wire_credit){1, 9, 1});
    bench_ack(bench, 1, 1, 1, 1);
    struct bench_submit large = {.function = "f", .first = 2, .count = 3, .size = 20 << 20};
    bench_submit_with(bench, 1, &large);
    assert_int_equal(bench_counts(bench).leased, 3);
    bench_worker(bench, 20, "f");
    bench_forget(bench);
    return bench;
}

static void a_large_delivery_has_time_to_arrive_before_it_is_taken_back(void **state) {
    (void)state;
    struct bench *bench = large_delivered();
    bench_pass(bench, 2000); /* 60 MiB */
    bench_expect(bench, "");
    bench_pass(bench, 1500);
    bench_expect(bench, "10 CLOSE_GATE p0\n");
    bench_close(bench);
}

static void a_large_delivery_that_came_back_twice_travels_alone(void **state) {
    (void)state;
    struct bench *bench = large_delivered();
    for (uint32_t generation = 1; generation <= 2; generation++) { /* say, others are cancelled */
        bench_gate(bench, 10, 0, generation, 1);
        bench_gate(bench, 20, 0, generation, 0);
        bench_credit(bench, 11, generation + 1, 9, 1);
        bench_credit(bench, 21, generation + 1, 8, 0);
    }
    assert_int_equal(bench_counts(bench).leased, 2);
    bench_submit(bench, 1, "f", 5, 5);
    assert_int_equal(bench_counts(bench).leased, 2); /* one each, and nothing behind it */
    bench_close(bench);
}

static uint32_t times(const struct bench *bench, const char *text) {
    uint32_t count = 0;
    for (const char *at = bench_trace(bench); (at = strstr(at, text)) != NULL; at++) {
        count++;
    }
    return count;
}

static void each_take_back_without_progress_doubles_the_patience(void **state) {
    (void)state;
    struct bench *bench = three_delivered();
    bench_worker(bench, 20, "f");
    uint32_t generation = 1;
    uint32_t closed = 0;
    for (uint32_t turn = 0; turn < 400; turn++) { /* 4 s; neither ever starts anything */
        bench_pass(bench, 10);
        if (times(bench, "10 CLOSE_GATE") + times(bench, "20 CLOSE_GATE") > 0) {
            closed++;
            bench_gate(bench, 10, 0, generation, 1);
            bench_gate(bench, 20, 0, generation, 0);
            generation++;
            bench_credit(bench, 11, generation, 9, 1);
            bench_forget(bench);
            bench_credit(bench, 21, generation, 8, 0);
        }
    }
    assert_in_range(closed, 1, 10);
    bench_close(bench);
}

static void an_order_to_close_a_gate_is_repeated_until_it_is_reported(void **state) {
    (void)state;
    struct bench *bench = three_delivered();
    bench_worker(bench, 20, "f");
    bench_pass(bench, 30);
    bench_expect(bench, "10 CLOSE_GATE p0\n"); /* its host did not know the child yet */
    bench_done(bench, 11, 2, 2);
    bench_done(bench, 11, 3, 3);
    bench_done(bench, 11, 4, 4);
    bench_forget(bench);
    bench_pass(bench, 1100);
    bench_expect(bench, "10 CLOSE_GATE p0\n");
    bench_gate(bench, 10, 0, 1, 4);
    bench_credit(bench, 11, 2, 12, 4);
    bench_plain(bench, 20, EVENT_GOODBYE);
    bench_submit(bench, 1, "f", 5, 2);
    assert_non_null(strstr(bench_trace(bench), "11 DELIVER f g2 s5"));
    bench_forget(bench);
    bench_close(bench);
}

static void a_child_cannot_have_started_what_it_was_not_given(void **state) {
    (void)state;
    static const uint32_t started[] = {4 + 4096, 1 + 8192, 0, UINT32_MAX, 5};
    for (size_t i = 0; i < sizeof(started) / sizeof(started[0]); i++) {
        struct bench *bench = three_delivered();
        bench_credit(bench, 11, 2, started[i] + 4096, started[i]);
        bench_expect(bench, "11 CLOSE_ROUTE\n");
        bench_hello_child(bench, 12, 10, 0, 2, started[i]);
        assert_non_null(strstr(bench_trace(bench), "12 REFUSED"));
        bench_forget(bench);
        bench_hello_child(bench, 13, 10, 0, 2, 4);
        bench_credit(bench, 13, 3, 20, 4);
        bench_submit(bench, 1, "f", 5, 2);
        assert_non_null(strstr(bench_trace(bench), "13 DELIVER f g3 s5"));
        bench_close(bench);
    }
}

static void numbers_that_a_host_lets_jump_find_no_place_and_nobody_waits_for_one(void **state) {
    (void)state;
    struct bench *bench = three_delivered();
    bench_gate(bench, 10, 0, 1, 2 + 4096 - 1); /* 2 … 4 count as started: in the way of the next */
    bench_credit(bench, 11, 2, 2 + 8190, 2 + 4096 - 1);
    bench_submit(bench, 1, "f", 5, 2);
    bench_pass(bench, 50);
    assert_int_equal(bench_counts(bench).leased, 3);
    bench_close(bench);
}

static void a_host_hello_keeps_what_it_announces_and_loses_the_rest(void **state) {
    (void)state;
    struct bench *bench = three_delivered();
    struct bench_place place = {.generation = 1, .started = 3, .attempt_count = 2};
    place.attempts[0] = running(3, 3);
    place.attempts[1] = running(77, 55); /* never heard of */
    bench_hello_host(bench, 12, 10, "f", &place, 1);
    bench_expect(bench, "10 CLOSE_ROUTE\n12 HELLO_OK\n");
    assert_int_equal(bench_counts(bench).leased, 1);
    assert_int_equal(bench_counts(bench).retries_lease, 1); /* 2 was started, and is gone */
    assert_int_equal(bench_counts(bench).taken_back, 1);    /* 4 was not */
    bench_pass(bench, 11000);
    bench_close(bench);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_report_voids_what_was_not_started),
        cmocka_unit_test(an_older_report_voids_nothing),
        cmocka_unit_test(the_first_credit_of_a_generation_is_the_report_of_the_one_before),
        cmocka_unit_test(credit_of_a_closed_generation_is_refused),
        cmocka_unit_test(a_running_attempt_of_a_dead_child_counts_and_its_neighbours_do_not),
        cmocka_unit_test(the_third_crash_fails_the_task_with_its_cause),
        cmocka_unit_test(an_answered_attempt_waits_for_its_result_and_is_then_lost_not_crashed),
        cmocka_unit_test(what_a_dead_gate_does_not_say_is_lost),
        cmocka_unit_test(an_unstarted_delivery_is_taken_back_while_another_process_idles),
        cmocka_unit_test(a_large_delivery_has_time_to_arrive_before_it_is_taken_back),
        cmocka_unit_test(a_large_delivery_that_came_back_twice_travels_alone),
        cmocka_unit_test(each_take_back_without_progress_doubles_the_patience),
        cmocka_unit_test(an_order_to_close_a_gate_is_repeated_until_it_is_reported),
        cmocka_unit_test(a_child_cannot_have_started_what_it_was_not_given),
        cmocka_unit_test(numbers_that_a_host_lets_jump_find_no_place_and_nobody_waits_for_one),
        cmocka_unit_test(a_host_hello_keeps_what_it_announces_and_loses_the_rest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
