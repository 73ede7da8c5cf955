/* SPDX-License-Identifier: MIT
 *
 * `wherry dev`: one command, and all others find it; it ends whole, and there is one a user. */
#include "tests/support/support.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static void assert_says(const char *text, const char *part) {
    if (strstr(text, part) == NULL) {
        print_error("'%s' is missing in:\n%s", part, text);
        fail();
    }
}

/* `wherry` as a user whose runtime folder is the sandbox. */
static struct program *wherry(struct sandbox *box, const char *input,
                              const char *const *arguments) {
    char runtime[160];
    snprintf(runtime, sizeof runtime, "XDG_RUNTIME_DIR=%s", sandbox_folder(box));
    const char *const environment[] = {runtime, "WHERRY_BROKER", NULL};
    return program_start_with(box, "wherry", arguments, environment, input);
}

#define ARGUMENTS(...) ((const char *const[]){__VA_ARGS__, NULL})

static bool says_ready(void *context) {
    struct program *dev = context;
    return strstr(program_stdout(dev), "wherry pool") != NULL || !program_running(dev);
}

static struct program *dev_start(struct sandbox *box) {
    struct program *dev = wherry(box, NULL, ARGUMENTS("dev", "-n", "2"));
    sandbox_wait(box, "wherry dev is ready", says_ready, dev);
    if (!program_running(dev)) {
        print_error("%s", program_stderr(dev));
    }
    assert_true(program_running(dev));
    return dev;
}

static void other_commands_find_it_and_commands_run(void **state) {
    struct sandbox *box = *state;
    struct program *dev = dev_start(box);
    char text[1024];
    size_t used = 0;
    for (int i = 1; i <= 100; i++) { /* each a process: not too many for a busy machine */
        used += (size_t)snprintf(text + used, sizeof text - used, "%d\n", i);
    }
    const char *input = sandbox_write(box, "numbers", text, used);
    struct program *map = wherry(box, input, ARGUMENTS("map", "-k", "--", "echo", "{}"));
    assert_int_equal(program_wait_exit(map), 0);
    assert_string_equal(program_stdout(map), text);
    struct stat status;
    assert_int_equal(stat(sandbox_path(box, "wherry"), &status), 0);
    assert_int_equal(status.st_mode & 0777, 0700);
    assert_says(program_stdout(dev), "seq 1000 | wherry map -- echo {}");
}

static void a_signal_ends_broker_and_workers(void **state) {
    struct sandbox *box = *state;
    enum { MAX = 64 };
    pid_t family[MAX];
    struct program *dev = dev_start(box);
    size_t count = proc_descendants(dev->pid, family, MAX);
    assert_true(count >= 4); /* broker, supervisor, fork server, children */
    program_signal(dev, SIGINT);
    assert_int_equal(program_wait_exit(dev), 0);
    for (size_t i = 0; i < count; i++) {
        proc_wait_gone(box, family[i]);
    }
    struct stat status;
    assert_int_not_equal(stat(sandbox_path(box, "wherry/dev"), &status), 0);
    program_stop(dev_start(box)); /* and the next one starts */
}

static void whatever_kills_it_nothing_stays(void **state) {
    struct sandbox *box = *state;
    enum { MAX = 64 };
    pid_t family[MAX];
    struct program *dev = dev_start(box);
    size_t count = proc_descendants(dev->pid, family, MAX);
    program_kill(dev);
    for (size_t i = 0; i < count; i++) {
        proc_wait_gone(box, family[i]);
    }
}

static void a_second_one_says_that_there_is_one(void **state) {
    struct sandbox *box = *state;
    struct program *dev = dev_start(box);
    char words[64];
    snprintf(words, sizeof words, "already running as process %d", (int)dev->pid);
    struct program *second = wherry(box, NULL, ARGUMENTS("dev"));
    assert_int_equal(program_wait_exit(second), 6);
    assert_says(program_stderr(second), words);
    assert_true(program_running(dev));
}

static void a_folder_open_to_others_is_refused(void **state) {
    struct sandbox *box = *state;
    assert_int_equal(mkdir(sandbox_path(box, "wherry"), 0700), 0);
    assert_int_equal(chmod(sandbox_path(box, "wherry"), 0755), 0);
    struct program *dev = wherry(box, NULL, ARGUMENTS("dev"));
    assert_int_equal(program_wait_exit(dev), 1);
    assert_says(program_stderr(dev), "0700");
}

static void a_plugin_that_is_none_ends_it_with_the_cause(void **state) {
    struct sandbox *box = *state;
    struct program *dev = wherry(box, NULL, ARGUMENTS("dev", "./no-such.so"));
    assert_int_equal(program_wait_exit(dev), 1);
    assert_says(program_stderr(dev), "no-such.so");
}

int main(void) {
#define SANDBOXED(test) cmocka_unit_test_setup_teardown(test, sandbox_setup, sandbox_teardown)
    const struct CMUnitTest tests[] = {
        SANDBOXED(other_commands_find_it_and_commands_run),
        SANDBOXED(a_signal_ends_broker_and_workers),
        SANDBOXED(whatever_kills_it_nothing_stays),
        SANDBOXED(a_second_one_says_that_there_is_one),
        SANDBOXED(a_folder_open_to_others_is_refused),
        SANDBOXED(a_plugin_that_is_none_ends_it_with_the_cause),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
