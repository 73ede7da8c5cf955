/* SPDX-License-Identifier: MIT
 *
 * Manual pages and shell completion out of the tables that make --help, so that none of the three
 * can lag behind. Every program prints its own by `--manual` and `--completion`, which are not in
 * --help: the build calls them and installs what they print. */
#ifndef WHERRY_MANUAL_H
#define WHERRY_MANUAL_H

#include "common/flags.h"

/* A page of section 1 in the man(7) macros: begun, then sections of one's own, then ended. Its name
 * is the program's with dashes for blanks. */
void manual_begin(const struct flags_program *program);
void manual_section(const char *title);
void manual_item(const char *term, const char *text);
void manual_text(const char *text); /* lines as they are */
/* see_also: "wherry(1), wherry-worker(1)"; NULL: no such section. */
void manual_end(const struct flags_program *program, const char *see_also);

/* One bash function that completes the flags of a program and their values, and its registration.
 * In a verb's synopsis the words before a "|" are its actions. */
void completion_print(const struct flags_program *program);
/* The same in parts, for a program of many verbs: between begin and end, `words` are what may stand
 * here, or completion_words says what may follow the word before. */
void completion_begin(const char *program);
void completion_words(const struct flags_program *program, const char *indent);
void completion_end(const char *program);

#endif
