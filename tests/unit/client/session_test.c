/* SPDX-License-Identifier: MIT
 *
 * The session while its connection holds: numbers, batches, acceptance, results,
 * acknowledgements. */
#include "fake.h"

#include <stdlib.h>
#include <string.h>

static void a_session_says_nothing_before_its_hello_is_answered(void **state) {
    struct fake *fake = *state;
    fake_submit(fake, 0, "a");
    fake_expect_nothing(fake);
    session_opened(fake->session, fake->now_us);
    fake_expect(fake, WIRE_HELLO);
    fake_expect_nothing(fake);
}

static void a_lone_call_asks_for_no_acknowledgement(void **state) {
    struct fake *fake = *state;
    fake_connect(fake);
    fake_submit(fake, 0, "a");
    struct fake_submit *submit = fake_expect_submit(fake);
    assert_int_equal(submit->count, 1);
    assert_int_equal(submit->items[0].number, 1);
    assert_int_equal(submit->head.flags, 0);
    fake_expect_nothing(fake);
    fake_result(fake, fake_slot(), 1, WIRE_DONE, "\xc0");
    assert_int_equal(fake_task(fake, 0)->accepted, 1);
    assert_int_equal(fake_task(fake, 0)->finished, 1);
    assert_int_equal(fake_task(fake, 0)->err, WHERRY_OK);
}

static void what_is_submitted_while_four_batches_fly_grows_into_one(void **state) {
    struct fake *fake = *state;
    fake_connect(fake);
    for (size_t i = 0; i < 4; i++) {
        fake_submit(fake, i, "a");
        struct fake_submit *submit = fake_expect_submit(fake);
        assert_int_equal(submit->head.flags, i == 0 ? 0 : SUBMIT_WANT_ACK);
    }
    for (size_t i = 4; i < 100; i++) {
        fake_submit(fake, i, "a");
    }
    fake_expect_nothing(fake);
    fake_accept(fake, fake_slot(), 1, 1);
    struct fake_submit *submit = fake_expect_submit(fake);
    assert_int_equal(submit->count, 96);
    assert_int_equal(submit->head.acked, 1);
    assert_int_equal(submit->items[95].number, 100);
}

static void another_lane_seals_the_batch_and_both_are_sent(void **state) {
    struct fake *fake = *state;
    fake_connect(fake);
    struct session_lane other = fake_lane;
    other.function = span_of_text("g");
    for (size_t i = 0; i < 20; i++) {
        assert_int_equal(fake_submit_to(fake, i, i % 2 == 0 ? &fake_lane : &other, "a"), 0);
    }
    for (size_t i = 0; i < 19; i++) {
        struct fake_submit *submit = fake_expect_submit(fake);
        assert_int_equal(submit->count, 1);
        assert_int_equal(submit->items[0].number, i + 1);
    }
    fake_expect_nothing(fake); /* the last one may still grow */
    fake_accept(fake, fake_slot(), 1, 16);
    assert_int_equal(fake_expect_submit(fake)->items[0].number, 20);
}

static void numbers_run_per_slot(void **state) {
    struct fake *fake = *state;
    struct session_lane other = fake_lane;
    other.queue = span_of_text("other");
    fake_submit(fake, 0, "a");
    assert_int_equal(fake_submit_to(fake, 1, &other, "b"), 0);
    fake_submit(fake, 2, "c");
    assert_int_equal(fake_task(fake, 0)->id.number, 1);
    assert_int_equal(fake_task(fake, 1)->id.number, 1);
    assert_int_equal(fake_task(fake, 2)->id.number, 2);
    assert_true(fake_task(fake, 0)->id.slot != fake_task(fake, 1)->id.slot);
}

