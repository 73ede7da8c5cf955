/* SPDX-License-Identifier: MIT
 *
 * The largest payloads there are, in and out, beside calls that are cancelled while they run, so
 * that processes are killed all the time, next to answers that take long to leave them. Every call
 * must come to its end, none of the large ones be given up, the pool go on serving, and the broker
 * forget it all.
 *
 *     client_wedge_test [SECONDS]     of each store; 3 */
#include "crew.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    LARGE_BYTES = 64 * 1024 * 1024 - 4096,
    LARGES = 2,
    HAMMERS = 4,
    NAP_MS = 60000,
    PACE_MS = 5,
    MEMORY_BYTES = 32 * 1024 * 1024, /* that may be left */
};

static int64_t run_ms = 3000;

struct stress {
    struct crew crew;
    uint8_t *bytes;
    wherry_async *larges[LARGES];
    wherry_async *hammers[HAMMERS];
    bool cancelled[HAMMERS];
    uint64_t larges_done;
    uint64_t hammers_done;
};

/* ---- the large ones -------------------------------------------------------------------------- */

static wherry_async *large_submit(struct stress *stress) {
    wherry_async *async = NULL;
    wherry_err err = wherry_pool_apply_async(stress->crew.pool, "wherry.echo", NULL, &async, "y",
                                             stress->bytes, (size_t)LARGE_BYTES);
    if (err != WHERRY_OK) {
        fail_msg("a large call: %s", wherry_last_error());
    }
    return async;
}

static void large_end(struct stress *stress, wherry_async **async) {
    const void *data = NULL;
    size_t size = 0;
    const wherry_value *value = crew_outcome(&stress->crew, *async, WHERRY_OK);
    assert_int_equal(wherry_value_read(value, "y", &data, &size), WHERRY_OK);
    assert_int_equal(size, LARGE_BYTES);
    assert_memory_equal(data, stress->bytes, LARGE_BYTES);
    wherry_async_release(async);
    stress->larges_done++;
}

static void larges_go_on(struct stress *stress) {
    for (size_t i = 0; i < LARGES; i++) {
        if (stress->larges[i] != NULL && wherry_async_ready(stress->larges[i])) {
            large_end(stress, &stress->larges[i]);
        }
        if (stress->larges[i] == NULL) {
            stress->larges[i] = large_submit(stress);
        }
    }
}

/* ---- the hammers ----------------------------------------------------------------------------- */

/* Submitted, cancelled a turn or more later, wherever it is by then; and again. */
static void hammer_go_on(struct stress *stress, size_t at) {
    wherry_async **hammer = &stress->hammers[at];
    if (*hammer == NULL) {
        *hammer = crew_submit(&stress->crew, "nap", "i", (int64_t)NAP_MS);
        stress->cancelled[at] = false;
    } else if (wherry_async_ready(*hammer)) {
        crew_outcome(&stress->crew, *hammer, WHERRY_E_CANCELLED);
        wherry_async_release(hammer);
        stress->hammers_done++;
    } else if (!stress->cancelled[at]) {
        assert_int_equal(wherry_async_cancel(*hammer), WHERRY_OK);
        stress->cancelled[at] = true;
    }
}

/* ---- the broker ------------------------------------------------------------------------------ */

static double stress_metric(struct stress *stress, const char *name) {
    struct crew *crew = &stress->crew;
    struct http_answer answer = http_get(crew->box, crew->broker->http_port, "/metrics");
    assert_int_equal(answer.status, 200);
    return metric_value(answer.body, name);
}

/* What it says of itself: under a sanitizer its process keeps what it freed. */
static bool stress_is_forgotten(void *context) {
    struct stress *stress = context;
    return stress_metric(stress, "wherry_tasks{state=\"ready\"}") == 0 &&
           stress_metric(stress, "wherry_tasks{state=\"leased\"}") == 0 &&
           stress_metric(stress, "wherry_payload_bytes") == 0 &&
           stress_metric(stress, "wherry_payload_memory_bytes") < MEMORY_BYTES;
}

static bool stress_memory_is_back(void *context) {
#ifdef __SANITIZE_ADDRESS__
    (void)context;
    return true;
#else
    struct stress *stress = context;
    return proc_memory_bytes(stress->crew.broker->program->pid, "RssAnon") < 2 * MEMORY_BYTES;
#endif
}

static unsigned count_lines(const char *text, const char *part) {
    unsigned count = 0;
    for (; (text = strstr(text, part)) != NULL; text++) {
        count++;
    }
    return count;
}

static void stress_print(struct stress *stress, const char *store) {
    const char *log = program_stderr(stress->crew.broker->program);
    printf("%.7s: %llu large calls, %llu cancelled; answers that never arrived: %u; leases lost: "
           "%u\n",
           store, (unsigned long long)stress->larges_done, (unsigned long long)stress->hammers_done,
           count_lines(log, "never arrived"), count_lines(log, "msg=\"lease lost\""));
}

/* ---- the tests ------------------------------------------------------------------------------- */

static void stress_run(struct stress *stress) {
    struct sandbox *box = stress->crew.box;
    int64_t until_ms = sandbox_left_ms(box) - run_ms;
    while (sandbox_left_ms(box) > until_ms) {
        larges_go_on(stress);
        for (size_t i = 0; i < HAMMERS; i++) {
            hammer_go_on(stress, i);
        }
        poll(NULL, 0, PACE_MS);
    }
}

static void stress_end(struct stress *stress) {
    for (size_t i = 0; i < HAMMERS; i++) {
        while (stress->hammers[i] != NULL) {
            hammer_go_on(stress, i);
            sandbox_pause(stress->crew.box, "what was cancelled to end");
        }
    }
    for (size_t i = 0; i < LARGES; i++) {
        large_end(stress, &stress->larges[i]);
    }
    crew_expect_number(&stress->crew, crew_submit(&stress->crew, "square", "i", INT64_C(3)), 9);
}

static void every_call_ends(struct sandbox *box, const char *store) {
    struct stress stress = {.crew = crew_open(box, "3", "--store", store)};
    stress.bytes = malloc(LARGE_BYTES);
    assert_non_null(stress.bytes);
    for (size_t i = 0; i < LARGE_BYTES; i++) {
        stress.bytes[i] = (uint8_t)(i * 7 + i / 4096);
    }
    stress_run(&stress);
    stress_end(&stress);
    stress_print(&stress, store);
    sandbox_wait(box, "the broker to forget it all", stress_is_forgotten, &stress);
    sandbox_wait(box, "the broker's memory to go back", stress_memory_is_back, &stress);
    crew_close(&stress.crew);
    free(stress.bytes);
}

static void largest_calls_end_beside_cancelled_ones_in_memory(void **state) {
    every_call_ends(*state, "memory:");
}

static void largest_calls_end_beside_cancelled_ones_on_lmdb(void **state) {
    char store[SANDBOX_PATH_SIZE + 8];
    snprintf(store, sizeof store, "lmdb:%s", sandbox_path(*state, "store"));
    every_call_ends(*state, store);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(largest_calls_end_beside_cancelled_ones_in_memory,
                                        sandbox_setup, sandbox_teardown),
        cmocka_unit_test_setup_teardown(largest_calls_end_beside_cancelled_ones_on_lmdb,
                                        sandbox_setup, sandbox_teardown),
    };
    run_ms = argc > 1 ? strtoll(argv[1], NULL, 10) * 1000 : run_ms;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
