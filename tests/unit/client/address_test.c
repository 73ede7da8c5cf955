/* SPDX-License-Identifier: MIT
 *
 * Addresses of a connection: what a comma-separated list is taken apart into. */
#include "common/link/address.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void several_addresses_are_taken_apart(void **state) {
    (void)state;
    struct addresses addresses;
    assert_int_equal(addresses_parse("tcp://a:1,ipc:///tmp/x,tcp://[::1]:9", &addresses), 0);
    assert_int_equal(addresses.count, 3);
    assert_string_equal(addresses.items[1], "ipc:///tmp/x");
    addresses_fini(&addresses);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(several_addresses_are_taken_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
