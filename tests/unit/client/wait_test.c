/* SPDX-License-Identifier: MIT
 *
 * Waiting on words, without a connection around them: interruptions above all. */
#include "client/wait.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static void an_interruption_ends_the_wait_under_way_although_another_begins_first(void **state) {
    (void)state;
    struct waiters waiters = {.mutex = &mutex};
    atomic_uint word = 0;
    struct waiter under_way = {.word = &word};
    waiters.first = &under_way;
    wait_interrupt_ask(&waiters);
    /* Before the I/O thread gets to it: */
    atomic_uint other = 0;
    assert_int_equal(wait_word(&waiters, &other, WAIT_DONE, 1), WHERRY_E_TIMEOUT);
    assert_true(atomic_load(&under_way.interrupted));
}

static void an_interruption_that_meets_no_wait_ends_the_next_one_only(void **state) {
    (void)state;
    struct waiters waiters = {.mutex = &mutex};
    atomic_uint word = 0;
    wait_interrupt_ask(&waiters);
    assert_int_equal(wait_word(&waiters, &word, WAIT_DONE, INT64_MAX), WHERRY_E_INTERRUPTED);
    assert_int_equal(wait_word(&waiters, &word, WAIT_DONE, 1), WHERRY_E_TIMEOUT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_interruption_ends_the_wait_under_way_although_another_begins_first),
        cmocka_unit_test(an_interruption_that_meets_no_wait_ends_the_next_one_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
