/* SPDX-License-Identifier: MIT
 *
 * Manual pages; see manual.h. No date stands in a page: the same source makes the same bytes. */
#include "common/manual.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* Text of ours as troff shows it: no escapes, no requests, dashes that can be copied. */
static void troff_put(const char *text, size_t size) {
    bool fresh = true;
    for (size_t i = 0; i < size; i++) {
        char c = text[i];
        if (fresh && (c == '.' || c == '\'')) {
            fputs("\\&", stdout);
        }
        if (c == '\\') {
            fputs("\\e", stdout);
        } else if (c == '-') {
            fputs("\\-", stdout);
        } else {
            putchar(c);
        }
        fresh = c == '\n';
    }
}

static void troff_text(const char *text) {
    troff_put(text, strlen(text));
}

/* Lines that stay lines. */
void manual_text(const char *text) {
    puts(".nf");
    troff_text(text);
    puts(text[0] == '\0' || text[strlen(text) - 1] == '\n' ? ".fi" : "\n.fi");
}

void manual_section(const char *title) {
    printf(".SH %s\n", title);
}

void manual_item(const char *term, const char *text) {
    fputs(".TP\n\\fB", stdout);
    troff_text(term);
    fputs("\\fR\n", stdout);
    troff_text(text);
    putchar('\n');
}

static void page_name(const struct flags_program *program, bool upper) {
    for (const char *at = program->page != NULL ? program->page : program->name; *at != '\0';
         at++) {
        char c = (char)(upper ? toupper((unsigned char)*at) : *at);
        fputs(c == ' ' || c == '-' ? "\\-" : (char[]){c, '\0'}, stdout);
    }
}

static void manual_flag(const struct flag *flag) {
    fputs(".TP\n\\fB", stdout);
    if (flag->letter != 0) {
        printf("\\-%c\\fR, \\fB", flag->letter);
    }
    fputs("\\-\\-", stdout);
    troff_text(flag->name);
    fputs("\\fR", stdout);
    if (flag->argument != NULL) {
        fputs(" \\fI", stdout);
        troff_text(flag->argument);
        fputs("\\fR", stdout);
    }
    putchar('\n');
    troff_put(flag->help, strlen(flag->help) - (flag->help[strlen(flag->help) - 1] == '\n'));
    putchar('\n');
    if (flag->repeatable) {
        puts(".br\nMay be repeated.");
    }
    if (flag->fallback != NULL) {
        fputs(".br\nDefault: ", stdout);
        troff_text(flag->fallback);
        putchar('\n');
    }
    if (flag->environment != NULL) {
        printf(".br\nWithout it $%s counts.\n", flag->environment);
    }
}

static void manual_synopsis(const struct flags_program *program) {
    manual_section("SYNOPSIS");
    const char *at = program->synopsis;
    while (*at != '\0') { /* one form a line; --help repeats the name on each */
        size_t size = strcspn(at, "\n");
        size_t skip = strspn(at, " ");
        bool named = strncmp(at + skip, program->name, strlen(program->name)) == 0;
        if (!named) {
            fputs("\\fB", stdout);
            troff_text(program->name);
            fputs("\\fR ", stdout);
        }
        troff_put(at + skip, size - skip);
        at += size + (at[size] == '\n');
        puts(*at != '\0' ? "\n.br" : "");
    }
}

void manual_begin(const struct flags_program *program) {
    fputs(".TH ", stdout);
    page_name(program, true);
    printf(" 1 \"\" \"wherry %s\" \"wherry\"\n.SH NAME\n", WHERRY_VERSION);
    page_name(program, false);
    fputs(" \\- ", stdout);
    troff_put(program->summary, strcspn(program->summary, ".\n"));
    putchar('\n');
    manual_synopsis(program);
    manual_section("DESCRIPTION");
    troff_text(program->summary);
    putchar('\n');
    manual_section("OPTIONS");
    for (size_t i = 0; i < program->flag_count; i++) {
        if (!program->flags[i].hidden) {
            manual_flag(&program->flags[i]);
        }
    }
    manual_flag(&(struct flag){.name = "help", .letter = 'h', .help = "Show a summary and exit."});
    manual_flag(&(struct flag){.name = "version", .help = "Show the version and exit."});
}

void manual_end(const struct flags_program *program, const char *see_also) {
    if (program->examples != NULL) {
        manual_section("EXAMPLES");
        manual_text(program->examples);
    }
    if (program->after != NULL) {
        manual_section("NOTES");
        manual_text(program->after);
    }
    if (see_also != NULL) {
        manual_section("SEE ALSO");
        troff_text(see_also);
        putchar('\n');
    }
}
