/* SPDX-License-Identifier: MIT
 *
 * A sorted array of rows and a list of batches. One commit runs at a time, as in the real writer
 * thread, and takes the time that the world gives it. Small worlds need no better structure. */
#include "tests/sim/store.h"

#include "common/bytes.h"
#include "common/check.h"

#include <stdlib.h>
#include <string.h>

struct store_entry {
    uint8_t key[RECORD_KEY_SIZE];
    bool deletes; /* in a batch only */
    uint32_t head_size;
    uint32_t payload_size;
    uint8_t *data; /* head, payload */
};

struct store_batch {
    struct store_batch *next;
    uint64_t number;
    struct store_entry *entries;
    uint32_t count;
    uint32_t capacity;
};

struct store {
    struct world *world;
    struct rng rng;
    struct store_hooks hooks;
    struct store_entry *rows;
    uint32_t row_count;
    uint32_t row_capacity;
    struct store_batch *open;
    struct store_batch *under_way;
    uint64_t epoch;
    uint64_t life; /* broker processes so far: a commit of an earlier one reports to nobody */
    bool working;  /* a commit is planned in the world */
    bool held;
    bool fail_next;
    bool full;
    bool full_hard;
    enum store_fate fate;
    int64_t delay_low_us;
    int64_t delay_high_us;
};

static struct store_batch *store_batch_create(void) {
    struct store_batch *batch = calloc(1, sizeof *batch);
    CHECK(batch != NULL);
    return batch;
}

static void store_batch_destroy(struct store_batch *batch) {
    for (uint32_t i = 0; i < batch->count; i++) {
        free(batch->entries[i].data);
    }
    free(batch->entries);
    free(batch);
}

struct store *store_create(struct world *world, uint64_t seed, struct store_hooks hooks) {
    struct store *store = calloc(1, sizeof *store);
    CHECK(store != NULL);
    store->world = world;
    store->rng = sim_rng_of(seed, 2);
    store->hooks = hooks;
    store->open = store_batch_create();
    store->delay_low_us = 100;
    store->delay_high_us = 100;
    return store;
}

static void store_drop_batches(struct store *store) {
    while (store->under_way != NULL) {
        struct store_batch *next = store->under_way->next;
        store_batch_destroy(store->under_way);
        store->under_way = next;
    }
    store_batch_destroy(store->open);
    store->open = NULL;
}

void store_destroy(struct store **store_at) {
    struct store *store = *store_at;
    if (store == NULL) {
        return;
    }
    store_drop_batches(store);
    for (uint32_t i = 0; i < store->row_count; i++) {
        free(store->rows[i].data);
    }
    free(store->rows);
    free(store);
    *store_at = NULL;
}

/* ---- rows -------------------------------------------------------------------------------------
 */

