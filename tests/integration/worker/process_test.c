/* SPDX-License-Identifier: MIT
 *
 * Worker processes against a broker made by hand: what they run, how their ends are reported, and
 * that nothing is left behind. */
#include "tests/integration/worker/stub.h"

#include "common/value.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *plugin_path(void) {
    static char path[512];
    snprintf(path, sizeof path, "%s/worker-test-functions.so", getenv("WHERRY_LIB"));
    return path;
}

static struct stub *stub_with_worker(struct sandbox *box, uint32_t processes,
                                     struct program **worker) {
    const char *endpoint = sandbox_endpoint(box, "stub");
    char count[8];
    snprintf(count, sizeof count, "%u", processes);
    struct stub *stub = stub_open(box, endpoint);
    *worker = program_start(box, "wherry-worker", "--broker", endpoint, "--processes", count,
                            "--grace", "20", "--exec", "cat=cat", "--exec",
                            "moan=sh -c 'echo first >&2; echo the end of it >&2; exit 3'", "--exec",
                            "later=sh -c 'exit 75'", "--exec",
                            "self=sh -c 'cat >/dev/null; echo $WHERRY_TASK_ID'", "--exec",
                            "kill=sh -c 'kill -9 $$'", "--exec", "nothing=/no/such/program",
                            "--exec", "long=sh -c 'sleep 1000'", plugin_path(), NULL);
    stub_gather(stub, processes);
    return stub;
}

/* Delivers and returns the result's failure text, or "" for a value. */
static const char *run(struct stub *stub, const char *function, const char *picture, ...) {
    wherry_value *arguments = NULL;
    va_list list;
    va_start(list, picture);
    assert_int_equal(value_build_va(&arguments, picture, list), WHERRY_OK);
    va_end(list);
    stub_deliver(stub, 0, function, value_span(arguments));
    wherry_value_release(&arguments);
    return stub_result(stub);
}

/* Delivers hold(file, ms) and waits until it runs. Returns its counter. */
static uint64_t hold(struct stub *stub, uint32_t place, int64_t ms) {
    const char *path = sandbox_path(stub->box, "held");
    wherry_value *arguments = NULL;
    assert_int_equal(wherry_value_build(&arguments, "[si]", path, ms), WHERRY_OK);
    uint64_t counter = stub_deliver(stub, place, "hold", value_span(arguments));
    wherry_value_release(&arguments);
    while (access(path, F_OK) != 0) {
        stub_turn(stub);
    }
    unlink(path);
    return counter;
}

static void result_reads(struct stub *stub, const char *picture, ...) {
    wherry_value *value = NULL;
    va_list list;
    assert_int_equal(stub->status, WIRE_DONE);
    assert_int_equal(wherry_value_from_msgpack(&value, stub->payload, stub->payload_size),
                     WHERRY_OK);
    va_start(list, picture);
    wherry_err err = value_read_va(value, picture, list);
    va_end(list);
    if (err != WHERRY_OK) {
        fail_msg("%s", wherry_last_error());
    }
    wherry_value_release(&value);
}

static void contains(const char *text, const char *part) {
    if (strstr(text, part) == NULL) {
        fail_msg("\"%s\" does not contain \"%s\"", text, part);
    }
}

static void functions_of_plugins_commands_and_built_in_ones_answer(void **state) {
    struct sandbox *box = *state;
    struct program *worker;
    int64_t number;
    struct stub *stub = stub_with_worker(box, 1, &worker);
    contains(stub->functions, "wherry.echo ");
    contains(stub->functions, "add ");
    contains(stub->functions, "moan ");
    assert_null(strstr(stub->functions, "wherry.exec"));
    assert_string_equal(run(stub, "add", "[ii]", (int64_t)40, (int64_t)2), "");
    result_reads(stub, "i", &number);
    assert_int_equal(number, 42);
    assert_string_equal(run(stub, "wherry.echo", "[s]", "hello"), "");
    assert_memory_equal(stub->payload, "\xa5hello", 6);
    run(stub, "wherry.echo", "[ii]", (int64_t)1, (int64_t)2);
    assert_memory_equal(stub->payload, "\x92\x01\x02", 3);
    run(stub, "wherry.noop", "[]");
    assert_memory_equal(stub->payload, "\xc0", 1);
    run(stub, "wherry.sleep", "[d]", 0.01);
    assert_int_equal(stub->status, WIRE_DONE);
    run(stub, "scaled", "[d]", 1.5);
    assert_memory_equal(stub->payload, "\x92\xcb\x40\x08", 4);
    stub_close(&stub);
}

