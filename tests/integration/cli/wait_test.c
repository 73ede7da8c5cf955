/* SPDX-License-Identifier: MIT
 *
 * `wherry wait` and `wherry cancel` on queued, running, finished and unknown tasks. */
#include "tests/support/support.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

static const char nobody[] = "5zkbvqmbqhxwq0cng000000001";

static struct broker *house(struct sandbox *box) {
    struct broker *broker = broker_start(box, NULL);
    worker_start(box, broker->endpoint, "--processes", "1", "--exec", "wrong=false", NULL);
    return broker;
}

static void assert_says(const char *text, const char *part) {
    if (strstr(text, part) == NULL) {
        print_error("'%s' is missing in:\n%s", part, text);
        fail();
    }
}

static const char *submit(struct sandbox *box, const struct broker *broker, const char *function,
                          const char *argument, char id[27]) {
    struct program *program = program_run(box, 0, "wherry", "submit", "--broker", broker->endpoint,
                                          function, argument, NULL);
    assert_int_equal(strlen(program_stdout(program)), 27);
    memcpy(id, program_stdout(program), 26);
    id[26] = '\0';
    return id;
}

/* Until its process runs it. */
static void wait_running(struct sandbox *box, const struct broker *broker, const char *id) {
    for (bool runs = false; !runs;) {
        struct program *pool =
            program_run(box, 0, "wherry", "pool", "--broker", broker->endpoint, NULL);
        runs = strstr(program_stdout(pool), id) != NULL;
        program_forget(pool); /* on a busy machine there are many */
        sandbox_pause(box, "a process runs the task");
    }
}

static void waiting_for_done_tasks_is_exit_0(void **state) {
    struct broker *broker = house(*state);
    char one[27];
    char two[27];
    submit(*state, broker, "wherry.echo", "1", one);
    submit(*state, broker, "wherry.echo", "2", two);
    struct program *wait =
        program_run(*state, 0, "wherry", "wait", "--broker", broker->endpoint, one, two, NULL);
    assert_says(program_stdout(wait), one);
    assert_says(program_stdout(wait), two);
    assert_string_equal(program_stderr(wait), "");
}

static void the_exit_code_of_a_wait_is_that_of_the_worst(void **state) {
    struct broker *broker = house(*state);
    char good[27];
    char wrong[27];
    submit(*state, broker, "wherry.echo", "1", good);
    submit(*state, broker, "wrong", "2", wrong);
    struct program *wait = program_run(*state, 1, "wherry", "wait", "-o", "json", "--broker",
                                       broker->endpoint, wrong, good, NULL);
    assert_says(program_stdout(wait), "\"state\": \"failed\"");
    assert_says(program_stdout(wait), "\"state\": \"done\"");
    program_run(*state, 3, "wherry", "wait", "--broker", broker->endpoint, good, nobody, wrong,
                NULL);
    program_run(*state, 2, "wherry", "wait", "--broker", broker->endpoint, good, "no-id", NULL);
    program_run(*state, 0, "wherry", "wait", "--timeout", "0", "--broker", broker->endpoint, good,
                NULL);
}

static void a_wait_whose_time_is_over_is_exit_4(void **state) {
    struct broker *broker = house(*state);
    char good[27];
    char late[27];
    submit(*state, broker, "wherry.echo", "1", good);
    submit(*state, broker, "wherry.sleep", "600", late);
    struct program *wait = program_run(*state, 4, "wherry", "wait", "--timeout", "200ms",
                                       "--broker", broker->endpoint, good, late, NULL);
    assert_says(program_stderr(wait), late);
    assert_says(program_stdout(wait), "open");
}

static void a_running_task_is_ended_by_cancel_and_a_queued_one_never_runs(void **state) {
    struct broker *broker = house(*state);
    char running[27];
    char queued[27];
    char after[27];
    submit(*state, broker, "wherry.sleep", "600", running);
    wait_running(*state, broker, running);
    submit(*state, broker, "wherry.sleep", "600", queued);
    /* In this order: the end of the one that runs would be the start of the other one. */
    struct program *cancel = program_run(*state, 0, "wherry", "cancel", "-o", "json", "--broker",
                                         broker->endpoint, queued, running, NULL);
    assert_says(program_stdout(cancel), "\"state\": \"stopping\"");
    assert_says(program_stdout(cancel), "\"state\": \"cancelled\"");
    struct program *wait = program_run(*state, 7, "wherry", "wait", "--broker", broker->endpoint,
                                       running, queued, NULL);
    assert_says(program_stdout(wait), "cancelled");
    submit(*state, broker, "wherry.echo", "1", after);
    program_run(*state, 0, "wherry", "wait", "--broker", broker->endpoint, after, NULL);
}

static void cancel_knows_unknown_and_finished_tasks(void **state) {
    struct broker *broker = house(*state);
    char done[27];
    struct program *unknown =
        program_run(*state, 3, "wherry", "cancel", "--broker", broker->endpoint, nobody, NULL);
    assert_says(program_stderr(unknown), nobody);
    program_run(*state, 2, "wherry", "cancel", "--broker", broker->endpoint, "no-id", NULL);
    program_run(*state, 2, "wherry", "cancel", "--broker", broker->endpoint, NULL);
    submit(*state, broker, "wherry.echo", "1", done);
    program_run(*state, 0, "wherry", "wait", "--broker", broker->endpoint, done, NULL);
    struct program *late =
        program_run(*state, 0, "wherry", "cancel", "--broker", broker->endpoint, done, NULL);
    assert_says(program_stdout(late), "ended");
    program_run(*state, 0, "wherry", "wait", "--broker", broker->endpoint, done, NULL);
}

