/* SPDX-License-Identifier: MIT
 *
 * Command lines: what is read, and the one line that says what is wrong. */
#include "common/flags.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { F_LISTEN, F_LIMIT, F_COUNT, F_GRACE, F_FORCE, F_NAME, F_SIZE };

static const struct flag table[F_SIZE] = {
    [F_LISTEN] = {.name = "listen", .letter = 'l', .argument = "ENDPOINT", .repeatable = true,
                  .fallback = "here", .help = "where"},
    [F_LIMIT] = {.name = "memory-limit", .argument = "SIZE", .kind = FLAG_SIZE, .min = 1024,
                 .help = "how much\nin all"},
    [F_COUNT] = {.name = "count", .letter = 'n', .argument = "N", .kind = FLAG_NUMBER, .min = 1,
                 .max = 10, .help = "how many"},
    [F_GRACE] = {.name = "grace", .argument = "SECONDS", .kind = FLAG_SECONDS, .fallback = "10",
                 .help = "how long"},
    [F_FORCE] = {.name = "force", .letter = 'f', .kind = FLAG_SWITCH, .help = "really"},
    [F_NAME] = {.name = "name", .argument = "NAME", .environment = "WHERRY_TEST_NAME",
                .help = "who"},
};

static const struct flags_program program = {
    .name = "tester",
    .synopsis = "[FLAG…] [FILE…]",
    .summary = "Tests flags.",
    .flags = table,
    .flag_count = F_SIZE,
    .examples = "  tester --count 3\n",
    .rest_max = 2,
};

/* One parse, with what it printed. */
struct parsed {
    struct flags flags;
    enum flags_outcome outcome;
    char text[4096];
};

/* getopt may reorder the arguments, so it gets an array of its own; it never writes into a text. */
static void parse(struct parsed *parsed, const struct flags_program *by, int argc,
                  const char *const *arguments) {
    static char *argv[16];
    for (int i = 0; i <= argc; i++) {
        argv[i] = (char *)(uintptr_t)arguments[i];
    }
    FILE *file = tmpfile();
    assert_non_null(file);
    fflush(stdout);
    int out = dup(STDOUT_FILENO);
    int err = dup(STDERR_FILENO);
    dup2(fileno(file), STDOUT_FILENO);
    dup2(fileno(file), STDERR_FILENO);
    parsed->outcome = flags_parse(&parsed->flags, by, argc, argv);
    fflush(stdout);
    dup2(out, STDOUT_FILENO);
    dup2(err, STDERR_FILENO);
    close(out);
    close(err);
    rewind(file);
    parsed->text[fread(parsed->text, 1, sizeof parsed->text - 1, file)] = '\0';
    fclose(file);
}

#define PARSE(parsed, ...)                                                                 \
    do {                                                                                   \
        const char *argv[] = {"tester", __VA_ARGS__, NULL};                                      \
        parse((parsed), &program, (int)(sizeof argv / sizeof *argv) - 1, argv);            \
    } while (0)

static void assert_refused(const struct parsed *parsed, const char *line) {
    assert_int_equal(parsed->outcome, FLAGS_WRONG);
    assert_string_equal(parsed->text, line);
}

static void every_kind_of_value_is_read(void **state) {
    (void)state;
    struct parsed parsed;
    PARSE(&parsed, "--listen", "a", "-lb", "--memory-limit=1.5K", "-n", "3", "--grace", "250ms",
          "-f", "--name", "x", "file");
    assert_int_equal(parsed.outcome, FLAGS_GO);
    assert_string_equal(parsed.text, "");
    assert_int_equal(flags_count(&parsed.flags, F_LISTEN), 2);
    assert_string_equal(flags_text_at(&parsed.flags, F_LISTEN, 1), "b");
    assert_int_equal(flags_number(&parsed.flags, F_LIMIT), 1536);
    assert_int_equal(flags_number(&parsed.flags, F_COUNT), 3);
    assert_int_equal(flags_number(&parsed.flags, F_GRACE), 250);
    assert_true(flags_on(&parsed.flags, F_FORCE));
    assert_string_equal(flags_text(&parsed.flags, F_NAME), "x");
    size_t count = 0;
    assert_string_equal(flags_rest(&parsed.flags, &count)[0], "file");
    assert_int_equal(count, 1);
    flags_fini(&parsed.flags);
}

static void absent_flags_take_the_environment_then_the_fallback(void **state) {
    (void)state;
    struct parsed parsed;
    setenv("WHERRY_TEST_NAME", "from outside", 1);
    PARSE(&parsed, "file");
    unsetenv("WHERRY_TEST_NAME");
    assert_int_equal(parsed.outcome, FLAGS_GO);
    assert_string_equal(flags_text(&parsed.flags, F_NAME), "from outside");
    assert_string_equal(flags_text(&parsed.flags, F_LISTEN), "here");
    assert_false(flags_given(&parsed.flags, F_LISTEN));
    assert_int_equal(flags_number(&parsed.flags, F_GRACE), 10000);
    assert_false(flags_on(&parsed.flags, F_FORCE));
    assert_null(flags_text(&parsed.flags, F_LIMIT));
    flags_fini(&parsed.flags);
}

