/* SPDX-License-Identifier: MIT
 *
 * The bounds-checking reader of msgpack. */
#include "testing.h"

#include "common/err.h"
#include "common/wire/cursor.h"

/* Runs over a copy that ends where its memory does. */
#define WITH_CURSOR(cursor, literal) \
    for (struct span tight = span_tight(SPAN(literal)); tight.data != NULL; \
         span_free(tight), tight.data = NULL) \
        for (struct cursor cursor = cursor_of(tight), *once = &cursor; once != NULL; once = NULL)

static void every_width_of_a_number_is_read(void **state) {
    (void)state;
    const struct {
        struct span bytes;
        uint64_t value;
    } cases[] = {
        {SPAN("\x07"), 7},
        {SPAN("\x7f"), 127},
        {SPAN("\xcc\x80"), 128},
        {SPAN("\xcd\x01\x00"), 256},
        {SPAN("\xce\x00\x01\x00\x00"), 65536},
        {SPAN("\xcf\x00\x00\x00\x01\x00\x00\x00\x00"), UINT64_C(1) << 32},
        {SPAN("\xd0\x07"), 7},
        {SPAN("\xd3\x7f\xff\xff\xff\xff\xff\xff\xff"), INT64_MAX},
        {SPAN("\xcf\x00\x00\x00\x00\x00\x00\x00\x05"), 5}, /* wider than it must be */
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct span tight = span_tight(cases[i].bytes);
        struct cursor cursor = cursor_of(tight);
        uint64_t value;
        assert_true(cursor_uint(&cursor, &value));
        assert_true(value == cases[i].value && cursor.at == cursor.end);
        span_free(tight);
        uint8_t padded[32] = {0}; /* and by the fast path, which needs room behind */
        memcpy(padded, cases[i].bytes.data, cases[i].bytes.size);
        cursor = cursor_of((struct span){padded, sizeof padded});
        assert_true(cursor_uint(&cursor, &value) && value == cases[i].value);
        assert_int_equal(cursor.at - padded, cases[i].bytes.size);
    }
}

static void a_negative_number_is_no_unsigned_one(void **state) {
    (void)state;
    const struct span cases[] = {SPAN("\xff"), SPAN("\xd0\x80"), SPAN("\xd1\xff\xff"),
                                        SPAN("\xc3"), SPAN("\xa1x"), SPAN("\xc0"), SPAN("\xc1")};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        uint8_t padded[32] = {0};
        memcpy(padded, cases[i].data, cases[i].size);
        struct cursor cursor = cursor_of((struct span){padded, sizeof padded});
        uint64_t value;
        assert_false(cursor_uint(&cursor, &value));
    }
}

static void signed_numbers_are_widened(void **state) {
    (void)state;
    int64_t value;
    WITH_CURSOR(cursor, "\xff\xd0\x80\xd1\x80\x00\xd2\x80\x00\x00\x00"
                        "\xd3\x80\x00\x00\x00\x00\x00\x00\x00\xcd\xff\xff") {
        assert_true(cursor_i64(&cursor, &value) && value == -1);
        assert_true(cursor_i64(&cursor, &value) && value == -128);
        assert_true(cursor_i64(&cursor, &value) && value == -32768);
        assert_true(cursor_i64(&cursor, &value) && value == INT32_MIN);
        assert_true(cursor_i64(&cursor, &value) && value == INT64_MIN);
        assert_true(cursor_i64(&cursor, &value) && value == 65535);
        assert_true(cursor.at == cursor.end);
    }
}

static void a_number_out_of_range_is_refused_before_it_is_narrowed(void **state) {
    (void)state;
    uint16_t u16;
    uint32_t u32;
    int32_t i32;
    int64_t i64;
    WITH_CURSOR(cursor, "\xce\x00\x01\x00\x00") {
        assert_false(cursor_u16(&cursor, &u16));
    }
    WITH_CURSOR(cursor, "\xcf\x00\x00\x00\x01\x00\x00\x00\x00") {
        assert_false(cursor_u32(&cursor, &u32));
    }
    WITH_CURSOR(cursor, "\xce\x80\x00\x00\x00") {
        assert_false(cursor_i32(&cursor, &i32));
    }
    WITH_CURSOR(cursor, "\xcf\x80\x00\x00\x00\x00\x00\x00\x00") {
        assert_false(cursor_i64(&cursor, &i64));
    }
    WITH_CURSOR(cursor, "\xfe") {
        assert_false(cursor_patience(&cursor, &i64)); /* -2 */
    }
    WITH_CURSOR(cursor, "\xcd\x10\x00") {
        assert_false(cursor_slot(&cursor, &u16)); /* 4096 */
    }
}

