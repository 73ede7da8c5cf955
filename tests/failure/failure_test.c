/* SPDX-License-Identifier: MIT
 *
 * Failure: what is made to fail, call by call. Each scenario is played once to count its calls of a
 * kind, and then once for each of them, which fails; each time in a process of its own. Whatever
 * happens, play returns in time, with OK or an error and its text, and judge finds nothing broken.
 * Without memory the process may also end by a CHECK that says where: that is how a broker and a
 * worker meet it, and what was acknowledged is in the store.
 *
 *     failure_test [CALLS [SEED]]     of a kind in a scenario; more than that are drawn by chance
 */
#include "common/entropy.h"
#include "common/rng.h"
#include "tests/failure/fail.h"
#include "tests/failure/scenarios.h"
#include "tests/support/support.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CALLS = 24, SECONDS = 40 };

struct outcome {
    uint64_t calls;
    int err;
    bool has_text;
    bool well; /* said judge */
};

struct tally {
    uint64_t played;
    uint64_t succeeded;
    uint64_t refused;
    uint64_t stopped; /* by a CHECK */
};

static uint64_t calls_max = CALLS;
static uint64_t seed;
static char broker_address[SANDBOX_PATH_SIZE];

/* ---- one play -------------------------------------------------------------------------------- */

static void play(const struct failure_scenario *scenario, enum fail_kind kind, uint64_t k,
                 const char *path, int out) {
    struct stage stage = {.broker = broker_address};
    struct outcome outcome = {0};
    snprintf(stage.path, sizeof stage.path, "%s", path);
    if (scenario->set != NULL) {
        scenario->set(&stage);
    }
    fail_begin(kind, k);
    stage.err = scenario->play(&stage);
    outcome.calls = fail_end();
    outcome.err = (int)stage.err;
    outcome.has_text = stage.err == WHERRY_OK || wherry_last_error()[0] != '\0';
    outcome.well = scenario->judge == NULL || scenario->judge(&stage);
    if (stage.shelf != NULL) {
        shelf_close(&stage.shelf);
    }
    if (write(out, &outcome, sizeof outcome) != (ssize_t)sizeof outcome) {
        _exit(9);
    }
}

