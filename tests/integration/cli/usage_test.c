/* SPDX-License-Identifier: MIT
 *
 * `wherry` without a broker: help, slips of the keyboard, bad values, and nobody there. */
#include "tests/support/support.h"

#include <string.h>

static void assert_says(struct program *program, const char *text) {
    if (strstr(program_stderr(program), text) == NULL) {
        print_error("stderr lacks '%s':\n%s", text, program_stderr(program));
        fail();
    }
}

/* One line, whatever went wrong. */
static void assert_one_line(struct program *program) {
    const char *text = program_stderr(program);
    const char *end = strchr(text, '\n');
    assert_non_null(end);
    assert_string_equal(end, "\n");
    assert_string_equal(program_stdout(program), "");
}

static void help_names_every_verb_and_exit_code(void **state) {
    struct program *help = program_run(*state, 0, "wherry", "help", NULL);
    static const char *const words[] = {"submit",
                                        "map",
                                        "result",
                                        "wait",
                                        "cancel",
                                        "status",
                                        "pool",
                                        "queue",
                                        "worker",
                                        "ps",
                                        "dev",
                                        "bench",
                                        "0 done, 1 failed, 2 usage, 3 not found, 4 timeout"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        assert_non_null(strstr(program_stdout(help), words[i]));
    }
}

static void each_verb_shows_examples_in_its_help(void **state) {
    static const char *const verbs[] = {"submit", "map",   "result", "wait", "cancel", "status",
                                        "pool",   "queue", "worker", "ps",   "dev",    "bench"};
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        struct program *help = program_run(*state, 0, "wherry", verbs[i], "--help", NULL);
        assert_non_null(strstr(program_stdout(help), "Examples:\n"));
        struct program *same = program_run(*state, 0, "wherry", "help", verbs[i], NULL);
        assert_string_equal(program_stdout(same), program_stdout(help));
    }
}

static void the_version_is_told(void **state) {
    struct program *version = program_run(*state, 0, "wherry", "--version", NULL);
    assert_int_equal(strncmp(program_stdout(version), "wherry ", 7), 0);
}

static void a_misspelt_verb_is_guessed(void **state) {
    struct program *wrong = program_run(*state, 2, "wherry", "sumbit", "f", NULL);
    assert_says(wrong, "did you mean submit?");
    assert_one_line(wrong);
    assert_says(program_run(*state, 2, "wherry", "xyzzy", NULL), "no such verb");
    assert_says(program_run(*state, 2, "wherry", "help", "pol", NULL), "did you mean pool?");
    assert_says(program_run(*state, 2, "wherry", NULL), "Usage: wherry VERB");
}

static void wrong_flags_and_values_are_refused_in_one_line(void **state) {
    static const struct {
        const char *arguments[6];
        const char *words;
    } wrong[] = {
        {{"submit"}, "FUNCTION"},
        {{"result"}, "ID"},
        {{"result", "a", "b"}, "b"},
        {{"submit", "--tiemout", "1", "f"}, "did you mean --timeout?"},
        {{"submit", "--timeout", "soon", "f"}, "--timeout soon"},
        {{"submit", "--timeout", "-1", "f"}, "--timeout"},
        {{"submit", "--timeout", "99999999999999", "f"}, "--timeout"},
        {{"result", "--timeout", "1e400", "x"}, "--timeout"},
        {{"submit", "--kwargs", "{\"a\": }", "f"}, "line 1, column 7"},
        {{"submit", "--kwargs", "[1]", "f"}, "one JSON object"},
        {{"status", "-o", "xml"}, "table or json"},
        {{"status", "extra"}, "extra"},
        {{"bench", "speed"}, "no such benchmark"},
        {{"bench", "latancy"}, "did you mean latency?"},
        {{"bench", "latency", "--tasks", "0"}, "--tasks 0"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        const char *const *arguments = wrong[i].arguments;
        struct program *program = program_start_with(*state, "wherry", arguments, NULL, NULL);
        int code = program_wait_exit(program);
        if (code != 2) {
            print_error("case %zu: exit %d\n", i, code);
        }
        assert_int_equal(code, 2);
        assert_says(program, wrong[i].words);
        assert_one_line(program);
    }
}

/* Help asked of help, output that nobody takes. */
static void help_can_be_asked_in_every_way(void **state) {
    struct program *help = program_run(*state, 0, "wherry", "help", NULL);
    struct program *same = program_run(*state, 0, "wherry", "help", "--help", NULL);
    assert_string_equal(program_stdout(same), program_stdout(help));
    struct program *full = program_run(
        *state, 1, "/bin/sh", "-c", "exec \"$WHERRY_BIN\"/wherry status --help >/dev/full", NULL);
    assert_says(full, "cannot write the output");
    assert_one_line(full);
}

static void a_malformed_address_is_refused(void **state) {
    struct program *wrong =
        program_run(*state, 2, "wherry", "status", "--broker", "node7:7380", NULL);
    assert_says(wrong, "node7:7380");
    assert_one_line(wrong);
}

static void without_a_broker_the_exit_code_says_so(void **state) {
    const char *nobody = sandbox_endpoint(*state, "nobody");
    struct program *status = program_run(*state, 5, "wherry", "status", "--broker", nobody, NULL);
    assert_says(status, "start wherry-broker");
    assert_one_line(status);
}

int main(void) {
#define SANDBOXED(test) cmocka_unit_test_setup_teardown(test, sandbox_setup, sandbox_teardown)
    const struct CMUnitTest tests[] = {
        SANDBOXED(help_names_every_verb_and_exit_code),
        SANDBOXED(each_verb_shows_examples_in_its_help),
        SANDBOXED(the_version_is_told),
        SANDBOXED(a_misspelt_verb_is_guessed),
        SANDBOXED(wrong_flags_and_values_are_refused_in_one_line),
        SANDBOXED(help_can_be_asked_in_every_way),
        SANDBOXED(a_malformed_address_is_refused),
        SANDBOXED(without_a_broker_the_exit_code_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
