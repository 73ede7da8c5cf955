/* SPDX-License-Identifier: MIT
 *
 * What a host says of its children and makes its shell do, with messages made by hand. */
#include "tests/unit/worker/speaker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { PLACES = 3 };

struct fixture {
    struct gate_page *gates[PLACES];
    struct host *host;
    struct speaker broker;
};

static void child_start_at(struct fixture *fixture, uint32_t place) {
    gate_init(fixture->gates[place], host_place_state(fixture->host, place));
    host_child_started(fixture->host, place, fixture->gates[place]);
    host_child_forked(fixture->host, place, 500 + place);
}

static struct fixture *fixture_new(void) {
    struct fixture *fixture = calloc(1, sizeof *fixture);
    struct span functions[] = {span_of_text("add"), span_of_text("sub")};
    struct host_config config = {.session = 12,
                                 .secret = "0123456789abcde",
                                 .label = span_of_text("here"),
                                 .pid = 99,
                                 .pool = span_of_text("default"),
                                 .processes = PLACES,
                                 .functions = functions,
                                 .function_count = 2};
    fixture->host = host_create(&config);
    speaker_init(&fixture->broker, NULL, fixture->host);
    for (uint32_t i = 0; i < PLACES; i++) {
        fixture->gates[i] = malloc(sizeof *fixture->gates[i]);
    }
    child_start_at(fixture, 0);
    child_start_at(fixture, 1);
    return fixture;
}

static void fixture_free(struct fixture *fixture) {
    speaker_fini(&fixture->broker);
    host_destroy(&fixture->host);
    for (uint32_t i = 0; i < PLACES; i++) {
        free(fixture->gates[i]);
    }
    free(fixture);
}

static struct wire_hello heard_hello(struct fixture *fixture) {
    struct wire_hello hello;
    struct wire_message message = speaker_message(&fixture->broker);
    assert_int_equal(wire_get_hello(&message, &hello), WHERRY_OK);
    return hello;
}

static void drain_actions(struct fixture *fixture) {
    struct host_action action;
    while (host_action(fixture->host, &action)) {
    }
}

static struct fixture *fixture_greeted(void) {
    struct fixture *fixture = fixture_new();
    speaker_open(&fixture->broker);
    speaker_expect(&fixture->broker, WIRE_HELLO);
    speaker_hello_ok(&fixture->broker);
    drain_actions(fixture);
    return fixture;
}

/* The child in `place` starts one delivery: its token is (5, 100 + number). */
static uint32_t run(struct fixture *fixture, uint32_t place) {
    struct gate_page *gate = fixture->gates[place];
    struct gate_state state = gate_state(gate);
    uint32_t number = state.started + 1;
    struct task_id id = {.session = 9, .number = number, .slot = 1};
    gate_fill(gate, number, id, (struct token){5, 100 + (uint64_t)number});
    assert_true(gate_start(gate, state.generation, number));
    return number;
}

static void expect_action(struct fixture *fixture, enum host_action_kind kind, uint32_t place,
                          int signal_number) {
    struct host_action action;
    assert_true(host_action(fixture->host, &action));
    assert_int_equal(action.kind, kind);
    assert_int_equal(action.place, place);
    assert_int_equal(action.signal, signal_number);
}

static void expect_no_action(struct fixture *fixture) {
    struct host_action action;
    assert_false(host_action(fixture->host, &action));
}

static void say_signal(struct fixture *fixture, uint32_t place, struct token token,
                       uint32_t signal_number) {
    struct wire_signal order = {
        .epoch = fixture->broker.epoch, .place = place, .token = token, .signal = signal_number};
    wire_put_signal(&fixture->broker.out, &order);
    speaker_say(&fixture->broker);
}

static void say_death_ack(struct fixture *fixture, uint32_t place, uint64_t sequence) {
    struct wire_place_note note = {fixture->broker.epoch, place, sequence};
    wire_put_death_ack(&fixture->broker.out, &note);
    speaker_say(&fixture->broker);
}

static void die(struct fixture *fixture, uint32_t place, const char *text) {
    struct host_death death = {.cause = WIRE_CAUSE_SIGNAL,
                               .number = SIGKILL,
                               .text = span_of_text(text),
                               .rss_peak_bytes = 4096};
    host_child_died(fixture->host, place, &death, fixture->broker.now_us);
}

static struct wire_death heard_death(struct fixture *fixture) {
    struct wire_death death;
    struct wire_message message = speaker_message(&fixture->broker);
    assert_int_equal(wire_get_death(&message, &death), WHERRY_OK);
    return death;
}

