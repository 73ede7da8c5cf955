/* SPDX-License-Identifier: MIT
 *
 * Values and JSON: each kind both ways, and what JSON cannot say. */
#include "client/cli/convert.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The JSON text of a value, which is released. */
static void assert_json(wherry_value *value, const char *expected) {
    json_t *json = json_from_value(value);
    char *text = json_dumps(json, JSON_ENCODE_ANY | JSON_COMPACT);
    assert_string_equal(text, expected);
    free(text);
    json_decref(json);
    wherry_value_release(&value);
}

static wherry_value *value_of(const char *text) {
    wherry_value *value = NULL;
    json_t *json = json_loads(text, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    assert_non_null(json);
    assert_int_equal(json_to_value(json, &value), WHERRY_OK);
    json_decref(json);
    return value;
}

static void json_comes_back_as_it_was(void **state) {
    (void)state;
    static const char *const texts[] = {
        "null",
        "true",
        "false",
        "0",
        "-1",
        "9223372036854775807",
        "-9223372036854775808",
        "1.5",
        "\"\"",
        "\"h\xc3\xa4\"",
        "\"a\\u0000b\"",
        "[]",
        "[1,[2,[3]]]",
        "{}",
        "{\"a\":{\"b\":[null,\"c\"]}}",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        assert_json(value_of(texts[i]), texts[i]);
    }
}

static void bytes_become_base64(void **state) {
    (void)state;
    static const struct {
        const char *bytes;
        const char *json;
    } pairs[] = {
        {"", "\"\""},
        {"f", "\"Zg==\""},
        {"fo", "\"Zm8=\""},
        {"foo", "\"Zm9v\""},
        {"\xff\xfe\xfd\xfc", "\"//79/A==\""},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        wherry_value *value = NULL;
        assert_int_equal(wherry_value_build(&value, "y", pairs[i].bytes, strlen(pairs[i].bytes)),
                         WHERRY_OK);
        assert_json(value, pairs[i].json);
    }
}

static void what_is_no_utf8_is_replaced(void **state) {
    (void)state;
    wherry_value *value = NULL;
    assert_int_equal(wherry_value_build(&value, "S", "a\xff\xc3\xa4\xe2\x82", (size_t)6),
                     WHERRY_OK);
    json_t *json = json_from_value(value);
    assert_string_equal(json_string_value(json), "a\xEF\xBF\xBD\xc3\xa4\xEF\xBF\xBD\xEF\xBF\xBD");
    json_decref(json);
    wherry_value_release(&value);
}

static void numbers_that_json_lacks_are_said_in_words(void **state) {
    (void)state;
    static const double numbers[] = {NAN, INFINITY, -INFINITY};
    static const char *const texts[] = {"\"NaN\"", "\"Infinity\"", "\"-Infinity\""};
    for (size_t i = 0; i < 3; i++) {
        wherry_value *value = NULL;
        assert_int_equal(wherry_value_build(&value, "d", numbers[i]), WHERRY_OK);
        assert_json(value, texts[i]);
    }
    wherry_value *big = NULL;
    assert_int_equal(wherry_value_build(&big, "u", UINT64_MAX), WHERRY_OK);
    assert_json(big, "1.8446744073709552e19");
}

static void a_key_that_is_no_string_becomes_its_text(void **state) {
    (void)state;
    wherry_value *value = NULL;
    assert_int_equal(wherry_value_build(&value, "{is}", (int64_t)7, "seven"), WHERRY_OK);
    assert_json(value, "{\"7\":\"seven\"}");
}

static void deep_json_is_refused(void **state) {
    (void)state;
    char text[129];
    memset(text, '[', 64);
    memset(text + 64, ']', 64);
    text[128] = '\0';
    json_t *json = json_loads(text, 0, NULL);
    wherry_value *value = NULL;
    assert_non_null(json);
    assert_int_equal(json_to_value(json, &value), WHERRY_E_TYPE);
    assert_null(value);
    json_decref(json);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_comes_back_as_it_was),
        cmocka_unit_test(bytes_become_base64),
        cmocka_unit_test(what_is_no_utf8_is_replaced),
        cmocka_unit_test(numbers_that_json_lacks_are_said_in_words),
        cmocka_unit_test(a_key_that_is_no_string_becomes_its_text),
        cmocka_unit_test(deep_json_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