static void an_unknown_flag_is_named_with_its_nearest(void **state) {
    (void)state;
    struct parsed parsed;
    PARSE(&parsed, "--listn", "x");
    assert_refused(&parsed,
                   "tester: --listn: no such flag; did you mean --listen? (try --help)\n");
    PARSE(&parsed, "--zebra=1");
    assert_refused(&parsed, "tester: --zebra: no such flag (try --help)\n");
    PARSE(&parsed, "-z");
    assert_refused(&parsed, "tester: -z: no such flag (try --help)\n");
}

static void a_missing_or_needless_value_is_said(void **state) {
    (void)state;
    struct parsed parsed;
    PARSE(&parsed, "--count");
    assert_refused(&parsed, "tester: --count: needs a value: --count N (try --help)\n");
    PARSE(&parsed, "--force=yes");
    assert_refused(&parsed, "tester: --force=yes: this flag takes no value (try --help)\n");
}

static void wrong_numbers_are_refused_with_the_cause(void **state) {
    (void)state;
    struct parsed parsed;
    PARSE(&parsed, "--count", "three");
    assert_refused(&parsed, "tester: --count three: not a whole number (try --help)\n");
    PARSE(&parsed, "--count", "11");
    assert_refused(&parsed, "tester: --count 11: must be from 1 to 10 (try --help)\n");
    PARSE(&parsed, "--count", "99999999999999999999");
    assert_refused(&parsed,
                   "tester: --count 99999999999999999999: not a whole number (try --help)\n");
    PARSE(&parsed, "--memory-limit", "12");
    assert_refused(&parsed, "tester: --memory-limit 12: must be at least 1024 (try --help)\n");
    PARSE(&parsed, "--memory-limit", "64X");
    assert_int_equal(parsed.outcome, FLAGS_WRONG);
    PARSE(&parsed, "--grace", "-1");
    assert_int_equal(parsed.outcome, FLAGS_WRONG);
    PARSE(&parsed, "--grace", "nan");
    assert_int_equal(parsed.outcome, FLAGS_WRONG);
    PARSE(&parsed, "--name", "");
    assert_refused(&parsed, "tester: --name : empty (try --help)\n");
}

static void a_second_value_is_refused_unless_repeatable(void **state) {
    (void)state;
    struct parsed parsed;
    PARSE(&parsed, "--count", "1", "--count", "2");
    assert_refused(&parsed, "tester: --count 2: given twice (try --help)\n");
}

static void too_many_arguments_are_refused(void **state) {
    (void)state;
    struct parsed parsed;
    PARSE(&parsed, "a", "b", "c");
    assert_refused(&parsed, "tester: c: unexpected argument (try --help)\n");
}

static void help_names_every_flag_and_the_examples(void **state) {
    (void)state;
    struct parsed parsed;
    PARSE(&parsed, "--help");
    assert_int_equal(parsed.outcome, FLAGS_SHOWN);
    for (size_t i = 0; i < F_SIZE; i++) {
        assert_non_null(strstr(parsed.text, table[i].name));
    }
    assert_non_null(strstr(parsed.text, "may be repeated; default: here"));
    assert_non_null(strstr(parsed.text, "tester --count 3"));
}

static void version_is_shown(void **state) {
    (void)state;
    struct parsed parsed;
    PARSE(&parsed, "--version");
    assert_int_equal(parsed.outcome, FLAGS_SHOWN);
    assert_int_equal(strncmp(parsed.text, "tester 0", 8), 0);
}

static void flags_after_a_stop_belong_to_the_rest(void **state) {
    (void)state;
    struct flags_program stopping = program;
    struct parsed parsed;
    const char *argv[] = {"tester", "-f", "run", "--count", NULL};
    stopping.stop_at_rest = true;
    parse(&parsed, &stopping, 4, argv);
    size_t count = 0;
    assert_int_equal(parsed.outcome, FLAGS_GO);
    assert_string_equal(flags_rest(&parsed.flags, &count)[1], "--count");
    assert_int_equal(count, 2);
    flags_fini(&parsed.flags);
}

static void sizes_are_read_to_the_edge(void **state) {
    (void)state;
    int64_t size = 0;
    assert_true(flags_read_size("64MiB", &size));
    assert_int_equal(size, 64 << 20);
    assert_true(flags_read_size("0", &size));
    assert_false(flags_read_size("", &size));
    assert_false(flags_read_size("K", &size));
    assert_false(flags_read_size("1KK", &size));
    assert_false(flags_read_size("0x10", &size));
    assert_false(flags_read_size("99999999999T", &size));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_value_is_read),
        cmocka_unit_test(absent_flags_take_the_environment_then_the_fallback),
        cmocka_unit_test(an_unknown_flag_is_named_with_its_nearest),
        cmocka_unit_test(a_missing_or_needless_value_is_said),
        cmocka_unit_test(wrong_numbers_are_refused_with_the_cause),
        cmocka_unit_test(a_second_value_is_refused_unless_repeatable),
        cmocka_unit_test(too_many_arguments_are_refused),
        cmocka_unit_test(help_names_every_flag_and_the_examples),
        cmocka_unit_test(version_is_shown),
        cmocka_unit_test(flags_after_a_stop_belong_to_the_rest),
        cmocka_unit_test(sizes_are_read_to_the_edge),
    };
    return cmocka_run_group_tests_name("flags", tests, NULL, NULL);
}
