/* SPDX-License-Identifier: MIT
 *
 * A backup of an LMDB store, taken while its broker runs or while none does.
 *
 *     journal ──read──────────────────────────────────┐
 *     data.mdb ──a reader's snapshot──> pipe ──> FILE.part ──completed, marked, synced──> FILE
 *
 * LMDB copies what one read transaction sees, so the copy is one moment of the store. As long as
 * that transaction lasts the broker cannot use the pages again that it frees, and the store grows:
 * past a limit the pipe is closed, which ends the copying and the transaction in good order. (A
 * copier that is killed leaves its reader behind; the store's writer clears such away.)
 *
 * The mark makes whoever starts on the copy draw a new uuid: what the broker did after the backup
 * is another future, of which the copy knows nothing (rules §5.7). */
#include "broker/store/lmdb/lmdb.h"

#include "broker/store/lmdb/folder.h"
#include "common/check.h"
#include "common/err.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CHUNK = 1 << 20, JOURNAL_LOOKS = 100, PATH_SIZE = PATH_MAX + 32 };

static const uint64_t growth_least_bytes = UINT64_C(1) << 30;

struct backup {
    struct lmdb_url url;
    MDB_env *env;
    int pipe[2];
    int rc; /* of LMDB's copying */
    int out;
    uint64_t source_bytes; /* at the start */
    uint64_t growth_bytes; /* more than this: give up */
    uint8_t *journal; /* as it was before the copying, unless … */
    const char *journal_damage;
    char part[PATH_SIZE];
};

static wherry_err backup_refuse(const char *what, int rc) {
    return err_set(WHERRY_E_SYSTEM, "backup: %s: %s", what, mdb_strerror(rc));
}

/* ---- copying --------------------------------------------------------------------------------- */

static void *copier_run(void *context) {
    struct backup *backup = context;
    backup->rc = mdb_env_copyfd2(backup->env, backup->pipe[1], 0);
    close(backup->pipe[1]);
    return NULL;
}

static uint64_t source_size(const struct lmdb_url *url) {
    char path[PATH_SIZE];
    struct stat status;
    snprintf(path, sizeof path, "%s/data.mdb", url->folder);
    return stat(path, &status) == 0 ? (uint64_t)status.st_size : 0;
}

static bool write_all(int fd, const uint8_t *data, size_t size) {
    while (size > 0) {
        ssize_t written = write(fd, data, size);
        if (written < 0 && errno != EINTR) {
            return false;
        }
        data += written > 0 ? written : 0;
        size -= written > 0 ? (size_t)written : 0;
    }
    return true;
}

/* What the copier writes, into the file; its end is the pipe's. */
static wherry_err pump(struct backup *backup, uint8_t *chunk) {
    for (;;) {
        ssize_t size = read(backup->pipe[0], chunk, CHUNK);
        if (size == 0) {
            return WHERRY_OK;
        }
        if (size < 0 && errno == EINTR) {
            continue;
        }
        if (size < 0 || !write_all(backup->out, chunk, (size_t)size)) {
            return backup_refuse(backup->part, errno);
        }
        if (source_size(&backup->url) > backup->source_bytes + backup->growth_bytes) {
            return err_set(WHERRY_E_BUSY,
                           "backup: given up: the store grew by more than %llu MiB meanwhile; try "
                           "again when the broker is less busy, or write to a faster disk",
                           (unsigned long long)(backup->growth_bytes >> 20));
        }
    }
}

static wherry_err copy_run(struct backup *backup, uint8_t *chunk) {
    pthread_t copier;
    if (pipe2(backup->pipe, O_CLOEXEC) != 0) {
        return backup_refuse("pipe", errno);
    }
    int failure = pthread_create(&copier, NULL, copier_run, backup);
    if (failure != 0) {
        close(backup->pipe[0]);
        close(backup->pipe[1]);
        return backup_refuse("thread", failure);
    }
    wherry_err err = pump(backup, chunk);
    close(backup->pipe[0]); /* a copier that still writes is told by that */
    pthread_join(copier, NULL);
    if (err == WHERRY_OK && backup->rc != 0) {
        err = backup_refuse("cannot read the store", backup->rc);
    }
    return err;
}

static wherry_err copy(struct backup *backup) {
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    struct sigaction before;
    uint8_t *chunk = malloc(CHUNK);
    CHECK(chunk != NULL);
    sigaction(SIGPIPE, &ignore, &before);
    wherry_err err = copy_run(backup, chunk);
    sigaction(SIGPIPE, &before, NULL);
    free(chunk);
    return err;
}

/* ---- what makes it whole --------------------------------------------------------------------- */

static int copy_mark(struct lmdb *copy) {
    MDB_txn *txn = NULL;
    int rc = mdb_txn_begin(copy->env, NULL, 0, &txn);
    if (rc != 0) {
        return rc;
    }
    copy->row.is_copy = true;
    copy->row.has_journal = false;
    rc = lmdb_put_row(txn, copy->objects, &copy->row);
    if (rc != 0) {
        mdb_txn_abort(txn);
        return rc;
    }
    return mdb_txn_commit(txn);
}

/* The batches that stood in the journal when the copying began, and are not in the copy. */
static wherry_err copy_complete(const struct backup *backup, struct lmdb *copy) {
    struct journal_found found = {.damage = backup->journal_damage};
    int rc = 0;
    if (!copy->row.has_journal) {
        return WHERRY_OK;
    }
    if (found.damage == NULL) {
        journal_follow(backup->journal, &copy->row, &found);
    }
    if (found.damage == NULL && found.batches > 0) {
        rc = lmdb_take_up(copy, bytes_span(&found.kept), found.last);
    }
    const char *damage = found.damage;
    journal_found_fini(&found);
    return damage != NULL ? err_set(WHERRY_E_PROTOCOL, "backup: the store's journal: %s", damage)
           : rc != 0      ? backup_refuse("the copy", rc)
                          : WHERRY_OK;
}

