/* SPDX-License-Identifier: MIT
 *
 * What a task's handle tells beyond multiprocessing, and many threads and tasks at once. */
#include "house.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static void common_keywords_join_every_form(void **state) {
    struct house *house = *state;
    wherry_value *kwargs = NULL;
    wherry_value *value = NULL;
    assert_int_equal(wherry_value_build(&kwargs, "{si}", "scale", (int64_t)2), WHERRY_OK);
    wherry_call_options options = {.size = sizeof options, .kwargs = kwargs};
    struct numbers numbers = numbers_make(4);
    wherry_items items = numbers_items(&numbers);
    assert_int_equal(wherry_pool_apply(house->pool, "echo", &options, &value, "i", (int64_t)3), 0);
    assert_int_equal(integer_of(value), 3);
    wherry_value_release(&value);
    assert_int_equal(wherry_pool_apply(house->pool, "echo", &options, &value, "i;i", (int64_t)3,
                                       "scale", (int64_t)1),
                     WHERRY_E_INVALID);
    assert_int_equal(wherry_pool_map(house->pool, "echo", items, 2, &options, &value), WHERRY_OK);
    wherry_value_release(&value);
    wherry_iterator *iterator = NULL;
    assert_int_equal(wherry_pool_imap(house->pool, "echo", items, 2, &options, &iterator), 0);
    assert_int_equal(wherry_iterator_next(iterator, LONG_MS, &value), WHERRY_OK);
    wherry_value_release(&value);
    wherry_iterator_release(&iterator);
    assert_int_equal(wherry_pool_apply_values(house->pool, "echo", NULL, kwargs, NULL, &value), 0);
    assert_int_equal(wherry_value_kind(value), WHERRY_NIL);
    wherry_value_release(&value);
    wherry_value_release(&kwargs);
    numbers_free(&numbers);
}

static void a_refused_task_is_an_outcome(void **state) {
    struct house *house = *state;
    wherry_async *async = echo(house, "full", 1);
    assert_int_equal(wherry_async_accepted(async, LONG_MS), WHERRY_E_FULL);
    assert_int_equal(wherry_async_get(async, LONG_MS, NULL), WHERRY_E_FULL);
    assert_string_equal(wherry_async_error(async), "queue is full");
    wherry_async_release(&async);
    async = echo(house, "results_full", 1);
    assert_int_equal(wherry_async_get(async, LONG_MS, NULL), WHERRY_E_RESULTS_FULL);
    wherry_async_release(&async);
}

static void accepted_is_said_before_the_result(void **state) {
    struct house *house = *state;
    wherry_async *async = echo(house, "hold", 1);
    assert_int_equal(wherry_async_accepted(async, LONG_MS), WHERRY_OK);
    assert_false(wherry_async_ready(async));
    struct numbers numbers = numbers_make(10);
    wherry_async *map = NULL;
    assert_int_equal(
        wherry_pool_map_async(house->pool, "hold", numbers_items(&numbers), 2, NULL, &map), 0);
    assert_int_equal(wherry_async_accepted(map, LONG_MS), WHERRY_OK);
    assert_int_equal(strlen(wherry_async_id(map)), 26);
    numbers_free(&numbers);
    wherry_async_release(&map);
    wherry_async_release(&async);
}

static void a_cancelled_call_ends_with_cancelled(void **state) {
    struct house *house = *state;
    wherry_async *async = echo(house, "hold", 1);
    assert_int_equal(wherry_async_cancel(async), WHERRY_OK);
    assert_int_equal(wherry_async_get(async, LONG_MS, NULL), WHERRY_E_CANCELLED);
    assert_int_equal(wherry_async_cancel(async), WHERRY_OK);
    wherry_async_release(&async);
}

static void why_says_what_the_broker_says(void **state) {
    struct house *house = *state;
    wherry_async *async = echo(house, "hold", 1);
    wherry_value *why = NULL;
    const char *text = NULL;
    assert_int_equal(wherry_async_why(async, LONG_MS, &why), WHERRY_OK);
    assert_int_equal(wherry_value_read(why, "s", &text), WHERRY_OK);
    assert_string_equal(text, "no worker offers hold");
    wherry_value_release(&why);
    wherry_async_release(&async);
}

