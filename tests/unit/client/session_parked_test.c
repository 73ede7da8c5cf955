/* SPDX-License-Identifier: MIT
 *
 * The session when its tasks wait at full queues: they hold up nobody else, and do not end the
 * window (rules.md §2.2). */
#include "fake.h"

static void release_nothing(void *data, void *hint) {
    (void)data;
    (void)hint;
}

static void parked_batches_are_not_in_flight(void **state) {
    struct fake *fake = *state;
    fake_connect(fake);
    for (size_t i = 0; i < 10; i++) {
        fake_submit(fake, i, "a");
        assert_int_equal(fake_expect_submit(fake)->items[0].number, i + 1);
        fake_park(fake, fake_slot(), i + 1, 1);
    }
    fake_accept(fake, fake_slot(), 4, 1);
    assert_int_equal(fake_task(fake, 3)->accepted, 1);
    fake_answer(fake, fake_slot(), 5, WHERRY_E_FULL, "");
    assert_int_equal(fake_task(fake, 4)->err, WHERRY_E_FULL);
    fake_answer(fake, fake_slot(), 6, WHERRY_E_RETRY, "");
    assert_int_equal(fake_expect_submit(fake)->items[0].number, 6);
}

static void a_batch_is_parked_when_its_last_unanswered_task_is(void **state) {
    struct fake *fake = *state;
    fake_connect(fake);
    fake_submit(fake, 0, "a");
    fake_submit(fake, 1, "b");
    fake_expect_submit(fake);
    for (size_t i = 2; i < 5; i++) {
        fake_submit(fake, i, "c");
        fake_expect_submit(fake);
    }
    fake_submit(fake, 5, "d");
    fake_park(fake, fake_slot(), 2, 1);
    fake_expect_nothing(fake);
    fake_accept(fake, fake_slot(), 1, 1);
    assert_int_equal(fake_expect_submit(fake)->items[0].number, 6);
}

static void tasks_parked_in_one_slot_are_bounded_and_others_pass(void **state) {
    struct fake *fake = *state;
    fake_connect(fake);
    struct session_lane other = fake_lane;
    other.queue = span_of_text("other");
    for (size_t i = 0; i < SESSION_PARKED; i++) {
        fake_submit(fake, i, "a");
    }
    fake_expect_submit(fake);
    fake_park(fake, fake_slot(), 1, SESSION_PARKED);
    assert_int_equal(fake_submit_to(fake, SESSION_PARKED, &fake_lane, "a"), WHERRY_E_BUSY);
    assert_int_equal(fake_submit_to(fake, SESSION_PARKED, &other, "a"), WHERRY_OK);
    fake_expect_submit(fake);
    fake_accept(fake, fake_slot(), 7, 1);
    assert_true(session_has_room(fake->session, fake_slot()));
}

static void bytes_parked_in_one_slot_are_bounded(void **state) {
    struct fake *fake = *state;
    static char large[SESSION_PARKED_BYTES / 4];
    fake_connect(fake);
    for (size_t i = 0; i < 4; i++) {
        assert_true(session_has_room(fake->session, fake_slot()));
        struct wire_part part = {large, sizeof large, release_nothing, NULL};
        struct fake_task *task = fake_task(fake, i);
        assert_int_equal(
            session_submit(fake->session, &fake_lane, part, task, fake->now_us, &task->id), 0);
        fake_expect_submit(fake);
        fake_park(fake, fake_slot(), i + 1, 1);
    }
    assert_false(session_has_room(fake->session, fake_slot()));
    fake_answer(fake, fake_slot(), 1, WHERRY_E_FULL, "");
    assert_true(session_has_room(fake->session, fake_slot()));
}

static void after_a_reconnect_parked_tasks_are_sent_again_and_parked_anew(void **state) {
    struct fake *fake = *state;
    fake_connect(fake);
    for (size_t i = 0; i < 6; i++) {
        fake_submit(fake, i, "a");
        fake_expect_submit(fake);
        fake_park(fake, fake_slot(), i + 1, 1);
    }
    fake_reconnect(fake);
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(fake_expect_submit(fake)->items[0].number, i + 1);
        fake_park(fake, fake_slot(), i + 1, 1);
    }
    fake_submit(fake, 6, "b");
    assert_int_equal(fake_expect_submit(fake)->items[0].number, 7);
}

/* ---- new numbers: a window of 16 ------------------------------------------------------------ */

/* Number 1 waits; the next ones are accepted until it is more than 8 behind. */
static void fall_behind(struct fake *fake) {
    fake_connect(fake);
    fake_submit(fake, 0, "waits");
    fake_expect_submit(fake);
    fake_park(fake, fake_slot(), 1, 1);
    for (size_t i = 1; i < 9; i++) {
        fake_submit(fake, i, "passes");
        if (i < 8) {
            assert_int_equal(fake_expect_submit(fake)->items[0].number, i + 1);
            fake_accept(fake, fake_slot(), i + 1, 1);
        }
    }
}

