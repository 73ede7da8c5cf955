/* SPDX-License-Identifier: MIT
 *
 * `wherry bench`: what this machine reaches, in one command. Without --broker or $WHERRY_BROKER it
 * starts a broker and workers of its own; only then can it count their CPU time and memory. */
#include "client/cli/bench.h"

#include "client/cli/cli.h"
#include "client/cli/table.h"

#include <stdlib.h>
#include <string.h>

enum {
    BENCH_TASKS = CLI_OWN,
    BENCH_SIZE,
    BENCH_WORKERS,
    BENCH_OUTSTANDING,
    BENCH_SESSIONS,
    BENCH_IPC,
    BENCH_STORE,
    BENCH_FLAGS,
};

static const struct flag bench_flags[BENCH_FLAGS] = {
    CLI_FLAGS,
    [BENCH_TASKS] = {.name = "tasks",
                     .argument = "N",
                     .kind = FLAG_NUMBER,
                     .min = 1,
                     .max = 1000000000,
                     .help = "how many tasks (default: by the mode)"},
    [BENCH_SIZE] = {.name = "size",
                    .argument = "BYTES",
                    .kind = FLAG_SIZE,
                    .min = 1,
                    .max = 64 << 20,
                    .help = "bytes of each task's argument (default: by the mode)"},
    [BENCH_WORKERS] = {.name = "workers",
                       .argument = "N",
                       .kind = FLAG_NUMBER,
                       .min = 1,
                       .max = 1024,
                       .fallback = "1",
                       .help = "worker processes to start"},
    [BENCH_OUTSTANDING] = {.name = "outstanding",
                           .argument = "N",
                           .kind = FLAG_NUMBER,
                           .min = 1,
                           .max = 1000000,
                           .help = "tasks submitted ahead of the results (default: by the mode)"},
    [BENCH_SESSIONS] = {.name = "sessions",
                        .argument = "N",
                        .kind = FLAG_NUMBER,
                        .min = 1,
                        .max = BENCH_SESSIONS_MAX,
                        .fallback = "1",
                        .help = "throughput: client sessions, each with its share"},
    [BENCH_IPC] = {.name = "ipc",
                   .kind = FLAG_SWITCH,
                   .help = "own broker on an ipc endpoint instead of tcp"},
    [BENCH_STORE] = {.name = "store",
                     .argument = "URL",
                     .fallback = "memory:",
                     .help = "own broker's store; lmdb:DIR measures synced commits"},
};

static const struct mode {
    const char *name;
    wherry_err (*run)(struct bench *bench);
    int64_t tasks;
    int64_t size;
    int64_t outstanding;
    bool workers_first; /* else they come when the queue is full */
} modes[] = {
    {"throughput", bench_throughput, 2000000, 100, 20000, true},
    {"latency", bench_latency, 5000, 100, 1, true},
    {"submit", bench_submit, 5000, 100, 1, true},
    {"backlog", bench_backlog, 1000000, 100, 1, false},
    {"payload", bench_payload, 1000, 1 << 20, 8, true},
};

enum { MODES = sizeof modes / sizeof *modes };

static const struct mode *mode_find(const char *name) {
    const char *names[MODES];
    for (size_t i = 0; i < MODES; i++) {
        names[i] = modes[i].name;
        if (strcmp(name, names[i]) == 0) {
            return &modes[i];
        }
    }
    const char *near = flags_nearest(name, names, MODES);
    flags_refuse(&verb_bench.program, NULL, name,
                 near != NULL ? "no such benchmark; did you mean %s?"
                              : "no such benchmark: throughput, latency, submit, "
                                "backlog or payload",
                 near);
    return NULL;
}

static json_t *measured(double value) {
    return value < 0 ? json_null() : json_real(value);
}

/* One row; what was not measured is null. */
static json_t *report(const struct mode *mode, const struct bench *bench) {
    double tasks = (double)bench->tasks;
    json_t *row = json_object();
    json_object_set_new(row, "mode", json_string(mode->name));
    json_object_set_new(row, "tasks", json_integer(bench->tasks));
    json_object_set_new(row, "size", json_integer(bench->size));
    json_object_set_new(row, "workers", json_integer(bench->workers));
    json_object_set_new(row, "outstanding", json_integer(bench->outstanding));
    json_object_set_new(row, "sessions", json_integer(bench->sessions));
    json_object_set_new(row, "seconds", measured(bench->seconds));
    json_object_set_new(row, "tasks_per_s", measured(tasks / bench->seconds));
    json_object_set_new(row, "p50_us", measured(bench->p50_us));
    json_object_set_new(row, "p99_us", measured(bench->p99_us));
    json_object_set_new(row, "cpu_us_per_task", measured(bench->cpu_us / tasks));
    json_object_set_new(row, "broker_bytes_per_task", measured(bench->memory_b / tasks));
    json_object_set_new(row, "mb_per_s",
                        measured(tasks * (double)bench->size / bench->seconds / 1e6));
    json_object_set_new(row, "submits_per_s", measured(tasks / bench->fill_s));
    return row;
}

