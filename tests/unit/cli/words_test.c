/* SPDX-License-Identifier: MIT
 *
 * The word count's table: what a word is, sums, order. */
#include "examples/words.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

static struct words words_of(const char *text) {
    struct words words;
    words_init(&words);
    words_read(&words, text, strlen(text));
    return words;
}

static void assert_top(const struct words *words, const char *text, uint64_t count) {
    const struct word *top[1];
    assert_int_equal(words_top(words, top, 1), 1);
    assert_int_equal(top[0]->size, strlen(text));
    assert_memory_equal(top[0]->text, text, top[0]->size);
    assert_int_equal(top[0]->count, count);
}

static void words_are_runs_of_letters_whatever_their_case(void **state) {
    (void)state;
    struct words words = words_of("The cat, the CAT's cat-flap; caf\xc3\xa9 4 THE the");
    assert_top(&words, "the", 4);
    assert_int_equal(words.total, 10); /* the 4, cat 3, s, flap, café */
    assert_int_equal(words.used, 5);
    words_fini(&words);
}

static void long_words_count_by_their_first_letters(void **state) {
    (void)state;
    char text[3 * WORD_SIZE_MAX + 1];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    struct words words = words_of(text);
    assert_int_equal(words.total, 1);
    assert_int_equal(words.used, 1);
    words_fini(&words);
}

static void the_table_grows_and_sums_are_equal_in_any_order(void **state) {
    (void)state;
    struct words forward = words_of("");
    struct words backward = words_of("");
    char word[16];
    for (int i = 0; i < 5000; i++) {
        snprintf(word, sizeof word, "w%d", i);
        words_add(&forward, word, strlen(word), 1);
        snprintf(word, sizeof word, "w%d", 4999 - i);
        words_add(&backward, word, strlen(word), 1);
    }
    assert_int_equal(forward.used, 5000);
    assert_true(words_equal(&forward, &backward));
    words_add(&backward, "w7", 2, 1);
    assert_false(words_equal(&forward, &backward));
    assert_top(&backward, "w7", 2);
    words_fini(&forward);
    words_fini(&backward);
}

static void ties_stand_in_alphabetical_order(void **state) {
    (void)state;
    struct words words = words_of("b a c a b");
    const struct word *top[4];
    assert_int_equal(words_top(&words, top, 4), 3);
    assert_int_equal(top[0]->text[0], 'a');
    assert_int_equal(top[1]->text[0], 'b');
    assert_int_equal(top[2]->text[0], 'c');
    words_fini(&words);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_runs_of_letters_whatever_their_case),
        cmocka_unit_test(long_words_count_by_their_first_letters),
        cmocka_unit_test(the_table_grows_and_sums_are_equal_in_any_order),
        cmocka_unit_test(ties_stand_in_alphabetical_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
