/* SPDX-License-Identifier: MIT
 *
 * `wherry queue`, `wherry worker` and `wherry ps` against a real broker with two pools. */
#include "tests/support/support.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

static struct broker *house(struct sandbox *box) {
    struct broker *broker = broker_start(box, "--queue", "night:max=7", NULL);
    worker_start(box, broker->endpoint, "--processes", "1", NULL);
    worker_start(box, broker->endpoint, "--processes", "2", "--pool", "night", NULL);
    return broker;
}

static json_t *json_of(struct program *program) {
    json_t *json = json_loads(program_stdout(program), 0, NULL);
    if (json == NULL) {
        print_error("no JSON: %s", program_stdout(program));
    }
    assert_non_null(json);
    return json;
}

static void assert_says(const char *text, const char *part) {
    if (strstr(text, part) == NULL) {
        print_error("'%s' is missing in:\n%s", part, text);
        fail();
    }
}

static void queues_are_listed_shown_and_bounded(void **state) {
    struct broker *broker = house(*state);
    struct program *list =
        program_run(*state, 0, "wherry", "queue", "ls", "--broker", broker->endpoint, NULL);
    assert_says(program_stdout(list), "night");
    program_run(*state, 0, "wherry", "queue", "set", "night", "max=9,bytes=1M", "--broker",
                broker->endpoint, NULL);
    json_t *queue = json_of(program_run(*state, 0, "wherry", "queue", "show", "night", "-o", "json",
                                        "--broker", broker->endpoint, NULL));
    assert_int_equal(json_integer_value(json_object_get(queue, "items_max")), 9);
    assert_int_equal(json_integer_value(json_object_get(queue, "bytes_max")), 1 << 20);
    json_decref(queue);
    queue = json_of(program_run(*state, 0, "wherry", "queue", "set", "night", "max=default", "-o",
                                "json", "--broker", broker->endpoint, NULL));
    assert_int_equal(json_integer_value(json_object_get(queue, "items_max")), 10000000);
    assert_int_equal(json_integer_value(json_object_get(queue, "bytes_max")), 1 << 20);
    json_decref(queue);
    struct program *made = program_run(*state, 0, "wherry", "queue", "set", "new", "max=3",
                                       "--broker", broker->endpoint, NULL);
    assert_says(program_stdout(made), "new");
}

static struct program *queue(struct sandbox *box, const struct broker *broker, int exit,
                             const char *action, const char *flag) {
    return program_run(box, exit, "wherry", "queue", action, "night", "--broker", broker->endpoint,
                       "-o", "json", flag, NULL);
}

/* The queue as the action shows it. */
static void assert_state(struct program *program, const char *wanted) {
    json_t *json = json_of(program);
    assert_string_equal(json_string_value(json_object_get(json, "state")), wanted);
    json_decref(json);
}

static void submit_to_night(struct sandbox *box, const struct broker *broker, const char *function,
                            const char *argument, char id[27]) {
    struct program *submit = program_run(box, 0, "wherry", "submit", "--queue", "night", "--broker",
                                         broker->endpoint, function, argument, NULL);
    assert_int_equal(strlen(program_stdout(submit)), 27);
    memcpy(id, program_stdout(submit), 26);
    id[26] = '\0';
}

static void wait_running(struct sandbox *box, const struct broker *broker, const char *id) {
    for (bool runs = false; !runs;) {
        struct program *ps =
            program_run(box, 0, "wherry", "ps", "--broker", broker->endpoint, NULL);
        runs = strstr(program_stdout(ps), id) != NULL;
        program_forget(ps); /* on a busy machine there are many */
        sandbox_pause(box, "a process runs the task");
    }
}