static void failures_carry_their_text(void **state) {
    struct sandbox *box = *state;
    struct program *worker;
    struct wire_failure failure;
    struct stub *stub = stub_with_worker(box, 1, &worker);
    assert_string_equal(run(stub, "fail", "[]"), "it was not to be");
    assert_int_equal(stub->status, WIRE_FAILED);
    contains(run(stub, "add", "[s]", "x"), "add: ");
    contains(run(stub, "wherry.sleep", "[i]", (int64_t)-1), "wherry.sleep");
    assert_string_equal(run(stub, "again", "[]"), "the printer is out of paper");
    assert_int_equal(stub->status, WIRE_TRY_AGAIN);
    struct span payload = {stub->payload, stub->payload_size};
    assert_int_equal(wire_get_failure(payload, &failure), WHERRY_OK);
    assert_int_equal(failure.retry_ms, 1500);
    run(stub, "no.such.function", "[]");
    assert_int_equal(stub->status, WIRE_FAILED);
    stub_close(&stub);
}

static void outside_commands_get_json_and_answer_what_they_write(void **state) {
    struct sandbox *box = *state;
    struct program *worker;
    int64_t one;
    struct stub *stub = stub_with_worker(box, 1, &worker);
    run(stub, "cat", "[is]", (int64_t)1, "two");
    assert_memory_equal(stub->payload, "\x92\x01\xa3two", 6);
    run(stub, "self", "[]");
    assert_int_equal(stub->payload[0], 0xba); /* a string of 26 bytes */
    contains(run(stub, "moan", "[]"), "moan: exit code 3: first\nthe end of it");
    assert_int_equal(stub->status, WIRE_FAILED);
    run(stub, "later", "[]");
    assert_int_equal(stub->status, WIRE_TRY_AGAIN);
    contains(run(stub, "kill", "[]"), "killed by SIGKILL");
    contains(run(stub, "nothing", "[]"), "No such file");
    run(stub, "add", "[ii]", (int64_t)0, (int64_t)1);
    result_reads(stub, "i", &one);
    stub_close(&stub);
}

static void a_crash_is_reported_with_its_cause_and_the_process_replaced(void **state) {
    struct sandbox *box = *state;
    struct program *worker;
    struct stub *stub = stub_with_worker(box, 2, &worker);
    static const uint8_t none[] = {0x90};
    stub_deliver(stub, 0, "crash", (struct span){none, 1});
    uint32_t hellos = stub->children[0].hellos;
    while (stub->deaths == 0) {
        stub_turn(stub);
    }
    assert_int_equal(stub->cause, WIRE_CAUSE_SIGNAL);
    assert_int_equal(stub->cause_number, SIGSEGV);
    assert_int_equal(stub->death_attempts, 1);
    assert_int_equal(stub->death_place, 0);
    contains(stub->death_text, "about to crash");
    contains(stub->death_text, "crashed: SIGSEGV");
    while (stub->children[0].hellos == hellos || stub->children[0].generation == 0) {
        stub_turn(stub);
    }
    assert_string_equal(run(stub, "wherry.noop", "[]"), "");
    assert_int_equal(stub->deaths, 1);
    stub_close(&stub);
}

static void an_exit_inside_a_function_is_reported_with_its_code(void **state) {
    struct sandbox *box = *state;
    struct program *worker;
    struct stub *stub = stub_with_worker(box, 1, &worker);
    static const uint8_t seven[] = {0x91, 0x07};
    stub_deliver(stub, 0, "leave", (struct span){seven, 2});
    while (stub->deaths == 0) {
        stub_turn(stub);
    }
    assert_int_equal(stub->cause, WIRE_CAUSE_EXIT);
    assert_int_equal(stub->cause_number, 7);
    contains(stub->death_text, "leaving with 7");
    stub_close(&stub);
}

