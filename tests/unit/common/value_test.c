/* SPDX-License-Identifier: MIT
 *
 * Values: building, raw MessagePack, shape, items. Reading by picture: value_read_test.c. */
#include "testing.h"

#include "common/value.h"

static void assert_msgpack(const wherry_value *value, struct span wanted) {
    size_t size;
    const void *data = wherry_value_msgpack(value, &size);
    assert_int_equal(size, wanted.size);
    assert_memory_equal(data, wanted.data, size);
}

#define ASSERT_BUILDS(wanted, ...) \
    do { \
        wherry_value *built = NULL; \
        assert_int_equal(wherry_value_build(&built, __VA_ARGS__), WHERRY_OK); \
        assert_msgpack(built, SPAN(wanted)); \
        wherry_value_release(&built); \
        assert_null(built); \
    } while (0)

static void every_letter_builds(void **state) {
    (void)state;
    ASSERT_BUILDS("\x05", "i", (int64_t)5);
    ASSERT_BUILDS("\xd0\x80", "i", (int64_t)-128);
    ASSERT_BUILDS("\xcf\xff\xff\xff\xff\xff\xff\xff\xff", "u", UINT64_MAX);
    ASSERT_BUILDS("\xcb\x3f\xf8\x00\x00\x00\x00\x00\x00", "d", 1.5);
    ASSERT_BUILDS("\xc3", "b", 7);
    ASSERT_BUILDS("\xc2", "b", 0);
    ASSERT_BUILDS("\xa2hi", "s", "hi");
    ASSERT_BUILDS("\xa3h\0i", "S", "h\0i", (size_t)3);
    ASSERT_BUILDS("\xc4\x02hi", "y", "hi", (size_t)2);
    ASSERT_BUILDS("\xc4\x00", "y", NULL, (size_t)0);
    ASSERT_BUILDS("\xc0", "n");
}

static void lists_and_maps_build_at_any_depth(void **state) {
    (void)state;
    ASSERT_BUILDS("\x90", "[]");
    ASSERT_BUILDS("\x80", " { } ");
    ASSERT_BUILDS("\x92\x01\x92\x02\x90", "[ i [ i [] ] ]", (int64_t)1, (int64_t)2);
    ASSERT_BUILDS("\x82\xa1" "a\x91\x01\xa1" "b\x81\x02\xc0", "{s[i]s{in}}", "a", (int64_t)1, "b",
                  (int64_t)2);
}

static void a_value_is_put_into_another(void **state) {
    (void)state;
    wherry_value *inner = NULL;
    assert_int_equal(wherry_value_build(&inner, "[s]", "x"), WHERRY_OK);
    ASSERT_BUILDS("\x92\x91\xa1x\x91\xa1x", "[vv]", inner, inner);
    wherry_value_release(&inner);
}

static void a_null_is_a_type_error(void **state) {
    (void)state;
    wherry_value *value = NULL;
    assert_int_equal(wherry_value_build(&value, "s", NULL), WHERRY_E_TYPE);
    assert_int_equal(wherry_value_build(&value, "S", NULL, (size_t)1), WHERRY_E_TYPE);
    assert_int_equal(wherry_value_build(&value, "y", NULL, (size_t)1), WHERRY_E_TYPE);
    assert_int_equal(wherry_value_build(&value, "[iv]", (int64_t)1, NULL), WHERRY_E_TYPE);
    assert_int_equal(wherry_value_build(NULL, "n"), WHERRY_E_INVALID);
    assert_int_equal(wherry_value_build(&value, NULL), WHERRY_E_INVALID);
    assert_null(value);
}

static void depth_counts_through_values_that_are_put_in(void **state) {
    (void)state;
    wherry_value *value = NULL;
    assert_int_equal(wherry_value_build(&value, "[]"), WHERRY_OK);
    for (int depth = 2; depth <= 16; depth++) {
        wherry_value *outer = NULL;
        assert_int_equal(wherry_value_build(&outer, "[v]", value), WHERRY_OK);
        wherry_value_release(&value);
        value = outer;
    }
    wherry_value *outer = NULL;
    assert_int_equal(wherry_value_build(&outer, "[v]", value), WHERRY_E_TYPE);
    assert_int_equal(wherry_value_build(&outer, "v", value), WHERRY_OK);
    wherry_value_release(&outer);
    wherry_value_release(&value);
}

