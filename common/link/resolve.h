/* SPDX-License-Identifier: MIT
 *
 * Resolve: when nobody has answered, is it for want of a name? libzmq looks names up by itself,
 * again with each attempt, and says nothing of those that do not exist: a slip in a host's name
 * would look like a broker that is not running. It is no error from the start, because names appear
 * (a container that is only just starting): asked afterwards, it is the cause. */
#ifndef WHERRY_LINK_RESOLVE_H
#define WHERRY_LINK_RESOLVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RESOLVE_WHY = 400, RESOLVE_LIMIT_MS = 1000 };

/* True: the name of a tcp host in this list of addresses does not resolve; `out` says which, and
 * why. False: all do, or it is not known within limit_ms. Blocks so long. */
bool resolve_explain(const char *addresses, int64_t limit_ms, char out[RESOLVE_WHY]);

#endif
