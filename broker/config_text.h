/* SPDX-License-Identifier: MIT
 *
 * The text of a configuration file, without its comments. libconfuse 3.3 counts a line that has a
 * comment three times, and its numbers are what people look for. */
#ifndef WHERRY_BROKER_CONFIG_TEXT_H
#define WHERRY_BROKER_CONFIG_TEXT_H

#include <stddef.h>

enum { CONFIG_BYTES_MAX = 1 << 20 }; /* a file; more is no configuration */

/* The file with blanks in place of its comments, to be freed; NULL: wherry_last_error() says why
 * not. */
char *config_text(const char *path);

/* The same in place: `#`, `//` and `/ *`, but not inside quotes or words (tcp://…). */
void config_blank(char *text);

#endif
