/* SPDX-License-Identifier: MIT
 *
 * The store's scenarios. Afterwards the store is opened again, with a disk that works: it holds
 * what was acknowledged, and the batch that was under way wholly or not at all. */
#include "tests/failure/scenarios.h"

#include "common/err.h"
#include "tests/failure/fail.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const struct shelf_size SMALL = {80, 100};
static const struct shelf_size LARGE = {80, 200000};

static wherry_err reopen(struct stage *stage) {
    store_close(&stage->shelf->store);
    return store_open(stage->shelf->url, &stage->shelf->store);
}

static wherry_err count_one(void *context, const struct store_change *found) {
    uint32_t *count = context;
    (void)found;
    ++*count;
    return WHERRY_OK;
}

/* ---- making ready ---------------------------------------------------------------------------- */

static void set_empty(struct stage *stage) {
    stage->shelf = shelf_open("lmdb:", "?reserve=1M&map=64M");
}

static void set_filled(struct stage *stage) {
    set_empty(stage);
    for (uint64_t i = 1; i <= 50; i++) {
        shelf_put(stage->shelf, RECORD_TASK, 1, i, i % 10 == 0 ? LARGE : SMALL);
    }
    shelf_put(stage->shelf, RECORD_SESSION, 0, 7, SMALL);
    shelf_commit(stage->shelf);
}

static void set_closed(struct stage *stage) {
    set_filled(stage);
    store_close(&stage->shelf->store);
}

static void set_damaged(struct stage *stage) {
    char path[128];
    set_closed(stage);
    snprintf(path, sizeof path, "%s/store/data.mdb", stage->shelf->folder);
    int fd = open(path, O_RDWR);
    uint8_t *bytes = malloc(1 << 22);
    ssize_t size = pread(fd, bytes, 1 << 22, 0);
    /* a byte behind the last large record's head: some page of a payload */
    assert_true(size > 500000 && pwrite(fd, "XX", 2, size / 4096 * 4096 / 2 + 100) == 2);
    free(bytes);
    close(fd);
}

/* ---- playing --------------------------------------------------------------------------------- */

static wherry_err play_open(struct stage *stage) {
    return store_open(stage->shelf->url, &stage->shelf->store);
}

static wherry_err play_make(struct stage *stage) {
    char url[160];
    struct store *store = NULL;
    snprintf(url, sizeof url, "lmdb:%s/another?reserve=1M&map=64M", stage->shelf->folder);
    wherry_err err = store_open(url, &store);
    store_close(&store);
    return err;
}

static wherry_err play_scan(struct stage *stage) {
    uint32_t count = 0;
    return store_scan(stage->shelf->store, count_one, &count);
}

/* Putting and forgetting is the shelf's; the commit between is the store's. */
static wherry_err commit(struct stage *stage) {
    fail_resume();
    shelf_begin_commit(stage->shelf);
    return shelf_end_commit(stage->shelf) == WHERRY_OK
               ? WHERRY_OK
               : err_set(WHERRY_E_SYSTEM, "the store failed, as it says in its log");
}

static wherry_err play_commit_small(struct stage *stage) {
    fail_pause();
    for (uint64_t i = 101; i < 110; i++) {
        shelf_put(stage->shelf, RECORD_TASK, 1, i, SMALL);
    }
    return commit(stage);
}

static wherry_err play_commit_large(struct stage *stage) {
    fail_pause();
    shelf_put(stage->shelf, RECORD_TASK, 1, 101, LARGE);
    return commit(stage);
}

static wherry_err play_commit_delete(struct stage *stage) {
    fail_pause();
    for (uint64_t i = 1; i < 30; i++) {
        shelf_delete(stage->shelf, RECORD_TASK, 1, i);
    }
    return commit(stage);
}

static wherry_err play_commit_over(struct stage *stage) {
    fail_pause();
    shelf_put(stage->shelf, RECORD_TASK, 1, 10, SMALL); /* pieces go */
    shelf_put(stage->shelf, RECORD_TASK, 1, 11, LARGE); /* pieces come */
    shelf_put(stage->shelf, RECORD_SESSION, 0, 7, SMALL);
    return commit(stage);
}

static wherry_err play_commit_nothing(struct stage *stage) {
    fail_pause();
    return commit(stage);
}

static wherry_err play_grow(struct stage *stage) {
    wherry_err err = WHERRY_OK;
    for (uint64_t i = 0; i < 8 && err == WHERRY_OK; i++) {
        fail_pause();
        for (uint64_t j = 0; j < 2; j++) {
            shelf_put(stage->shelf, RECORD_TASK, 1, 200 + 2 * i + j, LARGE);
        }
        err = commit(stage);
    }
    return err;
}

