/* SPDX-License-Identifier: MIT
 *
 * The examples as a user runs them: the word count with a process killed in the middle, and hello.
 */
#include "tests/support/support.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *plugin_path(char out[512]) {
    const char *folder = getenv("WHERRY_LIB");
    assert_non_null(folder);
    snprintf(out, 512, "%s/wherry-examples.so", folder);
    return out;
}

static const char *broker_variable(const struct broker *broker, char out[256]) {
    snprintf(out, 256, "WHERRY_BROKER=%s", broker->endpoint);
    return out;
}

/* Some files with known words, large enough that the count takes a while. */
static void write_files(struct sandbox *box, int count) {
    enum { SIZE = 200000 };
    char *text = malloc(SIZE);
    char name[32];
    assert_non_null(text);
    for (int i = 0; i < count; i++) {
        for (size_t at = 0; at < SIZE; at++) {
            text[at] = at % 6 == 5 ? ' ' : (char)('a' + ((size_t)i * 7 + at / 6 * (at % 6)) % 26);
        }
        snprintf(name, sizeof name, "text-%d", i);
        sandbox_write(box, name, text, SIZE);
    }
    free(text);
}

/* The pid of a process that runs a task, from `wherry pool`; 0 if none does. */
static pid_t busy_process(struct sandbox *box, const struct broker *broker) {
    struct program *pool =
        program_run(box, 0, "wherry", "pool", "--broker", broker->endpoint, NULL);
    char host[128];
    char word[32];
    int pid;
    for (const char *line = program_stdout(pool); line != NULL; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (sscanf(line, "%127s %d %31s", host, &pid, word) == 3 && strcmp(word, "running") == 0) {
            return pid;
        }
    }
    return 0;
}

static void the_word_count_is_right_although_a_process_was_killed(void **state) {
    struct sandbox *box = *state;
    char plugin[512];
    char variable[256];
    struct broker *broker = broker_start(box, NULL);
    worker_start(box, broker->endpoint, "--processes", "4", plugin_path(plugin), NULL);
    write_files(box, 200);
    const char *const arguments[] = {sandbox_folder(box), NULL};
    const char *const environment[] = {broker_variable(broker, variable), NULL};
    struct program *count = program_start_with(box, "wordcount", arguments, environment, NULL);
    pid_t victim = 0;
    while (victim == 0 && program_running(count)) {
        victim = busy_process(box, broker);
    }
    assert_true(victim > 0);
    kill(victim, SIGKILL);
    assert_int_equal(program_wait_exit(count), 0);
    assert_non_null(strstr(program_stdout(count), "its answer is the same"));
}

static void hello_squares_ten_numbers(void **state) {
    struct sandbox *box = *state;
    char variable[256];
    struct broker *broker = broker_start(box, NULL);
    const char *const environment[] = {broker_variable(broker, variable), NULL};
    const char *const work[] = {"work", "--processes", "2", NULL};
    const char *const none[] = {NULL};
    struct program *worker = program_start_with(box, "hello", work, environment, NULL);
    program_wait_line(worker, "msg=ready");
    struct program *hello = program_start_with(box, "hello", none, environment, NULL);
    assert_int_equal(program_wait_exit(hello), 0);
    assert_non_null(strstr(program_stdout(hello), "9 times 9 is 81\n"));
}

int main(void) {
#define SANDBOXED(test) cmocka_unit_test_setup_teardown(test, sandbox_setup, sandbox_teardown)
    const struct CMUnitTest tests[] = {
        SANDBOXED(the_word_count_is_right_although_a_process_was_killed),
        SANDBOXED(hello_squares_ten_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
