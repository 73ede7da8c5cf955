/* SPDX-License-Identifier: MIT
 *
 * Command lines by getopt_long, driven by a table; see flags.h. getopt_long does the cutting
 * (order, `--name=value`, clustered letters, unique abbreviations); every judgement and every word
 * to the user is ours, because its own messages say neither the cause nor what to do.
 *
 * Values are kept in one list in order of arrival: a flag's values are few, and a scan of a few
 * dozen entries needs no index. */
#include "common/flags_parts.h"

#include "common/check.h"
#include "common/manual.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    OPTION_BASE = 256, /* getopt's value of flag n is OPTION_BASE + n: beyond every letter */
    OPTION_HELP = 1,
    OPTION_VERSION = 2,
    OPTION_MANUAL = 3,
    OPTION_COMPLETION = 4,
};

struct flag_value {
    size_t at;
    const char *text;
    int64_t number;
};

/* ---- values ---------------------------------------------------------------------------------- */

static void value_keep(struct flags *flags, struct flag_value value) {
    if (flags->value_count == flags->value_capacity) {
        flags->value_capacity = flags->value_capacity * 2 + 16;
        flags->values = realloc(flags->values, flags->value_capacity * sizeof *flags->values);
        CHECK(flags->values != NULL);
    }
    flags->values[flags->value_count++] = value;
}

static enum flags_outcome value_add(struct flags *flags, size_t at, const char *text) {
    const struct flag *flag = &flags->program->flags[at];
    struct flag_value value = {at, text, flag->kind == FLAG_SWITCH};
    const char *cause = text != NULL ? flag_judge(flag, text, &value.number) : NULL;
    if (cause != NULL) {
        return flags_refuse(flags->program, flag->name, text, "%s", cause);
    }
    value_keep(flags, value);
    return FLAGS_GO;
}

const char *flags_put(struct flags *flags, size_t at, const char *text) {
    struct flag_value value = {at, NULL, 0};
    const char *cause = flag_judge(&flags->program->flags[at], text, &value.number);
    if (cause != NULL || flags->given[at]) {
        return cause;
    }
    flags->copies = realloc(flags->copies, (flags->copy_count + 1) * sizeof *flags->copies);
    CHECK(flags->copies != NULL);
    value.text = flags->copies[flags->copy_count++] = strdup(text);
    CHECK(value.text != NULL);
    value_keep(flags, value);
    return NULL;
}

static enum flags_outcome value_take(struct flags *flags, size_t at, const char *text) {
    const struct flag *flag = &flags->program->flags[at];
    if (flags->given[at] && !flag->repeatable && flag->kind != FLAG_SWITCH) {
        return flags_refuse(flags->program, flag->name, text, "given twice");
    }
    if (flags->given[at] && flag->kind == FLAG_SWITCH) {
        return FLAGS_GO;
    }
    flags->given[at] = true;
    return value_add(flags, at, text);
}

/* ---- parsing --------------------------------------------------------------------------------- */

struct parse { /* what getopt_long wants to see */
    struct option *longs;
    char letters[2 * 64 + 4];
};

static void parse_init(struct parse *parse, const struct flags_program *program) {
    size_t used = 0;
    parse->longs = calloc(program->flag_count + 5, sizeof *parse->longs);
    CHECK(parse->longs != NULL && program->flag_count <= 64);
    if (program->stop_at_rest) {
        parse->letters[used++] = '+';
    }
    parse->letters[used++] = ':';
    for (size_t i = 0; i < program->flag_count; i++) {
        const struct flag *flag = &program->flags[i];
        int has_argument = flag->kind == FLAG_SWITCH ? no_argument : required_argument;
        parse->longs[i] = (struct option){flag->name, has_argument, NULL, OPTION_BASE + (int)i};
        if (flag->letter != 0) {
            parse->letters[used++] = flag->letter;
            parse->letters[used++] = flag->kind == FLAG_SWITCH ? '\0' : ':';
            used -= flag->kind == FLAG_SWITCH;
        }
    }
    parse->letters[used++] = 'h';
    parse->letters[used] = '\0';
    size_t at = program->flag_count;
    parse->longs[at++] = (struct option){"help", no_argument, NULL, OPTION_HELP};
    parse->longs[at++] = (struct option){"version", no_argument, NULL, OPTION_VERSION};
    parse->longs[at++] = (struct option){"manual", no_argument, NULL, OPTION_MANUAL};
    parse->longs[at] = (struct option){"completion", no_argument, NULL, OPTION_COMPLETION};
}

