/* SPDX-License-Identifier: MIT
 *
 * `wherry queue`, `wherry worker` and `wherry ps` against a real broker with two pools. */
#include "tests/support/support.h"

#include <jansson.h>
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
    struct program *made = program_run(*state, 0, "wherry", "queue", "set", "new", "max=3",
                                       "--broker", broker->endpoint, NULL);
    assert_says(program_stdout(made), "new");
}

static void what_does_not_exist_or_fit_is_refused(void **state) {
    struct broker *broker = house(*state);
    const char *at = broker->endpoint;
    program_run(*state, 3, "wherry", "queue", "show", "none", "--broker", at, NULL);
    program_run(*state, 3, "wherry", "worker", "show", "none", "--broker", at, NULL);
    program_run(*state, 2, "wherry", "queue", "set", "night", "--broker", at, NULL);
    program_run(*state, 2, "wherry", "queue", "set", "night", "max=", "--broker", at, NULL);
    program_run(*state, 2, "wherry", "queue", "set", "night", "size=3", "--broker", at, NULL);
    program_run(*state, 2, "wherry", "queue", "set", "a b", "max=3", "--broker", at, NULL);
    program_run(*state, 2, "wherry", "queue", "ls", "night", "--broker", at, NULL);
    struct program *near = program_run(*state, 2, "wherry", "queue", "sho", "x", NULL);
    assert_says(program_stderr(near), "did you mean show?");
    struct program *far = program_run(*state, 2, "wherry", "worker", "xyzzy", NULL);
    assert_says(program_stderr(far), "ls and show");
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
    for (;;) {
        struct program *ps =
            program_run(*state, 0, "wherry", "ps", "--broker", broker->endpoint, NULL);
        if (strstr(program_stdout(ps), id) != NULL) {
            assert_says(program_stdout(ps), "wherry.sleep");
            assert_says(program_stdout(ps), "night");
            return;
        }
        sandbox_pause(*state, "the task runs");
    }
}

int main(void) {
#define SANDBOXED(test) cmocka_unit_test_setup_teardown(test, sandbox_setup, sandbox_teardown)
    const struct CMUnitTest tests[] = {
        SANDBOXED(queues_are_listed_shown_and_bounded),
        SANDBOXED(what_does_not_exist_or_fit_is_refused),
        SANDBOXED(worker_hosts_of_all_pools_are_listed),
        SANDBOXED(running_tasks_are_listed_with_their_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