static void what_waits_half_a_window_behind_is_renumbered(void **state) {
    struct fake *fake = *state;
    struct wire_renumbering item;
    fall_behind(fake);
    assert_int_equal(fake_expect_renumber(fake, &item), 1);
    assert_int_equal(item.from, 1);
    assert_int_equal(item.to, 10);
    fake_expect_submit(fake); /* number 9 */
    fake_expect_nothing(fake);
    fake_answer(fake, fake_slot(), 1, WHERRY_E_RENUMBERED, "");
    assert_int_equal(fake_task(fake, 0)->moved, 1);
    assert_int_equal(fake_task(fake, 0)->key.number, 10);
    fake_submit(fake, 9, "next");
    struct fake_submit *submit = fake_expect_submit(fake);
    assert_int_equal(submit->items[0].number, 11);
    assert_int_equal(submit->head.acked, 8);
    fake_accept(fake, fake_slot(), 10, 1);
    assert_int_equal(fake_task(fake, 0)->accepted, 1);
    fake_result(fake, fake_slot(), 10, WIRE_DONE, "\xc0");
    assert_int_equal(fake_task(fake, 0)->finished, 1);
}

static void one_that_waits_lets_any_number_of_others_pass(void **state) {
    struct fake *fake = *state;
    fall_behind(fake);
    fake_task(fake, 0)->key = fake_task(fake, 0)->id;
    for (size_t i = 9; i < 200; i++) {
        uint64_t waits = fake_task(fake, 0)->key.number;
        while (session_output(fake->session, fake->now_us, &fake->out)) {
        }
        fake_answer(fake, fake_slot(), waits, WHERRY_E_RENUMBERED, ""); /* garbage, if too early */
        waits = fake_task(fake, 0)->key.number;
        fake_accept(fake, fake_slot(), 1, waits - 1);
        fake_accept(fake, fake_slot(), waits + 1, 1000);
        fake_submit(fake, i, "passes");
    }
    assert_true(fake_task(fake, 0)->moved > 20);
    assert_int_equal(fake_task(fake, 0)->accepted, 0);
    assert_int_equal(fake_task(fake, 150)->accepted, 1);
}

static void an_answer_under_the_old_number_voids_the_new_one(void **state) {
    struct fake *fake = *state;
    struct wire_renumbering item;
    fall_behind(fake);
    fake_expect_renumber(fake, &item);
    fake_expect_submit(fake);
    fake_accept(fake, fake_slot(), 9, 1);
    fake_accept(fake, fake_slot(), 1, 1); /* its turn had come meanwhile */
    assert_int_equal(fake_task(fake, 0)->accepted, 1);
    fake_submit(fake, 9, "next");
    struct fake_submit *submit = fake_expect_submit(fake);
    assert_int_equal(submit->items[0].number, 11);
    assert_int_equal(submit->head.acked, 10); /* 10 will never be sent */
}

static void a_cancel_that_crossed_the_new_number_is_said_again(void **state) {
    struct fake *fake = *state;
    struct wire_renumbering item;
    fall_behind(fake);
    fake_expect_renumber(fake, &item);
    session_cancel(fake->session, fake_task(fake, 0)->key);
    fake_expect_submit(fake);
    fake_expect(fake, WIRE_CANCEL);
    fake_answer(fake, fake_slot(), 1, WHERRY_E_RENUMBERED, "");
    fake_expect(fake, WIRE_CANCEL);
    struct wire_message message = wire_out_message(&fake->out);
    struct wire_cancel cancel;
    struct wire_run run;
    assert_int_equal(wire_get_cancel(&message, &cancel), WHERRY_OK);
    assert_true(wire_next_run(&cancel.runs, &run));
    assert_int_equal(run.first, 10);
}

/* The connection broke after RENUMBER was carried out, and its answer is lost. */
static void the_answer_to_the_old_number_tells_that_the_new_one_counts(void **state) {
    struct fake *fake = *state;
    struct wire_renumbering item;
    fall_behind(fake);
    fake_expect_renumber(fake, &item);
    fake_expect_submit(fake);
    fake_accept(fake, fake_slot(), 9, 1);
    fake_reconnect(fake);
    assert_int_equal(fake_expect_submit(fake)->items[0].number, 1);
    fake_expect_nothing(fake);
    fake_answer(fake, fake_slot(), 1, WHERRY_E_RENUMBERED, "");
    struct fake_submit *submit = fake_expect_submit(fake);
    assert_int_equal(submit->count, 1);
    assert_int_equal(submit->items[0].number, 10);
    assert_true(submit->items[0].has_origin);
    assert_true(task_id_equal(submit->items[0].origin, fake_task(fake, 0)->id));
    assert_memory_equal(submit->items[0].payload.data, "waits", 5);
    fake_park(fake, fake_slot(), 10, 1);
    fake_reconnect(fake);
    assert_int_equal(fake_expect_submit(fake)->items[0].number, 10);
    fake_expect_nothing(fake);
}

