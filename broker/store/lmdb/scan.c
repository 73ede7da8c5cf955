/* SPDX-License-Identifier: MIT
 *
 * Reading the store: every record in key order, each checked, counted, and put together again if it
 * was cut. At the end the counts must be those of the row: LMDB's pages have no checksums, and a
 * page that is skipped would otherwise not be missed.
 *
 * Whatever is wrong is told with the name of the record. */
#include "broker/store/lmdb/lmdb.h"

#include "common/err.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct scan {
    const struct lmdb *lmdb;
    store_each *each;
    void *context;
    uint64_t counts[FORMAT_KINDS];
    uint8_t last[RECORD_KEY_SIZE]; /* the last record that was read whole; kind 0: none */
    uint64_t last_arrival;         /* the highest of any task */
    struct bytes body; /* of a record that was cut */
};

static wherry_err scan_damaged(const struct scan *scan, const uint8_t *key, const char *what) {
    char name[64];
    format_key_text(key, name, sizeof name);
    return err_set(WHERRY_E_PROTOCOL, "the store in %s is damaged: %s: %s",
                   scan->lmdb->url.folder, name, what);
}

static wherry_err scan_broken(const struct scan *scan, int rc) {
    char name[64] = "none";
    if (scan->last[0] != 0) {
        format_key_text(scan->last, name, sizeof name);
    }
    return err_set(WHERRY_E_PROTOCOL, "the store in %s is damaged: %s (last good record: %s)",
                   scan->lmdb->url.folder, mdb_strerror(rc), name);
}

/* The rest of a record that was cut: the keys that follow. */
static wherry_err scan_pieces(struct scan *scan, MDB_cursor *cursor, const uint8_t *record_key,
                              uint32_t count) {
    for (uint32_t i = 1; i <= count; i++) {
        uint8_t wanted[FORMAT_PIECE_KEY];
        struct span bytes;
        MDB_val key;
        MDB_val value;
        format_piece_key(record_key, i, wanted);
        int rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
        if (rc != 0 && rc != MDB_NOTFOUND) {
            return scan_broken(scan, rc);
        }
        if (rc == MDB_NOTFOUND || key.mv_size != sizeof wanted ||
            memcmp(key.mv_data, wanted, sizeof wanted) != 0) {
            return scan_damaged(scan, record_key, "a piece of it is missing");
        }
        if (!format_piece_read((struct span){wanted, sizeof wanted},
                               (struct span){value.mv_data, value.mv_size}, &bytes)) {
            return scan_damaged(scan, record_key, "a piece of it does not fit its check");
        }
        bytes_append(&scan->body, bytes.data, bytes.size);
        scan->counts[0]++;
    }
    return WHERRY_OK;
}

/* Head and payload next to each other. */
static wherry_err scan_body(struct scan *scan, MDB_cursor *cursor, const uint8_t *key,
                            const struct format_record *record, struct span *body) {
    uint64_t size = (uint64_t)record->head_size + record->payload_size;
    *body = record->first;
    if (format_pieces(size) == 0) {
        return WHERRY_OK;
    }
    bytes_clear(&scan->body);
    bytes_append(&scan->body, record->first.data, record->first.size);
    wherry_err err = scan_pieces(scan, cursor, key, format_pieces(size));
    *body = bytes_span(&scan->body);
    if (err == WHERRY_OK && body->size != size) {
        err = scan_damaged(scan, key, "its pieces do not have its size");
    }
    return err;
}

static wherry_err scan_give(struct scan *scan, const uint8_t *key,
                            const struct format_record *record, struct span body) {
    struct store_change change = {
        .record = {.head = {body.data, record->head_size}},
        .payload = {body.data + record->head_size, record->payload_size},
    };
    memcpy(change.record.key, key, RECORD_KEY_SIZE);
    scan->counts[key[0] % FORMAT_KINDS]++;
    memcpy(scan->last, key, RECORD_KEY_SIZE);
    if (key[0] == RECORD_TASK && format_key_number(key) > scan->last_arrival) {
        scan->last_arrival = format_key_number(key);
    }
    wherry_err err = scan->each(scan->context, &change);
    if (err == WHERRY_E_PROTOCOL) {
        char why[ERR_TEXT_SIZE / 2];
        snprintf(why, sizeof why, "%s", wherry_last_error());
        return scan_damaged(scan, key, why);
    }
    return err;
}

