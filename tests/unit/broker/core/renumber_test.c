/* SPDX-License-Identifier: MIT
 *
 * New numbers for what waits at a full queue (rules §2.2). */
#include "tests/unit/broker/core/bench.h"

#include <string.h>

static void settle(struct bench *bench) {
    while (bench_commits(bench)) {
        bench_commit(bench);
    }
}

/* Queue "default" holds one task; client 1 parks number 2 behind its number 1. */
static struct bench *house(enum bench_kind kind, uint32_t size) {
    struct engine_config config = {.queue_items_max = 1, .window = 100};
    struct bench *bench = bench_open_with(kind, &config);
    bench_client(bench, 1);
    bench_client(bench, 2);
    struct bench_submit submit = {.function = "f", .first = 1, .count = 2, .wait_ms = -1};
    submit.want_ack = true;
    submit.size = size;
    bench_submit_with(bench, 1, &submit);
    bench_submit_with(
        bench, 2, &(struct bench_submit){.function = "f", .first = 1, .count = 1, .wait_ms = -1});
    assert_int_equal(bench_counts(bench).waiters, 2);
    settle(bench);
    bench_forget(bench);
    return bench;
}

static void again(struct bench *bench, uint64_t number, uint32_t size, bool renumbered) {
    bench_submit_with(bench, 1,
                      &(struct bench_submit){.function = "f",
                                             .first = number,
                                             .count = 1,
                                             .size = size,
                                             .wait_ms = -1,
                                             .want_ack = true,
                                             .has_origin = renumbered,
                                             .origin = bench_id(1, 2)});
}

static void a_renumbered_put_keeps_its_place_and_its_id(void **state) {
    (void)state;
    struct bench *bench = house(MEMORY, 0);
    bench_renumber(bench, 1, 2, 50);
    bench_expect(bench, "1 ANSWERED 2 err=32\n");
    bench_cancel(bench, 1, 2, 1); /* nobody's number any more */
    bench_worker(bench, 10, "f");
    bench_result(bench, 11, 1, 1, WIRE_DONE, (struct wire_credit){1, 9, 1});
    bench_expect(bench, "11 RESULT_ACK 100.1+1\n11 DELIVER f g1 s2 c2: 1.2\n2 ACCEPTED 1+1\n"
                        "1 RESULT 1=0\n11 DELIVER f g1 s3 c3: 2.1\n");
    bench_close(bench);
}

static void a_renumbered_put_is_found_by_its_first_id(void **state) {
    (void)state;
    struct bench *bench = house(MEMORY, 0);
    bench_renumber(bench, 1, 2, 50);
    bench_renumber(bench, 1, 50, 90);
    bench_expect(bench, "1 ANSWERED 2 err=32\n1 ANSWERED 50 err=32\n");
    bench_call(bench, 1, WIRE_TASK_WAIT, 1, bench_id(1, 2), 0);
    bench_expect(bench, "1 ANSWER 1 err=20 \"it still waits for room in its queue\"\n");
    bench_call(bench, 1, WIRE_TASK_CANCEL, 2, bench_id(1, 2), 0);
    bench_expect(bench, "1 ANSWERED 90 err=15\n1 ANSWER 2 err=0 [1]\n");
    bench_call(bench, 1, WIRE_TASK_WAIT, 3, bench_id(1, 2), 0);
    assert_non_null(strstr(bench_trace(bench), "1 ANSWER 3 err=15"));
    bench_close(bench);
}

static void a_copy_of_the_old_number_is_told_where_it_went(void **state) {
    (void)state;
    struct bench *bench = house(MEMORY, 0);
    bench_renumber(bench, 1, 2, 50);
    bench_forget(bench);
    again(bench, 2, 0, false);
    bench_expect(bench, "1 ANSWERED 2 err=32\n");
    again(bench, 50, 0, true);
    bench_expect(bench, "1 PARKED 50+1\n");
    assert_int_equal(bench_counts(bench).waiters, 2);
    bench_close(bench);
}

static void what_does_not_wait_is_not_renumbered(void **state) {
    (void)state;
    struct bench *bench = house(MEMORY, 0);
    bench_renumber(bench, 1, 1, 50);  /* accepted */
    bench_renumber(bench, 1, 7, 50);  /* never seen */
    bench_renumber(bench, 1, 2, 101); /* beyond the window */
    bench_renumber(bench, 1, 2, 1);   /* taken */
    bench_renumber(bench, 1, 2, 2);
    bench_expect(bench, "");
    bench_cancel(bench, 1, 1, 1);
    assert_non_null(strstr(bench_trace(bench), "1 ACCEPTED 2+1\n"));
    bench_close(bench);
}

