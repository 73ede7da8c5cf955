/* SPDX-License-Identifier: MIT
 *
 * The session when its connection, its broker or its place at the broker is lost. */
#include "fake.h"

#include "common/wire/body.h"

#include <string.h>

static void a_silent_broker_is_left_after_three_unanswered_beats(void **state) {
    struct fake *fake = *state;
    fake_connect(fake);
    for (int i = 0; i < SESSION_BEATS_UNANSWERED; i++) {
        assert_int_equal(session_next_wake(fake->session), fake->now_us + 2000000);
        fake_advance(fake, 2000000);
        fake_expect(fake, WIRE_BEAT);
        assert_false(session_wants_reopen(fake->session));
    }
    fake_advance(fake, 2000000);
    assert_true(session_wants_reopen(fake->session));
    fake_reconnect(fake);
    assert_false(session_wants_reopen(fake->session));
}

static void an_answered_beat_keeps_the_connection(void **state) {
    struct fake *fake = *state;
    fake_connect(fake);
    for (int i = 0; i < 10; i++) {
        fake_advance(fake, 2000000);
        fake_expect(fake, WIRE_BEAT);
        wire_put_plain(&fake->in, WIRE_BEAT_OK, fake->epoch);
        fake_give(fake);
        assert_false(session_wants_reopen(fake->session));
    }
}

static void an_unanswered_hello_asks_for_another_connection(void **state) {
    struct fake *fake = *state;
    session_opened(fake->session, fake->now_us);
    fake_expect(fake, WIRE_HELLO);
    fake_advance(fake, SESSION_HELLO_US - 1);
    assert_false(session_wants_reopen(fake->session));
    fake_advance(fake, 1);
    assert_true(session_wants_reopen(fake->session));
}

static void hello_required_asks_for_another_connection(void **state) {
    struct fake *fake = *state;
    fake_connect(fake);
    wire_put_plain(&fake->in, WIRE_HELLO_REQUIRED, fake->epoch);
    fake_give(fake);
    assert_true(session_wants_reopen(fake->session));
    fake_submit(fake, 0, "a");
    fake_expect_nothing(fake);
}

static void after_a_reconnect_what_is_unanswered_is_sent_again_unchanged(void **state) {
    struct fake *fake = *state;
    fake_connect(fake);
    fake_submit(fake, 0, "a");
    fake_submit(fake, 1, "b");
    fake_expect_submit(fake);
    fake_submit(fake, 2, "c");
    fake_reconnect(fake);
    struct fake_submit *again = fake_expect_submit(fake);
    assert_int_equal(again->count, 2);
    assert_int_equal(again->items[0].number, 1);
    assert_false(again->items[0].has_origin);
    again = fake_expect_submit(fake);
    assert_int_equal(again->count, 1);
    assert_int_equal(again->items[0].number, 3);
    fake_expect_nothing(fake);
}

static void after_a_reconnect_what_was_answered_is_not_sent_again(void **state) {
    struct fake *fake = *state;
    fake_connect(fake);
    fake_submit(fake, 0, "a");
    fake_submit(fake, 1, "b");
    fake_submit(fake, 2, "c");
    fake_expect_submit(fake);
    fake_accept(fake, fake_slot(), 1, 1);
    fake_result(fake, fake_slot(), 3, WIRE_DONE, "\xc0");
    fake_reconnect(fake);
    struct fake_submit *again = fake_expect_submit(fake);
    assert_int_equal(again->count, 1);
    assert_int_equal(again->items[0].number, 2);
    assert_memory_equal(again->items[0].payload.data, "b", 1);
    assert_int_equal(again->head.acked, 1);
}

static void a_wait_at_a_full_queue_goes_on_with_what_is_left_of_it(void **state) {
    struct fake *fake = *state;
    fake_connect(fake);
    struct session_lane lane = fake_lane;
    lane.wait_ms = 5000;
    assert_int_equal(fake_submit_to(fake, 0, &lane, "a"), WHERRY_OK);
    assert_int_equal(fake_expect_submit(fake)->head.wait_ms, 5000);
    fake->now_us += 3000000;
    fake_reconnect(fake);
    assert_int_equal(fake_expect_submit(fake)->head.wait_ms, 2000);
    fake->now_us += 3000000;
    fake_reconnect(fake);
    assert_int_equal(fake_expect_submit(fake)->head.wait_ms, 0);
}

