/* SPDX-License-Identifier: MIT
 *
 * Runtime folder: where this user's sockets lie, $XDG_RUNTIME_DIR/wherry, else /tmp/wherry-UID.
 *
 * Whoever reaches a socket in it may run anything as this user, so it has to be this user's, and
 * nobody else's. */
#ifndef WHERRY_RUNTIME_H
#define WHERRY_RUNTIME_H

#include "common/include/wherry_base.h"

enum { RUNTIME_FOLDER_SIZE = 96 }; /* a socket's path has to stay below 108 */

/* Makes it if need be. SYSTEM, or REFUSED for one that others may enter. */
wherry_err runtime_folder(char out[RUNTIME_FOLDER_SIZE]);

#endif
