/* SPDX-License-Identifier: MIT
 *
 * multiprocessing's points 2 to 7, the life of a pool, beside a broker in this process. The numbers
 * are those of the list they come from. */
#include "house.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

static void point_02_after_close_every_call_says_closed_at_the_call(void **state) {
    struct house *house = *state;
    wherry_async *async = NULL;
    wherry_iterator *iterator = NULL;
    wherry_value *value = NULL;
    wherry_items none = {0};
    assert_int_equal(wherry_pool_close(house->pool), WHERRY_OK);
    for (int i = 0; i < 2; i++) {
        wherry_pool *pool = house->pool;
        assert_int_equal(wherry_pool_apply(pool, "noop", NULL, &value, ""), WHERRY_E_CLOSED);
        assert_int_equal(wherry_pool_apply_async(pool, "noop", NULL, &async, ""), WHERRY_E_CLOSED);
        assert_int_equal(wherry_pool_map(pool, "noop", none, 1, NULL, &value), WHERRY_E_CLOSED);
        assert_int_equal(wherry_pool_map_async(pool, "noop", none, 1, NULL, &async),
                         WHERRY_E_CLOSED);
        assert_int_equal(wherry_pool_starmap(pool, "noop", none, 1, NULL, &value), WHERRY_E_CLOSED);
        assert_int_equal(wherry_pool_starmap_async(pool, "noop", none, 1, NULL, &async),
                         WHERRY_E_CLOSED);
        assert_int_equal(wherry_pool_imap(pool, "noop", none, 1, NULL, &iterator), WHERRY_E_CLOSED);
        assert_int_equal(wherry_pool_imap_unordered(pool, "noop", none, 1, NULL, &iterator),
                         WHERRY_E_CLOSED);
        assert_true(strstr(wherry_last_error(), "not running") != NULL);
        assert_int_equal(wherry_pool_terminate(house->pool), WHERRY_OK);
    }
}

static void point_03_close_lets_what_is_queued_run_and_may_come_twice(void **state) {
    struct house *house = *state;
    wherry_async *async = echo(house, "hold", 7);
    assert_int_equal(wherry_pool_close(house->pool), WHERRY_OK);
    assert_int_equal(wherry_pool_close(house->pool), WHERRY_OK);
    mini_wait_submitted(house->mini, 1);
    mini_release(house->mini);
    const wherry_value *value = NULL;
    assert_int_equal(wherry_async_get(async, LONG_MS, &value), WHERRY_OK);
    assert_int_equal(integer_of(value), 7);
    assert_int_equal(wherry_pool_terminate(house->pool), WHERRY_OK);
    wherry_async_release(&async);
}

static void point_04_terminate_ends_open_calls_with_cancelled(void **state) {
    struct house *house = *state;
    wherry_async *async = echo(house, "hold", 1);
    mini_wait_submitted(house->mini, 1);
    assert_int_equal(wherry_pool_terminate(house->pool), WHERRY_OK);
    assert_int_equal(wherry_async_get(async, 0, NULL), WHERRY_E_CANCELLED);
    assert_string_equal(wherry_async_error(async), "the pool was terminated");
    assert_int_equal(wherry_pool_join(house->pool, LONG_MS), WHERRY_OK);
    assert_int_equal(wherry_async_get(async, 0, NULL), WHERRY_E_CANCELLED);
    wherry_async_release(&async);
}

static void point_04_terminate_ends_a_map_and_an_iterator(void **state) {
    struct house *house = *state;
    struct numbers numbers = numbers_make(20);
    wherry_async *map = NULL;
    wherry_iterator *iterator = NULL;
    wherry_value *value = NULL;
    assert_int_equal(
        wherry_pool_map_async(house->pool, "hold", numbers_items(&numbers), 3, NULL, &map), 0);
    assert_int_equal(
        wherry_pool_imap(house->pool, "hold", numbers_items(&numbers), 1, NULL, &iterator), 0);
    mini_wait_submitted(house->mini, 7 + 16);
    assert_int_equal(wherry_pool_terminate(house->pool), WHERRY_OK);
    assert_int_equal(wherry_async_get(map, 0, NULL), WHERRY_E_CANCELLED);
    assert_int_equal(wherry_iterator_next(iterator, 0, &value), WHERRY_E_CANCELLED);
    assert_int_equal(wherry_pool_join(house->pool, LONG_MS), WHERRY_OK);
    wherry_async_release(&map);
    wherry_iterator_release(&iterator);
    numbers_free(&numbers);
}

struct mapping { /* a map_async that finds no room and waits */
    struct house *house;
    wherry_items items;
    struct heard heard;
    wherry_async *async;
    wherry_err err;
};

static void *mapping_run(void *argument) {
    struct mapping *mapping = argument;
    wherry_call_options options = heard_options(&mapping->heard);
    mapping->err = wherry_pool_map_async(mapping->house->pool, "echo", mapping->items, 1, &options,
                                         &mapping->async);
    return NULL;
}

