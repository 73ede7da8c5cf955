/* SPDX-License-Identifier: MIT
 *
 * `wherry map`: functions and commands over items from arguments and from stdin, failures, the job
 * log, a signal in the middle, and what a terminal shows. */
#include "tests/support/support.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct broker *house(struct sandbox *box) {
    struct broker *broker = broker_start(box, NULL);
    worker_start(box, broker->endpoint, "--processes", "2", "--allow-exec", "--exec", "wrong=false",
                 NULL);
    return broker;
}

static void assert_says(const char *text, const char *part) {
    if (strstr(text, part) == NULL) {
        print_error("'%s' is missing in:\n%s", part, text);
        fail();
    }
}

/* `wherry map` with these arguments up to a NULL. */
static struct program *map_start(struct sandbox *box, const struct broker *broker,
                                 const char *input, const char *const *arguments) {
    const char *all[32] = {"map"};
    const char *environment[] = {NULL, NULL};
    char variable[256];
    size_t count = 1;
    snprintf(variable, sizeof variable, "WHERRY_BROKER=%s", broker->endpoint);
    environment[0] = variable;
    for (; *arguments != NULL; arguments++) {
        all[count++] = *arguments;
    }
    return program_start_with(box, "wherry", all, environment, input);
}

static struct program *map_run(struct sandbox *box, const struct broker *broker, int expected,
                               const char *input, const char *const *arguments) {
    struct program *map = map_start(box, broker, input, arguments);
    int code = program_wait_exit(map);
    if (code != expected) {
        print_error("exit %d: %s\n", code, program_stderr(map));
    }
    assert_int_equal(code, expected);
    return map;
}

#define ARGUMENTS(...) ((const char *const[]){__VA_ARGS__, NULL})

/* "1\n2\n…": a file, and its text. */
static const char *numbers_write(struct sandbox *box, int count, char *text, size_t size) {
    size_t used = 0;
    for (int i = 1; i <= count; i++) {
        used += (size_t)snprintf(text + used, size - used, "%d\n", i);
    }
    return sandbox_write(box, "numbers", text, used);
}

static void results_of_a_function_come_as_json_in_order(void **state) {
    struct broker *broker = house(*state);
    struct program *map =
        map_run(*state, broker, 0, NULL,
                ARGUMENTS("-k", "wherry.echo", "1", "-3", "{\"a\": [1, 2]}", "x y"));
    assert_string_equal(program_stdout(map), "1\n-3\n{\"a\": [1, 2]}\n\"x y\"\n");
    assert_string_equal(program_stderr(map), "");
}

static void lines_of_stdin_go_through_a_command(void **state) {
    struct broker *broker = house(*state);
    char text[8192];
    const char *input = numbers_write(*state, 1000, text, sizeof text);
    struct program *map = map_run(*state, broker, 0, input, ARGUMENTS("-k", "--", "echo", "{}"));
    assert_string_equal(program_stdout(map), text);
    assert_string_equal(program_stderr(map), "");
    map = map_run(*state, broker, 0, input, ARGUMENTS("wherry.echo"));
    assert_int_equal(strlen(program_stdout(map)), strlen(text));
}

static void an_item_replaces_each_pair_of_braces_else_it_comes_last(void **state) {
    struct broker *broker = house(*state);
    struct program *map =
        map_run(*state, broker, 0, NULL,
                ARGUMENTS("-k", "--", "echo", "-n", "<{}-{}>", ":::", "a b", "$HOME"));
    assert_string_equal(program_stdout(map), "<a b-a b><$HOME-$HOME>");
    map = map_run(*state, broker, 0, NULL, ARGUMENTS("--", "echo", "-5", ":::", "x"));
    assert_string_equal(program_stdout(map), "-5 x\n");
    map_run(*state, broker, 2, NULL, ARGUMENTS("--", ":::", "x"));
}

static void no_items_are_no_work(void **state) {
    struct broker *broker = house(*state);
    struct program *map = map_run(*state, broker, 0, NULL, ARGUMENTS("wherry.echo"));
    assert_string_equal(program_stdout(map), "");
}

static void a_failed_item_is_named_and_the_others_run(void **state) {
    struct broker *broker = house(*state);
    struct program *map =
        map_run(*state, broker, 1, NULL,
                ARGUMENTS("-k", "--", "sh", "-c", "echo {}; echo cause >&2; exit {}", ":::", "0",
                          "3", "0"));
    assert_string_equal(program_stdout(map), "0\n3\n0\n");
    assert_says(program_stderr(map), "wherry map: 3: exit 3\n");
    assert_says(program_stderr(map), "cause\n");
    map = map_run(*state, broker, 1, NULL, ARGUMENTS("wrong", "x"));
    assert_says(program_stderr(map), "wherry map: x: ");
    map = map_run(*state, broker, 1, NULL,
                  ARGUMENTS("-o", "json", "--", "sh", "-c", "echo {}; exit {}", ":::", "3"));
    assert_says(program_stdout(map), "\"exit\": 3, \"stdout\": \"3\\n\"");
}

