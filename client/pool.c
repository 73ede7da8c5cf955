/* SPDX-License-Identifier: MIT
 *
 * The life of a pool handle. Terminate ends the asyncs at once and asks the broker to cancel; join
 * waits until the broker has said of each task that it is over. */
#include "client/pool.h"

#include "common/clock.h"
#include "common/err.h"
#include "common/name.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { POOL_ASK_MS = 5000, POOL_REMEMBER_US = 1000000 };

wherry_err pool_check(const struct wherry_pool *pool) {
    if (pool == NULL) {
        return err_set(WHERRY_E_INVALID, "no pool");
    }
    return connection_check(pool->connection);
}

wherry_err pool_check_open(const struct wherry_pool *pool) {
    return pool->closed || pool->connection->closed
               ? err_set(WHERRY_E_CLOSED, "pool \"%s\" is not running: it was closed", pool->name)
               : WHERRY_OK;
}

wherry_err wherry_pool_open(wherry_connection *connection, const char *name, wherry_pool **out) {
    name = name != NULL ? name : "default";
    if (connection == NULL || out == NULL) {
        return err_set(WHERRY_E_INVALID, "pool: no connection, or no place for the pool");
    }
    if (!name_ok(span_of_text(name))) {
        return err_set(WHERRY_E_INVALID,
                       "pool \"%.160s\": a name has 1 to 128 of A-Z a-z 0-9 . _ { } -", name);
    }
    wherry_err err = connection_check(connection);
    if (err != WHERRY_OK) {
        return err;
    }
    if (connection->house != NULL) {
        err = local_serve(connection->house, name);
    }
    if (err != WHERRY_OK) {
        return err;
    }
    struct wherry_pool *pool = calloc(1, sizeof *pool);
    if (pool == NULL) {
        return err_set(WHERRY_E_NO_MEMORY, "pool: out of memory");
    }
    pool->connection = connection;
    snprintf(pool->name, sizeof pool->name, "%s", name);
    pool->queue = span_of_text(pool->name);
    pool->slot = id_slot_of_name(pool->queue);
    connection_hold(connection);
    *out = pool;
    return WHERRY_OK;
}

void joiner_add(struct pool_joiner **list, struct pool_joiner *joiner) {
    joiner->following = *list;
    *list = joiner;
}

void joiner_remove(struct pool_joiner **list, struct pool_joiner *joiner) {
    while (*list != NULL && *list != joiner) {
        list = &(*list)->following;
    }
    if (*list != NULL) {
        *list = joiner->following;
    }
}

void joiners_wake(struct pool_joiner **list) {
    while (*list != NULL) {
        struct pool_joiner *joiner = *list;
        *list = joiner->following; /* before the wake-up: the joiner is gone after it */
        wait_wake(&joiner->word, atomic_fetch_or(&joiner->word, WAIT_DONE));
    }
}

/* Under the mutex. */
static void pool_end_if_over(struct wherry_pool *pool) {
    if (pool->released && pool->open == 0 && pool->iterators == 0) {
        struct wherry_connection *connection = pool->connection;
        free(pool);
        /* Never the last hold here: whoever tells us this holds the connection, too. */
        connection_unhold(connection);
    }
}

void pool_task_over(struct wherry_pool *pool) {
    pool->open--;
    if (pool->open > 0) {
        return;
    }
    joiners_wake(&pool->joiners);
    pool_end_if_over(pool);
}

void pool_iterator_over(struct wherry_pool *pool) {
    pool->iterators--;
    pool_end_if_over(pool);
}

wherry_err wherry_pool_close(wherry_pool *pool) {
    wherry_err err = pool_check(pool);
    if (err == WHERRY_OK) {
        pthread_mutex_lock(&pool->connection->mutex);
        pool->closed = true;
        connection_room_again(pool->connection);
        pthread_mutex_unlock(&pool->connection->mutex);
    }
    return err;
}

static bool pool_terminate_one(void *context, void *owner) {
    struct owner *self = owner;
    if (self->kind->pool == NULL || self->kind->pool(self) != context) {
        return false;
    }
    self->kind->terminated(self);
    return true;
}

/* Under the mutex. */
static void pool_terminate(struct wherry_pool *pool) {
    pool->closed = true;
    connection_room_again(pool->connection);
    if (pool->open > 0) {
        session_each(pool->connection->session, pool_terminate_one, pool);
    }
}

wherry_err wherry_pool_terminate(wherry_pool *pool) {
    wherry_err err = pool_check(pool);
    if (err == WHERRY_OK) {
        pthread_mutex_lock(&pool->connection->mutex);
        pool_terminate(pool);
        pthread_mutex_unlock(&pool->connection->mutex);
        connection_wake(pool->connection);
    }
    return err;
}

