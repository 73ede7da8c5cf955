/* SPDX-License-Identifier: MIT
 *
 * local: addresses: what is read, and that everything else is refused with the words for it. */
#include "client/local_address.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void options_are_read_in_any_order(void **state) {
    (void)state;
    struct local_address address;
    assert_int_equal(local_address_read("local:", &address), WHERRY_OK);
    assert_int_equal(address.start, LOCAL_SPAWN);
    assert_int_equal(address.processes, 0);
    assert_false(address.given);
    assert_int_equal(local_address_read("local:?start=fork&processes=4", &address), WHERRY_OK);
    assert_int_equal(address.start, LOCAL_FORK);
    assert_int_equal(address.processes, 4);
    assert_true(address.given);
    assert_int_equal(local_address_read("local:?processes=1024&start=spawn", &address), WHERRY_OK);
    assert_int_equal(address.start, LOCAL_SPAWN);
    assert_int_equal(address.processes, 1024);
}

static void everything_else_is_refused_in_words(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {"local:?strat=fork", "no option \"strat\": there are start=spawn|fork and processes=N"},
        {"local:?start=forkserver", "start=forkserver: it is spawn or fork"},
        {"local:?processes=0", "it is a number from 1 to 1024"},
        {"local:?processes=", "it is a number from 1 to 1024"},
        {"local:?processes=-1", "it is a number from 1 to 1024"},
        {"local:?processes=99999999999999999999", "it is a number from 1 to 1024"},
        {"local:?processes", "it is a number from 1 to 1024"},
        {"local:?", "no option \"\""},
        {"local:?start=fork&", "no option \"\""},
        {"local:fork", "behind local: stands nothing, or ?start=fork&processes=4"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct local_address address;
        assert_int_equal(local_address_read(cases[i][0], &address), WHERRY_E_INVALID);
        if (strstr(wherry_last_error(), cases[i][1]) == NULL) {
            fail_msg("%s: %s", cases[i][0], wherry_last_error());
        }
    }
}

static void only_local_is_local(void **state) {
    (void)state;
    assert_true(local_address_is("local:"));
    assert_true(local_address_is("local:?start=fork"));
    assert_false(local_address_is("tcp://local:1"));
    assert_false(local_address_is("localhost"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_are_read_in_any_order),
        cmocka_unit_test(everything_else_is_refused_in_words),
        cmocka_unit_test(only_local_is_local),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
