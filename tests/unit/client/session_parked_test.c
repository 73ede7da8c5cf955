/* SPDX-License-Identifier: MIT
 *
 * The session when its tasks wait at full queues: they hold up nobody else. */
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

#define WITH_FAKE(test) cmocka_unit_test_setup_teardown(test, fake_setup, fake_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_FAKE(parked_batches_are_not_in_flight),
        WITH_FAKE(a_batch_is_parked_when_its_last_unanswered_task_is),
        WITH_FAKE(tasks_parked_in_one_slot_are_bounded_and_others_pass),
        WITH_FAKE(bytes_parked_in_one_slot_are_bounded),
        WITH_FAKE(after_a_reconnect_parked_tasks_are_sent_again_and_parked_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
