/* SPDX-License-Identifier: MIT
 *
 * multiprocessing's points 1 to 37 with real worker processes; those that need none stand in
 * tests/unit/client/pool_test.c. The numbers are those of the list they come from. */
#include "crew.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void point_03_close_runs_what_is_queued_and_join_waits_for_it(void **state) {
    struct crew crew = crew_open(*state, "2", NULL, NULL);
    wherry_async *asyncs[50];
    for (int64_t i = 0; i < 50; i++) {
        asyncs[i] = crew_submit(&crew, "square", "i", i);
    }
    assert_int_equal(wherry_pool_close(crew.pool), WHERRY_OK);
    assert_int_equal(wherry_pool_join(crew.pool, sandbox_left_ms(crew.box)), WHERRY_OK);
    for (int64_t i = 0; i < 50; i++) {
        assert_true(wherry_async_ready(asyncs[i]));
        crew_expect_number(&crew, asyncs[i], i * i);
    }
    crew_close(&crew);
}

static void point_04_ours_terminate_stops_running_and_queued_work_with_cancelled(void **state) {
    struct crew crew = crew_open(*state, "1", NULL, NULL);
    const char *never = sandbox_path(crew.box, "never");
    wherry_async *asyncs[10];
    for (int64_t i = 0; i < 10; i++) {
        asyncs[i] = crew_submit(&crew, "when", "si", never, i);
    }
    assert_int_equal(wherry_async_accepted(asyncs[9], sandbox_left_ms(crew.box)), WHERRY_OK);
    assert_int_equal(wherry_pool_terminate(crew.pool), WHERRY_OK);
    for (int64_t i = 0; i < 10; i++) {
        assert_int_equal(wherry_async_get(asyncs[i], 0, NULL), WHERRY_E_CANCELLED);
        wherry_async_release(&asyncs[i]);
    }
    assert_int_equal(wherry_pool_join(crew.pool, sandbox_left_ms(crew.box)), WHERRY_OK);
    wherry_pool *other = NULL; /* the workers are there for the next pool */
    wherry_value *value = NULL;
    assert_int_equal(wherry_pool_open(crew.connection, NULL, &other), WHERRY_OK);
    assert_int_equal(wherry_pool_apply(other, "square", NULL, &value, "i", (int64_t)9), WHERRY_OK);
    assert_int_equal(crew_number(value), 81);
    wherry_value_release(&value);
    wherry_pool_release(&other);
    crew_close(&crew);
}

static void point_12_apply_gives_the_value_with_args_and_kwargs(void **state) {
    struct crew crew = crew_open(*state, "2", NULL, NULL);
    wherry_value *value = NULL;
    assert_int_equal(wherry_pool_apply(crew.pool, "power", NULL, &value, "ii;i", (int64_t)2,
                                       (int64_t)10, "minus", (int64_t)24),
                     WHERRY_OK);
    assert_int_equal(crew_number(value), 1000);
    wherry_value_release(&value);
    crew_close(&crew);
}

static void point_13_map_gives_input_order_for_every_chunksize(void **state) {
    struct crew crew = crew_open(*state, "3", NULL, NULL);
    struct crew_numbers numbers;
    crew_numbers_make(&numbers, 100);
    static const int64_t sizes[] = {WHERRY_AUTO, 1, 7, 1000};
    for (size_t i = 0; i < 4; i++) {
        wherry_value *list = NULL;
        assert_int_equal(wherry_pool_map(crew.pool, "square", crew_numbers_items(&numbers),
                                         sizes[i], NULL, &list),
                         WHERRY_OK);
        assert_int_equal(wherry_value_count(list), 100);
        for (size_t at = 0; at < 100; at++) {
            wherry_value *item = NULL;
            assert_int_equal(wherry_value_at(list, at, &item), WHERRY_OK);
            assert_int_equal(crew_number(item), at * at);
            wherry_value_release(&item);
        }
        wherry_value_release(&list);
    }
    crew_numbers_free(&numbers);
    crew_close(&crew);
}

static void point_14_the_number_of_processes_is_the_workers(void **state) {
    struct crew crew = crew_open(*state, "3", NULL, NULL);
    uint32_t processes = 0;
    assert_int_equal(wherry_pool_processes(crew.pool, &processes), WHERRY_OK);
    assert_int_equal(processes, 3);
    crew_close(&crew);
}

