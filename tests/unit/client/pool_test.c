/* SPDX-License-Identifier: MIT
 *
 * The public library against a broker in this process: multiprocessing's points 1 to 37, as far as
 * they need no real worker. The numbers are those of the list they come from. */
#include "client/include/wherry.h"

#include "mini.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LONG_MS = 20000 };

struct house {
    struct mini *mini;
    wherry_connection *connection;
    wherry_pool *pool;
};

static int house_setup(void **state) {
    struct house *house = calloc(1, sizeof *house);
    house->mini = mini_start(4);
    assert_int_equal(wherry_connect(mini_endpoint(house->mini), NULL, &house->connection), 0);
    assert_int_equal(wherry_pool_open(house->connection, NULL, &house->pool), 0);
    *state = house;
    return 0;
}

static int house_teardown(void **state) {
    struct house *house = *state;
    wherry_pool_release(&house->pool);
    wherry_connection_release(&house->connection);
    mini_stop(&house->mini);
    free(house);
    return 0;
}

static int64_t integer_of(const wherry_value *value) {
    int64_t number = 0;
    assert_int_equal(wherry_value_read(value, "i", &number), WHERRY_OK);
    return number;
}

static wherry_async *echo(struct house *house, const char *function, int64_t number) {
    wherry_async *async = NULL;
    assert_int_equal(
        wherry_pool_apply_async(house->pool, function, NULL, &async, "i", number), WHERRY_OK);
    return async;
}

struct numbers { /* an array of integer values */
    wherry_value **values;
    size_t count;
};

static struct numbers numbers_make(size_t count) {
    struct numbers numbers = {calloc(count + 1, sizeof(wherry_value *)), count};
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(wherry_value_build(&numbers.values[i], "i", (int64_t)i), WHERRY_OK);
    }
    return numbers;
}

static wherry_items numbers_items(const struct numbers *numbers) {
    return (wherry_items){.array = (const wherry_value *const *)numbers->values,
                          .count = numbers->count};
}

static void numbers_free(struct numbers *numbers) {
    for (size_t i = 0; i < numbers->count; i++) {
        wherry_value_release(&numbers->values[i]);
    }
    free(numbers->values);
}

static void assert_list_counts_up(const wherry_value *list, size_t count) {
    assert_int_equal(wherry_value_kind(list), WHERRY_LIST);
    assert_int_equal(wherry_value_count(list), count);
    for (size_t i = 0; i < count; i++) {
        wherry_value *item = NULL;
        assert_int_equal(wherry_value_at(list, i, &item), WHERRY_OK);
        assert_int_equal(integer_of(item), i);
        wherry_value_release(&item);
    }
}

/* ---- pool: life ----------------------------------------------------------------------------- */

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
        assert_int_equal(wherry_pool_imap(pool, "noop", none, 1, NULL, &iterator),
                         WHERRY_E_CLOSED);
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

/* ---- pool: results -------------------------------------------------------------------------- */