static wherry_err from_msgpack(struct span span) {
    struct span tight = span_tight(span);
    wherry_value *value = NULL;
    wherry_err err = wherry_value_from_msgpack(&value, tight.data, tight.size);
    assert_true((err == WHERRY_OK) == (value != NULL));
    if (err == WHERRY_OK) {
        assert_msgpack(value, span);
    }
    wherry_value_release(&value);
    span_free(tight);
    return err;
}

static void raw_msgpack_must_be_exactly_one_value(void **state) {
    (void)state;
    assert_int_equal(from_msgpack(SPAN("\x93\x01\xa1x\xc0")), WHERRY_OK);
    assert_int_equal(from_msgpack(SPAN("")), WHERRY_E_TYPE);
    assert_int_equal(from_msgpack(SPAN("\x93\x01\xa1x")), WHERRY_E_TYPE);
    assert_int_equal(from_msgpack(SPAN("\x01\x01")), WHERRY_E_TYPE);
    assert_int_equal(from_msgpack(SPAN("\xc1")), WHERRY_E_TYPE);
    assert_int_equal(from_msgpack(SPAN("\xdd\x01\x00\x00\x00")), WHERRY_E_TYPE);
    assert_int_equal(from_msgpack(SPAN("\xdf\xff\xff\xff\xff\xc0\xc0")), WHERRY_E_TYPE);
    assert_int_equal(from_msgpack(SPAN("\x91\xd4\x01\x02")), WHERRY_E_TYPE); /* an extension */
}

static void raw_msgpack_of_seventeen_levels_is_refused(void **state) {
    (void)state;
    char bytes[18];
    memset(bytes, 0x91, sizeof bytes);
    bytes[16] = 0;
    assert_int_equal(from_msgpack((struct span){(uint8_t *)bytes, 17}), WHERRY_OK);
    bytes[16] = (char)0x91;
    bytes[17] = 0;
    assert_int_equal(from_msgpack((struct span){(uint8_t *)bytes, 18}), WHERRY_E_TYPE);
}

static void assert_kind(struct span msgpack, wherry_kind kind, size_t count) {
    wherry_value *value = NULL;
    assert_int_equal(wherry_value_from_msgpack(&value, msgpack.data, msgpack.size), WHERRY_OK);
    assert_int_equal(wherry_value_kind(value), kind);
    assert_int_equal(wherry_value_count(value), count);
    wherry_value_release(&value);
}

static void every_kind_is_told(void **state) {
    (void)state;
    assert_kind(SPAN("\xc0"), WHERRY_NIL, 0);
    assert_kind(SPAN("\xc2"), WHERRY_BOOL, 0);
    assert_kind(SPAN("\xff"), WHERRY_INT, 0);
    assert_kind(SPAN("\xcf\x7f\xff\xff\xff\xff\xff\xff\xff"), WHERRY_INT, 0);
    assert_kind(SPAN("\xcf\x80\x00\x00\x00\x00\x00\x00\x00"), WHERRY_UINT, 0);
    assert_kind(SPAN("\xca\x00\x00\x00\x00"), WHERRY_REAL, 0);
    assert_kind(SPAN("\xa1x"), WHERRY_STRING, 0);
    assert_kind(SPAN("\xc4\x01x"), WHERRY_BYTES, 0);
    assert_kind(SPAN("\x92\xc0\xc0"), WHERRY_LIST, 2);
    assert_kind(SPAN("\x81\xc0\xc0"), WHERRY_MAP, 1);
}

static void items_of_a_list_are_values(void **state) {
    (void)state;
    wherry_value *list = NULL;
    wherry_value *item = NULL;
    assert_int_equal(wherry_value_build(&list, "[is[i]]", (int64_t)7, "x", (int64_t)8), WHERRY_OK);
    static const char *const wanted[] = {"\x07", "\xa1x", "\x91\x08"};
    static const size_t order[] = {2, 0, 1, 2, 1, 0, 0, 2};
    for (size_t i = 0; i < COUNT_OF(order); i++) {
        assert_int_equal(wherry_value_at(list, order[i], &item), WHERRY_OK);
        assert_msgpack(item, span_of_text(wanted[order[i]]));
        wherry_value_release(&item);
    }
    assert_int_equal(wherry_value_at(list, 3, &item), WHERRY_E_INVALID);
    assert_int_equal(wherry_value_at(list, SIZE_MAX, &item), WHERRY_E_INVALID);
    wherry_value_release(&list);
}