static void a_payload_is_asked_for_under_the_new_number(void **state) {
    (void)state;
    struct bench *bench = house(MEMORY, 20000);
    bench_cancel(bench, 1, 1, 1);
    assert_non_null(strstr(bench_trace(bench), "1 ANSWERED 2 err=31\n"));
    bench_forget(bench);
    bench_renumber(bench, 1, 2, 50);
    bench_expect(bench, "1 ANSWERED 2 err=32\n1 ANSWERED 50 err=31\n");
    again(bench, 2, 20000, false); /* crossed the news */
    bench_expect(bench, "1 ANSWERED 2 err=32\n");
    again(bench, 50, 20000, true);
    bench_expect(bench, "1 ACCEPTED 50+1\n");
    bench_close(bench);
}

static void the_new_number_is_told_when_it_is_stored(void **state) {
    (void)state;
    struct bench *bench = house(DURABLE, 0);
    bench_renumber(bench, 1, 2, 50);
    assert_null(strstr(bench_trace(bench), "ANSWERED"));
    bench_restart(bench); /* nobody was told: it is what it was */
    bench_hello_client(bench, 1, 1, true);
    bench_forget(bench);
    again(bench, 2, 0, false);
    assert_non_null(strstr(bench_trace(bench), "1 PARKED 2+1\n"));
    bench_renumber(bench, 1, 2, 50);
    settle(bench);
    assert_non_null(strstr(bench_trace(bench), "1 ANSWERED 2 err=32\n"));
    bench_close(bench);
}

/* The answers were lost with the broker: the old number must not come in beside the new one. */
static void after_a_restart_the_task_is_taken_once(void **state) {
    (void)state;
    struct bench *bench = house(DURABLE, 0);
    bench_renumber(bench, 1, 2, 50);
    bench_cancel(bench, 1, 1, 1);
    settle(bench);
    bench_restart(bench);
    bench_hello_client(bench, 1, 1, true);
    bench_forget(bench);
    again(bench, 2, 0, false);
    settle(bench);
    assert_non_null(strstr(bench_trace(bench), "1 ANSWERED 2 err=32\n"));
    bench_forget(bench);
    again(bench, 50, 0, true);
    settle(bench);
    assert_non_null(strstr(bench_trace(bench), "1 ACCEPTED 50+1\n"));
    assert_int_equal(bench_counts(bench).ready, 1);
    bench_call(bench, 1, WIRE_TASK_CANCEL, 2, bench_id(1, 2), 0);
    assert_int_equal(bench_counts(bench).ready, 0);
    bench_close(bench);
}

/* Stored as renumbered, not accepted: until its client sends it again it is neither lost nor
 * unknown. */
static void between_a_restart_and_its_client_it_still_waits(void **state) {
    (void)state;
    struct bench *bench = house(DURABLE, 0);
    bench_renumber(bench, 1, 2, 50);
    settle(bench);
    bench_restart(bench);
    bench_hello_client(bench, 1, 1, true);
    bench_forget(bench);
    bench_call(bench, 1, WIRE_TASK_WAIT, 1, bench_id(1, 2), 0);
    settle(bench);
    assert_non_null(strstr(bench_trace(bench), "1 ANSWER 1 err=20"));
    bench_forget(bench);
    again(bench, 50, 0, true);
    assert_non_null(strstr(bench_trace(bench), "1 PARKED 50+1\n"));
    bench_close(bench);
}

static void with_its_session_it_has_ended(void **state) {
    (void)state;
    struct bench *bench = house(MEMORY, 0);
    bench_renumber(bench, 1, 2, 50);
    bench_plain(bench, 1, EVENT_GOODBYE);
    bench_forget(bench);
    bench_call(bench, 2, WIRE_TASK_WAIT, 1, bench_id(1, 2), 0);
    bench_expect(bench, "2 ANSWER 1 err=10 \"no task with this id was ever seen\"\n");
    bench_close(bench);
}

static void a_renumbered_put_is_no_older_than_its_broker(void **state) {
    (void)state;
    struct bench *bench = house(MEMORY, 0);
    bench_renumber(bench, 1, 2, 50);
    bench_cancel(bench, 1, 1, 1);
    bench_forget(bench);
    bench_worker(bench, 10, "f"); /* the grace time is not over */
    assert_int_equal(bench_counts(bench).leased, 1);
    bench_close(bench);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_renumbered_put_keeps_its_place_and_its_id),
        cmocka_unit_test(a_renumbered_put_is_found_by_its_first_id),
        cmocka_unit_test(a_copy_of_the_old_number_is_told_where_it_went),
        cmocka_unit_test(what_does_not_wait_is_not_renumbered),
        cmocka_unit_test(a_payload_is_asked_for_under_the_new_number),
        cmocka_unit_test(the_new_number_is_told_when_it_is_stored),
        cmocka_unit_test(after_a_restart_the_task_is_taken_once),
        cmocka_unit_test(between_a_restart_and_its_client_it_still_waits),
        cmocka_unit_test(with_its_session_it_has_ended),
        cmocka_unit_test(a_renumbered_put_is_no_older_than_its_broker),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