static void a_place_is_used_again_only_after_the_death_is_acknowledged(void **state) {
    struct sandbox *box = *state;
    struct program *worker;
    struct stub *stub = stub_with_worker(box, 1, &worker);
    stub->acknowledge_deaths = false;
    uint32_t hellos = stub->children[0].hellos;
    kill((pid_t)stub->children[0].pid, SIGKILL);
    while (stub->deaths == 0) {
        stub_turn(stub);
    }
    assert_int_equal(stub->cause_number, SIGKILL);
    for (int i = 0; i < 10; i++) {
        stub_turn(stub);
    }
    assert_int_equal(stub->children[0].hellos, hellos);
    stub_ack_death(stub);
    while (stub->children[0].hellos == hellos) {
        stub_turn(stub);
    }
    stub_close(&stub);
}

static void a_result_is_kept_until_it_is_acknowledged(void **state) {
    struct sandbox *box = *state;
    struct program *worker;
    struct stub *stub = stub_with_worker(box, 1, &worker);
    stub->acknowledge_results = false;
    run(stub, "wherry.noop", "[]");
    uint64_t counter = stub->counter;
    stub->children[0].route.size = 0; /* the broker forgets the connection */
    stub->acknowledge_results = true;
    while (stub->held == 0) {
        stub_turn(stub);
    }
    assert_int_equal(stub->counter, counter);
    stub_close(&stub);
}

static void a_cancelled_command_is_ended_with_all_its_processes(void **state) {
    struct sandbox *box = *state;
    struct program *worker;
    pid_t pids[32];
    struct stub *stub = stub_with_worker(box, 1, &worker);
    size_t before = proc_descendants(worker->pid, pids, 32);
    static const uint8_t none[] = {0x90};
    uint64_t counter = stub_deliver(stub, 0, "long", (struct span){none, 1});
    size_t running = before;
    while (running < before + 2) { /* sh and sleep */
        stub_turn(stub);
        running = proc_descendants(worker->pid, pids, 32);
    }
    pid_t last = pids[running - 1];
    stub_signal(stub, 0, counter, SIGTERM);
    while (stub->deaths == 0 && stub->results == 0) {
        stub_turn(stub);
    }
    proc_wait_gone(box, last);
    if (stub->deaths > 0) {
        assert_int_equal(stub->cause, WIRE_CAUSE_TERMINATED);
    }
    stub_close(&stub);
}

static void what_a_dead_process_leaves_behind_is_killed(void **state) {
    struct sandbox *box = *state;
    struct program *worker;
    int64_t litter = 0;
    struct stub *stub = stub_with_worker(box, 1, &worker);
    run(stub, "litter", "[]");
    result_reads(stub, "i", &litter);
    assert_true(proc_alive((pid_t)litter));
    kill((pid_t)stub->children[0].pid, SIGKILL);
    while (stub->deaths == 0) {
        stub_turn(stub);
    }
    proc_wait_gone(box, (pid_t)litter);
    stub_close(&stub);
}

/* Delivers and waits for the next death. */
static void run_to_death(struct stub *stub, const char *function) {
    static const uint8_t none[] = {0x90};
    uint32_t deaths = stub->deaths;
    stub_deliver(stub, 0, function, (struct span){none, sizeof none});
    while (stub->deaths == deaths) {
        stub_turn(stub);
    }
}

static void a_noisy_process_that_is_left_behind_delays_no_report(void **state) {
    struct sandbox *box = *state;
    struct program *worker;
    struct stub *stub = stub_with_worker(box, 1, &worker);
    run_to_death(stub, "spew");
    assert_int_equal(stub->cause, WIRE_CAUSE_EXIT);
    assert_int_equal(stub->cause_number, 7);
    stub_close(&stub);
}

