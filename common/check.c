/* SPDX-License-Identifier: MIT
 *
 * The end of a process that found a bug of its own: one line that names the place, then abort(). */
#include "common/check.h"

#include <stdio.h>
#include <stdlib.h>

void check_failed(const char *condition, const char *file, int line, const char *why) {
    fprintf(stderr, "wherry: bug at %s:%d: CHECK(%s) failed%s%s\n", file, line, condition,
            why != NULL ? ": " : "", why != NULL ? why : "");
    abort();
}
