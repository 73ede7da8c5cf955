/* SPDX-License-Identifier: MIT
 *
 * What flags.c and flags_words.c share. */
#ifndef WHERRY_FLAGS_PARTS_H
#define WHERRY_FLAGS_PARTS_H

#include "common/flags.h"

/* Reads a value of the flag's kind; NULL: good; else the cause. */
const char *flag_read(const struct flag *flag, const char *text, int64_t *number);
bool flag_in_range(const struct flag *flag, int64_t number);

enum flags_outcome flags_refuse_range(const struct flags_program *program, const struct flag *flag,
                                      const char *text);
/* word: without its dashes. */
enum flags_outcome flags_refuse_unknown(const struct flags_program *program, const char *word);
void flags_help(const struct flags_program *program);

#endif