static void point_18_and_19_other_chunks_run_and_the_first_failure_to_arrive_is_told(void **state) {
    struct crew crew = crew_open(*state, "2", NULL, NULL);
    struct crew_numbers numbers;
    wherry_value *kwargs = NULL;
    wherry_value *list = NULL;
    crew_numbers_make(&numbers, 20);
    assert_int_equal(wherry_value_build(&kwargs, "{si}", "bad", (int64_t)13), WHERRY_OK);
    wherry_call_options options = {.size = sizeof options, .kwargs = kwargs};
    assert_int_equal(
        wherry_pool_map(crew.pool, "picky", crew_numbers_items(&numbers), 4, &options, &list),
        WHERRY_E_TASK_FAILED);
    crew_contains(wherry_last_error(), "ValueError: 13 is bad");
    wherry_value_release(&kwargs);
    crew_numbers_free(&numbers);
    crew_close(&crew);
}

static void point_20_starmap_unpacks_and_an_item_that_is_no_list_fails_its_chunk(void **state) {
    struct crew crew = crew_open(*state, "2", NULL, NULL);
    wherry_value *list = NULL;
    wherry_value *result = NULL;
    int64_t first = 0;
    int64_t second = 0;
    assert_int_equal(
        wherry_value_build(&list, "[[ii][ii]]", (int64_t)2, (int64_t)3, (int64_t)3, (int64_t)2),
        WHERRY_OK);
    assert_int_equal(
        wherry_pool_starmap(crew.pool, "power", (wherry_items){.list = list}, 1, NULL, &result),
        WHERRY_OK);
    assert_int_equal(wherry_value_read(result, "[ii]", &first, &second), WHERRY_OK);
    assert_int_equal(first, 8);
    assert_int_equal(second, 9);
    wherry_value_release(&result);
    wherry_value_release(&list);
    assert_int_equal(wherry_value_build(&list, "[i]", (int64_t)2), WHERRY_OK);
    assert_int_equal(
        wherry_pool_starmap(crew.pool, "power", (wherry_items){.list = list}, 1, NULL, &result),
        WHERRY_E_TASK_FAILED);
    wherry_value_release(&list);
    crew_close(&crew);
}

static void point_21_imap_gives_order_and_goes_on_after_a_failure(void **state) {
    struct crew crew = crew_open(*state, "3", NULL, NULL);
    struct crew_numbers numbers;
    wherry_value *kwargs = NULL;
    wherry_iterator *iterator = NULL;
    crew_numbers_make(&numbers, 100);
    assert_int_equal(wherry_value_build(&kwargs, "{si}", "bad", (int64_t)7), WHERRY_OK);
    wherry_call_options options = {.size = sizeof options, .kwargs = kwargs};
    assert_int_equal(wherry_pool_imap(crew.pool, "picky", crew_numbers_items(&numbers), WHERRY_AUTO,
                                      &options, &iterator),
                     WHERRY_OK);
    for (int64_t i = 0; i < 100; i++) {
        wherry_value *value = NULL;
        wherry_err err = wherry_iterator_next(iterator, sandbox_left_ms(crew.box), &value);
        assert_int_equal(err, i == 7 ? WHERRY_E_TASK_FAILED : WHERRY_OK);
        assert_true(i == 7 || crew_number(value) == i);
        wherry_value_release(&value);
    }
    wherry_value *value = NULL;
    assert_int_equal(wherry_iterator_next(iterator, 0, &value), WHERRY_E_END);
    wherry_iterator_release(&iterator);
    wherry_value_release(&kwargs);
    crew_numbers_free(&numbers);
    crew_close(&crew);
}

static void point_24_imap_unordered_passes_by_what_is_slow(void **state) {
    struct crew crew = crew_open(*state, "2", NULL, NULL);
    const char *slow = sandbox_path(crew.box, "slow");
    wherry_async *first = crew_submit(&crew, "when", "si", slow, (int64_t)1);
    struct crew_numbers numbers;
    wherry_iterator *iterator = NULL;
    wherry_value *value = NULL;
    int64_t sum = 0;
    crew_numbers_make(&numbers, 5);
    assert_int_equal(wherry_pool_imap_unordered(crew.pool, "square", crew_numbers_items(&numbers),
                                                1, NULL, &iterator),
                     WHERRY_OK);
    while (wherry_iterator_next(iterator, sandbox_left_ms(crew.box), &value) == WHERRY_OK) {
        sum += crew_number(value);
        wherry_value_release(&value);
    }
    assert_int_equal(sum, 0 + 1 + 4 + 9 + 16);
    assert_false(wherry_async_ready(first));
    crew_touch(&crew, "slow");
    crew_expect_number(&crew, first, 1);
    wherry_iterator_release(&iterator);
    crew_numbers_free(&numbers);
    crew_close(&crew);
}

