/* SPDX-License-Identifier: MIT
 *
 * What command lines say to people: refusals, "did you mean", --help; and how they read numbers.
 * Parsing: flags.c. */
#include "common/flags_parts.h"

#include "common/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HELP_COLUMN = 30 };

/* ---- refusals -------------------------------------------------------------------------------- */

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

/* Edits (insert, drop, change) that make one word the other; words beyond 63 bytes are far
 * apart. */
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

enum flags_outcome flags_refuse_unknown(const struct flags_program *program, const char *word) {
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

/* ---- values ---------------------------------------------------------------------------------- */

/* A decimal number with a unit out of `units` ("K", 1024, …); false unless that is all of
 * `text`. */
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

static const char *flag_read(const struct flag *flag, const char *text, int64_t *number) {
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

static bool flag_in_range(const struct flag *flag, int64_t number) {
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

static const char *range_words(const struct flag *flag) {
    static _Thread_local char words[96];
    char min[32];
    char max[32];
    bound_print(flag, flag->min, min, sizeof min);
    bound_print(flag, flag->max, max, sizeof max);
    if (flag->max == 0) {
        snprintf(words, sizeof words, "must be at least %s", min);
    } else {
        snprintf(words, sizeof words, "must be from %s to %s", min, max);
    }
    return words;
}

const char *flag_judge(const struct flag *flag, const char *text, int64_t *number) {
    const char *cause = flag_read(flag, text, number);
    if (cause == NULL && !flag_in_range(flag, *number)) {
        cause = range_words(flag);
    }
    if (cause == NULL && flag->check != NULL && !flag->check(text)) {
        cause = wherry_last_error();
    }
    return cause;
}

/* ---- help ------------------------------------------------------------------------------------ */

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
    const char *open = flag->help[strlen(flag->help) - 1] == '\n' ? "(" : " (";
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

void flags_help(const struct flags_program *program) {
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