static void cancels_and_questions_are_repeated_after_a_reconnect(void **state) {
    struct fake *fake = *state;
    uint8_t body[] = {0x90};
    uint64_t call = 0;
    fake_connect(fake);
    fake_submit(fake, 0, "a");
    fake_expect_submit(fake);
    fake_accept(fake, fake_slot(), 1, 1);
    session_cancel(fake->session, fake_task(fake, 0)->key);
    fake_expect(fake, WIRE_CANCEL);
    assert_int_equal(session_call(fake->session, WIRE_STATUS, (struct span){body, 1}, 5000, 0,
                                  fake_task(fake, 1), fake->now_us, &call),
                     WHERRY_OK);
    fake_expect(fake, WIRE_CALL);
    fake->now_us += 1000000;
    fake_reconnect(fake);
    fake_expect(fake, WIRE_ACK);
    fake_expect(fake, WIRE_CALL);
    struct wire_message message = wire_out_message(&fake->out);
    struct wire_call again;
    assert_int_equal(wire_get_call(&message, &again), WHERRY_OK);
    assert_int_equal(again.call, call);
    assert_int_equal(again.timeout_ms, 4000);
    fake_expect(fake, WIRE_CANCEL);
}

static void expect_new_session(struct fake *fake, uint64_t old_id) {
    fake_expect(fake, WIRE_HELLO);
    struct wire_message message = wire_out_message(&fake->out);
    struct wire_hello hello;
    assert_int_equal(wire_get_hello(&message, &hello), WHERRY_OK);
    assert_false(hello.resume);
    assert_true(hello.session != old_id);
    fake->session_id = hello.session;
}

/* A broker that has restarted: the resumed session is unknown to it. */
static void lose(struct fake *fake, uint64_t epoch, bool keeps) {
    uint64_t old_id = fake->session_id;
    session_opened(fake->session, fake->now_us);
    fake_expect(fake, WIRE_HELLO);
    fake_lost(fake, epoch, keeps);
    expect_new_session(fake, old_id);
    fake_hello_ok(fake);
}

static void a_restarted_broker_that_keeps_nothing_is_given_everything_unfinished(void **state) {
    struct fake *fake = *state;
    fake_connect(fake);
    for (size_t i = 0; i < 4; i++) {
        fake_submit(fake, i, i == 0 ? "zero" : i == 1 ? "one" : i == 2 ? "two" : "three");
    }
    fake_expect_submit(fake);
    fake_accept(fake, fake_slot(), 1, 3);
    fake_result(fake, fake_slot(), 2, WIRE_DONE, "\xc0");
    lose(fake, 101, false);
    struct fake_submit *again = fake_expect_submit(fake);
    size_t seen = 0;
    do {
        for (size_t i = 0; i < again->count; i++) {
            assert_true(again->items[i].has_origin);
            seen++;
        }
        if (seen == 3) {
            break;
        }
        again = fake_expect_submit(fake);
    } while (true);
    fake_expect_nothing(fake);
    assert_int_equal(fake_task(fake, 0)->moved, 1);
    assert_int_equal(fake_task(fake, 1)->moved, 0);
    assert_true(fake_task(fake, 0)->key.session == fake->session_id);
    fake_results(fake, fake_slot(), 1, 3);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(fake_task(fake, i)->finished, 1);
        assert_int_equal(fake_task(fake, i)->err, WHERRY_OK);
    }
}

static void a_resubmission_says_whether_it_was_accepted_before(void **state) {
    struct fake *fake = *state;
    fake_connect(fake);
    fake_submit(fake, 0, "accepted");
    fake_submit(fake, 1, "not");
    fake_expect_submit(fake);
    fake_accept(fake, fake_slot(), 1, 1);
    lose(fake, 101, false);
    fake_submit(fake, 2, "new");
    struct fake_submit *again = fake_expect_submit(fake);
    assert_int_equal(again->count, 1);
    assert_int_equal(again->items[0].origin.number, 1);
    assert_int_equal(again->head.flags, SUBMIT_WANT_ACK | SUBMIT_AGAIN);
    again = fake_expect_submit(fake);
    assert_int_equal(again->items[0].origin.number, 2);
    assert_int_equal(again->head.flags & SUBMIT_AGAIN, 0);
    assert_false(fake_expect_submit(fake)->items[0].has_origin);
    lose(fake, 102, false);
    assert_int_equal(fake_expect_submit(fake)->head.flags & SUBMIT_AGAIN, SUBMIT_AGAIN);
}

