/* SPDX-License-Identifier: MIT
 *
 * Outside commands: what they get, what is caught of them, and how they are ended. */
#include "worker/exec.h"

#include "common/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

static char *words[8];

static char *const *shell(const char *script) {
    words[0] = (char *)"sh";
    words[1] = (char *)"-c";
    words[2] = (char *)(uintptr_t)script;
    words[3] = NULL;
    return words;
}

static struct exec_outcome run(const struct exec_job *job, wherry_err expected) {
    struct exec_outcome outcome;
    assert_int_equal(exec_run(job, &outcome), expected);
    return outcome;
}

static void has(const struct bytes *bytes, const char *text) {
    assert_int_equal(bytes->size, strlen(text));
    assert_memory_equal(bytes->data, text, strlen(text));
}

static void output_errors_and_exit_code_are_caught(void **state) {
    (void)state;
    struct exec_job job = {.argv = shell("echo out; echo err >&2; exit 3")};
    struct exec_outcome outcome = run(&job, WHERRY_OK);
    assert_int_equal(WEXITSTATUS(outcome.status), 3);
    has(&outcome.out, "out\n");
    has(&outcome.tail, "err\n");
    exec_outcome_fini(&outcome);
}

static void input_of_any_size_passes_through(void **state) {
    (void)state;
    static uint8_t data[1 << 20];
    memset(data, 'x', sizeof data);
    struct span input = {data, sizeof data};
    struct exec_job job = {.argv = shell("cat"), .input = &input};
    struct exec_outcome outcome = run(&job, WHERRY_OK);
    assert_int_equal(outcome.out.size, sizeof data);
    exec_outcome_fini(&outcome);
}

static void a_command_need_not_read_its_input(void **state) {
    (void)state;
    static uint8_t data[1 << 20];
    struct span input = {data, sizeof data};
    struct exec_job job = {.argv = shell("exec 0<&-; echo done"), .input = &input};
    struct exec_outcome outcome = run(&job, WHERRY_OK);
    has(&outcome.out, "done\n");
    exec_outcome_fini(&outcome);
}

static void without_input_stdin_is_empty(void **state) {
    (void)state;
    struct exec_job job = {.argv = shell("wc -c | tr -d ' '")};
    struct exec_outcome outcome = run(&job, WHERRY_OK);
    has(&outcome.out, "0\n");
    exec_outcome_fini(&outcome);
}

static void only_the_end_of_stderr_is_kept(void **state) {
    (void)state;
    struct exec_job job = {.argv = shell("seq 1 20000 >&2; echo the end >&2")};
    struct exec_outcome outcome = run(&job, WHERRY_OK);
    assert_int_equal(outcome.tail.size, EXEC_TAIL_BYTES);
    assert_memory_equal(outcome.tail.data + outcome.tail.size - 8, "the end\n", 8);
    exec_outcome_fini(&outcome);
}

static void the_environment_is_ours_with_what_the_job_adds(void **state) {
    (void)state;
    char *environment[] = {(char *)"PATH=/usr/bin:/bin", (char *)"WHERRY_X=y", NULL};
    struct exec_job job = {.argv = shell("echo $WHERRY_X $PATH"), .environment = environment};
    struct exec_outcome outcome = run(&job, WHERRY_OK);
    has(&outcome.out, "y /usr/bin:/bin\n");
    exec_outcome_fini(&outcome);
}

static void what_cannot_be_run_says_why(void **state) {
    (void)state;
    char *const missing[] = {(char *)"/no/such/program", NULL};
    struct exec_job job = {.argv = missing};
    struct exec_outcome outcome = run(&job, WHERRY_E_SYSTEM);
    assert_non_null(strstr(wherry_last_error(), "/no/such/program"));
    assert_non_null(strstr(wherry_last_error(), "No such file"));
    exec_outcome_fini(&outcome);
}

static bool always(void *context) {
    (void)context;
    return true;
}

