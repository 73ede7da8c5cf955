/* SPDX-License-Identifier: MIT
 *
 * CHECK: our own bugs, never somebody's input. Always compiled in: a broker that goes on with a
 * broken invariant would break its promises silently, one that stops is restarted and recovers. */
#ifndef WHERRY_CHECK_H
#define WHERRY_CHECK_H

#include <stddef.h>

_Noreturn void check_failed(const char *condition, const char *file, int line, const char *why);

#define CHECK(condition) \
    ((condition) ? (void)0 : check_failed(#condition, __FILE__, __LINE__, NULL))
#define IMPOSSIBLE(why) check_failed("impossible", __FILE__, __LINE__, (why))

#endif
