/* SPDX-License-Identifier: MIT
 *
 * Workers, a real broker and a client: deaths of all kinds, and what the submitter sees of them. */
#include "tests/support/support.h"
#include "wherry.h"

#include "common/clock.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SECOND_US = 1000000 };

struct cluster {
    struct sandbox *box;
    struct broker *broker;
    struct program *worker;
    wherry_connection *connection;
    wherry_pool *pool;
};

static const char *plugin_path(void) {
    static char path[512];
    snprintf(path, sizeof path, "%s/worker-test-functions.so", getenv("WHERRY_LIB"));
    return path;
}

static struct cluster cluster_open(struct sandbox *box, const char *processes) {
    struct cluster cluster = {.box = box, .broker = broker_start(box, NULL)};
    cluster.worker =
        worker_start(box, cluster.broker->endpoint, "--processes", processes, plugin_path(), NULL);
    assert_int_equal(wherry_connect(cluster.broker->endpoint, NULL, &cluster.connection),
                     WHERRY_OK);
    assert_int_equal(wherry_pool_open(cluster.connection, NULL, &cluster.pool), WHERRY_OK);
    return cluster;
}

static void cluster_close(struct cluster *cluster) {
    wherry_pool_release(&cluster->pool);
    wherry_connection_release(&cluster->connection);
}

#define SUBMIT(cluster, async, function, ...)                                                      \
    assert_int_equal(                                                                              \
        wherry_pool_apply_async((cluster)->pool, function, NULL, &(async), __VA_ARGS__),           \
        WHERRY_OK)

/* Waits for the outcome until the sandbox's deadline; shows the failure when it is not `expected`.
 */
static const wherry_value *outcome(struct cluster *cluster, wherry_async *async,
                                   wherry_err expected) {
    const wherry_value *value = NULL;
    wherry_err err = wherry_async_get(async, sandbox_left_ms(cluster->box), &value);
    if (err != expected) {
        fail_msg("%s: %s", wherry_err_text(err), wherry_async_error(async));
    }
    return value;
}

static void contains(const char *text, const char *part) {
    if (strstr(text, part) == NULL) {
        fail_msg("\"%s\" does not contain \"%s\"", text, part);
    }
}

/* Waits until hold() or polite() has written its pid; removes the file. */
static pid_t held_pid(struct cluster *cluster, const char *path) {
    int pid = 0;
    while (pid == 0) {
        FILE *file = fopen(path, "re");
        if (file != NULL && fscanf(file, "%d", &pid) != 1) {
            pid = 0;
        }
        if (file != NULL) {
            fclose(file);
        }
        sandbox_pause(cluster->box, "the function runs");
    }
    unlink(path);
    return pid;
}

static void echo_all(struct cluster *cluster, int64_t count) {
    for (int64_t i = 0; i < count; i++) {
        wherry_value *value = NULL;
        int64_t back = -1;
        assert_int_equal(wherry_pool_apply(cluster->pool, "wherry.echo", NULL, &value, "i", i),
                         WHERRY_OK);
        assert_int_equal(wherry_value_read(value, "i", &back), WHERRY_OK);
        assert_int_equal(back, i);
        wherry_value_release(&value);
    }
}

static size_t processes_of(struct program *worker) {
    pid_t fork_server[1];
    pid_t children[16];
    return proc_children(worker->pid, fork_server, 1) == 1
               ? proc_children(fork_server[0], children, 16)
               : 0;
}

static void tasks_go_through(void **state) {
    struct cluster cluster = cluster_open(*state, "2");
    echo_all(&cluster, 100);
    wherry_async *asyncs[2000];
    for (int64_t i = 0; i < 2000; i++) {
        SUBMIT(&cluster, asyncs[i], "add", "ii", i, i);
    }
    for (int64_t i = 0; i < 2000; i++) {
        int64_t sum = -1;
        const wherry_value *value = outcome(&cluster, asyncs[i], WHERRY_OK);
        assert_int_equal(wherry_value_read(value, "i", &sum), WHERRY_OK);
        assert_int_equal(sum, 2 * i);
        wherry_async_release(&asyncs[i]);
    }
    cluster_close(&cluster);
}

static void large_payloads_go_through_unchanged(void **state) {
    struct cluster cluster = cluster_open(*state, "1");
    static uint8_t data[3 << 20];
    for (size_t i = 0; i < sizeof data; i++) {
        data[i] = (uint8_t)(i * 31 >> 3);
    }
    for (size_t size = 100; size <= sizeof data; size *= 8) {
        wherry_value *value = NULL;
        const void *back;
        size_t back_size;
        assert_int_equal(
            wherry_pool_apply(cluster.pool, "wherry.echo", NULL, &value, "y", data, size),
            WHERRY_OK);
        assert_int_equal(wherry_value_read(value, "y", &back, &back_size), WHERRY_OK);
        assert_int_equal(back_size, size);
        assert_memory_equal(back, data, size);
        wherry_value_release(&value);
    }
    cluster_close(&cluster);
}

