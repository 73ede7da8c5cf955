/* SPDX-License-Identifier: MIT
 *
 * The manual page and the bash completion of the whole command, from the table of verbs. */
#ifndef CLI_PAGES_H
#define CLI_PAGES_H

#include "client/cli/cli.h"

enum { PAGES_NOT_ASKED = -1 };

/* --manual, --completion and --verbs (their names, a line each), which the build calls: an exit
 * code, or PAGES_NOT_ASKED. */
int pages_asked(const char *name, const struct verb *const *verbs, size_t count);

#endif
