/* SPDX-License-Identifier: MIT
 *
 * Settings: what a worker was told on its command line, checked. */
#ifndef WHERRY_WORKER_SETTINGS_H
#define WHERRY_WORKER_SETTINGS_H

#include "common/flags.h"
#include "worker/include/wherry_worker.h"

struct settings { /* texts are borrowed from argv and the environment */
    char brokers[1024];
    const char *pool;
    uint32_t processes;
    uint32_t processes_max; /* Processes besides them */
    bool allow_exec;
    int64_t grace_ms;
    int64_t connect_timeout_ms; /* 0: tries for ever */
    const wherry_function_table *table; /* of the program itself; NULL: none */
    struct flags flags;                 /* where the repeated ones are read from */
};

enum settings_flag {
    SETTINGS_BROKER,
    SETTINGS_POOL,
    SETTINGS_PROCESSES,
    SETTINGS_PROCESSES_MAX,
    SETTINGS_EXEC,
    SETTINGS_ALLOW_EXEC,
    SETTINGS_GRACE,
    SETTINGS_CONNECT_TIMEOUT,
    SETTINGS_INSECURE,
    SETTINGS_COUNT,
};

/* FLAGS_GO; else the exit code is 0 (SHOWN) or 2 (WRONG), and everything was said. */
enum flags_outcome settings_read(struct settings *settings, int argc, char **argv,
                                 const wherry_function_table *table);
void settings_fini(struct settings *settings);

/* One line on stderr in the manner of all refusals; returns FLAGS_WRONG. */
enum flags_outcome settings_refuse(const char *flag, const char *value, const char *cause);

#endif