static void a_task_keeps_its_first_id_over_two_restarts(void **state) {
    struct fake *fake = *state;
    fake_connect(fake);
    fake_submit(fake, 0, "a");
    fake_expect_submit(fake);
    lose(fake, 101, false);
    fake_expect_submit(fake);
    lose(fake, 102, false);
    struct fake_submit *again = fake_expect_submit(fake);
    assert_true(again->items[0].has_origin);
    assert_true(task_id_equal(again->items[0].origin, fake_task(fake, 0)->id));
    struct session_view view;
    session_look(fake->session, &view);
    assert_int_equal(view.resubmitted, 2);
}

static void a_cancel_survives_the_resubmission(void **state) {
    struct fake *fake = *state;
    fake_connect(fake);
    fake_submit(fake, 0, "a");
    fake_expect_submit(fake);
    fake_accept(fake, fake_slot(), 1, 1);
    session_cancel(fake->session, fake_task(fake, 0)->key);
    fake_expect(fake, WIRE_CANCEL);
    lose(fake, 101, false);
    fake_expect_submit(fake);
    fake_expect(fake, WIRE_CANCEL);
}

static void answer_wait(struct fake *fake, wherry_err err, uint32_t status) {
    struct wire_message message = wire_out_message(&fake->out);
    struct wire_call call;
    assert_int_equal(wire_get_call(&message, &call), WHERRY_OK);
    assert_int_equal(call.verb, WIRE_TASK_WAIT);
    struct bytes body = BYTES_EMPTY;
    if (err == WHERRY_OK) {
        struct body_outcome outcome = {status, {(const uint8_t *)"\xc0", 1}};
        body_put_outcome(&body, &outcome);
    } else {
        body_put_empty(&body);
    }
    struct wire_answer answer = {.epoch = fake->epoch, .call = call.call, .err = err};
    wire_put_answer(&fake->in, &answer, (struct wire_part){body.data, body.size, NULL, NULL});
    fake_give(fake);
    bytes_free(&body);
}

static void a_session_that_expired_is_settled_by_id_and_nothing_runs_twice(void **state) {
    struct fake *fake = *state;
    fake_connect(fake);
    fake_submit(fake, 0, "done");
    fake_submit(fake, 1, "lost");
    fake_submit(fake, 2, "uncertain");
    fake_expect_submit(fake);
    fake_accept(fake, fake_slot(), 1, 2);
    fake_submit(fake, 3, "never sent");
    lose(fake, fake->epoch, false); /* the same epoch: it was our silence */
    int asked = 0;
    while (asked < 3) {
        fake_expect(fake, WIRE_CALL);
        struct wire_message message = wire_out_message(&fake->out);
        struct wire_call call;
        struct task_id id;
        assert_int_equal(wire_get_call(&message, &call), WHERRY_OK);
        assert_int_equal(body_get_id(call.body, &id), WHERRY_OK);
        answer_wait(fake, id.number == 1 ? WHERRY_OK : WHERRY_E_UNKNOWN, WIRE_DONE);
        asked++;
    }
    struct fake_submit *fresh = fake_expect_submit(fake);
    assert_int_equal(fresh->count, 1);
    assert_memory_equal(fresh->items[0].payload.data, "never sent", 10);
    fake_expect_nothing(fake);
    assert_int_equal(fake_task(fake, 0)->err, WHERRY_OK);
    assert_int_equal(fake_task(fake, 0)->finished, 1);
    assert_int_equal(fake_task(fake, 1)->err, WHERRY_E_SESSION_LOST);
    assert_int_equal(fake_task(fake, 2)->err, WHERRY_E_UNCERTAIN);
    assert_int_equal(fake_task(fake, 3)->finished, 0);
}

