/* SPDX-License-Identifier: MIT
 *
 * Completion for bash; see manual.h. What is completed: flags; the values of a flag whose argument
 * is written "a|b" (or FILE, where bash completes names of files); the actions of a verb. */
#include "common/manual.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static bool is_file(const struct flag *flag) {
    return strcmp(flag->argument, "FILE") == 0 || strcmp(flag->argument, "DIR") == 0;
}

/* "a|b" as "a b"; nothing for what is no choice. */
static void choices_put(const char *argument) {
    for (const char *at = argument; strchr(argument, '|') != NULL && *at != '\0'; at++) {
        bool word = islower((unsigned char)*at) || *at == '|' || *at == '-';
        bool inside = at > argument && isupper((unsigned char)at[-1]);
        if (word && !inside) {
            putchar(*at == '|' ? ' ' : *at);
        }
    }
}

/* The word that each alternative of "ls | show NAME" begins with. */
static void actions_put(const char *synopsis) {
    const char *at = synopsis;
    if (strchr(at, '|') == NULL || strchr(at, '\n') != NULL) {
        return;
    }
    at += strncmp(at, "[FLAG…]", strlen("[FLAG…]")) == 0 ? strlen("[FLAG…]") : 0;
    while (*at != '\0') {
        at += strspn(at, " |");
        size_t size = strspn(at, "abcdefghijklmnopqrstuvwxyz");
        if (size > 0 && strchr(" |", at[size]) != NULL) {
            printf(" %.*s", (int)size, at);
        }
        at += strcspn(at, "|");
    }
}

/* As a bash function may be called; until the next call. */
static const char *completion_name(const char *program) {
    static char name[64];
    snprintf(name, sizeof name, "%s", program);
    for (char *at = name; *at != '\0'; at++) {
        *at = *at == '-' ? '_' : *at;
    }
    return name;
}

static void values_case(const struct flag *flag, const char *indent) {
    printf("%s    ", indent);
    if (flag->letter != 0) {
        printf("-%c|", flag->letter);
    }
    printf("--%s) ", flag->name);
    if (is_file(flag)) {
        printf("kind=file ;;\n");
        return;
    }
    printf("kind=value words=\"");
    choices_put(flag->argument);
    printf("\" ;;\n");
}

void completion_words(const struct flags_program *program, const char *indent) {
    printf("%scase $previous in\n", indent);
    for (size_t i = 0; i < program->flag_count; i++) {
        const struct flag *flag = &program->flags[i];
        if (!flag->hidden && flag->argument != NULL) {
            values_case(flag, indent);
        }
    }
    printf("%s    *) flags=\"", indent);
    for (size_t i = 0; i < program->flag_count; i++) {
        if (!program->flags[i].hidden) {
            printf("--%s ", program->flags[i].name);
        }
    }
    printf("--help --version\" actions=\"");
    actions_put(program->synopsis);
    printf("\" ;;\n%sesac\n", indent);
}

void completion_begin(const char *program) {
    printf("# bash completion for %s\n_%s() {\n"
           "    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}\n"
           "    local kind=word words= flags= actions=\n",
           program, completion_name(program));
}

void completion_end(const char *program) {
    printf("    if [[ $kind == word ]]; then\n"
           "        [[ $current == -* ]] && words=$flags || words=$actions\n"
           "    fi\n"
           "    [[ $kind != value ]] || compopt +o default\n"
           "    COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n"
           "}\ncomplete -o default -F _%s %s\n",
           completion_name(program), program);
}

void completion_print(const struct flags_program *program) {
    completion_begin(program->name);
    completion_words(program, "    ");
    completion_end(program->name);
}
