/* SPDX-License-Identifier: MIT
 *
 * multiprocessing's points 12 to 27, results of pools, beside a broker in this process. */
#include "house.h"

#include <stdlib.h>
#include <string.h>

static void point_12_apply_is_apply_async_and_get(void **state) {
    struct house *house = *state;
    wherry_value *value = NULL;
    assert_int_equal(
        wherry_pool_apply(house->pool, "echo", NULL, &value, "s;i", "text", "key", (int64_t)3),
        WHERRY_OK);
    const char *text = NULL;
    assert_int_equal(wherry_value_read(value, "s", &text), WHERRY_OK);
    assert_string_equal(text, "text");
    wherry_value_release(&value);
}

static void point_13_map_gives_results_in_input_order(void **state) {
    struct house *house = *state;
    for (int64_t chunksize = 1; chunksize < 30; chunksize += 4) {
        struct numbers numbers = numbers_make(25);
        wherry_value *list = NULL;
        assert_int_equal(
            wherry_pool_map(house->pool, "echo", numbers_items(&numbers), chunksize, NULL, &list),
            WHERRY_OK);
        assert_list_counts_up(list, 25);
        wherry_value_release(&list);
        numbers_free(&numbers);
    }
}

static void point_13_map_keeps_input_order_when_chunks_finish_in_reverse(void **state) {
    struct house *house = *state;
    struct numbers numbers = numbers_make(12);
    wherry_async *async = NULL;
    const wherry_value *list = NULL;
    assert_int_equal(
        wherry_pool_map_async(house->pool, "reverse", numbers_items(&numbers), 2, NULL, &async),
        WHERRY_OK);
    mini_wait_submitted(house->mini, 6);
    mini_release(house->mini);
    assert_int_equal(wherry_async_get(async, LONG_MS, &list), WHERRY_OK);
    assert_list_counts_up(list, 12);
    wherry_async_release(&async);
    numbers_free(&numbers);
}

static void point_14_chunksize_follows_pythons_rule(void **state) {
    struct house *house = *state;
    static const size_t cases[][2] = {{100, 7}, {10, 1}, {16, 1}, {17, 2}, {1000, 63}};
    for (size_t i = 0; i < 5; i++) {
        struct house fresh = {.mini = mini_start(4)};
        assert_int_equal(wherry_connect(mini_endpoint(fresh.mini), NULL, &fresh.connection), 0);
        assert_int_equal(wherry_pool_open(fresh.connection, "p", &fresh.pool), 0);
        struct numbers numbers = numbers_make(cases[i][0]);
        assert_int_equal(
            wherry_pool_map(fresh.pool, "echo", numbers_items(&numbers), WHERRY_AUTO, NULL, NULL),
            WHERRY_OK);
        assert_int_equal(mini_largest_chunk(fresh.mini), cases[i][1]);
        numbers_free(&numbers);
        wherry_pool_release(&fresh.pool);
        wherry_connection_release(&fresh.connection);
        mini_stop(&fresh.mini);
    }
    uint32_t processes = 0;
    assert_int_equal(wherry_pool_processes(house->pool, &processes), WHERRY_OK);
    assert_int_equal(processes, 4);
}

static void point_15_map_takes_a_source_without_length(void **state) {
    struct house *house = *state;
    struct counting counting = {.end = 50};
    wherry_items items = {.next = counting_next, .context = &counting};
    wherry_value *list = NULL;
    assert_int_equal(wherry_pool_map(house->pool, "echo", items, WHERRY_AUTO, NULL, &list),
                     WHERRY_OK);
    assert_list_counts_up(list, 50);
    wherry_value_release(&list);
}

static void point_15_ours_imap_looks_ahead_only_so_far(void **state) {
    struct house *house = *state;
    struct counting counting = {.end = 1000000};
    wherry_items items = {.next = counting_next, .context = &counting};
    wherry_call_options options = {.size = sizeof options, .look_ahead = 20};
    wherry_iterator *iterator = NULL;
    assert_int_equal(wherry_pool_imap(house->pool, "echo", items, 1, &options, &iterator), 0);
    assert_int_equal(counting.next, 20);
    for (int64_t i = 0; i < 100; i++) {
        wherry_value *value = NULL;
        assert_int_equal(wherry_iterator_next(iterator, LONG_MS, &value), WHERRY_OK);
        assert_int_equal(integer_of(value), i);
        assert_true(counting.next <= i + 1 + 20);
        wherry_value_release(&value);
    }
    wherry_iterator_release(&iterator);
}