/* The index of the flag with this getopt value (letter or OPTION_BASE + n), or SIZE_MAX. */
static size_t flag_of_option(const struct flags_program *program, int option) {
    if (option >= OPTION_BASE) {
        return (size_t)(option - OPTION_BASE);
    }
    for (size_t i = 0; i < program->flag_count; i++) {
        if (program->flags[i].letter != 0 && program->flags[i].letter == option) {
            return i;
        }
    }
    return SIZE_MAX;
}

static enum flags_outcome refuse_option(const struct flags_program *program, bool missing,
                                        char **argv) {
    size_t at = optopt != 0 ? flag_of_option(program, optopt) : SIZE_MAX;
    const char *word = optind > 0 ? argv[optind - 1] : "";
    if (missing && at != SIZE_MAX) {
        const struct flag *flag = &program->flags[at];
        return flags_refuse(program, flag->name, NULL, "needs a value: --%s %s", flag->name,
                            flag->argument);
    }
    bool known = optopt >= OPTION_HELP && optopt <= OPTION_COMPLETION;
    if (at != SIZE_MAX || known) {
        return flags_refuse(program, NULL, word, "this flag takes no value");
    }
    if (optopt != 0) {
        const char text[3] = {'-', (char)optopt, '\0'};
        return flags_refuse(program, NULL, text, "no such flag");
    }
    return flags_refuse_unknown(program, word + strspn(word, "-"));
}

/* How many arguments follow the first "--"; SIZE_MAX without one. To be asked before getopt puts
 * them in order. */
static size_t parse_dashes(int argc, char **argv) {
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--") == 0) {
            return (size_t)(argc - i - 1);
        }
    }
    return SIZE_MAX;
}

/* What every program can say of itself; false: something else is asked. */
static bool parse_show(const struct flags_program *program, int option) {
    switch (option) {
    case OPTION_HELP:
    case 'h':
        flags_help(program);
        return true;
    case OPTION_VERSION:
        printf("%s %s\n", program->name, WHERRY_VERSION);
        return true;
    case OPTION_MANUAL:
        manual_begin(program);
        manual_end(program, program->see_also);
        return true;
    case OPTION_COMPLETION:
        completion_print(program);
        return true;
    default:
        return false;
    }
}

static enum flags_outcome parse_arguments(struct flags *flags, const struct parse *parse, int argc,
                                          char **argv) {
    const struct flags_program *program = flags->program;
    enum flags_outcome outcome = FLAGS_GO;
    size_t dashed = parse_dashes(argc, argv);
    optind = 0; /* glibc: begin afresh */
    opterr = 0;
    while (outcome == FLAGS_GO) {
        optopt = 0;
        int option = getopt_long(argc, argv, parse->letters, parse->longs, NULL);
        if (option == -1) {
            break;
        }
        if (parse_show(program, option)) {
            return FLAGS_SHOWN;
        }
        outcome = option == '?' || option == ':'
                      ? refuse_option(program, option == ':', argv)
                      : value_take(flags, flag_of_option(program, option), optarg);
    }
    flags->rest = argv + optind;
    flags->rest_count = (size_t)(argc - optind);
    flags->dashed = flags->rest_count == dashed;
    return outcome;
}