static void a_result_is_acknowledged_lazily_and_only_once(void **state) {
    struct fake *fake = *state;
    fake_connect(fake);
    fake_submit(fake, 0, "a");
    fake_expect_submit(fake);
    fake_result(fake, fake_slot(), 1, WIRE_DONE, "\xc0");
    fake_expect_nothing(fake);
    assert_int_equal(session_next_wake(fake->session), fake->now_us + SESSION_ACK_US);
    fake_advance(fake, SESSION_ACK_US);
    fake_expect(fake, WIRE_ACK);
    struct wire_message message = wire_out_message(&fake->out);
    struct wire_ack ack;
    struct wire_run run;
    assert_int_equal(wire_get_ack(&message, &ack), WHERRY_OK);
    assert_int_equal(ack.acked, 1);
    assert_true(ack.credit > BOUND_RESULT_WINDOW);
    assert_true(wire_next_run(&ack.results, &run));
    assert_int_equal(run.first, 1);
    assert_int_equal(run.count, 1);
    fake_advance(fake, SESSION_ACK_US);
    fake_expect_nothing(fake);
}

static void five_hundred_results_are_acknowledged_at_once_in_one_run(void **state) {
    struct fake *fake = *state;
    fake_connect(fake);
    for (size_t i = 0; i < SESSION_ACK_RESULTS; i++) {
        fake_submit(fake, i, "a");
    }
    fake_expect_submit(fake);
    fake_results(fake, fake_slot(), 1, SESSION_ACK_RESULTS);
    fake_expect(fake, WIRE_ACK);
    struct wire_message message = wire_out_message(&fake->out);
    struct wire_ack ack;
    assert_int_equal(wire_get_ack(&message, &ack), WHERRY_OK);
    assert_int_equal(ack.results.left, 1);
}

static void a_result_that_comes_twice_finishes_once_and_is_acknowledged_again(void **state) {
    struct fake *fake = *state;
    fake_connect(fake);
    fake_submit(fake, 0, "a");
    fake_expect_submit(fake);
    fake_result(fake, fake_slot(), 1, WIRE_DONE, "\xc0");
    fake_advance(fake, SESSION_ACK_US);
    fake_expect(fake, WIRE_ACK);
    fake_result(fake, fake_slot(), 1, WIRE_DONE, "\xc0");
    fake_advance(fake, SESSION_ACK_US);
    fake_expect(fake, WIRE_ACK);
    assert_int_equal(fake_task(fake, 0)->finished, 1);
}

static void acked_waits_for_the_lowest_unanswered_number(void **state) {
    struct fake *fake = *state;
    fake_connect(fake);
    fake_submit(fake, 0, "a");
    fake_submit(fake, 1, "b");
    fake_submit(fake, 2, "c");
    fake_expect_submit(fake);
    fake_accept(fake, fake_slot(), 2, 2);
    fake_submit(fake, 3, "d");
    assert_int_equal(fake_expect_submit(fake)->head.acked, 0);
    fake_answer(fake, fake_slot(), 1, WHERRY_E_FULL, "queue default is full");
    assert_int_equal(fake_task(fake, 0)->err, WHERRY_E_FULL);
    assert_string_equal(fake_task(fake, 0)->text, "queue default is full");
    fake_submit(fake, 4, "e");
    assert_int_equal(fake_expect_submit(fake)->head.acked, 3);
}

static void a_full_window_makes_the_caller_wait_until_answers_come(void **state) {
    struct fake *fake = *state;
    fake_connect(fake);
    size_t count = 0;
    while (fake_submit_to(fake, count, &fake_lane, "") == WHERRY_OK) {
        count++;
        while (session_output(fake->session, fake->now_us, &fake->out)) {
        }
    }
    assert_int_equal(count, BOUND_WINDOW / 2); /* the rest is for new numbers */
    assert_false(session_has_room(fake->session, fake_slot()));
    fake_accept(fake, fake_slot(), 1, 1000);
    assert_true(session_has_room(fake->session, fake_slot()));
    fake_submit(fake, count, "");
}

