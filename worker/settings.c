/* SPDX-License-Identifier: MIT
 *
 * Settings. wherry.exec runs whatever a submitter says, so it is offered only where the endpoint
 * itself keeps strangers out: an ipc socket in a folder that nobody else may enter. */
#include "worker/settings.h"

#include "common/bounds.h"
#include "common/name.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct flag settings_table[SETTINGS_COUNT] = {
    [SETTINGS_BROKER] = {.name = "broker",
                         .argument = "ADDRESSES",
                         .environment = "WHERRY_BROKER",
                         .help =
                             "comma-separated tcp://HOST:PORT and ipc://PATH, tried in turn\n"
                             "(default: the socket of `wherry dev`, then tcp://127.0.0.1:7380)"},
    [SETTINGS_POOL] = {.name = "pool",
                       .argument = "NAME",
                       .fallback = "default",
                       .help = "serve the queue of this name"},
    [SETTINGS_PROCESSES] = {.name = "processes",
                            .argument = "N",
                            .kind = FLAG_NUMBER,
                            .min = 1,
                            .max = BOUND_PROCESSES,
                            .help = "worker processes (default: one a CPU)"},
    [SETTINGS_PROCESSES_MAX] = {.name = "max-processes",
                                .argument = "N",
                                .kind = FLAG_NUMBER,
                                .min = 0,
                                .max = BOUND_PROCESSES,
                                .fallback = "1024",
                                .help =
                                    "how many Processes (wherry_process) may run here at once,\n"
                                    "besides those of the pool"},
    [SETTINGS_EXEC] = {.name = "exec",
                       .argument = "NAME=COMMAND",
                       .repeatable = true,
                       .help = "offer an outside command as function NAME: it gets its arguments\n"
                               "as one JSON array on stdin, and what it writes is the result"},
    [SETTINGS_ALLOW_EXEC] = {.name = "allow-exec",
                             .kind = FLAG_SWITCH,
                             .help = "offer wherry.exec: submitters choose the command to run"},
    [SETTINGS_GRACE] = {.name = "grace",
                        .argument = "SECONDS",
                        .kind = FLAG_SECONDS,
                        .min = 0,
                        .max = INT64_C(86400000),
                        .fallback = "8",
                        .help = "after SIGTERM, how long running tasks may go on"},
    [SETTINGS_CONNECT_TIMEOUT] = {.name = "connect-timeout",
                                  .argument = "SECONDS",
                                  .kind = FLAG_SECONDS,
                                  .min = 1,
                                  .max = INT64_C(86400000),
                                  .help =
                                      "end with code 5 if no broker answers that long after the\n"
                                      "start (default: try for ever)"},
    [SETTINGS_INSECURE] = {.name = "insecure",
                           .kind = FLAG_SWITCH,
                           .help = "allow wherry.exec on endpoints that anybody may reach"},
};

static const struct flags_program settings_program = {
    .name = "wherry-worker",
    .synopsis = "[FLAG…] [PLUGIN.so…]",
    .summary = "Runs tasks in worker processes: built-in functions, those of plugins and outside\n"
               "commands. A process that dies is replaced; its task alone is tried again.",
    .flags = settings_table,
    .flag_count = SETTINGS_COUNT,
    .examples = "wherry-worker --processes 4 ./functions.so\n"
                "wherry-worker --exec 'thumbnail=python3 thumbnail.py' --pool images\n"
                "wherry-worker --broker tcp://10.0.0.5:7380,tcp://10.0.0.6:7380 ./functions.so\n",
    .see_also = "wherry(1), wherry-broker(1)",
    .after =
        "SIGTERM drains: nothing new is taken, running tasks end, results are delivered.\n"
        "So does `wherry worker drain` from anywhere, without a limit unless it sets one.\n"
        "Exit codes: 0 clean, 2 usage, 5 no broker within --connect-timeout, 8 tasks were stopped\n"
        "after the grace time or by a second signal.\n",
    .rest_max = SIZE_MAX,
    .rest_name = "PLUGIN",
};

enum flags_outcome settings_refuse(const char *flag, const char *value, const char *cause) {
    return flags_refuse(&settings_program, flag, value, "%s", cause);
}