static enum flags_outcome parse_environment(struct flags *flags) {
    enum flags_outcome outcome = FLAGS_GO;
    for (size_t i = 0; i < flags->program->flag_count && outcome == FLAGS_GO; i++) {
        const struct flag *flag = &flags->program->flags[i];
        const char *text = flag->environment != NULL ? getenv(flag->environment) : NULL;
        if (!flags->given[i] && text != NULL && text[0] != '\0') {
            outcome = value_add(flags, i, text);
            flags->given[i] = true;
        }
    }
    return outcome;
}

static enum flags_outcome parse_fallbacks(struct flags *flags) {
    enum flags_outcome outcome = FLAGS_GO;
    for (size_t i = 0; i < flags->program->flag_count && outcome == FLAGS_GO; i++) {
        const char *fallback = flags->program->flags[i].fallback;
        if (fallback != NULL && flags_count(flags, i) == 0) {
            outcome = value_add(flags, i, fallback);
        }
    }
    return outcome;
}

static enum flags_outcome parse_absent(struct flags *flags) {
    enum flags_outcome outcome = parse_environment(flags);
    if (outcome == FLAGS_GO && flags->program->more != NULL) {
        outcome = flags->program->more(flags);
    }
    return outcome == FLAGS_GO ? parse_fallbacks(flags) : outcome;
}

static enum flags_outcome parse_rest(const struct flags *flags) {
    const struct flags_program *program = flags->program;
    if (flags->rest_count < program->rest_min) {
        return flags_refuse(program, NULL, NULL, "%s is missing",
                            program->rest_name != NULL ? program->rest_name : "an argument");
    }
    if (flags->rest_count > program->rest_max) {
        return flags_refuse(program, NULL, flags->rest[program->rest_max], "unexpected argument");
    }
    return FLAGS_GO;
}

enum flags_outcome flags_parse(struct flags *flags, const struct flags_program *program, int argc,
                               char **argv) {
    struct parse parse = {0};
    *flags = (struct flags){.program = program};
    flags->given = calloc(program->flag_count + 1, sizeof *flags->given);
    CHECK(flags->given != NULL);
    parse_init(&parse, program);
    enum flags_outcome outcome = parse_arguments(flags, &parse, argc, argv);
    if (outcome == FLAGS_GO) {
        outcome = parse_absent(flags);
    }
    if (outcome == FLAGS_GO) {
        outcome = parse_rest(flags);
    }
    free(parse.longs);
    if (outcome != FLAGS_GO) {
        flags_fini(flags);
    }
    return outcome;
}

void flags_fini(struct flags *flags) {
    free(flags->values);
    free(flags->given);
    for (size_t i = 0; i < flags->copy_count; i++) {
        free(flags->copies[i]);
    }
    free(flags->copies);
    *flags = (struct flags){0};
}

/* ---- reading --------------------------------------------------------------------------------- */

static const struct flag_value *value_find(const struct flags *flags, size_t at, size_t which) {
    for (size_t i = 0; i < flags->value_count; i++) {
        if (flags->values[i].at == at && which-- == 0) {
            return &flags->values[i];
        }
    }
    return NULL;
}

bool flags_given(const struct flags *flags, size_t at) {
    return flags->given[at];
}

size_t flags_count(const struct flags *flags, size_t at) {
    size_t count = 0;
    while (value_find(flags, at, count) != NULL) {
        count++;
    }
    return count;
}

const char *flags_text(const struct flags *flags, size_t at) {
    return flags_text_at(flags, at, 0);
}

const char *flags_text_at(const struct flags *flags, size_t at, size_t which) {
    const struct flag_value *value = value_find(flags, at, which);
    return value != NULL ? value->text : NULL;
}

bool flags_on(const struct flags *flags, size_t at) {
    return flags_number(flags, at) != 0;
}

int64_t flags_number(const struct flags *flags, size_t at) {
    const struct flag_value *value = value_find(flags, at, 0);
    return value != NULL ? value->number : 0;
}

bool flags_dashed(const struct flags *flags) {
    return flags->dashed;
}

char **flags_rest(const struct flags *flags, size_t *count) {
    *count = flags->rest_count;
    return flags->rest;
}