static void unsent_bytes_are_bounded(void **state) {
    struct fake *fake = *state;
    static char large[10000];
    memset(large, 'x', sizeof large - 1);
    size_t count = 0;
    while (fake_submit_to(fake, count, &fake_lane, large) == WHERRY_OK) {
        count++;
    }
    assert_int_equal(fake_submit_to(fake, count, &fake_lane, large), WHERRY_E_BUSY);
    assert_true(count * sizeof large > SESSION_WAITING_BYTES);
    assert_true(count * sizeof large < SESSION_WAITING_BYTES + 2 * sizeof large);
    fake_connect(fake);
    fake_expect_submit(fake);
    fake_submit(fake, count, large);
}

static void a_failure_brings_its_code_and_text(void **state) {
    struct fake *fake = *state;
    fake_connect(fake);
    fake_submit(fake, 0, "a");
    fake_submit(fake, 1, "b");
    fake_expect_submit(fake);
    struct bytes packed = BYTES_EMPTY;
    struct wire_failure failure = {.code = WHERRY_E_WORKER_LOST,
                                   .text = span_of_text("killed by signal 9"),
                                   .cause = WIRE_CAUSE_SIGNAL,
                                   .cause_number = 9};
    wire_put_failure(&packed, &failure);
    wire_result_begin(&fake->in, fake->epoch, fake_slot());
    wire_result_item(&fake->in, 1, WIRE_FAILED,
                     (struct wire_part){packed.data, packed.size, NULL, NULL});
    wire_result_item(&fake->in, 2, WIRE_CANCELLED, (struct wire_part){NULL, 0, NULL, NULL});
    wire_result_end(&fake->in);
    fake_give(fake);
    bytes_free(&packed);
    assert_int_equal(fake_task(fake, 0)->err, WHERRY_E_WORKER_LOST);
    assert_string_equal(fake_task(fake, 0)->text, "killed by signal 9");
    assert_int_equal(fake_task(fake, 1)->err, WHERRY_E_CANCELLED);
}

static void a_task_nobody_wants_the_result_of_is_done_when_accepted(void **state) {
    struct fake *fake = *state;
    fake_connect(fake);
    struct session_lane lane = fake_lane;
    lane.options.flags = TASK_NO_RESULT;
    assert_int_equal(fake_submit_to(fake, 0, &lane, "a"), WHERRY_OK);
    assert_int_equal(fake_expect_submit(fake)->head.flags, SUBMIT_WANT_ACK);
    fake_accept(fake, fake_slot(), 1, 1);
    assert_int_equal(fake_task(fake, 0)->finished, 1);
    assert_int_equal(fake_task(fake, 0)->err, WHERRY_OK);
}

static void retry_sends_the_arguments_of_that_number_again(void **state) {
    struct fake *fake = *state;
    fake_connect(fake);
    fake_submit(fake, 0, "first");
    fake_submit(fake, 1, "second");
    fake_submit(fake, 2, "third");
    fake_expect_submit(fake);
    fake_answer(fake, fake_slot(), 2, WHERRY_E_RETRY, "");
    struct fake_submit *again = fake_expect_submit(fake);
    assert_int_equal(again->count, 1);
    assert_int_equal(again->items[0].number, 2);
    assert_memory_equal(again->items[0].payload.data, "second", 6);
    fake_expect_nothing(fake);
    assert_int_equal(fake_task(fake, 1)->finished, 0);
    fake_accept(fake, fake_slot(), 2, 1);
    assert_int_equal(fake_task(fake, 1)->accepted, 1);
}

