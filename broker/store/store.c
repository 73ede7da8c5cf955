/* SPDX-License-Identifier: MIT
 *
 * The store port: finds the kind of store by its URL and hands every call on. A table of
 * functions, so that a further kind is one file and one line here. */
#include "broker/store/store.h"

#include "common/check.h"
#include "common/err.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct store_ops *const kinds[] = {&store_lmdb_ops, &store_memory_ops};

enum { KINDS = sizeof kinds / sizeof *kinds };

static const struct store_ops *kind_of_url(const char *url) {
    for (size_t i = 0; i < KINDS; i++) {
        if (strncmp(url, kinds[i]->scheme, strlen(kinds[i]->scheme)) == 0) {
            return kinds[i];
        }
    }
    return NULL;
}

static wherry_err kind_unknown(void) {
    char list[256];
    size_t size = 0;
    for (size_t i = 0; i < KINDS && size < sizeof list; i++) {
        size += (size_t)snprintf(list + size, sizeof list - size, "%s%s (%s)", i == 0 ? "" : ", ",
                                 kinds[i]->scheme, kinds[i]->help);
    }
    return err_set(WHERRY_E_INVALID, "no such store; there is %s", list);
}

wherry_err store_check_url(const char *url) {
    const struct store_ops *kind = kind_of_url(url);
    return kind == NULL ? kind_unknown() : kind->check(url);
}

wherry_err store_open(const char *url, struct store **out) {
    wherry_err err = store_check_url(url);
    return err != WHERRY_OK ? err : kind_of_url(url)->open(url, out);
}

wherry_err store_backup(const char *url, const char *file, struct store_backup *told) {
    *told = (struct store_backup){0};
    wherry_err err = store_check_url(url);
    if (err != WHERRY_OK) {
        return err;
    }
    const struct store_ops *kind = kind_of_url(url);
    if (kind->backup == NULL) {
        return err_set(WHERRY_E_INVALID, "%s keeps nothing that could be copied", kind->scheme);
    }
    return kind->backup(url, file, told);
}

static wherry_err verify(const char *url, bool salvage, const struct store_verify *how,
                         struct store_verified *out) {
    *out = (struct store_verified){0};
    wherry_err err = store_check_url(url);
    if (err != WHERRY_OK) {
        return err;
    }
    const struct store_ops *kind = kind_of_url(url);
    if (kind->verify == NULL) {
        return err_set(WHERRY_E_INVALID, "%s keeps nothing that could be checked", kind->scheme);
    }
    return kind->verify(url, salvage, how, out);
}

wherry_err store_check(const char *url, const struct store_verify *how,
                       struct store_verified *out) {
    return verify(url, false, how, out);
}

wherry_err store_salvage(const char *url, const struct store_verify *how,
                         struct store_verified *out) {
    return verify(url, true, how, out);
}

void store_identity(const struct store *store, struct store_identity *out) {
    store->ops->identity(store, out);
}

wherry_err store_scan(struct store *store, store_each *each, void *context) {
    return store->ops->scan(store, each, context);
}

void store_commit(struct store *store, const struct store_batch *batch) {
    store->ops->commit(store, batch);
}

uint64_t store_committed(const struct store *store) {
    return store->ops->committed(store);
}

wherry_err store_failed(const struct store *store) {
    return store->ops->failed(store);
}

bool store_has_space(const struct store *store) {
    return store->ops->has_space(store);
}

int store_fd(const struct store *store) {
    return store->ops->fd(store);
}

void store_close(struct store **store) {
    if (*store != NULL) {
        (*store)->ops->close(store);
    }
}

/* ---- batches --------------------------------------------------------------------------------- */

struct store_change *store_batch_add(struct store_batch *batch) {
    if (batch->change_count == batch->change_capacity) {
        batch->change_capacity = batch->change_capacity * 2 + 64;
        batch->changes = realloc(batch->changes, batch->change_capacity * sizeof *batch->changes);
        CHECK(batch->changes != NULL);
    }
    return &batch->changes[batch->change_count++];
}

void store_batch_clear(struct store_batch *batch) {
    batch->change_count = 0;
}

void store_batch_fini(struct store_batch *batch) {
    free(batch->changes);
    *batch = (struct store_batch){0};
}