static void halt_now_cancels_the_rest(void **state) {
    struct broker *broker = house(*state);
    struct program *map = map_run(
        *state, broker, 1, NULL,
        ARGUMENTS("--halt", "now", "--", "sleep", ":::", "600", "none", "600", "600", "600"));
    assert_says(program_stderr(map), "wherry map: none: exit");
    map = map_run(*state, broker, 2, NULL, ARGUMENTS("--halt", "later", "wherry.echo", "1"));
    assert_says(program_stderr(map), "now, soon or never");
}

static void a_resumed_run_skips_what_is_done(void **state) {
    struct sandbox *box = *state;
    struct broker *broker = house(box);
    const char *log = sandbox_path(box, "log");
    const char *door = sandbox_path(box, "door");
    char script[256];
    snprintf(script, sizeof script, "echo \"{}\"; test \"{}\" != b || test -e %s", door);
    const char *const first[] = {"-k",   "--joblog", log, "--", "sh",   "-c",
                                 script, ":::",      "a", "b",  "c\td", NULL};
    const char *const again[] = {"-k",   "--joblog", log, "--resume", "--",   "sh", "-c",
                                 script, ":::",      "a", "b",        "c\td", NULL};
    const char *const others[] = {"--joblog", log,   "--resume", "--", "sh", "-c",
                                  script,     ":::", "a",        "x",  NULL};
    struct program *map = map_run(box, broker, 1, NULL, first);
    assert_string_equal(program_stdout(map), "a\nb\nc\td\n");
    map = map_run(box, broker, 2, NULL, first);
    assert_says(program_stderr(map), "--resume");
    sandbox_write(box, "door", "", 0);
    map = map_run(box, broker, 0, NULL, again);
    assert_string_equal(program_stdout(map), "b\n");
    map = map_run(box, broker, 0, NULL, again);
    assert_string_equal(program_stdout(map), "");
    map = map_run(box, broker, 2, NULL, others);
    assert_says(program_stderr(map), "another item");
}

static void an_unreadable_job_log_is_refused(void **state) {
    struct broker *broker = house(*state);
    const char *wrong = sandbox_write(*state, "wrong", "hello\n", 6);
    const char *damaged = "#wherry-joblog 1\twherry.echo\nx\ty\n";
    const char *log = sandbox_write(*state, "damaged", damaged, strlen(damaged));
    struct program *map = map_run(*state, broker, 2, NULL,
                                  ARGUMENTS("--joblog", wrong, "--resume", "wherry.echo", "1"));
    assert_says(program_stderr(map), "no job log");
    map = map_run(*state, broker, 2, NULL,
                  ARGUMENTS("--joblog", log, "--resume", "wherry.echo", "1"));
    assert_says(program_stderr(map), "line 2");
    map_run(*state, broker, 2, NULL, ARGUMENTS("--joblog", log, "--resume", "wherry.noop", "1"));
    map_run(*state, broker, 2, NULL,
            ARGUMENTS("--joblog", sandbox_path(*state, "no/folder"), "wherry.echo", "1"));
    map_run(*state, broker, 2, NULL, ARGUMENTS("--resume", "wherry.echo", "1"));
}

static bool file_there(void *path) {
    FILE *file = fopen(path, "r");
    if (file != NULL) {
        fclose(file);
    }
    return file != NULL;
}

static void a_second_ctrl_c_cancels_what_is_out(void **state) {
    struct sandbox *box = *state;
    struct broker *broker = house(box);
    const char *mark = sandbox_path(box, "mark");
    char script[256];
    snprintf(script, sizeof script, "touch %s; exec sleep 600", mark);
    struct program *map = map_start(
        box, broker, NULL, ARGUMENTS("--", "sh", "-c", script, "{}", ":::", "1", "2", "3", "4"));
    sandbox_wait(box, "a command runs", file_there, (void *)(uintptr_t)mark);
    program_signal(map, SIGINT);
    program_wait_line(map, "Ctrl-C again cancels them");
    program_signal(map, SIGINT);
    assert_int_equal(program_wait_exit(map), -SIGINT);
    assert_says(program_stderr(map), "cancelling what is unfinished");
    struct program *after = map_run(box, broker, 0, NULL, ARGUMENTS("wherry.echo", "7"));
    assert_string_equal(program_stdout(after), "7\n"); /* the workers are free */
}

static void sigterm_cancels_at_once(void **state) {
    struct sandbox *box = *state;
    struct broker *broker = house(box);
    const char *mark = sandbox_path(box, "mark");
    char script[256];
    snprintf(script, sizeof script, "touch %s; exec sleep 600", mark);
    struct program *map =
        map_start(box, broker, NULL, ARGUMENTS("--", "sh", "-c", script, "{}", ":::", "1", "2"));
    sandbox_wait(box, "a command runs", file_there, (void *)(uintptr_t)mark);
    program_signal(map, SIGTERM);
    assert_int_equal(program_wait_exit(map), -SIGTERM);
}

