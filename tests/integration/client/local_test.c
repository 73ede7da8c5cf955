/* SPDX-License-Identifier: MIT
 *
 * local: with real programs: what workers see, what is refused, and that nothing is left of a house
 * however its program ends. Whatever a program started carries its mark in the environment, and its
 * runtime folder is the sandbox's. */
#include "tests/support/support.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ENVIRON_SIZE = 65536 };

static char runtime[SANDBOX_PATH_SIZE + 32];
static char mark[SANDBOX_PATH_SIZE + 32];

static struct program *begin(struct sandbox *box, const char *more, const char *address,
                             const char *what, const char *how) {
    const char *arguments[] = {address, what, how, NULL};
    const char *environment[] = {runtime, mark, "WHERRY_BROKER", more, NULL};
    snprintf(runtime, sizeof runtime, "XDG_RUNTIME_DIR=%s", sandbox_folder(box));
    snprintf(mark, sizeof mark, "LOCAL_MARK=%s", sandbox_folder(box));
    return program_start_with(box, LOCAL_PROGRAM, arguments, environment, NULL);
}

/* ---- what is left ------------------------------------------------------------------------------
 */

/* Processes with the mark; *broker: the one that is a broker, or 0. */
static size_t marked(pid_t *broker, const char *name) {
    static char text[ENVIRON_SIZE];
    DIR *processes = opendir("/proc");
    size_t count = 0;
    for (struct dirent *one; (one = readdir(processes)) != NULL;) {
        char path[300];
        snprintf(path, sizeof path, "/proc/%s/environ", one->d_name);
        int fd = strtol(one->d_name, NULL, 10) > 0 ? open(path, O_RDONLY) : -1;
        ssize_t size = fd >= 0 ? read(fd, text, sizeof text) : -1;
        if (fd >= 0) {
            close(fd);
        }
        if (size <= 0 || memmem(text, (size_t)size, mark, strlen(mark) + 1) == NULL) {
            continue;
        }
        count++;
        snprintf(path, sizeof path, "/proc/%s/comm", one->d_name);
        fd = open(path, O_RDONLY);
        size = fd >= 0 ? read(fd, text, sizeof text - 1) : -1;
        close(fd);
        if (size > 0 && broker != NULL && strncmp(text, name, strlen(name)) == 0) {
            *broker = (pid_t)strtol(one->d_name, NULL, 10);
        }
    }
    closedir(processes);
    return count;
}

static bool folder_left(struct sandbox *box) {
    char path[SANDBOX_PATH_SIZE + 8];
    snprintf(path, sizeof path, "%s/wherry", sandbox_folder(box));
    DIR *entries = opendir(path);
    bool left = false;
    for (struct dirent *one; entries != NULL && (one = readdir(entries)) != NULL;) {
        left = left || one->d_name[0] != '.';
    }
    if (entries != NULL) {
        closedir(entries);
    }
    return left;
}

static bool socket_left(struct sandbox *box) {
    static char text[1 << 20];
    int fd = open("/proc/net/unix", O_RDONLY);
    size_t size = 0;
    for (ssize_t more; (more = read(fd, text + size, sizeof text - 1 - size)) > 0;) {
        size += (size_t)more;
    }
    text[size] = '\0';
    close(fd);
    return strstr(text, sandbox_folder(box)) != NULL;
}

static void wait_nothing_left(struct sandbox *box, size_t processes) {
    while (marked(NULL, "") > processes || folder_left(box) || socket_left(box)) {
        sandbox_pause(box, "everything of the house to go");
    }
}

/* ---- what it does ------------------------------------------------------------------------------
 */

static void expect(struct sandbox *box, const char *more, const char *address, const char *what,
                   const char *how, int code, const char *text) {
    struct program *program = begin(box, more, address, what, how);
    int ended = program_wait_exit(program);
    if (ended != code || strstr(program_stdout(program), text) == NULL) {
        fail_msg("%s %s: exit %d, stdout \"%s\", stderr \"%s\"", address, what, ended,
                 program_stdout(program), program_stderr(program));
    }
    wait_nothing_left(box, 0);
}

static void a_map_runs_on_workers_made_from_the_program(void **state) {
    expect(*state, NULL, "local:", "map", "", 0, "1 4 9\n");
    expect(*state, NULL, "local:?processes=2", "map", "", 0, "1 4 9\n");
    expect(*state, NULL, "local:?start=fork&processes=2", "map", "", 0, "1 4 9\n");
    expect(*state, "WHERRY_BROKER=local:?processes=2", "-", "map", "", 0, "1 4 9\n");
}

static void spawned_workers_see_globals_as_before_wherry_program(void **state) {
    expect(*state, NULL, "local:?processes=1", "globals", "", 0, "worker 2, program 3\n");
}

static void forked_workers_see_globals_as_at_connect(void **state) {
    expect(*state, NULL, "local:?processes=1&start=fork", "globals", "", 0,
           "worker 3, program 3\n");
}

static void another_pool_has_workers_and_a_worker_joins_its_house(void **state) {
    expect(*state, NULL, "local:?processes=2", "pools", "", 0, "2 25\n");
}