static void point_04_terminate_ends_a_map_that_is_being_submitted_and_tells_it_once(void **state) {
    struct house *house = *state;
    enum { ITEMS = 400, SIZE = 16000 };
    char *text = calloc(1, SIZE);
    const wherry_value *array[ITEMS];
    wherry_value *value = NULL;
    assert_int_equal(wherry_value_build(&value, "y", text, (size_t)SIZE), WHERRY_OK);
    for (size_t i = 0; i < ITEMS; i++) {
        array[i] = value;
    }
    struct mapping mapping = {
        .house = house, .items = {.array = array, .count = ITEMS}, .heard = HEARD_EMPTY};
    pthread_t thread;
    mini_silence(house->mini, true);
    pthread_create(&thread, NULL, mapping_run, &mapping);
    poll(NULL, 0, 50); /* sooner or later, it ends the same */
    assert_int_equal(wherry_pool_terminate(house->pool), WHERRY_OK);
    pthread_join(thread, NULL); /* although no broker answers */
    assert_int_equal(mapping.err, WHERRY_E_CLOSED);
    assert_null(mapping.async);
    wherry_pool_release(&house->pool);
    wherry_connection_release(&house->connection);
    assert_int_equal(mapping.heard.errors + mapping.heard.values, 0);
    wherry_value_release(&value);
    free(text);
}

static void point_05_join_before_close_is_an_error_and_may_come_twice_after(void **state) {
    struct house *house = *state;
    assert_int_equal(wherry_pool_join(house->pool, LONG_MS), WHERRY_E_BUSY);
    assert_true(strstr(wherry_last_error(), "still running") != NULL);
    wherry_async *async = echo(house, "hold", 1);
    mini_wait_submitted(house->mini, 1);
    assert_int_equal(wherry_pool_close(house->pool), WHERRY_OK);
    assert_int_equal(wherry_pool_join(house->pool, 0), WHERRY_E_TIMEOUT);
    assert_int_equal(wherry_pool_join(house->pool, 20), WHERRY_E_TIMEOUT);
    mini_release(house->mini);
    assert_int_equal(wherry_pool_join(house->pool, LONG_MS), WHERRY_OK);
    assert_int_equal(wherry_pool_join(house->pool, LONG_MS), WHERRY_OK);
    assert_true(wherry_async_ready(async));
    wherry_async_release(&async);
}

static void point_06_releasing_a_running_pool_terminates_it(void **state) {
    struct house *house = *state;
    wherry_async *async = echo(house, "hold", 1);
    wherry_pool_release(&house->pool);
    assert_null(house->pool);
    assert_int_equal(wherry_async_get(async, LONG_MS, NULL), WHERRY_E_CANCELLED);
    wherry_async_release(&async);
}

static void point_06_ours_releasing_a_closed_pool_lets_its_work_go_on(void **state) {
    struct house *house = *state;
    wherry_async *async = echo(house, "hold", 5);
    wherry_pool_close(house->pool);
    wherry_pool_release(&house->pool);
    mini_wait_submitted(house->mini, 1);
    mini_release(house->mini);
    const wherry_value *value = NULL;
    assert_int_equal(wherry_async_get(async, LONG_MS, &value), WHERRY_OK);
    assert_int_equal(integer_of(value), 5);
    wherry_async_release(&async);
}

static void point_07_dropping_everything_with_open_calls_does_not_hang(void **state) {
    struct house *house = *state;
    wherry_async *async = echo(house, "hold", 1);
    wherry_connection_release(&house->connection);
    assert_int_equal(wherry_async_get(async, WHERRY_FOREVER, NULL), WHERRY_E_CLOSED);
    wherry_async *late = NULL;
    assert_int_equal(wherry_pool_apply_async(house->pool, "noop", NULL, &late, ""),
                     WHERRY_E_CLOSED);
    wherry_pool_release(&house->pool);
    wherry_async_release(&async);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_HOUSE(point_02_after_close_every_call_says_closed_at_the_call),
        IN_HOUSE(point_03_close_lets_what_is_queued_run_and_may_come_twice),
        IN_HOUSE(point_04_terminate_ends_open_calls_with_cancelled),
        IN_HOUSE(point_04_terminate_ends_a_map_and_an_iterator),
        IN_HOUSE(point_04_terminate_ends_a_map_that_is_being_submitted_and_tells_it_once),
        IN_HOUSE(point_05_join_before_close_is_an_error_and_may_come_twice_after),
        IN_HOUSE(point_06_releasing_a_running_pool_terminates_it),
        IN_HOUSE(point_06_ours_releasing_a_closed_pool_lets_its_work_go_on),
        IN_HOUSE(point_07_dropping_everything_with_open_calls_does_not_hang),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
