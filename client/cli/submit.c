/* SPDX-License-Identifier: MIT
 *
 * `wherry submit` and `wherry result`: one task, from the shell. Submitted tasks are kept: their
 * outcome stays at the broker for its time to live, and any program may ask for it by id. */
#include "client/cli/cli.h"
#include "client/cli/convert.h"
#include "client/cli/ids.h"
#include "client/cli/outcome.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ANSWER_MS = 5000 };

enum { SUBMIT_QUEUE = CLI_OWN, SUBMIT_KWARGS, SUBMIT_WAIT, SUBMIT_TIMEOUT, SUBMIT_FLAGS };

static const struct flag submit_flags[SUBMIT_FLAGS] = {
    CLI_FLAGS,
    [SUBMIT_QUEUE] = {.name = "queue",
                      .argument = "NAME",
                      .fallback = "default",
                      .help = "the queue, served by the pool of the same name"},
    [SUBMIT_KWARGS] = {.name = "kwargs",
                       .argument = "JSON",
                       .help = "keyword arguments: one JSON object"},
    [SUBMIT_WAIT] = {.name = "wait",
                     .kind = FLAG_SWITCH,
                     .help = "wait, and print the result as JSON instead of the id"},
    [SUBMIT_TIMEOUT] = {.name = "timeout",
                        .argument = "S",
                        .kind = FLAG_SECONDS,
                        .min = 0,
                        .max = INT64_C(31536000000),
                        .help = "give up after S seconds (default: never): at a full queue, and\n"
                                "with --wait for the result; the task itself goes on"},
};

enum { RESULT_TIMEOUT = CLI_OWN, RESULT_FLAGS };

static const struct flag result_flags[RESULT_FLAGS] = {
    CLI_FLAGS,
    [RESULT_TIMEOUT] = {.name = "timeout",
                        .argument = "S",
                        .kind = FLAG_SECONDS,
                        .min = 0,
                        .max = INT64_C(31536000000),
                        .help = "wait at most S seconds; 0 only looks (default: wait for it)"},
};

/* ---- arguments ------------------------------------------------------------------------------ */

static int arguments_read(char **texts, size_t count, wherry_value **out) {
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        if (json_array_append_new(list, json_from_argument(texts[i], true)) != 0) {
            json_decref(list);
            fprintf(stderr, "wherry submit: argument %zu: not UTF-8; encode it first\n", i + 1);
            return CLI_USAGE;
        }
    }
    wherry_err err = json_to_value(list, out);
    json_decref(list);
    return err == WHERRY_OK ? CLI_DONE : cli_fail("arguments", err, "nested too deep");
}

