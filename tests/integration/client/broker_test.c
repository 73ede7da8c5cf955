/* SPDX-License-Identifier: MIT
 *
 * The client and a real broker: full queues, results kept and not, restarts, ids across programs.
 */
#include "crew.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void a_full_queue_says_full_at_once_to_who_will_not_wait(void **state) {
    struct crew crew = crew_open(*state, NULL, NULL, NULL);
    assert_int_equal(wherry_queue_set(crew.connection, "default", 2, 0, 5000), WHERRY_OK);
    wherry_call_options options = {.size = sizeof options, .wait_ms = WHERRY_NO_WAIT};
    wherry_async *asyncs[3];
    for (int64_t i = 0; i < 3; i++) {
        assert_int_equal(wherry_pool_apply_async(crew.pool, "square", &options, &asyncs[i], "i", i),
                         WHERRY_OK);
    }
    crew_outcome(&crew, asyncs[2], WHERRY_E_FULL);
    assert_int_equal(wherry_async_accepted(asyncs[1], sandbox_left_ms(crew.box)), WHERRY_OK);
    crew_worker(&crew, "1");
    crew_expect_number(&crew, asyncs[0], 0);
    crew_expect_number(&crew, asyncs[1], 1);
    wherry_async_release(&asyncs[2]);
    crew_close(&crew);
}

static void a_wait_at_a_full_queue_ends_with_full_at_its_deadline(void **state) {
    struct crew crew = crew_open(*state, NULL, NULL, NULL);
    assert_int_equal(wherry_queue_set(crew.connection, "default", 1, 0, 5000), WHERRY_OK);
    wherry_async *first = crew_submit(&crew, "square", "i", (int64_t)3);
    wherry_call_options options = {.size = sizeof options, .wait_ms = 200};
    wherry_async *second = NULL;
    assert_int_equal(
        wherry_pool_apply_async(crew.pool, "square", &options, &second, "i", (int64_t)4),
        WHERRY_OK);
    assert_int_equal(wherry_async_accepted(second, 0), WHERRY_E_TIMEOUT);
    crew_outcome(&crew, second, WHERRY_E_FULL);
    wherry_async_release(&second);
    crew_worker(&crew, "1");
    crew_expect_number(&crew, first, 9);
    crew_close(&crew);
}

static void who_waits_at_a_full_queue_gets_in_when_there_is_room(void **state) {
    struct crew crew = crew_open(*state, NULL, NULL, NULL);
    assert_int_equal(wherry_queue_set(crew.connection, "default", 3, 0, 5000), WHERRY_OK);
    wherry_async *asyncs[40];
    for (int64_t i = 0; i < 40; i++) {
        asyncs[i] = crew_submit(&crew, "square", "i", i);
    }
    crew_worker(&crew, "2");
    for (int64_t i = 0; i < 40; i++) {
        crew_expect_number(&crew, asyncs[i], i * i);
    }
    crew_close(&crew);
}

static void large_arguments_that_wait_are_sent_again_when_their_turn_comes(void **state) {
    struct crew crew = crew_open(*state, NULL, NULL, NULL);
    assert_int_equal(wherry_queue_set(crew.connection, "default", 1, 0, 5000), WHERRY_OK);
    size_t size = 100000;
    uint8_t *data = malloc(size);
    wherry_async *asyncs[5];
    for (size_t i = 0; i < 5; i++) {
        memset(data, (int)i + 1, size);
        assert_int_equal(
            wherry_pool_apply_async(crew.pool, "wherry.echo", NULL, &asyncs[i], "y", data, size),
            WHERRY_OK);
    }
    crew_worker(&crew, "1");
    for (size_t i = 0; i < 5; i++) {
        const void *back = NULL;
        size_t back_size = 0;
        const wherry_value *value = crew_outcome(&crew, asyncs[i], WHERRY_OK);
        assert_int_equal(wherry_value_read(value, "y", &back, &back_size), WHERRY_OK);
        assert_int_equal(back_size, size);
        assert_int_equal(((const uint8_t *)back)[size - 1], i + 1);
        wherry_async_release(&asyncs[i]);
    }
    free(data);
    crew_close(&crew);
}