static void wanting_acceptance_of_a_lone_call_asks_for_it(void **state) {
    struct fake *fake = *state;
    fake_connect(fake);
    fake_submit(fake, 0, "a");
    assert_int_equal(fake_expect_submit(fake)->head.flags, 0);
    session_want_accepted(fake->session, fake_task(fake, 0)->key);
    struct fake_submit *again = fake_expect_submit(fake);
    assert_int_equal(again->head.flags, SUBMIT_WANT_ACK);
    assert_int_equal(again->items[0].number, 1);
    session_want_accepted(fake->session, fake_task(fake, 0)->key);
    fake_expect_nothing(fake);
    fake_submit(fake, 1, "b");
    session_want_accepted(fake->session, fake_task(fake, 1)->key);
    assert_int_equal(fake_expect_submit(fake)->head.flags, SUBMIT_WANT_ACK);
    fake_expect_nothing(fake);
}

static void a_cancel_follows_its_submit(void **state) {
    struct fake *fake = *state;
    fake_connect(fake);
    fake_submit(fake, 0, "a");
    fake_submit(fake, 1, "b");
    session_cancel(fake->session, fake_task(fake, 0)->key);
    session_cancel(fake->session, fake_task(fake, 1)->key);
    session_cancel(fake->session, fake_task(fake, 1)->key);
    fake_expect_submit(fake);
    fake_expect(fake, WIRE_CANCEL);
    struct wire_message message = wire_out_message(&fake->out);
    struct wire_cancel cancel;
    struct wire_run run;
    assert_int_equal(wire_get_cancel(&message, &cancel), WHERRY_OK);
    assert_true(wire_next_run(&cancel.runs, &run));
    assert_int_equal(run.first, 1);
    assert_int_equal(run.count, 2);
    fake_expect_nothing(fake);
    fake_result(fake, fake_slot(), 1, WIRE_CANCELLED, "");
    assert_int_equal(fake_task(fake, 0)->err, WHERRY_E_CANCELLED);
}

static void a_forgotten_task_tells_nobody(void **state) {
    struct fake *fake = *state;
    fake_connect(fake);
    fake_submit(fake, 0, "a");
    session_forget(fake->session, fake_task(fake, 0)->key);
    fake_expect_submit(fake);
    fake_result(fake, fake_slot(), 1, WIRE_DONE, "\xc0");
    assert_int_equal(fake_task(fake, 0)->finished, 0);
    struct session_view view;
    session_look(fake->session, &view);
    assert_int_equal(view.tasks_open, 0);
    assert_int_equal(view.batches, 0);
}

static void count_release(void *data, void *hint) {
    (void)data;
    ((struct fake *)hint)->released++;
}

static void large_arguments_are_lent_and_released_once_when_finished(void **state) {
    struct fake *fake = *state;
    fake_connect(fake);
    static char large[100000];
    struct wire_part part = {large, sizeof large, count_release, fake};
    struct fake_task *task = fake_task(fake, 0);
    assert_int_equal(session_submit(fake->session, &fake_lane, part, task, fake->now_us, &task->id),
                     WHERRY_OK);
    struct fake_submit *submit = fake_expect_submit(fake);
    assert_int_equal(submit->items[0].payload.size, sizeof large);
    assert_ptr_equal(submit->items[0].payload.data, large);
    fake_result(fake, fake_slot(), 1, WIRE_DONE, "\xc0");
    assert_int_equal(fake->released, 0); /* the frame is still on its way */
    fake_expect_nothing(fake);
    assert_int_equal(fake->released, 1);
}

static void too_large_arguments_are_refused_at_the_call(void **state) {
    struct fake *fake = *state;
    fake_connect(fake);
    char *large = malloc((1 << 20) + 2);
    memset(large, 'x', (1 << 20) + 1);
    large[(1 << 20) + 1] = 0;
    assert_int_equal(fake_submit_to(fake, 0, &fake_lane, large), WHERRY_E_TOO_LARGE);
    free(large);
}

static void bad_names_are_refused(void **state) {
    struct fake *fake = *state;
    struct session_lane lane = fake_lane;
    lane.queue = span_of_text("not a name");
    assert_int_equal(fake_submit_to(fake, 0, &lane, "a"), WHERRY_E_INVALID);
    lane = fake_lane;
    lane.function = span_of_text("");
    assert_int_equal(fake_submit_to(fake, 0, &lane, "a"), WHERRY_E_INVALID);
}

