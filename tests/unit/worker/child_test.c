/* SPDX-License-Identifier: MIT
 *
 * What a child says and runs, with messages made by hand. */
#include "tests/unit/worker/speaker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

static const uint8_t nil[] = {0xc0};

struct fixture {
    struct gate_page *gate;
    struct child *child;
    struct speaker broker;
};

static struct fixture *fixture_new(uint32_t window, uint64_t held_bytes_max) {
    struct fixture *fixture = calloc(1, sizeof *fixture);
    fixture->gate = malloc(sizeof *fixture->gate);
    gate_init(fixture->gate, (struct gate_state){7, 20});
    struct child_config config = {.session = 11,
                                  .secret = "0123456789abcde",
                                  .host_session = 12,
                                  .place = 2,
                                  .pid = 333,
                                  .label = span_of_text("here"),
                                  .gate = fixture->gate,
                                  .held_bytes_max = held_bytes_max,
                                  .window = window};
    fixture->child = child_create(&config);
    speaker_init(&fixture->broker, fixture->child, NULL);
    return fixture;
}

/* Connected, credit for generation 8 said. */
static struct fixture *fixture_greeted(uint32_t window) {
    struct fixture *fixture = fixture_new(window, 0);
    speaker_open(&fixture->broker);
    speaker_expect(&fixture->broker, WIRE_HELLO);
    speaker_hello_ok(&fixture->broker);
    speaker_expect(&fixture->broker, WIRE_CREDIT);
    return fixture;
}

static void fixture_free(struct fixture *fixture) {
    speaker_fini(&fixture->broker);
    child_destroy(&fixture->child);
    free(fixture->gate);
    free(fixture);
}

static uint32_t start(struct fixture *fixture) {
    struct child_task task;
    assert_true(child_start(fixture->child, &task));
    return task.number;
}

static void finish(struct fixture *fixture, uint32_t number) {
    child_finish(fixture->child, number, WIRE_DONE, (struct span){nil, 1}, 10);
}

static void start_fails(struct fixture *fixture) {
    struct child_task task;
    assert_false(child_start(fixture->child, &task));
}

static uint32_t heard_results(struct fixture *fixture, struct wire_results *out) {
    struct wire_message message = speaker_message(&fixture->broker);
    assert_int_equal(wire_get_results(&message, out), WHERRY_OK);
    struct wire_results_item item;
    uint32_t count = 0;
    while (wire_next_results(&out->items, &item)) {
        count++;
    }
    return count;
}

static struct wire_hello heard_hello(struct fixture *fixture, struct wire_message *message) {
    struct wire_hello hello;
    *message = speaker_message(&fixture->broker);
    assert_int_equal(wire_get_hello(message, &hello), WHERRY_OK);
    return hello;
}

static void hello_reports_the_closed_generation_and_credit_is_for_the_next(void **state) {
    (void)state;
    struct fixture *fixture = fixture_new(0, 0);
    struct wire_message message;
    struct wire_credit credit;
    speaker_open(&fixture->broker);
    speaker_expect(&fixture->broker, WIRE_HELLO);
    struct wire_hello hello = heard_hello(fixture, &message);
    assert_int_equal(hello.generation, 7);
    assert_int_equal(hello.started, 20);
    assert_int_equal(hello.place, 2);
    assert_int_equal(hello.parent, 12);
    assert_false(hello.resume);
    assert_int_equal(gate_state(fixture->gate).generation, 8);
    speaker_expect_nothing(&fixture->broker);
    speaker_hello_ok(&fixture->broker);
    speaker_expect(&fixture->broker, WIRE_CREDIT);
    message = speaker_message(&fixture->broker);
    assert_int_equal(wire_get_credit(&message, &credit), WHERRY_OK);
    assert_int_equal(credit.generation, 8);
    assert_int_equal(credit.started, 20);
    assert_int_equal(credit.up_to, 20 + GATE_SLOTS);
    speaker_expect_nothing(&fixture->broker);
    fixture_free(fixture);
}

