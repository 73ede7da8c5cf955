/* SPDX-License-Identifier: MIT
 *
 * Endpoints: which are well formed, who can reach them, who holds them. */
#include "broker/net/endpoint.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void loopback_is_what_only_this_machine_reaches(void **state) {
    (void)state;
    assert_true(endpoint_is_loopback("127.0.0.1"));
    assert_true(endpoint_is_loopback("127.8.9.10"));
    assert_true(endpoint_is_loopback("::1"));
    assert_true(endpoint_is_loopback("localhost"));
    assert_false(endpoint_is_loopback("0.0.0.0"));
    assert_false(endpoint_is_loopback("::"));
    assert_false(endpoint_is_loopback("10.0.0.1"));
    assert_false(endpoint_is_loopback("*"));
    assert_false(endpoint_is_loopback("127.0.0.1.example.org"));
    assert_false(endpoint_is_loopback("::ffff:10.0.0.1"));
}

static void endpoints_are_checked(void **state) {
    (void)state;
    static const struct {
        const char *endpoint;
        bool insecure;
        wherry_err err;
    } cases[] = {
        {"tcp://127.0.0.1:7380", false, WHERRY_OK},
        {"tcp://127.0.0.1:*", false, WHERRY_OK},
        {"tcp://[::1]:7380", false, WHERRY_OK},
        {"ipc:///run/wherry/broker", false, WHERRY_OK},
        {"tcp://0.0.0.0:7380", true, WHERRY_OK},
        {"tcp://*:7380", true, WHERRY_OK},
        {"tcp://eth0:7380", true, WHERRY_OK},
        {"tcp://0.0.0.0:7380", false, WHERRY_E_REFUSED},
        {"tcp://[::]:7380", false, WHERRY_E_REFUSED},
        {"tcp://eth0:7380", false, WHERRY_E_REFUSED},
        {"tcp://127.0.0.1", true, WHERRY_E_INVALID},
        {"tcp://:7380", true, WHERRY_E_INVALID},
        {"tcp://::1:7380", true, WHERRY_E_INVALID},
        {"tcp://127.0.0.1:65536", true, WHERRY_E_INVALID},
        {"tcp://127.0.0.1:-1", true, WHERRY_E_INVALID},
        {"tcp://127.0.0.1:", true, WHERRY_E_INVALID},
        {"udp://127.0.0.1:1", true, WHERRY_E_INVALID},
        {"ipc://relative", true, WHERRY_E_INVALID},
        {"", true, WHERRY_E_INVALID},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (endpoint_check(cases[i].endpoint, cases[i].insecure) != cases[i].err) {
            fail_msg("%s: not %s", cases[i].endpoint, wherry_err_text(cases[i].err));
        }
    }
}

static void a_path_longer_than_a_sockets_name_is_refused(void **state) {
    char endpoint[256] = "ipc:///";
    (void)state;
    memset(endpoint + 7, 'x', 106);
    assert_int_equal(endpoint_check(endpoint, false), WHERRY_OK);
    memset(endpoint + 7, 'x', 107);
    assert_int_equal(endpoint_check(endpoint, false), WHERRY_E_INVALID);
}

static void http_addresses_are_checked(void **state) {
    (void)state;
    assert_int_equal(endpoint_check_http("127.0.0.1:0", false), WHERRY_OK);
    assert_int_equal(endpoint_check_http("[::1]:7381", false), WHERRY_OK);
    assert_int_equal(endpoint_check_http("localhost:7381", false), WHERRY_OK);
    assert_int_equal(endpoint_check_http("0.0.0.0:7381", true), WHERRY_OK);
    assert_int_equal(endpoint_check_http("0.0.0.0:7381", false), WHERRY_E_REFUSED);
    assert_int_equal(endpoint_check_http("example.org:80", true), WHERRY_E_INVALID);
    assert_int_equal(endpoint_check_http("7381", true), WHERRY_E_INVALID);
}

static int folder_setup(void **state) {
    char *folder = strdup("/tmp/wherry-endpoint-XXXXXX");
    *state = folder;
    return folder == NULL || mkdtemp(folder) == NULL ? -1 : 0;
}

static int folder_teardown(void **state) {
    int result = rmdir(*state); /* fails if something was left */
    free(*state);
    return result;
}

static void a_path_is_locked_once_and_leaves_nothing(void **state) {
    char path[128];
    int first = -1;
    int second = -1;
    snprintf(path, sizeof path, "%s/socket", (const char *)*state);
    assert_int_equal(endpoint_lock(path, &first), WHERRY_OK);
    assert_int_equal(endpoint_lock(path, &second), WHERRY_E_BUSY);
    endpoint_unlock(path, &first);
    assert_int_equal(first, -1);
    assert_int_equal(endpoint_lock(path, &second), WHERRY_OK);
    endpoint_unlock(path, &second);
    endpoint_unlock(path, &second);
}

static void a_missing_folder_is_said(void **state) {
    char path[128];
    int fd = -1;
    snprintf(path, sizeof path, "%s/no/socket", (const char *)*state);
    assert_int_equal(endpoint_lock(path, &fd), WHERRY_E_SYSTEM);
    assert_non_null(strstr(wherry_last_error(), "No such file"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loopback_is_what_only_this_machine_reaches),
        cmocka_unit_test(endpoints_are_checked),
        cmocka_unit_test(a_path_longer_than_a_sockets_name_is_refused),
        cmocka_unit_test(http_addresses_are_checked),
        cmocka_unit_test_setup_teardown(a_path_is_locked_once_and_leaves_nothing, folder_setup,
                                        folder_teardown),
        cmocka_unit_test_setup_teardown(a_missing_folder_is_said, folder_setup, folder_teardown),
    };
    return cmocka_run_group_tests_name("endpoint", tests, NULL, NULL);
}
