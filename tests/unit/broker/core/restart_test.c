/* SPDX-License-Identifier: MIT
 *
 * Restarts: what is stored comes back, grace time, floor, fences, start records (rules §3.3, §4).
 */
#include "tests/unit/broker/core/bench.h"

#include <string.h>

static void commit_all(struct bench *bench) {
    for (int i = 0; i < 3; i++) {
        bench_tick(bench);
        if (strstr(bench_trace(bench), "COMMIT") != NULL) {
            bench_forget(bench);
            bench_commit(bench);
        }
    }
}

static struct bench *with_worker(void) {
    struct bench *bench = bench_open(DURABLE);
    bench_client(bench, 1);
    bench_worker(bench, 10, "f");
    return bench;
}

/* One task, leased with token (100, 1), everything committed. */
static struct bench *one_leased(uint32_t flags) {
    struct bench *bench = with_worker();
    bench_submit_with(
        bench, 1, &(struct bench_submit){.function = "f", .first = 1, .count = 1, .flags = flags});
    commit_all(bench);
    assert_int_equal(bench_counts(bench).leased, 1);
    bench_forget(bench);
    return bench;
}

static struct bench_place announcing(uint64_t number, uint64_t epoch, uint64_t counter, bool dead) {
    struct bench_place place = {.dead = dead, .generation = 1, .started = 1, .attempt_count = 1};
    place.attempts[0] =
        (struct bench_attempt){.id = bench_id(1, number), .token = {epoch, counter}};
    return place;
}

static void accepted_tasks_results_and_answers_survive(void **state) {
    (void)state;
    struct bench *bench = with_worker();
    bench_submit(bench, 1, "f", 1, 1);
    commit_all(bench);
    bench_done(bench, 11, 1, 1);
    bench_submit(bench, 1, "g", 2, 2);
    commit_all(bench);
    bench_restart(bench);
    assert_int_equal(bench_counts(bench).ready, 2);
    assert_int_equal(bench_counts(bench).results_kept, 1);
    bench_hello_client(bench, 1, 1, true);
    assert_non_null(strstr(bench_trace(bench), "1 HELLO_OK\n"));
    bench_commit(bench); /* the store row of this epoch */
    assert_non_null(strstr(bench_trace(bench), "1 RESULT 1=0\n"));
    bench_submit(bench, 1, "g", 1, 3); /* all of them are known */
    assert_int_equal(bench_counts(bench).tasks, 3);
    bench_close(bench);
}

static void a_deleted_tasks_number_is_still_recognised(void **state) {
    (void)state;
    struct bench *bench = with_worker();
    bench_submit(bench, 1, "f", 2, 1);
    commit_all(bench);
    bench_done(bench, 11, 1, 1);
    bench_ack(bench, 1, 0, 2, 1); /* acknowledged, but 1 never arrived: acked stays 0 */
    commit_all(bench);
    assert_int_equal(bench_counts(bench).tasks, 0);
    bench_restart(bench);
    bench_hello_client(bench, 1, 1, true);
    bench_submit(bench, 1, "f", 1, 2);
    assert_int_equal(bench_counts(bench).tasks, 1);
    bench_close(bench);
}

static void old_tasks_wait_until_all_hosts_have_announced(void **state) {
    (void)state;
    struct bench *bench = with_worker();
    bench_submit(bench, 1, "f", 1, 1);
    bench_commit(bench); /* stored; its delivery is lost in the crash */
    bench_restart(bench);
    bench_hello_child(bench, 11, 10, 0, 1, 0);
    bench_credit(bench, 11, 2, 9, 0);
    bench_forget(bench);
    bench_pass(bench, 3000);
    bench_expect(bench, "");
    struct bench_place place = {.generation = 2, .started = 0};
    bench_hello_host(bench, 10, 10, "f", &place, 1);
    bench_credit(bench, 11, 3, 9, 0);
    commit_all(bench);
    assert_int_equal(bench_counts(bench).leased, 1);
    bench_close(bench);
}