static void queues_are_paused_and_resumed(void **state) {
    struct broker *broker = house(*state);
    assert_state(queue(*state, broker, 0, "pause", NULL), "paused");
    char id[27];
    struct program *submit = program_run(*state, 0, "wherry", "submit", "--queue", "night",
                                         "--broker", broker->endpoint, "wherry.echo", "1", NULL);
    memcpy(id, program_stdout(submit), 26);
    id[26] = '\0';
    struct program *late = program_run(*state, 4, "wherry", "result", "--timeout", "100ms",
                                       "--broker", broker->endpoint, id, NULL);
    assert_says(program_stderr(late), "queue night is paused");
    struct program *pool =
        program_run(*state, 0, "wherry", "pool", "night", "--broker", broker->endpoint, NULL);
    assert_says(program_stdout(pool), "1 waiting, 0 running, paused");
    struct http_answer metrics = http_get(*state, broker->http_port, "/metrics");
    assert_true(metric_value(metrics.body, "wherry_queue_paused_out{queue=\"night\"}") == 1);
    assert_true(metric_value(metrics.body, "wherry_queue_paused_in{queue=\"night\"}") == 0);
    assert_state(queue(*state, broker, 0, "resume", NULL), "open");
    program_run(*state, 0, "wherry", "result", "--broker", broker->endpoint, id, NULL);
}

/* SIGKILL, and another broker on the same store. */
static void what_was_asked_of_a_queue_outlives_the_broker(void **state) {
    char store[160];
    snprintf(store, sizeof store, "lmdb:%s", sandbox_path(*state, "store"));
    struct broker *broker = broker_start(*state, "--store", store, "--queue", "night:max=7", NULL);
    char id[27];
    char purged[27];
    submit_to_night(*state, broker, "nobody-offers-this", "1", purged);
    json_decref(json_of(queue(*state, broker, 0, "purge", NULL)));
    submit_to_night(*state, broker, "wherry.echo", "1", id);
    assert_state(queue(*state, broker, 0, "pause", "--out"), "paused");
    assert_state(queue(*state, broker, 0, "pause", "--in"), "paused in and out");
    broker_restart(broker);
    assert_state(queue(*state, broker, 0, "show", NULL), "paused in and out");
    worker_start(*state, broker->endpoint, "--processes", "1", "--pool", "night", NULL);
    program_run(*state, 4, "wherry", "result", "--timeout", "300ms", "--broker", broker->endpoint,
                id, NULL);
    program_run(*state, 7, "wherry", "result", "--broker", broker->endpoint, purged, NULL);
    assert_state(queue(*state, broker, 0, "resume", NULL), "open");
    program_run(*state, 0, "wherry", "result", "--broker", broker->endpoint, id, NULL);
}

static void a_submit_at_a_queue_that_takes_nothing_waits_or_fails_and_says_why(void **state) {
    struct broker *broker = house(*state);
    assert_state(queue(*state, broker, 0, "pause", "--in"), "paused in");
    struct program *full =
        program_run(*state, 6, "wherry", "submit", "--queue", "night", "--timeout", "0", "--broker",
                    broker->endpoint, "wherry.echo", "1", NULL);
    assert_says(program_stderr(full), "the queue is paused and takes nothing in");
    const char *const arguments[] = {"submit",      "--wait",   "--queue",
                                     "night",       "--broker", broker->endpoint,
                                     "wherry.echo", "2",        NULL};
    struct program *waits = program_start_with(*state, "wherry", arguments, NULL, NULL);
    program_wait_line(waits, "waiting: its queue is paused and takes nothing in");
    assert_state(queue(*state, broker, 0, "resume", "--in"), "open");
    assert_int_equal(program_wait_exit(waits), 0);
    assert_string_equal(program_stdout(waits), "2\n");
    assert_state(queue(*state, broker, 0, "pause", "--refuse"), "refusing");
    struct program *refused = program_run(*state, 6, "wherry", "submit", "--queue", "night",
                                          "--broker", broker->endpoint, "wherry.echo", "1", NULL);
    assert_says(program_stderr(refused), "refuses new work");
}