static void garbage_and_unknown_numbers_change_nothing(void **state) {
    struct fake *fake = *state;
    fake_connect(fake);
    fake_submit(fake, 0, "a");
    fake_accept(fake, fake_slot(), 1, 1); /* not sent yet */
    fake_result(fake, fake_slot(), 1, WIRE_DONE, "\xc0");
    fake_result(fake, fake_slot(), 77, WIRE_DONE, "\xc0");
    fake_accept(fake, fake_slot(), 1, UINT32_MAX);
    fake_answer(fake, 17, 1, WHERRY_E_FULL, "");
    assert_int_equal(fake_task(fake, 0)->finished, 0);
    bytes_append(&fake->in.body, "\xc1\xff garbage", 10);
    fake_give(fake);
    assert_int_equal(fake_expect_submit(fake)->count, 1);
    fake_result(fake, fake_slot(), 1, WIRE_DONE, "\xc0");
    assert_int_equal(fake_task(fake, 0)->finished, 1);
}

static void a_question_is_answered_once(void **state) {
    struct fake *fake = *state;
    fake_connect(fake);
    uint64_t call = 0;
    uint8_t body[] = {0x90};
    assert_int_equal(session_call(fake->session, WIRE_STATUS, (struct span){body, 1}, 5000, 0,
                                  fake_task(fake, 0), fake->now_us, &call),
                     WHERRY_OK);
    fake_expect(fake, WIRE_CALL);
    for (int i = 0; i < 2; i++) {
        struct wire_answer answer = {.epoch = fake->epoch, .call = call};
        wire_put_answer(&fake->in, &answer, (struct wire_part){"\x90", 1, NULL, NULL});
        fake_give(fake);
    }
    assert_int_equal(fake_task(fake, 0)->answered, 1);
    assert_int_equal(fake_task(fake, 0)->payload_size, 1);
}

static void the_longest_time_out_of_a_question_is_no_limit(void **state) {
    struct fake *fake = *state;
    fake_connect(fake);
    uint64_t call = 0;
    uint8_t body[] = {0x90};
    assert_int_equal(session_call(fake->session, WIRE_STATUS, (struct span){body, 1}, INT64_MAX, 0,
                                  fake_task(fake, 0), fake->now_us, &call),
                     WHERRY_OK);
    fake_expect(fake, WIRE_CALL);
    struct wire_message message = wire_out_message(&fake->out);
    struct wire_call read;
    assert_int_equal(wire_get_call(&message, &read), WHERRY_OK);
    assert_int_equal(read.timeout_ms, -1);
}

static void open_questions_are_bounded(void **state) {
    struct fake *fake = *state;
    uint8_t body[] = {0x90};
    uint64_t call = 0;
    for (size_t i = 0; i < BOUND_CALLS; i++) {
        assert_int_equal(session_call(fake->session, WIRE_STATUS, (struct span){body, 1}, -1, 0,
                                      fake_task(fake, i), fake->now_us, &call),
                         WHERRY_OK);
    }
    assert_int_equal(session_call(fake->session, WIRE_STATUS, (struct span){body, 1}, -1, 0,
                                  fake_task(fake, 0), fake->now_us, &call),
                     WHERRY_E_LIMIT);
}

static void closing_ends_everything_and_says_goodbye(void **state) {
    struct fake *fake = *state;
    fake_connect(fake);
    fake_submit(fake, 0, "a");
    fake_expect_submit(fake);
    session_close(fake->session, fake->now_us);
    assert_int_equal(fake_task(fake, 0)->err, WHERRY_E_CLOSED);
    fake_expect(fake, WIRE_GOODBYE);
    fake_expect_nothing(fake);
    assert_int_equal(fake_submit_to(fake, 1, &fake_lane, "b"), WHERRY_E_CLOSED);
}