static void a_killed_process_is_replaced_and_its_task_alone_tried_again(void **state) {
    struct cluster cluster = cluster_open(*state, "2");
    const char *path = sandbox_path(cluster.box, "held");
    wherry_async *held;
    SUBMIT(&cluster, held, "hold", "si", path, (int64_t)300);
    pid_t pid = held_pid(&cluster, path);
    int64_t killed_us = clock_mono_us();
    kill(pid, SIGKILL);
    echo_all(&cluster, 50);
    pid_t again = held_pid(&cluster, path);
    assert_int_not_equal(again, pid);
    while (processes_of(cluster.worker) < 2) {
        sandbox_pause(cluster.box, "the process is replaced");
    }
    assert_true(clock_mono_us() - killed_us < 5 * SECOND_US);
    outcome(&cluster, held, WHERRY_OK);
    contains(program_stderr(cluster.worker), "cause=SIGKILL");
    wherry_async_release(&held);
    cluster_close(&cluster);
}

static void a_function_that_crashes_fails_with_its_cause_after_three_crashes(void **state) {
    struct cluster cluster = cluster_open(*state, "2");
    wherry_async *async;
    wherry_failure failure;
    SUBMIT(&cluster, async, "crash", "");
    outcome(&cluster, async, WHERRY_E_WORKER_LOST);
    contains(wherry_async_error(async), "SIGSEGV");
    contains(wherry_async_error(async), "about to crash");
    assert_int_equal(wherry_async_failure(async, &failure), WHERRY_OK);
    assert_int_equal(failure.cause, WHERRY_CAUSE_SIGNAL);
    assert_int_equal(failure.number, SIGSEGV);
    assert_true(failure.pid > 0);
    wherry_async_release(&async);
    echo_all(&cluster, 20);
    cluster_close(&cluster);
}

static void a_function_that_exits_fails_with_its_exit_code(void **state) {
    struct cluster cluster = cluster_open(*state, "1");
    wherry_async *async;
    wherry_failure failure;
    SUBMIT(&cluster, async, "leave", "i", (int64_t)7);
    outcome(&cluster, async, WHERRY_E_WORKER_LOST);
    assert_int_equal(wherry_async_failure(async, &failure), WHERRY_OK);
    assert_int_equal(failure.cause, WHERRY_CAUSE_EXIT);
    assert_int_equal(failure.number, 7);
    contains(failure.text, "leaving with 7");
    wherry_async_release(&async);
    echo_all(&cluster, 20);
    cluster_close(&cluster);
}

static void what_a_vanished_host_ran_goes_elsewhere(void **state) {
    struct cluster cluster = cluster_open(*state, "1");
    const char *path = sandbox_path(cluster.box, "held");
    wherry_async *held;
    SUBMIT(&cluster, held, "hold", "si", path, (int64_t)100);
    pid_t pid = held_pid(&cluster, path);
    program_kill(cluster.worker);
    proc_wait_gone(cluster.box, pid);
    int64_t killed_us = clock_mono_us();
    cluster.worker = worker_start(cluster.box, cluster.broker->endpoint, "--processes", "1",
                                  plugin_path(), NULL);
    outcome(&cluster, held, WHERRY_OK);
    assert_true(clock_mono_us() - killed_us < 12 * SECOND_US);
    wherry_async_release(&held);
    cluster_close(&cluster);
}

static void a_restarted_broker_is_met_again_and_running_work_is_not_repeated(void **state) {
    struct cluster cluster = cluster_open(*state, "1");
    const char *path = sandbox_path(cluster.box, "held");
    wherry_async *held;
    SUBMIT(&cluster, held, "hold", "si", path, (int64_t)1500);
    held_pid(&cluster, path);
    broker_restart(cluster.broker);
    outcome(&cluster, held, WHERRY_OK);
    assert_int_equal(access(path, F_OK), -1); /* a second run would have made the file again */
    echo_all(&cluster, 20);
    wherry_async_release(&held);
    cluster_close(&cluster);
}