static void point_16_ours_a_chunksize_below_one_is_invalid(void **state) {
    struct house *house = *state;
    struct numbers numbers = numbers_make(3);
    wherry_items items = numbers_items(&numbers);
    wherry_iterator *iterator = NULL;
    wherry_value *list = NULL;
    static const int64_t bad[] = {0, -2, INT64_MIN};
    for (size_t i = 0; i < 3; i++) {
        wherry_pool *pool = house->pool;
        assert_int_equal(wherry_pool_map(pool, "echo", items, bad[i], NULL, &list),
                         WHERRY_E_INVALID);
        assert_int_equal(wherry_pool_imap(pool, "echo", items, bad[i], NULL, &iterator),
                         WHERRY_E_INVALID);
        assert_int_equal(wherry_pool_imap_unordered(pool, "echo", items, bad[i], NULL, &iterator),
                         WHERRY_E_INVALID);
    }
    assert_true(strstr(wherry_last_error(), "chunksize") != NULL);
    numbers_free(&numbers);
}

static void point_17_empty_input_is_ready_at_once_and_no_callback_runs(void **state) {
    struct house *house = *state;
    struct heard heard = HEARD_EMPTY;
    wherry_call_options options = heard_options(&heard);
    wherry_items none = {0};
    wherry_async *async = NULL;
    const wherry_value *list = NULL;
    bool successful = false;
    assert_int_equal(
        wherry_pool_map_async(house->pool, "echo", none, WHERRY_AUTO, &options, &async), WHERRY_OK);
    assert_true(wherry_async_ready(async));
    assert_int_equal(wherry_async_get(async, 0, &list), WHERRY_OK);
    assert_int_equal(wherry_value_kind(list), WHERRY_LIST);
    assert_int_equal(wherry_value_count(list), 0);
    assert_int_equal(wherry_async_successful(async, &successful), WHERRY_OK);
    assert_true(successful);
    assert_string_equal(wherry_async_id(async), "");
    wherry_async_release(&async);
    wherry_iterator *iterator = NULL;
    wherry_value *value = NULL;
    assert_int_equal(wherry_pool_imap(house->pool, "echo", none, 1, NULL, &iterator), WHERRY_OK);
    assert_int_equal(wherry_iterator_next(iterator, 0, &value), WHERRY_E_END);
    wherry_iterator_release(&iterator);
    wherry_pool_release(&house->pool);
    wherry_connection_release(&house->connection); /* callbacks have run by now */
    assert_int_equal(heard.values + heard.errors, 0);
}

static void point_18_a_failing_chunk_leaves_the_others_running(void **state) {
    struct house *house = *state;
    struct numbers texts = texts_make(20, 3);
    wherry_value *list = NULL;
    assert_int_equal(wherry_pool_map(house->pool, "fail", numbers_items(&texts), 2, NULL, &list),
                     WHERRY_E_TASK_FAILED);
    assert_string_equal(wherry_last_error(), "ValueError: no");
    assert_int_equal(mini_submitted(house->mini), 10);
    assert_null(list);
    numbers_free(&texts);
}

static void point_20_starmap_sends_lists_of_arguments(void **state) {
    struct house *house = *state;
    wherry_value *list = NULL;
    wherry_value *result = NULL;
    assert_int_equal(
        wherry_value_build(&list, "[[ii][ii]]", (int64_t)1, (int64_t)2, (int64_t)3, (int64_t)4),
        WHERRY_OK);
    wherry_items items = {.list = list};
    assert_int_equal(wherry_pool_starmap(house->pool, "echo", items, 1, NULL, &result), WHERRY_OK);
    assert_int_equal(wherry_value_count(result), 2);
    wherry_value_release(&result);
    wherry_value_release(&list);
}