static void a_broker_that_keeps_is_never_given_a_task_twice(void **state) {
    struct fake *fake = *state;
    fake->keeps = true;
    fake_connect(fake);
    fake_submit(fake, 0, "accepted");
    fake_submit(fake, 1, "unanswered");
    fake_expect_submit(fake);
    fake_accept(fake, fake_slot(), 1, 1);
    lose(fake, 101, true);
    for (int i = 0; i < 2; i++) {
        fake_expect(fake, WIRE_CALL);
        answer_wait(fake, WHERRY_OK, WIRE_DONE);
    }
    fake_expect_nothing(fake);
    assert_int_equal(fake_task(fake, 0)->err, WHERRY_OK);
    assert_int_equal(fake_task(fake, 1)->err, WHERRY_OK);
}

static void many_tasks_are_settled_a_few_at_a_time(void **state) {
    struct fake *fake = *state;
    fake_connect(fake);
    for (size_t i = 0; i < 1000; i++) {
        fake_submit(fake, i, "a");
    }
    fake_expect_submit(fake);
    lose(fake, fake->epoch, false);
    for (size_t i = 0; i < 1000; i++) {
        fake_expect(fake, WIRE_CALL);
        answer_wait(fake, WHERRY_OK, WIRE_DONE);
    }
    for (size_t i = 0; i < 1000; i++) {
        assert_int_equal(fake_task(fake, i)->finished, 1);
    }
}

static void no_broker_for_the_limit_ends_every_call(void **state) {
    struct fake *fake = *state;
    uint8_t body[] = {0x90};
    uint64_t call = 0;
    fake_connect(fake);
    fake_submit(fake, 0, "accepted");
    fake_submit(fake, 1, "sent");
    fake_expect_submit(fake);
    fake_accept(fake, fake_slot(), 1, 1);
    fake_submit(fake, 2, "unsent");
    assert_int_equal(session_call(fake->session, WIRE_STATUS, (struct span){body, 1}, -1, 0,
                                  fake_task(fake, 3), fake->now_us, &call),
                     WHERRY_OK);
    session_opened(fake->session, fake->now_us);
    fake_expect(fake, WIRE_HELLO);
    fake_advance(fake, 59999999);
    assert_int_equal(fake_task(fake, 2)->finished, 0);
    fake_advance(fake, 1);
    assert_int_equal(fake_task(fake, 0)->err, WHERRY_E_NO_BROKER);
    assert_int_equal(fake_task(fake, 1)->err, WHERRY_E_UNCERTAIN);
    assert_int_equal(fake_task(fake, 2)->err, WHERRY_E_NO_BROKER);
    assert_int_equal(fake_task(fake, 3)->err, WHERRY_E_NO_BROKER);
    assert_int_equal(fake_submit_to(fake, 4, &fake_lane, "fails fast"), WHERRY_E_NO_BROKER);
    uint64_t old_id = fake->session_id;
    session_opened(fake->session, fake->now_us);
    expect_new_session(fake, old_id);
    fake_hello_ok(fake);
    fake_submit(fake, 5, "works again");
    struct fake_submit *submit = fake_expect_submit(fake);
    assert_int_equal(submit->count, 1);
    assert_int_equal(submit->items[0].number, 1);
}

static void a_refusal_ends_every_call_with_its_text(void **state) {
    struct fake *fake = *state;
    fake_submit(fake, 0, "a");
    session_opened(fake->session, fake->now_us);
    fake_expect(fake, WIRE_HELLO);
    struct wire_refused refused = {fake->epoch, WHERRY_E_PROTOCOL,
                                   span_of_text("this broker speaks version 7")};
    wire_put_refused(&fake->in, &refused);
    fake_give(fake);
    assert_int_equal(fake_task(fake, 0)->err, WHERRY_E_PROTOCOL);
    assert_string_equal(fake_task(fake, 0)->text, "this broker speaks version 7");
    assert_int_equal(fake_submit_to(fake, 1, &fake_lane, "b"), WHERRY_E_PROTOCOL);
    session_opened(fake->session, fake->now_us);
    fake_expect_nothing(fake);
}

