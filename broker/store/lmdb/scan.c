/* SPDX-License-Identifier: MIT
 *
 * Reading the store; see scan.h. Every record is checked, counted, and put together again if it was
 * cut. At the end of a start's scan the counts must be those of the row: LMDB's pages have no
 * checksums, and a page that is skipped would otherwise not be missed.
 *
 * Past a page that cannot be read, the next key that can is found by trial: 1, 2, 4 … above the
 * last one, then by halves. */
#include "broker/store/lmdb/scan.h"

#include "broker/store/lmdb/guard.h"
#include "common/err.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- telling --------------------------------------------------------------------------------- */

static wherry_err scan_damaged(struct scan *scan, const uint8_t *key, const char *what) {
    char name[FORMAT_KEY_TEXT];
    scan->damages++;
    format_key_text(key, name, sizeof name);
    if (scan->damage != NULL) {
        struct store_damaged told = {.name = key[0] != 0 ? name : NULL, .what = what,
                                     .head = {scan->whole.data, scan->record.head_size}};
        memcpy(told.key, key, sizeof told.key);
        memcpy(scan->bad, key, sizeof scan->bad);
        scan->damage(scan->context, &told);
        return WHERRY_OK;
    }
    return err_set(WHERRY_E_PROTOCOL,
                   "the store in %s is damaged: %s: %s; wherry-broker --check "
                   "names everything that is, --salvage goes on without it",
                   scan->folder, name, what);
}

static wherry_err scan_refuse_version(const struct scan *scan) {
    return err_set(WHERRY_E_PROTOCOL,
                   "a record of the store in %s has format %u; this broker reads up to %d: start "
                   "the version that wrote it",
                   scan->folder, (unsigned)scan->version, FORMAT_VERSION);
}

/* ---- steps: all that touches pages ----------------------------------------------------------- */

static int key_order(MDB_val key, const uint8_t *other, size_t size) {
    size_t least = key.mv_size < size ? key.mv_size : size;
    int order = memcmp(key.mv_data, other, least);
    return order != 0 ? order : (key.mv_size > size) - (key.mv_size < size);
}

static int step_next(void *context) {
    struct scan *scan = context;
    int rc = mdb_cursor_get(scan->cursor, &scan->key, &scan->value,
                            scan->again ? MDB_GET_CURRENT : MDB_NEXT);
    scan->again = false;
    if (rc != 0) {
        return rc;
    }
    if (scan->key.mv_size == 0 || scan->key.mv_size > sizeof scan->seen ||
        (scan->seen_size > 0 && key_order(scan->key, scan->seen, scan->seen_size) <= 0)) {
        return MDB_CORRUPTED;
    }
    memcpy(scan->seen, scan->key.mv_data, scan->key.mv_size);
    scan->seen_size = scan->key.mv_size;
    return 0;
}

static struct span span_of(MDB_val value) {
    return (struct span){value.mv_data, value.mv_size};
}

/* The rest of a record that was cut: the keys that follow. */
static int step_pieces(struct scan *scan, const uint8_t *record_key, uint32_t count) {
    for (uint32_t i = 1; i <= count && scan->what == NULL; i++) {
        uint8_t wanted[FORMAT_PIECE_KEY];
        struct span bytes;
        format_piece_key(record_key, i, wanted);
        int rc = step_next(scan);
        if (rc != 0 && rc != MDB_NOTFOUND) {
            return rc;
        }
        if (rc == MDB_NOTFOUND || key_order(scan->key, wanted, sizeof wanted) != 0) {
            scan->what = "a piece of it is missing";
            if (rc == 0) { /* the cursor is one too far */
                scan->again = true;
                memcpy(scan->seen, record_key, RECORD_KEY_SIZE);
                scan->seen_size = RECORD_KEY_SIZE;
            }
        } else if (!format_piece_read(span_of(scan->key), span_of(scan->value), &bytes)) {
            scan->what = "a piece of it does not fit its check";
        } else {
            bytes_append(&scan->body, bytes.data, bytes.size);
            scan->counts[0]++;
        }
    }
    return 0;
}