static void what_cannot_be_is_refused_in_words(void **state) {
    expect(*state, "LOCAL_UNPREPARED=1", "local:", "map", "", 1,
           "let the first statement of main be wherry_program(argc, argv, &functions)");
    expect(*state, NULL, "local:?start=fork", "threads", "", 1, "busy: local:?start=fork: this");
    expect(*state, NULL, "local:?size=3", "map", "", 1,
           "there are start=spawn|fork and processes=N");
    expect(*state, NULL, "local:?processes=2", "options", "", 1, "second: busy: ");
    expect(*state, "WHERRY_BROKER_PROGRAM=/nowhere", "local:", "map", "", 1,
           "WHERRY_BROKER_PROGRAM is /nowhere, which is no program");
    expect(*state, "WHERRY_BROKER_PROGRAM=/bin/false", "local:", "map", "", 1,
           "the broker ended before all was ready (exit code 1)");
}

static void connecting_again_and_again_leaks_nothing(void **state) {
    expect(*state, NULL, "local:?processes=1", "again", "20", 0, "0 more descriptors\n");
}

static void two_programs_do_not_meet(void **state) {
    struct sandbox *box = *state;
    struct program *first = begin(box, NULL, "local:?processes=1", "end", "wait");
    program_wait_line(first, "ready");
    struct program *second = begin(box, NULL, "local:?processes=1", "map", "");
    assert_int_equal(program_wait_exit(second), 0);
    assert_string_equal(program_stdout(second), "1 4 9\n");
    assert_true(program_running(first));
    program_kill(first);
    wait_nothing_left(box, 0);
}

/* ---- how it ends -------------------------------------------------------------------------------
 */

static void nothing_is_left_however_the_program_ends(void **state) {
    struct sandbox *box = *state;
    static const char *const addresses[] = {"local:?processes=2", "local:?processes=2&start=fork"};
    static const struct {
        const char *how;
        int signal; /* that the test sends */
        int code;
    } ends[] = {{"exit", 0, 0},
                {"abort", 0, -SIGABRT},
                {"wait", SIGKILL, -SIGKILL},
                {"wait", SIGINT, -SIGINT},
                {"wait", SIGTERM, -SIGTERM}};
    for (size_t i = 0; i < 2; i++) {
        for (size_t at = 0; at < sizeof ends / sizeof *ends; at++) {
            struct program *program = begin(box, NULL, addresses[i], "end", ends[at].how);
            program_wait_line(program, "ready");
            if (ends[at].signal != 0) {
                program_signal(program, ends[at].signal);
            }
            assert_int_equal(program_wait_exit(program), ends[at].code);
            wait_nothing_left(box, 0);
        }
    }
}

static void nothing_is_left_after_exec_and_release(void **state) {
    struct sandbox *box = *state;
    static const char *const hows[] = {"exec", "release"};
    for (size_t i = 0; i < 2; i++) {
        struct program *program = begin(box, NULL, "local:?processes=2", "end", hows[i]);
        program_wait_line(program, i == 0 ? "ready" : "released");
        wait_nothing_left(box, 1);
        assert_true(program_running(program));
        program_kill(program);
    }
}

/* Long before the reconnect limit, which is the sandbox's deadline, too. */
static void a_call_ends_when_something_of_the_house_dies(void **state) {
    struct sandbox *box = *state;
    static const char *const names[] = {"wherry-broker", "wherry-keeper"};
    for (size_t i = 0; i < 2; i++) {
        pid_t victim = 0;
        struct program *program = begin(box, NULL, "local:?processes=2", "die", "pause");
        program_wait_line(program, "ready");
        marked(&victim, names[i]);
        assert_true(victim > 0);
        kill(victim, SIGKILL);
        assert_int_equal(program_wait_exit(program), 1);
        assert_non_null(strstr(program_stdout(program), "pause: outcome unknown: "));
        while (marked(NULL, "") > 0) { /* a killed keeper leaves its folder */
            sandbox_pause(box, "the processes of the house to go");
        }
    }
    expect(box, NULL, "local:?processes=2", "die", "kill_parent", 1, "kill_parent: outcome");
}

/* A killed keeper leaves its folder; whoever comes next removes it. */
static void the_next_one_removes_what_a_killed_keeper_left(void **state) {
    struct sandbox *box = *state;
    pid_t keeper = 0;
    struct program *program = begin(box, NULL, "local:?processes=1", "end", "plain");
    program_wait_line(program, "ready");
    marked(&keeper, "wherry-keeper");
    kill(keeper, SIGKILL);
    while (marked(NULL, "") > 1) {
        sandbox_pause(box, "the keeper's children to die with it");
    }
    program_kill(program);
    assert_true(folder_left(box));
    expect(box, NULL, "local:?processes=1", "map", "", 0, "1 4 9\n");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, sandbox_setup, sandbox_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_map_runs_on_workers_made_from_the_program),
        TEST(spawned_workers_see_globals_as_before_wherry_program),
        TEST(forked_workers_see_globals_as_at_connect),
        TEST(another_pool_has_workers_and_a_worker_joins_its_house),
        TEST(what_cannot_be_is_refused_in_words),
        TEST(connecting_again_and_again_leaks_nothing),
        TEST(two_programs_do_not_meet),
        TEST(nothing_is_left_however_the_program_ends),
        TEST(nothing_is_left_after_exec_and_release),
        TEST(a_call_ends_when_something_of_the_house_dies),
        TEST(the_next_one_removes_what_a_killed_keeper_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