static void a_drained_worker_finishes_what_runs_and_leaves_the_rest(void **state) {
    struct cluster cluster = cluster_open(*state, "1");
    const char *path = sandbox_path(cluster.box, "held");
    wherry_async *held;
    wherry_async *queued[10];
    SUBMIT(&cluster, held, "hold", "si", path, (int64_t)500);
    held_pid(&cluster, path);
    for (int64_t i = 0; i < 10; i++) {
        SUBMIT(&cluster, queued[i], "wherry.echo", "i", i);
    }
    program_signal(cluster.worker, SIGTERM);
    outcome(&cluster, held, WHERRY_OK);
    assert_int_equal(program_wait_exit(cluster.worker), 0);
    assert_int_equal(access(path, F_OK), -1);
    cluster.worker = worker_start(cluster.box, cluster.broker->endpoint, "--processes", "1", NULL);
    for (int64_t i = 0; i < 10; i++) {
        outcome(&cluster, queued[i], WHERRY_OK);
        wherry_async_release(&queued[i]);
    }
    wherry_async_release(&held);
    cluster_close(&cluster);
}

static void a_cancelled_task_ends_and_its_process_serves_on(void **state) {
    struct cluster cluster = cluster_open(*state, "1");
    const char *path = sandbox_path(cluster.box, "held");
    wherry_async *held;
    SUBMIT(&cluster, held, "hold", "si", path, (int64_t)100000);
    held_pid(&cluster, path);
    assert_int_equal(wherry_async_cancel(held), WHERRY_OK);
    outcome(&cluster, held, WHERRY_E_CANCELLED);
    echo_all(&cluster, 5);
    wherry_async_release(&held);
    cluster_close(&cluster);
}

static void a_function_that_looks_can_clean_up_when_it_is_cancelled(void **state) {
    struct cluster cluster = cluster_open(*state, "1");
    const char *path = sandbox_path(cluster.box, "polite");
    const char *kept = sandbox_path(cluster.box, "kept");
    wherry_async *polite;
    SUBMIT(&cluster, polite, "polite", "s", path);
    while (access(path, F_OK) != 0) {
        sandbox_pause(cluster.box, "the function runs");
    }
    assert_int_equal(link(path, kept), 0);
    pid_t pid = held_pid(&cluster, path);
    assert_int_equal(wherry_async_cancel(polite), WHERRY_OK);
    outcome(&cluster, polite, WHERRY_E_CANCELLED);
    char line[64] = "";
    while (strstr(line, "cleaned up") == NULL) {
        FILE *file = fopen(kept, "re");
        assert_non_null(file);
        while (fgets(line, sizeof line, file) != NULL) {
        }
        fclose(file);
        sandbox_pause(cluster.box, "it cleans up");
    }
    echo_all(&cluster, 5);
    assert_true(proc_alive(pid)); /* nobody had to be killed */
    wherry_async_release(&polite);
    cluster_close(&cluster);
}

static void an_outside_command_may_ask_to_be_tried_again(void **state) {
    struct sandbox *box = *state;
    struct cluster cluster = {.box = box, .broker = broker_start(box, NULL)};
    char command[512];
    const char *marker = sandbox_path(box, "marker");
    snprintf(command, sizeof command,
             "late=sh -c 'if test -e %s; then echo \"{\\\"tries\\\": 2}\"; else touch %s; exit 75; "
             "fi'",
             marker, marker);
    cluster.worker = worker_start(box, cluster.broker->endpoint, "--processes", "1", "--exec",
                                  command, "--exec", "moan=sh -c 'echo no >&2; exit 4'", NULL);
    assert_int_equal(wherry_connect(cluster.broker->endpoint, NULL, &cluster.connection),
                     WHERRY_OK);
    assert_int_equal(wherry_pool_open(cluster.connection, NULL, &cluster.pool), WHERRY_OK);
    wherry_async *late;
    wherry_async *moan;
    int64_t tries = 0;
    SUBMIT(&cluster, late, "late", "");
    SUBMIT(&cluster, moan, "moan", "");
    outcome(&cluster, moan, WHERRY_E_TASK_FAILED);
    contains(wherry_async_error(moan), "moan: exit code 4: no");
    const wherry_value *value = outcome(&cluster, late, WHERRY_OK);
    assert_int_equal(wherry_value_read(value, "{si}", "tries", &tries), WHERRY_OK);
    assert_int_equal(tries, 2);
    wherry_async_release(&late);
    wherry_async_release(&moan);
    cluster_close(&cluster);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, sandbox_setup, sandbox_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(tasks_go_through),
        TEST(large_payloads_go_through_unchanged),
        TEST(a_killed_process_is_replaced_and_its_task_alone_tried_again),
        TEST(a_function_that_crashes_fails_with_its_cause_after_three_crashes),
        TEST(a_function_that_exits_fails_with_its_exit_code),
        TEST(what_a_vanished_host_ran_goes_elsewhere),
        TEST(a_restarted_broker_is_met_again_and_running_work_is_not_repeated),
        TEST(a_drained_worker_finishes_what_runs_and_leaves_the_rest),
        TEST(a_cancelled_task_ends_and_its_process_serves_on),
        TEST(a_function_that_looks_can_clean_up_when_it_is_cancelled),
        TEST(an_outside_command_may_ask_to_be_tried_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