/* Head and payload next to each other, or `what`. */
static int step_record(void *context) {
    struct scan *scan = context;
    uint8_t key[RECORD_KEY_SIZE];
    scan->whole = (struct span){NULL, 0};
    scan->record = (struct format_record){0};
    scan->what = "it does not fit its check";
    memcpy(key, scan->key.mv_data, sizeof key);
    switch (format_record_read(span_of(scan->key), span_of(scan->value), &scan->record,
                               &scan->version)) {
    case FORMAT_DAMAGED:
        scan->version = 0;
        scan->whole = format_head(span_of(scan->value));
        scan->record.head_size = (uint32_t)scan->whole.size;
        return 0;
    case FORMAT_UNKNOWN_VERSION:
        return 0;
    case FORMAT_OK:
        break;
    }
    scan->what = NULL;
    scan->version = 0;
    scan->whole = scan->record.first;
    uint64_t size = (uint64_t)scan->record.head_size + scan->record.payload_size;
    uint32_t pieces = format_pieces(size);
    if (pieces == 0) {
        return 0;
    }
    bytes_clear(&scan->body);
    bytes_append(&scan->body, scan->whole.data, scan->whole.size);
    int rc = step_pieces(scan, key, pieces);
    scan->whole = bytes_span(&scan->body);
    if (rc == 0 && scan->what == NULL && scan->whole.size != size) {
        scan->what = "its pieces do not have its size";
    }
    return rc;
}

static int scan_step(struct scan *scan, int (*step)(void *context)) {
    return scan->damage != NULL ? guard_call(step, scan) : step(scan);
}

/* ---- past a page that cannot be read --------------------------------------------------------- */

__extension__ typedef unsigned __int128 key_number; /* a record's key */

static key_number key_number_of(const uint8_t *key, size_t size) {
    key_number number = 0;
    for (size_t i = 0; i < RECORD_KEY_SIZE; i++) {
        number = number << 8 | (i < size ? key[i] : 0);
    }
    return number;
}

struct seek {
    struct scan *scan;
    uint8_t key[RECORD_KEY_SIZE];
    uint8_t found[RECORD_KEY_SIZE]; /* the key that is there, cut or filled up */
};

static int step_seek(void *context) {
    struct seek *seek = context;
    struct scan *scan = seek->scan;
    scan->key = (MDB_val){sizeof seek->key, seek->key};
    int rc = mdb_cursor_get(scan->cursor, &scan->key, &scan->value, MDB_SET_RANGE);
    if (rc != 0) {
        return rc;
    }
    size_t size = scan->key.mv_size < sizeof seek->found ? scan->key.mv_size : sizeof seek->found;
    memcpy(seek->found, scan->key.mv_data, size);
    return key_order(scan->key, seek->key, sizeof seek->key) < 0 ? MDB_CORRUPTED : 0;
}

/* The cursor is made anew: one whose step broke off stands nowhere. */
static int seek_to(struct scan *scan, key_number number) {
    struct seek seek = {.scan = scan};
    for (size_t i = RECORD_KEY_SIZE; i-- > 0; number >>= 8) {
        seek.key[i] = (uint8_t)number;
    }
    mdb_cursor_close(scan->cursor);
    scan->cursor = NULL;
    int rc = mdb_cursor_open(scan->txn, scan->table, &scan->cursor);
    rc = rc != 0 ? rc : guard_call(step_seek, &seek);
    memcpy(scan->passed, seek.found, sizeof scan->passed);
    return rc;
}

/* False: nothing above the last key can be read, or is there. */
static bool scan_skip(struct scan *scan) {
    key_number low = key_number_of(scan->seen, scan->seen_size);
    key_number passed = scan->has_passed ? key_number_of(scan->passed, RECORD_KEY_SIZE) : 0;
    low = passed > low ? passed : low;
    key_number end = (key_number)1 << (8 * RECORD_KEY_SIZE);
    key_number high = low + 1;
    int rc = MDB_CORRUPTED;
    for (key_number far = 1; high < end; far *= 2, high = low + far) {
        rc = seek_to(scan, high);
        if (rc == 0 || rc == MDB_NOTFOUND) {
            break;
        }
    }
    if (rc != 0) {
        return false;
    }
    while (high - low > 1) {
        key_number middle = low + (high - low) / 2;
        if (seek_to(scan, middle) == 0) {
            high = middle;
        } else {
            low = middle;
        }
    }
    scan->again = seek_to(scan, high) == 0;
    scan->has_passed = scan->again;
    return scan->again;
}

/* ---- records --------------------------------------------------------------------------------- */

static wherry_err scan_give(struct scan *scan, const uint8_t *key) {
    struct store_change change = {
        .record = {.head = {scan->whole.data, scan->record.head_size}},
        .payload = {scan->whole.data + scan->record.head_size, scan->record.payload_size},
    };
    memcpy(change.record.key, key, RECORD_KEY_SIZE);
    wherry_err err = scan->each(scan->context, &change);
    if (err == WHERRY_E_PROTOCOL) {
        char why[ERR_TEXT_SIZE / 2];
        snprintf(why, sizeof why, "%s", wherry_last_error());
        return scan_damaged(scan, key, why);
    }
    if (err == WHERRY_E_REFUSED) { /* whole, and of a version that is not ours: no damage */
        char why[ERR_TEXT_SIZE / 2];
        snprintf(why, sizeof why, "%s", wherry_last_error());
        return err_set(err, "a record of the store in %s: %s", scan->folder, why);
    }
    if (err == WHERRY_OK) {
        scan->counts[key[0] % FORMAT_KINDS]++;
        memcpy(scan->last, key, RECORD_KEY_SIZE);
        guard_passed(key);
        uint64_t number = format_key_number(key);
        bool higher = key[0] == RECORD_TASK && number > scan->last_arrival;
        scan->last_arrival = higher ? number : scan->last_arrival;
    }
    return err;
}

