/* SPDX-License-Identifier: MIT
 *
 * `wherry submit` and `wherry result` against a real broker and real worker processes. */
#include "tests/support/support.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

static struct broker *house(struct sandbox *box) {
    struct broker *broker = broker_start(box, "--queue", "narrow:max=1", NULL);
    worker_start(box, broker->endpoint, "--processes", "2", "--exec", "upper=tr a-z A-Z", "--exec",
                 "wrong=false", NULL);
    return broker;
}

static void assert_says(const char *text, const char *part) {
    if (strstr(text, part) == NULL) {
        print_error("'%s' is missing in:\n%s", part, text);
        fail();
    }
}

static void submit_wait_prints_the_result_as_json(void **state) {
    struct broker *broker = house(*state);
    struct program *done = program_run(*state, 0, "wherry", "submit", "--broker", broker->endpoint,
                                       "--wait", "upper", "one", "[2, \"three\"]", NULL);
    assert_string_equal(program_stdout(done), "[\"ONE\", [2, \"THREE\"]]\n");
}

static void flags_may_follow_the_arguments_and_negative_numbers_are_arguments(void **state) {
    struct broker *broker = house(*state);
    struct program *done = program_run(*state, 0, "wherry", "submit", "upper", "-3", "x", "--wait",
                                       "--broker", broker->endpoint, NULL);
    assert_string_equal(program_stdout(done), "[-3, \"X\"]\n");
    done = program_run(*state, 0, "wherry", "submit", "upper", "-05", "-0x1", "--wait", "--broker",
                       broker->endpoint, NULL);
    assert_string_equal(program_stdout(done), "[\"-05\", \"-0X1\"]\n"); /* as they were */
}

static void a_number_beyond_json_is_remarked(void **state) {
    struct broker *broker = house(*state);
    struct program *done = program_run(*state, 0, "wherry", "submit", "--broker", broker->endpoint,
                                       "--wait", "upper", "99999999999999999999", NULL);
    assert_string_equal(program_stdout(done), "[\"99999999999999999999\"]\n");
    assert_says(program_stderr(done), "too big integer");
}

static void what_others_wrote_does_not_steer_the_terminal(void **state) {
    struct broker *broker = house(*state);
    program_run(*state, 0, "wherry", "submit", "--broker", broker->endpoint, "a\033[31m", NULL);
    struct program *status =
        program_run(*state, 0, "wherry", "status", "--broker", broker->endpoint, NULL);
    assert_says(program_stdout(status), "no worker offers a?[31m\n");
    assert_null(strchr(program_stdout(status), '\033'));
}

static void a_closed_stdout_is_told_and_nothing_else_gets_the_output(void **state) {
    struct broker *broker = house(*state);
    char command[256];
    snprintf(command, sizeof command, "exec \"$WHERRY_BIN\"/wherry status --broker %s >&-",
             broker->endpoint);
    struct program *closed = program_run(*state, 1, "/bin/sh", "-c", command, NULL);
    assert_string_equal(program_stderr(closed),
                        "wherry: cannot write the output: Bad file descriptor\n");
}

static void control_c_names_the_task_that_goes_on(void **state) {
    struct broker *broker = house(*state);
    const char *const arguments[] = {"submit", "--broker", broker->endpoint,
                                     "--wait", "nobody",   NULL};
    struct program *submit = program_start_with(*state, "wherry", arguments, NULL, NULL);
    program_wait_line(submit, "no worker offers nobody"); /* it waits */
    program_signal(submit, SIGINT);
    assert_int_equal(program_wait_exit(submit), -SIGINT);
    assert_says(program_stderr(submit), "interrupted; it goes on: ask again with `wherry result ");
}

static void what_is_no_json_is_a_string_and_what_looks_like_it_is_remarked(void **state) {
    struct broker *broker = house(*state);
    struct program *done = program_run(*state, 0, "wherry", "submit", "--broker", broker->endpoint,
                                       "--wait", "upper", "[draft", NULL);
    assert_string_equal(program_stdout(done), "[\"[DRAFT\"]\n");
    assert_says(program_stderr(done), "is no JSON (column");
}

/* An id is 26 characters on a line of its own. */
static const char *submitted_id(struct program *submit, char out[27]) {
    assert_int_equal(strlen(program_stdout(submit)), 27);
    memcpy(out, program_stdout(submit), 26);
    out[26] = '\0';
    return out;
}

static void submit_prints_an_id_whose_result_any_program_may_ask_for(void **state) {
    struct broker *broker = house(*state);
    char id[27];
    submitted_id(program_run(*state, 0, "wherry", "submit", "--broker", broker->endpoint, "upper",
                             "a", NULL),
                 id);
    for (int again = 0; again < 2; again++) { /* getting removes nothing */
        struct program *result =
            program_run(*state, 0, "wherry", "result", "--broker", broker->endpoint, id, NULL);
        assert_string_equal(program_stdout(result), "[\"A\"]\n");
    }
    struct program *json = program_run(*state, 0, "wherry", "submit", "-o", "json", "--broker",
                                       broker->endpoint, "upper", NULL);
    assert_says(program_stdout(json), "{\"id\": \"");
}

