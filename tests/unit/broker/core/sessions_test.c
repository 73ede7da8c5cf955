/* SPDX-License-Identifier: MIT
 *
 * Client sessions: resuming, ending, ids that are gone (rules §2). */
#include "tests/unit/broker/core/bench.h"

#include <string.h>

static void resuming_an_unknown_session_is_refused_and_makes_none(void **state) {
    (void)state;
    struct bench *bench = bench_open(MEMORY);
    bench_hello_client(bench, 1, 1, true);
    bench_expect(bench, "1 SESSION_LOST\n");
    assert_int_equal(bench_counts(bench).sessions, 0);
    bench_close(bench);
}

static void a_resumed_session_gets_its_unacknowledged_results_again(void **state) {
    (void)state;
    struct bench *bench = bench_open(MEMORY);
    bench_client(bench, 1);
    bench_worker(bench, 10, "f");
    bench_submit(bench, 1, "f", 1, 2);
    bench_result(bench, 11, 1, 1, WIRE_DONE, (struct wire_credit){1, 9, 1});
    bench_plain(bench, 1, EVENT_ROUTE_LOST);
    bench_done(bench, 11, 2, 2);
    bench_forget(bench);
    bench_hello_client(bench, 5, 1, true);
    bench_expect(bench, "5 HELLO_OK\n5 RESULT 1=0 2=0\n");
    bench_ack(bench, 5, 2, 1, 2);
    assert_int_equal(bench_counts(bench).tasks, 0);
    bench_close(bench);
}

static void an_older_connection_of_a_session_is_closed(void **state) {
    (void)state;
    struct bench *bench = bench_open(MEMORY);
    bench_client(bench, 1);
    bench_hello_client(bench, 2, 1, true);
    bench_submit(bench, 1, "f", 1, 1);
    bench_expect(bench, "1 CLOSE_ROUTE\n2 HELLO_OK\n1 HELLO_REQUIRED\n");
    bench_close(bench);
}

static void an_id_alone_gives_no_power_over_a_session(void **state) {
    (void)state;
    struct bench *bench = bench_open(MEMORY);
    static const uint8_t other[WIRE_SECRET_SIZE] = {9};
    bench_client(bench, 1);
    struct event event = {.kind = EVENT_HELLO, .route = 9};
    event.hello = (struct event_hello){.peer = WIRE_CLIENT,
                                       .version_min = 1,
                                       .version_max = 1,
                                       .resume = true,
                                       .session = 1,
                                       .secret = {other, sizeof(other)}};
    bench_step(bench, &event);
    bench_expect(bench, "9 REFUSED 12\n");
    bench_close(bench);
}

static void silence_of_90_s_ends_a_session_and_its_queued_tasks_go_on(void **state) {
    (void)state;
    struct bench *bench = bench_open(MEMORY);
    bench_client(bench, 1);
    bench_submit(bench, 1, "f", 1, 2);
    bench_submit_with(
        bench, 1,
        &(struct bench_submit){.function = "g", .first = 3, .count = 1, .flags = TASK_KEEP});
    bench_jump(bench, 89000);
    assert_int_equal(bench_counts(bench).sessions, 1);
    bench_jump(bench, 1100);
    assert_int_equal(bench_counts(bench).sessions, 0);
    assert_int_equal(bench_counts(bench).ready, 3);
    bench_worker(bench, 10, "f");
    bench_result(bench, 11, 1, 1, WIRE_DONE, (struct wire_credit){1, 9, 1});
    bench_done(bench, 11, 2, 2);
    assert_int_equal(bench_counts(bench).done, 2);
    assert_int_equal(bench_counts(bench).tasks, 1); /* nobody will fetch what was not kept */
    bench_hello_client(bench, 1, 1, true);
    assert_non_null(strstr(bench_trace(bench), "1 SESSION_LOST\n"));
    bench_close(bench);
}

static void goodbye_drops_results_and_parked_requests(void **state) {
    (void)state;
    struct engine_config config = {.queue_items_max = 1};
    struct bench *bench = bench_open_with(MEMORY, &config);
    bench_client(bench, 1);
    bench_worker(bench, 10, "f");
    bench_submit(bench, 1, "f", 1, 1);
    bench_done(bench, 11, 1, 1);
    bench_submit_with(
        bench, 1, &(struct bench_submit){.function = "g", .first = 2, .count = 3, .wait_ms = -1});
    bench_plain(bench, 1, EVENT_GOODBYE);
    assert_int_equal(bench_counts(bench).waiters, 0);
    assert_int_equal(bench_counts(bench).tasks, 1);
    bench_close(bench);
}

static void expired_is_said_only_of_what_was_answered(void **state) {
    (void)state;
    struct bench *bench = bench_open(MEMORY);
    bench_client(bench, 1);
    bench_client(bench, 2);
    bench_worker(bench, 10, "f");
    bench_submit(bench, 1, "f", 2, 1);
    bench_done(bench, 11, 1, 1);
    bench_ack(bench, 1, 0, 2, 1);
    bench_forget(bench);
    bench_call(bench, 1, WIRE_TASK_WAIT, 1, bench_id(1, 2), 0);
    bench_call(bench, 2, WIRE_TASK_WAIT, 2, bench_id(1, 1), 0);
    bench_call(bench, 2, WIRE_TASK_WAIT, 3, bench_id(99, 1), 0);
    bench_expect(bench, "1 ANSWER 1 err=11 \"it existed; its result is gone\"\n"
                        "2 ANSWER 2 err=10 \"no task with this id was ever seen\"\n"
                        "2 ANSWER 3 err=10 \"no task with this id was ever seen\"\n");
    bench_close(bench);
}

