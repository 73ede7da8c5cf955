/* SPDX-License-Identifier: MIT
 *
 * Words: a command line split by the shell's quoting rules, without a shell.
 *
 *     python3 'my script.py' "a \"b\"" c\ d   →   python3 | my script.py | a "b" | c d
 *
 * Blanks separate; '…' keeps everything; "…" keeps everything but \" \\ \$ \` and \newline;
 * outside, \ keeps the next character. Nothing is expanded: $HOME, * and | are ordinary characters.
 */
#ifndef WHERRY_WORDS_H
#define WHERRY_WORDS_H

#include "common/include/wherry_base.h"

/* *out: an array ending in NULL, freed by words_free(); at least one word.
 * INVALID: nothing there, or a quote that does not end (wherry_last_error()); NO_MEMORY. */
wherry_err words_split(const char *text, char ***out);
void words_free(char **words);

#endif
