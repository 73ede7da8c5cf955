/* SPDX-License-Identifier: MIT
 *
 * lmdb:DIR, the embedded store: one LMDB environment in a folder of its own. Private to this
 * folder; the broker sees store.h.
 *
 *     DIR/           locked by flock() (folder.h)
 *     DIR/data.mdb   two tables: "objects" (the store's row, and all kinds but tasks) and
 *                    "tasks" (tasks and the pieces of large ones), format.h
 *     DIR/lock.mdb   LMDB's own; means nothing between two runs
 *     DIR/journal    the last small batches, which LMDB has not yet (journal.h)
 *
 * Keys of tasks end in the broker's arrival number, so what is put lies at the end and what is
 * taken at the front: a commit touches neighbouring pages, and full pages are written once.
 *
 *     core thread     store_commit(batch) ──hands over──> writer thread
 *                        │ goes on gathering                 │ small: into the journal, synced
 *                        │                                   │ else: one transaction, synced
 *                     store_fd() readable <──committed = n───┘ then looks after the reserve
 *
 * The batch is not copied: its heads and payloads stay where the engine and the payload store have
 * them until it is committed, and the writer copies them from there. Only four things are shared by
 * the two threads, and change hands under `lock` or as atomics: the pending batch, `committed`,
 * `failed`, `has_space`.
 *
 * LMDB's transaction is crash-safe by construction: pages are written aside and synced, then one
 * of two meta pages is, which stands for the whole. A failure before that undoes nothing of what
 * was; after a failed sync nobody knows, so the writer stops for good (rules §1.3). */
#ifndef WHERRY_STORE_LMDB_LMDB_H
#define WHERRY_STORE_LMDB_LMDB_H

#include "broker/store/lmdb/format.h"
#include "broker/store/lmdb/journal.h"
#include "broker/store/lmdb/url.h"

#include <lmdb.h>
#include <pthread.h>
#include <stdatomic.h>

/* How many commits at their bound the reserve holds: pages that a commit gives back serve again two
 * commits later, so one that gathers, one under way and one that fits exactly would be three. */
enum { LMDB_RESERVE_COMMITS = 4 };

struct lmdb_reserve {         /* see reserve.c */
    uint64_t allocated_bytes; /* of the file, from its beginning */
    bool by_free_space;       /* the file system cannot allocate ahead */
};

struct lmdb {
    struct store store; /* first: lmdb_of() */
    struct store_identity identity;
    struct lmdb_url url;
    int folder_fd;
    MDB_env *env;
    MDB_dbi objects;
    MDB_dbi tasks;
    /* the writer's, once it runs */
    struct journal journal;
    struct lmdb_row row;                /* as committed to LMDB */
    uint8_t last_task[RECORD_KEY_SIZE]; /* no key of a task was ever above this one … */
    uint64_t last_arrival;              /* … and no arrival above this; all ones before a scan */
    struct lmdb_reserve reserve;
    /* shared; see writer.c */
    pthread_t thread;
    bool running;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    const struct store_batch *pending; /* under lock; NULL: none */
    bool stopping;                     /* under lock */
    int event_fd;
    atomic_uint_fast64_t committed;
    atomic_bool failed;
    atomic_bool has_space;
};

static inline struct lmdb *lmdb_of(const struct store *store) {
    return (struct lmdb *)store;
}

/* ---- lmdb.c ---- */

/* 0, or LMDB's error; env is to be closed in any case. */
int lmdb_env_open(const char *path, unsigned flags, uint64_t map_bytes, MDB_env **out);
/* PROTOCOL if that error of LMDB's means damage, else SYSTEM; the text says what could not be done.
 */
wherry_err lmdb_refuse(const struct lmdb *lmdb, const char *what, int rc);
/* The tables and the row, in a new file. */
int lmdb_make_tables(struct lmdb *lmdb);
/* As much address space as was asked for or, where a limit or a sanitizer leaves less, a quarter of
 * it, and so on: the store's file cannot grow beyond it, which is told in time (reserve.c). */
void lmdb_map_fit(struct lmdb_url *url);

/* ---- backup.c ---- */

wherry_err lmdb_backup(const char *url, const char *file, struct store_backup *told);
/* The same; it is given up when the store grows by more than growth_bytes. */
wherry_err lmdb_backup_within(const char *url, const char *file, uint64_t growth_bytes,
                              struct store_backup *told);

/* ---- verify.c ---- */

/* The two meta pages of a file follow each other, as each commit leaves them. LMDB would take the
 * older one for the newest when a flipped bit makes it look so. OK, PROTOCOL, SYSTEM. */
wherry_err lmdb_metas_check(int folder_fd, const char *folder);
/* 0, or why the list of free pages cannot be trusted: an error of LMDB's. */
int lmdb_free_check(MDB_env *env, MDB_txn *txn);
wherry_err lmdb_verify(const char *url, bool salvage, const struct store_verify *how,
                       struct store_verified *out);

/* ---- commit.c ---- */

/* One batch as one synced transaction. 0; ENOSPC, EDQUOT, MDB_MAP_FULL: nothing changed, try the
 * same again; anything else: whether it is in is unknown. */
int lmdb_apply(struct lmdb *lmdb, const struct store_batch *batch);
bool lmdb_no_space(int rc);

/* ---- merge.c ---- */

/* Adds to `out` the changes in `kept`, as a journal holds them, and those of `batch` (NULL: none):
 * the last one of each key, in the order of keys. They point into both. */
void lmdb_gather(const struct lmdb *lmdb, struct span kept, const struct store_batch *batch,
                 struct store_batch *out);
/* What stands in a journal (`kept`), up to batch `number`, as one transaction; as lmdb_apply(). */
int lmdb_take_up(struct lmdb *lmdb, struct span kept, uint64_t number);
/* The same for all that the journal holds, and `batch` (NULL: none); then the journal is empty. */
int lmdb_merge(struct lmdb *lmdb, const struct store_batch *batch);
/* At a start: takes up the journal that the broker before left, or makes one. */
wherry_err lmdb_journal_ready(struct lmdb *lmdb);

/* ---- row.c ---- */

/* The tables' handles. 0, or LMDB's error. */
int lmdb_tables_open(struct lmdb *lmdb, MDB_txn *txn, unsigned flags);
/* Puts the row into a transaction of the caller's. */
int lmdb_put_row(MDB_txn *txn, MDB_dbi objects, struct lmdb_row *row);
/* Opens the tables for good, and reads the row. OK, PROTOCOL, SYSTEM. */
wherry_err lmdb_row_look(struct lmdb *lmdb);
/* A copy becomes a store of its own. */
void lmdb_row_take_copy(struct lmdb *lmdb);
/* Commits the epoch of this start. */
wherry_err lmdb_row_raise(struct lmdb *lmdb);

/* ---- scan.c ---- */

wherry_err lmdb_scan(struct store *store, store_each *each, void *context);

/* ---- writer.c ---- */

wherry_err lmdb_writer_start(struct lmdb *lmdb);
/* Waits for the batch under way, unless that waits for space. */
void lmdb_writer_stop(struct lmdb *lmdb);
/* The writer's: that batch is in; the next may come. */
void lmdb_acknowledge(struct lmdb *lmdb, uint64_t batch);
void lmdb_commit(struct store *store, const struct store_batch *batch);

/* ---- reserve.c ---- */

/* Allocates ahead as needed. False: there is less than the reserve left. */
bool lmdb_reserve_look(struct lmdb *lmdb);

#endif