static void a_function_that_ends_its_thread_ends_its_process(void **state) {
    struct sandbox *box = *state;
    struct program *worker;
    struct stub *stub = stub_with_worker(box, 1, &worker);
    run_to_death(stub, "end_thread");
    assert_int_equal(stub->cause, WIRE_CAUSE_EXIT);
    contains(stub->death_text, "end_thread called pthread_exit()");
    stub_close(&stub);
}

static void a_forked_copy_that_returns_answers_nothing(void **state) {
    struct sandbox *box = *state;
    struct program *worker;
    struct stub *stub = stub_with_worker(box, 1, &worker);
    run(stub, "twofold", "[]");
    assert_memory_equal(stub->payload, "\xabthe process", 12);
    program_wait_line(worker, "twofold: a copy of the process, made by fork(), returned");
    assert_string_equal(run(stub, "add", "[ii]", (int64_t)1, (int64_t)2), "");
    stub_close(&stub);
}

static void nothing_outlives_a_killed_supervisor(void **state) {
    struct sandbox *box = *state;
    struct program *worker;
    pid_t pids[32];
    struct stub *stub = stub_with_worker(box, 3, &worker);
    size_t count = proc_descendants(worker->pid, pids, 32);
    assert_int_equal(count, 4); /* fork server and three processes */
    program_kill(worker);
    for (size_t i = 0; i < count; i++) {
        proc_wait_gone(box, pids[i]);
    }
    stub_close(&stub);
}

static void a_drain_waits_for_what_runs_and_says_goodbye(void **state) {
    struct sandbox *box = *state;
    struct program *worker;
    struct stub *stub = stub_with_worker(box, 2, &worker);
    hold(stub, 1, 300);
    program_signal(worker, SIGTERM);
    stub_result(stub);
    assert_int_equal(stub->status, WIRE_DONE);
    while (!stub->goodbye) {
        stub_turn(stub);
    }
    assert_true(stub->draining);
    assert_int_equal(program_wait_exit(worker), 0);
    assert_int_equal(stub->deaths, 0);
    stub_close(&stub);
}

static void a_second_signal_stops_at_once_with_code_8(void **state) {
    struct sandbox *box = *state;
    struct program *worker;
    struct stub *stub = stub_with_worker(box, 1, &worker);
    hold(stub, 0, 100000);
    program_signal(worker, SIGTERM);
    while (!stub->draining) {
        stub_turn(stub);
    }
    program_signal(worker, SIGTERM);
    assert_int_equal(program_wait_exit(worker), 8);
    stub_close(&stub);
}

static void a_lost_broker_is_met_again_and_told_what_runs(void **state) {
    struct sandbox *box = *state;
    struct program *worker;
    struct stub *stub = stub_with_worker(box, 1, &worker);
    hold(stub, 0, 1000);
    stub_close(&stub);
    stub = stub_open(box, sandbox_endpoint(box, "stub"));
    stub->epoch = 6;
    while (stub->host_hellos == 0 || stub->held == 0) {
        stub_turn(stub);
    }
    assert_int_equal(stub->announced, 1);
    assert_int_equal(stub->status, WIRE_DONE);
    stub_close(&stub);
}

static void a_program_that_links_the_library_is_a_whole_worker(void **state) {
    struct sandbox *box = *state;
    const char *endpoint = sandbox_endpoint(box, "stub");
    struct stub *stub = stub_open(box, endpoint);
    int64_t number = 0;
    struct program *worker = program_start(box, TEST_PROGRAM, "--broker", endpoint, "--processes",
                                           "1", plugin_path(), NULL);
    stub_gather(stub, 1);
    contains(stub->functions, "seven ");
    run(stub, "seven", "[]");
    result_reads(stub, "i", &number);
    assert_int_equal(number, 7);
    run(stub, "add", "[ii]", (int64_t)3, (int64_t)5);
    result_reads(stub, "i", &number);
    assert_int_equal(number, 8);
    program_signal(worker, SIGTERM);
    while (!stub->goodbye) {
        stub_turn(stub);
    }
    assert_int_equal(program_wait_exit(worker), 0);
    stub_close(&stub);
}

