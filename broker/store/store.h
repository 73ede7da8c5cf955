/* SPDX-License-Identifier: MIT
 *
 * The store port: what stands behind `--store URL`.
 *
 *     store_open(url) -> store_scan(every record) -> store_commit(batch) … -> store_close
 *
 * Promises of every store:
 *   - A batch is all or nothing. Batches take effect strictly in the order of their numbers, none
 *   skipped. - store_commit never blocks: the batch is taken, and its number appears in
 *   store_committed() when,
 *     and only when, it would survive a loss of power (for a store that keeps nothing: at once).
 *   - store_fd() becomes readable when store_committed() may have grown.
 *   - The epoch that store_identity() gives is above every one that this store ever gave, and is
 *   kept
 *     before store_open returns.
 *   - A failure whose outcome is unknown (a failed sync) is final: store_failed() says so, the
 *   broker
 *     ends without answering, and the next start scans. Nobody syncs again as if nothing had
 *     happened.
 *
 * One thread (the broker's core) calls; a store may have a thread of its own behind the port. */
#ifndef WHERRY_STORE_H
#define WHERRY_STORE_H

#include "broker/core/record.h"
#include "common/include/wherry_base.h"

struct store;

struct store_identity {
    uint8_t uuid[16];
    uint64_t epoch; /* of this start */
    bool keeps;     /* records survive; false: memory */
};

struct store_change {
    struct record record; /* DELETE: the key alone counts */
    struct span payload;  /* the bytes of record.payload */
    bool is_delete;
};

struct store_batch {
    uint64_t number;
    const struct store_change *changes; /* borrowed for the call */
    uint32_t change_count;
};

/* One kind of store. */
struct store_ops {
    const char *scheme; /* "memory:" */
    const char *help;   /* for the refusal of an unknown one */
    wherry_err (*open)(const char *url, struct store **out);
    void (*identity)(const struct store *store, struct store_identity *out);
    wherry_err (*scan)(struct store *store,
                       void (*each)(void *context, const struct store_change *record),
                       void *context);
    void (*commit)(struct store *store, const struct store_batch *batch);
    uint64_t (*committed)(const struct store *store);
    wherry_err (*failed)(const struct store *store);
    int (*fd)(const struct store *store); /* −1: commits are done when commit() returns */
    void (*close)(struct store **store);
};

/* Every store starts with its kind. */
struct store {
    const struct store_ops *ops;
};

/* OK; INVALID: no such kind of store (wherry_last_error() names those that exist); SYSTEM:
 * unusable. */
wherry_err store_open(const char *url, struct store **out);
/* OK; INVALID as store_open: to refuse a flag before anything is opened. */
wherry_err store_check_url(const char *url);

void store_identity(const struct store *store, struct store_identity *out);
/* Each record in key order. OK, or SYSTEM: the store cannot be read. */
wherry_err store_scan(struct store *store,
                      void (*each)(void *context, const struct store_change *record),
                      void *context);
void store_commit(struct store *store, const struct store_batch *batch);
uint64_t store_committed(const struct store *store);
wherry_err store_failed(const struct store *store);
int store_fd(const struct store *store);
void store_close(struct store **store);

extern const struct store_ops store_memory_ops;

#endif
