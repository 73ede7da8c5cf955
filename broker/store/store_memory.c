/* SPDX-License-Identifier: MIT
 *
 * memory: keeps nothing. Tasks live in the engine alone; a restart begins with an empty house,
 * under a new uuid. The epoch is the start's time in nanoseconds: above every earlier one without
 * a place to keep it, unless the clock is set back by more than the broker was down. */
#include "broker/store/store.h"
#include "common/check.h"
#include "common/entropy.h"
#include "common/err.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

struct store_memory {
    struct store store;
    struct store_identity identity;
    uint64_t committed;
};

static const struct store_memory *memory_of(const struct store *store) {
    return (const struct store_memory *)store;
}

static wherry_err memory_check(const char *url) {
    bool bare = strcmp(url, store_memory_ops.scheme) == 0;
    return bare ? WHERRY_OK : err_set(WHERRY_E_INVALID, "memory: takes nothing behind it");
}

static wherry_err memory_open(const char *url, struct store **out) {
    struct timespec now;
    (void)url;
    struct store_memory *memory = calloc(1, sizeof *memory);
    CHECK(memory != NULL);
    clock_gettime(CLOCK_REALTIME, &now);
    memory->store.ops = &store_memory_ops;
    memory->identity.epoch = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
    entropy_fill(memory->identity.uuid, sizeof memory->identity.uuid);
    *out = &memory->store;
    return WHERRY_OK;
}

static void memory_identity(const struct store *store, struct store_identity *out) {
    *out = memory_of(store)->identity;
}

static wherry_err memory_scan(struct store *store, store_each *each, void *context) {
    (void)store;
    (void)each;
    (void)context;
    return WHERRY_OK;
}

static void memory_commit(struct store *store, const struct store_batch *batch) {
    ((struct store_memory *)store)->committed = batch->number;
}

static uint64_t memory_committed(const struct store *store) {
    return memory_of(store)->committed;
}

static wherry_err memory_failed(const struct store *store) {
    (void)store;
    return WHERRY_OK;
}

static bool memory_has_space(const struct store *store) {
    (void)store;
    return true;
}

static int memory_fd(const struct store *store) {
    (void)store;
    return -1;
}

static void memory_close(struct store **store) {
    free(*store);
    *store = NULL;
}

const struct store_ops store_memory_ops = {
    .scheme = "memory:",
    .help = "nothing survives a restart",
    .check = memory_check,
    .open = memory_open,
    .identity = memory_identity,
    .scan = memory_scan,
    .commit = memory_commit,
    .committed = memory_committed,
    .failed = memory_failed,
    .has_space = memory_has_space,
    .fd = memory_fd,
    .close = memory_close,
};