static void deliveries_run_one_at_a_time_and_results_go_out_together(void **state) {
    (void)state;
    struct fixture *fixture = fixture_greeted(0);
    struct child_task task;
    struct wire_results results;
    speaker_deliver(&fixture->broker, 8, 21, 2);
    assert_true(child_start(fixture->child, &task));
    assert_int_equal(task.number, 21);
    assert_int_equal(task.id.number, 1021);
    assert_int_equal(task.token.epoch, 5);
    assert_int_equal(task.token.counter, 121);
    start_fails(fixture);
    finish(fixture, 21);
    assert_false(child_settled(fixture->child));
    finish(fixture, start(fixture));
    speaker_expect(&fixture->broker, WIRE_RESULTS);
    assert_int_equal(heard_results(fixture, &results), 2);
    assert_int_equal(results.epoch, 5);
    assert_int_equal(results.busy_us, 20);
    assert_int_equal(results.credit.started, 22);
    speaker_expect_nothing(&fixture->broker);
    speaker_ack_results(&fixture->broker, 5, 121, 2);
    assert_true(child_settled(fixture->child));
    assert_int_equal(gate_unacknowledged(fixture->gate), 0);
    fixture_free(fixture);
}

static void a_closed_gate_voids_what_was_not_started_and_moves_credit_on(void **state) {
    (void)state;
    struct fixture *fixture = fixture_greeted(0);
    struct wire_credit credit;
    speaker_deliver(&fixture->broker, 8, 21, 5);
    uint32_t running = start(fixture);
    struct gate_state closed = gate_close(fixture->gate);
    assert_int_equal(closed.started, 21);
    child_gate_closed(fixture->child, fixture->broker.now_us);
    assert_false(child_has_more(fixture->child));
    speaker_expect(&fixture->broker, WIRE_CREDIT);
    struct wire_message message = speaker_message(&fixture->broker);
    assert_int_equal(wire_get_credit(&message, &credit), WHERRY_OK);
    assert_int_equal(credit.generation, 9);
    assert_int_equal(credit.started, 21);
    speaker_deliver(&fixture->broker, 8, 26, 1); /* was on its way: void */
    assert_false(child_has_more(fixture->child));
    finish(fixture, running);
    speaker_deliver(&fixture->broker, 9, 22, 1);
    assert_int_equal(start(fixture), 22);
    finish(fixture, 22);
    fixture_free(fixture);
}

static void a_start_that_meets_a_closed_gate_notices_by_itself(void **state) {
    (void)state;
    struct fixture *fixture = fixture_greeted(0);
    speaker_deliver(&fixture->broker, 8, 21, 5);
    gate_close(fixture->gate);
    start_fails(fixture);
    assert_false(child_has_more(fixture->child));
    assert_int_equal(gate_state(fixture->gate).started, 20);
    speaker_expect(&fixture->broker, WIRE_CREDIT);
    fixture_free(fixture);
}

static void the_running_task_keeps_its_bytes_when_the_gate_closes(void **state) {
    (void)state;
    struct fixture *fixture = fixture_greeted(0);
    struct child_task task;
    speaker_deliver(&fixture->broker, 8, 21, 3);
    assert_true(child_start(fixture->child, &task));
    gate_close(fixture->gate);
    child_gate_closed(fixture->child, fixture->broker.now_us);
    speaker_expect(&fixture->broker, WIRE_CREDIT);
    speaker_deliver(&fixture->broker, 9, 22, 1);
    static const uint8_t payload[] = {0x93, 0x00, 0x90, 0x80};
    assert_int_equal(task.payload.size, sizeof payload);
    assert_memory_equal(task.payload.data, payload, sizeof payload);
    finish(fixture, 21);
    fixture_free(fixture);
}