static void hello_closes_every_gate_first_and_announces_what_runs(void **state) {
    (void)state;
    struct fixture *fixture = fixture_new();
    struct wire_place place;
    struct wire_attempt attempt;
    struct span name;
    uint32_t number = run(fixture, 1);
    struct gate_state before = gate_state(fixture->gates[1]);
    speaker_open(&fixture->broker);
    speaker_expect(&fixture->broker, WIRE_HELLO);
    struct wire_hello hello = heard_hello(fixture);
    assert_false(hello.resume);
    assert_int_equal(hello.processes, PLACES);
    assert_true(wire_next_name(&hello.functions, &name));
    assert_true(span_equal(name, span_of_text("add")));
    assert_true(wire_next_place(&hello.places, &place));
    assert_int_equal(place.place, 0);
    assert_false(wire_next_attempt(&place.attempts, &attempt));
    assert_true(wire_next_place(&hello.places, &place));
    assert_true(place.alive);
    assert_int_equal(place.generation, before.generation);
    assert_int_equal(place.started, number);
    assert_true(wire_next_attempt(&place.attempts, &attempt));
    assert_int_equal(attempt.token.counter, 100 + number);
    assert_false(attempt.answered);
    assert_false(wire_next_place(&hello.places, &place));
    assert_int_equal(gate_state(fixture->gates[1]).generation, before.generation + 1);
    expect_action(fixture, HOST_WAKE_CHILD, 0, 0);
    expect_action(fixture, HOST_WAKE_CHILD, 1, 0);
    expect_no_action(fixture);
    fixture_free(fixture);
}

static void close_gate_is_done_reported_and_the_child_woken(void **state) {
    (void)state;
    struct fixture *fixture = fixture_greeted();
    struct wire_gate gate;
    uint32_t generation = gate_state(fixture->gates[1]).generation;
    struct wire_place_note note = {fixture->broker.epoch, 1, 0};
    wire_put_close_gate(&fixture->broker.out, &note);
    speaker_say(&fixture->broker);
    assert_int_equal(gate_state(fixture->gates[1]).generation, generation + 1);
    expect_action(fixture, HOST_WAKE_CHILD, 1, 0);
    speaker_expect(&fixture->broker, WIRE_GATE);
    struct wire_message message = speaker_message(&fixture->broker);
    assert_int_equal(wire_get_gate(&message, &gate), WHERRY_OK);
    assert_int_equal(gate.place, 1);
    assert_int_equal(gate.generation, generation);
    speaker_expect_nothing(&fixture->broker);
    fixture_free(fixture);
}

static void a_signal_meets_only_the_attempt_that_it_names(void **state) {
    (void)state;
    struct fixture *fixture = fixture_greeted();
    uint32_t number = run(fixture, 0);
    say_signal(fixture, 0, (struct token){5, 1}, SIGTERM);
    expect_action(fixture, HOST_WAKE_CHILD, 0, 0);
    expect_no_action(fixture);
    say_signal(fixture, 0, (struct token){5, 100 + number}, SIGTERM);
    expect_action(fixture, HOST_WAKE_CHILD, 0, 0);
    expect_action(fixture, HOST_SIGNAL_CHILD, 0, SIGTERM);
    assert_true(gate_cancelled(fixture->gates[0], number));
    gate_answer(fixture->gates[0], number);
    say_signal(fixture, 0, (struct token){5, 100 + number}, SIGKILL);
    expect_action(fixture, HOST_WAKE_CHILD, 0, 0);
    expect_no_action(fixture);
    fixture_free(fixture);
}

/* Place 0: one answered and not acknowledged, the next one runs and is told to end. */
static uint32_t cancelled_behind_an_answer(struct fixture *fixture) {
    gate_answer(fixture->gates[0], run(fixture, 0));
    uint32_t number = run(fixture, 0);
    say_signal(fixture, 0, (struct token){5, 100 + number}, SIGTERM);
    assert_true(gate_cancelled(fixture->gates[0], number));
    expect_action(fixture, HOST_WAKE_CHILD, 0, 0);
    expect_no_action(fixture);
    speaker_tick(&fixture->broker, 100000);
    expect_no_action(fixture);
    assert_true(host_next_wake(fixture->host) <= fixture->broker.now_us + 5000);
    return number;
}

static void a_signal_waits_until_earlier_answers_are_acknowledged(void **state) {
    (void)state;
    struct fixture *fixture = fixture_greeted();
    uint32_t number = cancelled_behind_an_answer(fixture);
    gate_acknowledge(fixture->gates[0], number - 1);
    speaker_tick(&fixture->broker, 5000);
    expect_action(fixture, HOST_WAKE_CHILD, 0, 0);
    expect_action(fixture, HOST_SIGNAL_CHILD, 0, SIGTERM);
    fixture_free(fixture);
}