static void what_is_no_list_has_no_items(void **state) {
    (void)state;
    wherry_value *map = NULL;
    wherry_value *item = NULL;
    assert_int_equal(wherry_value_build(&map, "{ii}", (int64_t)0, (int64_t)1), WHERRY_OK);
    assert_int_equal(wherry_value_at(map, 0, &item), WHERRY_E_TYPE);
    assert_int_equal(wherry_value_at(NULL, 0, &item), WHERRY_E_INVALID);
    assert_int_equal(wherry_value_at(map, 0, NULL), WHERRY_E_INVALID);
    wherry_value_release(&map);
}

static void a_walk_over_a_long_list_reads_it_once(void **state) {
    (void)state;
    enum { ITEMS = 200000 }; /* item by item from the start, this would read 20 billion values */
    struct bytes bytes = BYTES_EMPTY;
    bytes_append(&bytes, "\xdd\x00\x03\x0d\x40", 5);
    for (uint32_t i = 0; i < ITEMS; i++) {
        uint8_t item[5] = {0xce, 0, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i};
        bytes_append(&bytes, item, sizeof item);
    }
    wherry_value *list = NULL;
    assert_int_equal(wherry_value_from_msgpack(&list, bytes.data, bytes.size), WHERRY_OK);
    for (uint32_t i = 0; i < ITEMS; i++) {
        wherry_value *item = NULL;
        int64_t number;
        assert_int_equal(wherry_value_at(list, i, &item), WHERRY_OK);
        assert_int_equal(wherry_value_read(item, "i", &number), WHERRY_OK);
        assert_int_equal(number, i);
        wherry_value_release(&item);
    }
    wherry_value_release(&list);
    bytes_free(&bytes);
}

static void release_count(void *data, void *hint) {
    (void)data;
    ++*(int *)hint;
}

static void adopted_bytes_are_given_back_once(void **state) {
    (void)state;
    int released = 0;
    wherry_value *value = NULL;
    static const uint8_t good[] = {0x91, 0xa1, 'x'};
    assert_int_equal(value_adopt(&value, good, 2, release_count, &released), WHERRY_E_TYPE);
    assert_int_equal(released, 0); /* not taken */
    assert_int_equal(value_adopt(&value, good, 3, release_count, &released), WHERRY_OK);
    const char *text;
    assert_int_equal(wherry_value_read(value, "[s]", &text), WHERRY_OK);
    assert_string_equal(text, "x");
    wherry_value_release(&value);
    wherry_value_release(&value);
    assert_int_equal(released, 1);
}

static void nothing_is_released_without_harm(void **state) {
    (void)state;
    wherry_value *none = NULL;
    wherry_value_release(NULL);
    wherry_value_release(&none);
    assert_int_equal(wherry_value_kind(NULL), WHERRY_NIL);
    assert_int_equal(wherry_value_count(NULL), 0);
    size_t size = 1;
    assert_null(wherry_value_msgpack(NULL, &size));
    assert_int_equal(size, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_letter_builds),
        cmocka_unit_test(lists_and_maps_build_at_any_depth),
        cmocka_unit_test(a_value_is_put_into_another),
        cmocka_unit_test(a_null_is_a_type_error),
        cmocka_unit_test(depth_counts_through_values_that_are_put_in),
        cmocka_unit_test(raw_msgpack_must_be_exactly_one_value),
        cmocka_unit_test(raw_msgpack_of_seventeen_levels_is_refused),
        cmocka_unit_test(every_kind_is_told),
        cmocka_unit_test(items_of_a_list_are_values),
        cmocka_unit_test(what_is_no_list_has_no_items),
        cmocka_unit_test(a_walk_over_a_long_list_reads_it_once),
        cmocka_unit_test(adopted_bytes_are_given_back_once),
        cmocka_unit_test(nothing_is_released_without_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