static void a_task_that_can_never_fit_is_too_large(void **state) {
    struct crew crew = crew_open(*state, NULL, NULL, NULL);
    assert_int_equal(wherry_queue_set(crew.connection, "default", 0, 1000, 5000), WHERRY_OK);
    char data[2000] = {0};
    wherry_async *async = NULL;
    assert_int_equal(
        wherry_pool_apply_async(crew.pool, "wherry.echo", NULL, &async, "y", data, sizeof data),
        WHERRY_OK);
    crew_outcome(&crew, async, WHERRY_E_TOO_LARGE);
    wherry_async_release(&async);
    crew_close(&crew);
}

static void an_unknown_function_waits_and_everybody_says_why(void **state) {
    struct crew crew = crew_open(*state, "1", NULL, NULL);
    wherry_async *async = crew_submit(&crew, "no.such", "");
    wherry_value *why = NULL;
    const char *text = NULL;
    assert_int_equal(wherry_async_get(async, 300, NULL), WHERRY_E_TIMEOUT);
    crew_contains(wherry_last_error(), "no worker offers no.such");
    assert_int_equal(wherry_async_why(async, 5000, &why), WHERRY_OK);
    assert_int_equal(wherry_value_read(why, "s", &text), WHERRY_OK);
    crew_contains(text, "no worker offers no.such");
    wherry_value_release(&why);
    assert_int_equal(wherry_task_waiting(crew.connection, wherry_async_id(async), 5000, &why),
                     WHERRY_OK);
    wherry_value_release(&why);
    assert_int_equal(wherry_async_cancel(async), WHERRY_OK);
    crew_outcome(&crew, async, WHERRY_E_CANCELLED);
    wherry_async_release(&async);
    crew_close(&crew);
}

static void a_running_task_can_be_cancelled(void **state) {
    struct crew crew = crew_open(*state, "1", NULL, NULL);
    wherry_async *async =
        crew_submit(&crew, "when", "si", sandbox_path(crew.box, "never"), (int64_t)1);
    assert_int_equal(wherry_async_accepted(async, sandbox_left_ms(crew.box)), WHERRY_OK);
    assert_int_equal(wherry_async_cancel(async), WHERRY_OK);
    crew_outcome(&crew, async, WHERRY_E_CANCELLED);
    wherry_async_release(&async);
    crew_expect_number(&crew, crew_submit(&crew, "square", "i", (int64_t)2), 4);
    crew_close(&crew);
}

static void a_kept_task_is_attached_to_by_its_id_from_another_connection(void **state) {
    struct crew crew = crew_open(*state, "1", NULL, NULL);
    wherry_call_options options = {.size = sizeof options, .keep = true};
    wherry_async *async = NULL;
    char id[64];
    assert_int_equal(
        wherry_pool_apply_async(crew.pool, "square", &options, &async, "i", (int64_t)12), 0);
    snprintf(id, sizeof id, "%s", wherry_async_id(async));
    assert_int_equal(wherry_async_accepted(async, sandbox_left_ms(crew.box)), WHERRY_OK);
    wherry_async_release(&async);
    wherry_connection *other = NULL;
    assert_int_equal(wherry_connect(crew.broker->endpoint, NULL, &other), WHERRY_OK);
    for (int i = 0; i < 2; i++) { /* getting removes nothing */
        assert_int_equal(wherry_task_attach(other, id, &async), WHERRY_OK);
        assert_string_equal(wherry_async_id(async), id);
        crew_expect_number(&crew, async, 144);
    }
    crew_close(&crew); /* the submitter goes */
    assert_int_equal(wherry_task_attach(other, id, &async), WHERRY_OK);
    crew_expect_number(&crew, async, 144);
    wherry_connection_release(&other);
}

