/* SPDX-License-Identifier: MIT
 *
 * Names of queues and pools: [A-Za-z0-9._{}-]{1,128}. They appear in metrics, paths and shells, so
 * that nothing in them ever needs quoting. */
#ifndef WHERRY_NAME_H
#define WHERRY_NAME_H

#include "common/bytes.h"

bool name_ok(struct span name);

#endif