static void at_latest_after_10_s_they_go_elsewhere(void **state) {
    (void)state;
    struct bench *bench = with_worker();
    bench_submit(bench, 1, "f", 1, 1);
    bench_commit(bench);
    bench_restart(bench);
    bench_pass(bench, 9000);
    bench_commit(bench);
    bench_worker(bench, 20, "f");
    assert_int_equal(bench_counts(bench).leased, 0);
    bench_plain(bench, 20, EVENT_BEAT);
    bench_jump(bench, 1100);
    commit_all(bench);
    assert_int_equal(bench_counts(bench).leased, 1);
    bench_close(bench);
}

static void an_announced_attempt_keeps_its_lease_and_its_result_counts(void **state) {
    (void)state;
    struct bench *bench = one_leased(0);
    bench_restart(bench);
    struct bench_place place = announcing(1, 100, 1, false);
    bench_hello_host(bench, 10, 10, "f", &place, 1);
    assert_int_equal(bench_counts(bench).leased, 1);
    commit_all(bench);
    struct event_held held = {.id = bench_id(1, 1),
                              .token = {100, 1},
                              .status = WIRE_DONE,
                              .payload = {bench_payload(bench, 5), 5}};
    bench_hello_holding(bench, 11, 10, 0, 2, 1, &held);
    assert_int_equal(bench_counts(bench).done, 1);
    bench_commit(bench);
    assert_non_null(strstr(bench_trace(bench), "11 RESULT_ACK 100.1+1\n"));
    bench_close(bench);
}

static void a_result_before_its_hosts_announcement_counts_too(void **state) {
    (void)state;
    struct bench *bench = one_leased(0);
    bench_restart(bench);
    struct event_held held = {.id = bench_id(1, 1),
                              .token = {100, 1},
                              .status = WIRE_DONE,
                              .payload = {bench_payload(bench, 5), 5}};
    bench_hello_holding(bench, 11, 10, 0, 1, 1, &held);
    assert_int_equal(bench_counts(bench).done, 1);
    bench_close(bench);
}

static void after_the_floor_an_unannounced_result_is_stale(void **state) {
    (void)state;
    struct bench *bench = one_leased(0);
    bench_restart(bench);
    bench_jump(bench, 10100); /* nobody announced anything */
    commit_all(bench);
    struct event_held held = {.id = bench_id(1, 1),
                              .token = {100, 1},
                              .status = WIRE_DONE,
                              .payload = {bench_payload(bench, 5), 5}};
    bench_hello_holding(bench, 11, 10, 0, 1, 1, &held);
    assert_int_equal(bench_counts(bench).done, 0);
    assert_int_equal(bench_counts(bench).stale_results, 1);
    bench_restart(bench); /* the floor is stored */
    held.payload = (struct payload){bench_payload(bench, 5), 5};
    bench_hello_holding(bench, 11, 10, 0, 2, 1, &held);
    assert_int_equal(bench_counts(bench).done, 0);
    bench_close(bench);
}

static void a_fence_survives_a_restart(void **state) {
    (void)state;
    struct bench *bench = one_leased(0);
    bench_jump(bench, 6100); /* the host is silent: its lease is lost, started or not */
    commit_all(bench);
    bench_restart(bench);
    struct event_held held = {.id = bench_id(1, 1),
                              .token = {100, 1},
                              .status = WIRE_DONE,
                              .payload = {bench_payload(bench, 5), 5}};
    bench_hello_holding(bench, 11, 10, 0, 1, 1, &held);
    assert_int_equal(bench_counts(bench).stale_results, 1);
    assert_int_equal(bench_counts(bench).ready, 1);
    bench_close(bench);
}