static void without_a_broker_an_idle_worker_stops_at_once(void **state) {
    struct sandbox *box = *state;
    struct program *worker =
        program_start(box, "wherry-worker", "--broker", sandbox_endpoint(box, "nobody"),
                      "--processes", "2", "--grace", "1000", NULL);
    program_wait_line(worker, "msg=starting");
    assert_int_equal(program_stop(worker), 0);
}

static void after_the_grace_time_what_runs_is_stopped_and_reported_as_drained(void **state) {
    struct sandbox *box = *state;
    const char *endpoint = sandbox_endpoint(box, "stub");
    struct stub *stub = stub_open(box, endpoint);
    struct program *worker =
        program_start(box, "wherry-worker", "--broker", endpoint, "--processes", "1", "--grace",
                      "0.1", plugin_path(), NULL);
    stub_gather(stub, 1);
    hold(stub, 0, 100000);
    program_signal(worker, SIGTERM);
    while (!stub->goodbye) {
        stub_turn(stub);
    }
    assert_int_equal(stub->cause, WIRE_CAUSE_DRAINED);
    assert_int_equal(program_wait_exit(worker), 8);
    stub_close(&stub);
}

static void what_cannot_be_offered_is_one_line_and_exit_2(void **state) {
    struct sandbox *box = *state;
    const char *text = sandbox_write(box, "text.so", "no plugin", 9);
    char other[512];
    snprintf(other, sizeof other, "%s/libwherry-worker.so", getenv("WHERRY_LIB"));
    struct {
        const char *argument;
        const char *value;
        const char *cause;
    } cases[] = {
        {"/no/such.so", NULL, "does not load"},
        {text, NULL, "does not load"},
        {other, NULL, "no function table"},
        {"--exec", "nocommand", "NAME=COMMAND"},
        {"--exec", "x='open", "not closed"},
        {"--exec", "wherry.x=true", "built in"},
        {"--exec", "bad name=true", "no function name"},
        {"--pool", "a b", "no name"},
        {"--processes", "0", "processes"},
        {"--broker", "http://x", "http://x"},
        {"--allow-exec", NULL, "--insecure"},
        {"--grace", "-1", "grace"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct program *worker =
            program_run(box, 2, "wherry-worker", cases[i].argument, cases[i].value, NULL);
        contains(program_stderr(worker), "wherry-worker: ");
        contains(program_stderr(worker), cases[i].cause);
        const char *line = strchr(program_stderr(worker), '\n');
        assert_non_null(line);
        assert_int_equal(line[1], '\0');
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, sandbox_setup, sandbox_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(functions_of_plugins_commands_and_built_in_ones_answer),
        TEST(failures_carry_their_text),
        TEST(outside_commands_get_json_and_answer_what_they_write),
        TEST(a_crash_is_reported_with_its_cause_and_the_process_replaced),
        TEST(an_exit_inside_a_function_is_reported_with_its_code),
        TEST(a_place_is_used_again_only_after_the_death_is_acknowledged),
        TEST(a_result_is_kept_until_it_is_acknowledged),
        TEST(a_cancelled_command_is_ended_with_all_its_processes),
        TEST(what_a_dead_process_leaves_behind_is_killed),
        TEST(a_noisy_process_that_is_left_behind_delays_no_report),
        TEST(a_function_that_ends_its_thread_ends_its_process),
        TEST(a_forked_copy_that_returns_answers_nothing),
        TEST(nothing_outlives_a_killed_supervisor),
        TEST(a_drain_waits_for_what_runs_and_says_goodbye),
        TEST(a_second_signal_stops_at_once_with_code_8),
        TEST(a_lost_broker_is_met_again_and_told_what_runs),
        TEST(a_program_that_links_the_library_is_a_whole_worker),
        TEST(without_a_broker_an_idle_worker_stops_at_once),
        TEST(after_the_grace_time_what_runs_is_stopped_and_reported_as_drained),
        TEST(what_cannot_be_offered_is_one_line_and_exit_2),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
