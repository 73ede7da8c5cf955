/* SPDX-License-Identifier: MIT
 *
 * See pages.h. */
#include "client/cli/pages.h"

#include "common/manual.h"

#include <stdio.h>
#include <string.h>

static const struct flags_program command = {
    .name = "wherry",
    .synopsis = "VERB [FLAG…] [ARGUMENT…]",
    .summary = "Hand work to wherry's workers, and see what becomes of it.\n"
               "Each verb has a page of its own.",
    .after = "Exit codes: 0 done, 1 failed, 2 usage, 3 not found, 4 timeout, 5 no broker,\n"
             "6 refused, full or closed, 7 cancelled or expired\n",
};

static void manual_verb(const struct verb *verb) {
    const char *page = verb->program.page;
    char term[64];
    char text[256];
    const char *summary = verb->program.summary;
    snprintf(term, sizeof term, "%s%s(1)", page != NULL ? page : "wherry-",
             page != NULL ? "" : cli_verb_name(verb));
    snprintf(text, sizeof text, "%.*s", (int)strcspn(summary, "\n"), summary);
    manual_item(term, text);
}

static void manual_print(const struct verb *const *verbs, size_t count) {
    manual_begin(&command);
    manual_section("VERBS");
    for (size_t i = 0; i < count; i++) {
        manual_verb(verbs[i]);
    }
    manual_section("ENVIRONMENT");
    manual_item("WHERRY_BROKER", "where the broker is, for every verb without --broker");
    manual_end(&command, "wherry-broker(1), wherry-worker(1)");
}

static void completion_all(const struct verb *const *verbs, size_t count) {
    completion_begin(command.name);
    printf("    local verbs=\"help");
    for (size_t i = 0; i < count; i++) {
        printf(" %s", cli_verb_name(verbs[i]));
    }
    printf("\"\n    [[ $COMP_CWORD != 1 ]] || actions=$verbs flags=\"--help --version\"\n"
           "    [[ $COMP_CWORD == 1 ]] || case ${COMP_WORDS[1]} in\n"
           "    help) actions=$verbs ;;\n");
    for (size_t i = 0; i < count; i++) {
        printf("    %s)\n", cli_verb_name(verbs[i]));
        completion_words(&verbs[i]->program, "        ");
        printf("        ;;\n");
    }
    printf("    esac\n");
    completion_end(command.name);
}

int pages_asked(const char *name, const struct verb *const *verbs, size_t count) {
    if (strcmp(name, "--manual") == 0) {
        manual_print(verbs, count);
    } else if (strcmp(name, "--completion") == 0) {
        completion_all(verbs, count);
    } else if (strcmp(name, "--verbs") == 0) {
        for (size_t i = 0; i < count; i++) {
            puts(cli_verb_name(verbs[i]));
        }
    } else {
        return PAGES_NOT_ASKED;
    }
    return cli_flush();
}
