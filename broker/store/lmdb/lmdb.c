/* SPDX-License-Identifier: MIT
 *
 * The life of an LMDB store: opened, made when there is none, closed.
 *
 * A new one is made aside, as data.mdb.new, with its row inside, synced, and renamed: so
 * DIR/data.mdb is never half a store, whenever the power fails. What an attempt left behind is
 * removed by the next one.
 */
#include "broker/store/lmdb/lmdb.h"
#include "broker/store/lmdb/folder.h"
#include "broker/store/lmdb/guard.h"

#include "common/check.h"
#include "common/entropy.h"
#include "common/err.h"
#include "common/log.h"
#include "common/plant.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#define MAP_LEAST (UINT64_C(256) << 20)

enum { TABLES_MAX = 4, PATH_SIZE = PATH_MAX + 32 };

wherry_err lmdb_refuse(const struct lmdb *lmdb, const char *what, int rc) {
    bool damaged = rc == MDB_INVALID || rc == MDB_CORRUPTED || rc == MDB_PAGE_NOTFOUND ||
                   rc == MDB_VERSION_MISMATCH || rc == MDB_PANIC || rc == MDB_NOTFOUND;
    return err_set(damaged ? WHERRY_E_PROTOCOL : WHERRY_E_SYSTEM, "the store in %s: %s: %s",
                   lmdb->url.folder, what, mdb_strerror(rc));
}

static wherry_err lmdb_refuse_errno(const struct lmdb *lmdb, const char *what) {
    return lmdb_refuse(lmdb, what, errno);
}

