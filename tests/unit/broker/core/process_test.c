/* SPDX-License-Identifier: MIT
 *
 * Processes: a child of its own for each, one start, an exit code, and an end that everybody hears
 * of. Places 0 to 3 of a host are its pool's, 4 and 5 are for Processes. */
#include "tests/unit/broker/core/bench.h"

#include <string.h>

enum { PLACE = BENCH_POOL_PLACES, CHILD = 14 /* its route */ };

static void start(struct bench *bench, uint64_t number, uint32_t flags) {
    bench_submit_with(bench, 1,
                      &(struct bench_submit){.function = "f",
                                             .first = number,
                                             .count = 1,
                                             .flags = TASK_PROCESS | TASK_ONCE | flags});
}

static void commit(struct bench *bench) {
    while (bench_commits(bench)) {
        bench_commit(bench);
    }
}

/* A client, and a host whose pool is idle. */
static struct bench *house(enum bench_kind kind) {
    struct bench *bench = bench_open(kind);
    bench_client(bench, 1);
    bench_worker(bench, 10, "f");
    commit(bench);
    bench_forget(bench);
    return bench;
}

/* The child of a process place is there, and asks for its one task. */
static void child_comes(struct bench *bench, uint32_t place, route_id route, uint32_t generation,
                        uint32_t started) {
    bench_hello_child(bench, route, 10, place, generation, started);
    bench_forget(bench);
    bench_credit(bench, route, generation + 1, started + 1, started);
    commit(bench);
}

static void dies(struct bench *bench, uint64_t sequence, uint64_t number, uint32_t cause,
                 int64_t cause_number) {
    struct event_attempt attempt = {bench_id(1, number), {bench_epoch(bench), 1}, false};
    struct event_death death = {.place = PLACE,
                                .sequence = sequence,
                                .generation = 1,
                                .started = 1,
                                .cause = cause,
                                .cause_number = cause_number,
                                .attempts = &attempt,
                                .attempt_count = 1};
    bench_death(bench, 10, &death);
    commit(bench);
}

static void assert_said(struct bench *bench, const char *text) {
    if (strstr(bench_trace(bench), text) == NULL) {
        print_error("'%s' is missing in:\n%s", text, bench_trace(bench));
        fail();
    }
    bench_forget(bench);
}

static struct bench *running(enum bench_kind kind, uint32_t flags) {
    struct bench *bench = house(kind);
    start(bench, 1, flags);
    commit(bench);
    child_comes(bench, PLACE, CHILD, 0, 0);
    bench_forget(bench);
    bench_credit(bench, CHILD, 1, 1, 1);
    return bench;
}

static void a_process_gets_a_child_of_its_own_while_the_pool_is_idle(void **state) {
    (void)state;
    struct bench *bench = house(MEMORY);
    start(bench, 1, 0);
    bench_expect(bench, "10 SPAWN p4\n");
    bench_hello_child(bench, CHILD, 10, PLACE, 0, 0);
    bench_expect(bench, "14 HELLO_OK\n");
    bench_credit(bench, CHILD, 1, 1, 0);
    bench_expect(bench, "14 DELIVER f g1 s1 c1: 1.1\n");
    bench_credit(bench, CHILD, 1, 1, 1);
    dies(bench, 1, 1, WIRE_CAUSE_EXIT, 3);
    assert_said(bench, "1 RESULT 1=0\n");
    bench_close(bench);
}

static void a_process_is_started_only_behind_its_start_record(void **state) {
    (void)state;
    struct bench *bench = house(DURABLE);
    start(bench, 1, 0);
    commit(bench);
    bench_hello_child(bench, CHILD, 10, PLACE, 0, 0);
    bench_forget(bench);
    bench_credit(bench, CHILD, 1, 1, 0);
    assert_null(strstr(bench_trace(bench), "DELIVER"));
    commit(bench);
    assert_said(bench, "14 DELIVER f g1 s1 c1: 1.1\n");
    bench_restart(bench); /* nobody announces it: it may have run */
    bench_hello_client(bench, 101, 1, true);
    bench_jump(bench, 11000);
    commit(bench);
    assert_said(bench, "101 RESULT 1=4");
    bench_close(bench);
}

static void a_start_waits_for_its_process_and_says_where_it_runs(void **state) {
    (void)state;
    struct bench *bench = house(MEMORY);
    start(bench, 1, 0);
    bench_call(bench, 1, WIRE_PROCESS_START, 7, bench_id(1, 1), 30000);
    bench_hello_child(bench, CHILD, 10, PLACE, 0, 0);
    bench_forget(bench);
    bench_credit(bench, CHILD, 1, 1, 0);
    assert_said(bench, "1 ANSWER 7 err=0 [2]\n");
    bench_call(bench, 1, WIRE_PROCESS_START, 8, bench_id(1, 1), 30000);
    assert_said(bench, "1 ANSWER 8 err=0 [2]\n"); /* it runs already */
    bench_close(bench);
}