static void settings_default_brokers(char *out, size_t size) {
    const char *folder = getenv("XDG_RUNTIME_DIR");
    char path[256];
    if (folder != NULL && folder[0] == '/') {
        snprintf(path, sizeof path, "%s/wherry/dev", folder);
    } else {
        snprintf(path, sizeof path, "/tmp/wherry-%u/dev", (unsigned)getuid());
    }
    struct stat status;
    bool there = stat(path, &status) == 0 && S_ISSOCK(status.st_mode) && status.st_uid == getuid();
    if (there) {
        snprintf(out, size, "ipc://%s", path);
    } else {
        snprintf(out, size, "tcp://127.0.0.1:7380");
    }
}

static uint32_t settings_cpus(void) {
    cpu_set_t set;
    int count = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
    return count < 1 ? 1 : (uint32_t)count;
}

static bool settings_private_folder(const char *path) {
    char folder[512];
    struct stat status;
    const char *slash = strrchr(path, '/');
    if (slash == NULL || (size_t)(slash - path) >= sizeof folder) {
        return false;
    }
    size_t size = slash == path ? 1 : (size_t)(slash - path);
    memcpy(folder, path, size);
    folder[size] = '\0';
    return stat(folder, &status) == 0 && (status.st_mode & 077) == 0 &&
           (status.st_uid == getuid() || status.st_uid == 0);
}

/* Every address is an ipc socket that only its owner can reach. */
static bool settings_private(const char *brokers) {
    char copy[1024];
    char *rest = copy;
    snprintf(copy, sizeof copy, "%s", brokers);
    for (char *one = strtok_r(copy, ", ", &rest); one != NULL; one = strtok_r(NULL, ", ", &rest)) {
        if (strncmp(one, "ipc://", 6) != 0 || !settings_private_folder(one + 6)) {
            return false;
        }
    }
    return true;
}

static enum flags_outcome settings_check(struct settings *settings) {
    const struct flags *flags = &settings->flags;
    const char *brokers = flags_text(flags, SETTINGS_BROKER);
    if (brokers == NULL) {
        settings_default_brokers(settings->brokers, sizeof settings->brokers);
    } else if (strlen(brokers) < sizeof settings->brokers) {
        memcpy(settings->brokers, brokers, strlen(brokers) + 1);
    } else {
        return settings_refuse("broker", brokers, "is longer than 1023 bytes");
    }
    if (!name_ok(span_of_text(settings->pool))) {
        return settings_refuse("pool", settings->pool, "is no name (1 to 128 of A-Za-z0-9._{}-)");
    }
    if (settings->allow_exec && !flags_on(flags, SETTINGS_INSECURE) &&
        !settings_private(settings->brokers)) {
        return settings_refuse("allow-exec", NULL,
                               "submitters could run any command: use an ipc:// broker in a folder "
                               "of mode 0700, or add --insecure");
    }
    return FLAGS_GO;
}

enum flags_outcome settings_read(struct settings *settings, int argc, char **argv,
                                 const wherry_function_table *table) {
    *settings = (struct settings){.table = table};
    struct flags *flags = &settings->flags;
    enum flags_outcome outcome = flags_parse(flags, &settings_program, argc, argv);
    if (outcome != FLAGS_GO) {
        return outcome;
    }
    settings->pool = flags_text(flags, SETTINGS_POOL);
    settings->grace_ms = flags_number(flags, SETTINGS_GRACE);
    settings->connect_timeout_ms = flags_number(flags, SETTINGS_CONNECT_TIMEOUT);
    settings->allow_exec = flags_on(flags, SETTINGS_ALLOW_EXEC);
    bool given = flags_given(flags, SETTINGS_PROCESSES);
    int64_t processes = given ? flags_number(flags, SETTINGS_PROCESSES) : settings_cpus();
    settings->processes = (uint32_t)(processes < BOUND_PROCESSES ? processes : BOUND_PROCESSES);
    settings->processes_max = (uint32_t)flags_number(flags, SETTINGS_PROCESSES_MAX);
    outcome = settings_check(settings);
    if (outcome != FLAGS_GO) {
        flags_fini(flags);
    }
    return outcome;
}

void settings_fini(struct settings *settings) {
    flags_fini(&settings->flags);
}