static void a_signal_waits_two_seconds_at_most_and_sigkill_not_at_all(void **state) {
    (void)state;
    struct fixture *fixture = fixture_greeted();
    uint32_t number = cancelled_behind_an_answer(fixture);
    speaker_tick(&fixture->broker, 1900000);
    expect_action(fixture, HOST_WAKE_CHILD, 0, 0);
    expect_action(fixture, HOST_SIGNAL_CHILD, 0, SIGTERM);
    say_signal(fixture, 0, (struct token){5, 100 + number}, SIGKILL);
    expect_action(fixture, HOST_WAKE_CHILD, 0, 0);
    expect_action(fixture, HOST_SIGNAL_CHILD, 0, SIGKILL);
    fixture_free(fixture);
}

static void a_signal_that_waits_is_dropped_with_the_end_of_its_attempt(void **state) {
    (void)state;
    struct fixture *fixture = fixture_greeted();
    gate_answer(fixture->gates[0], cancelled_behind_an_answer(fixture));
    run(fixture, 0);
    speaker_tick(&fixture->broker, 2000000);
    expect_action(fixture, HOST_WAKE_CHILD, 0, 0);
    expect_no_action(fixture);
    fixture_free(fixture);
}

static void a_child_without_a_pid_is_announced_and_signalled(void **state) {
    (void)state;
    struct fixture *fixture = fixture_greeted();
    gate_init(fixture->gates[2], host_place_state(fixture->host, 2));
    host_child_started(fixture->host, 2, fixture->gates[2]);
    assert_false(host_place_free(fixture->host, 2));
    uint32_t number = run(fixture, 2);
    speaker_open(&fixture->broker);
    speaker_expect(&fixture->broker, WIRE_HELLO);
    assert_int_equal(heard_hello(fixture).places.left, 3);
    speaker_hello_ok(&fixture->broker);
    drain_actions(fixture);
    say_signal(fixture, 2, (struct token){5, 100 + number}, SIGTERM);
    struct host_action action;
    assert_true(host_action(fixture->host, &action) && action.kind == HOST_WAKE_CHILD);
    assert_true(host_action(fixture->host, &action) && action.kind == HOST_SIGNAL_CHILD);
    assert_int_equal(action.pid, 0);
    host_child_unborn(fixture->host, 2);
    assert_true(host_place_free(fixture->host, 2));
    fixture_free(fixture);
}

static void a_signalled_attempt_that_dies_was_terminated(void **state) {
    (void)state;
    struct fixture *fixture = fixture_greeted();
    uint32_t number = run(fixture, 0);
    say_signal(fixture, 0, (struct token){5, 100 + number}, SIGKILL);
    die(fixture, 0, "");
    speaker_expect(&fixture->broker, WIRE_DEATH);
    assert_int_equal(heard_death(fixture).cause, WIRE_CAUSE_TERMINATED);
    fixture_free(fixture);
}

static void a_death_is_repeated_until_it_is_acknowledged(void **state) {
    (void)state;
    struct fixture *fixture = fixture_greeted();
    struct wire_attempt attempt;
    uint32_t number = run(fixture, 0);
    struct gate_state last = gate_state(fixture->gates[0]);
    die(fixture, 0, "last words");
    assert_false(host_place_free(fixture->host, 0));
    speaker_expect(&fixture->broker, WIRE_DEATH);
    struct wire_death death = heard_death(fixture);
    assert_int_equal(death.generation, last.generation);
    assert_int_equal(death.started, number);
    assert_int_equal(death.cause, WIRE_CAUSE_SIGNAL);
    assert_int_equal(death.cause_number, SIGKILL);
    assert_true(span_equal(death.text, span_of_text("last words")));
    assert_true(wire_next_attempt(&death.attempts, &attempt));
    assert_int_equal(attempt.token.counter, 100 + number);
    speaker_expect_nothing(&fixture->broker);
    speaker_open(&fixture->broker);
    speaker_expect(&fixture->broker, WIRE_HELLO);
    speaker_hello_ok(&fixture->broker);
    speaker_expect(&fixture->broker, WIRE_DEATH);
    uint64_t sequence = heard_death(fixture).sequence;
    drain_actions(fixture);
    say_death_ack(fixture, 0, sequence + 1);
    expect_no_action(fixture);
    say_death_ack(fixture, 0, sequence);
    expect_action(fixture, HOST_PLACE_FREE, 0, 0);
    assert_true(host_place_free(fixture->host, 0));
    struct gate_state next = host_place_state(fixture->host, 0);
    assert_int_equal(next.generation, last.generation + 1);
    assert_int_equal(next.started, number);
    fixture_free(fixture);
}

