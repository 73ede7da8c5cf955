/* SPDX-License-Identifier: MIT
 *
 * `wherry wait` and `wherry cancel`: several tasks by id. All are asked for before the first is
 * waited for, so that waiting for many takes as long as the slowest. */
#include "client/cli/cli.h"
#include "client/cli/outcome.h"
#include "client/cli/table.h"

#include <stdio.h>
#include <stdlib.h>

enum { ASK_MS = 5000, IDS_MAX = 1000 }; /* the library holds 1,024 open questions */

enum { WAIT_TIMEOUT = CLI_OWN, WAIT_FLAGS };

static const struct flag wait_flags[WAIT_FLAGS] = {
    CLI_FLAGS,
    [WAIT_TIMEOUT] = {.name = "timeout",
                      .argument = "S",
                      .kind = FLAG_SECONDS,
                      .min = 0,
                      .max = INT64_C(31536000000),
                      .help = "wait at most S seconds for all of them (default: without end)"},
};

enum { CANCEL_FLAGS = CLI_OWN };

static const struct flag cancel_flags[CANCEL_FLAGS] = {CLI_FLAGS};

static const char *state_of(wherry_err err) {
    switch (cli_exit_of(err)) {
    case CLI_DONE:
        return "done";
    case CLI_NOT_FOUND:
        return "unknown";
    case CLI_TIMEOUT:
        return "open";
    case CLI_CANCELLED:
        return err == WHERRY_E_EXPIRED ? "expired" : "cancelled";
    case CLI_FAILED:
        return "failed";
    default:
        return "refused";
    }
}

/* The worse of two exit codes: no broker, a wrong id, time over, unknown, refused, failed,
 * cancelled, done. */
static int worse(int one, int other) {
    static const int rank[] = {
        [CLI_DONE] = 0,      [CLI_CANCELLED] = 1, [CLI_FAILED] = 2, [CLI_REFUSED] = 3,
        [CLI_NOT_FOUND] = 4, [CLI_TIMEOUT] = 5,   [CLI_USAGE] = 6,  [CLI_NO_BROKER] = 7,
    };
    return rank[one] > rank[other] ? one : other;
}

static void row_add(json_t *rows, const char *id, wherry_err err) {
    json_array_append_new(rows, json_pack("{s:s, s:s}", "id", id, "state", state_of(err)));
}

static int rows_print(const struct flags *flags, json_t *rows, int code) {
    static const struct column columns[] = {
        {"ID", "id", COLUMN_TEXT},
        {"STATE", "state", COLUMN_TEXT},
    };
    int printed = CLI_DONE;
    if (cli_json(flags)) {
        return worse(code, cli_print_json(rows, 0));
    }
    if (json_array_size(rows) > 0) {
        table_print(columns, sizeof columns / sizeof *columns, rows);
        printed = cli_flush();
    }
    json_decref(rows);
    return worse(code, printed);
}

/* ---- wait ----------------------------------------------------------------------------------- */

static int wait_one(wherry_async *async, const char *id, int64_t deadline_us, json_t *rows) {
    wherry_err err = outcome_wait(async, deadline_us, NULL);
    if (err != WHERRY_E_INVALID) {
        row_add(rows, id, err);
    }
    if (err == WHERRY_OK) {
        return CLI_DONE;
    }
    if (err == WHERRY_E_TIMEOUT) {
        return outcome_late(async);
    }
    const char *text = wherry_async_error(async);
    return cli_fail(id, err, *text != '\0' ? text : NULL);
}