static void point_21_imap_yields_failures_at_their_place_and_goes_on(void **state) {
    struct house *house = *state;
    struct numbers texts = texts_make(5, 2);
    wherry_iterator *iterator = NULL;
    assert_int_equal(
        wherry_pool_imap(house->pool, "fail", numbers_items(&texts), 1, NULL, &iterator), 0);
    for (size_t i = 0; i < 5; i++) {
        wherry_value *value = NULL;
        assert_int_equal(wherry_iterator_next(iterator, LONG_MS, &value),
                         i == 2 ? WHERRY_E_TASK_FAILED : WHERRY_OK);
        if (i == 2) {
            assert_string_equal(wherry_iterator_error(iterator), "ValueError: no");
        }
        wherry_value_release(&value);
    }
    wherry_value *value = NULL;
    assert_int_equal(wherry_iterator_next(iterator, LONG_MS, &value), WHERRY_E_END);
    assert_int_equal(wherry_iterator_next(iterator, LONG_MS, &value), WHERRY_E_END);
    wherry_iterator_release(&iterator);
    numbers_free(&texts);
}

static void point_22_a_failing_chunk_of_several_items_ends_the_iterator(void **state) {
    struct house *house = *state;
    struct numbers texts = texts_make(9, 4);
    wherry_iterator *iterator = NULL;
    wherry_value *value = NULL;
    assert_int_equal(
        wherry_pool_imap(house->pool, "fail", numbers_items(&texts), 3, NULL, &iterator), 0);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(wherry_iterator_next(iterator, LONG_MS, &value), WHERRY_OK);
        wherry_value_release(&value);
    }
    assert_int_equal(wherry_iterator_next(iterator, LONG_MS, &value), WHERRY_E_TASK_FAILED);
    assert_int_equal(wherry_iterator_next(iterator, LONG_MS, &value), WHERRY_E_END);
    wherry_iterator_release(&iterator);
    numbers_free(&texts);
}

static void point_23_next_times_out_and_stays_usable(void **state) {
    struct house *house = *state;
    struct numbers numbers = numbers_make(1);
    wherry_iterator *iterator = NULL;
    wherry_value *value = NULL;
    assert_int_equal(
        wherry_pool_imap(house->pool, "hold", numbers_items(&numbers), 1, NULL, &iterator), 0);
    mini_wait_submitted(house->mini, 1);
    assert_int_equal(wherry_iterator_next(iterator, 0, &value), WHERRY_E_TIMEOUT);
    assert_int_equal(wherry_iterator_next(iterator, 10, &value), WHERRY_E_TIMEOUT);
    assert_int_equal(wherry_iterator_next(iterator, -7, &value), WHERRY_E_INVALID);
    mini_release(house->mini);
    assert_int_equal(wherry_iterator_next(iterator, LONG_MS, &value), WHERRY_OK);
    wherry_value_release(&value);
    assert_int_equal(wherry_iterator_next(iterator, LONG_MS, &value), WHERRY_E_END);
    wherry_iterator_release(&iterator);
    numbers_free(&numbers);
}

static void point_24_imap_unordered_yields_in_finishing_order(void **state) {
    struct house *house = *state;
    struct numbers numbers = numbers_make(6);
    wherry_iterator *iterator = NULL;
    wherry_call_options options = {.size = sizeof options, .look_ahead = 100};
    assert_int_equal(wherry_pool_imap_unordered(house->pool, "reverse", numbers_items(&numbers), 1,
                                                &options, &iterator),
                     WHERRY_OK);
    mini_wait_submitted(house->mini, 6);
    mini_release(house->mini);
    for (int64_t i = 5; i >= 0; i--) {
        wherry_value *value = NULL;
        assert_int_equal(wherry_iterator_next(iterator, LONG_MS, &value), WHERRY_OK);
        assert_int_equal(integer_of(value), i);
        wherry_value_release(&value);
    }
    wherry_iterator_release(&iterator);
    numbers_free(&numbers);
}

