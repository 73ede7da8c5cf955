/* SPDX-License-Identifier: MIT
 *
 * `wherry status`, `wherry pool` and `wherry bench`: tables for people, JSON for programs. */
#include "tests/support/support.h"

#include <jansson.h>
#include <string.h>

static json_t *json_of(struct program *program) {
    json_t *json = json_loads(program_stdout(program), 0, NULL);
    if (json == NULL) {
        print_error("no JSON: %s", program_stdout(program));
    }
    assert_non_null(json);
    return json;
}

static json_int_t number(const json_t *object, const char *key) {
    json_t *value = json_object_get(object, key);
    if (!json_is_integer(value)) {
        print_error("no integer '%s'\n", key);
    }
    assert_true(json_is_integer(value));
    return json_integer_value(value);
}

/* The element of a list whose `name` is this. */
static json_t *named(const json_t *list, const char *name) {
    size_t i;
    json_t *item;
    json_array_foreach((json_t *)(uintptr_t)list, i, item) {
        const char *found = json_string_value(json_object_get(item, "name"));
        if (found != NULL && strcmp(found, name) == 0) {
            return item;
        }
    }
    return NULL;
}

static void status_counts_what_was_done_and_what_waits(void **state) {
    struct broker *broker = broker_start(*state, "--queue", "night:max=7", NULL);
    worker_start(*state, broker->endpoint, "--processes", "2", NULL);
    program_run(*state, 0, "wherry", "submit", "--broker", broker->endpoint, "--wait",
                "wherry.noop", NULL);
    program_run(*state, 0, "wherry", "submit", "--broker", broker->endpoint, "--queue", "night",
                "wherry.noop", NULL);
    json_t *status = json_of(program_run(*state, 0, "wherry", "status", "--broker",
                                         broker->endpoint, "-o", "json", NULL));
    json_t *night = named(json_object_get(status, "queues"), "night");
    assert_non_null(night);
    assert_int_equal(number(night, "waiting"), 1);
    assert_int_equal(number(night, "items_max"), 7);
    const json_t *totals = json_object_get(status, "totals");
    assert_int_equal(number(totals, "submitted"), 2);
    assert_int_equal(number(totals, "done"), 1);
    assert_int_equal(number(totals, "children"), 2);
    assert_true(json_is_false(json_object_get(status, "keeps")));
    json_decref(status);
}

static void status_is_a_table_with_a_row_a_queue(void **state) {
    struct broker *broker = broker_start(*state, "--queue", "night:max=7", NULL);
    struct program *status =
        program_run(*state, 0, "wherry", "status", "--broker", broker->endpoint, NULL);
    assert_non_null(strstr(program_stdout(status), "QUEUE"));
    assert_non_null(strstr(program_stdout(status), "\nnight "));
    assert_non_null(strstr(program_stdout(status), "Store: memory"));
}

struct pool_wait {
    struct sandbox *box;
    struct broker *broker;
    json_t *child; /* a running process; borrowed from pool */
    json_t *pool;
};

static bool somebody_runs(void *context) {
    struct pool_wait *wait = context;
    json_decref(wait->pool);
    wait->pool = json_of(program_run(wait->box, 0, "wherry", "pool", "--broker",
                                     wait->broker->endpoint, "-o", "json", NULL));
    json_t *host = json_array_get(json_object_get(wait->pool, "hosts"), 0);
    size_t i;
    json_array_foreach(json_object_get(host, "children"), i, wait->child) {
        const char *now = json_string_value(json_object_get(wait->child, "state"));
        if (now != NULL && strcmp(now, "running") == 0) {
            return true;
        }
    }
    return false;
}

static void pool_shows_each_process_and_what_it_runs(void **state) {
    struct pool_wait wait = {.box = *state, .broker = broker_start(*state, NULL)};
    worker_start(*state, wait.broker->endpoint, "--processes", "2", NULL);
    struct program *submit = program_run(*state, 0, "wherry", "submit", "--broker",
                                         wait.broker->endpoint, "wherry.sleep", "600", NULL);
    sandbox_wait(*state, "a running process", somebody_runs, &wait);
    const char *task = json_string_value(json_object_get(wait.child, "task"));
    assert_non_null(task);
    assert_int_equal(strncmp(program_stdout(submit), task, 26), 0);
    assert_string_equal(json_string_value(json_object_get(wait.child, "function")), "wherry.sleep");
    assert_true(proc_alive((pid_t)number(wait.child, "pid")));
    assert_int_equal(number(wait.pool, "running"), 1);
    json_decref(wait.pool);

    struct program *table =
        program_run(*state, 0, "wherry", "pool", "--broker", wait.broker->endpoint, NULL);
    assert_non_null(strstr(program_stdout(table), "running"));
    assert_non_null(strstr(program_stdout(table), "wherry.echo"));
}

static void an_unknown_pool_is_exit_3(void **state) {
    struct broker *broker = broker_start(*state, NULL);
    struct program *pool =
        program_run(*state, 3, "wherry", "pool", "--broker", broker->endpoint, "nobody", NULL);
    assert_non_null(strstr(program_stderr(pool), "nobody"));
}

static void bench_measures_somebody_elses_broker(void **state) {
    struct broker *broker = broker_start(*state, NULL);
    worker_start(*state, broker->endpoint, "--processes", "1", NULL);
    static const char *const modes[] = {"throughput", "latency", "backlog", "payload"};
    for (size_t i = 0; i < 4; i++) {
        json_t *row =
            json_of(program_run(*state, 0, "wherry", "bench", modes[i], "--tasks", "100", "--size",
                                "2K", "--broker", broker->endpoint, "-o", "json", NULL));
        assert_true(json_number_value(json_object_get(row, "tasks_per_s")) > 0);
        assert_true(json_is_null(json_object_get(row, "cpu_us_per_task")));
        json_decref(row);
    }
}

int main(void) {
#define SANDBOXED(test) cmocka_unit_test_setup_teardown(test, sandbox_setup, sandbox_teardown)
    const struct CMUnitTest tests[] = {
        SANDBOXED(status_counts_what_was_done_and_what_waits),
        SANDBOXED(status_is_a_table_with_a_row_a_queue),
        SANDBOXED(pool_shows_each_process_and_what_it_runs),
        SANDBOXED(an_unknown_pool_is_exit_3),
        SANDBOXED(bench_measures_somebody_elses_broker),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