static int wait_all(const struct flags *flags, wherry_connection *connection,
                    wherry_async **asyncs) {
    int64_t deadline_us = outcome_deadline_us(flags, WAIT_TIMEOUT);
    size_t count;
    char **ids = flags_rest(flags, &count);
    int code = CLI_DONE;
    json_t *rows = json_array();
    for (size_t i = 0; i < count; i++) {
        wherry_err err = wherry_task_attach(connection, ids[i], &asyncs[i]);
        if (err != WHERRY_OK) {
            code = worse(code, cli_fail(ids[i], err, NULL));
        }
    }
    if (flags_given(flags, WAIT_TIMEOUT) && flags_number(flags, WAIT_TIMEOUT) == 0 &&
        asyncs[count - 1] != NULL) {
        /* To look means to have asked: this round trip ends behind those that bring outcomes. */
        free(outcome_why(asyncs[count - 1]));
    }
    for (size_t i = 0; i < count; i++) {
        if (asyncs[i] != NULL) {
            code = worse(code, wait_one(asyncs[i], ids[i], deadline_us, rows));
        }
    }
    return rows_print(flags, rows, code);
}

static int wait_run(const struct flags *flags) {
    wherry_connection *connection = NULL;
    size_t count;
    flags_rest(flags, &count);
    int code = cli_connect(flags, &connection);
    if (code != CLI_DONE) {
        return code;
    }
    wherry_async **asyncs = calloc(count, sizeof *asyncs);
    code = asyncs == NULL ? cli_fail("wait", WHERRY_E_NO_MEMORY, "no memory")
                          : wait_all(flags, connection, asyncs);
    for (size_t i = 0; asyncs != NULL && i < count; i++) {
        wherry_async_release(&asyncs[i]);
    }
    free(asyncs);
    wherry_connection_release(&connection);
    return code;
}

/* ---- cancel --------------------------------------------------------------------------------- */

static int cancel_run(const struct flags *flags) {
    wherry_connection *connection = NULL;
    size_t count;
    char **ids = flags_rest(flags, &count);
    int code = cli_connect(flags, &connection);
    if (code != CLI_DONE) {
        return code;
    }
    json_t *rows = json_array();
    for (size_t i = 0; i < count; i++) {
        wherry_err err = wherry_task_cancel(connection, ids[i], ASK_MS);
        if (err == WHERRY_OK) {
            json_array_append_new(rows, json_pack("{s:s, s:s}", "id", ids[i], "state", "asked"));
        } else {
            row_add(rows, ids[i], err);
            code = worse(code, cli_fail(ids[i], err, NULL));
        }
    }
    code = rows_print(flags, rows, code);
    wherry_connection_release(&connection);
    return code;
}

const struct verb verb_wait = {
    .program = {.name = "wherry wait",
                .synopsis = "[FLAG…] ID…",
                .summary =
                    "Wait until all these tasks are done, and say what became of each.\n"
                    "The exit code is that of the worst: 0 all done, 7 cancelled, 1 failed,\n"
                    "3 unknown, 4 when the time is over.",
                .flags = wait_flags,
                .flag_count = WAIT_FLAGS,
                .rest_min = 1,
                .rest_max = IDS_MAX,
                .rest_name = "ID",
                .examples = "  wherry wait $first $second && echo both are done\n"
                            "  wherry wait --timeout 30 $id    # exit 4 if it is not done then\n"
                            "  wherry wait --timeout 0 -o json $id\n"},
    .run = wait_run,
};

const struct verb verb_cancel = {
    .program = {.name = "wherry cancel",
                .synopsis = "[FLAG…] ID…",
                .summary = "Cancel tasks: a queued one never runs, a running one is ended by a\n"
                           "signal, a finished one keeps its outcome. It returns when the broker\n"
                           "knows; wherry wait ID tells the end (exit 7).",
                .flags = cancel_flags,
                .flag_count = CANCEL_FLAGS,
                .rest_min = 1,
                .rest_max = IDS_MAX,
                .rest_name = "ID",
                .examples = "  id=$(wherry submit wherry.sleep 600); wherry cancel $id\n"
                            "  wherry ps -o json | jq -r '.[].task' | xargs -r wherry cancel\n"},
    .run = cancel_run,
};
