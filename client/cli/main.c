/* SPDX-License-Identifier: MIT
 *
 * The `wherry` command: one table of verbs, from which come dispatch, `wherry help` and
 * did-you-mean. What a verb does and how it is called stands in its own table (cli.h). */
#include "client/cli/cli.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct verb *const verbs[] = {
    &verb_submit, &verb_result, &verb_status, &verb_pool, &verb_bench,
};

enum { VERBS = sizeof verbs / sizeof *verbs };

static const char *verb_name(const struct verb *verb) {
    return verb->program.name + strlen("wherry ");
}

static const struct verb *verb_find(const char *name) {
    for (size_t i = 0; i < VERBS; i++) {
        if (strcmp(verb_name(verbs[i]), name) == 0) {
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
        fprintf(out, "  %-8s %.*s\n", verb_name(verbs[i]), (int)strcspn(summary, "\n"), summary);
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
        names[i + 1] = verb_name(verbs[i]);
    }
    const char *near = flags_nearest(name, names, VERBS + 1);
    fprintf(stderr, "wherry: %s: no such verb%s%s%s (try wherry help)\n", name,
            near != NULL ? "; did you mean " : "", near != NULL ? near : "",
            near != NULL ? "?" : "");
    return CLI_USAGE;
}

/* Negative numbers are arguments, not flags: behind a blank getopt takes them so, and JSON does not
 * mind. */
static char *argument_shield(const char *text) {
    char *end = NULL;
    bool number = text[0] == '-' && strchr("0123456789", text[1]) != NULL && text[1] != '\0';
    if (number) {
        strtod(text, &end);
        number = *end == '\0';
    }
    char *copy = NULL;
    return asprintf(&copy, "%s%s", number ? " " : "", text) < 0 ? NULL : copy;
}

static int verb_parse(const struct verb *verb, int argc, char **argv) {
    struct flags flags;
    enum flags_outcome outcome = flags_parse(&flags, &verb->program, argc, argv);
    int code = outcome == FLAGS_SHOWN ? CLI_DONE : CLI_USAGE;
    if (outcome == FLAGS_GO) {
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
    for (int i = 0; copy != NULL && i < argc; i++) {
        free(copy[i]);
    }
    free(order);
    free(copy);
    return code;
}

static int help_run(int argc, char **argv) {
    if (argc < 2) {
        help_print(stdout);
        return cli_flush();
    }
    const struct verb *verb = verb_find(argv[1]);
    char *ask[] = {argv[1], (char[]){"--help"}, NULL};
    return verb == NULL ? unknown_verb(argv[1]) : verb_run(verb, 2, ask);
}

int main(int argc, char **argv) {
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
    if (strcmp(name, "help") == 0 || strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
        return help_run(argc - 1, argv + 1);
    }
    const struct verb *verb = verb_find(name);
    return verb == NULL ? unknown_verb(name) : verb_run(verb, argc - 1, argv + 1);
}
