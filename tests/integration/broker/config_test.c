/* SPDX-License-Identifier: MIT
 *
 * The broker's configuration file: what it sets, what goes before it, and what people read when it
 * is wrong. */
#include "tests/support/support.h"

#include <stdio.h>
#include <string.h>

static const char *file_of(struct sandbox *box, const char *text) {
    return sandbox_write(box, "broker.conf", text, strlen(text));
}

/* What --check-config says of `text`, with every path cut off. */
static const char *check(struct sandbox *box, int expected_exit, const char *text) {
    static char said[4096];
    const char *path = file_of(box, text);
    struct program *program =
        program_run(box, expected_exit, "wherry-broker", "--check-config", path, NULL);
    const char *at = expected_exit == 0 ? program_stdout(program) : program_stderr(program);
    size_t size = 0;
    while (*at != '\0' && size < sizeof said - 1) {
        size_t skip = strncmp(at, path, strlen(path)) == 0      ? strlen(path)
                      : strncmp(at, "wherry-broker: ", 15) == 0 ? 15
                                                                : 0;
        at += skip;
        if (skip == 0) {
            said[size++] = *at++;
        }
    }
    said[size] = '\0';
    return said;
}

static void every_wrong_line_is_named_with_its_number(void **state) {
    assert_string_equal(
        check(*state, 2,
              "# the comment's line counts once\n"
              "memory-limit = 12X\n"
              "listn = \"tcp://127.0.0.1:1\"   // a typing error\n"
              "listen = {\"tcp://127.0.0.1:1\", nonsense}\n"
              "/* a longer\n"
              "   comment */\n"
              "insecure = perhaps\n"
              "queue = {\"mail:max=10\"}\n"
              "queue = \"video:max=2\"\n"
              "grace = 1000h\n"
              "colour = {1, 2}\n"),
        ":2: memory-limit 12X: not a size (bytes, or like 64K, 512M, 2G)\n"
        ":3: listn: no such setting; did you mean listen?\n"
        ":4: listen nonsense: an endpoint is tcp://HOST:PORT or ipc:///PATH, e.g. "
        "tcp://127.0.0.1:7380\n"
        ":7: insecure perhaps: neither true nor false\n"
        ":9: queue video:max=2: stands in line 8 already; a list is written {a, b}\n"
        ":10: grace 1000h: must be from 0s to 86400s\n"
        ":11: colour: no such setting (--help lists them)\n");
}

static void what_is_no_setting_at_all_is_named_with_its_line(void **state) {
    assert_string_equal(check(*state, 2, "\nhttp off\n"),
                        ":2: missing equal sign after option 'http'\n");
    assert_string_equal(check(*state, 2, "log = \"info\n"), ":2: premature end of file\n");
    assert_string_equal(check(*state, 2, "config = other\n"),
                        ":1: config: no such setting (--help lists them)\n");
    assert_string_equal(check(*state, 2, "log = info\nlog = debug\n"),
                        ":2: log debug: stands in line 1 already\n");
}

static void values_may_hold_what_begins_a_comment(void **state) {
    check(*state, 0, "listen = tcp://127.0.0.1:7380 # here\nstore = 'memory:' // and here\n");
    assert_string_equal(check(*state, 2, "log = \"a#b\"\n"),
                        ":1: log a#b: a level is error, warn, info or debug\n");
    check(*state, 0, "listen = {\"ipc:///tmp/a\",\n  \"ipc:///tmp/b\"\n}\n");
    check(*state, 0, "");
}

static void an_unreadable_file_is_refused_in_words(void **state) {
    struct program *program =
        program_run(*state, 2, "wherry-broker", "--config", "/nowhere/broker.conf", NULL);
    assert_string_equal(program_stderr(program),
                        "wherry-broker: /nowhere/broker.conf: No such file or directory\n");
    program = program_run(*state, 2, "wherry-broker", "--config", "/tmp", NULL);
    assert_string_equal(program_stderr(program), "wherry-broker: /tmp: Is a directory\n");
    const char *binary = sandbox_write(*state, "binary", "log = \0", 7);
    program = program_run(*state, 2, "wherry-broker", "--config", binary, NULL);
    assert_non_null(strstr(program_stderr(program), ": not a text file\n"));
}

static void what_needs_insecure_is_refused_with_it_missing(void **state) {
    const char *text = "listen = \"tcp://0.0.0.0:7380\"\n";
    assert_non_null(strstr(check(*state, 2, text), "say --insecure"));
    check(*state, 0, "listen = \"tcp://0.0.0.0:7380\"\ninsecure = yes\n");
}

/* As shipped, and with every line of it in force. */
static void the_example_is_right(void **state) {
    char all[8192];
    size_t size = 0;
    struct program *program = program_run(*state, 0, "wherry-broker", "--example-config", NULL);
    const char *example = program_stdout(program);
    for (const char *at = example; *at != '\0' && size < sizeof all - 1; at++) {
        bool begins = at == example || at[-1] == '\n';
        if (!(begins && at[0] == '#' && at[1] != ' ')) {
            all[size++] = *at;
        }
    }
    all[size] = '\0';
    assert_non_null(strstr(all, "\nmemory-limit = \"2G\"\n"));
    assert_string_equal(check(*state, 0, all), ": nothing is wrong\n");
}

static void a_file_sets_what_flags_and_environment_do_not(void **state) {
    struct sandbox *box = *state;
    char text[512];
    snprintf(text, sizeof text,
             "listen = {\"%s\"}\nhttp = off\nqueue = {\"mail:max=7\", \"video:max=8\"}\n",
             sandbox_endpoint(box, "file"));
    const char *path = file_of(box, text);
    const char *flags[] = {"--store", "memory:", "--queue", "mail:max=9", NULL};
    char variable[512];
    snprintf(variable, sizeof variable, "WHERRY_BROKER_CONFIG=%s", path);
    const char *environment[] = {variable, NULL};
    struct program *broker = program_start_with(box, "wherry-broker", flags, environment, NULL);
    program_wait_line(broker, "msg=ready");
    assert_true(program_said(broker, "http=off"));
    struct program *shown = program_run(box, 0, "wherry", "queue", "ls", "--broker",
                                        sandbox_endpoint(box, "file"), NULL);
    assert_non_null(strstr(program_stdout(shown), "mail"));
    assert_null(strstr(program_stdout(shown), "video")); /* a list is replaced, not mixed */
    assert_non_null(strstr(program_stdout(shown), " 9"));
    assert_int_equal(program_stop(broker), 0);
}

#define IN_SANDBOX(test) cmocka_unit_test_setup_teardown(test, sandbox_setup, sandbox_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_SANDBOX(every_wrong_line_is_named_with_its_number),
        IN_SANDBOX(what_is_no_setting_at_all_is_named_with_its_line),
        IN_SANDBOX(values_may_hold_what_begins_a_comment),
        IN_SANDBOX(an_unreadable_file_is_refused_in_words),
        IN_SANDBOX(what_needs_insecure_is_refused_with_it_missing),
        IN_SANDBOX(the_example_is_right),
        IN_SANDBOX(a_file_sets_what_flags_and_environment_do_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
