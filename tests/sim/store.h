/* SPDX-License-Identifier: MIT
 *
 * Store: the durable store, simulated. What survives a crash is exactly what had been committed,
 * and of the batches under way a prefix that chance decides.
 *
 *     put, delete ──> open batch ──commit n──> under way, in order ──time──> committed ──> hook
 *                        │ lost                    │ kept or lost               │ kept
 *                        └──────────── a crash of the broker's process ─────────┘
 *
 * Faults: slow commits; an I/O error (outcome unknown: applied or not, the broker must exit); disk
 * full (the reserve shrinks: the hook says so; `hard`: commits themselves must be repeated until
 * space is back). */
#ifndef SIM_STORE_H
#define SIM_STORE_H

#include "broker/core/record.h"
#include "tests/sim/rng.h"
#include "tests/sim/world.h"

struct store;

struct store_hooks {
    void (*committed)(void *context, uint64_t batch);
    void (*failed)(void *context); /* outcome unknown */
    void (*space)(void *context, bool has_space);
    void *context;
};

struct store *store_create(struct world *world, uint64_t seed, struct store_hooks hooks);
void store_destroy(struct store **store);

/* ---- the broker's side ---- */

/* At open: the next epoch, committed before it is told. */
uint64_t store_raise_epoch(struct store *store);
void store_put(struct store *store, const struct record *record, struct span payload);
void store_delete(struct store *store, const struct record *record);
void store_commit(struct store *store, uint64_t batch);

struct store_row {
    uint8_t key[RECORD_KEY_SIZE];
    struct span head; /* borrowed until the next change */
    struct span payload;
};
uint32_t store_count(const struct store *store);
struct store_row store_at(const struct store *store, uint32_t index); /* in key order */
bool store_has_space(const struct store *store);

/* ---- the world's side ---- */

void store_crash(struct store *store); /* the broker's process is gone */
void store_set_delay(struct store *store, int64_t low_us, int64_t high_us);
void store_fail_next(struct store *store); /* an I/O error at the next commit */
void store_fill(struct store *store, bool hard);
void store_free_space(struct store *store);

/* Scenarios: commits wait until they are let through; at a crash, what waits is lost or kept. */
void store_hold(struct store *store);
void store_release(struct store *store);
uint32_t store_under_way(const struct store *store); /* batches asked for and not committed */
enum store_fate { STORE_FATE_CHANCE, STORE_FATE_LOST, STORE_FATE_KEPT };
void store_set_fate(struct store *store, enum store_fate fate);

#endif
