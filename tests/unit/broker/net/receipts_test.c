/* SPDX-License-Identifier: MIT
 *
 * Receipts: together, in time, none lost. */
#include "broker/net/receipts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static int receipts_setup(void **state) {
    *state = receipts_create();
    return 0;
}

static int receipts_teardown(void **state) {
    receipts_destroy((struct receipts **)state);
    return 0;
}

static void add(struct receipts *receipts, route_id route, uint64_t first, uint64_t count,
                int64_t now_us) {
    const struct wire_token_run run = {.epoch = 7, .first = first, .count = count};
    struct effect effect = {.kind = EFFECT_RESULT_ACK, .route = route};
    effect.tokens.runs = &run;
    effect.tokens.run_count = 1;
    receipts_add(receipts, &effect, now_us);
}

static void receipts_of_a_route_leave_together_when_their_time_has_come(void **state) {
    struct effect effect;
    assert_true(receipts_wake_us(*state) == INT64_MAX);
    add(*state, 1, 10, 1, 100);
    add(*state, 1, 11, 1, 900);
    add(*state, 1, 20, 2, 950);
    assert_true(receipts_wake_us(*state) == 100 + RECEIPT_WAIT_US);
    assert_false(receipts_next(*state, 99 + RECEIPT_WAIT_US, false, &effect));
    assert_true(receipts_next(*state, 100 + RECEIPT_WAIT_US, false, &effect));
    assert_int_equal(effect.kind, EFFECT_RESULT_ACK);
    assert_int_equal(effect.route, 1);
    assert_int_equal(effect.tokens.run_count, 2);
    assert_int_equal(effect.tokens.runs[0].first, 10);
    assert_int_equal(effect.tokens.runs[0].count, 2);
    assert_int_equal(effect.tokens.runs[1].count, 2);
    assert_false(receipts_next(*state, INT64_MAX, false, &effect));
}

static void many_receipts_do_not_wait(void **state) {
    struct effect effect;
    add(*state, 1, 10, 1, 100);
    add(*state, 2, 10, RECEIPTS_MAX, 100);
    add(*state, 2, 9999, 1, 100);
    assert_true(receipts_next(*state, 100, false, &effect));
    assert_int_equal(effect.route, 2);
    assert_int_equal(effect.tokens.run_count, 2);
    assert_false(receipts_next(*state, 100, false, &effect));
}

static void routes_come_in_the_order_of_their_first_receipt(void **state) {
    struct effect effect;
    for (route_id route = 1; route <= 50; route++) {
        add(*state, route, 1, 1, (int64_t)route);
        add(*state, 1, 100 + route, 1, (int64_t)route);
    }
    for (route_id route = 1; route <= 50; route++) {
        assert_true(receipts_next(*state, 0, true, &effect));
        assert_int_equal(effect.route, route);
    }
    assert_false(receipts_next(*state, 0, true, &effect));
}

static void runs_of_different_epochs_are_not_joined(void **state) {
    const struct wire_token_run old = {.epoch = 6, .first = 11, .count = 1};
    struct effect effect = {.kind = EFFECT_RESULT_ACK, .route = 1};
    add(*state, 1, 10, 1, 0);
    effect.tokens.runs = &old;
    effect.tokens.run_count = 1;
    receipts_add(*state, &effect, 0);
    assert_true(receipts_next(*state, 0, true, &effect));
    assert_int_equal(effect.tokens.run_count, 2);
}

static void what_still_waits_is_freed_at_the_end(void **state) {
    add(*state, 1, 1, 1, 0);
    add(*state, 2, 1, 1, 0);
}

#define RECEIPTS_TEST(name) cmocka_unit_test_setup_teardown(name, receipts_setup, receipts_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        RECEIPTS_TEST(receipts_of_a_route_leave_together_when_their_time_has_come),
        RECEIPTS_TEST(many_receipts_do_not_wait),
        RECEIPTS_TEST(routes_come_in_the_order_of_their_first_receipt),
        RECEIPTS_TEST(runs_of_different_epochs_are_not_joined),
        RECEIPTS_TEST(what_still_waits_is_freed_at_the_end),
    };
    return cmocka_run_group_tests_name("receipts", tests, NULL, NULL);
}