static int kwargs_read(const struct flags *flags, wherry_value **out) {
    const char *text = flags_text(flags, SUBMIT_KWARGS);
    if (text == NULL) {
        return CLI_DONE;
    }
    json_error_t error;
    json_t *json = json_loads(text, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
    if (json == NULL) {
        flags_refuse(&verb_submit.program, "kwargs", text, "line %d, column %d: %s", error.line,
                     error.column, error.text);
        return CLI_USAGE;
    }
    wherry_err err = json_is_object(json) ? json_to_value(json, out) : WHERRY_E_TYPE;
    json_decref(json);
    if (err != WHERRY_OK) {
        flags_refuse(&verb_submit.program, "kwargs", text,
                     "one JSON object is needed, e.g. '{\"width\": 640}'");
        return CLI_USAGE;
    }
    return CLI_DONE;
}

/* ---- waiting -------------------------------------------------------------------------------- */

static int outcome_print(wherry_async *async, int64_t deadline_us) {
    const wherry_value *answer = NULL;
    wherry_err err = outcome_wait(async, deadline_us, &answer);
    if (err == WHERRY_OK) {
        return cli_print_json(json_from_value(answer), 0);
    }
    if (err == WHERRY_E_TIMEOUT) {
        return outcome_late(async);
    }
    if (err == WHERRY_E_INTERRUPTED) {
        return outcome_interrupted(async);
    }
    const char *text = wherry_async_error(async);
    return cli_fail(wherry_async_id(async), err, *text != '\0' ? text : NULL);
}

/* ---- submit --------------------------------------------------------------------------------- */

static int id_print(const struct flags *flags, const char *id) {
    if (cli_json(flags)) {
        return cli_print_json(json_pack("{s:s}", "id", id), 0);
    }
    puts(id);
    return cli_flush();
}

static int submit_finish(const struct flags *flags, wherry_async *async, int64_t deadline_us) {
    /* The broker ends a wait at a full queue by itself and knows better than our clock: it is given
     * a little longer than the caller has. */
    int64_t patience_us =
        deadline_us == INT64_MAX ? INT64_MAX : deadline_us + (int64_t)ANSWER_MS * 1000;
    wherry_err err = outcome_accepted(async, patience_us);
    if (err != WHERRY_OK) {
        const char *text = wherry_async_error(async);
        return cli_fail(cli_argument(flags, 0), err, *text != '\0' ? text : NULL);
    }
    return flags_on(flags, SUBMIT_WAIT) ? outcome_print(async, deadline_us)
                                        : id_print(flags, wherry_async_id(async));
}

static int submit_send(const struct flags *flags, wherry_connection *connection,
                       const wherry_value *args, const wherry_value *kwargs) {
    int64_t deadline_us = outcome_deadline_us(flags, SUBMIT_TIMEOUT);
    int64_t wait_ms = flags_number(flags, SUBMIT_TIMEOUT);
    wherry_call_options options = {.size = sizeof options, .keep = true};
    options.wait_ms = !flags_given(flags, SUBMIT_TIMEOUT) ? WHERRY_FOREVER
                      : wait_ms > 0                       ? wait_ms
                                                          : WHERRY_NO_WAIT;
    wherry_pool *pool = NULL;
    wherry_async *async = NULL;
    const char *function = cli_argument(flags, 0);
    wherry_err err = wherry_pool_open(connection, flags_text(flags, SUBMIT_QUEUE), &pool);
    if (err == WHERRY_OK) {
        err = wherry_pool_apply_async_values(pool, function, args, kwargs, &options, &async);
    }
    int code =
        err == WHERRY_OK ? submit_finish(flags, async, deadline_us) : cli_fail(function, err, NULL);
    wherry_async_release(&async);
    wherry_pool_close(pool);
    wherry_pool_release(&pool);
    return code;
}

static int submit_run(const struct flags *flags) {
    wherry_connection *connection = NULL;
    wherry_value *args = NULL;
    wherry_value *kwargs = NULL;
    size_t count;
    char **rest = flags_rest(flags, &count);
    int code = arguments_read(rest + 1, count - 1, &args);
    if (code == CLI_DONE) {
        code = kwargs_read(flags, &kwargs);
    }
    if (code == CLI_DONE) {
        code = cli_connect(flags, &connection);
    }
    if (code == CLI_DONE) {
        cli_interruptible(connection);
        code = submit_send(flags, connection, args, kwargs);
        cli_interruptible(NULL);
    }
    wherry_connection_release(&connection);
    wherry_value_release(&kwargs);
    wherry_value_release(&args);
    return code;
}

/* ---- result --------------------------------------------------------------------------------- */

static int result_fetch(const struct flags *flags, wherry_connection *connection,
                        const char *id) {
    wherry_async *async = NULL;
    int64_t deadline_us = outcome_deadline_us(flags, RESULT_TIMEOUT);
    wherry_err err = wherry_task_attach(connection, id, &async);
    if (err == WHERRY_OK && flags_given(flags, RESULT_TIMEOUT) &&
        flags_number(flags, RESULT_TIMEOUT) == 0) {
        /* To look means to have asked: this round trip ends behind the one that brings an outcome.
         */
        free(outcome_why(async));
    }
    int code = err == WHERRY_OK ? outcome_print(async, deadline_us) : cli_fail(id, err, NULL);
    wherry_async_release(&async);
    return code;
}

static int result_run(const struct flags *flags) {
    wherry_connection *connection = NULL;
    struct ids ids;
    int code = ids_read(&verb_result.program, flags, &ids);
    if (code == CLI_DONE && ids.count != 1) {
        flags_refuse(&verb_result.program, NULL, cli_argument(flags, 0), "one id is wanted");
        code = CLI_USAGE;
    }
    if (code == CLI_DONE) {
        code = cli_connect(flags, &connection);
    }
    if (code == CLI_DONE) {
        cli_interruptible(connection);
        code = result_fetch(flags, connection, ids.texts[0]);
        cli_interruptible(NULL);
    }
    wherry_connection_release(&connection);
    ids_fini(&ids);
    return code;
}

const struct verb verb_submit = {
    .program = {.name = "wherry submit",
                .synopsis = "[FLAG…] FUNCTION [ARG…]",
                .summary = "Hand one task to the workers and print its id.\n"
                           "Each ARG is read as JSON; what is no JSON is a string.",
                .flags = submit_flags,
                .flag_count = SUBMIT_FLAGS,
                .rest_min = 1,
                .rest_max = SIZE_MAX,
                .rest_name = "FUNCTION",
                .examples = "  wherry submit --wait wherry.echo hello\n"
                            "  wherry submit resize cat.jpg '{\"width\": 640}'\n"
                            "  wherry submit --queue night --kwargs '{\"deep\": true}' scan /srv\n"
                            "  id=$(wherry submit wherry.sleep 10); wherry result $id\n"},
    .run = submit_run,
};

const struct verb verb_result = {
    .program = {.name = "wherry result",
                .synopsis = "[FLAG…] ID",
                .summary = "Print the result of a submitted task as JSON; wait for it if need be.\n"
                           "Results of `wherry submit` stay for an hour, failures for a day.",
                .flags = result_flags,
                .flag_count = RESULT_FLAGS,
                .rest_min = 1,
                .rest_max = 1,
                .rest_name = "ID",
                .examples = "  wherry result 0d3a6w8n3kq5r00001c0000001\n"
                            "  wherry result --timeout 0 $id    # only look: exit 4 if not done\n"},
    .run = result_run,
};