static wherry_err play_backup(struct stage *stage) {
    struct store_backup told;
    return store_backup(stage->shelf->url, stage->path, &told);
}

static void damage_ignore(void *context, const struct store_damaged *told) {
    (void)context;
    (void)told;
}

static wherry_err verify(struct stage *stage, bool salvage) {
    uint32_t count = 0;
    struct store_verified found;
    const struct store_verify how = {count_one, damage_ignore, &count};
    return salvage ? store_salvage(stage->shelf->url, &how, &found)
                   : store_check(stage->shelf->url, &how, &found);
}

static wherry_err play_check(struct stage *stage) {
    return verify(stage, false);
}

static wherry_err play_salvage(struct stage *stage) {
    return verify(stage, true);
}

/* ---- judging --------------------------------------------------------------------------------- */

struct reading {
    const struct shelf *shelf;
    uint32_t count;
    uint32_t strange;
};

static wherry_err read_one(void *context, const struct store_change *found) {
    struct reading *reading = context;
    reading->count++;
    reading->strange += !shelf_has(reading->shelf, found);
    return WHERRY_OK;
}

/* Everything, as the model has it: what play did has happened, or it did nothing. */
static bool holds_model(struct stage *stage) {
    struct reading reading = {.shelf = stage->shelf};
    return reopen(stage) == WHERRY_OK &&
           store_scan(stage->shelf->store, read_one, &reading) == WHERRY_OK &&
           reading.strange == 0 && reading.count == stage->shelf->model_count;
}

/* The failed batch is in or not; what was there before is. If it was acknowledged, it is in. */
static bool holds_batch_or_not(struct stage *stage) {
    struct reading reading = {.shelf = stage->shelf};
    if (stage->err == WHERRY_OK) {
        return holds_model(stage);
    }
    if (reopen(stage) != WHERRY_OK ||
        store_scan(stage->shelf->store, read_one, &reading) != WHERRY_OK) {
        return false;
    }
    bool in = reading.strange == 0 && reading.count == stage->shelf->model_count;
    bool out = reading.count == 51; /* as set_filled left it */
    return in || out;
}

/* Each of its batches is in or not, in order. */
static bool holds_some_batches(struct stage *stage) {
    struct reading reading = {.shelf = stage->shelf};
    if (stage->err == WHERRY_OK) {
        return holds_model(stage);
    }
    return reopen(stage) == WHERRY_OK &&
           store_scan(stage->shelf->store, read_one, &reading) == WHERRY_OK &&
           reading.strange == 0 && reading.count >= 51 && (reading.count - 51) % 2 == 0;
}

static bool makes_it_again(struct stage *stage) {
    return play_make(stage) == WHERRY_OK;
}

/* No half of a backup; and the store itself is as it was. */
static bool backup_is_whole(struct stage *stage) {
    bool there = access(stage->path, F_OK) == 0;
    return (there == (stage->err == WHERRY_OK) || stage->err == WHERRY_E_SYSTEM) &&
           holds_model(stage);
}

/* A start takes it, or, as before, does not. */
static bool is_saved_or_as_it_was(struct stage *stage) {
    uint32_t count = 0;
    if (stage->err != WHERRY_OK && play_salvage(stage) != WHERRY_OK) {
        return false;
    }
    return reopen(stage) == WHERRY_OK &&
           store_scan(stage->shelf->store, count_one, &count) == WHERRY_OK && count >= 49;
}

const struct failure_scenario store_scenarios[] = {
    {"a store is made", set_empty, play_make, makes_it_again, .may_stop = true},
    {"a store is opened", set_closed, play_open, holds_model, .may_stop = true},
    {"a store is read", set_filled, play_scan, holds_model, .may_stop = true},
    {"small tasks are committed", set_filled, play_commit_small, holds_batch_or_not,
     .may_stop = true},
    {"a large task is committed", set_filled, play_commit_large, holds_batch_or_not,
     .may_stop = true},
    {"tasks are taken out", set_filled, play_commit_delete, holds_batch_or_not, .may_stop = true},
    {"records are overwritten", set_filled, play_commit_over, holds_batch_or_not, .may_stop = true},
    {"an empty batch is committed", set_filled, play_commit_nothing, holds_model, .may_stop = true},
    {"a store grows", set_filled, play_grow, holds_some_batches, .may_stop = true},
    {"a store is backed up", set_filled, play_backup, backup_is_whole, .may_stop = true},
    {"a store is checked", set_closed, play_check, holds_model, .may_stop = true},
    {"a damaged store is checked", set_damaged, play_check, is_saved_or_as_it_was,
     .may_stop = true},
    {"a damaged store is salvaged", set_damaged, play_salvage, is_saved_or_as_it_was,
     .may_stop = true},
    {.name = NULL},
};
