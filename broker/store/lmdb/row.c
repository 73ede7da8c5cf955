/* SPDX-License-Identifier: MIT
 *
 * The store's row, in every transaction: whose the store is, its epoch, its last batch, and how
 * much there is of everything.
 *
 * The epoch of a start is one above the last, and at least the time in nanoseconds: so it also
 * differs from those that a copy of this store gave in another future. */
#include "broker/store/lmdb/lmdb.h"

#include "common/entropy.h"
#include "common/err.h"
#include "common/log.h"

#include <string.h>
#include <time.h>

int lmdb_tables_open(struct lmdb *lmdb, MDB_txn *txn, unsigned flags) {
    int rc = mdb_dbi_open(txn, "objects", flags, &lmdb->objects);
    return rc != 0 ? rc : mdb_dbi_open(txn, "tasks", flags, &lmdb->tasks);
}

int lmdb_put_row(MDB_txn *txn, MDB_dbi objects, struct lmdb_row *row) {
    uint8_t name = 0;
    MDB_val key = {1, &name};
    MDB_val value = {FORMAT_ROW_SIZE, NULL};
    int rc = mdb_put(txn, objects, &key, &value, MDB_RESERVE);
    if (rc == 0) {
        row->transaction = mdb_txn_id(txn);
        format_row_write(row, value.mv_data);
    }
    return rc;
}

/* ---- at a start ------------------------------------------------------------------------------ */

static wherry_err row_read(struct lmdb *lmdb, MDB_txn *txn) {
    uint8_t name = 0;
    uint32_t version = 0;
    MDB_val key = {1, &name};
    MDB_val value;
    int rc = mdb_get(txn, lmdb->objects, &key, &value);
    if (rc != 0) {
        return lmdb_refuse(lmdb, "its row", rc);
    }
    switch (format_row_read((struct span){value.mv_data, value.mv_size}, &lmdb->row, &version)) {
    case FORMAT_DAMAGED:
        return err_set(WHERRY_E_PROTOCOL, "the store in %s is damaged: its row does not fit its "
                                          "check", lmdb->url.folder);
    case FORMAT_UNKNOWN_VERSION:
        return err_set(WHERRY_E_PROTOCOL,
                       "the store in %s has format %u; this broker reads format %d: start the "
                       "version that wrote it",
                       lmdb->url.folder, (unsigned)version, FORMAT_ROW_VERSION);
    case FORMAT_OK:
        break;
    }
    return WHERRY_OK;
}

static uint64_t wall_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static uint64_t epoch_after(uint64_t epoch) {
    uint64_t now = wall_ns();
    return now > epoch ? now : epoch + 1;
}

/* The last transaction must be the row's: else the row, or the page that led to it, is an old one.
 */
static wherry_err row_look_in(struct lmdb *lmdb, MDB_txn *txn) {
    int rc = lmdb_tables_open(lmdb, txn, 0);
    if (rc != 0) {
        return lmdb_refuse(lmdb, "its tables", rc);
    }
    wherry_err err = row_read(lmdb, txn);
    if (err == WHERRY_OK && lmdb->row.transaction != mdb_txn_id(txn)) {
        err = err_set(WHERRY_E_PROTOCOL, "the store in %s is damaged: its row is not of its last "
                                         "transaction", lmdb->url.folder);
    }
    return err;
}

wherry_err lmdb_row_look(struct lmdb *lmdb) {
    MDB_txn *txn = NULL;
    int rc = mdb_txn_begin(lmdb->env, NULL, MDB_RDONLY, &txn);
    if (rc != 0) {
        return lmdb_refuse(lmdb, "cannot begin", rc);
    }
    wherry_err err = row_look_in(lmdb, txn);
    if (err != WHERRY_OK) {
        mdb_txn_abort(txn);
        return err;
    }
    rc = mdb_txn_commit(txn); /* which keeps the tables open */
    return rc != 0 ? lmdb_refuse(lmdb, "cannot read", rc) : WHERRY_OK;
}

void lmdb_row_take_copy(struct lmdb *lmdb) {
    if (lmdb->row.is_copy) {
        lmdb->row.is_copy = false;
        lmdb->row.has_journal = false;
        entropy_fill(lmdb->row.uuid, sizeof lmdb->row.uuid);
        log_event(LOG_WARN, "the store is a backup's copy: what was accepted after it is not here, "
                            "and sessions of that time are refused",
                  log_text("folder", lmdb->url.folder));
    }
}

wherry_err lmdb_row_raise(struct lmdb *lmdb) {
    MDB_txn *txn = NULL;
    lmdb->row.epoch = epoch_after(lmdb->row.epoch);
    lmdb->row.batch = 0;
    lmdb->row.has_journal = true;
    int rc = mdb_txn_begin(lmdb->env, NULL, 0, &txn);
    if (rc != 0) {
        return lmdb_refuse(lmdb, "cannot begin", rc);
    }
    rc = lmdb_put_row(txn, lmdb->objects, &lmdb->row);
    if (rc != 0) {
        mdb_txn_abort(txn);
        return lmdb_refuse(lmdb, "its row", rc);
    }
    rc = mdb_txn_commit(txn);
    return rc != 0 ? lmdb_refuse(lmdb, "cannot write", rc) : WHERRY_OK;
}
