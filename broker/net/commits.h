/* SPDX-License-Identifier: MIT
 *
 * Commits: the engine's changes on their way into the store, and the store's news on their way
 * back.
 *
 *     PUT, DELETE ──> gathering ──COMMIT──> under way: the store's ──> EVENT_COMMITTED
 *                         └── of two batches, each in turn ──┘
 *
 * Nothing is copied: a change points to its head in the engine and to its payload, which both live
 * until the batch is committed. One batch at most is under way (broker/core/barrier.h). */
#ifndef WHERRY_COMMITS_H
#define WHERRY_COMMITS_H

#include "broker/core/effect.h"
#include "broker/http/metrics.h"
#include "broker/net/payload.h"
#include "broker/store/store.h"

struct commits { /* private but for `wait` and `full` */
    struct store *store;
    struct payload_store *payloads;
    struct store_batch batches[2];
    uint32_t gathering; /* index of a batch; the other one is under way, or empty */
    uint64_t committed; /* as told */
    int64_t closed_at_us;
    bool full;             /* as told: the store has no space for new work */
    struct histogram wait; /* from the end of a batch to its commit */
};

/* Both are borrowed. */
void commits_init(struct commits *commits, struct store *store, struct payload_store *payloads);
void commits_fini(struct commits *commits);

/* PUT or DELETE: into the batch that gathers. */
void commits_add(struct commits *commits, const struct effect *change);
/* COMMIT: hands it to the store. */
void commits_close(struct commits *commits, uint64_t number, int64_t now_us);

/* What the store has to tell the engine: true, and the event. */
bool commits_next(struct commits *commits, int64_t now_us, struct event *out);

#endif
