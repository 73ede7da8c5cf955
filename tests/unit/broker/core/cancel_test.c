/* SPDX-License-Identifier: MIT
 *
 * Cancelling in every state a task can be in. */
#include "tests/unit/broker/core/bench.h"

#include <string.h>

static struct bench *one_leased(enum bench_kind kind) {
    struct bench *bench = bench_open(kind);
    bench_client(bench, 1);
    bench_worker(bench, 10, "f");
    bench_submit(bench, 1, "f", 1, 1);
    if (kind == DURABLE) {
        bench_commit(bench);
    }
    bench_forget(bench);
    return bench;
}

static void a_queued_task_ends_at_once(void **state) {
    (void)state;
    struct bench *bench = bench_open(MEMORY);
    bench_client(bench, 1);
    bench_submit(bench, 1, "f", 1, 3);
    bench_cancel(bench, 1, 2, UINT64_C(1) << 50); /* a run wider than everything */
    bench_expect(bench, "1 RESULT 2=2(15) 3=2(15)\n");
    bench_cancel(bench, 1, 1, 1);
    bench_cancel(bench, 1, 1, 1); /* terminal: no change */
    assert_int_equal(bench_counts(bench).cancelled, 3);
    bench_ack(bench, 1, 3, 1, 3);
    bench_close(bench);
}

static void a_running_task_is_asked_then_killed(void **state) {
    (void)state;
    struct bench *bench = one_leased(MEMORY);
    bench_cancel(bench, 1, 1, 1);
    bench_expect(bench, "10 SIGNAL p0 15\n");
    bench_jump(bench, 5001);
    bench_expect(bench, "10 SIGNAL p0 9\n");
    struct event_attempt attempt = {bench_id(1, 1), {100, 1}, false};
    struct event_death death = {.sequence = 1,
                                .generation = 1,
                                .started = 1,
                                .cause = WIRE_CAUSE_TERMINATED,
                                .attempts = &attempt,
                                .attempt_count = 1};
    bench_death(bench, 10, &death);
    bench_expect(bench, "10 DEATH_ACK p0\n1 RESULT 1=2(15)\n");
    assert_int_equal(bench_counts(bench).retries_crash, 0);
    bench_close(bench);
}

static void a_success_that_won_the_race_stays_a_success(void **state) {
    (void)state;
    struct bench *bench = one_leased(MEMORY);
    bench_cancel(bench, 1, 1, 1);
    bench_done(bench, 11, 1, 1);
    bench_expect(bench, "10 SIGNAL p0 15\n11 RESULT_ACK 100.1+1\n1 RESULT 1=0\n");
    bench_close(bench);
}

static void a_failure_after_the_request_is_a_cancellation(void **state) {
    (void)state;
    struct bench *bench = one_leased(MEMORY);
    bench_cancel(bench, 1, 1, 1);
    bench_result(bench, 11, 1, 1, WIRE_FAILED, (struct wire_credit){0, 0, 0});
    bench_expect(bench, "10 SIGNAL p0 15\n11 RESULT_ACK 100.1+1\n1 RESULT 1=2(15)\n");
    bench_close(bench);
}

static void a_delivery_that_had_not_started_comes_back_cancelled(void **state) {
    (void)state;
    struct bench *bench = one_leased(MEMORY);
    bench_cancel(bench, 1, 1, 1);
    bench_gate(bench, 10, 0, 1, 0);
    bench_expect(bench, "10 SIGNAL p0 15\n1 RESULT 1=2(15)\n");
    bench_close(bench);
}

static void a_returning_host_is_reminded(void **state) {
    (void)state;
    struct bench *bench = one_leased(MEMORY);
    bench_plain(bench, 10, EVENT_ROUTE_LOST);
    bench_cancel(bench, 1, 1, 1);
    bench_expect(bench, "");
    struct bench_place place = {.generation = 1, .started = 1, .attempt_count = 1};
    place.attempts[0] = (struct bench_attempt){.id = bench_id(1, 1), .token = {100, 1}};
    bench_hello_host(bench, 12, 10, "f", &place, 1);
    bench_expect(bench, "12 HELLO_OK\n12 SIGNAL p0 15\n");
    bench_close(bench);
}

static void a_parked_put_is_taken_out_of_the_line(void **state) {
    (void)state;
    struct engine_config config = {.queue_items_max = 1};
    struct bench *bench = bench_open_with(MEMORY, &config);
    bench_client(bench, 1);
    bench_submit_with(
        bench, 1, &(struct bench_submit){.function = "f", .first = 1, .count = 2, .wait_ms = -1});
    bench_cancel(bench, 1, 2, 1);
    bench_expect(bench, "1 PARKED 2+1\n1 ANSWERED 2 err=15\n");
    assert_int_equal(bench_counts(bench).waiters, 0);
    bench_close(bench);
}

