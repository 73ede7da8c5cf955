/* SPDX-License-Identifier: MIT
 *
 * The store port: what stands behind `--store URL`.
 *
 *     store_open(url) -> store_scan(every record) -> store_commit(batch) … -> store_close
 *
 * Promises of every store:
 *   - A batch is all or nothing. Batches take effect strictly in the order of their numbers, none
 *     skipped.
 *   - store_commit() never blocks: the batch is borrowed, and its number appears in
 *     store_committed() when, and only when, it would survive a loss of power (for a store that
 *     keeps nothing: at once). One batch at a time: the next may come when that has happened.
 *   - store_fd() is an eventfd, written when store_committed(), store_failed() or
 *     store_has_space() may have changed; whoever waits for it reads it empty.
 *   - The epoch that store_identity() gives is above every one that this store ever gave, and is
 *     kept before store_open() returns.
 *   - No space: the identical batch is tried again until there is some. store_has_space() turns
 *     false well before, so that whoever stops taking new work then is not held up.
 *   - A failure whose outcome is unknown (a failed sync) is final: store_failed() says so, the
 *     broker ends without answering, and the next start scans. Nobody syncs again as if nothing
 *     had happened.
 *
 * One thread (the broker's core) calls; a store may have a thread of its own behind the port. */
#ifndef WHERRY_STORE_H
#define WHERRY_STORE_H

#include "broker/core/record.h"
#include "common/include/wherry_base.h"

#include <limits.h>

struct store;

struct store_identity {
    uint8_t uuid[16];
    uint64_t epoch;   /* of this start */
    bool keeps;       /* records survive; false: memory */
    uint64_t records; /* that a scan gives at the start */
    uint64_t commit_bytes_max; /* of a batch, or of a batch of one object, that surely fits while
                                * the store has space; 0: any */
};

struct store_change {
    struct record record; /* DELETE: the key alone counts */
    struct span payload;  /* the bytes of record.payload */
    bool is_delete;
};

/* Borrowed until committed, with everything that it points to. */
struct store_batch {
    uint64_t number;
    struct store_change *changes; /* of one key the last one counts */
    uint32_t change_count;
    uint32_t change_capacity;
};

/* Takes a record of the scan, which is borrowed for the call; anything but OK ends the scan.
 * PROTOCOL: it is damaged; REFUSED: it is of an unknown version. */
typedef wherry_err store_each(void *context, const struct store_change *record);

/* One thing that is wrong. */
struct store_damaged { /* borrowed for the call */
    uint8_t key[RECORD_KEY_SIZE]; /* kind 0: no record is known, … */
    const char *name;             /* … and NULL; else in words: "task 77 of slot 12" */
    struct span head;             /* what could be read of it, perhaps wrong; or empty */
    const char *what;
};
typedef void store_damage(void *context, const struct store_damaged *told);

enum { STORE_KINDS = 16 };

struct store_verify {
    store_each *each;     /* every record that is whole; PROTOCOL: it is damaged after all */
    store_damage *damage; /* everything that is not */
    void *context;
};

struct store_verified {
    uint8_t uuid[16];
    uint64_t epoch;
    uint64_t found[STORE_KINDS];    /* records of each kind; of kind 0: pieces of large ones */
    uint64_t expected[STORE_KINDS]; /* as the store counted them; all 0 if that is damaged */
    uint64_t damages;
    uint64_t bytes;
    uint64_t waiting;     /* records changed since, which the next start takes up */
    bool salvaged;        /* the store was made anew of what was found */
    char kept[PATH_MAX];  /* then: the damaged file */
};

struct store_backup { /* what was written */
    uint64_t bytes;
    uint64_t records;
};

/* One kind of store. */
struct store_ops {
    const char *scheme; /* "memory:" */
    const char *help;   /* for the refusal of an unknown one */
    wherry_err (*check)(const char *url);
    wherry_err (*open)(const char *url, struct store **out);
    void (*identity)(const struct store *store, struct store_identity *out);
    wherry_err (*scan)(struct store *store, store_each *each, void *context);
    void (*commit)(struct store *store, const struct store_batch *batch);
    uint64_t (*committed)(const struct store *store);
    wherry_err (*failed)(const struct store *store);
    bool (*has_space)(const struct store *store);
    int (*fd)(const struct store *store); /* −1: commits are done when commit() returns */
    void (*close)(struct store **store);
    /* NULL: it keeps nothing to be copied. */
    wherry_err (*backup)(const char *url, const char *file, struct store_backup *told);
    wherry_err (*verify)(const char *url, bool salvage, const struct store_verify *how,
                         struct store_verified *out);
};

/* Every store starts with its kind. */
struct store {
    const struct store_ops *ops;
};

/* OK; INVALID: no such kind of store, or not a well-formed URL of its kind; touches nothing.
 * wherry_last_error() says what is wrong. */
wherry_err store_check_url(const char *url);
/* OK; INVALID: as above; BUSY: another process uses it; SYSTEM: unusable; PROTOCOL: damaged, or
 * written by an unknown version. The text says which and what to do. In here, and in store_scan(),
 * damage may also end the process with code 5, after a line on stderr that says so. */
wherry_err store_open(const char *url, struct store **out);

/* Not in a process that has the store open: its locks would be lost (fcntl).
 * Copies the store at `url`, which a broker may be using, as it is at one moment into a new file. A
 * store made of that file is another one: it draws a uuid of its own at its first start. INVALID:
 * nothing to copy, or the file is there already; BUSY: given up, because the store grew too much
 * meanwhile; SYSTEM. Then nothing is left of it. */
wherry_err store_backup(const char *url, const char *file, struct store_backup *told);

/* Reads everything in a store that nobody uses, past what is damaged, and changes nothing. OK: read
 * to its end (out->damages says how it is); INVALID: nothing that could be read; BUSY: in use;
 * SYSTEM, PROTOCOL: it cannot be read at all, or is of an unknown version. */
wherry_err store_check(const char *url, const struct store_verify *how,
                       struct store_verified *out);
/* The same; if anything is damaged, the store is then made anew of what is not, and the damaged
 * file is kept beside it. What is made so draws a uuid of its own at its first start: clients whose
 * tasks are missing must not wait for them (rules §2.3). Nothing has changed unless OK. */
wherry_err store_salvage(const char *url, const struct store_verify *how,
                         struct store_verified *out);

void store_identity(const struct store *store, struct store_identity *out);
/* Each record, by kind and then in key order, before the first commit. OK; what `each` returned;
 * SYSTEM, PROTOCOL: it cannot be read (text). */
wherry_err store_scan(struct store *store, store_each *each, void *context);
void store_commit(struct store *store, const struct store_batch *batch);
uint64_t store_committed(const struct store *store);
/* OK, or SYSTEM for good. */
wherry_err store_failed(const struct store *store);
/* Room for what was already promised, and more: new work may be taken. */
bool store_has_space(const struct store *store);
int store_fd(const struct store *store);
/* Waits for the batch under way, unless that waits for space. */
void store_close(struct store **store);

/* Adds a change to a batch that gathers; the caller fills it in. */
struct store_change *store_batch_add(struct store_batch *batch);
void store_batch_clear(struct store_batch *batch); /* memory kept */
void store_batch_fini(struct store_batch *batch);

extern const struct store_ops store_memory_ops;
extern const struct store_ops store_lmdb_ops;

#endif
