/* SPDX-License-Identifier: MIT
 *
 * What flags.c and flags_words.c share. */
#ifndef WHERRY_FLAGS_PARTS_H
#define WHERRY_FLAGS_PARTS_H

#include "common/flags.h"

/* Reads a value of the flag's kind, within its range, that passes its check; NULL: good; else the
 * cause, which lasts until the thread's next. */
const char *flag_judge(const struct flag *flag, const char *text, int64_t *number);

/* word: without its dashes. */
enum flags_outcome flags_refuse_unknown(const struct flags_program *program, const char *word);
void flags_help(const struct flags_program *program);

#endif
