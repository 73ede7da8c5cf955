/* SPDX-License-Identifier: MIT
 *
 * `wherry wait` and `wherry cancel`: several tasks by id. All are asked for before the first is
 * waited for, so that waiting for many takes as long as the slowest. */
#include "client/cli/cli.h"
#include "client/cli/ids.h"
#include "client/cli/outcome.h"
#include "client/cli/table.h"

#include <stdio.h>
#include <stdlib.h>

enum { ASK_MS = 5000, WAIT_OPEN_MAX = 1000 }; /* the library holds 1,024 open questions */

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
    if (err == WHERRY_E_INTERRUPTED) {
        return "open";
    }
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
    row_add(rows, id, err);
    if (err == WHERRY_OK) {
        return CLI_DONE;
    }
    if (err == WHERRY_E_TIMEOUT) {
        return outcome_late(async);
    }
    if (err == WHERRY_E_INTERRUPTED) {
        return outcome_interrupted(async);
    }
    const char *text = wherry_async_error(async);
    return cli_fail(id, err, *text != '\0' ? text : NULL);
}

/* To look means to have asked: this round trip ends behind those that bring outcomes. */
static void wait_look(const struct flags *flags, wherry_async *last) {
    if (flags_given(flags, WAIT_TIMEOUT) && flags_number(flags, WAIT_TIMEOUT) == 0 &&
        last != NULL) {
        free(outcome_why(last));
    }
}

/* As many as the library holds questions for, at once. */
static int wait_some(const struct flags *flags, wherry_connection *connection, char **ids,
                     size_t count, int64_t deadline_us, json_t *rows) {
    wherry_async *asyncs[WAIT_OPEN_MAX] = {NULL};
    int code = CLI_DONE;
    for (size_t i = 0; i < count; i++) {
        wherry_err err = wherry_task_attach(connection, ids[i], &asyncs[i]);
        if (err != WHERRY_OK) {
            code = worse(code, cli_fail(ids[i], err, NULL));
        }
    }
    wait_look(flags, asyncs[count - 1]);
    for (size_t i = 0; i < count; i++) {
        if (asyncs[i] != NULL && !cli_interrupted()) {
            code = worse(code, wait_one(asyncs[i], ids[i], deadline_us, rows));
        }
        wherry_async_release(&asyncs[i]);
    }
    return code;
}

static int wait_all(const struct flags *flags, wherry_connection *connection,
                    const struct ids *ids) {
    int64_t deadline_us = outcome_deadline_us(flags, WAIT_TIMEOUT);
    int code = CLI_DONE;
    json_t *rows = json_array();
    for (size_t at = 0; at < ids->count && !cli_interrupted(); at += WAIT_OPEN_MAX) {
        size_t count = ids->count - at < WAIT_OPEN_MAX ? ids->count - at : WAIT_OPEN_MAX;
        code = worse(code,
                     wait_some(flags, connection, ids->texts + at, count, deadline_us, rows));
    }
    return rows_print(flags, rows, code);
}

/* ---- cancel --------------------------------------------------------------------------------- */

/* It makes no sense to ask for the next one. */
static bool cancel_is_over(wherry_err err) {
    return err == WHERRY_E_TIMEOUT || err == WHERRY_E_NO_BROKER || err == WHERRY_E_INTERRUPTED;
}

static int cancel_all(const struct flags *flags, wherry_connection *connection,
                      const struct ids *ids) {
    static const char *const states[] = {[WHERRY_TASK_ENDED] = "ended",
                                         [WHERRY_TASK_WAITING] = "cancelled",
                                         [WHERRY_TASK_RUNNING] = "stopping"};
    int code = CLI_DONE;
    wherry_err err = WHERRY_OK;
    json_t *rows = json_array();
    for (size_t i = 0; i < ids->count && !cancel_is_over(err); i++) {
        wherry_task_was was = WHERRY_TASK_ENDED;
        const char *id = ids->texts[i];
        err = wherry_task_cancel(connection, id, ASK_MS, &was);
        if (err == WHERRY_OK) {
            json_array_append_new(rows, json_pack("{s:s, s:s}", "id", id, "state", states[was]));
        } else {
            row_add(rows, id, err);
            code = worse(code, cli_fail(id, err, NULL));
        }
    }
    return rows_print(flags, rows, code);
}

/* ---- both ----------------------------------------------------------------------------------- */

typedef int ids_work(const struct flags *flags, wherry_connection *connection,
                     const struct ids *ids);

static int ids_run(const struct flags_program *program, const struct flags *flags,
                   ids_work *work) {
    wherry_connection *connection = NULL;
    struct ids ids;
    int code = ids_read(program, flags, &ids);
    if (code == CLI_DONE) {
        code = cli_connect(flags, &connection);
    }
    if (code == CLI_DONE) {
        cli_interruptible(connection);
        code = work(flags, connection, &ids);
        cli_interruptible(NULL);
    }
    wherry_connection_release(&connection);
    ids_fini(&ids);
    return code;
}

static int wait_run(const struct flags *flags) {
    return ids_run(&verb_wait.program, flags, wait_all);
}

static int cancel_run(const struct flags *flags) {
    return ids_run(&verb_cancel.program, flags, cancel_all);
}

const struct verb verb_wait = {
    .program = {.name = "wherry wait",
                .synopsis = "[FLAG…] ID…|-",
                .summary =
                    "Wait until all these tasks are done, and say what became of each.\n"
                    "\"-\" stands for ids from stdin, one a line or several.\n"
                    "The exit code is that of the worst: 0 all done, 7 cancelled, 1 failed,\n"
                    "3 unknown, 4 when the time is over.",
                .flags = wait_flags,
                .flag_count = WAIT_FLAGS,
                .rest_min = 1,
                .rest_max = SIZE_MAX,
                .rest_name = "ID",
                .examples = "  wherry wait $first $second && echo both are done\n"
                            "  wherry wait --timeout 30 $id    # exit 4 if it is not done then\n"
                            "  wherry wait --timeout 0 -o json $id\n"},
    .run = wait_run,
};

const struct verb verb_cancel = {
    .program = {.name = "wherry cancel",
                .synopsis = "[FLAG…] ID…|-",
                .summary =
                    "Cancel tasks: a queued one never runs (cancelled), a running one is ended by\n"
                    "SIGTERM, after 5 s by SIGKILL (stopping), one that has ended keeps its\n"
                    "outcome (ended). \"-\" stands for ids from stdin, one a line or several.\n"
                    "It returns when the broker knows; wherry wait ID tells the end (exit 7).\n"
                    "The exit code is that of the worst: 3 unknown, 6 refused, 5 no broker.",
                .flags = cancel_flags,
                .flag_count = CANCEL_FLAGS,
                .rest_min = 1,
                .rest_max = SIZE_MAX,
                .rest_name = "ID",
                .examples = "  id=$(wherry submit wherry.sleep 600); wherry cancel $id\n"
                            "  wherry ps -o json | jq -r '.[].task' | wherry cancel -\n"},
    .run = cancel_run,
};