static void a_reconnect_lists_held_results_with_their_ids(void **state) {
    (void)state;
    struct fixture *fixture = fixture_greeted(0);
    struct wire_message message;
    struct wire_held held;
    speaker_deliver(&fixture->broker, 8, 21, 2);
    finish(fixture, start(fixture));
    speaker_expect(&fixture->broker, WIRE_RESULTS);
    speaker_plain(&fixture->broker, WIRE_HELLO_REQUIRED);
    assert_true(child_wants_reopen(fixture->child));
    speaker_open(&fixture->broker);
    assert_false(child_wants_reopen(fixture->child));
    speaker_expect(&fixture->broker, WIRE_HELLO);
    struct wire_hello hello = heard_hello(fixture, &message);
    assert_true(hello.resume);
    assert_int_equal(hello.generation, 8);
    assert_int_equal(hello.started, 21);
    assert_true(wire_next_held(&hello.held, &held));
    assert_int_equal(held.id.number, 1021);
    assert_int_equal(held.token.counter, 121);
    assert_false(wire_next_held(&hello.held, &held));
    start_fails(fixture);
    speaker_hello_ok(&fixture->broker);
    speaker_expect(&fixture->broker, WIRE_CREDIT);
    speaker_ack_results(&fixture->broker, 5, 121, 1);
    assert_true(child_settled(fixture->child));
    fixture_free(fixture);
}

/* The broker cuts off whoever sends more than the largest payload and a batch in one message. */
static void the_largest_result_does_not_share_a_hello(void **state) {
    (void)state;
    struct fixture *fixture = fixture_greeted(0);
    struct wire_message message;
    struct wire_held held;
    speaker_deliver(&fixture->broker, 8, 21, 2);
    finish(fixture, start(fixture));
    child_finish_taking(fixture->child, start(fixture), WIRE_DONE, calloc(1, WIRE_PAYLOAD_MAX),
                        WIRE_PAYLOAD_MAX, 10);
    speaker_open(&fixture->broker);
    speaker_expect(&fixture->broker, WIRE_HELLO);
    struct wire_hello hello = heard_hello(fixture, &message);
    assert_true(wire_next_held(&hello.held, &held));
    assert_int_equal(held.payload.size, 1);
    assert_false(wire_next_held(&hello.held, &held));
    speaker_hello_ok(&fixture->broker);
    speaker_expect(&fixture->broker, WIRE_RESULTS);
    fixture_free(fixture);
}

static void a_result_of_an_older_epoch_goes_by_hello(void **state) {
    (void)state;
    struct fixture *fixture = fixture_greeted(0);
    struct wire_message message;
    struct wire_held held;
    speaker_deliver(&fixture->broker, 8, 21, 1);
    uint32_t running = start(fixture);
    fixture->broker.epoch = 6; /* the broker restarted */
    speaker_open(&fixture->broker);
    speaker_expect(&fixture->broker, WIRE_HELLO);
    speaker_hello_ok(&fixture->broker);
    speaker_expect(&fixture->broker, WIRE_CREDIT);
    finish(fixture, running);
    speaker_expect_nothing(&fixture->broker);
    assert_true(child_wants_reopen(fixture->child));
    speaker_open(&fixture->broker);
    speaker_expect(&fixture->broker, WIRE_HELLO);
    struct wire_hello hello = heard_hello(fixture, &message);
    assert_true(wire_next_held(&hello.held, &held));
    assert_int_equal(held.token.epoch, 5);
    speaker_hello_ok(&fixture->broker);
    speaker_ack_results(&fixture->broker, 5, 121, 1);
    assert_true(child_settled(fixture->child));
    fixture_free(fixture);
}

static void a_gap_in_deliveries_asks_for_a_new_connection(void **state) {
    (void)state;
    struct fixture *fixture = fixture_greeted(0);
    speaker_deliver(&fixture->broker, 8, 22, 1);
    assert_true(child_wants_reopen(fixture->child));
    fixture_free(fixture);
}

static void more_than_the_credit_is_not_taken(void **state) {
    (void)state;
    struct fixture *fixture = fixture_greeted(4);
    speaker_deliver(&fixture->broker, 8, 21, 5);
    assert_true(child_wants_reopen(fixture->child));
    fixture_free(fixture);
}

