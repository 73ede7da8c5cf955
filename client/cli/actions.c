/* SPDX-License-Identifier: MIT
 *
 * Actions; see actions.h. */
#include "client/cli/actions.h"

#include <string.h>

const struct column queue_columns[QUEUE_COLUMNS] = {
    {"QUEUE", "name", COLUMN_TEXT},       {"WAITING", "waiting", COLUMN_COUNT},
    {"RUNNING", "running", COLUMN_COUNT}, {"PUTTERS", "waiters", COLUMN_COUNT},
    {"OLDEST", "oldest_ms", COLUMN_AGE},  {"BYTES", "bytes", COLUMN_BYTES},
    {"MAX", "items_max", COLUMN_COUNT},   {"MAX-BYTES", "bytes_max", COLUMN_BYTES},
    {"STATE", "state", COLUMN_TEXT},
};

/* NULL after one line on stderr. */
static const struct action *action_find(const struct flags *flags,
                                        const struct flags_program *program,
                                        const struct action *actions, size_t count) {
    const char *names[ACTIONS_MAX];
    const char *name = cli_argument(flags, 0);
    for (size_t i = 0; i < count; i++) {
        names[i] = actions[i].name;
        if (strcmp(name, names[i]) == 0) {
            return &actions[i];
        }
    }
    const char *near = flags_nearest(name, names, count);
    flags_refuse(program, NULL, name,
                 near != NULL ? "did you mean %s?" : "no such action; there are %s",
                 near != NULL ? near : program->rest_name);
    return NULL;
}

int actions_run(const struct flags *flags, const struct flags_program *program,
                const struct action *actions, size_t count,
                bool (*fits)(const struct flags *flags)) {
    const struct action *action = action_find(flags, program, actions, count);
    wherry_connection *connection = NULL;
    size_t given;
    flags_rest(flags, &given);
    if (action == NULL) {
        return CLI_USAGE;
    }
    if (given - 1 < action->arguments_min || given - 1 > action->arguments_max) {
        flags_refuse(program, NULL, action->name, "takes %s", action->wanted);
        return CLI_USAGE;
    }
    if (fits != NULL && !fits(flags)) {
        return CLI_USAGE;
    }
    int code = cli_connect(flags, &connection);
    if (code == CLI_DONE) {
        cli_interruptible(connection);
        code = action->run(flags, connection);
        cli_interruptible(NULL);
    }
    wherry_connection_release(&connection);
    return code;
}

int rows_show(const struct flags *flags, const struct column *columns, size_t count, json_t *rows) {
    if (cli_json(flags)) {
        return cli_print_json(rows, JSON_INDENT(2));
    }
    table_print(columns, count, rows);
    json_decref(rows);
    return cli_flush();
}

json_t *rows_pick(json_t *rows, const char *key, const char *text) {
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