static void a_stopped_command_ends_with_its_group(void **state) {
    (void)state;
    struct exec_job job = {.argv = shell("sleep 1000 & sleep 1000"), .stop = always};
    int64_t begin_us = clock_mono_us();
    struct exec_outcome outcome = run(&job, WHERRY_OK);
    assert_true(outcome.stopped);
    assert_int_equal(WTERMSIG(outcome.status), SIGTERM);
    assert_true(clock_mono_us() - begin_us < 30000000);
    exec_outcome_fini(&outcome);
}

static void a_command_that_ignores_sigterm_is_killed(void **state) {
    (void)state;
    struct exec_job job = {.argv = shell("trap '' TERM; echo ready; while :; do sleep 1; done"),
                           .stop = always};
    struct exec_outcome outcome = run(&job, WHERRY_OK);
    assert_true(outcome.stopped);
    assert_true(WIFSIGNALED(outcome.status));
    exec_outcome_fini(&outcome);
}

static void what_stays_in_the_background_delays_nothing(void **state) {
    (void)state;
    struct exec_job job = {.argv = shell("sleep 1000 & echo done")};
    int64_t begin_us = clock_mono_us();
    struct exec_outcome outcome = run(&job, WHERRY_OK);
    has(&outcome.out, "done\n");
    assert_true(clock_mono_us() - begin_us < 30000000);
    exec_outcome_fini(&outcome);
}

static void what_left_the_group_and_goes_on_writing_delays_nothing(void **state) {
    (void)state;
    struct exec_job job = {
        .argv = shell("setsid sh -c 'echo $$ >&3; exec yes >&2 3>&-' 3>&1 & "
                      "sleep 0.2; exit 4")};
    int64_t begin_us = clock_mono_us();
    struct exec_outcome outcome = run(&job, WHERRY_OK);
    assert_int_equal(WEXITSTATUS(outcome.status), 4);
    assert_true(outcome.tail.size > 0);
    assert_true(clock_mono_us() - begin_us < 30000000);
    bytes_append(&outcome.out, "", 1);
    pid_t left = (pid_t)strtol((const char *)outcome.out.data, NULL, 10);
    assert_true(left > 1);
    kill(left, SIGKILL);
    exec_outcome_fini(&outcome);
}

static void the_killed_processes_of_a_group_are_reaped(void **state) {
    (void)state;
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    struct exec_job job = {.argv = shell("sleep 1000 & exit 0")};
    struct exec_outcome outcome = run(&job, WHERRY_OK);
    exec_outcome_fini(&outcome);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* nobody is left */
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 0), 0);
}

static void too_much_output_is_refused(void **state) {
    (void)state;
    struct exec_job job = {.argv = shell("cat /dev/zero")};
    struct exec_outcome outcome = run(&job, WHERRY_E_TOO_LARGE);
    assert_non_null(strstr(wherry_last_error(), "64 MiB"));
    exec_outcome_fini(&outcome);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(output_errors_and_exit_code_are_caught),
        cmocka_unit_test(input_of_any_size_passes_through),
        cmocka_unit_test(a_command_need_not_read_its_input),
        cmocka_unit_test(without_input_stdin_is_empty),
        cmocka_unit_test(only_the_end_of_stderr_is_kept),
        cmocka_unit_test(the_environment_is_ours_with_what_the_job_adds),
        cmocka_unit_test(what_cannot_be_run_says_why),
        cmocka_unit_test(a_stopped_command_ends_with_its_group),
        cmocka_unit_test(a_command_that_ignores_sigterm_is_killed),
        cmocka_unit_test(what_stays_in_the_background_delays_nothing),
        cmocka_unit_test(what_left_the_group_and_goes_on_writing_delays_nothing),
        cmocka_unit_test(the_killed_processes_of_a_group_are_reaped),
        cmocka_unit_test(too_much_output_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
