/* SPDX-License-Identifier: MIT
 *
 * The reserve (rules §1.4): so much disk is allocated ahead of the last page in use that what was
 * promised always fits, and the broker is told before it does not.
 *
 *     0 ───── pages in use, and free ones among them ─────┤ last page
 *                                                         ├──── reserve ────┤── step ──┤ allocated
 *
 * When the disk is full, what matters is what the store itself has left: what is allocated behind
 * the last page, and pages inside that were given back, by half, because a large record needs
 * neighbours. Where files cannot be allocated ahead, the file system's free space is asked. */
#include "broker/store/lmdb/lmdb.h"

#include "common/log.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/statvfs.h>

static uint64_t used_bytes(const struct lmdb *lmdb, uint64_t *page_size) {
    MDB_envinfo info;
    MDB_stat stat;
    mdb_env_info(lmdb->env, &info);
    mdb_env_stat(lmdb->env, &stat);
    *page_size = stat.ms_psize;
    return ((uint64_t)info.me_last_pgno + 1) * stat.ms_psize;
}

/* Pages that earlier transactions gave back: LMDB keeps them in table 0, as lists with their
 * lengths in front. */
static uint64_t free_pages(const struct lmdb *lmdb) {
    MDB_txn *txn = NULL;
    MDB_cursor *cursor = NULL;
    MDB_val key;
    MDB_val value;
    uint64_t count = 0;
    if (mdb_txn_begin(lmdb->env, NULL, MDB_RDONLY, &txn) != 0) {
        return 0;
    }
    if (mdb_cursor_open(txn, 0, &cursor) == 0) {
        while (mdb_cursor_get(cursor, &key, &value, MDB_NEXT) == 0) {
            size_t length = 0;
            memcpy(&length, value.mv_data, sizeof length);
            count += length;
        }
        mdb_cursor_close(cursor);
    }
    mdb_txn_abort(txn);
    return count;
}

static bool file_system_has(const struct lmdb *lmdb, uint64_t bytes) {
    struct statvfs system;
    return fstatvfs(lmdb->folder_fd, &system) == 0 &&
           (uint64_t)system.f_bavail * system.f_frsize >= bytes;
}

/* False: no space. */
static bool allocate(struct lmdb *lmdb, uint64_t bytes) {
    int fd = -1;
    mdb_reader_check(lmdb->env, NULL); /* a copier that was killed would have it grow for ever */
    mdb_env_get_fd(lmdb->env, &fd);
    if (fallocate(fd, 0, 0, (off_t)bytes) == 0) {
        lmdb->reserve.allocated_bytes = bytes;
        return true;
    }
    if (errno == EOPNOTSUPP || errno == ENOSYS) {
        log_event(LOG_WARN, "this file system cannot allocate ahead: the store's reserve is what "
                            "is free there, which others may take",
                  log_text("folder", lmdb->url.folder));
        lmdb->reserve.by_free_space = true;
    }
    return false;
}

bool lmdb_reserve_look(struct lmdb *lmdb) {
    struct lmdb_reserve *reserve = &lmdb->reserve;
    uint64_t wanted = lmdb->url.reserve_bytes;
    uint64_t page_size = 0;
    uint64_t used = used_bytes(lmdb, &page_size);
    bool may_grow = used + wanted <= lmdb->url.map_bytes;
    if (may_grow && !reserve->by_free_space &&
        (used + wanted <= reserve->allocated_bytes ||
         allocate(lmdb, used + wanted + wanted / 8) || allocate(lmdb, used + wanted))) {
        return true;
    }
    if (may_grow && reserve->by_free_space && file_system_has(lmdb, wanted)) {
        return true;
    }
    uint64_t behind = reserve->allocated_bytes > used ? reserve->allocated_bytes - used : 0;
    return behind + free_pages(lmdb) * page_size / 2 >= wanted;
}
