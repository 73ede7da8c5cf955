/* SPDX-License-Identifier: MIT
 *
 * Real processes under SIGKILL at random moments, under load; then the checker compares what was
 * acknowledged with what came out.
 *
 *     chaos_test [ROLE…]          broker house child client all silent; default: each in turn
 *     CHAOS_KILLS=N               kills a role (60); all: rounds in which everybody dies at once;
 *                                 silent (1): times that a house is stopped for eight seconds
 *     CHAOS_SEED=N                what the seed decides: victims, waits, what clients submit
 *
 * The seed does not decide how the system's threads interleave; a failure names its seed and keeps
 * the journal and the logs. */
#include "tests/chaos/checker.h"
#include "tests/chaos/crew.h"

#include "common/entropy.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KILLS = 60, MIN_TASKS = 200 };

static enum crew_role role; /* of the running test */

static uint64_t number_of(const char *variable, uint64_t fallback) {
    const char *text = getenv(variable);
    return text != NULL && *text != '\0' ? strtoull(text, NULL, 10) : fallback;
}

/* Clients may not have written down everything that they were told before they died: ask. */
static void ask_for_the_rest(struct crew *crew) {
    struct checker *checker = checker_create();
    const char *path = sandbox_path(crew->box, "ids");
    size_t at = 0;
    assert_true(checker_read_file(checker, crew->journal_path));
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    for (const char *id; (id = checker_unasked(checker, &at)) != NULL;) {
        fprintf(file, "%s\n", id);
    }
    fclose(file);
    checker_destroy(&checker);
    crew_collect(crew, path);
}

static void print_sums(const struct checker_sums *sums, uint64_t seed) {
    printf("%s: %" PRIu64 " kills; %" PRIu64 " tasks submitted, %" PRIu64 " accepted, %" PRIu64
           " done, %" PRIu64 " other outcomes, %" PRIu64 " uncertain; %" PRIu64
           " runs, of which again after a kill %" PRIu64 ", after a lost lease %" PRIu64
           ", after a cancel beside %" PRIu64 " (seed %" PRIu64 ")\n",
           crew_role_names[role], sums->kills + sums->stops, sums->submitted, sums->accepted,
           sums->done, sums->other_outcomes, sums->uncertain, sums->runs, sums->again_killed,
           sums->again_silent, sums->again_cancelled, seed);
}

static void check(struct crew *crew, uint64_t seed) {
    struct checker *checker = checker_create();
    assert_true(checker_read_file(checker, crew->journal_path));
    uint64_t count = checker_judge(checker);
    struct checker_sums sums = checker_sums(checker);
    print_sums(&sums, seed);
    for (size_t i = 0; checker_wrong(checker, i) != NULL; i++) {
        print_error("%s\n", checker_wrong(checker, i));
    }
    checker_destroy(&checker);
    if (count != 0) {
        fail_msg("%" PRIu64 " things are wrong; again: CHAOS_SEED=%" PRIu64 " chaos_test %s", count,
                 seed, crew_role_names[role]);
    }
    assert_true(sums.done > MIN_TASKS); /* else nothing was tested */
    assert_true(role != CREW_SILENT || sums.given_up > 0);
}

static void nothing_acknowledged_is_lost(void **state) {
    struct crew crew;
    uint64_t seed = number_of("CHAOS_SEED", entropy_u64() >> 1);
    uint64_t kills = number_of("CHAOS_KILLS", role == CREW_SILENT ? 1 : KILLS);
    printf("%s: seed %" PRIu64 ", %" PRIu64 " kills\n", crew_role_names[role], seed, kills);
    fflush(stdout);
    crew_open(&crew, *state, seed);
    for (uint64_t i = 0; i < kills; i++) {
        crew_wait(&crew, 20, 350);
        crew_kill(&crew, role);
    }
    crew_calm(&crew);
    ask_for_the_rest(&crew);
    check(&crew, seed);
    crew_close(&crew);
}

static bool role_is_wanted(int argc, char **argv, const char *name) {
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], name) == 0) {
            return true;
        }
    }
    return argc == 1;
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nothing_acknowledged_is_lost, sandbox_setup,
                                        sandbox_teardown),
    };
    int failed = 0;
    for (role = 0; role < CREW_ROLES; role++) {
        if (role_is_wanted(argc, argv, crew_role_names[role])) {
            failed += cmocka_run_group_tests_name(crew_role_names[role], tests, NULL, NULL);
        }
    }
    return failed;
}
