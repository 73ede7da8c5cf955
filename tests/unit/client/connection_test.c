/* SPDX-License-Identifier: MIT
 *
 * A connection's bad days: no broker, a restarted one, interruptions, signals, forks. */
#include "house.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void a_restarted_broker_is_given_unfinished_tasks_again_with_their_ids(void **state) {
    struct house *house = *state;
    wherry_async *asyncs[30];
    char ids[30][32];
    for (int64_t i = 0; i < 30; i++) {
        asyncs[i] = echo(house, "hold", i);
        snprintf(ids[i], sizeof ids[i], "%s", wherry_async_id(asyncs[i]));
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
        poll(NULL, 0, 2);
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
    bool right =
        wherry_async_get(async, WHERRY_FOREVER, NULL) == WHERRY_E_FORKED &&
        wherry_pool_apply_async(house->pool, "noop", NULL, &other, "") == WHERRY_E_FORKED &&
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

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_HOUSE(a_restarted_broker_is_given_unfinished_tasks_again_with_their_ids),
        cmocka_unit_test(no_broker_within_the_limit_ends_calls_and_it_works_again_later),
        cmocka_unit_test(nobody_at_the_address_is_no_broker),
        IN_HOUSE(interrupt_ends_a_wait_from_a_signal_handler),
        IN_HOUSE(an_interrupt_before_the_wait_ends_the_next_one),
        IN_HOUSE(a_signal_alone_ends_no_wait),
        IN_HOUSE(in_a_forked_child_handles_say_forked_and_release_frees),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
