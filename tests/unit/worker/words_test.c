/* SPDX-License-Identifier: MIT
 *
 * Command lines split by the shell's quoting rules. */
#include "worker/words.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* `expected`: the words, each closed by a '|'. */
static void splits(const char *text, const char *expected) {
    char **words = NULL;
    char joined[256] = "";
    assert_int_equal(words_split(text, &words), WHERRY_OK);
    size_t size = 0;
    for (size_t i = 0; words[i] != NULL; i++) {
        size += (size_t)snprintf(joined + size, sizeof joined - size, "%s|", words[i]);
    }
    assert_string_equal(joined, expected);
    words_free(words);
}

static void refuses(const char *text, const char *cause) {
    char **words = NULL;
    assert_int_equal(words_split(text, &words), WHERRY_E_INVALID);
    assert_non_null(strstr(wherry_last_error(), cause));
}

static void blanks_separate_and_quotes_join(void **state) {
    (void)state;
    splits("python3 script.py", "python3|script.py|");
    splits("  a\tb\nc  ", "a|b|c|");
    splits("'my script.py'", "my script.py|");
    splits("a'b c'd\"e f\"", "ab cde f|");
    splits("'' \"\" x", "||x|");
}

static void backslashes_keep_the_next_character(void **state) {
    (void)state;
    splits("a\\ b", "a b|");
    splits("\"a\\\"b\\\\c\\$d\\`e\"", "a\"b\\c$d`e|");
    splits("\"a\\nb\"", "a\\nb|");
    splits("'a\\b'", "a\\b|");
    splits("\"a\\\nb\"", "ab|");
}

static void nothing_is_expanded(void **state) {
    (void)state;
    splits("$HOME * | > # ; &", "$HOME|*|||>|#|;|&|");
}

static void what_is_not_closed_is_refused(void **state) {
    (void)state;
    refuses("'abc", "'");
    refuses("\"abc", "\"");
    refuses("\"abc\\", "\"");
    refuses("abc\\", "\\");
    refuses("", "empty");
    refuses("  \t", "empty");
}

static void random_texts_never_crash(void **state) {
    (void)state;
    static const char letters[] = "a '\"\\$\n";
    uint32_t seed = 7;
    for (int i = 0; i < 50000; i++) {
        char text[24];
        seed = seed * 1664525 + 1013904223;
        size_t size = (seed >> 20) % sizeof text;
        for (size_t at = 0; at < size; at++) {
            seed = seed * 1664525 + 1013904223;
            text[at] = letters[(seed >> 24) % (sizeof letters - 1)];
        }
        text[size < sizeof text ? size : sizeof text - 1] = '\0';
        char **words = NULL;
        if (words_split(text, &words) == WHERRY_OK) {
            assert_non_null(words[0]);
            words_free(words);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blanks_separate_and_quotes_join),
        cmocka_unit_test(backslashes_keep_the_next_character),
        cmocka_unit_test(nothing_is_expanded),
        cmocka_unit_test(what_is_not_closed_is_refused),
        cmocka_unit_test(random_texts_never_crash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