static wherry_err finish_in(struct backup *backup, struct lmdb *copy, uint64_t *records) {
    int rc = lmdb_env_open(backup->part, MDB_NOSUBDIR | MDB_NOLOCK, backup->url.map_bytes,
                           &copy->env);
    wherry_err err = rc != 0 ? backup_refuse("the copy", rc) : lmdb_row_look(copy);
    err = err != WHERRY_OK ? err : copy_complete(backup, copy);
    if (err != WHERRY_OK) {
        return err;
    }
    for (uint32_t kind = 1; kind < FORMAT_KINDS; kind++) {
        *records += copy->row.counts[kind];
    }
    rc = copy_mark(copy);
    return rc != 0 ? backup_refuse("the copy", rc) : WHERRY_OK;
}

static wherry_err finish(struct backup *backup, uint64_t *records) {
    struct lmdb copy = {.url = backup->url, .last_arrival = UINT64_MAX};
    memset(copy.last_task, 0xff, sizeof copy.last_task);
    wherry_err err = finish_in(backup, &copy, records);
    mdb_env_close(copy.env);
    return err;
}

/* ---- the journal ----------------------------------------------------------------------------- */

/* Before LMDB's file: what is merged in between is in both. While a batch is being written the
 * reading of its sectors may be torn, so it is read again. */
static wherry_err journal_take(struct backup *backup) {
    bool whole = false;
    int folder = open(backup->url.folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0) {
        return backup_refuse(backup->url.folder, errno);
    }
    for (int i = 0; i < JOURNAL_LOOKS && !whole; i++) {
        backup->journal_damage = journal_load(folder, backup->journal);
        whole = backup->journal_damage == NULL && journal_is_whole(backup->journal);
    }
    close(folder);
    if (!whole && backup->journal_damage == NULL) {
        backup->journal_damage = "a sector does not fit its check";
    }
    return WHERRY_OK; /* a store in good order needs none: copy_complete() knows */
}

/* ---- the whole ------------------------------------------------------------------------------- */

static bool folder_of_sync(const char *path) {
    char folder[PATH_SIZE];
    const char *slash = strrchr(path, '/');
    snprintf(folder, sizeof folder, "%.*s", slash == NULL ? 1 : (int)(slash - path + 1),
             slash == NULL ? "." : path);
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool ok = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0) {
        close(fd);
    }
    return ok;
}

/* Never over a file that is there. */
static wherry_err publish(const struct backup *backup, const char *file) {
    if (fsync(backup->out) != 0) {
        return backup_refuse(backup->part, errno);
    }
    if (renameat2(AT_FDCWD, backup->part, AT_FDCWD, file, RENAME_NOREPLACE) != 0 ||
        !folder_of_sync(file)) {
        return backup_refuse(file, errno);
    }
    return WHERRY_OK;
}

static wherry_err copy_and_publish(struct backup *backup, const char *file,
                                   struct store_backup *told) {
    wherry_err err = journal_take(backup);
    err = err != WHERRY_OK ? err : copy(backup);
    if (err != WHERRY_OK) {
        return err;
    }
    err = finish(backup, &told->records);
    err = err != WHERRY_OK ? err : publish(backup, file);
    struct stat status;
    told->bytes = fstat(backup->out, &status) == 0 ? (uint64_t)status.st_size : 0;
    return err;
}

static wherry_err target_open(struct backup *backup, const char *file) {
    if (access(file, F_OK) == 0) {
        return err_set(WHERRY_E_INVALID, "backup: %s is there already: name a file that is not",
                       file);
    }
    snprintf(backup->part, sizeof backup->part, "%s.part", file);
    backup->out = open(backup->part, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    return backup->out >= 0 ? WHERRY_OK : backup_refuse(backup->part, errno);
}

wherry_err lmdb_backup_within(const char *url, const char *file, uint64_t growth_bytes,
                              struct store_backup *told) {
    struct backup backup = {.out = -1};
    wherry_err err = lmdb_url_read(url, &backup.url);
    if (err != WHERRY_OK || (err = target_open(&backup, file)) != WHERRY_OK) {
        return err;
    }
    backup.source_bytes = source_size(&backup.url);
    backup.growth_bytes = growth_bytes;
    backup.journal = malloc(JOURNAL_BYTES);
    CHECK(backup.journal != NULL);
    int rc = lmdb_env_open(backup.url.folder, MDB_RDONLY, backup.url.map_bytes, &backup.env);
    err = rc != 0 ? backup_refuse(backup.url.folder, rc) : copy_and_publish(&backup, file, told);
    mdb_env_close(backup.env);
    free(backup.journal);
    if (err != WHERRY_OK) {
        unlink(backup.part);
    }
    close(backup.out);
    return err;
}

wherry_err lmdb_backup(const char *url, const char *file, struct store_backup *told) {
    struct lmdb_url read;
    wherry_err err = lmdb_url_read(url, &read);
    if (err != WHERRY_OK) {
        return err;
    }
    uint64_t half = source_size(&read) / 2;
    return lmdb_backup_within(url, file, half > growth_least_bytes ? half : growth_least_bytes,
                              told);
}
