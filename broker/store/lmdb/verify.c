/* SPDX-License-Identifier: MIT
 *
 * Looking at a store that nobody serves: everything in it is read, past whatever is damaged, and
 * nothing is changed. The folder's lock is taken, LMDB's own is not: not even lock.mdb is touched.
 *
 * What is looked at besides the records: the row, that there is as much of each kind as it says,
 * the journal, and the list of free pages. Where the meta pages, or the row, are not those of one
 * last transaction, nothing is read: records of an old state are whole as well. */
#include "broker/store/lmdb/folder.h"
#include "broker/store/lmdb/guard.h"
#include "broker/store/lmdb/salvage.h"
#include "broker/store/lmdb/scan.h"

#include "common/err.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    META_PAGE_SIZE_AT = 40,    /* of a meta page: mm_dbs[0].md_pad, … */
    META_TRANSACTION_AT = 144, /* … and mm_txnid */
    META_BYTES = 152,
    PAGES_UNWRITTEN = 1024, /* at the end of a file: allocated, and given back before they were */
};

/* ---- meta pages ------------------------------------------------------------------------------ */

static bool meta_read(int fd, uint64_t at, uint32_t *page_bytes, uint64_t *transaction) {
    uint8_t meta[META_BYTES];
    if (pread(fd, meta, sizeof meta, (off_t)at) != (ssize_t)sizeof meta) {
        return false;
    }
    memcpy(page_bytes, meta + META_PAGE_SIZE_AT, sizeof *page_bytes);
    memcpy(transaction, meta + META_TRANSACTION_AT, sizeof *transaction);
    return true;
}

/* Transaction n is written to page n mod 2, so the other page holds n − 1. */
static bool metas_follow(int fd) {
    uint32_t page_bytes[2];
    uint64_t transaction[2];
    return meta_read(fd, 0, &page_bytes[0], &transaction[0]) && page_bytes[0] >= 512 &&
           page_bytes[0] <= 65536 &&
           meta_read(fd, page_bytes[0], &page_bytes[1], &transaction[1]) &&
           page_bytes[0] == page_bytes[1] && transaction[0] % 2 == 0 && transaction[1] % 2 == 1 &&
           (transaction[0] + 1 == transaction[1] || transaction[1] + 1 == transaction[0]);
}

wherry_err lmdb_metas_check(int folder_fd, const char *folder) {
    int fd = openat(folder_fd, "data.mdb", O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return err_set(WHERRY_E_SYSTEM, "the store in %s: data.mdb: %s", folder, strerror(errno));
    }
    bool follow = metas_follow(fd);
    close(fd);
    return follow ? WHERRY_OK
                  : err_set(WHERRY_E_PROTOCOL,
                            "the store in %s is damaged: its meta pages do not follow each other, "
                            "and which of its states is the last is not known; start on a backup",
                            folder);
}

/* ---- the list of free pages ------------------------------------------------------------------ */

static bool free_fits(MDB_val key, MDB_val value, size_t last_page) {
    const size_t *pages = value.mv_data;
    bool fits = key.mv_size == sizeof *pages && value.mv_size >= sizeof *pages &&
                value.mv_size % sizeof *pages == 0 &&
                value.mv_size / sizeof *pages == pages[0] + 1;
    for (size_t i = 1; fits && i <= pages[0]; i++) {
        fits = pages[i] <= last_page;
    }
    return fits;
}

/* LMDB's table 0: pages by the transaction that freed them, each entry a count and so many page
 * numbers. */
