/* SPDX-License-Identifier: MIT
 *
 * A house's folder. Between mkdir and flock another starter may take it for a left one and remove
 * it: then the lock fails, or is on a folder that is no longer there, and we take another name. */
#include "client/local_folder.h"

#include "common/entropy.h"
#include "common/err.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FOLDER_TRIES = 16 };

static const char folder_prefix[] = "local-";

void local_folder_remove(const char *folder) {
    DIR *entries = opendir(folder);
    for (struct dirent *one; entries != NULL && (one = readdir(entries)) != NULL;) {
        if (strcmp(one->d_name, ".") != 0 && strcmp(one->d_name, "..") != 0) {
            unlinkat(dirfd(entries), one->d_name, 0);
        }
    }
    if (entries != NULL) {
        closedir(entries);
    }
    rmdir(folder);
}

static int folder_lock(const char *folder) {
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    struct stat held;
    struct stat named;
    bool ours = fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0 && fstat(fd, &held) == 0 &&
                stat(folder, &named) == 0 && held.st_ino == named.st_ino;
    if (fd >= 0 && !ours) {
        close(fd);
    }
    return ours ? fd : -1;
}

static bool folder_name(char out[LOCAL_FOLDER_SIZE], const char *base, const char *name) {
    return snprintf(out, LOCAL_FOLDER_SIZE, "%s/%s", base, name) < LOCAL_FOLDER_SIZE;
}

/* Removes what killed keepers left. */
static void folder_sweep(const char *base) {
    char folder[LOCAL_FOLDER_SIZE];
    DIR *entries = opendir(base);
    for (struct dirent *one; entries != NULL && (one = readdir(entries)) != NULL;) {
        bool ours = strncmp(one->d_name, folder_prefix, sizeof folder_prefix - 1) == 0;
        int lock = ours && folder_name(folder, base, one->d_name) ? folder_lock(folder) : -1;
        if (lock >= 0) {
            local_folder_remove(folder);
            close(lock);
        }
    }
    if (entries != NULL) {
        closedir(entries);
    }
}

wherry_err local_folder_make(char out[LOCAL_FOLDER_SIZE], int *lock) {
    char base[RUNTIME_FOLDER_SIZE];
    char name[32];
    wherry_err err = runtime_folder(base);
    if (err != WHERRY_OK) {
        return err;
    }
    folder_sweep(base);
    for (int i = 0; i < FOLDER_TRIES; i++) {
        snprintf(name, sizeof name, "%s%08" PRIx32, folder_prefix, (uint32_t)entropy_u64());
        if (!folder_name(out, base, name)) {
            return err_set(WHERRY_E_SYSTEM, "%s: too long for a socket's path", base);
        }
        *lock = mkdir(out, 0700) == 0 ? folder_lock(out) : -1;
        if (*lock >= 0) {
            return WHERRY_OK;
        }
    }
    return err_set(WHERRY_E_SYSTEM, "%s: cannot make a folder in it: %s", base, strerror(errno));
}
