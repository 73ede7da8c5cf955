/* SPDX-License-Identifier: MIT
 *
 * Names of brokers that do not exist. A label of more than 63 characters is one that no name server
 * need be asked for. */
#include "common/link/resolve.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

enum { LIMIT_MS = 20000 };

#define LABEL "sixty-four-characters-and-more-are-no-label-of-any-name-on-this-earth"

static void a_name_that_does_not_resolve_is_named(void **state) {
    (void)state;
    char why[RESOLVE_WHY];
    assert_true(resolve_explain("tcp://127.0.0.1:1,tcp://" LABEL ":7380", LIMIT_MS, why));
    assert_non_null(strstr(why, "the name " LABEL " does not resolve: "));
}

static void addresses_that_need_no_name_are_fine(void **state) {
    (void)state;
    char why[RESOLVE_WHY];
    assert_false(resolve_explain("tcp://127.0.0.1:1", LIMIT_MS, why));
    assert_false(resolve_explain("tcp://[::1]:1,ipc:///tmp/nobody", LIMIT_MS, why));
    assert_false(resolve_explain("no address", LIMIT_MS, why));
}

static void nobody_waits_for_a_slow_answer(void **state) {
    (void)state;
    char why[RESOLVE_WHY];
    resolve_explain("tcp://" LABEL ":7380", 0, why); /* whatever it says, it comes back */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_that_does_not_resolve_is_named),
        cmocka_unit_test(addresses_that_need_no_name_are_fine),
        cmocka_unit_test(nobody_waits_for_a_slow_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
