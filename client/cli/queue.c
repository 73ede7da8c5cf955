/* SPDX-License-Identifier: MIT
 *
 * `wherry queue`: what there is, one of it, its bounds, its pauses, and its purge. */
#include "client/cli/actions.h"
#include "client/cli/ask.h"
#include "common/capacity.h"
#include "common/name.h"

#include <stdio.h>
#include <string.h>

enum { QUEUE_IN = CLI_OWN, QUEUE_OUT, QUEUE_REFUSE, QUEUE_FLAGS };

static const struct flag queue_flags[QUEUE_FLAGS] = {
    CLI_FLAGS,
    [QUEUE_IN] = {.name = "in",
                  .kind = FLAG_SWITCH,
                  .help = "pause, resume: the way in; submits wait as at a full queue"},
    [QUEUE_OUT] = {.name = "out",
                   .kind = FLAG_SWITCH,
                   .help = "pause, resume: the way out; nothing is handed to workers\n"
                           "(default: pause out, resume everything)"},
    [QUEUE_REFUSE] = {.name = "refuse",
                      .kind = FLAG_SWITCH,
                      .help = "pause: the way in; submits fail at once (exit 6)"},
};

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

/* What stands behind the name. */
static bool queue_bounds(const struct flags *flags, struct capacity *out) {
    char why[CAPACITY_WHY];
    const char *text;
    *out = (struct capacity){0, 0};
    for (size_t i = 2; (text = cli_argument(flags, i)) != NULL; i++) {
        if (!capacity_read(text, out, why)) {
            flags_refuse(&verb_queue.program, NULL, text, "%s", why);
            return false;
        }
    }
    return true;
}

static int queue_set(const struct flags *flags, wherry_connection *connection) {
    const char *name = cli_argument(flags, 1);
    struct capacity bounds;
    if (!queue_bounds(flags, &bounds)) {
        return CLI_USAGE;
    }
    wherry_err err =
        wherry_queue_set(connection, name, bounds.items_max, bounds.bytes_max, ACTIONS_ASK_MS);
    return err == WHERRY_OK ? queue_show(flags, connection) : cli_fail(name, err, NULL);
}

/* ---- pauses --------------------------------------------------------------------------------- */

/* The ways that the flags name. */
static unsigned queue_ways(const struct flags *flags) {
    return (flags_on(flags, QUEUE_IN) ? (unsigned)WHERRY_PAUSE_IN : 0) |
           (flags_on(flags, QUEUE_OUT) ? (unsigned)WHERRY_PAUSE_OUT : 0) |
           (flags_on(flags, QUEUE_REFUSE) ? (unsigned)WHERRY_PAUSE_REFUSE : 0);
}

static int queue_pause(const struct flags *flags, wherry_connection *connection) {
    const char *name = cli_argument(flags, 1);
    unsigned ways = queue_ways(flags);
    wherry_err err = wherry_queue_pause(connection, name, ways != 0 ? ways : WHERRY_PAUSE_OUT,
                                        ACTIONS_ASK_MS);
    return err == WHERRY_OK ? queue_show(flags, connection) : cli_fail(name, err, NULL);
}

static int queue_resume(const struct flags *flags, wherry_connection *connection) {
    const char *name = cli_argument(flags, 1);
    wherry_err err = wherry_queue_resume(connection, name, queue_ways(flags), ACTIONS_ASK_MS);
    return err == WHERRY_OK ? queue_show(flags, connection) : cli_fail(name, err, NULL);
}

