/* SPDX-License-Identifier: MIT
 *
 * wherry-sim: runs seeds. Each seed is one world from beginning to end; the first broken promise
 * ends the program with the seed, what was broken and the command that shows it again.
 *
 *     wherry-sim --seed 7                 one seed, both stores
 *     wherry-sim --seed 1 --seeds 5000    many
 *     wherry-sim --seed 7 --trace         what happened, line by line
 *     wherry-sim --seed 7 --twice         the same seed twice: the same bytes? */
#include "common/flags.h"
#include "common/plant.h"
#include "tests/sim/plants.h"
#include "tests/sim/sim.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
    FLAG_SEED,
    FLAG_SEEDS,
    FLAG_STEPS,
    FLAG_STORE,
    FLAG_PLANT,
    FLAG_TRACE,
    FLAG_TWICE,
    FLAG_ALL,
    FLAG_COUNT
};

static const struct flag main_flags[FLAG_COUNT] = {
    [FLAG_SEED] = {.name = "seed",
                   .kind = FLAG_NUMBER,
                   .argument = "N",
                   .min = 1,
                   .max = INT64_MAX,
                   .fallback = "1",
                   .help = "the first seed"},
    [FLAG_SEEDS] = {.name = "seeds",
                    .kind = FLAG_NUMBER,
                    .argument = "COUNT",
                    .min = 1,
                    .max = INT64_MAX,
                    .fallback = "1",
                    .help = "how many seeds, one after another"},
    [FLAG_STEPS] = {.name = "steps",
                    .kind = FLAG_NUMBER,
                    .argument = "M",
                    .min = 1,
                    .max = INT64_MAX,
                    .fallback = "1000",
                    .help = "steps of each seed before faults stop"},
    [FLAG_STORE] = {.name = "store",
                    .argument = "memory|durable",
                    .fallback = "both",
                    .help = "one store only; else seeds take turns"},
    [FLAG_PLANT] = {.name = "plant",
                    .argument = "NAME",
                    .help = "switch a rule off (only in the build that can: wherry-sim-plants)"},
    [FLAG_TRACE] = {.name = "trace", .kind = FLAG_SWITCH, .help = "tell what happens, on stderr"},
    [FLAG_TWICE] = {.name = "twice",
                    .kind = FLAG_SWITCH,
                    .help = "run each seed a second time and compare the traces"},
    [FLAG_ALL] = {.name = "require-all",
                  .kind = FLAG_SWITCH,
                  .help = "fail if a fault, event or effect never occurred"},
};

static const struct flags_program main_program = {
    .name = "wherry-sim",
    .synopsis = "[FLAG…]",
    .summary = "Runs broker, clients and workers in a simulated world, from a seed.",
    .flags = main_flags,
    .flag_count = FLAG_COUNT,
    .after = "exit codes: 0 every promise was kept, 1 one was broken, 2 usage\n",
};

struct main_run {
    const char *store;
    const char *plant;
    uint64_t steps;
    bool tracing;
    bool twice;
};

static bool main_durable(const struct main_run *run, uint64_t seed) {
    return strcmp(run->store, "both") == 0 ? seed % 4 != 0 : strcmp(run->store, "durable") == 0;
}

static void main_report(const struct main_run *run, uint64_t seed, const char *failure) {
    bool durable = main_durable(run, seed);
    fflush(stdout);
    fprintf(stderr, "seed %" PRIu64 ": %s\n", seed, failure);
    fprintf(stderr,
            "again:  wherry-sim%s --seed %" PRIu64 " --steps %" PRIu64 " --store %s%s%s --trace\n",
            run->plant != NULL ? "-plants" : "", seed, run->steps, durable ? "durable" : "memory",
            run->plant != NULL ? " --plant " : "", run->plant != NULL ? run->plant : "");
}

/* For whoever looks for the cause: what is open, and what the engine knows. */
static void main_dump(const struct sim *sim) {
    checker_dump(&sim->checker, stderr);
    if (sim->broker.alive) {
        engine_dump(sim->broker.engine, stderr);
    }
}

/* False: a promise was broken. `hash`: of the whole history. */
static bool main_seed(const struct main_run *run, uint64_t seed, struct tally *sum,
                      uint64_t *hash) {
    struct sim_config config = sim_config_of(seed, main_durable(run, seed), run->steps);
    config.tracing = run->tracing;
    struct sim *sim = sim_create(&config);
    bool kept = sim_run(sim);
    *hash = sim->world.hash;
    tally_add(sum, &sim->world.tally);
    if (!kept && run->tracing) {
        main_dump(sim);
    }
    if (!kept) {
        main_report(run, seed, sim->world.failure);
    }
    sim_destroy(&sim);
    return kept;
}

static bool main_seeds(const struct main_run *run, uint64_t first, uint64_t count,
                       struct tally *sum) {
    for (uint64_t seed = first; seed < first + count; seed++) {
        uint64_t hash = 0;
        if (!main_seed(run, seed, sum, &hash)) {
            return false;
        }
        uint64_t again = hash;
        if (run->twice && !main_seed(run, seed, sum, &again)) {
            return false;
        }
        if (again != hash) {
            main_report(run, seed, "the same seed gave two different histories");
            return false;
        }
        if (run->tracing) {
            fprintf(stderr, "seed %" PRIu64 ": hash %016" PRIx64 "\n", seed, hash);
        }
    }
    return true;
}

int main(int argc, char **argv) {
    struct flags flags;
    enum flags_outcome outcome = flags_parse(&flags, &main_program, argc, argv);
    if (outcome != FLAGS_GO) {
        return outcome == FLAGS_SHOWN ? 0 : 2;
    }
    struct main_run run = {
        .store = flags_text(&flags, FLAG_STORE),
        .plant = flags_text(&flags, FLAG_PLANT),
        .steps = (uint64_t)flags_number(&flags, FLAG_STEPS),
        .tracing = flags_on(&flags, FLAG_TRACE),
        .twice = flags_on(&flags, FLAG_TWICE),
    };
    if (run.plant != NULL && !plants_set(run.plant)) {
        flags_refuse(&main_program, "plant", run.plant, "no such plant in this build");
        return 2;
    }
    struct tally sum = {.seeds = 0};
    bool kept = main_seeds(&run, (uint64_t)flags_number(&flags, FLAG_SEED),
                           (uint64_t)flags_number(&flags, FLAG_SEEDS), &sum);
    tally_print(&sum, stdout);
    const char *missing = tally_missing(&sum, strcmp(run.store, "memory") != 0);
    if (kept && flags_on(&flags, FLAG_ALL) && missing != NULL) {
        fprintf(stderr, "never occurred: %s\n", missing);
        kept = false;
    }
    flags_fini(&flags);
    return kept ? 0 : 1;
}
