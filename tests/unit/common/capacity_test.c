/* SPDX-License-Identifier: MIT
 *
 * A queue's bounds as people write them. */
#include "common/capacity.h"
#include "tests/unit/common/testing.h"

#include <string.h>

static void bounds_are_read(void **state) {
    (void)state;
    static const struct {
        const char *text;
        struct capacity wanted;
    } cases[] = {
        {"max=7", {7, 0}},
        {"bytes=64M", {0, 64 << 20}},
        {"max=10k,bytes=1024", {10000, 1024}},
        {"bytes=1.5K,max=2M", {2000000, 1536}},
        {"max=4294967295", {UINT32_MAX, 0}},
        {"max=default,bytes=default", {CAPACITY_DEFAULT, CAPACITY_DEFAULT}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct capacity got = {0, 0};
        char why[CAPACITY_WHY];
        assert_true(capacity_read(cases[i].text, &got, why));
        assert_int_equal(got.items_max, cases[i].wanted.items_max);
        assert_int_equal(got.bytes_max, cases[i].wanted.bytes_max);
    }
}

static void each_refusal_says_what_is_wrong(void **state) {
    (void)state;
    static const struct {
        const char *text;
        const char *why;
    } cases[] = {
        {"", "max=N,bytes=SIZE"},       {"max=5,", "max=N,bytes=SIZE"},
        {",max=5", "max=N,bytes=SIZE"}, {"max", "a number of tasks"},
        {"max=", "a number of tasks"},  {"max=-1", "a number of tasks"},
        {"max=1.5", "a number"},        {"max=ten", "max=ten: a number"},
        {"max=5000000k", "up to"},      {"max=99999999999999999999", "up to"},
        {"max=0", "above 0"},           {"bytes=0", "above 0"},
        {"bytes=lots", "a size"},       {"max=1,max=2", "max is said twice"},
        {"maax=1", "did you mean max"}, {"xyzzy=1", "there are max=N"},
        {"bites=1", "mean bytes"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct capacity got = {0, 0};
        char why[CAPACITY_WHY] = "";
        bool read = capacity_read(cases[i].text, &got, why);
        if (read || strstr(why, cases[i].why) == NULL) {
            print_error("%s: '%s'\n", cases[i].text, why);
        }
        assert_false(read);
        assert_non_null(strstr(why, cases[i].why));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bounds_are_read),
        cmocka_unit_test(each_refusal_says_what_is_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
