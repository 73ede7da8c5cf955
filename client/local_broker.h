/* SPDX-License-Identifier: MIT
 *
 * Where the program wherry-broker is. */
#ifndef WHERRY_CLIENT_LOCAL_BROKER_H
#define WHERRY_CLIENT_LOCAL_BROKER_H

#include "common/include/wherry_base.h"

#include <limits.h>

/* $WHERRY_BROKER_PROGRAM, else beside this library, beside the program, in $PATH.
 * NO_BROKER: the text says what to set. */
wherry_err local_broker_find(char out[PATH_MAX]);

#endif
