/* SPDX-License-Identifier: MIT
 *
 * Each history of the rules as a test of its own.
 *
 *     sim_scenarios_test                     all of them
 *     sim_scenarios_test NAME                one, with everything that happens, on stderr */
#include "tests/sim/scenarios/scenarios.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct scenario scenarios[] = {
#define X(name, store, clients, hosts, processes, shape)                                           \
    {#name, name, store, clients, hosts, processes, shape},
    SCENARIOS(X)
#undef X
};
enum { SCENARIO_COUNT = sizeof scenarios / sizeof scenarios[0] };

static void play(void **state) {
    const struct scenario *scenario = *state;
    const char *broken = scenario_run(scenario, false);
    if (broken != NULL) {
        fail_msg("%s: %s", scenario->name, broken);
    }
}

static int trace(const char *name) {
    for (uint32_t i = 0; i < SCENARIO_COUNT; i++) {
        if (strcmp(scenarios[i].name, name) == 0) {
            const char *broken = scenario_run(&scenarios[i], true);
            fprintf(stderr, "%s: %s\n", name, broken == NULL ? "every promise was kept" : broken);
            return broken == NULL ? 0 : 1;
        }
    }
    fprintf(stderr, "no such scenario: %s\n", name);
    return 2;
}

int main(int argc, char **argv) {
    if (argc > 1) {
        return trace(argv[1]);
    }
    struct CMUnitTest tests[SCENARIO_COUNT];
    for (uint32_t i = 0; i < SCENARIO_COUNT; i++) {
        tests[i] = (struct CMUnitTest){
            .name = scenarios[i].name, .test_func = play, .initial_state = (void *)&scenarios[i]};
    }
    return cmocka_run_group_tests_name("scenarios", tests, NULL, NULL);
}
