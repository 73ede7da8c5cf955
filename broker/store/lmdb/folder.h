/* SPDX-License-Identifier: MIT
 *
 * The folder of an LMDB store: made when it is missing, on a file system that keeps what it
 * promises, and locked, so that one broker at a time works in it. The lock is flock() on the folder
 * itself: it ends with the process, however that ends, and leaves nothing behind. */
#ifndef WHERRY_STORE_LMDB_FOLDER_H
#define WHERRY_STORE_LMDB_FOLDER_H

#include "common/include/wherry_base.h"

/* *fd_out: the folder, locked, until it is closed. `make`: a missing one is made, 0700, with the
 * folders above it. OK; BUSY: another process holds it; SYSTEM: no such folder, no permission, or a
 * file system that cannot be trusted (network). */
wherry_err folder_open(const char *path, bool make, int *fd_out);

enum folder_trust {
    FOLDER_TRUSTED,
    FOLDER_VANISHES, /* memory: gone with the machine */
    FOLDER_UNKNOWN,  /* a file system in user space: whoever wrote it knows */
    FOLDER_NETWORK,  /* mapped files and locks are not what they seem there */
};
/* By statfs()'s f_type. */
enum folder_trust folder_trust(unsigned long type);

#endif