static void pausing_is_refused_where_it_makes_no_sense(void **state) {
    struct broker *broker = house(*state);
    const char *nowhere = sandbox_endpoint(*state, "nobody");
    struct program *none = program_run(*state, 3, "wherry", "queue", "pause", "none", "--broker",
                                       broker->endpoint, NULL);
    assert_says(program_stderr(none), "no such queue");
    /* Without asking anybody: */
    program_run(*state, 2, "wherry", "queue", "pause", "a b", "--broker", nowhere, NULL);
    program_run(*state, 2, "wherry", "queue", "ls", "--in", "--broker", nowhere, NULL);
    program_run(*state, 2, "wherry", "queue", "resume", "x", "--refuse", "--broker", nowhere, NULL);
    program_run(*state, 2, "wherry", "queue", "pause", "x", "--refuse", "--in", "--broker", nowhere,
                NULL);
    struct program *near =
        program_run(*state, 2, "wherry", "queue", "pasue", "x", "--broker", nowhere, NULL);
    assert_says(program_stderr(near), "did you mean pause?");
}

static void a_purge_ends_what_waits_and_leaves_what_runs_alone(void **state) {
    struct broker *broker = broker_start(*state, NULL);
    char until[256];
    snprintf(until, sizeof until, "until=sh -c 'while [ ! -e %s ]; do sleep 0.02; done'",
             sandbox_path(*state, "go"));
    worker_start(*state, broker->endpoint, "--processes", "1", "--pool", "night", "--exec", until,
                 NULL);
    char running[27];
    char waiting[27];
    submit_to_night(*state, broker, "until", "1", running);
    wait_running(*state, broker, running);
    submit_to_night(*state, broker, "wherry.echo", "1", waiting);
    submit_to_night(*state, broker, "nobody-offers-this", "1", waiting);
    json_t *purged = json_of(queue(*state, broker, 0, "purge", NULL));
    assert_int_equal(json_integer_value(json_object_get(purged, "purged")), 2);
    json_decref(purged);
    struct program *wait =
        program_run(*state, 7, "wherry", "wait", "--broker", broker->endpoint, waiting, NULL);
    assert_says(program_stderr(wait), "its queue was purged");
    sandbox_write(*state, "go", "", 0);
    program_run(*state, 0, "wherry", "wait", "--broker", broker->endpoint, running, NULL);
    struct program *again = program_run(*state, 0, "wherry", "queue", "purge", "night", "--broker",
                                        broker->endpoint, NULL);
    assert_says(program_stdout(again), "night");
    program_run(*state, 3, "wherry", "queue", "purge", "none", "--broker", broker->endpoint, NULL);
}

static void what_does_not_exist_or_fit_is_refused(void **state) {
    struct broker *broker = house(*state);
    const char *at = broker->endpoint;
    program_run(*state, 3, "wherry", "queue", "show", "none", "--broker", at, NULL);
    program_run(*state, 3, "wherry", "worker", "show", "none", "--broker", at, NULL);
    program_run(*state, 2, "wherry", "queue", "set", "night", "--broker", at, NULL);
    program_run(*state, 2, "wherry", "queue", "set", "night", "max=", "--broker", at, NULL);
    struct program *size =
        program_run(*state, 2, "wherry", "queue", "set", "night", "size=3", "--broker", at, NULL);
    assert_says(program_stderr(size), "size: there are max=N and bytes=SIZE");
    struct program *twice = program_run(*state, 2, "wherry", "queue", "set", "night", "max=3",
                                        "max=4", "--broker", at, NULL);
    assert_says(program_stderr(twice), "max is said twice");
    program_run(*state, 2, "wherry", "queue", "set", "a b", "max=3", "--broker", at, NULL);
    program_run(*state, 2, "wherry", "queue", "ls", "night", "--broker", at, NULL);
    struct program *near = program_run(*state, 2, "wherry", "queue", "sho", "x", NULL);
    assert_says(program_stderr(near), "did you mean show?");
    struct program *far = program_run(*state, 2, "wherry", "worker", "xyzzy", NULL);
    assert_says(program_stderr(far), "ls, show and drain");
}