void lmdb_map_fit(struct lmdb_url *url) {
    uint64_t wanted = url->map_bytes;
    for (; url->map_bytes > MAP_LEAST; url->map_bytes /= 4) {
        void *probe = mmap(NULL, url->map_bytes, PROT_READ,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (probe != MAP_FAILED) {
            munmap(probe, url->map_bytes);
            break;
        }
    }
    if (url->map_bytes != wanted) {
        log_event(LOG_WARN, "there is less address space than the store may need",
                  log_number("wanted_bytes", (int64_t)wanted),
                  log_number("map_bytes", (int64_t)url->map_bytes));
    }
}

/* ---- making one ------------------------------------------------------------------------------ */

int lmdb_env_open(const char *path, unsigned flags, uint64_t map_bytes, MDB_env **out) {
    int rc = mdb_env_create(out);
    rc = rc != 0 ? rc : mdb_env_set_mapsize(*out, map_bytes);
    rc = rc != 0 ? rc : mdb_env_set_maxdbs(*out, TABLES_MAX);
    rc = rc != 0 ? rc : mdb_env_set_assert(*out, guard_asserted);
    return rc != 0 ? rc : mdb_env_open(*out, path, flags, 0600);
}

int lmdb_make_tables(struct lmdb *lmdb) {
    MDB_txn *txn = NULL;
    int rc = mdb_txn_begin(lmdb->env, NULL, 0, &txn);
    if (rc != 0) {
        return rc;
    }
    rc = lmdb_tables_open(lmdb, txn, MDB_CREATE);
    rc = rc != 0 ? rc : lmdb_put_row(txn, lmdb->objects, &lmdb->row);
    if (rc != 0) {
        mdb_txn_abort(txn);
        return rc;
    }
    return mdb_txn_commit(txn);
}

/* Epoch 0: no start was ever given one. */
static wherry_err lmdb_make(struct lmdb *lmdb) {
    char path[PATH_SIZE];
    snprintf(path, sizeof path, "%s/data.mdb.new", lmdb->url.folder);
    unlinkat(lmdb->folder_fd, "data.mdb.new", 0);
    unlinkat(lmdb->folder_fd, "data.mdb.new-lock", 0);
    entropy_fill(lmdb->row.uuid, sizeof lmdb->row.uuid);
    int rc = lmdb_env_open(path, MDB_NOSUBDIR, lmdb->url.map_bytes, &lmdb->env);
    rc = rc != 0 ? rc : lmdb_make_tables(lmdb);
    mdb_env_close(lmdb->env);
    lmdb->env = NULL;
    if (rc != 0) {
        return lmdb_refuse(lmdb, "cannot make it", rc);
    }
    unlinkat(lmdb->folder_fd, "data.mdb.new-lock", 0);
    if (renameat(lmdb->folder_fd, "data.mdb.new", lmdb->folder_fd, "data.mdb") != 0 ||
        fsync(lmdb->folder_fd) != 0) {
        return lmdb_refuse_errno(lmdb, "cannot make it");
    }
    log_event(LOG_INFO, "a new store was made", log_text("folder", lmdb->url.folder));
    return WHERRY_OK;
}

/* ---- opening it ------------------------------------------------------------------------------ */

/* Before the first write, which takes pages from it: LMDB believes whatever stands there. */
static wherry_err free_ready(struct lmdb *lmdb) {
    MDB_txn *txn = NULL;
    int rc = mdb_txn_begin(lmdb->env, NULL, MDB_RDONLY, &txn);
    if (rc == 0) {
        rc = lmdb_free_check(lmdb->env, txn);
        mdb_txn_abort(txn);
    }
    return rc == 0 ? WHERRY_OK : lmdb_refuse(lmdb, "its list of free pages", rc);
}

static wherry_err env_ready(struct lmdb *lmdb) {
    if (faccessat(lmdb->folder_fd, "data.mdb", F_OK, 0) != 0) {
        if (errno != ENOENT) {
            return lmdb_refuse_errno(lmdb, "data.mdb");
        }
        wherry_err err = lmdb_make(lmdb);
        if (err != WHERRY_OK) {
            return err;
        }
    }
    unsigned flags = PLANTED(PLANT_STORE_UNSYNCED)        ? MDB_NOSYNC
                     : PLANTED(PLANT_STORE_META_UNSYNCED) ? MDB_NOMETASYNC
                                                          : 0;
    int rc = lmdb_env_open(lmdb->url.folder, flags, lmdb->url.map_bytes, &lmdb->env);
    if (rc != 0) {
        return lmdb_refuse(lmdb, "cannot open it", rc);
    }
    wherry_err err = lmdb_metas_check(lmdb->folder_fd, lmdb->url.folder);
    err = err != WHERRY_OK ? err : free_ready(lmdb);
    err = err != WHERRY_OK ? err : lmdb_row_look(lmdb);
    err = err != WHERRY_OK ? err : lmdb_journal_ready(lmdb);
    return err != WHERRY_OK ? err : lmdb_row_raise(lmdb);
}

static void identity_take(struct lmdb *lmdb) {
    struct store_identity *identity = &lmdb->identity;
    memcpy(identity->uuid, lmdb->row.uuid, sizeof identity->uuid);
    identity->epoch = lmdb->row.epoch;
    identity->keeps = true;
    identity->commit_bytes_max = lmdb->url.reserve_bytes / LMDB_RESERVE_COMMITS;
    for (uint32_t kind = 1; kind < FORMAT_KINDS; kind++) {
        identity->records += lmdb->row.counts[kind];
    }
}

/* ---- the port -------------------------------------------------------------------------------- */

static struct lmdb *lmdb_create(void) {
    pthread_condattr_t monotonic;
    struct lmdb *lmdb = calloc(1, sizeof *lmdb);
    CHECK(lmdb != NULL);
    lmdb->store.ops = &store_lmdb_ops;
    lmdb->folder_fd = -1;
    lmdb->event_fd = -1;
    lmdb->journal.fd = -1;
    memset(lmdb->last_task, 0xff, sizeof lmdb->last_task);
    lmdb->last_arrival = UINT64_MAX;
    pthread_mutex_init(&lmdb->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&lmdb->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    return lmdb;
}

static void lmdb_close(struct store **store) {
    struct lmdb *lmdb = lmdb_of(*store);
    lmdb_writer_stop(lmdb);
    if (lmdb->env != NULL) {
        mdb_env_close(lmdb->env);
    }
    journal_close(&lmdb->journal);
    if (lmdb->event_fd >= 0) {
        close(lmdb->event_fd);
    }
    if (lmdb->folder_fd >= 0) {
        close(lmdb->folder_fd); /* and with it the lock */
    }
    pthread_cond_destroy(&lmdb->wake);
    pthread_mutex_destroy(&lmdb->lock);
    free(lmdb);
    *store = NULL;
}

static wherry_err lmdb_begin(struct lmdb *lmdb) {
    wherry_err err = folder_open(lmdb->url.folder, true, &lmdb->folder_fd);
    if (err != WHERRY_OK) {
        return err;
    }
    guard_begin(lmdb->url.folder);
    err = env_ready(lmdb);
    guard_end();
    if (err != WHERRY_OK) {
        return err;
    }
    identity_take(lmdb);
    mdb_reader_check(lmdb->env, NULL); /* of copiers that were killed */
    lmdb->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (lmdb->event_fd < 0) {
        return lmdb_refuse_errno(lmdb, "eventfd");
    }
    atomic_store(&lmdb->has_space, lmdb_reserve_look(lmdb));
    return lmdb_writer_start(lmdb);
}

static wherry_err lmdb_check(const char *url) {
    struct lmdb_url read;
    return lmdb_url_read(url, &read);
}

static wherry_err lmdb_open(const char *url, struct store **out) {
    struct lmdb *lmdb = lmdb_create();
    struct store *store = &lmdb->store;
    wherry_err err = lmdb_url_read(url, &lmdb->url);
    if (err == WHERRY_OK) {
        lmdb_map_fit(&lmdb->url);
        err = lmdb_begin(lmdb);
    }
    if (err != WHERRY_OK) {
        lmdb_close(&store);
        return err;
    }
    *out = store;
    return WHERRY_OK;
}

static void lmdb_identity(const struct store *store, struct store_identity *out) {
    *out = lmdb_of(store)->identity;
}

static uint64_t lmdb_committed(const struct store *store) {
    return atomic_load(&lmdb_of(store)->committed);
}

static wherry_err lmdb_failed(const struct store *store) {
    return atomic_load(&lmdb_of(store)->failed) ? WHERRY_E_SYSTEM : WHERRY_OK;
}

static bool lmdb_has_space(const struct store *store) {
    return atomic_load(&lmdb_of(store)->has_space);
}

static int lmdb_fd(const struct store *store) {
    return lmdb_of(store)->event_fd;
}

const struct store_ops store_lmdb_ops = {
    .scheme = "lmdb:",
    .help = "lmdb:DIR, a folder on a local disk",
    .check = lmdb_check,
    .open = lmdb_open,
    .identity = lmdb_identity,
    .scan = lmdb_scan,
    .commit = lmdb_commit,
    .committed = lmdb_committed,
    .failed = lmdb_failed,
    .has_space = lmdb_has_space,
    .fd = lmdb_fd,
    .close = lmdb_close,
    .backup = lmdb_backup,
    .verify = lmdb_verify,
};
