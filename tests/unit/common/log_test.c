/* SPDX-License-Identifier: MIT
 *
 * Log lines: their form, their levels, and that nobody's text can forge one. */
#include "common/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* stderr goes into a file while the test speaks. */
struct catch {
    FILE *file;
    int saved;
    char text[65536];
};

static int catch_setup(void **state) {
    struct catch *caught = calloc(1, sizeof *caught);
    caught->file = tmpfile();
    caught->saved = dup(STDERR_FILENO);
    dup2(fileno(caught->file), STDERR_FILENO);
    unsetenv("JOURNAL_STREAM");
    setenv("WHERRY_LOG", "info", 1);
    log_open("tester");
    *state = caught;
    return 0;
}

/* What was written so far; stderr is itself again. */
static const char *catch_text(struct catch *caught) {
    dup2(caught->saved, STDERR_FILENO);
    rewind(caught->file);
    caught->text[fread(caught->text, 1, sizeof caught->text - 1, caught->file)] = '\0';
    return caught->text;
}

static int catch_teardown(void **state) {
    struct catch *caught = *state;
    dup2(caught->saved, STDERR_FILENO);
    close(caught->saved);
    fclose(caught->file);
    free(caught);
    return 0;
}

static void a_line_has_its_fields_in_order(void **state) {
    log_event(LOG_INFO, "listening", log_text("endpoint", "tcp://127.0.0.1:7380"),
              log_number("pid", -3), log_token("token", (struct token){0x2a, 7}),
              log_text("absent", NULL));
    const char *text = catch_text(*state);
    assert_int_equal(strncmp(text, "ts=20", 5), 0);
    assert_non_null(strstr(text, "Z level=info prog=tester msg=listening "
                                 "endpoint=tcp://127.0.0.1:7380 pid=-3 token=2a.7\n"));
}

static void a_strangers_text_cannot_forge_a_line(void **state) {
    log_event(LOG_WARN, "two words", log_text("why", "a \"b\"\nlevel=error\x1b[31m"));
    const char *text = catch_text(*state);
    assert_non_null(strstr(text, "msg=\"two words\" why=\"a \\\"b\\\"\\nlevel=error\\x1b[31m\"\n"));
    assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
}

static void levels_below_the_chosen_one_are_silent(void **state) {
    int evaluated = 0;
    log_event(LOG_DEBUG, "never", log_number("n", ++evaluated));
    assert_int_equal(evaluated, 0);
    assert_true(log_set_level("error"));
    log_event(LOG_WARN, "never");
    assert_false(log_set_level("loud"));
    log_event(LOG_ERROR, "once");
    const char *text = catch_text(*state);
    assert_null(strstr(text, "never"));
    assert_non_null(strstr(text, "msg=once"));
}

static void repeats_are_held_back_other_messages_are_not(void **state) {
    for (int i = 0; i < 1000; i++) {
        log_event(LOG_INFO, "flood", log_number("i", i));
    }
    log_event(LOG_INFO, "other");
    size_t lines = 0;
    const char *text = catch_text(*state);
    for (const char *at = text; (at = strstr(at, "msg=flood")) != NULL; at++) {
        lines++;
    }
    assert_in_range(lines, 1, 40);
    assert_non_null(strstr(text, "msg=other"));
}

static void long_values_are_cut_and_the_line_still_ends(void **state) {
    char *text = calloc(1, 10000);
    memset(text, 'x', 9999);
    log_event(LOG_INFO, "long", log_text("value", text));
    log_event(LOG_INFO, "after");
    free(text);
    const char *lines = catch_text(*state);
    assert_in_range(strcspn(lines, "\n"), 1000, 5000);
    assert_non_null(strstr(lines, "msg=after"));
}

static void the_engines_lines_keep_their_form(void **state) {
    log_raw(LOG_INFO, span_of_text("msg=\"task lost\" task=abc"));
    assert_non_null(strstr(catch_text(*state), "prog=tester msg=\"task lost\" task=abc\n"));
}

static void the_journal_gets_a_priority_and_no_time(void **state) {
    struct stat status;
    char stream[64];
    fstat(STDERR_FILENO, &status);
    snprintf(stream, sizeof stream, "%llu:%llu", (unsigned long long)status.st_dev,
             (unsigned long long)status.st_ino);
    setenv("JOURNAL_STREAM", stream, 1);
    log_open("tester");
    log_event(LOG_ERROR, "bad");
    unsetenv("JOURNAL_STREAM");
    log_open("tester");
    assert_string_equal(catch_text(*state), "<3>level=error prog=tester msg=bad\n");
}

#define LOG_TEST(name) cmocka_unit_test_setup_teardown(name, catch_setup, catch_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        LOG_TEST(a_line_has_its_fields_in_order),
        LOG_TEST(a_strangers_text_cannot_forge_a_line),
        LOG_TEST(levels_below_the_chosen_one_are_silent),
        LOG_TEST(repeats_are_held_back_other_messages_are_not),
        LOG_TEST(long_values_are_cut_and_the_line_still_ends),
        LOG_TEST(the_engines_lines_keep_their_form),
        LOG_TEST(the_journal_gets_a_priority_and_no_time),
    };
    return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