static void child_main(const struct failure_scenario *scenario, enum fail_kind kind, uint64_t k,
                       const char *path, int out) {
    char quiet[192];
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    alarm(SECONDS);
    snprintf(quiet, sizeof quiet, "%s.stderr", path);
    int fd = open(quiet, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    dup2(fd, STDERR_FILENO);
    dup2(fd, STDOUT_FILENO);
    play(scenario, kind, k, path, out);
    _exit(0);
}

static char said[65536];

static void said_read(const char *path) {
    char quiet[192];
    snprintf(quiet, sizeof quiet, "%s.stderr", path);
    FILE *file = fopen(quiet, "r");
    size_t size = file != NULL ? fread(said, 1, sizeof said - 1, file) : 0;
    said[size] = '\0';
    if (file != NULL) {
        fclose(file);
    }
}

static bool says(const char *path, const char *text) {
    said_read(path);
    return strstr(said, text) != NULL;
}

static void give_up(const struct failure_scenario *scenario, enum fail_kind kind, uint64_t k,
                    const char *path, int status, const struct outcome *outcome) {
    said_read(path);
    printf("%s\n", said);
    fail_msg("%s, %s %llu: status %#x, err %d, text %d, judged %d", scenario->name,
             fail_names[kind], (unsigned long long)k, (unsigned)status, outcome->err,
             outcome->has_text, outcome->well);
}

/* How many calls there were; 0: it stopped. */
static uint64_t play_in_child(struct sandbox *box, const struct failure_scenario *scenario,
                              enum fail_kind kind, uint64_t k, struct tally *tally) {
    int pipes[2];
    int status = 0;
    struct outcome outcome = {0};
    char path[128];
    snprintf(path, sizeof path, "%s", sandbox_path(box, "played"));
    unlink(path);
    assert_int_equal(pipe(pipes), 0);
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(pipes[0]);
        child_main(scenario, kind, k, path, pipes[1]);
    }
    close(pipes[1]);
    ssize_t size = read(pipes[0], &outcome, sizeof outcome);
    close(pipes[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    shelf_remove_of(child);
    bool whole = size == (ssize_t)sizeof outcome && WIFEXITED(status) && WEXITSTATUS(status) == 0;
    bool stopped = kind == FAIL_MEMORY && k > 0 && scenario->may_stop && WIFSIGNALED(status) &&
                   WTERMSIG(status) == SIGABRT && says(path, "wherry: bug at ");
    if (!stopped && !(whole && outcome.has_text && outcome.well)) {
        give_up(scenario, kind, k, path, status, &outcome);
    }
    tally->played += k > 0;
    tally->stopped += stopped;
    tally->succeeded += k > 0 && !stopped && outcome.err == WHERRY_OK;
    tally->refused += k > 0 && !stopped && outcome.err != WHERRY_OK;
    return outcome.calls;
}

/* ---- all of them ----------------------------------------------------------------------------- */

static void play_kind(struct sandbox *box, const struct failure_scenario *scenario,
                      enum fail_kind kind, struct rng *rng, struct tally *tally) {
    uint64_t calls = play_in_child(box, scenario, kind, 0, tally);
    uint64_t plays = calls < calls_max ? calls : calls_max;
    for (uint64_t i = 0; i < plays; i++) {
        uint64_t k = calls <= calls_max ? i + 1 : 1 + rng_next(rng) % calls;
        play_in_child(box, scenario, kind, k, tally);
    }
}

static void play_all(struct sandbox *box, const struct failure_scenario *scenarios) {
    struct rng rng;
    rng_init(&rng, seed);
    for (; scenarios->name != NULL; scenarios++) {
        struct tally tally = {0};
        for (size_t kind = 0; kind < FAIL_KINDS; kind++) {
            play_kind(box, scenarios, (enum fail_kind)kind, &rng, &tally);
        }
        printf("%-34s %4llu failures: %4llu overcome, %4llu told, %4llu ended it\n",
               scenarios->name, (unsigned long long)tally.played,
               (unsigned long long)tally.succeeded, (unsigned long long)tally.refused,
               (unsigned long long)tally.stopped);
        assert_true(tally.played > 0);
    }
}

static void whatever_fails_a_store_keeps_what_it_acknowledged(void **state) {
    shelf_in_memory();
    play_all(*state, store_scenarios);
}

static void whatever_fails_a_broker_does_not_start_by_half(void **state) {
    play_all(*state, broker_scenarios);
}

static void whatever_fails_a_value_is_whole_or_not_there(void **state) {
    play_all(*state, value_scenarios);
}

static void whatever_fails_a_client_is_told(void **state) {
    struct broker *broker = broker_start(*state, NULL);
    worker_start(*state, broker->endpoint, "--processes", "2", NULL);
    snprintf(broker_address, sizeof broker_address, "%s", broker->endpoint);
    play_all(*state, client_scenarios);
    assert_true(program_running(broker->program));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, sandbox_setup, sandbox_teardown)

int main(int argc, char **argv) {
    seed = entropy_u64();
    if (argc > 1) {
        calls_max = strtoull(argv[1], NULL, 10);
    }
    if (argc > 2) {
        seed = strtoull(argv[2], NULL, 10);
    }
    printf("seed %llu\n", (unsigned long long)seed);
    const struct CMUnitTest tests[] = {
        TEST(whatever_fails_a_store_keeps_what_it_acknowledged),
        TEST(whatever_fails_a_broker_does_not_start_by_half),
        TEST(whatever_fails_a_value_is_whole_or_not_there),
        TEST(whatever_fails_a_client_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