static void point_25_an_error_of_the_source_comes_out_and_the_pool_is_unharmed(void **state) {
    struct house *house = *state;
    struct counting counting = {.end = 4, .fail_with = WHERRY_E_EMPTY};
    wherry_items items = {.next = counting_next, .context = &counting};
    wherry_value *list = NULL;
    assert_int_equal(wherry_pool_map(house->pool, "echo", items, 1, NULL, &list), WHERRY_E_EMPTY);
    assert_int_equal(mini_submitted(house->mini), 0);
    counting.next = 0;
    wherry_iterator *iterator = NULL;
    assert_int_equal(wherry_pool_imap(house->pool, "echo", items, 1, NULL, &iterator), WHERRY_OK);
    for (int i = 0; i < 4; i++) {
        wherry_value *value = NULL;
        assert_int_equal(wherry_iterator_next(iterator, LONG_MS, &value), WHERRY_OK);
        wherry_value_release(&value);
    }
    assert_int_equal(wherry_iterator_next(iterator, LONG_MS, &list), WHERRY_E_EMPTY);
    assert_int_equal(wherry_iterator_next(iterator, LONG_MS, &list), WHERRY_E_END);
    wherry_iterator_release(&iterator);
    assert_int_equal(wherry_pool_apply(house->pool, "noop", NULL, NULL, ""), WHERRY_OK);
}

static void point_26_arguments_that_cannot_be_packed_are_an_error_and_no_hang(void **state) {
    struct house *house = *state;
    wherry_async *async = NULL;
    assert_int_equal(wherry_pool_apply_async(house->pool, "echo", NULL, &async, "q"),
                     WHERRY_E_INVALID);
    assert_int_equal(
        wherry_pool_apply_async(house->pool, "echo", NULL, &async, "s", (const char *)NULL),
        WHERRY_E_TYPE);
    char *large = calloc(1, 9 << 20);
    assert_int_equal(
        wherry_pool_apply_async(house->pool, "echo", NULL, &async, "y", large, (size_t)9 << 20),
        WHERRY_E_TOO_LARGE);
    free(large);
    assert_null(async);
    assert_int_equal(wherry_pool_apply(house->pool, "noop", NULL, NULL, ""), WHERRY_OK);
}

static void point_27_a_failure_brings_the_remote_cause(void **state) {
    struct house *house = *state;
    wherry_async *async = echo(house, "fail", 1);
    wherry_failure failure;
    assert_int_equal(wherry_async_get(async, LONG_MS, NULL), WHERRY_E_TASK_FAILED);
    assert_string_equal(wherry_last_error(), "ValueError: no");
    assert_string_equal(wherry_async_error(async), "ValueError: no");
    assert_int_equal(wherry_async_failure(async, &failure), WHERRY_OK);
    assert_int_equal(failure.err, WHERRY_E_TASK_FAILED);
    assert_string_equal(failure.host, "mini");
    assert_int_equal(failure.pid, 42);
    wherry_async_release(&async);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_HOUSE(point_12_apply_is_apply_async_and_get),
        IN_HOUSE(point_13_map_gives_results_in_input_order),
        IN_HOUSE(point_13_map_keeps_input_order_when_chunks_finish_in_reverse),
        IN_HOUSE(point_14_chunksize_follows_pythons_rule),
        IN_HOUSE(point_15_map_takes_a_source_without_length),
        IN_HOUSE(point_15_ours_imap_looks_ahead_only_so_far),
        IN_HOUSE(point_16_ours_a_chunksize_below_one_is_invalid),
        IN_HOUSE(point_17_empty_input_is_ready_at_once_and_no_callback_runs),
        IN_HOUSE(point_18_a_failing_chunk_leaves_the_others_running),
        IN_HOUSE(point_20_starmap_sends_lists_of_arguments),
        IN_HOUSE(point_21_imap_yields_failures_at_their_place_and_goes_on),
        IN_HOUSE(point_22_a_failing_chunk_of_several_items_ends_the_iterator),
        IN_HOUSE(point_23_next_times_out_and_stays_usable),
        IN_HOUSE(point_24_imap_unordered_yields_in_finishing_order),
        IN_HOUSE(point_25_an_error_of_the_source_comes_out_and_the_pool_is_unharmed),
        IN_HOUSE(point_26_arguments_that_cannot_be_packed_are_an_error_and_no_hang),
        IN_HOUSE(point_27_a_failure_brings_the_remote_cause),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