/* Under the mutex, given up while it waits. */
static wherry_err pool_join_wait(struct wherry_pool *pool, int64_t deadline_us) {
    struct wherry_connection *connection = pool->connection;
    struct pool_joiner joiner = {.following = NULL};
    joiner_add(&pool->joiners, &joiner);
    pthread_mutex_unlock(&connection->mutex);
    wherry_err err = wait_word(&connection->waiters, &joiner.word, WAIT_DONE, deadline_us);
    pthread_mutex_lock(&connection->mutex);
    joiner_remove(&pool->joiners, &joiner);
    return err;
}

wherry_err wherry_pool_join(wherry_pool *pool, int64_t timeout_ms) {
    int64_t deadline_us = 0;
    wherry_err err = pool_check(pool);
    if (err == WHERRY_OK) {
        err = wait_deadline(timeout_ms, &deadline_us);
    }
    if (err != WHERRY_OK) {
        return err;
    }
    pthread_mutex_lock(&pool->connection->mutex);
    uint64_t open = pool->open;
    if (!pool->closed) {
        err = err_set(WHERRY_E_BUSY, "pool \"%s\" is still running: close or terminate it first",
                      pool->name);
    } else if (open > 0) {
        err = pool_join_wait(pool, deadline_us);
        open = pool->open;
    }
    pthread_mutex_unlock(&pool->connection->mutex);
    if (err == WHERRY_E_TIMEOUT) {
        return err_set(err, "pool \"%s\": %llu tasks are not over", pool->name,
                       (unsigned long long)open);
    }
    return err;
}

void wherry_pool_release(wherry_pool **pool) {
    if (pool == NULL || *pool == NULL) {
        return;
    }
    struct wherry_pool *dying = *pool;
    struct wherry_connection *connection = dying->connection;
    *pool = NULL;
    if (atomic_load(connection->life) != 1) {
        free(dying); /* a forked child: nobody else refers to it here */
        connection_unhold(connection);
        return;
    }
    connection_hold(connection);
    pthread_mutex_lock(&connection->mutex);
    if (!dying->closed) {
        pool_terminate(dying);
    }
    dying->released = true;
    pool_end_if_over(dying);
    pthread_mutex_unlock(&connection->mutex);
    connection_wake(connection);
    connection_unhold(connection);
}

/* ---- processes ------------------------------------------------------------------------------ */

static uint32_t pool_count_processes(const wherry_value *show) {
    wherry_value *hosts = NULL;
    if (wherry_value_read(show, "{sv}", "hosts", &hosts) != WHERRY_OK) {
        return 0;
    }
    uint64_t sum = 0;
    for (size_t i = 0; i < wherry_value_count(hosts); i++) {
        wherry_value *host = NULL;
        uint64_t processes = 0;
        if (wherry_value_at(hosts, i, &host) == WHERRY_OK &&
            wherry_value_read(host, "{su}", "processes", &processes) == WHERRY_OK) {
            sum += processes;
        }
        wherry_value_release(&host);
    }
    wherry_value_release(&hosts);
    return sum > UINT32_MAX ? UINT32_MAX : (uint32_t)sum;
}

static bool pool_remembers(struct wherry_pool *pool, uint32_t *out) {
    pthread_mutex_lock(&pool->connection->mutex);
    bool fresh =
        pool->processes_at_us != 0 && clock_mono_us() - pool->processes_at_us < POOL_REMEMBER_US;
    *out = pool->processes;
    pthread_mutex_unlock(&pool->connection->mutex);
    return fresh;
}

wherry_err wherry_pool_processes(wherry_pool *pool, uint32_t *out) {
    wherry_err err = pool_check(pool);
    if (err != WHERRY_OK || out == NULL) {
        return err != WHERRY_OK ? err : err_set(WHERRY_E_INVALID, "no place for the answer");
    }
    if (pool_remembers(pool, out)) {
        return WHERRY_OK;
    }
    wherry_value *show = NULL;
    err = wherry_pool_show(pool->connection, pool->name, POOL_ASK_MS, &show);
    if (err != WHERRY_OK && err != WHERRY_E_UNKNOWN) {
        return err;
    }
    uint32_t processes = show != NULL ? pool_count_processes(show) : 0;
    wherry_value_release(&show);
    pthread_mutex_lock(&pool->connection->mutex);
    pool->processes = processes;
    pool->processes_at_us = processes > 0 ? clock_mono_us() : 0; /* nobody yet: ask again */
    pthread_mutex_unlock(&pool->connection->mutex);
    *out = processes;
    return WHERRY_OK;
}

wherry_err pool_processes_for_chunks(struct wherry_pool *pool, uint32_t *out) {
    wherry_err err = wherry_pool_processes(pool, out);
    if (err != WHERRY_OK && err != WHERRY_E_TIMEOUT) {
        return err;
    }
    if (err == WHERRY_E_TIMEOUT || *out == 0) { /* as Pool(None) would have it */
        long cpus = sysconf(_SC_NPROCESSORS_ONLN);
        *out = cpus > 0 ? (uint32_t)cpus : 1;
    }
    return WHERRY_OK;
}