static void credit_follows_acknowledgements(void **state) {
    (void)state;
    struct fixture *fixture = fixture_greeted(4);
    struct wire_results results;
    struct wire_credit credit;
    speaker_deliver(&fixture->broker, 8, 21, 4);
    for (uint32_t i = 0; i < 4; i++) {
        finish(fixture, start(fixture));
    }
    speaker_expect(&fixture->broker, WIRE_RESULTS);
    assert_int_equal(heard_results(fixture, &results), 4);
    assert_int_equal(results.credit.up_to, 24);
    speaker_expect_nothing(&fixture->broker);
    speaker_ack_results(&fixture->broker, 5, 121, 2);
    speaker_expect(&fixture->broker, WIRE_CREDIT);
    struct wire_message message = speaker_message(&fixture->broker);
    assert_int_equal(wire_get_credit(&message, &credit), WHERRY_OK);
    assert_int_equal(credit.up_to, 26);
    fixture_free(fixture);
}

static void too_many_bytes_unacknowledged_stop_new_starts(void **state) {
    (void)state;
    struct fixture *fixture = fixture_new(0, 1000);
    speaker_open(&fixture->broker);
    speaker_expect(&fixture->broker, WIRE_HELLO);
    speaker_hello_ok(&fixture->broker);
    speaker_expect(&fixture->broker, WIRE_CREDIT);
    speaker_deliver(&fixture->broker, 8, 21, 2);
    uint32_t number = start(fixture);
    uint8_t *large = calloc(1, 70000);
    child_finish_taking(fixture->child, number, WIRE_DONE, large, 70000, 1);
    start_fails(fixture);
    speaker_expect(&fixture->broker, WIRE_RESULTS);
    struct wire_message message = speaker_message(&fixture->broker);
    assert_int_equal(message.count, 2);
    assert_int_equal(message.frames[1].size, 70000);
    speaker_ack_results(&fixture->broker, 5, 121, 1);
    assert_int_equal(start(fixture), 22);
    finish(fixture, 22);
    fixture_free(fixture);
}

static void three_unanswered_beats_ask_for_a_new_connection(void **state) {
    (void)state;
    struct fixture *fixture = fixture_greeted(0);
    for (int i = 0; i < 3; i++) {
        speaker_tick(&fixture->broker, 2000000);
        speaker_expect(&fixture->broker, WIRE_BEAT);
        assert_false(child_wants_reopen(fixture->child));
    }
    speaker_tick(&fixture->broker, 2000000);
    assert_true(child_wants_reopen(fixture->child));
    fixture_free(fixture);
}

static void an_answered_beat_is_patience_renewed(void **state) {
    (void)state;
    struct fixture *fixture = fixture_greeted(0);
    for (int i = 0; i < 10; i++) {
        speaker_tick(&fixture->broker, 2000000);
        speaker_expect(&fixture->broker, WIRE_BEAT);
        speaker_plain(&fixture->broker, WIRE_BEAT_OK);
    }
    assert_false(child_wants_reopen(fixture->child));
    fixture_free(fixture);
}

static void a_broker_of_an_older_epoch_of_the_same_store_is_left(void **state) {
    (void)state;
    struct fixture *fixture = fixture_greeted(0);
    speaker_open(&fixture->broker);
    speaker_expect(&fixture->broker, WIRE_HELLO);
    fixture->broker.epoch = 4;
    speaker_hello_ok(&fixture->broker);
    assert_true(child_wants_reopen(fixture->child));
    fixture_free(fixture);
}

static void a_lost_session_is_begun_anew(void **state) {
    (void)state;
    struct fixture *fixture = fixture_greeted(0);
    struct wire_message message;
    speaker_open(&fixture->broker);
    speaker_expect(&fixture->broker, WIRE_HELLO);
    assert_true(heard_hello(fixture, &message).resume);
    speaker_session_lost(&fixture->broker);
    assert_true(child_wants_reopen(fixture->child));
    speaker_open(&fixture->broker);
    speaker_expect(&fixture->broker, WIRE_HELLO);
    assert_false(heard_hello(fixture, &message).resume);
    fixture_free(fixture);
}

