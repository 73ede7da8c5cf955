/* SPDX-License-Identifier: MIT
 *
 * Reading values by picture. */
#include "testing.h"

#include "common/value.h"

#include <pthread.h>

static wherry_value *value_of(struct span msgpack) {
    wherry_value *value = NULL;
    struct span tight = span_tight(msgpack);
    assert_int_equal(wherry_value_from_msgpack(&value, tight.data, tight.size), WHERRY_OK);
    span_free(tight);
    return value;
}

static void every_letter_reads(void **state) {
    (void)state;
    wherry_value *value = NULL;
    assert_int_equal(wherry_value_build(&value, "[iudbsSyn]", (int64_t)-5, UINT64_MAX, 2.5, 1,
                                        "text", "a\0b", (size_t)3, "\1\2", (size_t)2),
                     WHERRY_OK);
    int64_t i;
    uint64_t u;
    double d;
    bool b;
    const char *s;
    const char *text;
    const void *bytes;
    size_t text_size;
    size_t bytes_size;
    assert_int_equal(wherry_value_read(value, "[iudbsSyn]", &i, &u, &d, &b, &s, &text, &text_size,
                                       &bytes, &bytes_size),
                     WHERRY_OK);
    assert_true(i == -5 && u == UINT64_MAX && d == 2.5 && b);
    assert_string_equal(s, "text");
    assert_true(text_size == 3 && memcmp(text, "a\0b", 3) == 0);
    assert_true(bytes_size == 2 && memcmp(bytes, "\1\2", 2) == 0);
    wherry_value_release(&value);
}

static void neighbouring_strings_end_each_with_a_zero(void **state) {
    (void)state;
    wherry_value *value = value_of(SPAN("\x94\xa1" "a\xa0\xa3" "abc\xd9\x02xy"));
    const char *s[4];
    assert_int_equal(wherry_value_read(value, "[ssss]", &s[0], &s[1], &s[2], &s[3]), WHERRY_OK);
    assert_string_equal(s[0], "a");
    assert_string_equal(s[1], "");
    assert_string_equal(s[2], "abc");
    assert_string_equal(s[3], "xy");
    size_t size;
    const void *raw = wherry_value_msgpack(value, &size);
    assert_memory_equal(raw, "\x94\xa1" "a\xa0\xa3" "abc\xd9\x02xy", size); /* still itself */
    wherry_value_release(&value);
}

static void numbers_convert_only_where_nothing_is_lost(void **state) {
    (void)state;
    wherry_value *value = value_of(SPAN("\x93\xff\xcf\xff\xff\xff\xff\xff\xff\xff\xff\x07"));
    int64_t i = 1;
    uint64_t u = 1;
    double d[3];
    assert_int_equal(wherry_value_read(value, "[ddd]", &d[0], &d[1], &d[2]), WHERRY_OK);
    assert_true(d[0] == -1.0 && d[1] == 18446744073709551616.0 && d[2] == 7.0);
    assert_int_equal(wherry_value_read(value, "[u**]", &u), WHERRY_E_TYPE);
    assert_int_equal(wherry_value_read(value, "[*i*]", &i), WHERRY_E_TYPE);
    assert_int_equal(wherry_value_read(value, "[*ui]", &u, &i), WHERRY_OK);
    assert_true(u == UINT64_MAX && i == 7);
    wherry_value_release(&value);
    value = value_of(SPAN("\xcb\x3f\xf0\x00\x00\x00\x00\x00\x00")); /* 1.0 is no integer */
    assert_int_equal(wherry_value_read(value, "i", &i), WHERRY_E_TYPE);
    wherry_value_release(&value);
}

static void a_map_is_looked_up_by_key_in_any_order(void **state) {
    (void)state;
    wherry_value *value = value_of(
        SPAN("\x85\xa5width\x03\xa6height\x04\x07\xa5seven\xc4\x01k\xc3\xc0\x91\x09"));
    int64_t width = 0;
    int64_t height = 0;
    int64_t nine = 0;
    const char *seven = NULL;
    bool truth = false;
    assert_int_equal(wherry_value_read(value, "{sisi}", "height", &height, "width", &width),
                     WHERRY_OK);
    assert_true(width == 3 && height == 4);
    assert_int_equal(wherry_value_read(value, "{isybn[i]}", (int64_t)7, &seven, "k", (size_t)1,
                                       &truth, &nine),
                     WHERRY_OK);
    assert_true(truth && nine == 9);
    assert_string_equal(seven, "seven");
    assert_int_equal(wherry_value_read(value, "{}"), WHERRY_OK);
    wherry_value_release(&value);
}

