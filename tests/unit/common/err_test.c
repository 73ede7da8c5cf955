/* SPDX-License-Identifier: MIT
 *
 * Error codes in words, and the last failure of a thread. */
#include "testing.h"

#include "common/err.h"

#include <pthread.h>

static void every_code_has_words_of_its_own(void **state) {
    (void)state;
    for (int i = WHERRY_OK; i <= WHERRY_E_RESTORING; i++) {
        const char *text = wherry_err_text((wherry_err)i);
        assert_non_null(text);
        assert_string_not_equal(text, "unknown error");
        for (int j = WHERRY_OK; j < i; j++) {
            assert_string_not_equal(text, wherry_err_text((wherry_err)j));
        }
    }
}

static void an_unknown_code_has_words_too(void **state) {
    (void)state;
    assert_string_equal(wherry_err_text((wherry_err)(WHERRY_E_RESTORING + 1)), "unknown error");
    assert_string_equal(wherry_err_text((wherry_err)-1), "unknown error");
}

static void the_last_failure_is_kept_and_its_code_returned(void **state) {
    (void)state;
    assert_int_equal(err_set(WHERRY_E_FULL, "queue %s: %d items", "q", 7), WHERRY_E_FULL);
    assert_string_equal(wherry_last_error(), "queue q: 7 items");
}

static void a_failure_can_be_told_again_from_outside(void **state) {
    (void)state;
    err_set(WHERRY_E_TYPE, "letter 3");
    err_set(WHERRY_E_TYPE, "argument 1: %s", wherry_last_error());
    assert_string_equal(wherry_last_error(), "argument 1: letter 3");
}

static void a_long_text_is_cut(void **state) {
    (void)state;
    char text[3 * ERR_TEXT_SIZE];
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    err_set(WHERRY_E_TYPE, "%s", text);
    assert_int_equal(strlen(wherry_last_error()), ERR_TEXT_SIZE - 1);
}

static void *other_thread(void *result) {
    *(bool *)result = wherry_last_error()[0] == '\0';
    err_set(WHERRY_E_LOST, "from the other thread");
    return NULL;
}

static void threads_do_not_share_the_last_failure(void **state) {
    (void)state;
    bool was_empty = false;
    err_set(WHERRY_E_TYPE, "mine");
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, other_thread, &was_empty), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_true(was_empty);
    assert_string_equal(wherry_last_error(), "mine");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_has_words_of_its_own),
        cmocka_unit_test(an_unknown_code_has_words_too),
        cmocka_unit_test(the_last_failure_is_kept_and_its_code_returned),
        cmocka_unit_test(a_failure_can_be_told_again_from_outside),
        cmocka_unit_test(a_long_text_is_cut),
        cmocka_unit_test(threads_do_not_share_the_last_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