static void an_unknown_id_is_found_out_by_get(void **state) {
    struct house *house = *state;
    wherry_async *async = NULL;
    assert_int_equal(wherry_task_attach(house->connection, "not an id", &async), WHERRY_E_INVALID);
    assert_int_equal(wherry_task_attach(house->connection, "00000000000000000000000001", &async),
                     WHERRY_OK);
    assert_int_equal(wherry_async_get(async, LONG_MS, NULL), WHERRY_E_UNKNOWN);
    wherry_async_release(&async);
    assert_int_equal(wherry_task_attach(house->connection, "00000000000000000000000001", &async),
                     WHERRY_OK);
    wherry_async_release(&async); /* with the question still open */
}

static void large_arguments_and_results_come_back_whole(void **state) {
    struct house *house = *state;
    size_t size = 3 << 20;
    uint8_t *data = malloc(size);
    for (size_t i = 0; i < size; i++) {
        data[i] = (uint8_t)(i * 7);
    }
    wherry_value *value = NULL;
    assert_int_equal(wherry_pool_apply(house->pool, "echo", NULL, &value, "y", data, size), 0);
    const void *back = NULL;
    size_t back_size = 0;
    assert_int_equal(wherry_value_read(value, "y", &back, &back_size), WHERRY_OK);
    assert_int_equal(back_size, size);
    assert_memory_equal(back, data, size);
    wherry_value_release(&value);
    free(data);
}

struct crew {
    struct house *house;
    atomic_int done;
};

static void *crew_member(void *argument) {
    struct crew *crew = argument;
    for (int64_t round = 0; round < 20; round++) {
        wherry_async *asyncs[100];
        for (int64_t i = 0; i < 100; i++) {
            asyncs[i] = echo(crew->house, "echo", i);
        }
        for (int64_t i = 0; i < 100; i++) {
            const wherry_value *value = NULL;
            assert_int_equal(wherry_async_get(asyncs[i], LONG_MS, &value), WHERRY_OK);
            assert_int_equal(integer_of(value), i);
            wherry_async_release(&asyncs[i]);
        }
    }
    atomic_fetch_add(&crew->done, 1);
    return NULL;
}

static void many_threads_share_one_pool(void **state) {
    struct crew crew = {.house = *state};
    pthread_t threads[6];
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, crew_member, &crew), 0);
    }
    for (size_t i = 0; i < 6; i++) {
        pthread_join(threads[i], NULL);
    }
    assert_int_equal(crew.done, 6);
}

static void submitting_far_more_than_the_window_before_getting_never_hangs(void **state) {
    struct house *house = *state;
    size_t count = 100000;
    wherry_async **asyncs = calloc(count, sizeof(wherry_async *));
    for (size_t i = 0; i < count; i++) {
        asyncs[i] = echo(house, "echo", (int64_t)i);
    }
    for (size_t i = 0; i < count; i++) {
        const wherry_value *value = NULL;
        assert_int_equal(wherry_async_get(asyncs[i], LONG_MS, &value), WHERRY_OK);
        assert_int_equal(integer_of(value), i);
        wherry_async_release(&asyncs[i]);
    }
    free(asyncs);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_HOUSE(common_keywords_join_every_form),
        IN_HOUSE(a_refused_task_is_an_outcome),
        IN_HOUSE(accepted_is_said_before_the_result),
        IN_HOUSE(a_cancelled_call_ends_with_cancelled),
        IN_HOUSE(why_says_what_the_broker_says),
        IN_HOUSE(an_unknown_id_is_found_out_by_get),
        IN_HOUSE(large_arguments_and_results_come_back_whole),
        IN_HOUSE(many_threads_share_one_pool),
        IN_HOUSE(submitting_far_more_than_the_window_before_getting_never_hangs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
