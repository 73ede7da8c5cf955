/* SPDX-License-Identifier: MIT
 *
 * The grammar of pictures. */
#include "testing.h"

#include "common/picture.h"

static void good_pictures_are_accepted(void **state) {
    (void)state;
    static const char *const build[] = {"i", " i ", "[]", "{}", "[i[u[d]]bsSyn v]", "{s[i]i{ss}}",
                                        "\t[\n i\r]"};
    for (size_t i = 0; i < COUNT_OF(build); i++) {
        assert_int_equal(picture_check(build[i], PICTURE_BUILD), WHERRY_OK);
    }
    assert_int_equal(picture_check("*", PICTURE_READ), WHERRY_OK);
    assert_int_equal(picture_check("[*i{s*}]", PICTURE_READ), WHERRY_OK);
    assert_int_equal(picture_check("", PICTURE_CALL), WHERRY_OK);
    assert_int_equal(picture_check("is;b[d]", PICTURE_CALL), WHERRY_OK);
    assert_int_equal(picture_check(";", PICTURE_CALL), WHERRY_OK);
}

static void bad_pictures_are_refused_and_the_letter_named(void **state) {
    (void)state;
    static const struct {
        const char *picture;
        enum picture_use use;
        const char *told;
    } cases[] = {
        {"", PICTURE_BUILD, "one item"},
        {"ii", PICTURE_BUILD, "one item"},
        {"x", PICTURE_BUILD, "letter 1: no such letter"},
        {"[ix]", PICTURE_BUILD, "letter 3: no such letter"},
        {"*", PICTURE_BUILD, "no such letter"},
        {"*", PICTURE_CALL, "no such letter"},
        {"[", PICTURE_READ, "not closed"},
        {"]", PICTURE_READ, "closes nothing"},
        {"[i}", PICTURE_READ, "closes nothing"},
        {"{s]", PICTURE_READ, "closes nothing"},
        {"{s}", PICTURE_READ, "no value"},
        {"{sis}", PICTURE_READ, "no value"},
        {"{[i]i}", PICTURE_READ, "cannot be a list"},
        {"{vi}", PICTURE_READ, "a key is one of"},
        {"{*i}", PICTURE_READ, "a key is one of"},
        {"i;i", PICTURE_BUILD, "';'"},
        {"[i;i]", PICTURE_CALL, "';'"},
        {"i;i;i", PICTURE_CALL, "';'"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_int_equal(picture_check(cases[i].picture, cases[i].use), WHERRY_E_INVALID);
        assert_non_null(strstr(wherry_last_error(), cases[i].told));
    }
    assert_int_equal(picture_check(NULL, PICTURE_READ), WHERRY_E_INVALID);
}

static void sixteen_brackets_may_be_open(void **state) {
    (void)state;
    assert_int_equal(picture_check("[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]", PICTURE_BUILD), WHERRY_OK);
    assert_int_equal(picture_check("[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]", PICTURE_BUILD),
                     WHERRY_E_INVALID);
}

static void items_of_a_level_are_counted(void **state) {
    (void)state;
    assert_int_equal(picture_count("i[iii]{ss}s] i"), 4);
    assert_int_equal(picture_count(""), 0);
    assert_int_equal(picture_count("ii;sss"), 2);
    assert_int_equal(picture_count(" ]"), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_pictures_are_accepted),
        cmocka_unit_test(bad_pictures_are_refused_and_the_letter_named),
        cmocka_unit_test(sixteen_brackets_may_be_open),
        cmocka_unit_test(items_of_a_level_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