static void hello_announces_the_gate_of_a_dead_child(void **state) {
    (void)state;
    struct fixture *fixture = fixture_greeted();
    struct wire_place place;
    struct wire_attempt attempt;
    uint32_t number = run(fixture, 0);
    gate_answer(fixture->gates[0], number);
    die(fixture, 0, "");
    speaker_open(&fixture->broker);
    speaker_expect(&fixture->broker, WIRE_HELLO);
    struct wire_hello hello = heard_hello(fixture);
    assert_true(hello.resume);
    assert_true(wire_next_place(&hello.places, &place));
    assert_false(place.alive);
    assert_true(wire_next_attempt(&place.attempts, &attempt));
    assert_true(attempt.answered);
    fixture_free(fixture);
}

static void a_scribbled_page_ends_its_child_and_lists_no_attempt(void **state) {
    (void)state;
    struct fixture *fixture = fixture_greeted();
    struct wire_attempt attempt;
    uint32_t number = run(fixture, 0);
    struct gate_state last = gate_state(fixture->gates[0]);
    memset(fixture->gates[0], 0xa5, sizeof *fixture->gates[0]);
    struct wire_place_note note = {fixture->broker.epoch, 0, 0};
    wire_put_close_gate(&fixture->broker.out, &note);
    speaker_say(&fixture->broker);
    expect_action(fixture, HOST_WAKE_CHILD, 0, 0);
    expect_action(fixture, HOST_SIGNAL_CHILD, 0, SIGKILL);
    expect_no_action(fixture);
    die(fixture, 0, "");
    speaker_expect(&fixture->broker, WIRE_DEATH);
    struct wire_death death = heard_death(fixture);
    assert_false(wire_next_attempt(&death.attempts, &attempt));
    assert_true(death.generation - last.generation >= 1 << 20);
    assert_true(death.started - number >= 1 << 16);
    fixture_free(fixture);
}

static void a_lost_lease_stops_the_attempt_then_kills_it(void **state) {
    (void)state;
    struct fixture *fixture = fixture_greeted();
    uint32_t number = run(fixture, 1);
    struct wire_token_run runs = {5, 100 + number, 1};
    wire_put_tokens(&fixture->broker.out, WIRE_LEASE_LOST, fixture->broker.epoch, 1, &runs, 1);
    speaker_say(&fixture->broker);
    expect_action(fixture, HOST_WAKE_CHILD, 1, 0);
    expect_action(fixture, HOST_SIGNAL_CHILD, 1, SIGTERM);
    expect_no_action(fixture);
    speaker_tick(&fixture->broker, 1900000);
    expect_no_action(fixture);
    assert_true(host_next_wake(fixture->host) <= fixture->broker.now_us + 100000);
    speaker_tick(&fixture->broker, 100000);
    expect_action(fixture, HOST_WAKE_CHILD, 1, 0);
    expect_action(fixture, HOST_SIGNAL_CHILD, 1, SIGKILL);
    fixture_free(fixture);
}

static void draining_ends_when_everything_started_is_acknowledged(void **state) {
    (void)state;
    struct fixture *fixture = fixture_greeted();
    uint32_t number = run(fixture, 1);
    uint32_t generation = gate_state(fixture->gates[0]).generation;
    host_drain(fixture->host, fixture->broker.now_us);
    assert_int_equal(gate_state(fixture->gates[0]).generation, generation + 1);
    speaker_expect(&fixture->broker, WIRE_DRAIN);
    speaker_expect(&fixture->broker, WIRE_GATE);
    speaker_expect(&fixture->broker, WIRE_GATE);
    speaker_expect_nothing(&fixture->broker);
    drain_actions(fixture);
    assert_int_equal(host_running(fixture->host), 1);
    gate_answer(fixture->gates[1], number);
    speaker_expect_nothing(&fixture->broker);
    gate_acknowledge(fixture->gates[1], number);
    speaker_expect(&fixture->broker, WIRE_GOODBYE);
    expect_action(fixture, HOST_DRAINED, 0, 0);
    speaker_expect_nothing(&fixture->broker);
    fixture_free(fixture);
}

