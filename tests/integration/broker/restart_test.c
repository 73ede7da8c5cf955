/* SPDX-License-Identifier: MIT
 *
 * A broker with a store of its own is killed, and nothing that it said is taken back: real
 * programs, SIGKILL, the same folder again. */
#include "tests/support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A broker whose store lies in the sandbox. */
static struct broker *broker_that_keeps(struct sandbox *box) {
    char url[SANDBOX_PATH_SIZE + 32];
    snprintf(url, sizeof url, "lmdb:%s?reserve=1M", sandbox_path(box, "store"));
    return broker_start(box, "--store", url, NULL);
}

/* --exec run=…: appends a line to the file `runs` of the sandbox, waits `seconds`, prints 1. */
static struct program *worker_that_counts(struct sandbox *box, const struct broker *broker,
                                          const char *seconds) {
    char script[512];
    char exec[512];
    int size = snprintf(script, sizeof script, "#!/bin/sh\necho run >>%s\nsleep %s\necho 1\n",
                        sandbox_path(box, "runs"), seconds);
    snprintf(exec, sizeof exec, "run=sh %s",
             sandbox_write(box, "run.sh", script, (size_t)size));
    return worker_start(box, broker->endpoint, "--processes", "1", "--exec", exec, NULL);
}

static size_t runs(struct sandbox *box) {
    struct program *count = program_run(box, 0, "/usr/bin/wc", "-l", sandbox_path(box, "runs"),
                                        NULL);
    return strtoul(program_stdout(count), NULL, 10);
}

static void submit(struct sandbox *box, const struct broker *broker, const char *function,
                   const char *argument, char id[27]) {
    struct program *program = program_run(box, 0, "wherry", "submit", "--broker", broker->endpoint,
                                          function, argument, NULL);
    snprintf(id, 27, "%s", program_stdout(program));
}

static void what_was_acknowledged_is_there_after_a_kill(void **state) {
    struct broker *broker = broker_that_keeps(*state);
    char ids[5][27];
    for (size_t i = 0; i < 5; i++) {
        submit(*state, broker, "wherry.echo", "[1, \"two\"]", ids[i]);
        broker_restart(broker);
    }
    worker_start(*state, broker->endpoint, "--processes", "1", NULL);
    for (size_t i = 0; i < 5; i++) {
        struct program *result = program_run(*state, 0, "wherry", "result", "--broker",
                                             broker->endpoint, ids[i], NULL);
        assert_string_equal(program_stdout(result), "[1, \"two\"]\n");
    }
}

static void a_result_that_was_told_is_still_there_after_a_kill(void **state) {
    struct broker *broker = broker_that_keeps(*state);
    char id[27];
    struct program *worker = worker_start(*state, broker->endpoint, "--processes", "1", NULL);
    submit(*state, broker, "wherry.echo", "7", id);
    program_run(*state, 0, "wherry", "wait", "--broker", broker->endpoint, id, NULL);
    program_stop(worker);
    broker_restart(broker);
    struct program *result =
        program_run(*state, 0, "wherry", "result", "--broker", broker->endpoint, id, NULL);
    assert_string_equal(program_stdout(result), "7\n");
}

static bool has_run(void *context) {
    struct sandbox *box = context;
    return access(sandbox_path(box, "runs"), F_OK) == 0;
}

/* The host announces it, so that it is not run again, and the client waits on. */
static void a_task_that_runs_through_a_restart_runs_once(void **state) {
    struct broker *broker = broker_that_keeps(*state);
    worker_that_counts(*state, broker, "2");
    struct program *waiting = program_start(*state, "wherry", "submit", "--broker",
                                            broker->endpoint, "--wait", "run", NULL);
    sandbox_wait(*state, "the task to run", has_run, *state);
    broker_restart(broker);
    assert_int_equal(program_wait_exit(waiting), 0);
    assert_string_equal(program_stdout(waiting), "1\n");
    assert_int_equal(runs(*state), 1);
}

static void a_second_broker_on_the_same_store_is_refused(void **state) {
    struct broker *broker = broker_that_keeps(*state);
    char url[SANDBOX_PATH_SIZE + 32];
    snprintf(url, sizeof url, "lmdb:%s", sandbox_path(*state, "store"));
    struct program *second =
        program_run(*state, 5, "wherry-broker", "--listen", sandbox_endpoint(*state, "second"),
                    "--http", "off", "--store", url, NULL);
    assert_non_null(strstr(program_stderr(second), "used by another process"));
    assert_true(program_running(broker->program));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, sandbox_setup, sandbox_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(what_was_acknowledged_is_there_after_a_kill),
        TEST(a_result_that_was_told_is_still_there_after_a_kill),
        TEST(a_task_that_runs_through_a_restart_runs_once),
        TEST(a_second_broker_on_the_same_store_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
