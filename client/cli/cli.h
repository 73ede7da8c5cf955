/* SPDX-License-Identifier: MIT
 *
 * What all verbs of the `wherry` command share: their table entry, their exit codes, their two
 * common flags, and the one way to say that something went wrong.
 *
 *     wherry VERB [FLAG…] [ARGUMENT…]
 *
 * A verb is a flags_program (name, arguments, help, examples, flags) and a function; the table of
 * verbs in main.c makes parsing, `wherry help`, each `--help` and did-you-mean. Whatever fails
 * becomes one line on stderr: what, why, what to do. */
#ifndef CLI_H
#define CLI_H

#include "common/flags.h"

#include <jansson.h>
#include <stdio.h>
#include <wherry.h>

enum cli_exit {
    CLI_DONE = 0,
    CLI_FAILED = 1, /* the function failed, or its process died too often */
    CLI_USAGE = 2,
    CLI_NOT_FOUND = 3,
    CLI_TIMEOUT = 4,
    CLI_NO_BROKER = 5,
    CLI_REFUSED = 6,   /* refused, full, or closed */
    CLI_CANCELLED = 7, /* cancelled or expired */
};

struct verb {
    struct flags_program program;
    int (*run)(const struct flags *flags); /* returns an enum cli_exit */
};

/* "map": without the "wherry " of the table. */
const char *cli_verb_name(const struct verb *verb);

extern const struct verb verb_submit;
extern const struct verb verb_result;
extern const struct verb verb_wait;
extern const struct verb verb_cancel;
extern const struct verb verb_map;
extern const struct verb verb_status;
extern const struct verb verb_pool;
extern const struct verb verb_queue;
extern const struct verb verb_worker;
extern const struct verb verb_ps;
extern const struct verb verb_dev;
extern const struct verb verb_backup;
extern const struct verb verb_bench;

/* The flags that every verb has, at the start of its table; its own begin at CLI_OWN. */
enum { CLI_BROKER, CLI_OUTPUT, CLI_OWN };
#define CLI_FLAGS                                                                                  \
    [CLI_BROKER] = {.name = "broker",                                                              \
                    .argument = "ADDRESSES",                                                       \
                    .environment = "WHERRY_BROKER",                                                \
                    .help = "tcp://host:7380, ipc://path, several with commas"},                   \
    [CLI_OUTPUT] = {.name = "output",                                                              \
                    .letter = 'o',                                                                 \
                    .argument = "table|json",                                                      \
                    .fallback = "table",                                                           \
                    .help = "for people, or for programs"}

/* The at-th argument that is no flag, NULL beyond the last. */
const char *cli_argument(const struct flags *flags, size_t at);

/* True for -o json; usage errors were refused before the verb ran. */
bool cli_json(const struct flags *flags);

/* 0, or the exit code after one line on stderr. The caller releases the connection. */
int cli_connect(const struct flags *flags, wherry_connection **out);
/* The same for who only wants to see: a broker that still reads its store is told of at once. */
int cli_connect_to_look(const struct flags *flags, wherry_connection **out);

/* From here on the first SIGINT or SIGTERM ends a wait on `connection` with INTERRUPTED, so that
 * the verb can say what goes on without it and clear up; a second one kills. NULL: before the
 * release. */
void cli_interruptible(wherry_connection *connection);
/* Whether a signal came. */
bool cli_interrupted(void);
/* Ends by the signal that came, so that a shell sees it; returns if none did. */
void cli_interrupted_end(void);

/* Prints a text of somebody else's: what would steer a terminal becomes '?'. */
void cli_put(FILE *out, const char *text);

int cli_exit_of(wherry_err err);
/* Prints `wherry: WHAT: TEXT; HINT` and returns the exit code of `err`. text NULL: the thread's
 * last error. */
int cli_fail(const char *what, wherry_err err, const char *text);

/* Prints one JSON text and a newline; takes the reference. Returns an exit code: FAILED when stdout
 * takes no more. */
int cli_print_json(json_t *json, size_t json_flags);
/* Flushes stdout: CLI_DONE, or CLI_FAILED after one line on stderr. */
int cli_flush(void);

#endif