static void many_held_results_are_listed_over_several_hellos(void **state) {
    (void)state;
    struct fixture *fixture = fixture_greeted(0);
    speaker_deliver(&fixture->broker, 8, 21, 4);
    for (uint32_t i = 0; i < 4; i++) {
        uint32_t number = start(fixture);
        child_finish_taking(fixture->child, number, WIRE_DONE, calloc(1, 700000), 700000, 1);
    }
    fixture->broker.epoch = 6;
    uint32_t listed = 0;
    for (int hello_count = 1; hello_count <= 2; hello_count++) {
        struct wire_message message;
        struct wire_held held;
        uint32_t now = 0;
        speaker_open(&fixture->broker);
        speaker_expect(&fixture->broker, WIRE_HELLO);
        struct wire_hello hello = heard_hello(fixture, &message);
        while (wire_next_held(&hello.held, &held)) {
            assert_int_equal(held.token.counter, 121 + listed + now);
            now++;
        }
        assert_int_equal(now, 2);
        speaker_hello_ok(&fixture->broker);
        speaker_expect(&fixture->broker, WIRE_CREDIT);
        speaker_expect_nothing(&fixture->broker);
        speaker_ack_results(&fixture->broker, 5, 121 + listed, now);
        listed += now;
        if (hello_count == 1) {
            speaker_expect_nothing(&fixture->broker);
            assert_true(child_wants_reopen(fixture->child));
        }
    }
    assert_true(child_settled(fixture->child));
    fixture_free(fixture);
}

static void garbage_is_ignored(void **state) {
    (void)state;
    struct fixture *fixture = fixture_greeted(0);
    uint32_t seed = 1;
    for (int i = 0; i < 20000; i++) {
        uint8_t noise[64];
        for (size_t at = 0; at < sizeof noise; at++) {
            seed = seed * 1664525 + 1013904223;
            noise[at] = (uint8_t)(seed >> 24);
        }
        noise[0] = 0x90 | (noise[0] & 15);
        noise[1] = i % 2 ? WIRE_DELIVER : WIRE_RESULT_ACK;
        noise[2] = 5;
        struct wire_message message = {.count = 1};
        message.frames[0] = (struct span){noise, 3 + noise[3] % 61};
        child_input(fixture->child, &message, fixture->broker.now_us);
    }
    assert_false(child_has_more(fixture->child));
    fixture_free(fixture);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hello_reports_the_closed_generation_and_credit_is_for_the_next),
        cmocka_unit_test(deliveries_run_one_at_a_time_and_results_go_out_together),
        cmocka_unit_test(a_closed_gate_voids_what_was_not_started_and_moves_credit_on),
        cmocka_unit_test(a_start_that_meets_a_closed_gate_notices_by_itself),
        cmocka_unit_test(the_running_task_keeps_its_bytes_when_the_gate_closes),
        cmocka_unit_test(a_reconnect_lists_held_results_with_their_ids),
        cmocka_unit_test(the_largest_result_does_not_share_a_hello),
        cmocka_unit_test(a_result_of_an_older_epoch_goes_by_hello),
        cmocka_unit_test(a_gap_in_deliveries_asks_for_a_new_connection),
        cmocka_unit_test(more_than_the_credit_is_not_taken),
        cmocka_unit_test(credit_follows_acknowledgements),
        cmocka_unit_test(too_many_bytes_unacknowledged_stop_new_starts),
        cmocka_unit_test(three_unanswered_beats_ask_for_a_new_connection),
        cmocka_unit_test(an_answered_beat_is_patience_renewed),
        cmocka_unit_test(a_broker_of_an_older_epoch_of_the_same_store_is_left),
        cmocka_unit_test(a_lost_session_is_begun_anew),
        cmocka_unit_test(many_held_results_are_listed_over_several_hellos),
        cmocka_unit_test(garbage_is_ignored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