static void a_failing_function_is_exit_1_with_its_cause(void **state) {
    struct broker *broker = house(*state);
    struct program *failed = program_run(*state, 1, "wherry", "submit", "--broker",
                                         broker->endpoint, "--wait", "wrong", NULL);
    assert_says(program_stderr(failed), "exit");
    assert_string_equal(program_stdout(failed), "");
}

static void a_result_that_is_not_there_yet_is_exit_4(void **state) {
    struct broker *broker = house(*state);
    char id[27];
    submitted_id(program_run(*state, 0, "wherry", "submit", "--broker", broker->endpoint,
                             "wherry.sleep", "600", NULL),
                 id);
    struct program *look = program_run(*state, 4, "wherry", "result", "--timeout", "0", "--broker",
                                       broker->endpoint, id, NULL);
    assert_says(program_stderr(look), "not done yet");
    assert_says(program_stderr(look), id);
}

static void looking_at_a_finished_result_needs_no_time(void **state) {
    struct broker *broker = house(*state);
    char id[27];
    submitted_id(program_run(*state, 0, "wherry", "submit", "--broker", broker->endpoint, "upper",
                             "done", NULL),
                 id);
    program_run(*state, 0, "wherry", "result", "--broker", broker->endpoint, id, NULL);
    struct program *look = program_run(*state, 0, "wherry", "result", "--timeout", "0", "--broker",
                                       broker->endpoint, id, NULL);
    assert_string_equal(program_stdout(look), "[\"DONE\"]\n");
}

static void a_function_that_nobody_offers_says_so_while_it_waits(void **state) {
    struct broker *broker = house(*state);
    struct program *waits = program_run(*state, 4, "wherry", "submit", "--broker", broker->endpoint,
                                        "--wait", "--timeout", "300ms", "frobnicate", NULL);
    assert_says(program_stderr(waits), "no worker offers frobnicate");
    struct program *status =
        program_run(*state, 0, "wherry", "status", "--broker", broker->endpoint, NULL);
    assert_says(program_stdout(status), "no worker offers frobnicate");
}

static void unknown_and_malformed_ids_differ(void **state) {
    struct broker *broker = house(*state);
    struct program *unknown = program_run(*state, 3, "wherry", "result", "--broker",
                                          broker->endpoint, "5zkbvqmbqhxwq0cng000000001", NULL);
    assert_says(program_stderr(unknown), "5zkbvqmbqhxwq0cng000000001");
    program_run(*state, 2, "wherry", "result", "--broker", broker->endpoint, "no-id", NULL);
    program_run(*state, 2, "wherry", "result", "--broker", broker->endpoint,
                "zzzzzzzzzzzzzzzzzzzzzzzzzz", NULL);
}

static void a_full_queue_is_exit_6_at_once_or_when_the_time_is_over(void **state) {
    struct broker *broker = house(*state);
    program_run(*state, 0, "wherry", "submit", "--broker", broker->endpoint, "--queue", "narrow",
                "upper", NULL);
    static const char *const patience[] = {"0", "200ms"};
    for (size_t i = 0; i < 2; i++) {
        struct program *full =
            program_run(*state, 6, "wherry", "submit", "--broker", broker->endpoint, "--queue",
                        "narrow", "--timeout", patience[i], "upper", NULL);
        assert_says(program_stderr(full), "full");
        assert_string_equal(program_stdout(full), "");
    }
}

static void bad_names_are_usage_errors(void **state) {
    struct broker *broker = house(*state);
    program_run(*state, 2, "wherry", "submit", "--broker", broker->endpoint, "--queue", "a b", "f",
                NULL);
    program_run(*state, 2, "wherry", "submit", "--broker", broker->endpoint, "", NULL);
}

int main(void) {
#define SANDBOXED(test) cmocka_unit_test_setup_teardown(test, sandbox_setup, sandbox_teardown)
    const struct CMUnitTest tests[] = {
        SANDBOXED(submit_wait_prints_the_result_as_json),
        SANDBOXED(flags_may_follow_the_arguments_and_negative_numbers_are_arguments),
        SANDBOXED(what_is_no_json_is_a_string_and_what_looks_like_it_is_remarked),
        SANDBOXED(a_number_beyond_json_is_remarked),
        SANDBOXED(what_others_wrote_does_not_steer_the_terminal),
        SANDBOXED(a_closed_stdout_is_told_and_nothing_else_gets_the_output),
        SANDBOXED(control_c_names_the_task_that_goes_on),
        SANDBOXED(submit_prints_an_id_whose_result_any_program_may_ask_for),
        SANDBOXED(a_failing_function_is_exit_1_with_its_cause),
        SANDBOXED(a_result_that_is_not_there_yet_is_exit_4),
        SANDBOXED(looking_at_a_finished_result_needs_no_time),
        SANDBOXED(a_function_that_nobody_offers_says_so_while_it_waits),
        SANDBOXED(unknown_and_malformed_ids_differ),
        SANDBOXED(a_full_queue_is_exit_6_at_once_or_when_the_time_is_over),
        SANDBOXED(bad_names_are_usage_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
