/* SPDX-License-Identifier: MIT
 *
 * `wherry worker` and `wherry ps`: the hosts of all pools, the processes of one, and what they
 * run. */
#include "client/cli/actions.h"
#include "client/cli/ask.h"

enum { WORKER_FLAGS = CLI_OWN };

static const struct flag worker_flags[WORKER_FLAGS] = {CLI_FLAGS};

/* ---- worker --------------------------------------------------------------------------------- */

static int worker_list(const struct flags *flags, wherry_connection *connection) {
    static const struct column columns[] = {
        {"HOST", "host", COLUMN_TEXT},
        {"PID", "pid", COLUMN_COUNT},
        {"POOL", "pool", COLUMN_TEXT},
        {"STATE", "state", COLUMN_TEXT},
        {"PROCESSES", "processes", COLUMN_COUNT},
        {"RUNNING", "running", COLUMN_COUNT},
    };
    json_t *rows = NULL;
    int code = ask_hosts(connection, &rows);
    return code != CLI_DONE ? code
                            : rows_show(flags, columns, sizeof columns / sizeof *columns, rows);
}

static int worker_show(const struct flags *flags, wherry_connection *connection) {
    static const struct column columns[] = {
        {"HOST", "host", COLUMN_TEXT},
        {"PID", "pid", COLUMN_COUNT},
        {"POOL", "pool", COLUMN_TEXT},
        {"STATE", "state", COLUMN_TEXT},
        {"TASK", "task", COLUMN_TEXT},
        {"FUNCTION", "function", COLUMN_TEXT},
        {"HOST-STATE", "host_state", COLUMN_TEXT},
    };
    const char *label = cli_argument(flags, 1);
    json_t *hosts = NULL;
    json_t *rows = NULL;
    int code = ask_hosts(connection, &hosts);
    if (code == CLI_DONE && ask_find(hosts, "host", label) == NULL) {
        code = cli_fail(label, WHERRY_E_UNKNOWN, "no such worker host; see wherry worker ls");
    }
    if (code == CLI_DONE) {
        code = ask_processes(connection, &rows);
    }
    if (code == CLI_DONE) {
        code = rows_show(flags, columns, sizeof columns / sizeof *columns,
                         rows_pick(rows, "host", label));
    }
    json_decref(hosts);
    return code;
}

static int worker_run(const struct flags *flags) {
    static const struct action actions[] = {
        {"ls", 0, 0, "no argument", worker_list},
        {"show", 1, 1, "a host's LABEL", worker_show},
    };
    return actions_run(flags, &verb_worker.program, actions, sizeof actions / sizeof *actions,
                       NULL);
}

/* ---- ps ------------------------------------------------------------------------------------- */

static int ps_run(const struct flags *flags) {
    static const struct column columns[] = {
        {"TASK", "task", COLUMN_TEXT}, {"FUNCTION", "function", COLUMN_TEXT},
        {"POOL", "pool", COLUMN_TEXT}, {"HOST", "host", COLUMN_TEXT},
        {"PID", "pid", COLUMN_COUNT},
    };
    wherry_connection *connection = NULL;
    json_t *rows = NULL;
    int code = cli_connect(flags, &connection);
    if (code == CLI_DONE) {
        code = ask_processes(connection, &rows);
    }
    wherry_connection_release(&connection);
    return code != CLI_DONE ? code
                            : rows_show(flags, columns, sizeof columns / sizeof *columns,
                                        rows_pick(rows, "state", "running"));
}

const struct verb verb_worker = {
    .program = {.name = "wherry worker",
                .page = "wherry-worker-hosts", /* wherry-worker(1) is the program */
                .synopsis = "[FLAG…] ls | show LABEL",
                .summary = "List the worker hosts of all pools, or show the processes of one.",
                .flags = worker_flags,
                .flag_count = WORKER_FLAGS,
                .rest_min = 1,
                .rest_max = 2,
                .rest_name = "ls and show",
                .examples = "  wherry worker ls\n"
                            "  wherry worker show node7 -o json\n"},
    .run = worker_run,
};

const struct verb verb_ps = {
    .program = {.name = "wherry ps",
                .synopsis = "[FLAG…]",
                .summary = "List the tasks that run now, and where.",
                .flags = worker_flags,
                .flag_count = WORKER_FLAGS,
                .examples = "  wherry ps\n"
                            "  wherry ps -o json\n"},
    .run = ps_run,
};