static void a_task_submitted_without_keep_is_refused_to_others(void **state) {
    struct crew crew = crew_open(*state, NULL, NULL, NULL);
    wherry_async *async = crew_submit(&crew, "square", "i", (int64_t)12);
    assert_int_equal(wherry_async_accepted(async, sandbox_left_ms(crew.box)), WHERRY_OK);
    wherry_connection *other = NULL;
    wherry_async *attached = NULL;
    assert_int_equal(wherry_connect(crew.broker->endpoint, NULL, &other), WHERRY_OK);
    assert_int_equal(wherry_task_attach(other, wherry_async_id(async), &attached), WHERRY_OK);
    crew_outcome(&crew, attached, WHERRY_E_REFUSED);
    wherry_async_release(&attached);
    assert_int_equal(wherry_task_cancel(other, wherry_async_id(async), 5000, NULL),
                     WHERRY_E_REFUSED);
    assert_int_equal(wherry_task_attach(other, "00000000000000000000000001", &attached), WHERRY_OK);
    crew_outcome(&crew, attached, WHERRY_E_UNKNOWN);
    wherry_async_release(&attached);
    wherry_async_release(&async);
    wherry_connection_release(&other);
    crew_close(&crew);
}

static void fire_and_forget_is_done_when_accepted(void **state) {
    struct crew crew = crew_open(*state, NULL, NULL, NULL);
    wherry_call_options options = {.size = sizeof options, .no_result = true};
    wherry_async *async = NULL;
    assert_int_equal(
        wherry_pool_apply_async(crew.pool, "square", &options, &async, "i", (int64_t)1), WHERRY_OK);
    assert_int_equal(wherry_value_kind(crew_outcome(&crew, async, WHERRY_OK)), WHERRY_NIL);
    wherry_async_release(&async);
    crew_close(&crew);
}

static void a_killed_and_restarted_broker_finishes_everything_under_the_same_ids(void **state) {
    struct crew crew = crew_open(*state, "2", NULL, NULL);
    const char *go = sandbox_path(crew.box, "go");
    wherry_async *asyncs[30];
    char ids[30][32];
    for (int64_t i = 0; i < 30; i++) {
        asyncs[i] = crew_submit(&crew, "when", "si", go, i);
        snprintf(ids[i], sizeof ids[i], "%s", wherry_async_id(asyncs[i]));
    }
    assert_int_equal(wherry_async_accepted(asyncs[29], sandbox_left_ms(crew.box)), WHERRY_OK);
    broker_restart(crew.broker);
    crew_touch(&crew, "go");
    for (int64_t i = 0; i < 30; i++) {
        assert_string_equal(wherry_async_id(asyncs[i]), ids[i]);
        crew_expect_number(&crew, asyncs[i], i);
    }
    crew_close(&crew);
}

static void calls_made_while_the_broker_is_away_run_when_it_is_back(void **state) {
    struct crew crew = crew_open(*state, "1", NULL, NULL);
    crew_expect_number(&crew, crew_submit(&crew, "square", "i", (int64_t)2), 4);
    program_kill(crew.broker->program);
    wherry_async *asyncs[10];
    for (int64_t i = 0; i < 10; i++) {
        asyncs[i] = crew_submit(&crew, "square", "i", i);
    }
    assert_int_equal(wherry_async_get(asyncs[0], 0, NULL), WHERRY_E_TIMEOUT);
    broker_restart(crew.broker);
    for (int64_t i = 0; i < 10; i++) {
        crew_expect_number(&crew, asyncs[i], i * i);
    }
    crew_close(&crew);
}

static void a_stopped_broker_that_goes_on_is_waited_for(void **state) {
    struct crew crew = crew_open(*state, "1", NULL, NULL);
    program_signal(crew.broker->program, SIGSTOP);
    wherry_async *async = crew_submit(&crew, "square", "i", (int64_t)5);
    assert_int_equal(wherry_async_get(async, 200, NULL), WHERRY_E_TIMEOUT);
    program_signal(crew.broker->program, SIGCONT);
    crew_expect_number(&crew, async, 25);
    crew_close(&crew);
}

