/* SPDX-License-Identifier: MIT
 *
 * The `wherry` command: one table of verbs, from which come dispatch, `wherry help` and
 * did-you-mean. What a verb does and how it is called stands in its own table (cli.h). */
#include "client/cli/cli.h"
#include "client/cli/pages.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct verb *const verbs[] = {
    &verb_submit, &verb_map,   &verb_result, &verb_wait, &verb_cancel, &verb_status,
    &verb_pool,   &verb_queue, &verb_worker, &verb_ps,   &verb_dev,    &verb_backup, &verb_bench,
};

enum { VERBS = sizeof verbs / sizeof *verbs };

static const struct verb *verb_find(const char *name) {
    for (size_t i = 0; i < VERBS; i++) {
        if (strcmp(cli_verb_name(verbs[i]), name) == 0) {
            return verbs[i];
        }
    }
    return NULL;
}

static void help_print(FILE *out) {
    fputs("Usage: wherry VERB [FLAG…] [ARGUMENT…]\n\n"
          "Hand work to wherry's workers, and see what becomes of it.\n\nVerbs:\n",
          out);
    for (size_t i = 0; i < VERBS; i++) {
        const char *summary = verbs[i]->program.summary;
        fprintf(out, "  %-8s %.*s\n", cli_verb_name(verbs[i]), (int)strcspn(summary, "\n"),
                summary);
    }
    fputs(
        "  help     Show this, or the help of one verb: wherry help submit\n\n"
        "Each verb has --help with examples, --broker (else $WHERRY_BROKER) and -o table|json.\n\n"
        "Exit codes: 0 done, 1 failed, 2 usage, 3 not found, 4 timeout, 5 no broker,\n"
        "            6 refused, full or closed, 7 cancelled or expired\n",
        out);
}

static int unknown_verb(const char *name) {
    const char *names[VERBS + 1] = {"help"};
    for (size_t i = 0; i < VERBS; i++) {
        names[i + 1] = cli_verb_name(verbs[i]);
    }
    const char *near = flags_nearest(name, names, VERBS + 1);
    fprintf(stderr, "wherry: %s: no such verb%s%s%s (try wherry help)\n", name,
            near != NULL ? "; did you mean " : "", near != NULL ? near : "",
            near != NULL ? "?" : "");
    return CLI_USAGE;
}

/* Negative numbers are arguments, not flags: behind a blank getopt takes them so. The byte before
 * the text says whether the blank is ours. */
static char *argument_shield(const char *text) {
    char *end = NULL;
    bool number = text[0] == '-' && strchr("0123456789", text[1]) != NULL && text[1] != '\0';
    if (number) {
        strtod(text, &end);
        number = *end == '\0';
    }
    char *copy = NULL;
    if (asprintf(&copy, "%c%s%s", number ? '-' : '+', number ? " " : "", text) < 0) {
        return NULL;
    }
    return copy + 1;
}

static void arguments_unshield(const struct flags *flags) {
    size_t count;
    char **rest = flags_rest(flags, &count);
    for (size_t i = 0; i < count; i++) {
        rest[i] += rest[i][-1] == '-' ? 1 : 0;
    }
}

static int verb_parse(const struct verb *verb, int argc, char **argv) {
    struct flags flags;
    enum flags_outcome outcome = flags_parse(&flags, &verb->program, argc, argv);
    int code = outcome == FLAGS_SHOWN ? cli_flush() : CLI_USAGE;
    if (outcome == FLAGS_GO) {
        arguments_unshield(&flags);
        const char *format = flags_text(&flags, CLI_OUTPUT);
        if (strcmp(format, "table") != 0 && strcmp(format, "json") != 0) {
            flags_refuse(&verb->program, "output", format, "table or json");
        } else {
            code = verb->run(&flags);
        }
    }
    flags_fini(&flags);
    return code;
}

/* argv[0] is the verb. */
static int verb_run(const struct verb *verb, int argc, char **argv) {
    char **copy = calloc((size_t)argc + 1, sizeof *copy);
    bool whole = copy != NULL;
    for (int i = 0; whole && i < argc; i++) {
        copy[i] = argument_shield(argv[i]);
        whole = copy[i] != NULL;
    }
    char **order = NULL; /* getopt reorders what it is given */
    if (whole && (order = calloc((size_t)argc + 1, sizeof *order)) != NULL) {
        memcpy(order, copy, (size_t)argc * sizeof *order);
    }
    int code = order != NULL ? verb_parse(verb, argc, order)
                             : cli_fail("start", WHERRY_E_NO_MEMORY, "no memory");
    for (int i = 0; copy != NULL && i < argc && copy[i] != NULL; i++) {
        free(copy[i] - 1);
    }
    free(order);
    free(copy);
    return code;
}

static bool help_asked(const char *name) {
    return strcmp(name, "help") == 0 || strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0;
}

static int help_run(int argc, char **argv) {
    if (argc < 2 || help_asked(argv[1])) {
        help_print(stdout);
        return cli_flush();
    }
    const struct verb *verb = verb_find(argv[1]);
    char *ask[] = {argv[1], (char[]){"--help"}, NULL};
    return verb == NULL ? unknown_verb(argv[1]) : verb_run(verb, 2, ask);
}

/* Whoever started us with stdout closed must not find our output in a socket that got its number:
 * the number is taken, and writing to it fails. */
static void standard_files_take(void) {
    int file = 0;
    while (file >= 0 && file <= STDERR_FILENO) {
        file = open("/dev/null", O_RDONLY | O_CLOEXEC);
    }
    if (file >= 0) {
        close(file);
    }
}

int main(int argc, char **argv) {
    standard_files_take();
    signal(SIGPIPE, SIG_IGN); /* a closed stdout is an error that we report */
    if (argc < 2) {
        help_print(stderr);
        return CLI_USAGE;
    }
    const char *name = argv[1];
    if (strcmp(name, "--version") == 0) {
        puts("wherry " WHERRY_VERSION);
        return cli_flush();
    }
    if (help_asked(name)) {
        return help_run(argc - 1, argv + 1);
    }
    int code = pages_asked(name, verbs, VERBS);
    if (code != PAGES_NOT_ASKED) {
        return code;
    }
    const struct verb *verb = verb_find(name);
    code = verb == NULL ? unknown_verb(name) : verb_run(verb, argc - 1, argv + 1);
    cli_interrupted_end();
    return code;
}
