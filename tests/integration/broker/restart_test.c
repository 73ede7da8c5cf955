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
    snprintf(exec, sizeof exec, "run=sh %s", sandbox_write(box, "run.sh", script, (size_t)size));
    return worker_start(box, broker->endpoint, "--processes", "1", "--exec", exec, NULL);
}

static size_t runs(struct sandbox *box) {
    struct program *count =
        program_run(box, 0, "/usr/bin/wc", "-l", sandbox_path(box, "runs"), NULL);
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
        struct program *result =
            program_run(*state, 0, "wherry", "result", "--broker", broker->endpoint, ids[i], NULL);
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

/* The host is gone as well: nobody will announce, and the broker says what it waits for. */
static void status_tells_which_hosts_a_restart_waits_for(void **state) {
    struct broker *broker = broker_that_keeps(*state);
    struct program *worker = worker_start(*state, broker->endpoint, "--processes", "1", NULL);
    program_kill(worker);
    broker_restart(broker);
    struct program *status =
        program_run(*state, 0, "wherry", "status", "--broker", broker->endpoint, NULL);
    assert_non_null(strstr(program_stdout(status), "Restarted: 1 worker hosts have not said yet"));
    worker_start(*state, broker->endpoint, "--processes", "1", NULL); /* new work does not wait */
    program_run(*state, 0, "wherry", "submit", "--timeout", "8", "--broker", broker->endpoint,
                "--wait", "wherry.echo", "1", NULL);
}

static void fill(struct sandbox *box, struct broker *broker) {
    struct program *filling = program_start(box, "wherry", "bench", "backlog", "--tasks", "200000",
                                            "--broker", broker->endpoint, NULL);
    double queued = 0;
    while (queued < 200000) {
        struct http_answer answer = http_get(box, broker->http_port, "/metrics");
        if (strstr(answer.body, "wherry_queue_tasks{") != NULL) {
            queued = metric_value(answer.body, "wherry_queue_tasks{queue=\"default\"}");
        }
        sandbox_pause(box, "200,000 tasks in the queue");
    }
    program_kill(filling);
}

/* While many records are read, the old port answers how far it is. */
static void readiness_tells_how_far_a_restart_is(void **state) {
    struct sandbox *box = *state;
    struct broker *broker = broker_that_keeps(box);
    fill(box, broker);
    unsigned long long restored = 0;
    unsigned long long records = 0;
    struct program *again = broker_begin_restart(broker);
    while (restored == 0) {
        struct http_answer answer = http_get(box, broker->http_port, "/readyz");
        assert_int_not_equal(answer.status, 200);
        sscanf(answer.body,
               "{\"ready\":false,\"failing\":\"restoring\",\"restored\":%llu,\"records\":%llu}",
               &restored, &records);
        sandbox_pause(box, "readiness to tell of a restart");
    }
    assert_true(records > 100000 && restored < records); /* the last ones were in no batch yet */
    program_wait_line(again, "msg=ready");
    assert_int_equal(http_get(box, broker->http_port, "/readyz").status, 200);
}

/* It asks before the broker is back, so that it is among the first to be answered. */
static void status_tells_how_far_a_restart_is(void **state) {
    struct sandbox *box = *state;
    struct broker *broker = broker_that_keeps(box);
    fill(box, broker);
    program_kill(broker->program);
    struct program *asking =
        program_start(box, "wherry", "status", "--broker", broker->endpoint, NULL);
    struct program *waiting =
        program_start(box, "wherry", "ps", "--broker", broker->endpoint, NULL);
    struct program *again = broker_begin_restart(broker);
    assert_int_equal(program_wait_exit(asking), 5);
    unsigned long long restored = 0;
    unsigned long long records = 0;
    const char *told = strstr(program_stderr(asking), "the broker is reading its store: ");
    assert_non_null(told);
    assert_int_equal(
        sscanf(told, "the broker is reading its store: %llu of %llu records", &restored, &records),
        2);
    assert_true(records > 100000 && restored < records);
    program_wait_line(again, "msg=ready");
    assert_int_equal(program_wait_exit(waiting), 0); /* who wants to work waits */
}

/* Where the store lies when nobody says: each of these wins over those behind it. */
static void the_store_lies_where_the_environment_says(void **state) {
    struct sandbox *box = *state;
    char first[128];
    char second[128];
    char third[128];
    char folder[128];
    snprintf(first, sizeof first, "STATE_DIRECTORY=%s:/never", sandbox_path(box, "first"));
    snprintf(second, sizeof second, "XDG_STATE_HOME=%s", sandbox_path(box, "second"));
    snprintf(third, sizeof third, "HOME=%s", sandbox_path(box, "third"));
    const char *const places[3] = {"first", "second/wherry", "third/.local/state/wherry"};
    const char *environment[] = {first, second, third, NULL};
    const char *arguments[] = {"--listen", sandbox_endpoint(box, "b"), "--http", "off", NULL};
    static const char *const without[] = {"STATE_DIRECTORY", "XDG_STATE_HOME", "HOME"};
    for (size_t i = 0; i < 3; i++) {
        struct program *program =
            program_start_with(box, "wherry-broker", arguments, environment, NULL);
        program_wait_line(program, "msg=ready");
        snprintf(folder, sizeof folder, "%s/data.mdb", sandbox_path(box, places[i]));
        assert_int_equal(access(folder, F_OK), 0);
        assert_int_equal(program_stop(program), 0);
        environment[i] = without[i];
    }
    struct program *nowhere =
        program_start_with(box, "wherry-broker", arguments, environment, NULL);
    assert_int_equal(program_wait_exit(nowhere), 5);
    assert_non_null(strstr(program_stderr(nowhere), "--store lmdb:DIR"));
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

/* Taken while the broker runs; then a broker starts on the copy. */
static void a_backup_is_a_store_to_start_on(void **state) {
    struct sandbox *box = *state;
    struct broker *broker = broker_that_keeps(box);
    char id[27];
    char later[27];
    char url[SANDBOX_PATH_SIZE + 32];
    char file[SANDBOX_PATH_SIZE];
    char again[SANDBOX_PATH_SIZE];
    snprintf(file, sizeof file, "%s", sandbox_path(box, "monday.mdb"));
    snprintf(again, sizeof again, "%s", sandbox_path(box, "again"));
    snprintf(url, sizeof url, "lmdb:%s", sandbox_path(box, "store"));
    submit(box, broker, "wherry.echo", "1", id);
    struct program *backup =
        program_run(box, 0, "wherry", "backup", "-o", "json", "--store", url, file, NULL);
    assert_non_null(strstr(program_stdout(backup), "\"records\": "));
    backup = program_run(box, 1, "wherry", "backup", "--store", url, file, NULL);
    assert_non_null(strstr(program_stderr(backup), "is there already"));
    program_run(box, 2, "wherry", "backup", "--store", "memory:x", file, NULL);
    submit(box, broker, "wherry.echo", "2", later);
    program_run(box, 0, "/bin/mkdir", again, NULL);
    program_run(box, 0, "/bin/cp", file, sandbox_path(box, "again/data.mdb"), NULL);
    program_kill(broker->program);
    snprintf(url, sizeof url, "lmdb:%s", again);
    broker = broker_start(box, "--store", url, NULL);
    assert_true(program_said(broker->program, "the store is a backup's copy"));
    worker_start(box, broker->endpoint, "--processes", "1", NULL);
    struct program *result =
        program_run(box, 0, "wherry", "result", "--broker", broker->endpoint, id, NULL);
    assert_string_equal(program_stdout(result), "1\n");
    program_run(box, 3, "wherry", "result", "--broker", broker->endpoint, later, NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(what_was_acknowledged_is_there_after_a_kill),
        TEST(a_backup_is_a_store_to_start_on),
        TEST(a_result_that_was_told_is_still_there_after_a_kill),
        TEST(a_task_that_runs_through_a_restart_runs_once),
        TEST(status_tells_which_hosts_a_restart_waits_for),
        TEST(readiness_tells_how_far_a_restart_is),
        TEST(status_tells_how_far_a_restart_is),
        TEST(the_store_lies_where_the_environment_says),
        TEST(a_second_broker_on_the_same_store_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
