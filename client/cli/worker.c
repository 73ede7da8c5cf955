/* SPDX-License-Identifier: MIT
 *
 * `wherry worker` and `wherry ps`: the hosts of all pools, the processes of one, and what they
 * run. */
#include "client/cli/actions.h"
#include "client/cli/ask.h"
#include "client/cli/outcome.h"

#include <string.h>

enum { WORKER_POOL = CLI_OWN, WORKER_GRACE, WORKER_WAIT, WORKER_TIMEOUT, WORKER_FLAGS };

static const struct flag worker_flags[WORKER_FLAGS] = {
    CLI_FLAGS,
    [WORKER_POOL] = {.name = "pool",
                     .argument = "NAME",
                     .help = "drain: only workers of this pool (default: of all)"},
    [WORKER_GRACE] = {.name = "grace",
                      .argument = "S",
                      .kind = FLAG_SECONDS,
                      .min = 0,
                      .max = INT64_C(2000000000),
                      .help = "drain: stop what still runs after S seconds; it goes back to its\n"
                              "queue (default: let it finish)"},
    [WORKER_WAIT] = {.name = "wait",
                     .kind = FLAG_SWITCH,
                     .help = "drain: return when the workers have left"},
    [WORKER_TIMEOUT] = {.name = "timeout",
                        .argument = "S",
                        .kind = FLAG_SECONDS,
                        .min = 0,
                        .max = INT64_C(31536000000),
                        .help = "drain --wait: give up after S seconds (exit 4); it goes on"},
};

/* Those rows whose host has this label or this id; takes the rows. */
static json_t *hosts_pick(json_t *rows, const char *id_key, const char *text) {
    json_t *picked = json_array();
    size_t i;
    json_t *row;
    json_array_foreach(rows, i, row) {
        const char *label = json_string_value(json_object_get(row, "host"));
        const char *id = json_string_value(json_object_get(row, id_key));
        if ((label != NULL && strcmp(label, text) == 0) || (id != NULL && strcmp(id, text) == 0)) {
            json_array_append(picked, row);
        }
    }
    json_decref(rows);
    return picked;
}

/* The hosts that the first argument behind the action names; NOT_FOUND if there are none. */
static int hosts_named(const struct flags *flags, wherry_connection *connection, json_t **out) {
    const char *text = cli_argument(flags, 1);
    const char *pool = flags_text(flags, WORKER_POOL);
    json_t *rows = NULL;
    int code = ask_hosts(connection, &rows);
    if (code != CLI_DONE) {
        return code;
    }
    rows = hosts_pick(rows, "id", text);
    *out = pool != NULL ? rows_pick(rows, "pool", pool) : rows;
    if (json_array_size(*out) == 0) {
        code = cli_fail(text, WHERRY_E_UNKNOWN, "no such worker; see wherry worker ls");
    }
    return code;
}

static const struct column host_columns[] = {
    {"HOST", "host", COLUMN_TEXT},
    {"ID", "id", COLUMN_TEXT},
    {"PID", "pid", COLUMN_COUNT},
    {"POOL", "pool", COLUMN_TEXT},
    {"STATE", "state", COLUMN_TEXT},
    {"PROCESSES", "processes", COLUMN_COUNT},
    {"RUNNING", "running", COLUMN_COUNT},
};

enum { HOST_COLUMNS = sizeof host_columns / sizeof *host_columns };

/* ---- worker --------------------------------------------------------------------------------- */

static int worker_list(const struct flags *flags, wherry_connection *connection) {
    json_t *rows = NULL;
    int code = ask_hosts(connection, &rows);
    return code != CLI_DONE ? code : rows_show(flags, host_columns, HOST_COLUMNS, rows);
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
    json_t *hosts = NULL;
    json_t *rows = NULL;
    int code = hosts_named(flags, connection, &hosts);
    if (code == CLI_DONE) {
        code = ask_processes(connection, &rows);
    }
    if (code == CLI_DONE) {
        code = rows_show(flags, columns, sizeof columns / sizeof *columns,
                         hosts_pick(rows, "host_id", cli_argument(flags, 1)));
    }
    json_decref(hosts);
    return code;
}

/* ---- drain ---------------------------------------------------------------------------------- */

/* What a host's row says then. */
static int drain_note(json_t *host, wherry_err err, const char *done) {
    const char *id = json_string_value(json_object_get(host, "id"));
    if (err == WHERRY_OK) {
        json_object_set_new(host, "state", json_string(done));
        return CLI_DONE;
    }
    return cli_fail(id, err, NULL);
}