static void asking_about_a_number_of_ones_own_settles_it(void **state) {
    (void)state;
    struct bench *bench = bench_open(MEMORY);
    bench_client(bench, 1);
    bench_call(bench, 1, WIRE_TASK_WAIT, 1, bench_id(1, 1), 0);
    bench_forget(bench);
    bench_submit(bench, 1, "f", 1, 1); /* the late copy */
    bench_expect(bench, "1 ANSWERED 1 err=10\n");
    assert_int_equal(bench_counts(bench).tasks, 0);
    bench_close(bench);
}

static void only_kept_tasks_may_be_awaited_by_others(void **state) {
    (void)state;
    struct bench *bench = bench_open(MEMORY);
    bench_client(bench, 1);
    bench_client(bench, 2);
    bench_worker(bench, 10, "f");
    bench_submit_with(
        bench, 1,
        &(struct bench_submit){.function = "f", .first = 1, .count = 1, .flags = TASK_KEEP});
    bench_submit(bench, 1, "g", 2, 1);
    bench_forget(bench);
    bench_call(bench, 2, WIRE_TASK_WAIT, 1, bench_id(1, 1), -1);
    bench_call(bench, 2, WIRE_TASK_WAIT, 2, bench_id(1, 2), -1);
    bench_done(bench, 11, 1, 1);
    bench_expect(bench, "2 ANSWER 2 err=12 \"the task belongs to another session and was not "
                        "submitted to be kept\"\n"
                        "2 ANSWER 1 err=0 status=0\n11 RESULT_ACK 100.1+1\n1 RESULT 1=0\n");
    bench_ack(bench, 1, 2, 1, 1);
    bench_call(bench, 2, WIRE_TASK_WAIT, 3, bench_id(1, 1), 0);
    bench_expect(bench, "2 ANSWER 3 err=0 status=0\n");
    bench_close(bench);
}

static void a_kept_result_expires_and_says_so(void **state) {
    (void)state;
    struct bench *bench = bench_open(MEMORY);
    bench_client(bench, 1);
    bench_worker(bench, 10, "f");
    bench_submit_with(
        bench, 1,
        &(struct bench_submit){.function = "f", .first = 1, .count = 1, .flags = TASK_KEEP});
    bench_done(bench, 11, 1, 1);
    bench_ack(bench, 1, 1, 1, 1);
    assert_int_equal(bench_counts(bench).tasks, 1);
    for (int minute = 0; minute < 61; minute++) {
        bench_plain(bench, 1, EVENT_BEAT);
        bench_jump(bench, 60000);
    }
    assert_int_equal(bench_counts(bench).tasks, 0);
    bench_forget(bench);
    bench_call(bench, 1, WIRE_TASK_WAIT, 1, bench_id(1, 1), 0);
    bench_expect(bench, "1 ANSWER 1 err=11 \"it existed; its result is gone\"\n");
    bench_close(bench);
}

static void a_mark_is_forgotten_after_a_day(void **state) {
    (void)state;
    struct bench *bench = bench_open(MEMORY);
    bench_client(bench, 1);
    bench_submit(bench, 1, "f", 1, 1);
    bench_cancel(bench, 1, 1, 1);
    bench_plain(bench, 1, EVENT_GOODBYE);
    bench_client(bench, 2);
    bench_call(bench, 2, WIRE_TASK_WAIT, 1, bench_id(1, 1), 0);
    assert_non_null(strstr(bench_trace(bench), "err=11"));
    bench_jump(bench, 86400001);
    bench_client(bench, 3);
    bench_call(bench, 3, WIRE_TASK_WAIT, 1, bench_id(1, 1), 0);
    assert_non_null(strstr(bench_trace(bench), "err=10"));
    bench_close(bench);
}

static void status_and_pools_are_answered(void **state) {
    (void)state;
    struct bench *bench = bench_open(MEMORY);
    bench_client(bench, 1);
    bench_worker(bench, 10, "f");
    bench_submit(bench, 1, "f", 1, 2);
    bench_submit(bench, 1, "nobody", 3, 2);
    bench_forget(bench);
    bench_call(bench, 1, WIRE_STATUS, 1, (struct task_id){0}, 0);
    bench_call(bench, 1, WIRE_POOL_SHOW, 2, (struct task_id){0}, 0);
    bench_call(bench, 1, WIRE_WAITING, 3, bench_id(1, 3), 0);
    bench_call(bench, 1, WIRE_QUEUE_SET, 4, (struct task_id){0}, 0);
    bench_call(bench, 1, 99, 5, (struct task_id){0}, 0);
    bench_expect(bench, "1 ANSWER 1 err=0 body\n1 ANSWER 2 err=0 body\n1 ANSWER 3 err=0 body\n"
                        "1 ANSWER 4 err=0\n1 ANSWER 5 err=1 \"unknown verb\"\n");
    bench_close(bench);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(resuming_an_unknown_session_is_refused_and_makes_none),
        cmocka_unit_test(a_resumed_session_gets_its_unacknowledged_results_again),
        cmocka_unit_test(an_older_connection_of_a_session_is_closed),
        cmocka_unit_test(an_id_alone_gives_no_power_over_a_session),
        cmocka_unit_test(silence_of_90_s_ends_a_session_and_its_queued_tasks_go_on),
        cmocka_unit_test(goodbye_drops_results_and_parked_requests),
        cmocka_unit_test(expired_is_said_only_of_what_was_answered),
        cmocka_unit_test(asking_about_a_number_of_ones_own_settles_it),
        cmocka_unit_test(only_kept_tasks_may_be_awaited_by_others),
        cmocka_unit_test(a_kept_result_expires_and_says_so),
        cmocka_unit_test(a_mark_is_forgotten_after_a_day),
        cmocka_unit_test(status_and_pools_are_answered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
