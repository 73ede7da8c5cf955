/* SPDX-License-Identifier: MIT
 *
 * The writer: the one thread that waits for the disk. It takes the pending batch, commits it, says
 * so, and looks after the reserve; while there is no space it looks again every LOOK_MS, so that
 * new work is taken well within a second of its return.
 *
 * It ends for good at the first failure that is not a lack of space: what the disk holds then is
 * found out by the next start. */
#include "broker/store/lmdb/lmdb.h"

#include "common/check.h"
#include "common/err.h"
#include "common/log.h"
#include "common/plant.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

enum { LOOK_MS = 200 };

static void writer_tell(struct lmdb *lmdb) {
    uint64_t one = 1;
    CHECK(write(lmdb->event_fd, &one, sizeof one) == sizeof one);
}

void lmdb_acknowledge(struct lmdb *lmdb, uint64_t batch) {
    pthread_mutex_lock(&lmdb->lock);
    lmdb->pending = NULL;
    pthread_mutex_unlock(&lmdb->lock);
    atomic_store(&lmdb->committed, batch);
    writer_tell(lmdb);
}

static void writer_set_space(struct lmdb *lmdb, bool has_space) {
    if (atomic_exchange(&lmdb->has_space, has_space) != has_space) {
        writer_tell(lmdb);
    }
}

static void writer_fail(struct lmdb *lmdb, int rc) {
    log_event(LOG_ERROR, "the store cannot be written; nothing more is acknowledged",
              log_text("folder", lmdb->url.folder), log_text("cause", mdb_strerror(rc)));
    atomic_store(&lmdb->failed, true);
    writer_tell(lmdb);
}

/* Under lock. */
static void writer_wait_ms(struct lmdb *lmdb, int64_t wait_ms) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += wait_ms * 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_cond_timedwait(&lmdb->wake, &lmdb->lock, &until);
}

/* Under lock. The next batch, or NULL: stopping, or it is time to look for space. */
static const struct store_batch *writer_next(struct lmdb *lmdb) {
    while (lmdb->pending == NULL && !lmdb->stopping) {
        if (!atomic_load(&lmdb->has_space)) {
            writer_wait_ms(lmdb, LOOK_MS);
            break;
        }
        pthread_cond_wait(&lmdb->wake, &lmdb->lock);
    }
    return lmdb->pending;
}

/* What is small, and finds room in the journal, is durable there; else everything goes to LMDB. So
 * it does without space: what is deleted must make room at once. */
static int writer_keep(struct lmdb *lmdb, const struct store_batch *batch) {
    if (!atomic_load(&lmdb->has_space) || !journal_takes(&lmdb->journal, batch)) {
        return lmdb_merge(lmdb, batch);
    }
    uint64_t number = batch->number;
    int rc = journal_write(&lmdb->journal, lmdb->row.epoch, batch);
    if (rc == 0 && PLANTED(PLANT_STORE_EARLY)) {
        lmdb_acknowledge(lmdb, number);
    }
    return rc != 0 ? rc : journal_sync(&lmdb->journal);
}

/* 0, or the failure; ENOSPC only when it was told to stop while waiting for space. */
static int writer_commit(struct lmdb *lmdb, const struct store_batch *batch) {
    for (;;) {
        int rc = writer_keep(lmdb, batch);
        if (!lmdb_no_space(rc)) {
            return rc;
        }
        writer_set_space(lmdb, false);
        pthread_mutex_lock(&lmdb->lock);
        if (!lmdb->stopping) {
            writer_wait_ms(lmdb, LOOK_MS);
        }
        bool stopping = lmdb->stopping;
        pthread_mutex_unlock(&lmdb->lock);
        if (stopping) {
            return rc;
        }
    }
}

/* False: it is over. */
static bool writer_work(struct lmdb *lmdb, const struct store_batch *batch) {
    if (batch != NULL) {
        int rc = writer_commit(lmdb, batch);
        if (rc != 0) {
            if (!lmdb_no_space(rc)) {
                writer_fail(lmdb, rc);
            }
            return false;
        }
        if (!PLANTED(PLANT_STORE_EARLY)) {
            lmdb_acknowledge(lmdb, batch->number);
        }
    }
    writer_set_space(lmdb, lmdb_reserve_look(lmdb));
    return true;
}

/* In good order the journal is left empty, and LMDB's file is the whole store. It may fail: then
 * the next start finds the journal. A store in which nothing was committed is left as it is: it may
 * be one that was refused. */
static void writer_finish(struct lmdb *lmdb) {
    bool changed = !journal_is_empty(&lmdb->journal) || lmdb->row.batch > 0;
    if (changed && !atomic_load(&lmdb->failed)) {
        lmdb->row.has_journal = false;
        lmdb_merge(lmdb, NULL);
    }
}

static void *writer_main(void *context) {
    struct lmdb *lmdb = context;
    bool going_on = true;
    while (going_on) {
        pthread_mutex_lock(&lmdb->lock);
        const struct store_batch *batch = writer_next(lmdb);
        bool stopping = lmdb->stopping && batch == NULL;
        pthread_mutex_unlock(&lmdb->lock);
        going_on = !stopping && writer_work(lmdb, batch);
    }
    writer_finish(lmdb);
    return NULL;
}

void lmdb_commit(struct store *store, const struct store_batch *batch) {
    struct lmdb *lmdb = lmdb_of(store);
    pthread_mutex_lock(&lmdb->lock);
    CHECK(lmdb->pending == NULL);
    lmdb->pending = batch;
    pthread_cond_signal(&lmdb->wake);
    pthread_mutex_unlock(&lmdb->lock);
}

wherry_err lmdb_writer_start(struct lmdb *lmdb) {
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(&lmdb->thread, NULL, writer_main, lmdb);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    lmdb->running = rc == 0;
    return rc == 0 ? WHERRY_OK
                   : err_set(WHERRY_E_SYSTEM, "the store's thread: %s", strerror(rc));
}

void lmdb_writer_stop(struct lmdb *lmdb) {
    if (!lmdb->running) {
        return;
    }
    pthread_mutex_lock(&lmdb->lock);
    lmdb->stopping = true;
    pthread_cond_signal(&lmdb->wake);
    pthread_mutex_unlock(&lmdb->lock);
    pthread_join(lmdb->thread, NULL);
    lmdb->running = false;
}
