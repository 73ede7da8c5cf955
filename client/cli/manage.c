/* SPDX-License-Identifier: MIT
 *
 * `wherry queue`, `wherry worker` and `wherry ps`: lists of what there is, one thing of it, and a
 * queue's bounds. */
#include "client/cli/ask.h"
#include "client/cli/table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SET_MS = 5000, ACTIONS_MAX = 4 };

enum { MANAGE_FLAGS = CLI_OWN };

static const struct flag manage_flags[MANAGE_FLAGS] = {CLI_FLAGS};

struct action {
    const char *name;
    size_t arguments_min; /* behind the action's name */
    size_t arguments_max;
    const char *wanted;
    int (*run)(const struct flags *flags, wherry_connection *connection);
};

static int actions_run(const struct flags *flags, const struct flags_program *program,
                       const struct action *actions, size_t count) {
    const char *names[ACTIONS_MAX];
    const char *name = cli_argument(flags, 0);
    wherry_connection *connection = NULL;
    const struct action *action = NULL;
    size_t given;
    flags_rest(flags, &given);
    for (size_t i = 0; i < count; i++) {
        names[i] = actions[i].name;
        action = strcmp(name, names[i]) == 0 ? &actions[i] : action;
    }
    if (action == NULL) {
        const char *near = flags_nearest(name, names, count);
        flags_refuse(program, NULL, name,
                     near != NULL ? "did you mean %s?" : "no such action; there are %s",
                     near != NULL ? near : program->rest_name);
        return CLI_USAGE;
    }
    if (given - 1 < action->arguments_min || given - 1 > action->arguments_max) {
        flags_refuse(program, NULL, name, "takes %s", action->wanted);
        return CLI_USAGE;
    }
    int code = cli_connect(flags, &connection);
    if (code == CLI_DONE) {
        code = action->run(flags, connection);
    }
    wherry_connection_release(&connection);
    return code;
}

/* Takes the rows. */
static int rows_show(const struct flags *flags, const struct column *columns, size_t count,
                     json_t *rows) {
    if (cli_json(flags)) {
        return cli_print_json(rows, JSON_INDENT(2));
    }
    table_print(columns, count, rows);
    json_decref(rows);
    return cli_flush();
}

/* Those rows whose `key` is `text`; takes the rows. */
static json_t *rows_pick(json_t *rows, const char *key, const char *text) {
    json_t *picked = json_array();
    size_t i;
    json_t *row;
    json_array_foreach(rows, i, row) {
        const char *found = json_string_value(json_object_get(row, key));
        if (found != NULL && strcmp(found, text) == 0) {
            json_array_append(picked, row);
        }
    }
    json_decref(rows);
    return picked;
}

/* ---- queue ---------------------------------------------------------------------------------- */

static const struct column queue_columns[] = {
    {"QUEUE", "name", COLUMN_TEXT},       {"WAITING", "waiting", COLUMN_COUNT},
    {"RUNNING", "running", COLUMN_COUNT}, {"PUTTERS", "waiters", COLUMN_COUNT},
    {"OLDEST", "oldest_ms", COLUMN_AGE},  {"BYTES", "bytes", COLUMN_BYTES},
    {"MAX", "items_max", COLUMN_COUNT},   {"MAX-BYTES", "bytes_max", COLUMN_BYTES},
};

enum { QUEUE_COLUMNS = sizeof queue_columns / sizeof *queue_columns };

static int queue_list(const struct flags *flags, wherry_connection *connection) {
    json_t *status = NULL;
    int code = ask_broker(connection, NULL, &status);
    if (code != CLI_DONE) {
        return code;
    }
    json_t *rows = json_incref(json_object_get(status, "queues"));
    json_decref(status);
    return rows_show(flags, queue_columns, QUEUE_COLUMNS, rows);
}