static void without_room_a_start_is_full_at_its_deadline_and_never_runs(void **state) {
    (void)state;
    struct bench *bench = house(MEMORY);
    start(bench, 1, 0);
    start(bench, 2, 0);
    bench_expect(bench, "10 SPAWN p4\n10 SPAWN p5\n");
    start(bench, 3, 0);
    bench_call(bench, 1, WIRE_PROCESS_START, 7, bench_id(1, 3), 1000);
    bench_pass(bench, 900);
    bench_expect(bench, "");
    bench_pass(bench, 200);
    assert_said(bench, "1 ANSWER 7 err=4 \"no worker of pool default has room for another Process "
                       "yet\"\n");
    child_comes(bench, 4, CHILD, 0, 0);
    child_comes(bench, 5, 15, 0, 0);
    assert_int_equal(bench_counts(bench).cancelled, 1);
    assert_int_equal(bench_counts(bench).leased, 2);
    bench_close(bench);
}

static void a_child_whose_process_was_cancelled_meanwhile_is_stopped(void **state) {
    (void)state;
    struct bench *bench = house(MEMORY);
    start(bench, 1, 0);
    bench_cancel(bench, 1, 1, 1);
    bench_forget(bench);
    child_comes(bench, PLACE, CHILD, 0, 0);
    bench_expect(bench, "10 STOP p4\n");
    struct event_death death = {.place = PLACE, .sequence = 1, .generation = 1};
    bench_death(bench, 10, &death);
    bench_expect(bench, "10 DEATH_ACK p4\n");
    start(bench, 2, 0);
    bench_expect(bench, "10 SPAWN p5\n");
    bench_close(bench);
}

static void whatever_process_waits_gets_the_child_that_comes_first(void **state) {
    (void)state;
    struct bench *bench = house(MEMORY);
    start(bench, 1, 0);
    start(bench, 2, 0);
    bench_cancel(bench, 1, 1, 1);
    bench_forget(bench);
    child_comes(bench, 4, CHILD, 0, 0);
    bench_expect(bench, "14 DELIVER f g1 s1 c1: 1.2\n");
    child_comes(bench, 5, 15, 0, 0);
    bench_expect(bench, "10 STOP p5\n");
    bench_close(bench);
}

static void a_signal_is_the_exit_code_and_a_process_is_not_tried_again(void **state) {
    (void)state;
    struct bench *bench = running(MEMORY, 0);
    dies(bench, 1, 1, WIRE_CAUSE_SIGNAL, 11);
    assert_said(bench, "1 RESULT 1=0\n");
    assert_int_equal(bench_counts(bench).retries_crash, 0);
    dies(bench, 1, 1, WIRE_CAUSE_SIGNAL, 11); /* the report is repeated */
    bench_expect(bench, "10 DEATH_ACK p4\n");
    bench_close(bench);
}

static void terminate_is_one_sigterm_and_kill_is_sigkill(void **state) {
    (void)state;
    struct bench *bench = running(DURABLE, 0);
    bench_forget(bench);
    struct event_call call = {
        .call = 7, .verb = WIRE_PROCESS_SIGNAL, .id = bench_id(1, 1), .signal = 15};
    bench_ask(bench, 1, &call);
    bench_expect(bench, "COMMIT 6\n"); /* not acknowledged before it is stored */
    commit(bench);
    assert_said(bench, "10 SIGNAL p4 15\n1 ANSWER 7 err=0 [2]\n");
    bench_pass(bench, 4000); /* no SIGKILL follows */
    bench_expect(bench, "");
    call.signal = 9;
    call.call = 8;
    bench_ask(bench, 1, &call);
    commit(bench);
    assert_said(bench, "10 SIGNAL p4 9\n");
    bench_close(bench);
}

static void a_lost_host_is_said_and_is_no_exit_code(void **state) {
    (void)state;
    struct bench *bench = running(MEMORY, 0);
    bench_jump(bench, 7000);
    assert_said(bench, "1 RESULT 1=4(17)\n");
    bench_close(bench);
}

static void a_daemon_is_killed_with_its_session_and_another_goes_on(void **state) {
    (void)state;
    struct bench *bench = running(MEMORY, TASK_DAEMON);
    start(bench, 2, 0);
    child_comes(bench, 5, 15, 0, 0);
    start(bench, 3, TASK_DAEMON); /* waits */
    bench_forget(bench);
    bench_plain(bench, 1, EVENT_GOODBYE);
    assert_said(bench, "10 SIGNAL p4 9\n");
    assert_int_equal(bench_counts(bench).leased, 2);
    assert_int_equal(bench_counts(bench).ready, 0);
    dies(bench, 1, 1, WIRE_CAUSE_SIGNAL, 9);
    assert_int_equal(bench_counts(bench).leased, 1);
    bench_close(bench);
}

