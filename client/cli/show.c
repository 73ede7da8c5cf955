/* SPDX-License-Identifier: MIT
 *
 * `wherry status` and `wherry pool`: what the broker knows, asked in one round trip. Workers are
 * never asked: a silent one is shown as silent. The keys stand in docs/protocol.md. */
#include "client/cli/actions.h"
#include "client/cli/ask.h"

#include <stdio.h>
#include <string.h>

enum { SHOW_FLAGS = CLI_OWN };

static const struct flag show_flags[SHOW_FLAGS] = {CLI_FLAGS};

/* The answer as JSON, or an exit code after one line on stderr. */
static int ask(const struct flags *flags, const char *pool, json_t **out) {
    wherry_connection *connection = NULL;
    int code = cli_connect_to_look(flags, &connection);
    if (code != CLI_DONE) {
        return code;
    }
    code = ask_broker(connection, pool, out);
    wherry_connection_release(&connection);
    return code;
}

static json_int_t count_of(const json_t *object, const char *key) {
    return json_integer_value(json_object_get(object, key));
}

static const char *text_of(const json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL ? text : "";
}

/* ---- status --------------------------------------------------------------------------------- */

static void status_warn(const json_t *queues) {
    size_t i;
    size_t j;
    json_t *queue;
    json_t *name;
    json_array_foreach((json_t *)(uintptr_t)queues, i, queue) {
        json_array_foreach(json_object_get(queue, "missing"), j, name) {
            printf("Queue %s: no worker offers ", text_of(queue, "name"));
            cli_put(stdout, json_string_value(name));
            putchar('\n');
        }
    }
}

static void status_totals(const json_t *totals) {
    static const struct {
        const char *key;
        const char *word;
    } shown[] = {
        {"submitted", "submitted"},
        {"done", "done"},
        {"failed", "failed"},
        {"cancelled", "cancelled"},
        {"lost", "lost"},
        {"retries_crash", "retried after a crash"},
        {"retries_lease", "after a lost lease"},
        {"retries_asked", "as asked"},
    };
    printf("Tasks:");
    for (size_t i = 0; i < sizeof shown / sizeof *shown; i++) {
        printf("%s %" JSON_INTEGER_FORMAT " %s", i > 0 ? "," : "", count_of(totals, shown[i].key),
               shown[i].word);
    }
    printf("\nPeers: %" JSON_INTEGER_FORMAT " client sessions, %" JSON_INTEGER_FORMAT
           " worker hosts, %" JSON_INTEGER_FORMAT " processes\n",
           count_of(totals, "sessions"), count_of(totals, "hosts"), count_of(totals, "children"));
}

/* Tasks from before a restart wait until the hosts have said what they still run. */
static void status_restart(const json_t *status) {
    json_int_t grace_ms = count_of(status, "grace_ms");
    if (grace_ms > 0 && json_is_true(json_object_get(status, "keeps"))) {
        printf("Restarted: %" JSON_INTEGER_FORMAT " worker hosts have not said yet what they run; "
               "earlier tasks wait for them, %.1f s at most\n",
               count_of(status, "hosts_awaited"), (double)grace_ms / 1e3);
    }
}

static int status_run(const struct flags *flags) {
    json_t *status = NULL;
    int code = ask(flags, NULL, &status);
    if (code != CLI_DONE) {
        return code;
    }
    if (cli_json(flags)) {
        return cli_print_json(status, JSON_INDENT(2));
    }
    const json_t *queues = json_object_get(status, "queues");
    table_print(queue_columns, QUEUE_COLUMNS, queues);
    status_warn(queues);
    status_totals(json_object_get(status, "totals"));
    status_restart(status);
    printf("Store: %s\n", json_is_true(json_object_get(status, "keeps"))
                              ? "persistent"
                              : "memory: tasks live as long as the broker and its clients");
    json_decref(status);
    return cli_flush();
}

/* ---- pool ----------------------------------------------------------------------------------- */

/* One row a process; a host without any has a row of its own. */
static json_t *pool_rows(const json_t *hosts) {
    json_t *rows = json_array();
    size_t i;
    size_t j;
    json_t *host;
    json_t *child;
    json_array_foreach((json_t *)(uintptr_t)hosts, i, host) {
        json_t *children = json_object_get(host, "children");
        json_array_foreach(children, j, child) {
            json_t *row = json_copy(child);
            json_object_set(row, "host", json_object_get(host, "host"));
            json_object_set(row, "host_state", json_object_get(host, "state"));
            json_array_append_new(rows, row);
        }
        if (json_array_size(children) == 0) {
            json_array_append_new(rows,
                                  json_pack("{s:O?, s:O?}", "host", json_object_get(host, "host"),
                                            "host_state", json_object_get(host, "state")));
        }
    }
    return rows;
}

static void pool_functions(const json_t *functions) {
    size_t i;
    json_t *name;
    printf("Functions:");
    json_array_foreach((json_t *)(uintptr_t)functions, i, name) {
        putchar(' ');
        cli_put(stdout, json_string_value(name));
    }
    puts(json_array_size(functions) == 0 ? " none" : "");
}

static int pool_run(const struct flags *flags) {
    static const struct column columns[] = {
        {"HOST", "host", COLUMN_TEXT},
        {"PID", "pid", COLUMN_COUNT},
        {"STATE", "state", COLUMN_TEXT},
        {"TASK", "task", COLUMN_TEXT},
        {"FUNCTION", "function", COLUMN_TEXT},
        {"LEASED", "leased", COLUMN_COUNT},
        {"HOST-STATE", "host_state", COLUMN_TEXT},
    };
    const char *name = cli_argument(flags, 0);
    json_t *pool = NULL;
    int code = ask(flags, name != NULL ? name : "default", &pool);
    if (code != CLI_DONE) {
        return code;
    }
    if (cli_json(flags)) {
        return cli_print_json(pool, JSON_INDENT(2));
    }
    json_t *rows = pool_rows(json_object_get(pool, "hosts"));
    const char *queue_state = text_of(pool, "state");
    bool open = strcmp(queue_state, "open") == 0;
    printf("Pool %s serves queue %s: %" JSON_INTEGER_FORMAT " waiting, %" JSON_INTEGER_FORMAT
           " running%s%s\n",
           text_of(pool, "name"), text_of(pool, "queue"), count_of(pool, "waiting"),
           count_of(pool, "running"), open ? "" : ", ", open ? "" : queue_state);
    table_print(columns, sizeof columns / sizeof *columns, rows);
    pool_functions(json_object_get(pool, "functions"));
    json_decref(rows);
    json_decref(pool);
    return cli_flush();
}

const struct verb verb_status = {
    .program = {.name = "wherry status",
                .synopsis = "[FLAG…]",
                .summary = "Show the broker: its queues, what was done, who is connected.",
                .flags = show_flags,
                .flag_count = SHOW_FLAGS,
                .examples = "  wherry status\n"
                            "  wherry status -o json\n"
                            "  wherry status --broker tcp://node7:7380\n"},
    .run = status_run,
};

const struct verb verb_pool = {
    .program = {.name = "wherry pool",
                .synopsis = "[FLAG…] [NAME]",
                .summary = "Show a pool: its queue, its hosts, and what each process runs.\n"
                           "Without a NAME it is the pool \"default\".",
                .flags = show_flags,
                .flag_count = SHOW_FLAGS,
                .rest_max = 1,
                .rest_name = "NAME",
                .examples = "  wherry pool\n"
                            "  wherry pool night -o json\n"},
    .run = pool_run,
};