static void whoever_asks_by_id_is_told_what_the_task_was(void **state) {
    (void)state;
    struct engine_config config = {.queue_items_max = 1};
    struct bench *bench = bench_open_with(MEMORY, &config);
    bench_client(bench, 1);
    bench_worker(bench, 10, "f");
    bench_submit(bench, 1, "f", 1, 1);
    bench_submit_with(
        bench, 1, &(struct bench_submit){.function = "g", .first = 2, .count = 2, .wait_ms = -1});
    bench_forget(bench);
    bench_call(bench, 1, WIRE_TASK_CANCEL, 1, bench_id(1, 1), 0);
    bench_expect(bench, "10 SIGNAL p0 15\n1 ANSWER 1 err=0 [2]\n");
    bench_call(bench, 1, WIRE_TASK_CANCEL, 2, bench_id(1, 3), 0); /* parked */
    bench_expect(bench, "1 ANSWERED 3 err=15\n1 ANSWER 2 err=0 [1]\n");
    bench_call(bench, 1, WIRE_TASK_CANCEL, 3, bench_id(1, 2), 0);
    bench_expect(bench, "1 ANSWER 3 err=0 [1]\n1 RESULT 2=2(15)\n");
    bench_call(bench, 1, WIRE_TASK_CANCEL, 4, bench_id(1, 2), 0);
    bench_expect(bench, "1 ANSWER 4 err=0 [0]\n");
    bench_close(bench);
}

static void a_parked_put_of_somebody_else_is_cancelled_only_if_it_is_kept(void **state) {
    (void)state;
    struct engine_config config = {.queue_items_max = 1};
    struct bench *bench = bench_open_with(MEMORY, &config);
    bench_client(bench, 1);
    bench_client(bench, 2);
    bench_submit(bench, 1, "f", 1, 1);
    bench_submit_with(
        bench, 1, &(struct bench_submit){.function = "f", .first = 2, .count = 1, .wait_ms = -1});
    bench_submit_with(bench, 1,
                      &(struct bench_submit){.function = "f",
                                             .first = 3,
                                             .count = 1,
                                             .wait_ms = -1,
                                             .flags = TASK_KEEP});
    bench_forget(bench);
    bench_call(bench, 2, WIRE_TASK_CANCEL, 1, bench_id(1, 2), 0);
    bench_expect(bench, "2 ANSWER 1 err=20 \"it still waits for room in its queue\"\n");
    bench_call(bench, 2, WIRE_TASK_CANCEL, 2, bench_id(1, 3), 0);
    bench_expect(bench, "1 ANSWERED 3 err=15\n2 ANSWER 2 err=0 [1]\n");
    bench_close(bench);
}

/* Its client had no answer: it says the number again, and must not be taken then. */
static void a_cancelled_put_is_cancelled_over_a_restart_too(void **state) {
    (void)state;
    struct engine_config config = {.queue_items_max = 1};
    struct bench *bench = bench_open_with(DURABLE, &config);
    bench_client(bench, 1);
    bench_submit(bench, 1, "f", 1, 1);
    bench_submit_with(
        bench, 1, &(struct bench_submit){.function = "f", .first = 2, .count = 1, .wait_ms = -1});
    bench_call(bench, 1, WIRE_TASK_CANCEL, 1, bench_id(1, 2), 0);
    bench_commit(bench);
    bench_commit(bench);
    assert_non_null(strstr(bench_trace(bench), "1 ANSWER 1 err=0 [1]\n"));
    bench_restart(bench);
    bench_hello_client(bench, 1, 1, true);
    bench_cancel(bench, 1, 1, 1);
    bench_commit(bench);
    bench_forget(bench);
    bench_submit(bench, 1, "f", 2, 1);
    bench_commit(bench);
    assert_non_null(strstr(bench_trace(bench), "1 ANSWERED 2 err=15\n"));
    assert_null(strstr(bench_trace(bench), "ACCEPTED"));
    bench_close(bench);
}

static void a_request_is_stored_before_it_is_answered(void **state) {
    (void)state;
    struct bench *bench = one_leased(DURABLE);
    bench_call(bench, 1, WIRE_TASK_CANCEL, 7, bench_id(1, 1), 0);
    assert_null(strstr(bench_trace(bench), "ANSWER 7"));
    bench_commit(bench);
    assert_non_null(strstr(bench_trace(bench), "1 ANSWER 7 err=0 [2]\n"));
    bench_restart(bench);
    bench_hello_client(bench, 1, 1, true);
    bench_jump(bench, 10100);
    bench_commit(bench);
    assert_int_equal(bench_counts(bench).cancelled, 1); /* nobody announced it */
    bench_close(bench);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_queued_task_ends_at_once),
        cmocka_unit_test(a_running_task_is_asked_then_killed),
        cmocka_unit_test(a_success_that_won_the_race_stays_a_success),
        cmocka_unit_test(a_failure_after_the_request_is_a_cancellation),
        cmocka_unit_test(a_delivery_that_had_not_started_comes_back_cancelled),
        cmocka_unit_test(a_returning_host_is_reminded),
        cmocka_unit_test(a_parked_put_is_taken_out_of_the_line),
        cmocka_unit_test(whoever_asks_by_id_is_told_what_the_task_was),
        cmocka_unit_test(a_parked_put_of_somebody_else_is_cancelled_only_if_it_is_kept),
        cmocka_unit_test(a_cancelled_put_is_cancelled_over_a_restart_too),
        cmocka_unit_test(a_request_is_stored_before_it_is_answered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