static void status_and_pool_show_answer_maps(void **state) {
    struct crew crew = crew_open(*state, "2", NULL, NULL);
    wherry_value *value = NULL;
    bool keeps = true;
    assert_int_equal(wherry_status(crew.connection, 5000, &value), WHERRY_OK);
    assert_int_equal(wherry_value_read(value, "{sb}", "keeps", &keeps), WHERRY_OK);
    assert_false(keeps);
    wherry_value_release(&value);
    assert_int_equal(wherry_pool_show(crew.connection, NULL, 5000, &value), WHERRY_OK);
    assert_int_equal(wherry_value_kind(value), WHERRY_MAP);
    wherry_value_release(&value);
    assert_int_equal(wherry_pool_show(crew.connection, "nobody", 5000, &value), WHERRY_E_UNKNOWN);
    assert_int_equal(wherry_pool_show(crew.connection, "not a name", 5000, &value),
                     WHERRY_E_INVALID);
    crew_close(&crew);
}

static void a_large_result_comes_whole(void **state) {
    struct crew crew = crew_open(*state, "1", NULL, NULL);
    const void *data = NULL;
    size_t size = 0;
    wherry_async *async = crew_submit(&crew, "large", "i", (int64_t)20 << 20);
    const wherry_value *value = crew_outcome(&crew, async, WHERRY_OK);
    assert_int_equal(wherry_value_read(value, "y", &data, &size), WHERRY_OK);
    assert_int_equal(size, 20 << 20);
    wherry_async_release(&async);
    crew_close(&crew);
}

static void more_result_bytes_than_the_window_all_arrive(void **state) {
    struct crew crew = crew_open(*state, "2", NULL, NULL);
    wherry_async *asyncs[40]; /* 40 × 5 MiB, above the 128 MiB that may be sent ahead */
    for (int64_t i = 0; i < 40; i++) {
        asyncs[i] = crew_submit(&crew, "large", "i", (int64_t)5 << 20);
    }
    for (int64_t i = 0; i < 40; i++) {
        crew_outcome(&crew, asyncs[i], WHERRY_OK);
        wherry_async_release(&asyncs[i]);
    }
    crew_close(&crew);
}

static void several_addresses_are_tried_in_turn(void **state) {
    struct sandbox *box = *state;
    struct broker *broker = broker_start(box, NULL);
    char addresses[512];
    wherry_connection *connection = NULL;
    wherry_value *value = NULL;
    snprintf(addresses, sizeof addresses, "%s,%s", sandbox_endpoint(box, "nobody"),
             broker->endpoint);
    wherry_connect_options options = {.size = sizeof options, .connect_timeout_ms = 20000};
    assert_int_equal(wherry_connect(addresses, &options, &connection), WHERRY_OK);
    assert_int_equal(wherry_status(connection, 5000, &value), WHERRY_OK);
    wherry_value_release(&value);
    wherry_connection_release(&connection);
}

#define IN_SANDBOX(test) cmocka_unit_test_setup_teardown(test, sandbox_setup, sandbox_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_SANDBOX(a_full_queue_says_full_at_once_to_who_will_not_wait),
        IN_SANDBOX(a_wait_at_a_full_queue_ends_with_full_at_its_deadline),
        IN_SANDBOX(who_waits_at_a_full_queue_gets_in_when_there_is_room),
        IN_SANDBOX(large_arguments_that_wait_are_sent_again_when_their_turn_comes),
        IN_SANDBOX(a_task_that_can_never_fit_is_too_large),
        IN_SANDBOX(an_unknown_function_waits_and_everybody_says_why),
        IN_SANDBOX(a_running_task_can_be_cancelled),
        IN_SANDBOX(a_kept_task_is_attached_to_by_its_id_from_another_connection),
        IN_SANDBOX(a_task_submitted_without_keep_is_refused_to_others),
        IN_SANDBOX(fire_and_forget_is_done_when_accepted),
        IN_SANDBOX(a_killed_and_restarted_broker_finishes_everything_under_the_same_ids),
        IN_SANDBOX(calls_made_while_the_broker_is_away_run_when_it_is_back),
        IN_SANDBOX(a_stopped_broker_that_goes_on_is_waited_for),
        IN_SANDBOX(status_and_pool_show_answer_maps),
        IN_SANDBOX(a_large_result_comes_whole),
        IN_SANDBOX(more_result_bytes_than_the_window_all_arrive),
        IN_SANDBOX(several_addresses_are_tried_in_turn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