static void children_that_die_at_once_are_asked_for_more_and_more_slowly(void **state) {
    (void)state;
    struct bench *bench = house(MEMORY);
    start(bench, 1, 0);
    bench_expect(bench, "10 SPAWN p4\n");
    struct event_death death = {.place = PLACE, .sequence = 1};
    bench_death(bench, 10, &death);
    bench_expect(bench, "10 DEATH_ACK p4\n");
    bench_pass(bench, 120);
    bench_expect(bench, "10 SPAWN p5\n");
    death = (struct event_death){.place = 5, .sequence = 2};
    bench_death(bench, 10, &death);
    bench_pass(bench, 120);
    bench_expect(bench, "10 DEATH_ACK p5\n");
    bench_pass(bench, 120);
    bench_expect(bench, "10 SPAWN p4\n");
    bench_close(bench);
}

static void an_order_that_was_lost_with_its_connection_is_given_again(void **state) {
    (void)state;
    struct bench *bench = house(MEMORY);
    start(bench, 1, 0);
    bench_expect(bench, "10 SPAWN p4\n");
    struct bench_place pool = {.place = 0, .generation = 1};
    bench_hello_host(bench, 20, 10, "f", &pool, 1);
    assert_said(bench, "20 SPAWN p5\n");
    bench_close(bench);
}

static void a_child_of_before_a_restart_is_used_or_stopped(void **state) {
    (void)state;
    struct bench *bench = house(DURABLE);
    start(bench, 1, 0);
    commit(bench);
    bench_restart(bench);
    struct bench_place places[2] = {{.place = PLACE}, {.place = PLACE + 1}};
    bench_hello_client(bench, 101, 1, true);
    bench_hello_host(bench, 110, 10, "f", places, 2);
    commit(bench);
    bench_tick(bench);
    commit(bench);
    bench_forget(bench);
    child_comes(bench, 4, 114, 1, 0);
    assert_said(bench, "114 DELIVER f");
    child_comes(bench, 5, 115, 1, 0);
    assert_said(bench, "110 STOP p5\n");
    bench_close(bench);
}

static void nested_hello(struct bench *bench, route_id route, uint64_t session, uint64_t counter) {
    static const uint8_t secret[WIRE_SECRET_SIZE] = {7};
    struct event event = {.kind = EVENT_HELLO, .route = route};
    event.hello = (struct event_hello){.peer = WIRE_CLIENT,
                                       .version_min = 1,
                                       .version_max = 1,
                                       .session = session,
                                       .secret = {secret, sizeof secret},
                                       .parent = 10 * 100 + PLACE, /* as bench_hello_child() */
                                       .attempt = {bench_epoch(bench), counter}};
    bench_step(bench, &event);
    bench_tick(bench);
}

static void a_session_inside_a_process_ends_with_it(void **state) {
    (void)state;
    struct bench *bench = running(MEMORY, 0);
    bench_jump(bench, 4000); /* nobody else will be announced */
    bench_forget(bench);
    nested_hello(bench, 50, 50, 1);
    assert_said(bench, "50 HELLO_OK\n");
    assert_int_equal(bench_counts(bench).sessions, 2);
    dies(bench, 1, 1, WIRE_CAUSE_SIGNAL, 9);
    assert_said(bench, "50 CLOSE_ROUTE\n");
    assert_int_equal(bench_counts(bench).sessions, 1);
    nested_hello(bench, 51, 51, 1);
    assert_said(bench, "51 REFUSED");
    bench_close(bench);
}

static void a_process_that_could_run_twice_is_refused(void **state) {
    (void)state;
    struct bench *bench = house(MEMORY);
    bench_submit_with(
        bench, 1,
        &(struct bench_submit){.function = "f", .first = 1, .count = 1, .flags = TASK_PROCESS});
    assert_said(bench, "1 ANSWERED 1 err=");
    bench_close(bench);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_process_gets_a_child_of_its_own_while_the_pool_is_idle),
        cmocka_unit_test(a_process_is_started_only_behind_its_start_record),
        cmocka_unit_test(a_start_waits_for_its_process_and_says_where_it_runs),
        cmocka_unit_test(without_room_a_start_is_full_at_its_deadline_and_never_runs),
        cmocka_unit_test(a_child_whose_process_was_cancelled_meanwhile_is_stopped),
        cmocka_unit_test(whatever_process_waits_gets_the_child_that_comes_first),
        cmocka_unit_test(a_signal_is_the_exit_code_and_a_process_is_not_tried_again),
        cmocka_unit_test(terminate_is_one_sigterm_and_kill_is_sigkill),
        cmocka_unit_test(a_lost_host_is_said_and_is_no_exit_code),
        cmocka_unit_test(a_daemon_is_killed_with_its_session_and_another_goes_on),
        cmocka_unit_test(children_that_die_at_once_are_asked_for_more_and_more_slowly),
        cmocka_unit_test(an_order_that_was_lost_with_its_connection_is_given_again),
        cmocka_unit_test(a_child_of_before_a_restart_is_used_or_stopped),
        cmocka_unit_test(a_session_inside_a_process_ends_with_it),
        cmocka_unit_test(a_process_that_could_run_twice_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