static void worker_hosts_of_all_pools_are_listed(void **state) {
    struct broker *broker = house(*state);
    json_t *hosts = json_of(program_run(*state, 0, "wherry", "worker", "ls", "-o", "json",
                                        "--broker", broker->endpoint, NULL));
    assert_int_equal(json_array_size(hosts), 2);
    const json_t *first = json_array_get(hosts, 0);
    assert_string_equal(json_string_value(json_object_get(first, "state")), "ready");
    json_t *processes = json_of(program_run(*state, 0, "wherry", "worker", "show",
                                            json_string_value(json_object_get(first, "host")), "-o",
                                            "json", "--broker", broker->endpoint, NULL));
    assert_int_equal(json_array_size(processes), 3); /* both hosts are this machine */
    json_decref(processes);
    json_decref(hosts);
}

static json_t *workers(struct sandbox *box, const struct broker *broker) {
    return json_of(program_run(box, 0, "wherry", "worker", "ls", "-o", "json", "--broker",
                               broker->endpoint, NULL));
}

/* It runs a task that ends when we say so; another one waits behind it. */
static void a_drained_worker_finishes_gives_back_and_leaves(void **state) {
    struct broker *broker = broker_start(*state, NULL);
    char until[256];
    snprintf(until, sizeof until, "until=sh -c 'while [ ! -e %s ]; do sleep 0.02; done'",
             sandbox_path(*state, "go"));
    struct program *worker = worker_start(*state, broker->endpoint, "--processes", "1", "--pool",
                                          "night", "--exec", until, NULL);
    char running[27];
    char waiting[27];
    submit_to_night(*state, broker, "until", "1", running);
    wait_running(*state, broker, running);
    submit_to_night(*state, broker, "wherry.echo", "1", waiting);
    json_t *hosts = workers(*state, broker);
    const char *id = json_string_value(json_object_get(json_array_get(hosts, 0), "id"));
    assert_int_equal(strlen(id), 16);
    const char *const arguments[] = {"worker",   "drain",          id,  "--wait", "-o", "json",
                                     "--broker", broker->endpoint, NULL};
    struct program *drain = program_start_with(*state, "wherry", arguments, NULL, NULL);
    program_wait_line(worker, "msg=draining why=\"the broker\" running=1");
    sandbox_write(*state, "go", "", 0);
    assert_int_equal(program_wait_exit(drain), 0);
    assert_says(program_stdout(drain), "\"state\": \"left\"");
    assert_int_equal(program_wait_exit(worker), 0);
    program_run(*state, 0, "wherry", "wait", "--broker", broker->endpoint, running, NULL);
    program_run(*state, 4, "wherry", "wait", "--timeout", "0", "--broker", broker->endpoint,
                waiting, NULL);
    program_run(*state, 3, "wherry", "worker", "drain", id, "--broker", broker->endpoint, NULL);
    worker_start(*state, broker->endpoint, "--processes", "1", "--pool", "night", NULL);
    program_run(*state, 0, "wherry", "wait", "--broker", broker->endpoint, waiting, NULL);
    json_decref(hosts);
}

static void a_host_is_drained_as_a_whole_or_by_pool(void **state) {
    struct broker *broker = house(*state);
    json_t *hosts = workers(*state, broker);
    const char *label = json_string_value(json_object_get(json_array_get(hosts, 0), "host"));
    program_run(*state, 3, "wherry", "worker", "drain", label, "--pool", "none", "--broker",
                broker->endpoint, NULL);
    json_t *one =
        json_of(program_run(*state, 0, "wherry", "worker", "drain", label, "--pool", "night",
                            "--wait", "-o", "json", "--broker", broker->endpoint, NULL));
    assert_int_equal(json_array_size(one), 1);
    json_t *rest = workers(*state, broker);
    assert_int_equal(json_array_size(rest), 1);
    program_run(*state, 0, "wherry", "worker", "drain", label, "--wait", "--timeout", "50",
                "--broker", broker->endpoint, NULL);
    json_decref(rest);
    rest = workers(*state, broker);
    assert_int_equal(json_array_size(rest), 0);
    json_decref(rest);
    json_decref(one);
    json_decref(hosts);
}