static void a_key_is_found_however_it_was_packed(void **state) {
    (void)state;
    wherry_value *value = value_of(SPAN("\x83\xcd\x00\x07\x01\xd9\x01w\x02\xd3\xff\xff\xff\xff\xff"
                                        "\xff\xff\xff\x03"));
    int64_t i[3];
    assert_int_equal(wherry_value_read(value, "{uisiii}", (uint64_t)7, &i[0], "w", &i[1],
                                       (int64_t)-1, &i[2]),
                     WHERRY_OK);
    assert_true(i[0] == 1 && i[1] == 2 && i[2] == 3);
    wherry_value_release(&value);
}

static void a_missing_key_is_a_type_error(void **state) {
    (void)state;
    wherry_value *value = value_of(SPAN("\x81\x92\x01\x02\x03"));
    int64_t i = 1;
    assert_int_equal(wherry_value_read(value, "{si}", "width", &i), WHERRY_E_TYPE);
    assert_int_equal(wherry_value_read(value, "{di}", 1.0, &i), WHERRY_E_TYPE);
    assert_int_equal(wherry_value_read(value, "{si}", NULL, &i), WHERRY_E_TYPE);
    assert_int_equal(i, 1);
    wherry_value_release(&value);
}

static void a_map_inside_a_list_is_left_at_its_end(void **state) {
    (void)state;
    wherry_value *value = value_of(SPAN("\x93\x82\xa1" "a\x01\xa1" "b\x02\x90\x05"));
    int64_t a;
    int64_t last;
    assert_int_equal(wherry_value_read(value, "[{si}[]i]", "a", &a, &last), WHERRY_OK);
    assert_true(a == 1 && last == 5);
    wherry_value_release(&value);
}

static void on_failure_nothing_was_written(void **state) {
    (void)state;
    wherry_value *value = value_of(SPAN("\x95\x01\xa1x\xc4\x01y\x02\xc3"));
    int64_t i = 77;
    const char *s = NULL;
    const void *y = NULL;
    size_t size = 77;
    wherry_value *v = NULL;
    double d = 77;
    assert_int_equal(wherry_value_read(value, "[isyvd]", &i, &s, &y, &size, &v, &d),
                     WHERRY_E_TYPE);
    assert_true(i == 77 && s == NULL && y == NULL && size == 77 && v == NULL && d == 77);
    wherry_value_release(&value);
}

static void values_inside_become_values_of_their_own(void **state) {
    (void)state;
    wherry_value *value = value_of(SPAN("\x93\x91\x01\xa1x\x81\xc0\xc3"));
    wherry_value *v[3] = {NULL};
    assert_int_equal(wherry_value_read(value, "[vvv]", &v[0], &v[1], &v[2]), WHERRY_OK);
    wherry_value_release(&value);
    assert_int_equal(wherry_value_kind(v[0]), WHERRY_LIST);
    assert_int_equal(wherry_value_kind(v[1]), WHERRY_STRING);
    assert_int_equal(wherry_value_kind(v[2]), WHERRY_MAP);
    for (int i = 0; i < 3; i++) {
        wherry_value_release(&v[i]);
    }
}

static void the_number_of_items_must_be_that_of_the_picture(void **state) {
    (void)state;
    wherry_value *value = value_of(SPAN("\x92\x01\x02"));
    int64_t i[3] = {0};
    assert_int_equal(wherry_value_read(value, "[i]", &i[0]), WHERRY_E_TYPE);
    assert_int_equal(wherry_value_read(value, "[iii]", &i[0], &i[1], &i[2]), WHERRY_E_TYPE);
    assert_non_null(strstr(wherry_last_error(), "3 items"));
    assert_int_equal(wherry_value_read(value, "{ii}", (int64_t)1, &i[0]), WHERRY_E_TYPE);
    assert_int_equal(wherry_value_read(value, "i", &i[0]), WHERRY_E_TYPE);
    assert_int_equal(wherry_value_read(value, "*"), WHERRY_OK);
    wherry_value_release(&value);
}

