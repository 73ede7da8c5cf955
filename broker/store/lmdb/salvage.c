/* SPDX-License-Identifier: MIT
 *
 * Salvage; see salvage.h.
 *
 *     data.mdb ──every whole record──> data.mdb.new ──synced──┐
 *        └──link──> data.mdb.damaged-N   (kept, for people)   └──rename──> data.mdb
 *
 * A file of its own, because damage to LMDB's pages cannot be mended in place; the old one gets its
 * second name before the new one takes the first, so that there is a store at every moment.
 *
 * The new store is marked as a copy: whoever starts on it draws another uuid. A session that had a
 * task accepted which is not here would else wait for it for ever (rules §2.3, §5.7). */
#include "broker/store/lmdb/salvage.h"

#include "common/check.h"
#include "common/entropy.h"
#include "common/err.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    PATH_SIZE = PATH_MAX + 32,
    SALVAGE_CHANGES = 4096,
    SALVAGE_BYTES = 16 << 20,
    SALVAGE_KEPT_MAX = 1000,
};

struct salvage {
    struct lmdb made; /* env, tables, row, and where the next task goes */
    struct store_batch batch;
    uint64_t batch_bytes;
};

static wherry_err salvage_refuse(const struct salvage *salvage, const char *what, int rc) {
    return err_set(WHERRY_E_SYSTEM, "the store in %s: salvage: %s: %s; nothing was changed",
                   salvage->made.url.folder, what, mdb_strerror(rc));
}

static void made_unlink(const struct salvage *salvage) {
    unlinkat(salvage->made.folder_fd, "data.mdb.new", 0);
    unlinkat(salvage->made.folder_fd, "data.mdb.new-lock", 0);
}

/* ---- copying --------------------------------------------------------------------------------- */

static void batch_forget(struct salvage *salvage) {
    for (uint32_t i = 0; i < salvage->batch.change_count; i++) {
        free((void *)(uintptr_t)salvage->batch.changes[i].record.head.data);
    }
    store_batch_clear(&salvage->batch);
    salvage->batch_bytes = 0;
}

static wherry_err batch_write(struct salvage *salvage) {
    salvage->batch.number = salvage->made.row.batch + 1;
    int rc = lmdb_apply(&salvage->made, &salvage->batch);
    batch_forget(salvage);
    return rc == 0 ? WHERRY_OK : salvage_refuse(salvage, "cannot write the new one", rc);
}

wherry_err salvage_take(struct salvage *salvage, const struct store_change *record) {
    struct span head = record->record.head;
    struct span payload = record->payload;
    uint8_t *copy = malloc(head.size + payload.size + 1);
    CHECK(copy != NULL);
    memcpy(copy, head.data, head.size);
    if (payload.size > 0) {
        memcpy(copy + head.size, payload.data, payload.size);
    }
    struct store_change *change = store_batch_add(&salvage->batch);
    *change = *record;
    change->record.head.data = copy;
    change->payload.data = copy + head.size;
    salvage->batch_bytes += head.size + payload.size;
    bool full =
        salvage->batch.change_count >= SALVAGE_CHANGES || salvage->batch_bytes >= SALVAGE_BYTES;
    return full ? batch_write(salvage) : WHERRY_OK;
}

/* ---- the new file ---------------------------------------------------------------------------- */

wherry_err salvage_open(const struct lmdb *damaged, struct salvage **out) {
    char path[PATH_SIZE];
    struct salvage *salvage = calloc(1, sizeof *salvage);
    CHECK(salvage != NULL);
    struct lmdb *made = &salvage->made;
    *out = salvage;
    made->url = damaged->url;
    made->folder_fd = damaged->folder_fd;
    made->row.is_copy = true;
    entropy_fill(made->row.uuid, sizeof made->row.uuid);
    made_unlink(salvage);
    snprintf(path, sizeof path, "%s/data.mdb.new", made->url.folder);
    int rc = lmdb_env_open(path, MDB_NOSUBDIR | MDB_NOLOCK, made->url.map_bytes, &made->env);
    rc = rc != 0 ? rc : lmdb_make_tables(made);
    return rc == 0 ? WHERRY_OK : salvage_refuse(salvage, "cannot make the new one", rc);
}

/* The next free name. */
static bool damaged_keep(const struct salvage *salvage, char *kept) {
    int folder = salvage->made.folder_fd;
    char name[32];
    for (int i = 1; i <= SALVAGE_KEPT_MAX; i++) {
        snprintf(name, sizeof name, "data.mdb.damaged-%d", i);
        if (linkat(folder, "data.mdb", folder, name, 0) == 0) {
            snprintf(kept, PATH_MAX, "%.*s/%s", PATH_MAX - 40, salvage->made.url.folder, name);
            return true;
        }
        if (errno != EEXIST) {
            return false;
        }
    }
    return false;
}

wherry_err salvage_publish(struct salvage *salvage, const struct lmdb_row *row, char *kept) {
    struct lmdb *made = &salvage->made;
    if (row != NULL) {
        made->row.epoch = row->epoch;
        memcpy(made->row.uuid, row->uuid, sizeof made->row.uuid);
    }
    wherry_err err = batch_write(salvage);
    if (err != WHERRY_OK) {
        return err;
    }
    mdb_env_close(made->env);
    made->env = NULL;
    if (!damaged_keep(salvage, kept)) {
        return salvage_refuse(salvage, "cannot give the damaged file another name", errno);
    }
    if (fsync(made->folder_fd) != 0 ||
        renameat(made->folder_fd, "data.mdb.new", made->folder_fd, "data.mdb") != 0) {
        int failure = errno;
        unlink(kept); /* the second name of a file that stays where it is */
        return salvage_refuse(salvage, "cannot put the new one in its place", failure);
    }
    return fsync(made->folder_fd) == 0
               ? WHERRY_OK
               : err_set(WHERRY_E_SYSTEM,
                         "the store in %s was made anew, and the damaged file is %s; whether that "
                         "survives a loss of power is not known: %s",
                         made->url.folder, kept, strerror(errno));
}

void salvage_close(struct salvage **salvage_at) {
    struct salvage *salvage = *salvage_at;
    if (salvage != NULL) {
        mdb_env_close(salvage->made.env);
        made_unlink(salvage);
        batch_forget(salvage);
        store_batch_fini(&salvage->batch);
        free(salvage);
        *salvage_at = NULL;
    }
}
