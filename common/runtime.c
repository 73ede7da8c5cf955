/* SPDX-License-Identifier: MIT
 *
 * The runtime folder. In /tmp somebody else may have made it before us, as a link too: hence
 * lstat, and the owner and mode are looked at however it came about. */
#include "common/runtime.h"

#include "common/err.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

wherry_err runtime_folder(char out[RUNTIME_FOLDER_SIZE]) {
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    bool there = runtime != NULL && *runtime != '\0';
    int size = there ? snprintf(out, RUNTIME_FOLDER_SIZE, "%s/wherry", runtime)
                     : snprintf(out, RUNTIME_FOLDER_SIZE, "/tmp/wherry-%u", (unsigned)getuid());
    struct stat status;
    if (size >= RUNTIME_FOLDER_SIZE) {
        return err_set(WHERRY_E_SYSTEM,
                       "%s: too long for a socket's path; set XDG_RUNTIME_DIR anew", runtime);
    }
    if (mkdir(out, 0700) != 0 && errno != EEXIST) {
        return err_set(WHERRY_E_SYSTEM, "%s: %s", out, strerror(errno));
    }
    if (lstat(out, &status) != 0 || !S_ISDIR(status.st_mode)) {
        return err_set(WHERRY_E_REFUSED, "%s: is no folder", out);
    }
    if (status.st_uid != getuid() || (status.st_mode & 077) != 0) {
        return err_set(WHERRY_E_REFUSED,
                       "%s: others may enter it: it has to be yours, with mode 0700", out);
    }
    return WHERRY_OK;
}