static void held_alone_does_not_decide(void **state) {
    (void)state;
    struct bench *bench = one_leased(0);
    bench_restart(bench);
    struct bench_place place = announcing(1, 100, 1, false);
    bench_hello_host(bench, 10, 10, "f", &place, 1);
    commit_all(bench);
    struct event_attempt attempt = {bench_id(1, 1), {100, 1}, false};
    struct event_death death = {.sequence = 1,
                                .generation = 2,
                                .started = 1,
                                .cause = WIRE_CAUSE_SIGNAL,
                                .attempts = &attempt,
                                .attempt_count = 1};
    bench_death(bench, 10, &death);
    commit_all(bench);
    struct event_held held = {.id = bench_id(1, 1),
                              .token = {100, 1},
                              .status = WIRE_DONE,
                              .payload = {bench_payload(bench, 5), 5}};
    bench_hello_holding(bench, 11, 10, 0, 3, 1, &held);
    assert_int_equal(bench_counts(bench).done, 0);
    assert_int_equal(bench_counts(bench).retries_crash, 1);
    bench_close(bench);
}

static void a_run_once_task_starts_only_with_its_record(void **state) {
    (void)state;
    struct bench *bench = with_worker();
    bench_submit_with(
        bench, 1,
        &(struct bench_submit){.function = "f", .first = 1, .count = 1, .flags = TASK_ONCE});
    bench_commit(bench); /* its acceptance and, in the next batch, its start */
    if (strstr(bench_trace(bench), "DELIVER") == NULL) {
        bench_commit(bench);
    }
    assert_non_null(strstr(bench_trace(bench), "11 DELIVER f g1 s1 c1: 1.1\n"));
    bench_restart(bench);
    bench_jump(bench, 10100);
    assert_int_equal(bench_counts(bench).lost, 1);
    bench_close(bench);
}

static void the_end_of_the_grace_time_takes_as_many_steps_as_it_needs(void **state) {
    (void)state;
    struct engine_config config;
    engine_config_init(&config);
    config.step_units_max = 2;
    struct bench *bench = bench_open_with(DURABLE, &config);
    bench_client(bench, 1);
    for (uint64_t host = 10; host <= 30; host += 10) {
        bench_worker(bench, host, "f");
    }
    bench_submit_with(
        bench, 1,
        &(struct bench_submit){.function = "f", .first = 1, .count = 3, .flags = TASK_ONCE});
    commit_all(bench);
    bench_restart(bench);
    uint32_t over = bench_logged(bench, "grace time over");
    bench_wait(bench, 10100);
    bench_step(bench, &(struct event){.kind = EVENT_TICK});
    assert_int_equal(bench_counts(bench).lost, 2);
    assert_int_equal(bench_logged(bench, "grace time over"), over);
    bench_tick(bench);
    assert_int_equal(bench_counts(bench).lost, 3);
    assert_int_equal(bench_logged(bench, "grace time over"), over + 1);
    bench_close(bench);
}

static void a_run_once_task_that_is_announced_goes_on(void **state) {
    (void)state;
    struct bench *bench = one_leased(TASK_ONCE);
    bench_restart(bench);
    struct bench_place place = announcing(1, 100, 1, false);
    bench_hello_host(bench, 10, 10, "f", &place, 1);
    bench_jump(bench, 4000);
    assert_int_equal(bench_counts(bench).leased, 1);
    assert_int_equal(bench_counts(bench).lost, 0);
    bench_close(bench);
}

static void queues_keep_their_bounds(void **state) {
    (void)state;
    struct bench *bench = bench_open(DURABLE);
    struct effects effects;
    effects_init(&effects);
    bench_client(bench, 1);
    struct event event = {.kind = EVENT_CALL, .route = 1};
    event.call = (struct event_call){
        .call = 1, .verb = WIRE_QUEUE_SET, .name = span_of_text("small"), .items_max = 3};
    bench_step(bench, &event);
    bench_tick(bench);
    bench_commit(bench);
    bench_restart(bench);
    struct engine_queue_view view;
    assert_int_equal(engine_queue_count(bench_engine(bench)), 1);
    engine_queue_view(bench_engine(bench), 0, (struct now){1000000, 0}, &view);
    assert_int_equal(view.items_max, 3);
    effects_fini(&effects);
    bench_close(bench);
}

/* ---- a broker that keeps nothing --------------------------------------------------------------
 */

static void resubmit(struct bench *bench, uint64_t number, struct task_id origin) {
    bench_submit_with(
        bench, 2,
        &(struct bench_submit){
            .function = "f", .first = number, .count = 1, .has_origin = true, .origin = origin});
}