static void point_27_a_failing_function_brings_its_text_and_the_worker_lives(void **state) {
    struct crew crew = crew_open(*state, "1", NULL, NULL);
    wherry_value *value = NULL;
    assert_int_equal(
        wherry_pool_apply(crew.pool, "picky", NULL, &value, "i;i", (int64_t)3, "bad", (int64_t)3),
        WHERRY_E_TASK_FAILED);
    crew_contains(wherry_last_error(), "ValueError: 3 is bad");
    assert_int_equal(wherry_pool_apply(crew.pool, "picky", NULL, &value, "s", "text"),
                     WHERRY_E_TASK_FAILED);
    crew_expect_number(&crew, crew_submit(&crew, "square", "i", (int64_t)4), 16);
    crew_close(&crew);
}

static void point_28_ours_an_exit_inside_a_function_is_reported(void **state) {
    struct crew crew = crew_open(*state, "1", NULL, NULL);
    wherry_async *async = crew_submit(&crew, "leave", "");
    crew_outcome(&crew, async, WHERRY_E_WORKER_LOST);
    wherry_failure failure;
    assert_int_equal(wherry_async_failure(async, &failure), WHERRY_OK);
    assert_int_equal(failure.cause, WHERRY_CAUSE_EXIT);
    assert_int_equal(failure.number, 3);
    wherry_async_release(&async);
    crew_close(&crew);
}

static void point_29_ours_a_crash_fails_its_task_alone_and_the_pool_lives(void **state) {
    struct crew crew = crew_open(*state, "2", NULL, NULL);
    wherry_async *deadly = crew_submit(&crew, "die", "");
    wherry_async *asyncs[20];
    for (int64_t i = 0; i < 20; i++) {
        asyncs[i] = crew_submit(&crew, "square", "i", i);
    }
    for (int64_t i = 0; i < 20; i++) {
        crew_expect_number(&crew, asyncs[i], i * i);
    }
    crew_outcome(&crew, deadly, WHERRY_E_WORKER_LOST);
    wherry_failure failure;
    assert_int_equal(wherry_async_failure(deadly, &failure), WHERRY_OK);
    assert_int_equal(failure.cause, WHERRY_CAUSE_SIGNAL);
    assert_int_equal(failure.number, 11);
    wherry_async_release(&deadly);
    crew_close(&crew);
}

static void point_29_ours_a_killed_process_has_its_task_run_again(void **state) {
    struct crew crew = crew_open(*state, "2", NULL, NULL);
    crew_expect_number(
        &crew, crew_submit(&crew, "once", "si", sandbox_path(crew.box, "first"), (int64_t)5), 5);
    crew_close(&crew);
}

static void point_30_get_times_out_and_works_later(void **state) {
    struct crew crew = crew_open(*state, "1", NULL, NULL);
    wherry_async *async =
        crew_submit(&crew, "when", "si", sandbox_path(crew.box, "go"), (int64_t)6);
    assert_int_equal(wherry_async_get(async, 50, NULL), WHERRY_E_TIMEOUT);
    crew_touch(&crew, "go");
    crew_expect_number(&crew, async, 6);
    crew_close(&crew);
}

static int64_t done_count(struct crew *crew) {
    wherry_value *status = NULL;
    int64_t done = -1;
    assert_int_equal(wherry_status(crew->connection, sandbox_left_ms(crew->box), &status), 0);
    assert_int_equal(wherry_value_read(status, "{s{si}}", "totals", "done", &done), WHERRY_OK);
    wherry_value_release(&status);
    return done;
}

static void point_30_ours_why_a_map_waits_is_told_of_what_is_not_over(void **state) {
    struct crew crew = crew_open(*state, "1", NULL, NULL);
    crew_touch(&crew, "now");
    wherry_value *list = NULL;
    wherry_async *map = NULL;
    wherry_value *why = NULL;
    assert_int_equal(wherry_value_build(&list, "[[si][si]]", sandbox_path(crew.box, "now"),
                                        (int64_t)1, sandbox_path(crew.box, "later"), (int64_t)2),
                     WHERRY_OK);
    assert_int_equal(
        wherry_pool_starmap_async(crew.pool, "when", (wherry_items){.list = list}, 1, NULL, &map),
        WHERRY_OK);
    while (done_count(&crew) < 1) {
        sandbox_pause(crew.box, "the first item");
    }
    assert_int_equal(wherry_async_why(map, sandbox_left_ms(crew.box), &why), WHERRY_OK);
    assert_int_equal(wherry_async_get(map, 100, NULL), WHERRY_E_TIMEOUT);
    crew_contains(wherry_last_error(), "is not done: ");
    crew_touch(&crew, "later");
    crew_outcome(&crew, map, WHERRY_OK);
    wherry_async_release(&map);
    wherry_value_release(&why);
    wherry_value_release(&list);
    crew_close(&crew);
}