static int queue_show(const struct flags *flags, wherry_connection *connection) {
    const char *name = cli_argument(flags, 1);
    json_t *status = NULL;
    int code = ask_broker(connection, NULL, &status);
    json_t *queue = ask_find(json_object_get(status, "queues"), "name", name);
    if (code == CLI_DONE && queue == NULL) {
        code = cli_fail(name, WHERRY_E_UNKNOWN, "no such queue");
    } else if (code == CLI_DONE && cli_json(flags)) {
        code = cli_print_json(json_incref(queue), JSON_INDENT(2));
    } else if (code == CLI_DONE) {
        size_t i;
        json_t *missing;
        code = rows_show(flags, queue_columns, QUEUE_COLUMNS, json_pack("[O]", queue));
        json_array_foreach(json_object_get(queue, "missing"), i, missing) {
            printf("No worker offers %s\n", json_string_value(missing));
        }
        code = code == CLI_DONE ? cli_flush() : code;
    }
    json_decref(status);
    return code;
}

/* "max=N" and "bytes=SIZE", with commas or as arguments of their own. */
static bool bound_read(char *word, int64_t *items_max, int64_t *bytes_max) {
    char *rest = NULL;
    for (char *one = strtok_r(word, ",", &rest); one != NULL; one = strtok_r(NULL, ",", &rest)) {
        int64_t *bound = strncmp(one, "max=", 4) == 0     ? items_max
                         : strncmp(one, "bytes=", 6) == 0 ? bytes_max
                                                          : NULL;
        if (bound == NULL || !flags_read_size(strchr(one, '=') + 1, bound) || *bound <= 0) {
            flags_refuse(&verb_queue.program, NULL, one, "max=N or bytes=SIZE, above 0");
            return false;
        }
    }
    return true;
}

static int queue_set(const struct flags *flags, wherry_connection *connection) {
    int64_t items_max = 0;
    int64_t bytes_max = 0;
    size_t count;
    char **rest = flags_rest(flags, &count);
    for (size_t i = 2; i < count; i++) {
        if (!bound_read(rest[i], &items_max, &bytes_max)) {
            return CLI_USAGE;
        }
    }
    wherry_err err =
        wherry_queue_set(connection, rest[1], (uint64_t)items_max, (uint64_t)bytes_max, SET_MS);
    return err == WHERRY_OK ? queue_show(flags, connection) : cli_fail(rest[1], err, NULL);
}

static int queue_run(const struct flags *flags) {
    static const struct action actions[] = {
        {"ls", 0, 0, "no argument", queue_list},
        {"show", 1, 1, "a NAME", queue_show},
        {"set", 2, 3, "a NAME and max=N,bytes=SIZE", queue_set},
    };
    return actions_run(flags, &verb_queue.program, actions, sizeof actions / sizeof *actions);
}

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
    return actions_run(flags, &verb_worker.program, actions, sizeof actions / sizeof *actions);
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

const struct verb verb_queue = {
    .program = {.name = "wherry queue",
                .synopsis = "[FLAG…] ls | show NAME | set NAME max=N,bytes=SIZE",
                .summary = "List the queues, show one, or set its bounds in items and bytes.\n"
                           "set makes the queue if need be and shows it.",
                .flags = manage_flags,
                .flag_count = MANAGE_FLAGS,
                .rest_min = 1,
                .rest_max = 4,
                .rest_name = "ls, show and set",
                .examples = "  wherry queue ls\n"
                            "  wherry queue show default -o json\n"
                            "  wherry queue set night max=5000,bytes=1G\n"},
    .run = queue_run,
};

const struct verb verb_worker = {
    .program = {.name = "wherry worker",
                .page = "wherry-worker-hosts", /* wherry-worker(1) is the program */
                .synopsis = "[FLAG…] ls | show LABEL",
                .summary = "List the worker hosts of all pools, or show the processes of one.",
                .flags = manage_flags,
                .flag_count = MANAGE_FLAGS,
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
                .flags = manage_flags,
                .flag_count = MANAGE_FLAGS,
                .examples = "  wherry ps\n"
                            "  wherry ps -o json\n"},
    .run = ps_run,
};