static void a_resubmission_meets_the_attempt_that_was_announced(void **state) {
    (void)state;
    struct bench *bench = bench_open(MEMORY);
    struct bench_place place = announcing(1, 99, 5, false);
    bench_hello_host(bench, 10, 10, "f", &place, 1);
    bench_client(bench, 2);
    resubmit(bench, 1, bench_id(1, 1));
    assert_int_equal(bench_counts(bench).leased, 1);
    struct event_held held = {.id = bench_id(1, 1),
                              .token = {99, 5},
                              .status = WIRE_DONE,
                              .payload = {bench_payload(bench, 5), 5}};
    bench_hello_holding(bench, 11, 10, 0, 2, 1, &held);
    bench_expect(bench, "11 HELLO_OK\n11 RESULT_ACK 99.5+1\n2 RESULT 1=0\n");
    bench_ack(bench, 2, 1, 1, 1);
    bench_close(bench);
}

static void what_was_accepted_before_is_taken_above_the_bound(void **state) {
    (void)state;
    struct engine_config config = {.queue_items_max = 1};
    struct bench *bench = bench_open_with(MEMORY, &config);
    bench_client(bench, 1);
    bench_submit(bench, 1, "f", 1, 1);
    bench_client(bench, 2);
    bench_forget(bench);
    struct bench_submit submit = {.function = "f",
                                  .first = 1,
                                  .count = 1,
                                  .again = true,
                                  .want_ack = true,
                                  .has_origin = true,
                                  .origin = bench_id(7, 1)};
    bench_submit_with(bench, 2, &submit);
    bench_expect(bench, "2 ACCEPTED 1+1\n");
    submit.origin = bench_id(7, 2);
    submit.first = 2;
    submit.again = false; /* nobody had said OK */
    bench_submit_with(bench, 2, &submit);
    submit.has_origin = false;
    submit.first = 3;
    submit.again = true; /* without an origin it is new, whatever it says */
    bench_submit_with(bench, 2, &submit);
    bench_expect(bench, "2 ANSWERED 2 err=4\n2 ANSWERED 3 err=4\n");
    assert_int_equal(bench_counts(bench).ready, 2);
    assert_int_equal(bench_counts(bench).taken_again, 1);
    bench_close(bench);
}

static void a_resubmission_meets_the_result_that_came_first(void **state) {
    (void)state;
    struct bench *bench = bench_open(MEMORY);
    struct event_held held = {.id = bench_id(1, 1),
                              .token = {99, 5},
                              .status = WIRE_DONE,
                              .payload = {bench_payload(bench, 5), 5}};
    bench_hello_holding(bench, 11, 10, 0, 1, 1, &held);
    bench_expect(bench, "11 HELLO_OK\n");
    bench_client(bench, 2);
    resubmit(bench, 1, bench_id(1, 1));
    bench_expect(bench, "11 RESULT_ACK 99.5+1\n2 RESULT 1=0\n");
    bench_call(bench, 2, WIRE_TASK_WAIT, 1, bench_id(1, 1), 0); /* its id stays the old one */
    bench_expect(bench, "2 ANSWER 1 err=0 status=0\n");
    bench_ack(bench, 2, 1, 1, 1);
    bench_close(bench);
}

static void what_nobody_resubmits_is_given_up_after_the_grace_time(void **state) {
    (void)state;
    struct bench *bench = bench_open(MEMORY);
    struct bench_place place = announcing(1, 99, 5, false);
    bench_hello_host(bench, 10, 10, "f", &place, 1);
    struct event_held held = {.id = bench_id(1, 2),
                              .token = {99, 6},
                              .status = WIRE_DONE,
                              .payload = {bench_payload(bench, 5), 5}};
    bench_hello_holding(bench, 11, 10, 0, 2, 1, &held);
    bench_forget(bench);
    for (int s = 0; s < 11; s++) {
        bench_plain(bench, 10, EVENT_BEAT);
        bench_jump(bench, 1000);
    }
    assert_non_null(strstr(bench_trace(bench), "10 LEASE_LOST p0 99.5+1\n"));
    assert_non_null(strstr(bench_trace(bench), "11 RESULT_ACK 99.6+1\n"));
    bench_close(bench);
}

