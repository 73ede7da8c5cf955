/* SPDX-License-Identifier: MIT
 *
 * A batch as one transaction. What costs here is the way down the tree, so:
 *
 *   - one cursor a table walks over the batch: changes of one message stand together, and LMDB
 *     looks at the cursor's own page before it starts from the root;
 *   - a key above every other is appended (MDB_APPEND): no search, and full pages, not halves;
 *   - whoever overwrites or deletes has looked at the old record just before, to know its pieces
 *     and to keep the counts: the change itself then needs no search (MDB_CURRENT);
 *   - values are written in place (MDB_RESERVE).
 *
 * Nothing of `lmdb` changes before the transaction is committed, so that a batch for which there
 * was no space can be tried again as it is. */
#include "broker/store/lmdb/lmdb.h"

#include "common/plant.h"

#include <errno.h>
#include <string.h>

struct apply {
    MDB_txn *txn;
    MDB_cursor *objects;
    MDB_cursor *tasks;
    struct lmdb_row row;
    uint8_t last_task[RECORD_KEY_SIZE];
    uint64_t last_arrival;
};

bool lmdb_no_space(int rc) {
    return rc == ENOSPC || rc == EDQUOT || rc == MDB_MAP_FULL;
}

static MDB_val key_of(const struct store_change *change) {
    return (MDB_val){RECORD_KEY_SIZE, (void *)(uintptr_t)change->record.key};
}

/* ---- pieces of large records ----------------------------------------------------------------- */

static int piece_put(struct apply *apply, MDB_cursor *cursor, const struct store_change *change,
                     uint32_t number, bool is_new) {
    uint8_t key_bytes[FORMAT_PIECE_KEY];
    uint64_t body_size = change->record.head.size + change->payload.size;
    MDB_val key = {sizeof key_bytes, key_bytes};
    MDB_val value = {FORMAT_PIECE_HEAD + format_cut(body_size, number).size, NULL};
    format_piece_key(change->record.key, number, key_bytes);
    int rc = mdb_cursor_put(cursor, &key, &value, MDB_RESERVE);
    if (rc == 0) {
        format_piece_write(change, number, value.mv_data);
        apply->row.counts[0] += is_new;
    }
    return rc;
}

static int piece_delete(struct apply *apply, MDB_cursor *cursor, const uint8_t *record_key,
                        uint32_t number) {
    uint8_t key_bytes[FORMAT_PIECE_KEY];
    MDB_val key = {sizeof key_bytes, key_bytes};
    format_piece_key(record_key, number, key_bytes);
    int rc = mdb_cursor_get(cursor, &key, NULL, MDB_SET);
    rc = rc != 0 ? rc : mdb_cursor_del(cursor, 0);
    apply->row.counts[0] -= rc == 0;
    return rc;
}

/* The record itself is written; `old` pieces of an earlier one may be there. */
static int pieces_put(struct apply *apply, MDB_cursor *cursor, const struct store_change *change,
                      uint32_t old) {
    uint32_t count = format_pieces(change->record.head.size + change->payload.size);
    int rc = 0;
    for (uint32_t i = 1; i <= count && rc == 0; i++) {
        rc = piece_put(apply, cursor, change, i, i > old);
    }
    for (uint32_t i = count + 1; i <= old && rc == 0; i++) {
        rc = piece_delete(apply, cursor, change->record.key, i);
    }
    return rc;
}

/* ---- one change ------------------------------------------------------------------------------ */

/* MDB_APPEND for a key above all, 0 for one that is new all the same, else MDB_CURRENT: look. */
static unsigned task_place(struct apply *apply, const struct store_change *change) {
    uint64_t arrival = format_key_number(change->record.key);
    unsigned place = arrival > apply->last_arrival ? 0 : MDB_CURRENT;
    if (place == 0) {
        apply->last_arrival = arrival;
    }
    if (memcmp(change->record.key, apply->last_task, RECORD_KEY_SIZE) > 0) {
        memcpy(apply->last_task, change->record.key, RECORD_KEY_SIZE);
        place = MDB_APPEND;
    }
    return place;
}

