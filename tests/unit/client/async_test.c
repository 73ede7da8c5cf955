/* SPDX-License-Identifier: MIT
 *
 * multiprocessing's points 30 to 37, asyncs and callbacks, beside a broker in this process. */
#include "house.h"

#include <string.h>

static void point_30_get_times_out_with_the_reason_and_works_later(void **state) {
    struct house *house = *state;
    wherry_async *async = echo(house, "hold", 9);
    const wherry_value *value = NULL;
    assert_int_equal(wherry_async_get(async, 2000, &value), WHERRY_E_TIMEOUT);
    assert_true(strstr(wherry_last_error(), "no worker offers hold") != NULL);
    assert_true(strstr(wherry_last_error(), wherry_async_id(async)) != NULL);
    mini_release(house->mini);
    assert_int_equal(wherry_async_get(async, LONG_MS, &value), WHERRY_OK);
    assert_int_equal(integer_of(value), 9);
    wherry_async_release(&async);
}

static void point_31_zero_looks_and_other_negative_times_are_invalid(void **state) {
    struct house *house = *state;
    wherry_async *async = echo(house, "hold", 9);
    assert_int_equal(wherry_async_get(async, 0, NULL), WHERRY_E_TIMEOUT);
    assert_int_equal(wherry_async_wait(async, 0), WHERRY_E_TIMEOUT);
    assert_int_equal(wherry_async_get(async, -2, NULL), WHERRY_E_INVALID);
    assert_int_equal(wherry_async_wait(async, INT64_MIN), WHERRY_E_INVALID);
    assert_int_equal(wherry_async_accepted(async, -5), WHERRY_E_INVALID);
    assert_int_equal(wherry_pool_join(house->pool, -3), WHERRY_E_INVALID);
    mini_wait_submitted(house->mini, 1);
    mini_release(house->mini);
    assert_int_equal(wherry_async_get(async, INT64_MAX, NULL), WHERRY_OK);
    wherry_async_release(&async);
}

static void point_32_get_answers_the_same_failure_each_time(void **state) {
    struct house *house = *state;
    wherry_async *async = echo(house, "fail", 1);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(wherry_async_get(async, LONG_MS, NULL), WHERRY_E_TASK_FAILED);
        assert_string_equal(wherry_last_error(), "ValueError: no");
    }
    wherry_async_release(&async);
}

static void point_33_successful_says_not_ready_while_open(void **state) {
    struct house *house = *state;
    wherry_async *async = echo(house, "hold", 1);
    bool successful = false;
    assert_false(wherry_async_ready(async));
    assert_int_equal(wherry_async_successful(async, &successful), WHERRY_E_NOT_READY);
    mini_wait_submitted(house->mini, 1);
    mini_release(house->mini);
    assert_int_equal(wherry_async_wait(async, LONG_MS), WHERRY_OK);
    assert_true(wherry_async_ready(async));
    assert_int_equal(wherry_async_successful(async, &successful), WHERRY_OK);
    assert_true(successful);
    wherry_async_release(&async);
}

static void point_34_wait_does_not_tell_the_outcome(void **state) {
    struct house *house = *state;
    wherry_async *async = echo(house, "fail", 1);
    bool successful = true;
    assert_int_equal(wherry_async_wait(async, LONG_MS), WHERRY_OK);
    assert_int_equal(wherry_async_successful(async, &successful), WHERRY_OK);
    assert_false(successful);
    wherry_async_release(&async);
}

static void point_35_ours_callbacks_run_in_order_and_get_does_not_wait_for_them(void **state) {
    struct house *house = *state;
    struct heard heard = HEARD_EMPTY;
    heard.slow_ms = 2;
    wherry_call_options options = heard_options(&heard);
    wherry_async *asyncs[40];
    for (int64_t i = 0; i < 40; i++) {
        assert_int_equal(wherry_pool_apply_async(house->pool, "echo", &options, &asyncs[i], "i", i),
                         WHERRY_OK);
    }
    for (int64_t i = 0; i < 40; i++) {
        assert_int_equal(wherry_async_get(asyncs[i], LONG_MS, NULL), WHERRY_OK);
        wherry_async_release(&asyncs[i]);
    }
    heard_wait(&heard, &heard.values, 40);
    for (int64_t i = 0; i < 40; i++) {
        assert_int_equal(heard.order[i], i);
    }
}

static void point_36_on_failure_the_error_callback_only_and_once_for_a_map(void **state) {
    struct house *house = *state;
    struct heard heard = HEARD_EMPTY;
    wherry_call_options options = heard_options(&heard);
    struct numbers texts = texts_make(12, 3);
    struct numbers good = texts_make(12, 99);
    wherry_async *async = NULL;
    assert_int_equal(
        wherry_pool_map_async(house->pool, "fail", numbers_items(&texts), 1, &options, &async),
        WHERRY_OK);
    heard_wait(&heard, &heard.errors, 1);
    assert_int_equal(heard.err, WHERRY_E_TASK_FAILED);
    assert_string_equal(heard.text, "ValueError: no");
    assert_int_equal(heard.values, 0);
    wherry_async_release(&async);
    assert_int_equal(
        wherry_pool_map_async(house->pool, "fail", numbers_items(&good), 5, &options, NULL),
        WHERRY_OK);
    heard_wait(&heard, &heard.values, 1);
    numbers_free(&texts);
    numbers_free(&good);
    wherry_pool_release(&house->pool);
    wherry_connection_release(&house->connection);
    assert_int_equal(heard.errors, 1);
    assert_int_equal(heard.values, 1);
}

static void point_37_ours_callbacks_run_though_every_handle_was_given_up(void **state) {
    struct house *house = *state;
    struct heard heard = HEARD_EMPTY;
    wherry_call_options options = heard_options(&heard);
    assert_int_equal(wherry_pool_apply_async(house->pool, "hold", &options, NULL, "i", (int64_t)4),
                     WHERRY_OK);
    wherry_pool_close(house->pool);
    wherry_pool_release(&house->pool);
    mini_wait_submitted(house->mini, 1);
    mini_release(house->mini);
    heard_wait(&heard, &heard.values, 1);
    assert_int_equal(heard.order[0], 4);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_HOUSE(point_30_get_times_out_with_the_reason_and_works_later),
        IN_HOUSE(point_31_zero_looks_and_other_negative_times_are_invalid),
        IN_HOUSE(point_32_get_answers_the_same_failure_each_time),
        IN_HOUSE(point_33_successful_says_not_ready_while_open),
        IN_HOUSE(point_34_wait_does_not_tell_the_outcome),
        IN_HOUSE(point_35_ours_callbacks_run_in_order_and_get_does_not_wait_for_them),
        IN_HOUSE(point_36_on_failure_the_error_callback_only_and_once_for_a_map),
        IN_HOUSE(point_37_ours_callbacks_run_though_every_handle_was_given_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
