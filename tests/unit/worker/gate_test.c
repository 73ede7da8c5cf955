/* SPDX-License-Identifier: MIT
 *
 * The gate: every order of a child's and a supervisor's steps, wrapping numbers, pages that were
 * scribbled over, and two real threads. */
#include "worker/gate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static struct gate_page *page_new(uint32_t generation, uint32_t started) {
    struct gate_page *page = malloc(sizeof *page);
    assert_non_null(page);
    gate_init(page, (struct gate_state){generation, started});
    return page;
}

static struct task_id id_of(uint64_t number) {
    return (struct task_id){.session = 77, .number = number, .slot = 5};
}

static bool run_start(struct gate_page *page, uint32_t generation, uint32_t number) {
    gate_fill(page, number, id_of(number), (struct token){3, 1000 + number});
    return gate_start(page, generation, number);
}

static void a_started_delivery_is_running_until_it_is_answered(void **state) {
    (void)state;
    struct gate_page *page = page_new(4, 10);
    struct gate_attempt attempt;
    assert_false(gate_running(page, &attempt));
    assert_true(run_start(page, 4, 11));
    assert_true(gate_running(page, &attempt));
    assert_int_equal(attempt.number, 11);
    assert_true(task_id_equal(attempt.id, id_of(11)));
    assert_int_equal(attempt.token.counter, 1011);
    gate_answer(page, 11);
    assert_false(gate_running(page, &attempt));
    assert_int_equal(gate_attempts(page, &attempt, 1), 1);
    assert_true(attempt.answered);
    gate_acknowledge(page, 11);
    assert_int_equal(gate_attempts(page, &attempt, 1), 0);
    assert_true(gate_check(page));
    free(page);
}

static void nothing_starts_out_of_turn_or_behind_a_closed_gate(void **state) {
    (void)state;
    struct gate_page *page = page_new(0, 0);
    assert_false(run_start(page, 0, 2));
    assert_false(run_start(page, 1, 1));
    assert_true(run_start(page, 0, 1));
    struct gate_state closed = gate_close(page);
    assert_int_equal(closed.generation, 0);
    assert_int_equal(closed.started, 1);
    assert_false(run_start(page, 0, 2));
    assert_true(run_start(page, 1, 2));
    free(page);
}

/* The child runs numbers in the generation that it knew at first; the supervisor closes once. */
struct child_track {
    struct gate_page *page;
    uint32_t step; /* 3 a number: start, answer, acknowledge */
    uint32_t started;
    bool shut;
};

static void child_step(struct child_track *child) {
    uint32_t number = child->step / 3 + 1;
    switch (child->step++ % 3) {
    case 0:
        child->shut = child->shut || !run_start(child->page, 0, number);
        child->started += !child->shut;
        break;
    case 1:
        if (!child->shut) {
            gate_answer(child->page, number);
        }
        break;
    default:
        if (!child->shut) {
            gate_acknowledge(child->page, number);
        }
    }
}

static void check_interleaving(uint32_t close_at, uint32_t look_at) {
    struct child_track child = {.page = page_new(0, 0)};
    struct gate_state closed = {0, 0};
    bool is_closed = false;
    for (uint32_t step = 0; step <= 9; step++) {
        if (step == close_at) {
            closed = gate_close(child.page);
            is_closed = true;
            assert_int_equal(closed.started, child.started);
        }
        if (step == look_at) {
            struct gate_attempt attempts[4];
            uint32_t count = gate_attempts(child.page, attempts, 4);
            uint32_t at = child.step % 3;
            bool open = at != 0 && child.step / 3 + 1 <= child.started;
            assert_int_equal(count, open ? 1 : 0);
            if (open) {
                assert_int_equal(attempts[0].answered, at == 2);
            }
            assert_true(gate_check(child.page));
        }
        child_step(&child);
        if (is_closed) {
            assert_int_equal(child.started, closed.started);
        }
    }
    free(child.page);
}

static void every_order_of_closing_looking_and_running_agrees(void **state) {
    (void)state;
    for (uint32_t close_at = 0; close_at <= 9; close_at++) {
        for (uint32_t look_at = 0; look_at <= 9; look_at++) {
            check_interleaving(close_at, look_at);
        }
    }
}

static void acknowledgements_out_of_turn_move_the_mark_when_the_gap_closes(void **state) {
    (void)state;
    struct gate_page *page = page_new(0, 0);
    for (uint32_t number = 1; number <= 3; number++) {
        assert_true(run_start(page, 0, number));
        gate_answer(page, number);
    }
    gate_acknowledge(page, 2);
    gate_acknowledge(page, 3);
    struct gate_attempt attempts[4];
    assert_int_equal(gate_attempts(page, attempts, 4), 1);
    assert_int_equal(attempts[0].number, 1);
    assert_int_equal(gate_unacknowledged(page), 3);
    gate_acknowledge(page, 1);
    assert_int_equal(gate_unacknowledged(page), 0);
    free(page);
}

