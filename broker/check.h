/* SPDX-License-Identifier: MIT
 *
 * `wherry-broker --check` and `--salvage`: a store that nobody serves is read whole, as a start
 * would, and everything that is damaged is named. */
#ifndef WHERRY_BROKER_CHECK_H
#define WHERRY_BROKER_CHECK_H

#include <stdbool.h>

enum check_exit { CHECK_WHOLE = 0, CHECK_DAMAGED = 1, CHECK_UNREADABLE = 5 };

/* Prints what it found to stdout; the exit code: of a salvage DAMAGED says that something is
 * missing now. */
enum check_exit check_run(const char *url, bool salvage);

#endif
