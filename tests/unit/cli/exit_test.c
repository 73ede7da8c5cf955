/* SPDX-License-Identifier: MIT
 *
 * Exit codes: scripts rely on them, so each is written down here once more. */
#include "client/cli/cli.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void every_error_has_the_exit_code_that_is_promised(void **state) {
    (void)state;
    static const struct {
        wherry_err err;
        int code;
    } promised[] = {
        {WHERRY_OK, 0},          {WHERRY_E_TASK_FAILED, 1}, {WHERRY_E_WORKER_LOST, 1},
        {WHERRY_E_LOST, 1},      {WHERRY_E_UNCERTAIN, 1},   {WHERRY_E_INVALID, 2},
        {WHERRY_E_TYPE, 2},      {WHERRY_E_UNKNOWN, 3},     {WHERRY_E_NO_FUNCTION, 3},
        {WHERRY_E_TIMEOUT, 4},   {WHERRY_E_NO_BROKER, 5},   {WHERRY_E_REFUSED, 6},
        {WHERRY_E_FULL, 6},      {WHERRY_E_CLOSED, 6},      {WHERRY_E_RESULTS_FULL, 6},
        {WHERRY_E_TOO_LARGE, 6}, {WHERRY_E_DRAINING, 6},    {WHERRY_E_CANCELLED, 7},
        {WHERRY_E_EXPIRED, 7},
    };
    for (size_t i = 0; i < sizeof promised / sizeof *promised; i++) {
        assert_int_equal(cli_exit_of(promised[i].err), promised[i].code);
    }
}

static void only_success_is_0(void **state) {
    (void)state;
    for (int err = 1; err < 100; err++) { /* those of later versions, too */
        int code = cli_exit_of((wherry_err)err);
        assert_in_range(code, 1, 7);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_error_has_the_exit_code_that_is_promised),
        cmocka_unit_test(only_success_is_0),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