/* What it runs, and what that runs: the whole process group. */
static void a_cancelled_command_is_ended_with_its_children(void **state) {
    struct broker *broker = broker_start(*state, NULL);
    const char *path = sandbox_path(*state, "pid");
    char nap[512];
    snprintf(nap, sizeof nap, "nap=sh -c 'sleep 600 & echo $! >%s.new; mv %s.new %s; wait'", path,
             path, path);
    worker_start(*state, broker->endpoint, "--processes", "1", "--exec", nap, NULL);
    char id[27];
    submit(*state, broker, "nap", "1", id);
    FILE *file = NULL;
    while ((file = fopen(path, "r")) == NULL) {
        sandbox_pause(*state, "the command runs");
    }
    int sleeper = 0;
    assert_int_equal(fscanf(file, "%d", &sleeper), 1);
    fclose(file);
    assert_true(proc_alive(sleeper));
    program_run(*state, 0, "wherry", "cancel", "--broker", broker->endpoint, id, NULL);
    program_run(*state, 7, "wherry", "wait", "--broker", broker->endpoint, id, NULL);
    proc_wait_gone(*state, sleeper);
}

static void ids_come_from_stdin(void **state) {
    struct broker *broker = house(*state);
    char running[27];
    char queued[27];
    char text[128];
    submit(*state, broker, "wherry.sleep", "600", running);
    wait_running(*state, broker, running);
    submit(*state, broker, "wherry.sleep", "600", queued);
    int size = snprintf(text, sizeof text, "%s %s\n\n%s\n", queued, queued, running);
    const char *input = sandbox_write(*state, "ids", text, (size_t)size);
    const char *const cancel[] = {"cancel", "--broker", broker->endpoint, "-", NULL};
    struct program *program = program_start_with(*state, "wherry", cancel, NULL, input);
    assert_int_equal(program_wait_exit(program), 0);
    assert_says(program_stdout(program), "stopping");
    assert_says(program_stdout(program), "ended"); /* said twice */
    const char *const wait[] = {"wait", "--broker", broker->endpoint, "-", NULL};
    assert_int_equal(program_wait_exit(program_start_with(*state, "wherry", wait, NULL, input)), 7);
    const char *const empty[] = {"wait", "--broker", broker->endpoint, "-", NULL};
    assert_int_equal(program_wait_exit(program_start_with(*state, "wherry", empty, NULL, NULL)), 0);
}

/* Nothing is asked, and no broker is needed to know. */
static void a_malformed_id_is_refused_before_anybody_is_asked(void **state) {
    struct broker *broker = house(*state);
    char queued[27];
    submit(*state, broker, "nobody-offers-this", "1", queued);
    const char *nowhere = sandbox_endpoint(*state, "nobody");
    struct program *result =
        program_run(*state, 2, "wherry", "result", "--broker", nowhere, "no-id", NULL);
    assert_says(program_stderr(result), "no-id: is no task id");
    program_run(*state, 2, "wherry", "wait", "--broker", nowhere, "no-id", NULL);
    program_run(*state, 2, "wherry", "cancel", "--broker", nowhere, queued, "no-id", NULL);
    program_run(*state, 2, "wherry", "cancel", "--broker", broker->endpoint, queued, "x", NULL);
    const char *input = sandbox_write(*state, "ids", "\n  no-id\n", 9);
    const char *const lines[] = {"wait", "--broker", nowhere, "-", NULL};
    struct program *wait = program_start_with(*state, "wherry", lines, NULL, input);
    assert_int_equal(program_wait_exit(wait), 2);
    assert_says(program_stderr(wait), "line 2 of stdin");
    program_run(*state, 4, "wherry", "wait", "--broker", broker->endpoint, "--timeout", "0", queued,
                NULL); /* not cancelled */
}

static void an_interrupted_wait_says_that_the_tasks_go_on(void **state) {
    struct broker *broker = house(*state);
    char done[27];
    char late[27];
    submit(*state, broker, "wherry.echo", "1", done);
    submit(*state, broker, "nobody-offers-this", "1", late);
    const char *const arguments[] = {"wait", "--broker", broker->endpoint, done, late, NULL};
    struct program *wait = program_start_with(*state, "wherry", arguments, NULL, NULL);
    program_wait_line(wait, "no worker offers");
    program_signal(wait, SIGINT);
    assert_int_equal(program_wait_exit(wait), -SIGINT);
    assert_says(program_stderr(wait), "interrupted; it goes on");
    assert_says(program_stdout(wait), "done");
    assert_says(program_stdout(wait), "open");
}

int main(void) {
#define SANDBOXED(test) cmocka_unit_test_setup_teardown(test, sandbox_setup, sandbox_teardown)
    const struct CMUnitTest tests[] = {
        SANDBOXED(waiting_for_done_tasks_is_exit_0),
        SANDBOXED(the_exit_code_of_a_wait_is_that_of_the_worst),
        SANDBOXED(a_wait_whose_time_is_over_is_exit_4),
        SANDBOXED(a_running_task_is_ended_by_cancel_and_a_queued_one_never_runs),
        SANDBOXED(cancel_knows_unknown_and_finished_tasks),
        SANDBOXED(a_cancelled_command_is_ended_with_its_children),
        SANDBOXED(ids_come_from_stdin),
        SANDBOXED(a_malformed_id_is_refused_before_anybody_is_asked),
        SANDBOXED(an_interrupted_wait_says_that_the_tasks_go_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
