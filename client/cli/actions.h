/* SPDX-License-Identifier: MIT
 *
 * Verbs with a word of their own behind them: `wherry queue ls`, `wherry worker show node7`. One
 * table an action; what they have in common: the connection, rows as a table or as JSON. */
#ifndef CLI_ACTIONS_H
#define CLI_ACTIONS_H

#include "client/cli/cli.h"
#include "client/cli/table.h"

enum { ACTIONS_MAX = 8, ACTIONS_ASK_MS = 5000 };

struct action {
    const char *name;
    size_t arguments_min; /* behind the action's name */
    size_t arguments_max;
    const char *wanted;   /* "a NAME" */
    int (*run)(const struct flags *flags, wherry_connection *connection);
};

/* Finds the action that the first argument names, connects and runs it; a signal ends what it waits
 * for. `fits` says whether the rest makes sense, after one line on stderr if it does not, before
 * anybody is asked; NULL: it does. */
int actions_run(const struct flags *flags, const struct flags_program *program,
                const struct action *actions, size_t count,
                bool (*fits)(const struct flags *flags));

/* Prints; takes the rows. */
int rows_show(const struct flags *flags, const struct column *columns, size_t count, json_t *rows);
/* Those rows whose `key` is `text`; takes the rows. */
json_t *rows_pick(json_t *rows, const char *key, const char *text);

/* A row a queue, as STATUS gives them (docs/protocol.md). */
enum { QUEUE_COLUMNS = 9 };
extern const struct column queue_columns[QUEUE_COLUMNS];

#endif