static void real_numbers_are_read_at_both_widths(void **state) {
    (void)state;
    WITH_CURSOR(cursor, "\xca\x3f\xc0\x00\x00\xcb\x3f\xf8\x00\x00\x00\x00\x00\x00") {
        struct cursor_token token;
        assert_true(cursor_next(&cursor, &token) && token.kind == CURSOR_REAL);
        assert_true(token.real == 1.5);
        assert_true(cursor_next(&cursor, &token) && token.kind == CURSOR_REAL);
        assert_true(token.real == 1.5 && cursor.at == cursor.end);
    }
}

static void every_first_byte_is_a_token_or_refused(void **state) {
    (void)state;
    for (int head = 0; head < 256; head++) {
        uint8_t bytes[64] = {0};
        bytes[0] = (uint8_t)head;
        struct cursor cursor = cursor_of((struct span){bytes, sizeof bytes});
        struct cursor_token token;
        assert_int_equal(cursor_next(&cursor, &token), head != 0xc1);
    }
}

static void a_count_beyond_the_bytes_is_refused(void **state) {
    (void)state;
    uint32_t count;
    WITH_CURSOR(cursor, "\xdd\x01\x00\x00\x00\x00\x00\x00") {
        assert_false(cursor_array(&cursor, &count)); /* 16 million items in 3 bytes */
    }
    WITH_CURSOR(cursor, "\xdf\xff\xff\xff\xff\x00\x00") {
        assert_false(cursor_map(&cursor, &count));
    }
    WITH_CURSOR(cursor, "\x82\x00\x00\x00") {
        assert_false(cursor_map(&cursor, &count)); /* two pairs are four values */
    }
    WITH_CURSOR(cursor, "\xc6\xff\xff\xff\xff\x00") {
        struct span span;
        assert_false(cursor_bin(&cursor, &span));
    }
    WITH_CURSOR(cursor, "\xc9\xff\xff\xff\xff\x00") {
        assert_false(cursor_skip(&cursor, 16));
    }
}

static void sixteen_levels_are_read_and_seventeen_are_not(void **state) {
    (void)state;
    uint8_t bytes[18];
    memset(bytes, 0x91, sizeof bytes);
    bytes[16] = 0xc0;
    struct cursor cursor = cursor_of((struct span){bytes, 17});
    assert_true(cursor_skip(&cursor, 16));
    assert_true(cursor.at == cursor.end);
    bytes[16] = 0x91;
    bytes[17] = 0xc0;
    cursor = cursor_of((struct span){bytes, 18});
    assert_false(cursor_skip(&cursor, 16));
}

static void a_scan_tells_depth_and_extensions(void **state) {
    (void)state;
    struct cursor_scan scan;
    WITH_CURSOR(cursor, "\x92\x01\x81\xa1k\x90") {
        assert_true(cursor_scan(&cursor, 16, &scan));
        assert_int_equal(scan.depth, 3);
        assert_false(scan.has_ext);
    }
    WITH_CURSOR(cursor, "\x92\x01\xd4\x05\x06") {
        assert_true(cursor_scan(&cursor, 16, &scan));
        assert_true(scan.has_ext && cursor.at == cursor.end);
    }
}

static void texts_have_their_bounds(void **state) {
    (void)state;
    struct span span;
    WITH_CURSOR(cursor, "\xa3" "abc") {
        struct cursor again = cursor;
        assert_true(cursor_str(&cursor, 3, &span));
        assert_span(span, "abc");
        assert_false(cursor_str(&again, 2, &span));
    }
    WITH_CURSOR(cursor, "\xa0") {
        struct cursor again = cursor;
        assert_false(cursor_function(&cursor, &span)); /* empty */
        assert_false(cursor_name(&again, &span));
    }
    WITH_CURSOR(cursor, "\xa3" "a b") {
        struct cursor again = cursor;
        assert_true(cursor_function(&cursor, &span));
        assert_false(cursor_name(&again, &span));
    }
}

static void nothing_is_read_from_nothing(void **state) {
    (void)state;
    struct cursor cursor = cursor_of((struct span){NULL, 0});
    struct cursor_token token;
    uint64_t number;
    struct span span;
    assert_int_equal(cursor_peek(&cursor), MSG_NEVER);
    assert_false(cursor_next(&cursor, &token));
    assert_false(cursor_uint(&cursor, &number));
    assert_false(cursor_bin(&cursor, &span));
    assert_false(cursor_skip(&cursor, 16));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_width_of_a_number_is_read),
        cmocka_unit_test(a_negative_number_is_no_unsigned_one),
        cmocka_unit_test(signed_numbers_are_widened),
        cmocka_unit_test(a_number_out_of_range_is_refused_before_it_is_narrowed),
        cmocka_unit_test(real_numbers_are_read_at_both_widths),
        cmocka_unit_test(every_first_byte_is_a_token_or_refused),
        cmocka_unit_test(a_count_beyond_the_bytes_is_refused),
        cmocka_unit_test(sixteen_levels_are_read_and_seventeen_are_not),
        cmocka_unit_test(a_scan_tells_depth_and_extensions),
        cmocka_unit_test(texts_have_their_bounds),
        cmocka_unit_test(nothing_is_read_from_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