/* One value of each kind, and which letters take it. */
static const struct {
    const char *msgpack;
    const char *letters;
} takers[] = {
    {"\xff", "id"}, {"\x01", "iud"}, {"\xca\x3f\x80\x80\x80", "d"}, {"\xc3", "b"},
    {"\xa1x", "sS"}, {"\xc4\x01x", "y"}, {"\xc0", "n"}, {"\x91\x01", ""}, {"\x81\x01\x01", ""},
};

static void every_letter_takes_its_kind_alone(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(takers); i++) {
        wherry_value *value = value_of(span_of_text(takers[i].msgpack));
        for (const char *letter = "iudbsSyn"; *letter != '\0'; letter++) {
            char picture[2] = {*letter, '\0'};
            uint64_t place[2] = {0};
            bool wanted = strchr(takers[i].letters, *letter) != NULL;
            wherry_err err = wherry_value_read(value, picture, &place[0], &place[1]);
            assert_int_equal(err, wanted ? WHERRY_OK : WHERRY_E_TYPE);
        }
        wherry_value_release(&value);
    }
}

static void a_string_with_a_zero_inside_is_read_by_size_alone(void **state) {
    (void)state;
    wherry_value *value = value_of(SPAN("\xa3" "a\0b"));
    const char *s;
    size_t size;
    assert_int_equal(wherry_value_read(value, "s", &s), WHERRY_E_TYPE);
    assert_int_equal(wherry_value_read(value, "S", &s, &size), WHERRY_OK);
    assert_int_equal(size, 3);
    wherry_value_release(&value);
}

static void a_bad_picture_or_no_value_is_invalid(void **state) {
    (void)state;
    wherry_value *value = value_of(SPAN("\x01"));
    int64_t i;
    assert_int_equal(wherry_value_read(value, "ii", &i, &i), WHERRY_E_INVALID);
    assert_int_equal(wherry_value_read(value, NULL), WHERRY_E_INVALID);
    assert_int_equal(wherry_value_read(NULL, "i", &i), WHERRY_E_INVALID);
    wherry_value_release(&value);
}

/* Returns NULL if every reading was right. */
static void *reader_thread(void *shared) {
    const char *first = NULL;
    const char *second = NULL;
    for (int i = 0; i < 1000; i++) {
        if (wherry_value_read(shared, "[ss]", &first, &second) != WHERRY_OK ||
            strcmp(first, "one") != 0 || strcmp(second, "two") != 0) {
            return shared;
        }
    }
    return NULL;
}

static void threads_may_read_one_value(void **state) {
    (void)state;
    wherry_value *value = NULL;
    assert_int_equal(wherry_value_build(&value, "[ss]", "one", "two"), WHERRY_OK);
    pthread_t threads[4];
    for (size_t i = 0; i < COUNT_OF(threads); i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, reader_thread, value), 0);
    }
    for (size_t i = 0; i < COUNT_OF(threads); i++) {
        void *wrong;
        assert_int_equal(pthread_join(threads[i], &wrong), 0);
        assert_null(wrong);
    }
    wherry_value_release(&value);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_letter_reads),
        cmocka_unit_test(neighbouring_strings_end_each_with_a_zero),
        cmocka_unit_test(numbers_convert_only_where_nothing_is_lost),
        cmocka_unit_test(a_map_is_looked_up_by_key_in_any_order),
        cmocka_unit_test(a_key_is_found_however_it_was_packed),
        cmocka_unit_test(a_missing_key_is_a_type_error),
        cmocka_unit_test(a_map_inside_a_list_is_left_at_its_end),
        cmocka_unit_test(on_failure_nothing_was_written),
        cmocka_unit_test(values_inside_become_values_of_their_own),
        cmocka_unit_test(the_number_of_items_must_be_that_of_the_picture),
        cmocka_unit_test(every_letter_takes_its_kind_alone),
        cmocka_unit_test(a_string_with_a_zero_inside_is_read_by_size_alone),
        cmocka_unit_test(a_bad_picture_or_no_value_is_invalid),
        cmocka_unit_test(threads_may_read_one_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
