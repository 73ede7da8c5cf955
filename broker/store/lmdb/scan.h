/* SPDX-License-Identifier: MIT
 *
 * Reading every record of a store. Two ways, by `damage`:
 *
 *     NULL   the first damage ends it (a start: whoever serves must know all that it had)
 *     else   damage is told and passed over: what can be read is read
 *
 * Keys must ascend, so that a page which leads backwards cannot make it last for ever. */
#ifndef WHERRY_STORE_LMDB_SCAN_H
#define WHERRY_STORE_LMDB_SCAN_H

#include "broker/store/lmdb/lmdb.h"

struct scan {
    /* in */
    const char *folder;
    MDB_txn *txn;
    store_each *each;
    store_damage *damage;
    void *context;
    /* out */
    uint64_t counts[FORMAT_KINDS];
    uint64_t damages;
    uint64_t last_arrival;         /* the highest of any task */
    uint8_t last[RECORD_KEY_SIZE]; /* the last record that was read whole; kind 0: none */
    /* private */
    MDB_dbi table;
    MDB_cursor *cursor;
    MDB_val key;
    MDB_val value;
    bool again; /* the cursor stands on what comes next */
    uint8_t passed[RECORD_KEY_SIZE]; /* found past a page that could not be read, … */
    bool has_passed;                 /* … if there was one: the next search begins above it */
    uint8_t seen[FORMAT_PIECE_KEY]; /* the key before `key` */
    size_t seen_size;
    uint8_t bad[RECORD_KEY_SIZE]; /* the last one that was told: its pieces are not told again */
    struct bytes body;            /* of a record that was cut */
    struct format_record record;
    struct span whole; /* its head and payload */
    const char *what;  /* is wrong with it; NULL: nothing */
    uint32_t version;  /* as found, when that is what is wrong; else 0 */
};

/* OK; what `each` returned, but for PROTOCOL; PROTOCOL: damaged (with `damage`: of an unknown
 * version, which is none), and the text names the record. */
wherry_err scan_table(struct scan *scan, MDB_dbi table);
void scan_fini(struct scan *scan);

#endif
