/* SPDX-License-Identifier: MIT
 *
 * Command lines by getopt_long, driven by a table; see flags.h. getopt_long does the cutting (order,
 * `--name=value`, clustered letters, unique abbreviations); every judgement and every word to the user
 * is ours, because its own messages say neither the cause nor what to do.
 *
 * Values are kept in one list in order of arrival: a flag's values are few, and a scan of a few dozen
 * entries needs no index. */
#include "common/flags.h"

#include "common/check.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    OPTION_BASE = 256, /* getopt's value of flag n is OPTION_BASE + n: beyond every letter */
    OPTION_HELP = 1,
    OPTION_VERSION = 2,
    HELP_COLUMN = 30,
};

struct flag_value {
    size_t at;
    const char *text;
    int64_t number;
};

/* ---- refusals --------------------------------------------------------------------------------- */

enum flags_outcome flags_refuse(const struct flags_program *program, const char *flag,
                                const char *value, const char *format, ...) {
    char cause[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(cause, sizeof cause, format, arguments);
    va_end(arguments);
    fprintf(stderr, "%s: %s%s%s%s%s%s (try --help)\n", program->name, flag != NULL ? "--" : "",
            flag != NULL ? flag : "", flag != NULL && value != NULL ? " " : "",
            value != NULL ? value : "",
            flag != NULL || value != NULL ? ": " : "", cause);
    return FLAGS_WRONG;
}

static size_t smallest(size_t a, size_t b, size_t c) {
    size_t least = a < b ? a : b;
    return least < c ? least : c;
}

/* Edits (insert, drop, change) that make one word the other; words beyond 63 bytes are far apart. */
static size_t edit_distance(const char *left, const char *right) {
    size_t row[64];
    size_t right_size = strlen(right);
    if (strlen(left) >= 64 || right_size >= 64) {
        return SIZE_MAX;
    }
    for (size_t i = 0; i <= right_size; i++) {
        row[i] = i;
    }
    for (size_t l = 0; left[l] != '\0'; l++) {
        size_t diagonal = row[0];
        row[0] = l + 1;
        for (size_t r = 0; r < right_size; r++) {
            size_t above = row[r + 1];
            row[r + 1] = smallest(above + 1, row[r] + 1, diagonal + (left[l] != right[r]));
            diagonal = above;
        }
    }
    return row[right_size];
}

const char *flags_nearest(const char *word, const char *const *candidates, size_t count) {
    const char *best = NULL;
    size_t best_distance = strlen(word) < 5 ? 2 : 3; /* nothing at or above it is near */
    for (size_t i = 0; i < count; i++) {
        size_t distance = edit_distance(word, candidates[i]);
        if (distance < best_distance) {
            best = candidates[i];
            best_distance = distance;
        }
    }
    return best;
}

static enum flags_outcome refuse_unknown(const struct flags_program *program, const char *word) {
    char name[64];
    const char *candidates[130];
    size_t count = 0;
    snprintf(name, sizeof name, "%.*s", (int)strcspn(word, "="), word);
    for (size_t i = 0; i < program->flag_count && count < 128; i++) {
        candidates[count++] = program->flags[i].name;
    }
    candidates[count++] = "help";
    candidates[count++] = "version";
    const char *near = flags_nearest(name, candidates, count);
    if (near != NULL) {
        return flags_refuse(program, name, NULL, "no such flag; did you mean --%s?", near);
    }
    return flags_refuse(program, name, NULL, "no such flag");
}

/* ---- values ------------------------------------------------------------------------------------ */

/* A decimal number with a unit out of `units` ("K", 1024, …); false unless that is all of `text`. */
struct unit {
    const char *name;
    double factor;
};

static bool read_scaled(const char *text, const struct unit *units, size_t unit_count, double plain,
                        int64_t *out) {
    char *end = NULL;
    if (text[0] < '0' || text[0] > '9') {
        return false; /* no sign, space, nan, inf */
    }
    errno = 0;
    double number = strtod(text, &end);
    double factor = *end == '\0' ? plain : 0;
    for (size_t i = 0; i < unit_count; i++) {
        if (strcasecmp(end, units[i].name) == 0) {
            factor = units[i].factor;
        }
    }
    number *= factor;
    if (errno != 0 || factor == 0 || text[1] == 'x' || text[1] == 'X' || number > 9.2e18) {
        return false;
    }
    *out = (int64_t)number;
    return true;
}

bool flags_read_size(const char *text, int64_t *out) {
    static const struct unit units[] = {
        {"K", 0x1p10},   {"M", 0x1p20},   {"G", 0x1p30},   {"T", 0x1p40},   {"B", 1},
        {"KiB", 0x1p10}, {"MiB", 0x1p20}, {"GiB", 0x1p30}, {"TiB", 0x1p40},
    };
    return read_scaled(text, units, sizeof units / sizeof *units, 1, out);
}

static bool read_seconds(const char *text, int64_t *out) {
    static const struct unit units[] = {{"ms", 1}, {"s", 1e3}, {"m", 6e4}, {"h", 3.6e6}};
    return read_scaled(text, units, sizeof units / sizeof *units, 1e3, out);
}

static bool read_number(const char *text, int64_t *out) {
    char *end = NULL;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    if (end == text || *end != '\0' || errno != 0 || text[0] == ' ' || text[0] == '+') {
        return false;
    }
    *out = number;
    return true;
}

static const char *kind_words(enum flag_kind kind) {
    switch (kind) {
    case FLAG_NUMBER:
        return "not a whole number";
    case FLAG_SIZE:
        return "not a size (bytes, or like 64K, 512M, 2G)";
    case FLAG_SECONDS:
        return "not a time (seconds, or like 500ms, 2m, 1h)";
    case FLAG_TEXT:
    case FLAG_SWITCH:
        break;
    }
    return "empty";
}

/* NULL: good; else the cause. */
static const char *value_read(const struct flag *flag, const char *text, int64_t *number) {
    bool ok = true;
    switch (flag->kind) {
    case FLAG_TEXT:
        ok = text[0] != '\0';
        break;
    case FLAG_SWITCH:
        *number = text[0] != '\0' && strcmp(text, "0") != 0;
        break;
    case FLAG_NUMBER:
        ok = read_number(text, number);
        break;
    case FLAG_SIZE:
        ok = flags_read_size(text, number);
        break;
    case FLAG_SECONDS:
        ok = read_seconds(text, number);
        break;
    }
    return ok ? NULL : kind_words(flag->kind);
}

static bool value_in_range(const struct flag *flag, int64_t number) {
    bool counted = flag->kind != FLAG_TEXT && flag->kind != FLAG_SWITCH;
    return !counted || (flag->min == 0 && flag->max == 0) ||
           (number >= flag->min && number <= (flag->max != 0 ? flag->max : INT64_MAX));
}

/* Bounds in the flag's own words. */
static void bound_print(const struct flag *flag, int64_t bound, char *out, size_t size) {
    if (flag->kind == FLAG_SECONDS) {
        snprintf(out, size, "%gs", (double)bound / 1000);
    } else {
        snprintf(out, size, "%lld", (long long)bound);
    }
}

static enum flags_outcome refuse_range(const struct flags *flags, const struct flag *flag,
                                       const char *text) {
    char min[32];
    char max[32];
    bound_print(flag, flag->min, min, sizeof min);
    bound_print(flag, flag->max, max, sizeof max);
    if (flag->max == 0) {
        return flags_refuse(flags->program, flag->name, text, "must be at least %s", min);
    }
    return flags_refuse(flags->program, flag->name, text, "must be from %s to %s", min, max);
}

static enum flags_outcome value_add(struct flags *flags, size_t at, const char *text) {
    const struct flag *flag = &flags->program->flags[at];
    struct flag_value value = {at, text, flag->kind == FLAG_SWITCH};
    const char *cause = text != NULL ? value_read(flag, text, &value.number) : NULL;
    if (cause != NULL) {
        return flags_refuse(flags->program, flag->name, text, "%s", cause);
    }
    if (!value_in_range(flag, value.number)) {
        return refuse_range(flags, flag, text);
    }
    if (flags->value_count == flags->value_capacity) {
        flags->value_capacity = flags->value_capacity * 2 + 16;
        flags->values = realloc(flags->values, flags->value_capacity * sizeof *flags->values);
        CHECK(flags->values != NULL);
    }
    flags->values[flags->value_count++] = value;
    return FLAGS_GO;
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

/* ---- help --------------------------------------------------------------------------------------- */

static void help_text(const char *text) {
    for (; *text != '\0'; text++) {
        putchar(*text);
        if (*text == '\n') {
            printf("%*s", HELP_COLUMN, "");
        }
    }
}

static void help_flag(const struct flag *flag) {
    char head[128];
    int size = snprintf(head, sizeof head, "  %c%c%s --%s%s%s", flag->letter != 0 ? '-' : ' ',
                        flag->letter != 0 ? flag->letter : ' ', flag->letter != 0 ? "," : " ",
                        flag->name, flag->argument != NULL ? " " : "",
                        flag->argument != NULL ? flag->argument : "");
    printf("%-*s", HELP_COLUMN - 1, head);
    printf(size >= HELP_COLUMN ? "\n%*s" : " ", HELP_COLUMN, "");
    help_text(flag->help);
    const char *open = " (";
    if (flag->repeatable) {
        printf("%smay be repeated", open);
        open = "; ";
    }
    if (flag->fallback != NULL) {
        printf("%sdefault: %s", open, flag->fallback);
        open = "; ";
    }
    if (flag->environment != NULL) {
        printf("%selse $%s", open, flag->environment);
        open = "; ";
    }
    printf(open[0] == ';' ? ")\n" : "\n");
}

static void help_print(const struct flags_program *program) {
    printf("Usage: %s %s\n\n%s\n\nFlags:\n", program->name, program->synopsis, program->summary);
    for (size_t i = 0; i < program->flag_count; i++) {
        if (!program->flags[i].hidden) {
            help_flag(&program->flags[i]);
        }
    }
    help_flag(&(struct flag){.name = "help", .letter = 'h', .help = "show this and exit"});
    help_flag(&(struct flag){.name = "version", .help = "show the version and exit"});
    if (program->examples != NULL) {
        printf("\nExamples:\n%s", program->examples);
    }
    if (program->after != NULL) {
        printf("\n%s", program->after);
    }
}

/* ---- parsing ------------------------------------------------------------------------------------- */

struct parse { /* what getopt_long wants to see */
    struct option *longs;
    char letters[2 * 64 + 4];
};

static void parse_init(struct parse *parse, const struct flags_program *program) {
    size_t used = 0;
    parse->longs = calloc(program->flag_count + 3, sizeof *parse->longs);
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
    parse->longs[at] = (struct option){"version", no_argument, NULL, OPTION_VERSION};
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
    if (at != SIZE_MAX || optopt == OPTION_HELP || optopt == OPTION_VERSION) {
        return flags_refuse(program, NULL, word, "this flag takes no value");
    }
    if (optopt != 0) {
        const char text[3] = {'-', (char)optopt, '\0'};
        return flags_refuse(program, NULL, text, "no such flag");
    }
    return refuse_unknown(program, word + strspn(word, "-"));
}

static enum flags_outcome parse_arguments(struct flags *flags, const struct parse *parse, int argc,
                                          char **argv) {
    const struct flags_program *program = flags->program;
    enum flags_outcome outcome = FLAGS_GO;
    optind = 0; /* glibc: begin afresh */
    opterr = 0;
    while (outcome == FLAGS_GO) {
        optopt = 0;
        int option = getopt_long(argc, argv, parse->letters, parse->longs, NULL);
        if (option == -1) {
            break;
        }
        if (option == OPTION_HELP || option == 'h') {
            help_print(program);
            return FLAGS_SHOWN;
        }
        if (option == OPTION_VERSION) {
            printf("%s %s\n", program->name, WHERRY_VERSION);
            return FLAGS_SHOWN;
        }
        outcome = option == '?' || option == ':'
                      ? refuse_option(program, option == ':', argv)
                      : value_take(flags, flag_of_option(program, option), optarg);
    }
    flags->rest = argv + optind;
    flags->rest_count = (size_t)(argc - optind);
    return outcome;
}

static enum flags_outcome parse_absent(struct flags *flags) {
    for (size_t i = 0; i < flags->program->flag_count; i++) {
        const struct flag *flag = &flags->program->flags[i];
        const char *text = flag->environment != NULL ? getenv(flag->environment) : NULL;
        bool from_environment = text != NULL && text[0] != '\0';
        if (flags->given[i] || (!from_environment && flag->fallback == NULL)) {
            continue;
        }
        enum flags_outcome outcome = value_add(flags, i, from_environment ? text : flag->fallback);
        if (outcome != FLAGS_GO) {
            return outcome;
        }
        flags->given[i] = from_environment;
    }
    return FLAGS_GO;
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
    *flags = (struct flags){0};
}

/* ---- reading ------------------------------------------------------------------------------------- */

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

char **flags_rest(const struct flags *flags, size_t *count) {
    *count = flags->rest_count;
    return flags->rest;
}
