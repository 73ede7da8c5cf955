/* SPDX-License-Identifier: MIT
 *
 * Home: the default place of the store; see home.h. */
#include "broker/home.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool home_try(const char *name, const char *below, char *out, size_t size) {
    const char *path = getenv(name);
    if (path == NULL || path[0] != '/') {
        return false;
    }
    /* Several state directories are joined by colons; a '?' would begin the URL's settings. */
    int used = snprintf(out, size, "lmdb:%.*s%s", (int)strcspn(path, ":"), path, below);
    return used > 0 && (size_t)used < size && strchr(out, '?') == NULL;
}

bool home_store_url(char *out, size_t size) {
    return home_try("STATE_DIRECTORY", "", out, size) ||
           home_try("XDG_STATE_HOME", "/wherry", out, size) ||
           home_try("HOME", "/.local/state/wherry", out, size);
}
