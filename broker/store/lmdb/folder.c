/* SPDX-License-Identifier: MIT
 *
 * The folder of an LMDB store; see folder.h. */
#include "broker/store/lmdb/folder.h"

#include "common/err.h"
#include "common/log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

static const struct {
    unsigned long type;
    enum folder_trust trust;
} file_systems[] = {
    {0x6969, FOLDER_NETWORK},      /* nfs */
    {0x517b, FOLDER_NETWORK},      /* smb */
    {0xff534d42, FOLDER_NETWORK},  /* cifs */
    {0xfe534d42, FOLDER_NETWORK},  /* smb2 */
    {0x01021997, FOLDER_NETWORK},  /* 9p */
    {0x00c36400, FOLDER_NETWORK},  /* ceph */
    {0x5346414f, FOLDER_NETWORK},  /* afs */
    {0x6b414653, FOLDER_NETWORK},  /* kafs */
    {0x73757245, FOLDER_NETWORK},  /* coda */
    {0x0bd00bd0, FOLDER_NETWORK},  /* lustre */
    {0x65735546, FOLDER_UNKNOWN},  /* fuse */
    {0x01021994, FOLDER_VANISHES}, /* tmpfs */
    {0x858458f6, FOLDER_VANISHES}, /* ramfs */
};

enum folder_trust folder_trust(unsigned long type) {
    for (size_t i = 0; i < sizeof file_systems / sizeof *file_systems; i++) {
        if (file_systems[i].type == type) {
            return file_systems[i].trust;
        }
    }
    return FOLDER_TRUSTED;
}

/* A new name must survive as well as what stands behind it. */
static bool folder_sync(const char *path) {
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool ok = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0) {
        close(fd);
    }
    return ok;
}

/* path: its last part is missing, the parts before are there. */
static bool folder_make_one(char *path) {
    char *slash = strrchr(path, '/');
    if (mkdir(path, 0700) != 0) {
        return errno == EEXIST;
    }
    if (slash == NULL) {
        return folder_sync(".");
    }
    *slash = '\0';
    bool ok = folder_sync(slash == path ? "/" : path);
    *slash = '/';
    return ok;
}

static bool folder_make(const char *path) {
    char part[PATH_MAX];
    for (size_t i = 1; i < sizeof part && (path[i - 1] != '\0' || i == 1); i++) {
        if (path[i] == '/' || path[i] == '\0') {
            snprintf(part, sizeof part, "%.*s", (int)i, path);
            if (!folder_make_one(part)) {
                return false;
            }
        }
    }
    return true;
}

static wherry_err folder_judge(const char *path, int fd) {
    struct statfs system;
    if (fstatfs(fd, &system) != 0) {
        return err_set(WHERRY_E_SYSTEM, "the store's folder %s: %s", path, strerror(errno));
    }
    switch (folder_trust((unsigned long)system.f_type & UINT32_MAX)) {
    case FOLDER_NETWORK:
        return err_set(WHERRY_E_SYSTEM,
                       "the store's folder %s lies on a network file system, which does not keep "
                       "what a store promises; name a local one with --store lmdb:DIR",
                       path);
    case FOLDER_VANISHES:
        log_event(LOG_WARN, "the store lies in memory: it is gone when the machine restarts",
                  log_text("folder", path));
        break;
    case FOLDER_UNKNOWN:
        log_event(LOG_WARN, "the store lies on a file system in user space: whether a sync there "
                            "survives a loss of power is not known", log_text("folder", path));
        break;
    case FOLDER_TRUSTED:
        break;
    }
    return WHERRY_OK;
}

static wherry_err folder_lock(const char *path, int fd) {
    if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
        return WHERRY_OK;
    }
    if (errno == EWOULDBLOCK) {
        return err_set(WHERRY_E_BUSY, "the store's folder %s is used by another process; --store "
                                      "lmdb:DIR names another, --store memory: keeps nothing",
                       path);
    }
    return err_set(WHERRY_E_SYSTEM, "the store's folder %s cannot be locked: %s", path,
                   strerror(errno));
}

wherry_err folder_open(const char *path, bool make, int *fd_out) {
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT && make && folder_make(path)) {
        fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    }
    if (fd < 0) {
        return err_set(WHERRY_E_SYSTEM, "the store's folder %s: %s; --store lmdb:DIR names another",
                       path, strerror(errno));
    }
    wherry_err err = folder_judge(path, fd);
    err = err != WHERRY_OK ? err : folder_lock(path, fd);
    if (err != WHERRY_OK) {
        close(fd);
        return err;
    }
    *fd_out = fd;
    return WHERRY_OK;
}