static int drain_left(json_t *host, wherry_err err) {
    const char *id = json_string_value(json_object_get(host, "id"));
    if (err == WHERRY_E_TIMEOUT) { /* by the broker's clock or by ours */
        return cli_fail(id, err, "it has not left yet, and goes on draining");
    }
    if (err == WHERRY_OK || err == WHERRY_E_UNKNOWN) {
        json_object_set_new(host, "running", json_integer(0));
        err = WHERRY_OK;
    }
    return drain_note(host, err, "left");
}

static int drain_join(const struct flags *flags, wherry_connection *connection, json_t *hosts) {
    int64_t deadline_us = outcome_deadline_us(flags, WORKER_TIMEOUT);
    int code = CLI_DONE;
    size_t i;
    json_t *host;
    json_array_foreach(hosts, i, host) {
        if (code == CLI_DONE) {
            const char *id = json_string_value(json_object_get(host, "id"));
            wherry_err err = wherry_worker_join(connection, id, outcome_left_ms(deadline_us));
            code = drain_left(host, err);
        }
    }
    return code;
}

/* All are told before the first is waited for. */
static int worker_drain(const struct flags *flags, wherry_connection *connection) {
    int64_t grace_ms =
        flags_given(flags, WORKER_GRACE) ? flags_number(flags, WORKER_GRACE) : WHERRY_FOREVER;
    json_t *hosts = NULL;
    size_t i;
    json_t *host;
    int code = hosts_named(flags, connection, &hosts);
    for (i = 0; code == CLI_DONE && i < json_array_size(hosts); i++) {
        host = json_array_get(hosts, i);
        const char *id = json_string_value(json_object_get(host, "id"));
        wherry_err err = wherry_worker_drain(connection, id, grace_ms, ACTIONS_ASK_MS);
        code = drain_note(host, err, "draining");
    }
    if (code == CLI_DONE && flags_on(flags, WORKER_WAIT)) {
        code = drain_join(flags, connection, hosts);
    }
    if (json_array_size(hosts) == 0) {
        json_decref(hosts);
        return code;
    }
    int printed = rows_show(flags, host_columns, HOST_COLUMNS, hosts);
    return code != CLI_DONE ? code : printed;
}

static bool worker_fits(const struct flags *flags) {
    bool drain = strcmp(cli_argument(flags, 0), "drain") == 0;
    for (size_t i = WORKER_POOL; i < WORKER_FLAGS; i++) {
        if (!drain && flags_given(flags, i)) {
            flags_refuse(&verb_worker.program, worker_flags[i].name, NULL, "%s has no such flag",
                         cli_argument(flags, 0));
            return false;
        }
    }
    if (flags_given(flags, WORKER_TIMEOUT) && !flags_on(flags, WORKER_WAIT)) {
        flags_refuse(&verb_worker.program, "timeout", NULL, "only with --wait");
        return false;
    }
    return true;
}

static int worker_run(const struct flags *flags) {
    static const struct action actions[] = {
        {"ls", 0, 0, "no argument", worker_list},
        {"show", 1, 1, "a HOST", worker_show},
        {"drain", 1, 1, "a HOST", worker_drain},
    };
    return actions_run(flags, &verb_worker.program, actions, sizeof actions / sizeof *actions,
                       worker_fits);
}

/* ---- ps ------------------------------------------------------------------------------------- */

static const struct flag ps_flags[CLI_OWN] = {CLI_FLAGS};

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
                .synopsis = "[FLAG…] ls | show HOST | drain HOST",
                .summary =
                    "List the workers of all pools, show those of a host, or send it away.\n"
                    "A HOST is named by its label, which stands for all workers there, or by the\n"
                    "id of one. Draining, it takes nothing new, gives back what has not begun,\n"
                    "finishes what runs, and ends. drain returns when the worker has confirmed\n"
                    "that, or with --wait when it has left. Where something starts it again\n"
                    "whenever it ends, it comes back: stop that first.",
                .flags = worker_flags,
                .flag_count = WORKER_FLAGS,
                .rest_min = 1,
                .rest_max = 2,
                .rest_name = "ls, show and drain",
                .examples = "  wherry worker ls\n"
                            "  wherry worker show node7 -o json\n"
                            "  wherry worker drain node7 --wait && ssh node7 poweroff\n"
                            "  wherry worker drain --grace 60 5f0c1a9be4d27730\n"},
    .run = worker_run,
};

const struct verb verb_ps = {
    .program = {.name = "wherry ps",
                .synopsis = "[FLAG…]",
                .summary = "List the tasks that run now, and where.",
                .flags = ps_flags,
                .flag_count = CLI_OWN,
                .examples = "  wherry ps\n"
                            "  wherry ps -o json\n"},
    .run = ps_run,
};