static void numbers_and_generations_wrap(void **state) {
    (void)state;
    struct gate_page *page = page_new(UINT32_MAX, UINT32_MAX - 1);
    assert_true(run_start(page, UINT32_MAX, UINT32_MAX));
    assert_true(run_start(page, UINT32_MAX, 0));
    assert_true(run_start(page, UINT32_MAX, 1));
    assert_true(gate_check(page));
    struct gate_state closed = gate_close(page);
    assert_int_equal(closed.generation, UINT32_MAX);
    assert_int_equal(closed.started, 1);
    assert_int_equal(gate_state(page).generation, 0);
    assert_int_equal(gate_state(page).started, 1);
    struct gate_attempt attempts[4];
    assert_int_equal(gate_attempts(page, attempts, 4), 3);
    free(page);
}

static void each_scribbled_byte_of_a_slot_is_noticed(void **state) {
    (void)state;
    struct gate_page *page = page_new(0, 0);
    assert_true(run_start(page, 0, 1));
    uint8_t *slot = (uint8_t *)&page->slots[1];
    for (size_t i = 0; i < offsetof(struct gate_slot, answered); i++) {
        slot[i] ^= 0x10;
        assert_false(gate_check(page));
        slot[i] ^= 0x10;
    }
    assert_true(gate_check(page));
    page->slots[1].answered = 9;
    assert_false(gate_check(page));
    page->slots[1].answered = 0;
    page->magic ^= 1;
    assert_false(gate_check(page));
    page->magic ^= 1;
    page->acked = 5000;
    assert_false(gate_check(page));
    memset(page, 0xff, sizeof *page);
    assert_false(gate_check(page));
    free(page);
}

static void cancelling_names_one_number(void **state) {
    (void)state;
    struct gate_page *page = page_new(0, 0);
    assert_false(gate_cancelled(page, 0));
    gate_cancel(page, 7);
    assert_true(gate_cancelled(page, 7));
    assert_false(gate_cancelled(page, 8));
    free(page);
}

static void a_signal_that_comes_late_meets_nobody(void **state) {
    (void)state;
    struct gate_page *page = page_new(0, 0);
    assert_true(run_start(page, 0, 1));
    assert_true(gate_signalled(page)); /* by somebody else */
    gate_cancel(page, 1);
    assert_true(gate_signalled(page));
    gate_answer(page, 1);
    assert_false(gate_signalled(page));
    gate_cancel(page, 1);
    assert_true(run_start(page, 0, 2));
    assert_false(gate_signalled(page));
    assert_true(gate_signalled(page)); /* the mark is gone: this is another one */
    free(page);
}

/* ---- two threads ---- */

struct race {
    struct gate_page *page;
    _Atomic bool stop;
    _Atomic uint32_t started; /* what the child knows it has started */
};

static void *race_child(void *argument) {
    struct race *race = argument;
    uint32_t number = 1;
    while (!atomic_load(&race->stop)) {
        uint32_t generation = gate_state(race->page).generation;
        if (run_start(race->page, generation, number)) {
            atomic_store(&race->started, number);
            gate_answer(race->page, number);
            gate_acknowledge(race->page, number);
            number++;
        }
    }
    return NULL;
}

static void a_racing_child_never_starts_what_a_closing_counted_as_not_started(void **state) {
    (void)state;
    struct race race = {.page = page_new(0, 0)};
    pthread_t thread;
    struct gate_attempt *attempts = calloc(GATE_SLOTS, sizeof *attempts);
    assert_int_equal(pthread_create(&thread, NULL, race_child, &race), 0);
    uint32_t last = 0;
    for (int i = 0; i < 20000; i++) {
        struct gate_state closed = gate_close(race.page);
        assert_int_equal(closed.generation, i);
        assert_true(closed.started - last < UINT32_C(1) << 31);
        last = closed.started;
        assert_true(gate_check(race.page));
        uint32_t count = gate_attempts(race.page, attempts, GATE_SLOTS);
        for (uint32_t at = 0; at < count; at++) {
            assert_int_equal(attempts[at].token.counter, 1000 + attempts[at].number);
        }
    }
    atomic_store(&race.stop, true);
    pthread_join(thread, NULL);
    assert_int_equal(gate_state(race.page).started, atomic_load(&race.started));
    free(attempts);
    free(race.page);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_started_delivery_is_running_until_it_is_answered),
        cmocka_unit_test(nothing_starts_out_of_turn_or_behind_a_closed_gate),
        cmocka_unit_test(every_order_of_closing_looking_and_running_agrees),
        cmocka_unit_test(acknowledgements_out_of_turn_move_the_mark_when_the_gap_closes),
        cmocka_unit_test(numbers_and_generations_wrap),
        cmocka_unit_test(each_scribbled_byte_of_a_slot_is_noticed),
        cmocka_unit_test(cancelling_names_one_number),
        cmocka_unit_test(a_signal_that_comes_late_meets_nobody),
        cmocka_unit_test(a_racing_child_never_starts_what_a_closing_counted_as_not_started),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