static wherry_err scan_record(struct scan *scan, MDB_cursor *cursor, MDB_val key_found,
                              MDB_val value) {
    uint8_t key[RECORD_KEY_SIZE] = {0};
    struct format_record record;
    struct span body;
    uint32_t version = 0;
    size_t size = key_found.mv_size < sizeof key ? key_found.mv_size : sizeof key;
    memcpy(key, key_found.mv_data, size);
    switch (format_record_read((struct span){key_found.mv_data, key_found.mv_size},
                               (struct span){value.mv_data, value.mv_size}, &record, &version)) {
    case FORMAT_DAMAGED:
        return scan_damaged(scan, key, "it does not fit its check");
    case FORMAT_UNKNOWN_VERSION:
        return err_set(WHERRY_E_PROTOCOL,
                       "a record of the store in %s has format %u; this broker reads format %d",
                       scan->lmdb->url.folder, (unsigned)version, FORMAT_VERSION);
    case FORMAT_OK:
        break;
    }
    wherry_err err = scan_body(scan, cursor, key, &record, &body);
    return err != WHERRY_OK ? err : scan_give(scan, key, &record, body);
}

static wherry_err scan_table(struct scan *scan, MDB_txn *txn, MDB_dbi table) {
    MDB_cursor *cursor = NULL;
    MDB_val key;
    MDB_val value;
    wherry_err err = WHERRY_OK;
    int rc = mdb_cursor_open(txn, table, &cursor);
    if (rc != 0) {
        return scan_broken(scan, rc);
    }
    while (err == WHERRY_OK && (rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
        if (key.mv_size > 1) { /* else the row */
            err = scan_record(scan, cursor, key, value);
        }
    }
    mdb_cursor_close(cursor);
    return err == WHERRY_OK && rc != MDB_NOTFOUND ? scan_broken(scan, rc) : err;
}

static wherry_err scan_compare(const struct scan *scan) {
    const uint64_t *expected = scan->lmdb->row.counts;
    for (uint32_t i = 0; i < FORMAT_KINDS; i++) {
        if (scan->counts[i] != expected[i]) {
            return err_set(WHERRY_E_PROTOCOL,
                           "the store in %s is damaged: of kind %u there are %" PRIu64
                           " records, and there should be %" PRIu64,
                           scan->lmdb->url.folder, i, scan->counts[i], expected[i]);
        }
    }
    return WHERRY_OK;
}

/* Now the writer knows where new tasks go: what it puts above can be appended unseen. */
static void scan_tell_writer(struct lmdb *lmdb, const struct scan *scan) {
    bool any = scan->last[0] == RECORD_TASK;
    memset(lmdb->last_task, 0, RECORD_KEY_SIZE);
    memcpy(lmdb->last_task, scan->last, any ? RECORD_KEY_SIZE : 0);
    lmdb->last_arrival = scan->last_arrival;
}

wherry_err lmdb_scan(struct store *store, store_each *each, void *context) {
    struct lmdb *lmdb = lmdb_of(store);
    struct scan scan = {.lmdb = lmdb, .each = each, .context = context};
    MDB_txn *txn = NULL;
    int rc = mdb_txn_begin(lmdb->env, NULL, MDB_RDONLY, &txn);
    if (rc != 0) {
        return scan_broken(&scan, rc);
    }
    wherry_err err = scan_table(&scan, txn, lmdb->objects);
    err = err != WHERRY_OK ? err : scan_table(&scan, txn, lmdb->tasks);
    err = err != WHERRY_OK ? err : scan_compare(&scan);
    if (err == WHERRY_OK) {
        scan_tell_writer(lmdb, &scan);
    }
    mdb_txn_abort(txn);
    bytes_free(&scan.body);
    return err;
}
