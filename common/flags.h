/* SPDX-License-Identifier: MIT
 *
 * Command lines: one table a program (or verb of `wherry`), from which come the parsing, `--help`,
 * `--version` and the refusals.
 *
 *     enum { FLAG_LISTEN, FLAG_LIMIT, FLAG_COUNT };
 *     static const struct flag table[FLAG_COUNT] = {
 *         [FLAG_LISTEN] = {.name = "listen", .argument = "ENDPOINT", .repeatable = true,
 *                          .fallback = "tcp://127.0.0.1:7380", .help = "where to listen"},
 *         [FLAG_LIMIT] = {.name = "memory-limit", .kind = FLAG_SIZE, .argument = "SIZE", .min = 1,
 *                         .help = "most memory for payloads (default: 60 % of the machine)"},
 *     };
 *     switch (flags_parse(&flags, &program, argc, argv)) {
 *     case FLAGS_SHOWN: return 0;
 *     case FLAGS_WRONG: return 2;
 *     case FLAGS_GO: break;
 *     }
 *
 * Whatever is wrong becomes one line on stderr that names the program, the flag, the cause and
 * what to do: `wherry-broker: --listn: no such flag; did you mean --listen? (try --help)`.
 *
 * A value comes from the command line, else from the flag's environment variable, else from what
 * `more` puts (a configuration file), else it is the fallback. -h, --help and --version exist
 * always, and --manual and --completion (manual.h). Texts borrow argv, the environment and the
 * table. */
#ifndef WHERRY_FLAGS_H
#define WHERRY_FLAGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum flag_kind {
    FLAG_TEXT,
    FLAG_SWITCH,  /* no argument */
    FLAG_NUMBER,  /* an integer within min … max */
    FLAG_SIZE,    /* bytes within min … max: "65536", "64K", "1.5G" (powers of 1,024) */
    FLAG_SECONDS, /* "10", "0.5", also "200ms", "2m", "1h"; in milliseconds within min … max */
};

struct flag {
    const char *name;        /* without dashes */
    char letter;             /* 0: none */
    const char *argument;    /* what --help calls it; NULL for switches */
    enum flag_kind kind;
    bool repeatable;         /* else a second one is refused */
    bool hidden;             /* not in --help */
    int64_t min;             /* numbers; both 0: from 0 without end (SIZE, SECONDS), any (NUMBER) */
    int64_t max;
    const char *environment; /* NULL: none */
    const char *fallback;    /* NULL: none; parsed like an argument */
    const char *example;     /* for a configuration file, where there is no fallback */
    bool (*check)(const char *text); /* NULL, or: false with its cause in wherry_last_error() */
    const char *help;        /* lines, separated by \n; at its end: (default: …) gets its own */
};

enum flags_outcome {
    FLAGS_GO,
    FLAGS_SHOWN, /* --help or --version was printed: exit 0 */
    FLAGS_WRONG, /* one line was printed: exit 2 */
};

struct flags;

struct flags_program {
    const char *name;     /* "wherry-broker", "wherry submit" */
    const char *synopsis; /* "[FLAG…] FUNCTION [ARG…]" */
    const char *summary;  /* what it does, a line or two */
    const struct flag *flags;
    size_t flag_count;
    const char *examples;    /* whole lines; NULL: none */
    const char *after;       /* printed at the end of --help (exit codes, verbs…); NULL: none */
    const char *page;        /* of the manual; NULL: the name with dashes for blanks */
    const char *see_also;    /* of the manual page; NULL: none */
    size_t rest_min;         /* arguments that are no flags */
    size_t rest_max;         /* SIZE_MAX: any number */
    const char *rest_name;   /* "FUNCTION": for the refusal when one is missing */
    bool stop_at_rest;       /* the first argument that is no flag ends the flags */
    /* NULL, or: puts values by flags_put, for flags that are not given yet. */
    enum flags_outcome (*more)(struct flags *flags);
};

struct flags { /* private */
    const struct flags_program *program;
    struct flag_value *values;
    size_t value_count;
    size_t value_capacity;
    bool *given;
    char **copies; /* of the texts that were put */
    size_t copy_count;
    char **rest;
    size_t rest_count;
    bool dashed;
};

enum flags_outcome flags_parse(struct flags *flags, const struct flags_program *program, int argc,
                               char **argv);
void flags_fini(struct flags *flags);

/* Inside `more`: one more value of a flag; a text is copied. NULL: taken, or checked only, because
 * the flag was given; else the cause, for the file's reader to print. */
const char *flags_put(struct flags *flags, size_t at, const char *text);

/* `at` is the index in the table. */
bool flags_given(const struct flags *flags, size_t at); /* on the command line or by environment */
size_t flags_count(const struct flags *flags, size_t at);
const char *flags_text(const struct flags *flags, size_t at); /* the first; NULL: no value at all */
const char *flags_text_at(const struct flags *flags, size_t at, size_t which);
bool flags_on(const struct flags *flags, size_t at);
int64_t flags_number(const struct flags *flags, size_t at); /* NUMBER, SIZE, SECONDS; 0: no value */
/* What is left of argv, in order; a "--" is gone. */
char **flags_rest(const struct flags *flags, size_t *count);
/* Whether a "--" stood before all of them. */
bool flags_dashed(const struct flags *flags);

/* For what the table cannot check: prints `NAME: --FLAG VALUE: cause (try --help)` and returns
 * FLAGS_WRONG. flag: without dashes; NULL: no flag is to blame. */
enum flags_outcome flags_refuse(const struct flags_program *program, const char *flag,
                                const char *value, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* The candidate nearest to `word` (for "did you mean"), NULL if none is near. */
const char *flags_nearest(const char *word, const char *const *candidates, size_t count);

/* "64K", "1.5G", "100": false: not a size. */
bool flags_read_size(const char *text, int64_t *out);

#endif