static uint32_t store_lower_bound(const struct store *store, const uint8_t *key) {
    uint32_t low = 0;
    uint32_t high = store->row_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (memcmp(store->rows[middle].key, key, RECORD_KEY_SIZE) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static void store_remove_row(struct store *store, uint32_t at) {
    free(store->rows[at].data);
    store->row_count--;
    memmove(&store->rows[at], &store->rows[at + 1],
            (store->row_count - at) * sizeof store->rows[0]);
}

static void store_insert_row(struct store *store, uint32_t at, struct store_entry entry) {
    if (store->row_count == store->row_capacity) {
        store->row_capacity = store->row_capacity == 0 ? 64 : store->row_capacity * 2;
        store->rows = realloc(store->rows, store->row_capacity * sizeof *store->rows);
        CHECK(store->rows != NULL);
    }
    memmove(&store->rows[at + 1], &store->rows[at],
            (store->row_count - at) * sizeof store->rows[0]);
    store->rows[at] = entry;
    store->row_count++;
}

static void store_apply(struct store *store, struct store_batch *batch) {
    for (uint32_t i = 0; i < batch->count; i++) {
        struct store_entry *entry = &batch->entries[i];
        uint32_t at = store_lower_bound(store, entry->key);
        bool there =
            at < store->row_count && memcmp(store->rows[at].key, entry->key, RECORD_KEY_SIZE) == 0;
        if (there) {
            store_remove_row(store, at);
        }
        if (!entry->deletes) {
            store_insert_row(store, at, *entry);
            entry->data = NULL;
        }
    }
}

uint64_t store_raise_epoch(struct store *store) {
    return ++store->epoch;
}

uint32_t store_count(const struct store *store) {
    return store->row_count;
}

struct store_row store_at(const struct store *store, uint32_t index) {
    CHECK(index < store->row_count);
    const struct store_entry *entry = &store->rows[index];
    struct store_row row = {
        .head = {entry->data, entry->head_size},
        .payload = {entry->data + entry->head_size, entry->payload_size},
    };
    memcpy(row.key, entry->key, RECORD_KEY_SIZE);
    return row;
}

/* ---- batches ----------------------------------------------------------------------------------
 */

static struct store_entry *store_add(struct store *store, const uint8_t *key) {
    struct store_batch *batch = store->open;
    if (batch->count == batch->capacity) {
        batch->capacity = batch->capacity == 0 ? 16 : batch->capacity * 2;
        batch->entries = realloc(batch->entries, batch->capacity * sizeof *batch->entries);
        CHECK(batch->entries != NULL);
    }
    struct store_entry *entry = &batch->entries[batch->count++];
    *entry = (struct store_entry){.data = NULL};
    memcpy(entry->key, key, RECORD_KEY_SIZE);
    world_hash(store->world, key, RECORD_KEY_SIZE);
    return entry;
}

void store_put(struct store *store, const struct record *record, struct span payload) {
    struct store_entry *entry = store_add(store, record->key);
    entry->head_size = (uint32_t)record->head.size;
    entry->payload_size = (uint32_t)payload.size;
    entry->data = malloc(record->head.size + payload.size + 1);
    CHECK(entry->data != NULL);
    memcpy(entry->data, record->head.data, record->head.size);
    if (payload.size > 0) {
        memcpy(entry->data + record->head.size, payload.data, payload.size);
    }
    world_hash(store->world, record->head.data, record->head.size);
}

void store_delete(struct store *store, const struct record *record) {
    store_add(store, record->key)->deletes = true;
}

static void store_work(void *subject, uint64_t life);

static void store_plan(struct store *store) {
    if (!store->working && store->under_way != NULL && !store->held &&
        !(store->full && store->full_hard)) {
        store->working = true;
        world_at(store->world,
                 store->world->now_us +
                     sim_rng_skewed(&store->rng, store->delay_low_us, store->delay_high_us),
                 store_work, store, store->life);
    }
}

void store_commit(struct store *store, uint64_t number) {
    store->open->number = number;
    struct store_batch **last = &store->under_way;
    while (*last != NULL) {
        last = &(*last)->next;
    }
    *last = store->open;
    store->open = store_batch_create();
    store_plan(store);
}

static void store_pop(struct store *store, bool kept) {
    struct store_batch *batch = store->under_way;
    store->under_way = batch->next;
    if (kept) {
        store_apply(store, batch);
    }
    store_batch_destroy(batch);
}

static void store_work(void *subject, uint64_t life) {
    struct store *store = subject;
    if (life != store->life) {
        return;
    }
    store->working = false;
    if (store->under_way == NULL || store->held || (store->full && store->full_hard)) {
        return; /* planned again when that is over */
    }
    if (store->fail_next) {
        store->fail_next = false;
        world_fault(store->world, FAULT_IO_ERROR);
        store_pop(store, sim_rng_chance(&store->rng, 500));
        store->hooks.failed(store->hooks.context);
        return;
    }
    uint64_t number = store->under_way->number;
    store_pop(store, true);
    store_plan(store);
    store->hooks.committed(store->hooks.context, number);
}

uint32_t store_under_way(const struct store *store) {
    uint32_t count = 0;
    for (const struct store_batch *batch = store->under_way; batch != NULL; batch = batch->next) {
        count++;
    }
    return count;
}

/* ---- faults -----------------------------------------------------------------------------------
 */

static bool store_fate_keeps(struct store *store) {
    if (store->fate == STORE_FATE_CHANCE) {
        return sim_rng_chance(&store->rng, 500);
    }
    return store->fate == STORE_FATE_KEPT;
}

void store_crash(struct store *store) {
    store->life++;
    store->working = false;
    store->held = false;
    while (store->under_way != NULL && store_fate_keeps(store)) {
        world_fault(store->world, FAULT_BATCH_KEPT);
        store_pop(store, true);
    }
    if (store->under_way != NULL || store->open->count > 0) {
        world_fault(store->world, FAULT_BATCH_LOST);
    }
    store_drop_batches(store);
    store->open = store_batch_create();
}

void store_set_delay(struct store *store, int64_t low_us, int64_t high_us) {
    store->delay_low_us = low_us;
    store->delay_high_us = high_us;
}

void store_fail_next(struct store *store) {
    store->fail_next = true;
}

bool store_has_space(const struct store *store) {
    return !store->full;
}

void store_fill(struct store *store, bool hard) {
    world_fault(store->world, FAULT_DISK_FULL);
    store->full = true;
    store->full_hard = hard;
    store->hooks.space(store->hooks.context, false);
}

void store_free_space(struct store *store) {
    store->full = false;
    store->full_hard = false;
    store_plan(store);
    store->hooks.space(store->hooks.context, true);
}

void store_hold(struct store *store) {
    store->held = true;
}

void store_release(struct store *store) {
    store->held = false;
    store_plan(store);
}

void store_set_fate(struct store *store, enum store_fate fate) {
    store->fate = fate;
}
