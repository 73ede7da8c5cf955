/* SPDX-License-Identifier: MIT
 *
 * Cells of tables: units, digits, and a dash for nothing. */
#include "client/cli/table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void assert_cell(enum column_kind kind, json_t *value, const char *expected) {
    char cell[64];
    table_cell(kind, value, cell, sizeof cell);
    assert_string_equal(cell, expected);
    json_decref(value);
}

static void nothing_is_a_dash(void **state) {
    (void)state;
    assert_cell(COLUMN_TEXT, NULL, "-");
    assert_cell(COLUMN_TEXT, json_string(""), "-");
    assert_cell(COLUMN_REAL, json_null(), "-");
}

static void bytes_and_ages_take_the_unit_that_fits(void **state) {
    (void)state;
    assert_cell(COLUMN_BYTES, json_integer(0), "0B");
    assert_cell(COLUMN_BYTES, json_integer(1023), "1023B");
    assert_cell(COLUMN_BYTES, json_integer(1536), "1.5K");
    assert_cell(COLUMN_BYTES, json_integer(INT64_C(4) << 30), "4.0G");
    assert_cell(COLUMN_AGE, json_integer(250), "250ms");
    assert_cell(COLUMN_AGE, json_integer(1500), "1.5s");
    assert_cell(COLUMN_AGE, json_integer(90000), "1.5m");
    assert_cell(COLUMN_AGE, json_integer(72 * 3600000), "3.0d");
}

static void numbers_have_the_digits_that_say_something(void **state) {
    (void)state;
    assert_cell(COLUMN_COUNT, json_integer(1000000), "1000000");
    assert_cell(COLUMN_REAL, json_real(0.3217), "0.32");
    assert_cell(COLUMN_REAL, json_real(47.26), "47.3");
    assert_cell(COLUMN_REAL, json_real(1234567.8), "1234568");
    assert_cell(COLUMN_TEXT, json_true(), "yes");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_a_dash),
        cmocka_unit_test(bytes_and_ages_take_the_unit_that_fits),
        cmocka_unit_test(numbers_have_the_digits_that_say_something),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
