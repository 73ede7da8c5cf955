/* SPDX-License-Identifier: MIT
 *
 * Finding wherry-broker. The library knows best: programs are installed in ../bin of it, or in
 * ../../bin where libraries have a folder for each machine type (lib/x86_64-linux-gnu). */
#include "client/local_broker.h"

#include "client/include/wherry.h"
#include "common/err.h"

#include <dlfcn.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char broker_name[] = "wherry-broker";

static bool broker_in(const char *folder, size_t size, const char *below, char out[PATH_MAX]) {
    int used = snprintf(out, PATH_MAX, "%.*s%s/%s", (int)size, folder, below, broker_name);
    return size > 0 && used < PATH_MAX && access(out, X_OK) == 0;
}

static bool broker_beside_library(char out[PATH_MAX]) {
    Dl_info info;
    char path[PATH_MAX];
    if (dladdr(broker_name, &info) == 0 || info.dli_fname == NULL) {
        return false;
    }
    snprintf(path, sizeof path, "%s", info.dli_fname);
    const char *folder = dirname(path);
    return broker_in(folder, strlen(folder), "/../bin", out) ||
           broker_in(folder, strlen(folder), "/../../bin", out);
}

static bool broker_beside_program(char out[PATH_MAX]) {
    char path[PATH_MAX];
    ssize_t size = readlink("/proc/self/exe", path, sizeof path - 1);
    path[size > 0 ? size : 0] = '\0';
    const char *folder = dirname(path);
    return broker_in(folder, strlen(folder), "", out);
}

static bool broker_in_path(char out[PATH_MAX]) {
    const char *at = getenv("PATH");
    while (at != NULL && *at != '\0') {
        size_t size = strcspn(at, ":");
        if (broker_in(at, size, "", out)) {
            return true;
        }
        at += size + (at[size] == ':');
    }
    return false;
}

wherry_err local_broker_find(char out[PATH_MAX]) {
    const char *named = getenv("WHERRY_BROKER_PROGRAM");
    if (named != NULL && *named != '\0') {
        size_t size = strlen(named) + 1;
        if (size > PATH_MAX || access(named, X_OK) != 0) {
            return err_set(WHERRY_E_NO_BROKER,
                           "local: WHERRY_BROKER_PROGRAM is %.300s, which is no program", named);
        }
        memcpy(out, named, size);
        return WHERRY_OK;
    }
    if (broker_beside_library(out) || broker_beside_program(out) || broker_in_path(out)) {
        return WHERRY_OK;
    }
    return err_set(WHERRY_E_NO_BROKER,
                   "local: the program wherry-broker is neither beside libwherry nor beside this "
                   "program nor in PATH: install it, or set WHERRY_BROKER_PROGRAM to its path");
}