/* … or before the broker ever read it. */
static void a_renumber_that_was_lost_is_said_again_with_the_same_number(void **state) {
    struct fake *fake = *state;
    struct wire_renumbering item;
    fall_behind(fake);
    fake_expect_renumber(fake, &item);
    fake_expect_submit(fake);
    fake_accept(fake, fake_slot(), 9, 1);
    fake_reconnect(fake);
    assert_int_equal(fake_expect_submit(fake)->items[0].number, 1);
    fake_park(fake, fake_slot(), 1, 1);
    assert_int_equal(fake_expect_renumber(fake, &item), 1);
    assert_true(item.from == 1 && item.to == 10);
    fake_expect_nothing(fake);
    fake_answer(fake, fake_slot(), 1, WHERRY_E_RENUMBERED, "");
    fake_expect_nothing(fake);
}

/* The result comes first: it says that the task was moved, and is not a stranger's. */
static void a_result_under_the_new_number_needs_no_other_news(void **state) {
    struct fake *fake = *state;
    struct wire_renumbering item;
    fall_behind(fake);
    fake_expect_renumber(fake, &item);
    fake_expect_submit(fake);
    fake_reconnect(fake);
    fake_result(fake, fake_slot(), 10, WIRE_DONE, "\xc0");
    assert_int_equal(fake_task(fake, 0)->finished, 1);
    assert_int_equal(fake_task(fake, 0)->err, WHERRY_OK);
    assert_int_equal(fake_expect_submit(fake)->items[0].number, 9);
}

static void a_lost_session_gives_up_new_numbers_and_keeps_the_id(void **state) {
    struct fake *fake = *state;
    struct wire_renumbering item;
    fall_behind(fake);
    fake_expect_renumber(fake, &item);
    session_opened(fake->session, fake->now_us);
    fake_expect(fake, WIRE_HELLO);
    fake_lost(fake, 101, false);
    fake_connect(fake);
    struct fake_submit *submit = fake_expect_submit(fake);
    size_t seen = 0;
    for (;; submit = fake_expect_submit(fake)) {
        for (size_t i = 0; i < submit->count; i++) {
            seen += task_id_equal(submit->items[i].origin, fake_task(fake, 0)->id);
        }
        if (!session_has_output(fake->session)) {
            break;
        }
    }
    assert_int_equal(seen, 1);
}

static void large_arguments_that_wait_are_sent_under_the_new_number(void **state) {
    struct fake *fake = *state;
    static char large[20000];
    struct wire_renumbering item;
    fake_connect(fake);
    struct wire_part part = {large, sizeof large, release_nothing, NULL};
    struct fake_task *task = fake_task(fake, 0);
    assert_int_equal(session_submit(fake->session, &fake_lane, part, task, fake->now_us, &task->id),
                     WHERRY_OK);
    fake_expect_submit(fake);
    fake_park(fake, fake_slot(), 1, 1);
    for (size_t i = 1; i < 9; i++) {
        fake_submit(fake, i, "a");
        if (i < 8) {
            fake_expect_submit(fake);
            fake_accept(fake, fake_slot(), i + 1, 1);
        }
    }
    fake_expect_renumber(fake, &item);
    fake_expect_submit(fake);
    fake_answer(fake, fake_slot(), 1, WHERRY_E_RETRY, ""); /* crossed */
    struct fake_submit *submit = fake_expect_submit(fake);
    assert_int_equal(submit->items[0].number, 1);
    fake_answer(fake, fake_slot(), 1, WHERRY_E_RENUMBERED, "");
    fake_answer(fake, fake_slot(), 10, WHERRY_E_RETRY, "");
    submit = fake_expect_submit(fake);
    assert_int_equal(submit->items[0].number, 10);
    assert_ptr_equal(submit->items[0].payload.data, large);
}

#define WITH_16(test)                                                                              \
    cmocka_unit_test_setup_teardown(test, fake_setup_window_16, fake_teardown)
#define WITH_FAKE(test) cmocka_unit_test_setup_teardown(test, fake_setup, fake_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_FAKE(parked_batches_are_not_in_flight),
        WITH_FAKE(a_batch_is_parked_when_its_last_unanswered_task_is),
        WITH_FAKE(tasks_parked_in_one_slot_are_bounded_and_others_pass),
        WITH_FAKE(bytes_parked_in_one_slot_are_bounded),
        WITH_FAKE(after_a_reconnect_parked_tasks_are_sent_again_and_parked_anew),
        WITH_16(what_waits_half_a_window_behind_is_renumbered),
        WITH_16(one_that_waits_lets_any_number_of_others_pass),
        WITH_16(an_answer_under_the_old_number_voids_the_new_one),
        WITH_16(a_cancel_that_crossed_the_new_number_is_said_again),
        WITH_16(the_answer_to_the_old_number_tells_that_the_new_one_counts),
        WITH_16(a_renumber_that_was_lost_is_said_again_with_the_same_number),
        WITH_16(a_result_under_the_new_number_needs_no_other_news),
        WITH_16(a_lost_session_gives_up_new_numbers_and_keeps_the_id),
        WITH_16(large_arguments_that_wait_are_sent_under_the_new_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