/* It may take a while, and must not be given up half way because of that. */
static int queue_purge(const struct flags *flags, wherry_connection *connection) {
    static const struct column columns[] = {
        {"QUEUE", "name", COLUMN_TEXT},
        {"PURGED", "purged", COLUMN_COUNT},
    };
    const char *name = cli_argument(flags, 1);
    uint64_t count = 0;
    wherry_err err = wherry_queue_purge(connection, name, WHERRY_FOREVER, &count);
    if (err == WHERRY_E_INTERRUPTED) {
        return cli_fail(name, err, "interrupted; the broker goes on with it");
    }
    if (err != WHERRY_OK) {
        return cli_fail(name, err, NULL);
    }
    json_t *row = json_pack("{s:s, s:I}", "name", name, "purged", (json_int_t)count);
    return cli_json(flags) ? cli_print_json(row, 0)
                           : rows_show(flags, columns, sizeof columns / sizeof *columns,
                                       json_pack("[o]", row));
}

/* Flags that the action has no use for are a slip, and so are those that contradict each other. */
static bool queue_flags_fit(const struct flags *flags) {
    const char *action = cli_argument(flags, 0);
    bool pause = strcmp(action, "pause") == 0;
    bool resume = strcmp(action, "resume") == 0;
    static const size_t ways[] = {QUEUE_IN, QUEUE_OUT, QUEUE_REFUSE};
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        const char *name = queue_flags[ways[i]].name;
        if (flags_on(flags, ways[i]) && !pause && (!resume || ways[i] == QUEUE_REFUSE)) {
            flags_refuse(&verb_queue.program, name, NULL, "%s has no such flag", action);
            return false;
        }
    }
    if (flags_on(flags, QUEUE_IN) && flags_on(flags, QUEUE_REFUSE)) {
        flags_refuse(&verb_queue.program, "refuse", NULL, "submits wait (--in) or are refused");
        return false;
    }
    return true;
}

/* Whatever is wrong without asking anybody. */
static bool queue_fits(const struct flags *flags) {
    const char *name = cli_argument(flags, 1);
    struct capacity bounds;
    if (name != NULL && !name_ok(span_of_text(name))) {
        flags_refuse(&verb_queue.program, NULL, name,
                     "no name of a queue: 1 to 128 of A-Z a-z 0-9 . _ { } - are expected");
        return false;
    }
    return queue_flags_fit(flags) && queue_bounds(flags, &bounds);
}

static int queue_run(const struct flags *flags) {
    static const struct action actions[] = {
        {"ls", 0, 0, "no argument", queue_list},
        {"show", 1, 1, "a NAME", queue_show},
        {"set", 2, 3, "a NAME and max=N,bytes=SIZE", queue_set},
        {"pause", 1, 1, "a NAME", queue_pause},
        {"resume", 1, 1, "a NAME", queue_resume},
        {"purge", 1, 1, "a NAME", queue_purge},
    };
    return actions_run(flags, &verb_queue.program, actions, sizeof actions / sizeof *actions,
                       queue_fits);
}

const struct verb verb_queue = {
    .program = {.name = "wherry queue",
                .synopsis = "[FLAG…] ls | show NAME | set NAME max=N,bytes=SIZE | pause NAME | "
                            "resume NAME | purge NAME",
                .summary =
                    "List the queues, show one, set its bounds, pause it or resume it.\n"
                    "set makes the queue if need be; \"default\" takes a bound back.\n"
                    "Paused, a queue hands nothing out: what runs goes on, what has not begun\n"
                    "goes back. --in and --refuse pause the way in.\n"
                    "Each shows the queue as it is then.\n"
                    "purge ends all tasks that wait, as cancelled (exit 7 of whoever waits for\n"
                    "them), and says how many; what runs goes on.",
                .flags = queue_flags,
                .flag_count = QUEUE_FLAGS,
                .rest_min = 1,
                .rest_max = 4,
                .rest_name = "ls, show, set, pause, resume and purge",
                .examples = "  wherry queue ls\n"
                            "  wherry queue show default -o json\n"
                            "  wherry queue set night max=5000,bytes=1G\n"
                            "  wherry queue set night max=default\n"
                            "  wherry queue pause night     # then: wherry queue resume night\n"
                            "  wherry queue pause --refuse --out night\n"
                            "  wherry queue purge night -o json | jq .purged\n"},
    .run = queue_run,
};