static void a_draining_broker_is_tried_again(void **state) {
    struct fake *fake = *state;
    fake_submit(fake, 0, "a");
    session_opened(fake->session, fake->now_us);
    fake_expect(fake, WIRE_HELLO);
    struct wire_refused refused = {fake->epoch, WHERRY_E_DRAINING, span_of_text("going down")};
    wire_put_refused(&fake->in, &refused);
    fake_give(fake);
    assert_true(session_wants_reopen(fake->session));
    fake_connect(fake);
    assert_int_equal(fake_expect_submit(fake)->count, 1);
}

static void results_received_before_the_loss_are_acknowledged_after_it(void **state) {
    struct fake *fake = *state;
    fake_connect(fake);
    fake_submit(fake, 0, "a");
    fake_expect_submit(fake);
    fake_result(fake, fake_slot(), 1, WIRE_DONE, "\xc0");
    fake_reconnect(fake);
    fake_advance(fake, SESSION_ACK_US);
    fake_expect(fake, WIRE_ACK);
    struct wire_message message = wire_out_message(&fake->out);
    struct wire_ack ack;
    assert_int_equal(wire_get_ack(&message, &ack), WHERRY_OK);
    assert_int_equal(ack.results.left, 1);
    assert_int_equal(ack.credit, BOUND_RESULT_WINDOW); /* counted since this hello */
}

static void the_window_holds_for_resubmissions_too(void **state) {
    struct fake *fake = *state;
    fake_connect(fake);
    size_t count = 0;
    while (count < FAKE_TASKS) {
        if (fake_submit_to(fake, count, &fake_lane, "x") == WHERRY_OK) {
            count++;
            continue;
        }
        while (session_output(fake->session, fake->now_us, &fake->out)) {
        }
        fake_accept(fake, fake_slot(), 1, count);
    }
    while (session_output(fake->session, fake->now_us, &fake->out)) {
    }
    fake_accept(fake, fake_slot(), 1, count);
    lose(fake, 101, false);
    uint64_t highest = 0;
    for (int i = 0; i < 1000; i++) {
        if (!session_output(fake->session, fake->now_us, &fake->out)) {
            fake_accept(fake, fake_slot(), 1, highest);
            continue;
        }
        struct wire_message message = wire_out_message(&fake->out);
        struct wire_submit submit;
        struct wire_submit_item item;
        assert_int_equal(wire_get_submit(&message, &submit), WHERRY_OK);
        while (wire_next_submit(&submit.items, &item)) {
            highest = item.number;
        }
        assert_true(highest - submit.acked <= BOUND_WINDOW);
    }
    assert_int_equal(highest, FAKE_TASKS);
}

#define WITH_FAKE(test) cmocka_unit_test_setup_teardown(test, fake_setup, fake_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_FAKE(a_silent_broker_is_left_after_three_unanswered_beats),
        WITH_FAKE(an_answered_beat_keeps_the_connection),
        WITH_FAKE(an_unanswered_hello_asks_for_another_connection),
        WITH_FAKE(hello_required_asks_for_another_connection),
        WITH_FAKE(after_a_reconnect_what_is_unanswered_is_sent_again_unchanged),
        WITH_FAKE(after_a_reconnect_what_was_answered_is_not_sent_again),
        WITH_FAKE(a_wait_at_a_full_queue_goes_on_with_what_is_left_of_it),
        WITH_FAKE(cancels_and_questions_are_repeated_after_a_reconnect),
        WITH_FAKE(a_restarted_broker_that_keeps_nothing_is_given_everything_unfinished),
        WITH_FAKE(a_resubmission_says_whether_it_was_accepted_before),
        WITH_FAKE(a_task_keeps_its_first_id_over_two_restarts),
        WITH_FAKE(a_cancel_survives_the_resubmission),
        WITH_FAKE(a_session_that_expired_is_settled_by_id_and_nothing_runs_twice),
        WITH_FAKE(a_broker_that_keeps_is_never_given_a_task_twice),
        WITH_FAKE(many_tasks_are_settled_a_few_at_a_time),
        WITH_FAKE(no_broker_for_the_limit_ends_every_call),
        WITH_FAKE(a_refusal_ends_every_call_with_its_text),
        WITH_FAKE(a_draining_broker_is_tried_again),
        WITH_FAKE(results_received_before_the_loss_are_acknowledged_after_it),
        WITH_FAKE(the_window_holds_for_resubmissions_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
