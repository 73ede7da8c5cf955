/* SPDX-License-Identifier: MIT
 *
 * MessagePack to JSON and back, with what strangers may send. */
#include "worker/json.h"

#include "common/value.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static void writes_bytes(struct span msgpack, const char *expected) {
    struct bytes out = BYTES_EMPTY;
    assert_true(json_write(&out, msgpack));
    bytes_append(&out, "", 1);
    assert_string_equal((const char *)out.data, expected);
    bytes_free(&out);
}

static void writes(const char *expected, const char *picture, ...) {
    wherry_value *value = NULL;
    va_list arguments;
    va_start(arguments, picture);
    assert_int_equal(value_build_va(&value, picture, arguments), WHERRY_OK);
    va_end(arguments);
    writes_bytes(value_span(value), expected);
    wherry_value_release(&value);
}

static void values_are_written_as_json(void **state) {
    (void)state;
    writes("[1,-7,null,true,\"x\"]", "[iinbs]", (int64_t)1, (int64_t)-7, 1, "x");
    writes("18446744073709551615", "u", UINT64_MAX);
    writes("-9223372036854775808", "i", INT64_MIN);
    writes("0.5", "d", 0.5);
    writes("3.0", "d", 3.0);
    writes("null", "d", (double)INFINITY);
    writes("{\"a\":[],\"b\":{}}", "{s[]s{}}", "a", "b");
}

static void strings_are_escaped_and_mended(void **state) {
    (void)state;
    writes("\"a\\\"b\\\\c\\u000a\\u0001\xc3\xa9\"", "s", "a\"b\\c\n\x01\xc3\xa9");
    writes_bytes((struct span){(const uint8_t *)"\xa3\xff"
                                                "a\xc3",
                               4},
                 "\"\xef\xbf\xbd"
                 "a\xef\xbf\xbd\"");
}

static void bytes_become_base64(void **state) {
    (void)state;
    writes("\"\"", "y", "", (size_t)0);
    writes("\"YQ==\"", "y", "a", (size_t)1);
    writes("\"YWI=\"", "y", "ab", (size_t)2);
    writes("\"YWJj\"", "y", "abc", (size_t)3);
}

static void keys_that_are_no_strings_are_written_as_their_text(void **state) {
    (void)state;
    static const uint8_t map[] = {0x82, 0x01, 0xc0, 0x91, 0x02, 0xc3};
    writes_bytes((struct span){map, sizeof map}, "{\"1\":null,\"[2]\":true}");
}

static void what_is_no_value_is_refused(void **state) {
    (void)state;
    static const uint8_t bomb[] = {0xdd, 0x0f, 0xff, 0xff, 0xff};
    static const uint8_t behind[] = {0xc0, 0xc0};
    struct bytes out = BYTES_EMPTY;
    uint8_t deep[64];
    memset(deep, 0x91, sizeof deep);
    assert_false(json_write(&out, (struct span){bomb, sizeof bomb}));
    assert_false(json_write(&out, (struct span){behind, sizeof behind}));
    assert_false(json_write(&out, (struct span){deep, sizeof deep}));
    assert_false(json_write(&out, (struct span){deep, 0}));
    bytes_free(&out);
}

static void random_bytes_never_crash(void **state) {
    (void)state;
    uint32_t seed = 3;
    struct bytes out = BYTES_EMPTY;
    for (int i = 0; i < 100000; i++) {
        uint8_t noise[24];
        for (size_t at = 0; at < sizeof noise; at++) {
            seed = seed * 1664525 + 1013904223;
            noise[at] = (uint8_t)(seed >> 24);
        }
        bytes_clear(&out);
        json_write(&out, (struct span){noise, noise[0] % sizeof noise});
    }
    bytes_free(&out);
}

static void json_is_read_back(void **state) {
    (void)state;
    static const char *const texts[] = {"[1,-7,null,true,\"x\"]",   "12",  "\"a\\u000ab\"",
                                        "{\"a\":[1,2.5],\"b\":{}}", "0.5", "[]"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct bytes msgpack = BYTES_EMPTY;
        assert_true(json_read(&msgpack, span_of_text(texts[i])));
        writes_bytes(bytes_span(&msgpack), texts[i]);
        bytes_free(&msgpack);
    }
}

static void what_is_no_json_is_not_read(void **state) {
    (void)state;
    static const char *const texts[] = {
        "", "hello", "1 2", "{\"a\":1,\"a\":2}", "[1,", "NaN", "99999999999999999999", "\"\xff\""};
    struct bytes out = BYTES_EMPTY;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        assert_false(json_read(&out, span_of_text(texts[i])));
        assert_int_equal(out.size, 0);
    }
    char deep[101];
    memset(deep, '[', 50);
    memset(deep + 50, ']', 50);
    deep[100] = '\0';
    assert_false(json_read(&out, span_of_text(deep)));
    assert_int_equal(out.size, 0);
    bytes_free(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_written_as_json),
        cmocka_unit_test(strings_are_escaped_and_mended),
        cmocka_unit_test(bytes_become_base64),
        cmocka_unit_test(keys_that_are_no_strings_are_written_as_their_text),
        cmocka_unit_test(what_is_no_value_is_refused),
        cmocka_unit_test(random_bytes_never_crash),
        cmocka_unit_test(json_is_read_back),
        cmocka_unit_test(what_is_no_json_is_not_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
