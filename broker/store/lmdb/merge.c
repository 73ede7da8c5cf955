/* SPDX-License-Identifier: MIT
 *
 * Merging: what has gathered in the journal goes into LMDB, together with the batch that found no
 * room there, in one transaction. Of one key only the last change counts, and what was put and
 * deleted again since the last merge was never there: most tasks of a broker that keeps up. */
#include "broker/store/lmdb/lmdb.h"

#include "common/check.h"
#include "common/err.h"

#include <stdlib.h>
#include <string.h>

/* Compared as bytes: by key, then by place. */
struct order {
    uint8_t key[RECORD_KEY_SIZE];
    uint8_t place[4];
};

static int order_compare(const void *a, const void *b) {
    return memcmp(a, b, sizeof(struct order));
}

static struct order order_of(const struct store_change *change, uint32_t place) {
    struct order order;
    memcpy(order.key, change->record.key, sizeof order.key);
    for (int i = 0; i < 4; i++) {
        order.place[i] = (uint8_t)(place >> (24 - 8 * i));
    }
    return order;
}

static uint32_t place_of(const struct order *order) {
    const uint8_t *place = order->place;
    return (uint32_t)place[0] << 24 | (uint32_t)place[1] << 16 | (uint32_t)place[2] << 8 | place[3];
}

/* LMDB has never heard of it. */
static bool is_unknown(const struct lmdb *lmdb, const struct store_change *change) {
    return change->record.key[0] == RECORD_TASK &&
           format_key_number(change->record.key) > lmdb->last_arrival;
}

static bool is_last(const struct order *orders, uint32_t at, uint32_t count) {
    return at + 1 == count || memcmp(orders[at].key, orders[at + 1].key, RECORD_KEY_SIZE) != 0;
}

/* In the order of keys, which is also the order of pages. */
static void squash(const struct lmdb *lmdb, const struct store_batch *all,
                   struct store_batch *out) {
    uint32_t count = all->change_count;
    struct order *orders = malloc((count + 1) * sizeof *orders);
    CHECK(orders != NULL);
    for (uint32_t i = 0; i < count; i++) {
        orders[i] = order_of(&all->changes[i], i);
    }
    qsort(orders, count, sizeof *orders, order_compare);
    for (uint32_t i = 0; i < count; i++) {
        const struct store_change *change = &all->changes[place_of(&orders[i])];
        bool wanted = is_last(orders, i, count) && !(change->is_delete && is_unknown(lmdb, change));
        if (wanted) {
            *store_batch_add(out) = *change;
        }
    }
    free(orders);
}

void lmdb_gather(const struct lmdb *lmdb, struct span kept, const struct store_batch *batch,
                 struct store_batch *out) {
    struct store_batch all = {0};
    CHECK(journal_changes(kept, &all));
    for (uint32_t i = 0; batch != NULL && i < batch->change_count; i++) {
        *store_batch_add(&all) = batch->changes[i];
    }
    squash(lmdb, &all, out);
    store_batch_fini(&all);
}

int lmdb_take_up(struct lmdb *lmdb, struct span kept, uint64_t number) {
    struct store_batch merged = {.number = number};
    lmdb_gather(lmdb, kept, NULL, &merged);
    int rc = lmdb_apply(lmdb, &merged);
    store_batch_fini(&merged);
    return rc;
}

int lmdb_merge(struct lmdb *lmdb, const struct store_batch *batch) {
    struct journal *journal = &lmdb->journal;
    if (batch != NULL && journal_is_empty(journal)) {
        return lmdb_apply(lmdb, batch);
    }
    uint64_t last = journal_is_empty(journal) ? lmdb->row.batch : journal->last;
    struct store_batch merged = {.number = batch != NULL ? batch->number : last};
    lmdb_gather(lmdb, bytes_span(&journal->kept), batch, &merged);
    int rc = lmdb_apply(lmdb, &merged);
    store_batch_fini(&merged);
    if (rc == 0) {
        journal_restart(journal);
    }
    return rc;
}

/* ---- at a start ------------------------------------------------------------------------------ */

/* What the broker before acknowledged and LMDB has not yet. */
static wherry_err journal_take_up(struct lmdb *lmdb) {
    struct journal_found found;
    int rc = 0;
    journal_read(lmdb->folder_fd, &lmdb->row, &found);
    if (found.damage == NULL && found.batches > 0) {
        rc = lmdb_take_up(lmdb, bytes_span(&found.kept), found.last);
    }
    const char *damage = found.damage;
    journal_found_fini(&found);
    if (damage != NULL) {
        return err_set(WHERRY_E_PROTOCOL,
                       "the store in %s is damaged: its journal: %s; wherry-broker --check names "
                       "everything that is, --salvage goes on without it",
                       lmdb->url.folder, damage);
    }
    return rc == 0 ? WHERRY_OK : lmdb_refuse(lmdb, "cannot take up its journal", rc);
}

/* Before a row that says that there is one. */
wherry_err lmdb_journal_ready(struct lmdb *lmdb) {
    wherry_err err = WHERRY_OK;
    int rc = 0;
    lmdb_row_take_copy(lmdb);
    if (lmdb->row.has_journal) {
        err = journal_take_up(lmdb);
    } else {
        rc = journal_make(lmdb->folder_fd, lmdb->row.uuid);
    }
    rc = rc != 0 || err != WHERRY_OK ? rc : journal_open(&lmdb->journal, lmdb->folder_fd);
    return rc == 0 ? err : lmdb_refuse(lmdb, "its journal", rc);
}