static void point_32_a_failure_is_told_each_time(void **state) {
    struct crew crew = crew_open(*state, "1", NULL, NULL);
    wherry_value *kwargs = NULL;
    wherry_value *args = NULL;
    wherry_async *async = NULL;
    assert_int_equal(wherry_value_build(&args, "[i]", (int64_t)1), WHERRY_OK);
    assert_int_equal(wherry_value_build(&kwargs, "{si}", "bad", (int64_t)1), WHERRY_OK);
    assert_int_equal(wherry_pool_apply_async_values(crew.pool, "picky", args, kwargs, NULL, &async),
                     WHERRY_OK);
    for (int i = 0; i < 3; i++) {
        crew_outcome(&crew, async, WHERRY_E_TASK_FAILED);
        crew_contains(wherry_async_error(async), "ValueError: 1 is bad");
    }
    wherry_value_release(&args);
    wherry_value_release(&kwargs);
    wherry_async_release(&async);
    crew_close(&crew);
}

struct count {
    atomic_int values;
    atomic_int errors;
};

static void count_value(const wherry_value *value, void *context) {
    (void)value;
    atomic_fetch_add(&((struct count *)context)->values, 1);
}

static void count_error(wherry_err err, const char *text, void *context) {
    assert_int_equal(err, WHERRY_E_TASK_FAILED);
    assert_true(strlen(text) > 0);
    atomic_fetch_add(&((struct count *)context)->errors, 1);
}

static void point_35_and_36_each_outcome_runs_one_callback(void **state) {
    struct crew crew = crew_open(*state, "2", NULL, NULL);
    struct count count = {0};
    wherry_value *kwargs = NULL;
    assert_int_equal(wherry_value_build(&kwargs, "{si}", "bad", (int64_t)3), WHERRY_OK);
    wherry_call_options options = {.size = sizeof options,
                                   .kwargs = kwargs,
                                   .callback = count_value,
                                   .error_callback = count_error,
                                   .context = &count};
    for (int64_t i = 0; i < 10; i++) {
        assert_int_equal(wherry_pool_apply_async(crew.pool, "picky", &options, NULL, "i", i), 0);
    }
    struct crew_numbers numbers;
    crew_numbers_make(&numbers, 30);
    assert_int_equal(
        wherry_pool_map_async(crew.pool, "picky", crew_numbers_items(&numbers), 2, &options, NULL),
        WHERRY_OK);
    wherry_pool_close(crew.pool);
    assert_int_equal(wherry_pool_join(crew.pool, sandbox_left_ms(crew.box)), WHERRY_OK);
    crew_close(&crew); /* callbacks have run after this */
    assert_int_equal(count.values, 9);
    assert_int_equal(count.errors, 2);
    crew_numbers_free(&numbers);
    wherry_value_release(&kwargs);
}

#define IN_SANDBOX(test) cmocka_unit_test_setup_teardown(test, sandbox_setup, sandbox_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_SANDBOX(point_03_close_runs_what_is_queued_and_join_waits_for_it),
        IN_SANDBOX(point_04_ours_terminate_stops_running_and_queued_work_with_cancelled),
        IN_SANDBOX(point_12_apply_gives_the_value_with_args_and_kwargs),
        IN_SANDBOX(point_13_map_gives_input_order_for_every_chunksize),
        IN_SANDBOX(point_14_the_number_of_processes_is_the_workers),
        IN_SANDBOX(point_18_and_19_other_chunks_run_and_the_first_failure_to_arrive_is_told),
        IN_SANDBOX(point_20_starmap_unpacks_and_an_item_that_is_no_list_fails_its_chunk),
        IN_SANDBOX(point_21_imap_gives_order_and_goes_on_after_a_failure),
        IN_SANDBOX(point_24_imap_unordered_passes_by_what_is_slow),
        IN_SANDBOX(point_27_a_failing_function_brings_its_text_and_the_worker_lives),
        IN_SANDBOX(point_28_ours_an_exit_inside_a_function_is_reported),
        IN_SANDBOX(point_29_ours_a_crash_fails_its_task_alone_and_the_pool_lives),
        IN_SANDBOX(point_29_ours_a_killed_process_has_its_task_run_again),
        IN_SANDBOX(point_30_get_times_out_and_works_later),
        IN_SANDBOX(point_30_ours_why_a_map_waits_is_told_of_what_is_not_over),
        IN_SANDBOX(point_32_a_failure_is_told_each_time),
        IN_SANDBOX(point_35_and_36_each_outcome_runs_one_callback),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