/* It goes on for ten minutes; a second word ends that, and another worker has it again. */
static void a_drain_may_be_given_less_time_later(void **state) {
    struct broker *broker = broker_start(*state, NULL);
    struct program *worker =
        worker_start(*state, broker->endpoint, "--processes", "1", "--pool", "night", NULL);
    char id[27];
    submit_to_night(*state, broker, "wherry.sleep", "600", id);
    wait_running(*state, broker, id);
    json_t *hosts = workers(*state, broker);
    const char *label = json_string_value(json_object_get(json_array_get(hosts, 0), "host"));
    struct program *asked = program_run(*state, 0, "wherry", "worker", "drain", label, "--broker",
                                        broker->endpoint, NULL);
    assert_says(program_stdout(asked), "draining");
    struct program *late = program_run(*state, 4, "wherry", "worker", "drain", label, "--wait",
                                       "--timeout", "200ms", "--broker", broker->endpoint, NULL);
    assert_says(program_stderr(late), "it has not left yet");
    program_run(*state, 0, "wherry", "worker", "drain", label, "--grace", "0", "--wait", "--broker",
                broker->endpoint, NULL);
    assert_int_equal(program_wait_exit(worker), 8);
    struct program *why = program_run(*state, 4, "wherry", "result", "--timeout", "0", "--broker",
                                      broker->endpoint, id, NULL);
    assert_says(program_stderr(why), "no worker offers wherry.sleep");
    json_decref(hosts);
}

static void drain_is_refused_where_it_makes_no_sense(void **state) {
    const char *nowhere = sandbox_endpoint(*state, "nobody");
    program_run(*state, 2, "wherry", "worker", "drain", "--broker", nowhere, NULL);
    program_run(*state, 2, "wherry", "worker", "ls", "--wait", "--broker", nowhere, NULL);
    struct program *timeout = program_run(*state, 2, "wherry", "worker", "drain", "x", "--timeout",
                                          "1", "--broker", nowhere, NULL);
    assert_says(program_stderr(timeout), "only with --wait");
    program_run(*state, 2, "wherry", "worker", "drain", "x", "--grace", "-1", "--broker", nowhere,
                NULL);
    struct broker *broker = broker_start(*state, NULL);
    program_run(*state, 3, "wherry", "worker", "drain", "x", "--broker", broker->endpoint, NULL);
}

static void running_tasks_are_listed_with_their_place(void **state) {
    struct broker *broker = house(*state);
    struct program *none =
        program_run(*state, 0, "wherry", "ps", "-o", "json", "--broker", broker->endpoint, NULL);
    assert_string_equal(program_stdout(none), "[]\n");
    char id[27];
    struct program *submit = program_run(*state, 0, "wherry", "submit", "--queue", "night",
                                         "--broker", broker->endpoint, "wherry.sleep", "600", NULL);
    memcpy(id, program_stdout(submit), 26);
    id[26] = '\0';
    wait_running(*state, broker, id);
    struct program *ps = program_run(*state, 0, "wherry", "ps", "--broker", broker->endpoint, NULL);
    assert_says(program_stdout(ps), "wherry.sleep");
    assert_says(program_stdout(ps), "night");
}

int main(void) {
#define SANDBOXED(test) cmocka_unit_test_setup_teardown(test, sandbox_setup, sandbox_teardown)
    const struct CMUnitTest tests[] = {
        SANDBOXED(queues_are_listed_shown_and_bounded),
        SANDBOXED(queues_are_paused_and_resumed),
        SANDBOXED(what_was_asked_of_a_queue_outlives_the_broker),
        SANDBOXED(a_submit_at_a_queue_that_takes_nothing_waits_or_fails_and_says_why),
        SANDBOXED(pausing_is_refused_where_it_makes_no_sense),
        SANDBOXED(a_purge_ends_what_waits_and_leaves_what_runs_alone),
        SANDBOXED(what_does_not_exist_or_fit_is_refused),
        SANDBOXED(worker_hosts_of_all_pools_are_listed),
        SANDBOXED(a_drained_worker_finishes_gives_back_and_leaves),
        SANDBOXED(a_host_is_drained_as_a_whole_or_by_pool),
        SANDBOXED(a_drain_may_be_given_less_time_later),
        SANDBOXED(drain_is_refused_where_it_makes_no_sense),
        SANDBOXED(running_tasks_are_listed_with_their_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