/* Of a record that was told of already nothing more is said. */
static wherry_err scan_stray(struct scan *scan) {
    uint8_t key[RECORD_KEY_SIZE] = {0};
    memcpy(key, scan->seen, scan->seen_size < sizeof key ? scan->seen_size : sizeof key);
    scan->whole = (struct span){NULL, 0};
    scan->record = (struct format_record){0};
    bool told = scan->damages > 0 && memcmp(key, scan->bad, sizeof key) == 0;
    return told ? WHERRY_OK
                : scan_damaged(scan, key,
                               scan->seen_size == FORMAT_PIECE_KEY
                                   ? "there are pieces of it, and no record"
                                   : "it is no record");
}

static wherry_err scan_broken(struct scan *scan, int rc) {
    char what[128];
    scan->whole = (struct span){NULL, 0};
    scan->record = (struct format_record){0};
    snprintf(what, sizeof what, "a page behind it cannot be read: %s", mdb_strerror(rc));
    return scan_damaged(scan, scan->last, what);
}

static wherry_err scan_one(struct scan *scan) {
    uint8_t key[RECORD_KEY_SIZE];
    if (scan->seen_size == 1) { /* the row */
        return WHERRY_OK;
    }
    if (scan->seen_size != RECORD_KEY_SIZE) {
        return scan_stray(scan);
    }
    memcpy(key, scan->seen, sizeof key);
    int rc = scan_step(scan, step_record);
    if (rc != 0) {
        wherry_err err = scan_damaged(scan, key, "it, or a piece of it, cannot be read");
        scan->again = scan->damage != NULL && scan_skip(scan);
        return err != WHERRY_OK || scan->again ? err : WHERRY_E_END;
    }
    if (scan->version != 0) {
        return scan_refuse_version(scan);
    }
    return scan->what != NULL ? scan_damaged(scan, key, scan->what) : scan_give(scan, key);
}

wherry_err scan_table(struct scan *scan, MDB_dbi table) {
    wherry_err err = WHERRY_OK;
    scan->table = table;
    scan->seen_size = 0;
    scan->again = false;
    scan->has_passed = false;
    int rc = mdb_cursor_open(scan->txn, table, &scan->cursor);
    while (err == WHERRY_OK && rc == 0) {
        rc = scan_step(scan, step_next);
        if (rc == 0) {
            err = scan_one(scan);
        } else if (rc != MDB_NOTFOUND) {
            err = scan_broken(scan, rc);
            rc = scan->damage != NULL && scan_skip(scan) ? 0 : rc;
        }
    }
    mdb_cursor_close(scan->cursor);
    scan->cursor = NULL;
    return err == WHERRY_E_END ? WHERRY_OK : err;
}

void scan_fini(struct scan *scan) {
    bytes_free(&scan->body);
}

/* ---- a start's ------------------------------------------------------------------------------- */

static wherry_err scan_compare(const struct scan *scan, const uint64_t *expected) {
    for (uint32_t i = 0; i < FORMAT_KINDS; i++) {
        if (scan->counts[i] != expected[i]) {
            return err_set(WHERRY_E_PROTOCOL,
                           "the store in %s is damaged: of kind %u there are %" PRIu64
                           " records, and there should be %" PRIu64,
                           scan->folder, i, scan->counts[i], expected[i]);
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
    struct scan scan = {.folder = lmdb->url.folder, .each = each, .context = context};
    int rc = mdb_txn_begin(lmdb->env, NULL, MDB_RDONLY, &scan.txn);
    if (rc != 0) {
        return scan_broken(&scan, rc);
    }
    guard_begin(lmdb->url.folder);
    wherry_err err = scan_table(&scan, lmdb->objects);
    err = err != WHERRY_OK ? err : scan_table(&scan, lmdb->tasks);
    guard_end();
    err = err != WHERRY_OK ? err : scan_compare(&scan, lmdb->row.counts);
    if (err == WHERRY_OK) {
        scan_tell_writer(lmdb, &scan);
    }
    mdb_txn_abort(scan.txn);
    scan_fini(&scan);
    return err;
}