/* A command that says that it runs, and goes on when the door is there. */
static void door_script(struct sandbox *box, char *out, size_t size) {
    char mark[SANDBOX_PATH_SIZE];
    char runs[SANDBOX_PATH_SIZE];
    snprintf(mark, sizeof mark, "%s", sandbox_path(box, "mark"));
    snprintf(runs, sizeof runs, "%s", sandbox_path(box, "runs"));
    snprintf(out, size,
             "echo \"$0\" >>%s; touch %s; until test -e %s; do sleep 0.02; done; echo \"$0\"", runs,
             mark, sandbox_path(box, "door"));
}

static void a_first_ctrl_c_waits_for_what_is_out(void **state) {
    struct sandbox *box = *state;
    struct broker *broker = house(box);
    char script[512];
    char mark[SANDBOX_PATH_SIZE];
    snprintf(mark, sizeof mark, "%s", sandbox_path(box, "mark"));
    door_script(box, script, sizeof script);
    struct program *map = map_start(
        box, broker, NULL, ARGUMENTS("-k", "--", "sh", "-c", script, "{}", ":::", "a", "b"));
    sandbox_wait(box, "a command runs", file_there, mark);
    program_signal(map, SIGINT);
    program_wait_line(map, "no more items; waiting for the 2 that are out");
    sandbox_write(box, "door", "", 0);
    assert_int_equal(program_wait_exit(map), -SIGINT);
    assert_string_equal(program_stdout(map), "a\nb\n");
}

static void what_a_closed_terminal_left_is_collected_by_resume(void **state) {
    struct sandbox *box = *state;
    struct broker *broker = house(box);
    char script[512];
    char mark[SANDBOX_PATH_SIZE];
    char log[SANDBOX_PATH_SIZE];
    snprintf(mark, sizeof mark, "%s", sandbox_path(box, "mark"));
    snprintf(log, sizeof log, "%s", sandbox_path(box, "log"));
    door_script(box, script, sizeof script);
    const char *const first[] = {"-k", "--joblog", log, "--", "sh", "-c", script,
                                 "{}", ":::",      "a", "b",  "c",  NULL};
    const char *const again[] = {"-k",   "--joblog", log,   "--resume", "--", "sh", "-c",
                                 script, "{}",       ":::", "a",        "b",  "c",  NULL};
    struct program *map = map_start(box, broker, NULL, first);
    sandbox_wait(box, "a command runs", file_there, mark);
    program_signal(map, SIGHUP);
    assert_int_equal(program_wait_exit(map), -SIGHUP);
    sandbox_write(box, "door", "", 0);
    map = map_run(box, broker, 0, NULL, again);
    assert_string_equal(program_stdout(map), "a\nb\nc\n");
    struct program *runs = program_run(box, 0, "/usr/bin/sort", sandbox_path(box, "runs"), NULL);
    assert_string_equal(program_stdout(runs), "a\nb\nc\n"); /* each once */
    map = map_run(box, broker, 0, NULL, again);
    assert_string_equal(program_stdout(map), "");
}

static void a_terminal_shows_progress_and_a_pipe_does_not(void **state) {
    struct broker *broker = house(*state);
    char variable[256];
    snprintf(variable, sizeof variable, "WHERRY_BROKER=%s", broker->endpoint);
    char command[1024];
    const char *folder = getenv("WHERRY_BIN");
    assert_non_null(folder);
    snprintf(command, sizeof command, "%s/wherry map -- sh -c 'exit {}' ::: 0 0 1 0", folder);
    const char *const arguments[] = {"-qec", command, "/dev/null", NULL};
    const char *const plain[] = {variable, "NO_COLOR=1", "TERM=xterm", NULL};
    const char *const color[] = {variable, "NO_COLOR", "TERM=xterm", NULL};
    struct program *map = program_start_with(*state, "/usr/bin/script", arguments, plain, NULL);
    assert_int_equal(program_wait_exit(map), 1);
    assert_says(program_stdout(map), "4/4 [####################] 100 %");
    assert_says(program_stdout(map), "  2 workers  1 failed");
    map = program_start_with(*state, "/usr/bin/script", arguments, color, NULL);
    assert_int_equal(program_wait_exit(map), 1);
    assert_says(program_stdout(map), "\033[31m1 failed");
}

int main(void) {
#define SANDBOXED(test) cmocka_unit_test_setup_teardown(test, sandbox_setup, sandbox_teardown)
    const struct CMUnitTest tests[] = {
        SANDBOXED(results_of_a_function_come_as_json_in_order),
        SANDBOXED(lines_of_stdin_go_through_a_command),
        SANDBOXED(an_item_replaces_each_pair_of_braces_else_it_comes_last),
        SANDBOXED(no_items_are_no_work),
        SANDBOXED(a_failed_item_is_named_and_the_others_run),
        SANDBOXED(halt_now_cancels_the_rest),
        SANDBOXED(a_resumed_run_skips_what_is_done),
        SANDBOXED(an_unreadable_job_log_is_refused),
        SANDBOXED(a_first_ctrl_c_waits_for_what_is_out),
        SANDBOXED(a_second_ctrl_c_cancels_what_is_out),
        SANDBOXED(sigterm_cancels_at_once),
        SANDBOXED(what_a_closed_terminal_left_is_collected_by_resume),
        SANDBOXED(a_terminal_shows_progress_and_a_pipe_does_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
