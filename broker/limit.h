/* SPDX-License-Identifier: MIT
 *
 * How much memory this process may count on: the machine's, or its cgroup's limit if that is
 * less. */
#ifndef WHERRY_LIMIT_H
#define WHERRY_LIMIT_H

#include <stdint.h>

uint64_t limit_memory_bytes(void);

#endif