static void
arguments_are_kept_until_finished_or_with_a_keeping_broker_until_accepted(void **state) {
    struct fake *fake = *state;
    struct session_view view;
    fake_connect(fake);
    fake_submit(fake, 0, "a");
    fake_expect_submit(fake);
    fake_accept(fake, fake_slot(), 1, 1);
    session_look(fake->session, &view);
    assert_int_equal(view.batches, 1);
    fake_result(fake, fake_slot(), 1, WIRE_DONE, "\xc0");
    session_look(fake->session, &view);
    assert_int_equal(view.batches, 0);

    fake->keeps = true;
    fake_reconnect(fake);
    fake_submit(fake, 1, "b");
    fake_expect_submit(fake);
    fake_accept(fake, fake_slot(), 2, 1);
    session_look(fake->session, &view);
    assert_int_equal(view.batches, 0);
    assert_int_equal(view.tasks_open, 1);
}

static void a_million_tasks_leave_nothing_behind(void **state) {
    struct fake *fake = *state;
    fake_connect(fake);
    uint64_t next = 1;
    for (int round = 0; round < 250; round++) {
        for (size_t i = 0; i < 4000; i++) {
            fake_submit(fake, i, "arguments");
        }
        while (session_output(fake->session, fake->now_us, &fake->out)) {
        }
        fake_results(fake, fake_slot(), next, 4000);
        next += 4000;
    }
    struct session_view view;
    session_look(fake->session, &view);
    assert_int_equal(view.tasks_open, 0);
    assert_int_equal(view.batches, 0);
    assert_int_equal(view.batch_bytes, 0);
}

#define WITH_FAKE(test) cmocka_unit_test_setup_teardown(test, fake_setup, fake_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_FAKE(a_session_says_nothing_before_its_hello_is_answered),
        WITH_FAKE(a_lone_call_asks_for_no_acknowledgement),
        WITH_FAKE(what_is_submitted_while_four_batches_fly_grows_into_one),
        WITH_FAKE(another_lane_seals_the_batch_and_both_are_sent),
        WITH_FAKE(numbers_run_per_slot),
        WITH_FAKE(a_result_is_acknowledged_lazily_and_only_once),
        WITH_FAKE(five_hundred_results_are_acknowledged_at_once_in_one_run),
        WITH_FAKE(a_result_that_comes_twice_finishes_once_and_is_acknowledged_again),
        WITH_FAKE(acked_waits_for_the_lowest_unanswered_number),
        WITH_FAKE(a_full_window_makes_the_caller_wait_until_answers_come),
        WITH_FAKE(unsent_bytes_are_bounded),
        WITH_FAKE(a_failure_brings_its_code_and_text),
        WITH_FAKE(a_task_nobody_wants_the_result_of_is_done_when_accepted),
        WITH_FAKE(retry_sends_the_arguments_of_that_number_again),
        WITH_FAKE(wanting_acceptance_of_a_lone_call_asks_for_it),
        WITH_FAKE(a_cancel_follows_its_submit),
        WITH_FAKE(a_forgotten_task_tells_nobody),
        WITH_FAKE(large_arguments_are_lent_and_released_once_when_finished),
        WITH_FAKE(too_large_arguments_are_refused_at_the_call),
        WITH_FAKE(bad_names_are_refused),
        WITH_FAKE(garbage_and_unknown_numbers_change_nothing),
        WITH_FAKE(a_question_is_answered_once),
        WITH_FAKE(the_longest_time_out_of_a_question_is_no_limit),
        WITH_FAKE(open_questions_are_bounded),
        WITH_FAKE(closing_ends_everything_and_says_goodbye),
        WITH_FAKE(arguments_are_kept_until_finished_or_with_a_keeping_broker_until_accepted),
        WITH_FAKE(a_million_tasks_leave_nothing_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