int lmdb_free_check(MDB_env *env, MDB_txn *txn) {
    MDB_cursor *cursor = NULL;
    MDB_envinfo info;
    MDB_stat stat = {0};
    MDB_val key;
    MDB_val value;
    size_t entries = 0;
    int rc = mdb_cursor_open(txn, 0, &cursor);
    mdb_env_info(env, &info);
    rc = rc != 0 ? rc : mdb_stat(txn, 0, &stat);
    while (rc == 0 && (rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
        bool fits = ++entries <= stat.ms_entries && free_fits(key, value, info.me_last_pgno);
        rc = fits ? 0 : MDB_CORRUPTED;
    }
    mdb_cursor_close(cursor);
    return rc != MDB_NOTFOUND ? rc : entries == stat.ms_entries ? 0 : MDB_CORRUPTED;
}

/* ---- what is there --------------------------------------------------------------------------- */

struct look {
    struct lmdb lmdb; /* url, folder_fd, env, tables and row alone */
    const struct store_verify *how;
    struct store_verified *out;
    struct scan scan;
    struct salvage *salvage; /* NULL: only look */
    struct journal_found journal;
    struct store_batch changes; /* in it, by key */
    uint32_t change_at;         /* the first one behind the last record */
    MDB_dbi *table;          /* being opened, … */
    const char *name;
    bool row_read;
    uint32_t row_version; /* an unknown one; else 0 */
};

static wherry_err look_take(struct look *look, const struct store_change *record) {
    wherry_err err = look->how->each(look->how->context, record);
    return err == WHERRY_OK && look->salvage != NULL ? salvage_take(look->salvage, record) : err;
}

static const struct store_change *look_change(const struct look *look) {
    bool some = look->change_at < look->changes.change_count;
    return some ? &look->changes.changes[look->change_at] : NULL;
}

/* What the journal puts before `key`; NULL: all that is left. */
static wherry_err look_until(struct look *look, const uint8_t *key) {
    const struct store_change *change = look_change(look);
    wherry_err err = WHERRY_OK;
    while (err == WHERRY_OK && change != NULL &&
           (key == NULL || memcmp(change->record.key, key, RECORD_KEY_SIZE) < 0)) {
        err = change->is_delete ? WHERRY_OK : look_take(look, change);
        look->change_at++;
        change = look_change(look);
    }
    return err;
}

/* The record as the next start will have it: the journal may have changed it. */
static wherry_err look_each(void *context, const struct store_change *record) {
    struct look *look = context;
    wherry_err err = look_until(look, record->record.key);
    const struct store_change *change = look_change(look);
    if (change != NULL && memcmp(change->record.key, record->record.key, RECORD_KEY_SIZE) == 0) {
        look->change_at++;
        record = change;
    }
    return err != WHERRY_OK || record->is_delete ? err : look_take(look, record);
}

static void look_damage(void *context, const struct store_damaged *told) {
    struct look *look = context;
    look->out->damages++;
    look->how->damage(look->how->context, told);
}

static void look_tell(struct look *look, const char *what) {
    look_damage(look, &(struct store_damaged){.what = what});
}

static int step_open(void *context) {
    struct look *look = context;
    struct lmdb *lmdb = &look->lmdb;
    int rc =
        lmdb_env_open(lmdb->url.folder, MDB_RDONLY | MDB_NOLOCK, lmdb->url.map_bytes, &lmdb->env);
    return rc != 0 ? rc : mdb_txn_begin(lmdb->env, NULL, MDB_RDONLY, &look->scan.txn);
}

static int step_table(void *context) {
    struct look *look = context;
    return mdb_dbi_open(look->scan.txn, look->name, 0, look->table);
}

static int step_row(void *context) {
    struct look *look = context;
    uint8_t name = 0;
    uint32_t version = 0;
    MDB_val key = {1, &name};
    MDB_val value;
    int rc = mdb_get(look->scan.txn, look->lmdb.objects, &key, &value);
    if (rc != 0) {
        return rc;
    }
    struct span found = {value.mv_data, value.mv_size};
    enum format_found how = format_row_read(found, &look->lmdb.row, &version);
    look->row_read = how == FORMAT_OK;
    look->row_version = how == FORMAT_UNKNOWN_VERSION ? version : 0;
    return 0;
}

/* An old row would be one of an old state, whose records are whole and no longer true. */
static wherry_err look_at_row(struct look *look) {
    struct store_verified *out = look->out;
    const struct lmdb_row *row = &look->lmdb.row;
    int rc = guard_call(step_row, look);
    if (rc == 0 && look->row_version != 0) {
        return err_set(WHERRY_E_PROTOCOL,
                       "the store in %s has format %u; this broker reads up to %d: start the "
                       "version that wrote it",
                       look->lmdb.url.folder, (unsigned)look->row_version, FORMAT_ROW_VERSION);
    }
    if (rc != 0 || !look->row_read) {
        look->row_read = false;
        look_tell(look, "the store's row does not fit its check");
        return WHERRY_OK;
    }
    if (row->transaction != mdb_txn_id(look->scan.txn)) {
        return err_set(WHERRY_E_PROTOCOL,
                       "the store in %s is damaged: its row is not of its last transaction, so "
                       "what it leads to may be old; start on a backup",
                       look->lmdb.url.folder);
    }
    memcpy(out->uuid, row->uuid, sizeof out->uuid);
    memcpy(out->expected, row->counts, sizeof out->expected);
    out->epoch = row->epoch;
    return WHERRY_OK;
}

/* What the next start takes up. Of a damaged one, what stands before the damage. Without the row
 * nobody knows what belongs to it. */
static void look_at_journal(struct look *look) {
    const struct lmdb_row *row = &look->lmdb.row;
    char what[128];
    if (!look->row_read) {
        look_tell(look, "without the row the journal is left out, if there is anything in it");
        return;
    }
    if (row->is_copy || !row->has_journal) {
        return;
    }
    journal_read(look->lmdb.folder_fd, row, &look->journal);
    lmdb_gather(&look->lmdb, bytes_span(&look->journal.kept), NULL, &look->changes);
    look->out->waiting = look->changes.change_count;
    if (look->journal.damage != NULL) {
        snprintf(what, sizeof what, "the journal: %s; what stands behind it cannot be known",
                 look->journal.damage);
        look_tell(look, what);
    }
}

static bool look_open_table(struct look *look, const char *name, MDB_dbi *table) {
    char what[64];
    look->name = name;
    look->table = table;
    if (guard_call(step_table, look) == 0) {
        return true;
    }
    snprintf(what, sizeof what, "the table \"%s\" cannot be opened", name);
    look_tell(look, what);
    return false;
}

static void look_compare(struct look *look) {
    const struct store_verified *out = look->out;
    char what[128];
    for (uint32_t i = 0; look->row_read && i < FORMAT_KINDS; i++) {
        if (out->found[i] != out->expected[i]) {
            snprintf(what, sizeof what,
                     "of kind %u there are %" PRIu64 " records, and there should be %" PRIu64, i,
                     out->found[i], out->expected[i]);
            look_tell(look, what);
        }
    }
}

/* A start would write there: LMDB takes new pages from behind the last one of its meta page. */
static void look_at_end(struct look *look) {
    MDB_envinfo info;
    MDB_stat stat;
    mdb_env_info(look->lmdb.env, &info);
    mdb_env_stat(look->lmdb.env, &stat);
    if (info.me_last_pgno > look->out->bytes / stat.ms_psize + PAGES_UNWRITTEN) {
        look_tell(look, "the last page is said to be far behind the end of the file");
    }
}

static int step_free(void *context) {
    struct look *look = context;
    return lmdb_free_check(look->lmdb.env, look->scan.txn);
}

static wherry_err look_at_all(struct look *look) {
    struct scan *scan = &look->scan;
    struct lmdb *lmdb = &look->lmdb;
    wherry_err err = WHERRY_OK;
    if (look_open_table(look, "objects", &lmdb->objects)) {
        err = look_at_row(look);
        if (err == WHERRY_OK) {
            look_at_journal(look);
            err = scan_table(scan, lmdb->objects);
        }
    }
    if (err == WHERRY_OK && look_open_table(look, "tasks", &lmdb->tasks)) {
        err = scan_table(scan, lmdb->tasks);
    }
    err = err != WHERRY_OK ? err : look_until(look, NULL);
    memcpy(look->out->found, scan->counts, sizeof look->out->found);
    look_compare(look);
    look_at_end(look);
    if (guard_call(step_free, look) != 0) {
        look_tell(look, "the list of free pages cannot be read");
    }
    return err;
}

/* ---- the whole ------------------------------------------------------------------------------- */

static wherry_err look_open(struct look *look) {
    struct lmdb *lmdb = &look->lmdb;
    struct stat status;
    wherry_err err = folder_open(lmdb->url.folder, false, &lmdb->folder_fd);
    if (err != WHERRY_OK) {
        return err;
    }
    if (fstatat(lmdb->folder_fd, "data.mdb", &status, 0) != 0) {
        return err_set(WHERRY_E_INVALID, "there is no store in %s: no data.mdb", lmdb->url.folder);
    }
    look->out->bytes = (uint64_t)status.st_size;
    int rc = guard_call(step_open, look);
    return rc == 0 ? lmdb_metas_check(lmdb->folder_fd, lmdb->url.folder)
                   : err_set(WHERRY_E_PROTOCOL,
                             "the store in %s cannot be read at all: %s; start on a backup of it",
                             lmdb->url.folder, mdb_strerror(rc));
}

static void look_close(struct look *look) {
    salvage_close(&look->salvage);
    if (look->scan.txn != NULL) {
        mdb_txn_abort(look->scan.txn);
    }
    mdb_env_close(look->lmdb.env);
    if (look->lmdb.folder_fd >= 0) {
        close(look->lmdb.folder_fd);
    }
    journal_found_fini(&look->journal);
    store_batch_fini(&look->changes);
    scan_fini(&look->scan);
}

wherry_err lmdb_verify(const char *url, bool salvage, const struct store_verify *how,
                       struct store_verified *out) {
    struct look look = {
        .how = how, .out = out, .lmdb = {.folder_fd = -1, .last_arrival = UINT64_MAX}};
    wherry_err err = lmdb_url_read(url, &look.lmdb.url);
    if (err != WHERRY_OK) {
        return err;
    }
    lmdb_map_fit(&look.lmdb.url);
    look.scan.folder = look.lmdb.url.folder;
    look.scan.each = look_each;
    look.scan.damage = look_damage;
    look.scan.context = &look;
    guard_begin(look.lmdb.url.folder);
    err = look_open(&look);
    if (err == WHERRY_OK && salvage) {
        err = salvage_open(&look.lmdb, &look.salvage);
    }
    err = err != WHERRY_OK ? err : look_at_all(&look);
    if (err == WHERRY_OK && salvage && out->damages > 0) {
        err = salvage_publish(look.salvage, look.row_read ? &look.lmdb.row : NULL, out->kept);
        out->salvaged = err == WHERRY_OK;
    }
    guard_end();
    look_close(&look);
    return err;
}
