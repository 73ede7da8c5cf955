/* SPDX-License-Identifier: MIT
 *
 * Connections, errors and output for every verb. The hints say what to do next; the cause itself
 * comes from the library or the broker and is not repeated here. */
#include "client/cli/cli.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool cli_json(const struct flags *flags) {
    return strcmp(flags_text(flags, CLI_OUTPUT), "json") == 0;
}

const char *cli_verb_name(const struct verb *verb) {
    return verb->program.name + strlen("wherry ");
}

const char *cli_argument(const struct flags *flags, size_t at) {
    size_t count;
    char **rest = flags_rest(flags, &count);
    return at < count ? rest[at] : NULL;
}

static int connect_with(const struct flags *flags, bool no_restore_wait, wherry_connection **out) {
    wherry_connect_options options = {
        .size = sizeof options, .label = "wherry", .no_restore_wait = no_restore_wait};
    wherry_err err = wherry_connect(flags_text(flags, CLI_BROKER), &options, out);
    return err == WHERRY_OK ? CLI_DONE : cli_fail("no connection", err, NULL);
}

int cli_connect(const struct flags *flags, wherry_connection **out) {
    return connect_with(flags, false, out);
}

int cli_connect_to_look(const struct flags *flags, wherry_connection **out) {
    return connect_with(flags, true, out);
}

/* ---- signals -------------------------------------------------------------------------------- */

static _Atomic(wherry_connection *) interruptible; /* a handler is given nothing else */
static volatile sig_atomic_t interrupted_by;

static void on_interrupt(int number) {
    interrupted_by = number;
    wherry_interrupt(interruptible);
}

void cli_interruptible(wherry_connection *connection) {
    interruptible = connection;
    struct sigaction action = {.sa_handler = on_interrupt, .sa_flags = (int)SA_RESETHAND};
    static const int numbers[] = {SIGINT, SIGTERM};
    for (size_t i = 0; i < 2; i++) {
        struct sigaction before;
        sigaction(numbers[i], NULL, &before);
        if (connection == NULL && before.sa_handler == on_interrupt) {
            signal(numbers[i], SIG_DFL);
        } else if (connection != NULL && before.sa_handler == SIG_DFL) {
            sigaction(numbers[i], &action, NULL); /* but not where a shell wants them ignored */
        }
    }
}

bool cli_interrupted(void) {
    return interrupted_by != 0;
}

void cli_interrupted_end(void) {
    if (interrupted_by != 0) {
        signal(interrupted_by, SIG_DFL);
        raise(interrupted_by);
    }
}

/* ---- output --------------------------------------------------------------------------------- */

void cli_put(FILE *out, const char *text) {
    for (const char *at = text; *at != '\0'; at++) {
        bool steers =
            ((unsigned char)*at < ' ' && *at != '\n' && *at != '\t') || *at == 0x7f ||
            (*at == '\xc2' && (unsigned char)at[1] >= 0x80 && (unsigned char)at[1] < 0xa0);
        fputc(steers ? '?' : *at, out);
        at += steers && *at == '\xc2' ? 1 : 0;
    }
}

int cli_exit_of(wherry_err err) {
    switch (err) {
    case WHERRY_OK:
        return CLI_DONE;
    case WHERRY_E_INVALID:
    case WHERRY_E_TYPE:
        return CLI_USAGE;
    case WHERRY_E_UNKNOWN:
    case WHERRY_E_NO_FUNCTION:
    case WHERRY_E_EMPTY:
        return CLI_NOT_FOUND;
    case WHERRY_E_TIMEOUT:
    case WHERRY_E_NOT_READY:
    case WHERRY_E_BUSY:
        return CLI_TIMEOUT;
    case WHERRY_E_NO_BROKER:
    case WHERRY_E_RESTORING:
        return CLI_NO_BROKER;
    case WHERRY_E_FULL:
    case WHERRY_E_RESULTS_FULL:
    case WHERRY_E_TOO_LARGE:
    case WHERRY_E_CLOSED:
    case WHERRY_E_REFUSED:
    case WHERRY_E_PROTOCOL:
    case WHERRY_E_STORE_FULL:
    case WHERRY_E_DRAINING:
    case WHERRY_E_LIMIT:
        return CLI_REFUSED;
    case WHERRY_E_CANCELLED:
    case WHERRY_E_EXPIRED:
        return CLI_CANCELLED;
    case WHERRY_E_TASK_FAILED:
    case WHERRY_E_WORKER_LOST:
    case WHERRY_E_LOST:
    case WHERRY_E_UNCERTAIN:
    case WHERRY_E_SESSION_LOST:
    case WHERRY_E_NO_MEMORY:
    case WHERRY_E_INTERRUPTED:
    case WHERRY_E_FORKED:
    case WHERRY_E_END:
    case WHERRY_E_SYSTEM:
    case WHERRY_E_RETRY:
    case WHERRY_E_RENUMBERED:
        return CLI_FAILED;
    }
    return CLI_FAILED;
}

static const char *hint(wherry_err err) {
    static const struct {
        wherry_err err;
        const char *text;
    } hints[] = {
        {WHERRY_E_NO_BROKER,
         "start wherry-broker or wherry dev, or name yours with --broker or WHERRY_BROKER"},
        {WHERRY_E_FULL, "try again later, or wait for room with --timeout"},
        {WHERRY_E_RESULTS_FULL, "fetch results that are waiting, then try again"},
        {WHERRY_E_TOO_LARGE, "pass a path or a smaller argument"},
        {WHERRY_E_STORE_FULL, "free space where the broker's store lies"},
        {WHERRY_E_DRAINING, "the broker is going down; try again when it is back"},
        {WHERRY_E_RESTORING, "it serves when that is done"},
        {WHERRY_E_UNCERTAIN, "ask for its id with `wherry result` when the broker is back"},
    };
    for (size_t i = 0; i < sizeof hints / sizeof *hints; i++) {
        if (hints[i].err == err) {
            return hints[i].text;
        }
    }
    return NULL;
}

int cli_fail(const char *what, wherry_err err, const char *text) {
    const char *cause = text != NULL ? text : wherry_last_error();
    const char *next = hint(err);
    fflush(stdout);
    fputs("wherry: ", stderr);
    cli_put(stderr, what);
    fputs(": ", stderr);
    cli_put(stderr, *cause != '\0' ? cause : wherry_err_text(err));
    fprintf(stderr, "%s%s\n", next != NULL ? "; " : "", next != NULL ? next : "");
    return cli_exit_of(err);
}

int cli_flush(void) {
    if (fflush(stdout) == 0 && !ferror(stdout)) {
        return CLI_DONE;
    }
    fprintf(stderr, "wherry: cannot write the output: %s\n", strerror(errno));
    return CLI_FAILED;
}

int cli_print_json(json_t *json, size_t json_flags) {
    char *text = json == NULL ? NULL : json_dumps(json, json_flags | JSON_ENCODE_ANY);
    json_decref(json);
    if (text == NULL) {
        fputs("wherry: no memory for the output\n", stderr);
        return CLI_FAILED;
    }
    puts(text);
    free(text);
    return cli_flush();
}