static void point_12_apply_is_apply_async_and_get(void **state) {
    struct house *house = *state;
    wherry_value *value = NULL;
    assert_int_equal(wherry_pool_apply(house->pool, "echo", NULL, &value, "s;i", "text", "key",
                                       (int64_t)3),
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
        assert_int_equal(wherry_pool_map(house->pool, "echo", numbers_items(&numbers), chunksize,
                                         NULL, &list),
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
    assert_int_equal(wherry_pool_map_async(house->pool, "reverse", numbers_items(&numbers), 2, NULL,
                                           &async),
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
        assert_int_equal(wherry_pool_map(fresh.pool, "echo", numbers_items(&numbers), WHERRY_AUTO,
                                         NULL, NULL),
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

struct counting { /* a source without a length */
    int64_t next;
    int64_t end;
    wherry_err fail_with;
};

static wherry_err counting_next(void *context, wherry_value **out) {
    struct counting *counting = context;
    if (counting->next == counting->end) {
        return counting->fail_with != WHERRY_OK ? counting->fail_with : WHERRY_E_END;
    }
    return wherry_value_build(out, "i", counting->next++);
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

struct heard { /* what callbacks heard */
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    int values;
    int errors;
    int64_t order[64];
    wherry_err err;
    char text[64];
    wherry_async *async;
    int64_t slow_us;
};

static void heard_value(const wherry_value *value, void *context) {
    struct heard *heard = context;
    if (heard->slow_us > 0) {
        usleep((useconds_t)heard->slow_us);
    }
    pthread_mutex_lock(&heard->mutex);
    if (heard->values < 64 && wherry_value_kind(value) != WHERRY_LIST) {
        heard->order[heard->values] = integer_of(value);
    }
    heard->values++;
    pthread_cond_broadcast(&heard->changed);
    pthread_mutex_unlock(&heard->mutex);
}

static void heard_error(wherry_err err, const char *text, void *context) {
    struct heard *heard = context;
    pthread_mutex_lock(&heard->mutex);
    heard->errors++;
    heard->err = err;
    strncpy(heard->text, text, sizeof heard->text - 1);
    pthread_cond_broadcast(&heard->changed);
    pthread_mutex_unlock(&heard->mutex);
}

static void heard_wait(struct heard *heard, const int *count, int wanted) {
    struct timespec limit;
    clock_gettime(CLOCK_REALTIME, &limit);
    limit.tv_sec += LONG_MS / 1000;
    pthread_mutex_lock(&heard->mutex);
    while (*count < wanted) {
        assert_int_equal(pthread_cond_timedwait(&heard->changed, &heard->mutex, &limit), 0);
    }
    pthread_mutex_unlock(&heard->mutex);
}

#define HEARD_EMPTY {.mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER}

static wherry_call_options heard_options(struct heard *heard) {
    return (wherry_call_options){.size = sizeof(wherry_call_options),
                                 .callback = heard_value,
                                 .error_callback = heard_error,
                                 .context = heard};
}

static void point_17_empty_input_is_ready_at_once_and_no_callback_runs(void **state) {
    struct house *house = *state;
    struct heard heard = HEARD_EMPTY;
    wherry_call_options options = heard_options(&heard);
    wherry_items none = {0};
    wherry_async *async = NULL;
    const wherry_value *list = NULL;
    bool successful = false;
    assert_int_equal(wherry_pool_map_async(house->pool, "echo", none, WHERRY_AUTO, &options, &async),
                     WHERRY_OK);
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

static struct numbers texts_make(size_t count, size_t bad) {
    struct numbers texts = {calloc(count + 1, sizeof(wherry_value *)), count};
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(wherry_value_build(&texts.values[i], "s", i == bad ? "bad" : "good"),
                         WHERRY_OK);
    }
    return texts;
}

static void point_18_a_failing_chunk_leaves_the_others_running(void **state) {
    struct house *house = *state;
    struct numbers texts = texts_make(20, 3);
    wherry_value *list = NULL;
    assert_int_equal(
        wherry_pool_map(house->pool, "fail", numbers_items(&texts), 2, NULL, &list),
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
    assert_int_equal(wherry_value_build(&list, "[[ii][ii]]", (int64_t)1, (int64_t)2, (int64_t)3,
                                        (int64_t)4),
                     WHERRY_OK);
    wherry_items items = {.list = list};
    assert_int_equal(wherry_pool_starmap(house->pool, "echo", items, 1, NULL, &result),
                     WHERRY_OK);
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

/* ---- async ---------------------------------------------------------------------------------- */

static void point_30_get_times_out_with_the_reason_and_works_later(void **state) {
    struct house *house = *state;
    wherry_async *async = echo(house, "hold", 9);
    const wherry_value *value = NULL;
    assert_int_equal(wherry_async_get(async, 100, &value), WHERRY_E_TIMEOUT);
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
    heard.slow_us = 2000;
    wherry_call_options options = heard_options(&heard);
    wherry_async *asyncs[40];
    for (int64_t i = 0; i < 40; i++) {
        assert_int_equal(
            wherry_pool_apply_async(house->pool, "echo", &options, &asyncs[i], "i", i), WHERRY_OK);
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
    assert_int_equal(wherry_pool_map_async(house->pool, "fail", numbers_items(&texts), 1, &options,
                                           &async),
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
    assert_int_equal(
        wherry_pool_apply_async(house->pool, "hold", &options, NULL, "i", (int64_t)4), WHERRY_OK);
    wherry_pool_close(house->pool);
    wherry_pool_release(&house->pool);
    mini_wait_submitted(house->mini, 1);
    mini_release(house->mini);
    heard_wait(&heard, &heard.values, 1);
    assert_int_equal(heard.order[0], 4);
}

/* ---- ours ----------------------------------------------------------------------------------- */

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
    assert_int_equal(
        wherry_task_attach(house->connection, "00000000000000000000000001", &async), WHERRY_OK);
    assert_int_equal(wherry_async_get(async, LONG_MS, NULL), WHERRY_E_UNKNOWN);
    wherry_async_release(&async);
    assert_int_equal(
        wherry_task_attach(house->connection, "00000000000000000000000001", &async), WHERRY_OK);
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

static void a_restarted_broker_is_given_unfinished_tasks_again_with_their_ids(void **state) {
    struct house *house = *state;
    wherry_async *asyncs[30];
    char ids[30][32];
    for (int64_t i = 0; i < 30; i++) {
        asyncs[i] = echo(house, "hold", i);
        strcpy(ids[i], wherry_async_id(asyncs[i]));
    }
    mini_wait_submitted(house->mini, 30);
    mini_restart(house->mini);
    mini_wait_submitted(house->mini, 60);
    assert_int_equal(mini_resubmitted(house->mini), 30);
    mini_release(house->mini);
    for (int64_t i = 0; i < 30; i++) {
        const wherry_value *value = NULL;
        assert_int_equal(wherry_async_get(asyncs[i], LONG_MS, &value), WHERRY_OK);
        assert_int_equal(integer_of(value), i);
        assert_string_equal(wherry_async_id(asyncs[i]), ids[i]);
        wherry_async_release(&asyncs[i]);
    }
}

static void no_broker_within_the_limit_ends_calls_and_it_works_again_later(void **state) {
    (void)state;
    struct mini *mini = mini_start_with(1, 100);
    wherry_connect_options options = {.size = sizeof options, .reconnect_limit_ms = 300};
    wherry_connection *connection = NULL;
    wherry_pool *pool = NULL;
    assert_int_equal(wherry_connect(mini_endpoint(mini), &options, &connection), WHERRY_OK);
    assert_int_equal(wherry_pool_open(connection, NULL, &pool), WHERRY_OK);
    mini_silence(mini, true);
    wherry_async *async = NULL;
    assert_int_equal(wherry_pool_apply_async(pool, "noop", NULL, &async, ""), WHERRY_OK);
    assert_int_equal(wherry_async_get(async, LONG_MS, NULL), WHERRY_E_UNCERTAIN);
    wherry_async_release(&async);
    assert_int_equal(wherry_pool_apply(pool, "noop", NULL, NULL, ""), WHERRY_E_NO_BROKER);
    mini_silence(mini, false);
    wherry_err err = WHERRY_E_NO_BROKER;
    while (err == WHERRY_E_NO_BROKER) {
        usleep(2000);
        err = wherry_pool_apply(pool, "noop", NULL, NULL, "");
    }
    assert_int_equal(err, WHERRY_OK);
    wherry_pool_release(&pool);
    wherry_connection_release(&connection);
    mini_stop(&mini);
}

static void nobody_at_the_address_is_no_broker(void **state) {
    (void)state;
    wherry_connect_options options = {.size = sizeof options, .connect_timeout_ms = 50};
    wherry_connection *connection = NULL;
    assert_int_equal(wherry_connect("ipc:///tmp/wherry-nobody-listens-here", &options, &connection),
                     WHERRY_E_NO_BROKER);
    assert_true(strstr(wherry_last_error(), "ipc:///tmp/wherry-nobody") != NULL);
    assert_int_equal(wherry_connect("nonsense", &options, &connection), WHERRY_E_INVALID);
    options.size = 3;
    assert_int_equal(wherry_connect(NULL, &options, &connection), WHERRY_E_INVALID);
    assert_null(connection);
}

static wherry_connection *interrupted_connection;

static void on_alarm(int signal_number) {
    (void)signal_number;
    wherry_interrupt(interrupted_connection);
}

static void interrupt_ends_a_wait_from_a_signal_handler(void **state) {
    struct house *house = *state;
    interrupted_connection = house->connection;
    struct sigaction action = {.sa_handler = on_alarm};
    struct sigaction before;
    sigaction(SIGALRM, &action, &before);
    wherry_async *async = echo(house, "hold", 1);
    alarm(1);
    assert_int_equal(wherry_async_get(async, WHERRY_FOREVER, NULL), WHERRY_E_INTERRUPTED);
    sigaction(SIGALRM, &before, NULL);
    mini_wait_submitted(house->mini, 1);
    mini_release(house->mini);
    assert_int_equal(wherry_async_get(async, LONG_MS, NULL), WHERRY_OK);
    wherry_async_release(&async);
}

static void an_interrupt_before_the_wait_ends_the_next_one(void **state) {
    struct house *house = *state;
    wherry_async *async = echo(house, "hold", 1);
    wherry_interrupt(house->connection);
    assert_int_equal(wherry_async_get(async, LONG_MS, NULL), WHERRY_E_INTERRUPTED);
    mini_wait_submitted(house->mini, 1);
    mini_release(house->mini);
    assert_int_equal(wherry_async_get(async, LONG_MS, NULL), WHERRY_OK);
    wherry_async_release(&async);
}

static void on_nothing(int signal_number) {
    (void)signal_number;
}

static void a_signal_alone_ends_no_wait(void **state) {
    struct house *house = *state;
    struct sigaction action = {.sa_handler = on_nothing};
    struct sigaction before;
    sigaction(SIGALRM, &action, &before);
    wherry_async *async = echo(house, "hold", 1);
    ualarm(10000, 10000);
    assert_int_equal(wherry_async_get(async, 200, NULL), WHERRY_E_TIMEOUT);
    ualarm(0, 0);
    sigaction(SIGALRM, &before, NULL);
    wherry_async_release(&async);
}

static int forked_child(struct house *house, wherry_async *async, wherry_iterator *iterator) {
    wherry_value *value = NULL;
    wherry_async *other = NULL;
    bool right = wherry_async_get(async, WHERRY_FOREVER, NULL) == WHERRY_E_FORKED &&
                 wherry_pool_apply_async(house->pool, "noop", NULL, &other, "") ==
                     WHERRY_E_FORKED &&
                 wherry_iterator_next(iterator, WHERRY_FOREVER, &value) == WHERRY_E_FORKED &&
                 wherry_pool_join(house->pool, WHERRY_FOREVER) == WHERRY_E_FORKED &&
                 wherry_status(house->connection, 1000, &value) == WHERRY_E_FORKED &&
                 strstr(wherry_last_error(), "forked") != NULL;
    wherry_async_release(&async);
    wherry_iterator_release(&iterator);
    wherry_pool_release(&house->pool);
    wherry_connection_release(&house->connection);
    return right ? 0 : 1;
}

static void in_a_forked_child_handles_say_forked_and_release_frees(void **state) {
    struct house *house = *state;
    struct numbers numbers = numbers_make(3);
    wherry_async *async = echo(house, "hold", 1);
    wherry_iterator *iterator = NULL;
    assert_int_equal(
        wherry_pool_imap(house->pool, "hold", numbers_items(&numbers), 1, NULL, &iterator), 0);
    mini_wait_submitted(house->mini, 4);
    pid_t pid = fork();
    if (pid == 0) {
        _exit(forked_child(house, async, iterator));
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    mini_release(house->mini);
    assert_int_equal(wherry_async_get(async, LONG_MS, NULL), WHERRY_OK);
    wherry_async_release(&async);
    wherry_iterator_release(&iterator);
    numbers_free(&numbers);
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

#define IN_HOUSE(test) cmocka_unit_test_setup_teardown(test, house_setup, house_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_HOUSE(point_02_after_close_every_call_says_closed_at_the_call),
        IN_HOUSE(point_03_close_lets_what_is_queued_run_and_may_come_twice),
        IN_HOUSE(point_04_terminate_ends_open_calls_with_cancelled),
        IN_HOUSE(point_04_terminate_ends_a_map_and_an_iterator),
        IN_HOUSE(point_05_join_before_close_is_an_error_and_may_come_twice_after),
        IN_HOUSE(point_06_releasing_a_running_pool_terminates_it),
        IN_HOUSE(point_06_ours_releasing_a_closed_pool_lets_its_work_go_on),
        IN_HOUSE(point_07_dropping_everything_with_open_calls_does_not_hang),
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
        IN_HOUSE(point_30_get_times_out_with_the_reason_and_works_later),
        IN_HOUSE(point_31_zero_looks_and_other_negative_times_are_invalid),
        IN_HOUSE(point_32_get_answers_the_same_failure_each_time),
        IN_HOUSE(point_33_successful_says_not_ready_while_open),
        IN_HOUSE(point_34_wait_does_not_tell_the_outcome),
        IN_HOUSE(point_35_ours_callbacks_run_in_order_and_get_does_not_wait_for_them),
        IN_HOUSE(point_36_on_failure_the_error_callback_only_and_once_for_a_map),
        IN_HOUSE(point_37_ours_callbacks_run_though_every_handle_was_given_up),
        IN_HOUSE(common_keywords_join_every_form),
        IN_HOUSE(a_refused_task_is_an_outcome),
        IN_HOUSE(accepted_is_said_before_the_result),
        IN_HOUSE(a_cancelled_call_ends_with_cancelled),
        IN_HOUSE(why_says_what_the_broker_says),
        IN_HOUSE(an_unknown_id_is_found_out_by_get),
        IN_HOUSE(large_arguments_and_results_come_back_whole),
        IN_HOUSE(a_restarted_broker_is_given_unfinished_tasks_again_with_their_ids),
        cmocka_unit_test(no_broker_within_the_limit_ends_calls_and_it_works_again_later),
        cmocka_unit_test(nobody_at_the_address_is_no_broker),
        IN_HOUSE(interrupt_ends_a_wait_from_a_signal_handler),
        IN_HOUSE(an_interrupt_before_the_wait_ends_the_next_one),
        IN_HOUSE(a_signal_alone_ends_no_wait),
        IN_HOUSE(in_a_forked_child_handles_say_forked_and_release_frees),
        IN_HOUSE(many_threads_share_one_pool),
        IN_HOUSE(submitting_far_more_than_the_window_before_getting_never_hangs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