/* On memory nobody knows who is to announce: the first host is taken for a sign of the others. */
static void on_memory_a_resubmission_waits_three_seconds_once_a_host_is_there(void **state) {
    (void)state;
    struct bench *bench = bench_open(MEMORY);
    bench_client(bench, 2);
    resubmit(bench, 1, bench_id(1, 1));
    bench_pass(bench, 1000);
    bench_hello_host(bench, 10, 10, "f", NULL, 0);
    bench_forget(bench);
    bench_pass(bench, 1900);
    assert_int_equal(bench_logged(bench, "grace time over"), 0);
    bench_pass(bench, 200);
    assert_int_equal(bench_logged(bench, "grace time over"), 1);
    bench_close(bench);
}

static void on_memory_without_a_host_the_grace_time_is_whole(void **state) {
    (void)state;
    struct bench *bench = bench_open(MEMORY);
    bench_pass(bench, 9900);
    assert_int_equal(bench_logged(bench, "grace time over"), 0);
    bench_pass(bench, 200);
    assert_int_equal(bench_logged(bench, "grace time over"), 1);
    bench_close(bench);
}

/* What the broker did after the backup is another future: its clients may have gone on there, and
 * what its hosts announce was begun there. */
static void on_a_copy_sessions_are_lost_and_nothing_announced_counts(void **state) {
    (void)state;
    struct bench *bench = one_leased(0);
    size_t over = bench_logged(bench, "grace time over");
    bench_restart_on_copy(bench);
    bench_hello_client(bench, 1, 1, true);
    assert_non_null(strstr(bench_trace(bench), "1 SESSION_LOST\n"));
    struct bench_place place = announcing(1, 100, 1, false);
    bench_hello_host(bench, 10, 10, "f", &place, 1);
    assert_int_equal(bench_counts(bench).leased, 0);
    commit_all(bench);
    assert_int_equal(bench_logged(bench, "grace time over"), over + 1);
    bench_worker(bench, 20, "f");
    commit_all(bench);
    assert_int_equal(bench_counts(bench).leased, 1); /* to the new one, at once */
    bench_restart(bench);                            /* no copy any more, and still lost */
    bench_hello_client(bench, 1, 1, true);
    assert_non_null(strstr(bench_trace(bench), "1 SESSION_LOST\n"));
    bench_close(bench);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepted_tasks_results_and_answers_survive),
        cmocka_unit_test(a_deleted_tasks_number_is_still_recognised),
        cmocka_unit_test(old_tasks_wait_until_all_hosts_have_announced),
        cmocka_unit_test(at_latest_after_10_s_they_go_elsewhere),
        cmocka_unit_test(an_announced_attempt_keeps_its_lease_and_its_result_counts),
        cmocka_unit_test(a_result_before_its_hosts_announcement_counts_too),
        cmocka_unit_test(after_the_floor_an_unannounced_result_is_stale),
        cmocka_unit_test(a_fence_survives_a_restart),
        cmocka_unit_test(held_alone_does_not_decide),
        cmocka_unit_test(a_run_once_task_starts_only_with_its_record),
        cmocka_unit_test(the_end_of_the_grace_time_takes_as_many_steps_as_it_needs),
        cmocka_unit_test(a_run_once_task_that_is_announced_goes_on),
        cmocka_unit_test(queues_keep_their_bounds),
        cmocka_unit_test(a_resubmission_meets_the_attempt_that_was_announced),
        cmocka_unit_test(what_was_accepted_before_is_taken_above_the_bound),
        cmocka_unit_test(a_resubmission_meets_the_result_that_came_first),
        cmocka_unit_test(what_nobody_resubmits_is_given_up_after_the_grace_time),
        cmocka_unit_test(on_memory_a_resubmission_waits_three_seconds_once_a_host_is_there),
        cmocka_unit_test(on_memory_without_a_host_the_grace_time_is_whole),
        cmocka_unit_test(on_a_copy_sessions_are_lost_and_nothing_announced_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
