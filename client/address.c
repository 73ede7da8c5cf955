/* SPDX-License-Identifier: MIT
 *
 * Where a program connects that names no address: $WHERRY_BROKER, else the socket of `wherry dev`
 * (private to this user) if there is one, else this machine's broker. */
#include "client/connection.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static bool address_dev_socket(char *out, size_t size) {
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    char path[256];
    if (runtime != NULL && *runtime != 0) {
        snprintf(path, sizeof path, "%s/wherry/dev", runtime);
    } else {
        snprintf(path, sizeof path, "/tmp/wherry-%u/dev", (unsigned)getuid());
    }
    struct stat status;
    /* Somebody else's socket under /tmp is no broker of ours. */
    bool ours = stat(path, &status) == 0 && S_ISSOCK(status.st_mode) && status.st_uid == getuid();
    if (ours) {
        snprintf(out, size, "ipc://%s", path);
    }
    return ours;
}

void connection_default_address(char *out, size_t size) {
    const char *broker = getenv("WHERRY_BROKER");
    if (broker != NULL && *broker != 0) {
        snprintf(out, size, "%s", broker);
    } else if (!address_dev_socket(out, size)) {
        snprintf(out, size, "tcp://127.0.0.1:7380");
    }
}