/* What that means is the supervisor's affair: it has a time, and a process to end. */
static void an_order_to_leave_is_passed_on_with_its_time(void **state) {
    (void)state;
    struct fixture *fixture = fixture_greeted();
    struct host_action action;
    for (int64_t grace_ms = -1; grace_ms <= 1; grace_ms++) { /* said again, too */
        wire_put_leave(&fixture->broker.out, &(struct wire_leave){fixture->broker.epoch, grace_ms});
        speaker_say(&fixture->broker);
        assert_true(host_action(fixture->host, &action));
        assert_int_equal(action.kind, HOST_LEAVE);
        assert_int_equal(action.grace_ms, grace_ms);
        expect_no_action(fixture);
    }
    speaker_expect_nothing(&fixture->broker);
    fixture_free(fixture);
}

static void a_forced_drain_reports_drained_not_crashed(void **state) {
    (void)state;
    struct fixture *fixture = fixture_greeted();
    run(fixture, 1);
    host_drain(fixture->host, fixture->broker.now_us);
    drain_actions(fixture);
    host_drain_force(fixture->host, fixture->broker.now_us);
    expect_action(fixture, HOST_WAKE_CHILD, 0, 0);
    expect_action(fixture, HOST_WAKE_CHILD, 1, 0);
    expect_action(fixture, HOST_SIGNAL_CHILD, 1, SIGTERM);
    die(fixture, 1, "");
    speaker_expect(&fixture->broker, WIRE_DRAIN);
    speaker_expect(&fixture->broker, WIRE_GATE);
    speaker_expect(&fixture->broker, WIRE_DEATH);
    struct wire_death death = heard_death(fixture);
    assert_int_equal(death.cause, WIRE_CAUSE_DRAINED);
    speaker_expect_nothing(&fixture->broker);
    say_death_ack(fixture, 1, death.sequence);
    speaker_expect(&fixture->broker, WIRE_GOODBYE);
    fixture_free(fixture);
}

static void orders_for_unknown_places_do_nothing(void **state) {
    (void)state;
    struct fixture *fixture = fixture_greeted();
    say_signal(fixture, 2, (struct token){5, 1}, SIGKILL);
    say_signal(fixture, 77, (struct token){5, 1}, SIGKILL);
    say_death_ack(fixture, 0, 1);
    struct wire_place_note note = {fixture->broker.epoch, UINT32_MAX, 0};
    wire_put_close_gate(&fixture->broker.out, &note);
    speaker_say(&fixture->broker);
    expect_no_action(fixture);
    speaker_expect_nothing(&fixture->broker);
    fixture_free(fixture);
}

static void a_refusal_is_kept_and_tried_again_later(void **state) {
    (void)state;
    struct fixture *fixture = fixture_new();
    speaker_open(&fixture->broker);
    speaker_expect(&fixture->broker, WIRE_HELLO);
    struct wire_refused refused = {5, WHERRY_E_REFUSED, span_of_text("too many hosts")};
    wire_put_refused(&fixture->broker.out, &refused);
    speaker_say(&fixture->broker);
    assert_true(span_equal(host_refusal(fixture->host), span_of_text("too many hosts")));
    assert_false(host_wants_reopen(fixture->host));
    speaker_tick(&fixture->broker, 5000000);
    assert_true(host_wants_reopen(fixture->host));
    fixture_free(fixture);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hello_closes_every_gate_first_and_announces_what_runs),
        cmocka_unit_test(close_gate_is_done_reported_and_the_child_woken),
        cmocka_unit_test(a_signal_meets_only_the_attempt_that_it_names),
        cmocka_unit_test(a_signal_waits_until_earlier_answers_are_acknowledged),
        cmocka_unit_test(a_signal_waits_two_seconds_at_most_and_sigkill_not_at_all),
        cmocka_unit_test(a_signal_that_waits_is_dropped_with_the_end_of_its_attempt),
        cmocka_unit_test(a_child_without_a_pid_is_announced_and_signalled),
        cmocka_unit_test(a_signalled_attempt_that_dies_was_terminated),
        cmocka_unit_test(a_death_is_repeated_until_it_is_acknowledged),
        cmocka_unit_test(hello_announces_the_gate_of_a_dead_child),
        cmocka_unit_test(a_scribbled_page_ends_its_child_and_lists_no_attempt),
        cmocka_unit_test(a_lost_lease_stops_the_attempt_then_kills_it),
        cmocka_unit_test(draining_ends_when_everything_started_is_acknowledged),
        cmocka_unit_test(an_order_to_leave_is_passed_on_with_its_time),
        cmocka_unit_test(a_forced_drain_reports_drained_not_crashed),
        cmocka_unit_test(orders_for_unknown_places_do_nothing),
        cmocka_unit_test(a_refusal_is_kept_and_tried_again_later),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