static int report_print(const struct flags *flags, json_t *row) {
    static const struct column columns[] = {
        {"MODE", "mode", COLUMN_TEXT},
        {"TASKS", "tasks", COLUMN_COUNT},
        {"SECONDS", "seconds", COLUMN_REAL},
        {"TASKS/S", "tasks_per_s", COLUMN_REAL},
        {"P50-US", "p50_us", COLUMN_REAL},
        {"P99-US", "p99_us", COLUMN_REAL},
        {"CPU-US/TASK", "cpu_us_per_task", COLUMN_REAL},
        {"BROKER-B/TASK", "broker_bytes_per_task", COLUMN_REAL},
        {"MB/S", "mb_per_s", COLUMN_REAL},
        {"SUBMITS/S", "submits_per_s", COLUMN_REAL},
    };
    if (cli_json(flags)) {
        return cli_print_json(row, JSON_REAL_PRECISION(9));
    }
    json_t *rows = json_pack("[o]", row);
    table_print(columns, sizeof columns / sizeof *columns, rows);
    json_decref(rows);
    return cli_flush();
}

static wherry_err bench_connected(const struct mode *mode, struct bench *bench,
                                  const char *address) {
    wherry_err err = wherry_connect(address, NULL, &bench->connection);
    err = err != WHERRY_OK ? err : wherry_pool_open(bench->connection, NULL, &bench->pool);
    if (err == WHERRY_OK) {
        cli_interruptible(bench->connection); /* else our folder would stay behind */
        err = bench->sessions > 1 ? bench_swarm(bench, address) : mode->run(bench);
        cli_interruptible(NULL);
    }
    return err;
}

/* Connects, runs, reports. */
static int bench_measure(const struct flags *flags, const struct mode *mode, struct bench *bench) {
    const char *address =
        bench->house != NULL ? bench->house->endpoint : flags_text(flags, CLI_BROKER);
    wherry_err err = bench_connected(mode, bench, address);
    int code = err == WHERRY_OK ? report_print(flags, report(mode, bench))
                                : cli_fail(mode->name, err, NULL);
    wherry_pool_release(&bench->pool);
    wherry_connection_release(&bench->connection);
    return code;
}

static int64_t number_or(const struct flags *flags, size_t at, int64_t fallback) {
    return flags_given(flags, at) ? flags_number(flags, at) : fallback;
}

static int bench_run(const struct flags *flags) {
    const struct mode *mode = mode_find(cli_argument(flags, 0));
    if (mode == NULL) {
        return CLI_USAGE;
    }
    struct house house = {.store = flags_text(flags, BENCH_STORE)};
    struct bench bench = {
        .tasks = number_or(flags, BENCH_TASKS, mode->tasks),
        .size = number_or(flags, BENCH_SIZE, mode->size),
        .outstanding = number_or(flags, BENCH_OUTSTANDING, mode->outstanding),
        .workers = flags_number(flags, BENCH_WORKERS),
        .sessions = mode->run == bench_throughput ? flags_number(flags, BENCH_SESSIONS) : 1,
        .house = flags_given(flags, CLI_BROKER) ? NULL : &house,
        .p50_us = -1,
        .p99_us = -1,
        .cpu_us = -1,
        .fill_s = -1,
        .memory_b = -1,
    };
    int code = bench.house != NULL ? house_open(&house, flags_on(flags, BENCH_IPC)) : CLI_DONE;
    if (code == CLI_DONE && bench.house != NULL && mode->workers_first) {
        code = house_work(&house, bench.workers);
    }
    if (code == CLI_DONE) {
        code = bench_measure(flags, mode, &bench);
    }
    house_close(&house);
    return code;
}

const struct verb verb_bench = {
    .program = {.name = "wherry bench",
                .synopsis = "[FLAG…] throughput|latency|submit|backlog|payload",
                .summary =
                    "Measure this machine, with a broker and workers started for it.\n"
                    "  throughput   no-op tasks of 100 bytes, 20,000 on their way\n"
                    "  latency      one task at a time: p50 and p99 of its round trip\n"
                    "  submit       one submit at a time, until the broker has taken it\n"
                    "  backlog      a million tasks queued: submit rate, broker memory, and\n"
                    "               how fast workers take them down\n"
                    "  payload      1 MiB there and back, eight on their way",
                .flags = bench_flags,
                .flag_count = BENCH_FLAGS,
                .rest_min = 1,
                .rest_max = 1,
                .rest_name = "throughput, latency, submit, backlog or payload",
                .examples = "  wherry bench throughput\n"
                            "  wherry bench latency -o json\n"
                            "  wherry bench backlog --tasks 10000000\n"
                            "  wherry bench throughput --store lmdb:/var/tmp/bench\n"
                            "  wherry bench throughput --sessions 1000 --workers 2\n"
                            "  wherry bench throughput --broker tcp://node7:7380\n"},
    .run = bench_run,
};
