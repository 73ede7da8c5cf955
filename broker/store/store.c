/* SPDX-License-Identifier: MIT
 *
 * The store port: finds the kind of store by its URL and hands every call on. A table of
 * functions, so that a further kind is one file and one line here. */
#include "broker/store/store.h"

#include "common/err.h"

#include <string.h>

static const struct store_ops *const kinds[] = {&store_memory_ops};

static const struct store_ops *kind_of_url(const char *url) {
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (strncmp(url, kinds[i]->scheme, strlen(kinds[i]->scheme)) == 0) {
            return kinds[i];
        }
    }
    return NULL;
}

wherry_err store_check_url(const char *url) {
    if (kind_of_url(url) == NULL) {
        return err_set(WHERRY_E_INVALID, "no such store; there is %s (%s)", kinds[0]->scheme,
                       kinds[0]->help);
    }
    return WHERRY_OK;
}

wherry_err store_open(const char *url, struct store **out) {
    wherry_err err = store_check_url(url);
    return err != WHERRY_OK ? err : kind_of_url(url)->open(url, out);
}

void store_identity(const struct store *store, struct store_identity *out) {
    store->ops->identity(store, out);
}

wherry_err store_scan(struct store *store,
                      void (*each)(void *context, const struct store_change *record),
                      void *context) {
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

int store_fd(const struct store *store) {
    return store->ops->fd(store);
}

void store_close(struct store **store) {
    if (*store != NULL) {
        (*store)->ops->close(store);
    }
}
