/* SPDX-License-Identifier: MIT
 *
 * Home: where the store lies when nobody says: the first of these that the environment names.
 *
 *     $STATE_DIRECTORY               a service manager made it for us (the first of several)
 *     $XDG_STATE_HOME/wherry
 *     $HOME/.local/state/wherry */
#ifndef WHERRY_BROKER_HOME_H
#define WHERRY_BROKER_HOME_H

#include <stdbool.h>
#include <stddef.h>

/* "lmdb:PATH". False: nothing is named, or it does not fit. Paths that are not absolute are passed
 * over. */
bool home_store_url(char *out, size_t size);

#endif
