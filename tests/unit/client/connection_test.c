/* SPDX-License-Identifier: MIT
 *
 * A connection's bad days: no broker, a restarted one, interruptions, signals, forks. */
#include "house.h"

#include <dirent.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
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

static void a_name_that_does_not_exist_is_told(void **state) {
    (void)state;
    wherry_connect_options options = {.size = sizeof options, .connect_timeout_ms = 50};
    wherry_connection *connection = NULL;
    const char *label = "sixty-four-characters-and-more-are-no-label-of-any-name-on-this-earth";
    char address[128];
    snprintf(address, sizeof address, "tcp://%s:7380", label);
    assert_int_equal(wherry_connect(address, &options, &connection), WHERRY_E_NO_BROKER);
    assert_non_null(strstr(wherry_last_error(), "does not resolve"));
}

static void an_address_that_cannot_be_is_invalid(void **state) {
    (void)state;
    static const char *const wrong[] = {
        "tcp://*:7380",   "tcp://a:b:7380", "tcp://[::1:7380", "tcp://a;b:7380", "tcp://[]:7380",
        "tcp://::1:7380", "ipc://@",        "tcp://a/b:7380",  "tcp://a:1,",     ",",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        wherry_connection *connection = NULL;
        wherry_connect_options options = {.size = sizeof options, .connect_timeout_ms = 50};
        wherry_err err = wherry_connect(wrong[i], &options, &connection);
        if (err != WHERRY_E_INVALID) {
            fail_msg("%s: %s", wrong[i], wherry_last_error());
        }
        assert_true(strstr(wherry_last_error(), "address") != NULL);
    }
}

static size_t thread_count(void) {
    size_t count = 0;
    DIR *threads = opendir("/proc/self/task");
    while (readdir(threads) != NULL) {
        count++;
    }
    closedir(threads);
    return count;
}

static void a_call_after_the_release_starts_no_thread(void **state) {
    (void)state;
    struct mini *mini = mini_start(1);
    wherry_connection *connection = NULL;
    wherry_pool *pool = NULL;
    struct heard heard = HEARD_EMPTY;
    wherry_call_options options = heard_options(&heard);
    size_t before = thread_count();
    assert_int_equal(wherry_connect(mini_endpoint(mini), NULL, &connection), WHERRY_OK);
    assert_int_equal(wherry_pool_open(connection, NULL, &pool), WHERRY_OK);
    wherry_connection_release(&connection);
    assert_int_equal(wherry_pool_apply_async(pool, "noop", &options, NULL, ""), WHERRY_E_CLOSED);
    assert_int_equal(thread_count(), before);
    wherry_pool_release(&pool);
    mini_stop(&mini);
}

static void an_interruption_does_not_keep_a_release_from_sending(void **state) {
    struct house *house = *state;
    enum { MANY = 20000 };
    for (int64_t i = 0; i < MANY; i++) {
        assert_int_equal(wherry_pool_apply_async(house->pool, "hold", NULL, NULL, "i", i), 0);
    }
    wherry_interrupt(house->connection);
    wherry_pool_close(house->pool);
    wherry_connection_release(&house->connection);
    mini_wait_submitted(house->mini, MANY);
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

static void *get_another(void *context) {
    struct house *house = context;
    wherry_async *async = echo(house, "hold", 2);
    intptr_t err = wherry_async_get(async, LONG_MS, NULL);
    wherry_async_release(&async);
    return (void *)err;
}

/* The first one, being alone, does the I/O thread's work; the other comes later and stays longer.
 */
static void who_waits_beside_a_lone_waiter_is_answered_after_it_left(void **state) {
    struct house *house = *state;
    wherry_async *async = echo(house, "hold", 1);
    assert_int_equal(wherry_async_get(async, 1, NULL), WHERRY_E_TIMEOUT);
    pthread_t other;
    assert_int_equal(pthread_create(&other, NULL, get_another, house), 0);
    wherry_err err = WHERRY_E_TIMEOUT;
    mini_wait_submitted(house->mini, 2);
    for (int i = 0; i < 20 && err == WHERRY_E_TIMEOUT; i++) {
        err = wherry_async_get(async, 1, NULL);
    }
    assert_int_equal(err, WHERRY_E_TIMEOUT);
    mini_release(house->mini);
    void *told = NULL;
    pthread_join(other, &told);
    assert_int_equal((intptr_t)told, WHERRY_OK);
    assert_int_equal(wherry_async_get(async, LONG_MS, NULL), WHERRY_OK);
    wherry_async_release(&async);
}

static void a_release_ends_the_lone_wait_of_another_thread(void **state) {
    struct house *house = *state;
    pthread_t other;
    assert_int_equal(pthread_create(&other, NULL, get_another, house), 0);
    mini_wait_submitted(house->mini, 1);
    wherry_connection_release(&house->connection);
    void *told = NULL;
    pthread_join(other, &told);
    assert_int_equal((intptr_t)told, WHERRY_E_CLOSED);
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

static atomic_bool hammering;

static void *hammer(void *argument) {
    struct house *house = argument;
    while (hammering) {
        wherry_async *async = NULL;
        wherry_pool_apply_async(house->pool, "noop", NULL, &async, "");
        wherry_async_get(async, WHERRY_FOREVER, NULL);
        wherry_async_release(&async);
    }
    return NULL;
}

/* Whatever other threads were doing at the moment of the fork. */
static void in_a_forked_child_nothing_hangs(void **state) {
    struct house *house = *state;
    pthread_t threads[2];
    wherry_async *async = echo(house, "hold", 1);
    hammering = true;
    for (int i = 0; i < 2; i++) {
        pthread_create(&threads[i], NULL, hammer, house);
    }
    int bad = 0;
    for (int i = 0; i < 300; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            alarm(10);
            _exit(strlen(wherry_async_id(async)) == 26 || wherry_async_id(async)[0] == 0 ? 0 : 1);
        }
        int status = 0;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        bad += status != 0;
        if (bad > 0) {
            break;
        }
    }
    hammering = false;
    for (int i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
    }
    assert_int_equal(bad, 0);
    mini_release(house->mini);
    wherry_async_release(&async);
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
        cmocka_unit_test(a_name_that_does_not_exist_is_told),
        cmocka_unit_test(an_address_that_cannot_be_is_invalid),
        cmocka_unit_test(a_call_after_the_release_starts_no_thread),
        IN_HOUSE(an_interruption_does_not_keep_a_release_from_sending),
        IN_HOUSE(interrupt_ends_a_wait_from_a_signal_handler),
        IN_HOUSE(an_interrupt_before_the_wait_ends_the_next_one),
        IN_HOUSE(a_signal_alone_ends_no_wait),
        IN_HOUSE(who_waits_beside_a_lone_waiter_is_answered_after_it_left),
        IN_HOUSE(a_release_ends_the_lone_wait_of_another_thread),
        IN_HOUSE(in_a_forked_child_nothing_hangs),
        IN_HOUSE(in_a_forked_child_handles_say_forked_and_release_frees),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