static int change_put(struct apply *apply, MDB_cursor *cursor, const struct store_change *change,
                      unsigned place) {
    MDB_val key = key_of(change);
    MDB_val value = {0, NULL};
    uint32_t old_pieces = 0;
    bool is_new = place != MDB_CURRENT;
    if (!is_new) {
        int rc = mdb_cursor_get(cursor, &key, &value, MDB_SET_KEY);
        if (rc != 0 && rc != MDB_NOTFOUND) {
            return rc;
        }
        is_new = rc == MDB_NOTFOUND;
        place = is_new ? 0 : MDB_CURRENT;
        old_pieces = is_new ? 0
                            : format_pieces(format_body_size(
                                  (struct span){value.mv_data, value.mv_size}));
        key = key_of(change);
    }
    value = (MDB_val){format_record_size(change), NULL};
    int rc = mdb_cursor_put(cursor, &key, &value, MDB_RESERVE | place);
    if (rc != 0) {
        return rc;
    }
    format_record_write(change, value.mv_data);
    apply->row.counts[change->record.key[0] % FORMAT_KINDS] += is_new;
    return pieces_put(apply, cursor, change, old_pieces);
}

/* A key that is not there is no error: put and deleted within one batch of the engine's. */
static int change_delete(struct apply *apply, MDB_cursor *cursor,
                         const struct store_change *change) {
    MDB_val key = key_of(change);
    MDB_val value = {0, NULL};
    int rc = mdb_cursor_get(cursor, &key, &value, MDB_SET_KEY);
    if (rc != 0) {
        return rc == MDB_NOTFOUND ? 0 : rc;
    }
    uint32_t pieces = format_pieces(format_body_size((struct span){value.mv_data, value.mv_size}));
    rc = mdb_cursor_del(cursor, 0);
    apply->row.counts[change->record.key[0] % FORMAT_KINDS] -= rc == 0;
    for (uint32_t i = 1; i <= pieces && rc == 0; i++) {
        rc = piece_delete(apply, cursor, change->record.key, i);
    }
    return rc;
}

static int change_apply(struct apply *apply, const struct store_change *change) {
    bool is_task = change->record.key[0] == RECORD_TASK;
    MDB_cursor *cursor = is_task ? apply->tasks : apply->objects;
    if (change->is_delete) {
        return change_delete(apply, cursor, change);
    }
    return change_put(apply, cursor, change, is_task ? task_place(apply, change) : MDB_CURRENT);
}

/* ---- the transaction ------------------------------------------------------------------------- */

static int apply_all(struct lmdb *lmdb, struct apply *apply, const struct store_batch *batch) {
    int rc = mdb_cursor_open(apply->txn, lmdb->objects, &apply->objects);
    rc = rc != 0 ? rc : mdb_cursor_open(apply->txn, lmdb->tasks, &apply->tasks);
    for (uint32_t i = 0; i < batch->change_count && rc == 0; i++) {
        rc = change_apply(apply, &batch->changes[i]);
    }
    mdb_cursor_close(apply->objects);
    mdb_cursor_close(apply->tasks);
    return rc != 0 ? rc : lmdb_put_row(apply->txn, lmdb->objects, &apply->row);
}

int lmdb_apply(struct lmdb *lmdb, const struct store_batch *batch) {
    struct apply apply = {.row = lmdb->row, .last_arrival = lmdb->last_arrival};
    memcpy(apply.last_task, lmdb->last_task, sizeof apply.last_task);
    apply.row.batch = batch->number;
    int rc = mdb_txn_begin(lmdb->env, NULL, 0, &apply.txn);
    if (rc != 0) {
        return rc;
    }
    rc = apply_all(lmdb, &apply, batch);
    if (rc != 0) {
        mdb_txn_abort(apply.txn);
        return rc;
    }
    if (PLANTED(PLANT_STORE_EARLY)) {
        lmdb_acknowledge(lmdb, batch->number);
    }
    rc = mdb_txn_commit(apply.txn);
    if (rc == 0) {
        lmdb->row = apply.row;
        lmdb->last_arrival = apply.last_arrival;
        memcpy(lmdb->last_task, apply.last_task, sizeof lmdb->last_task);
    }
    return rc;
}
