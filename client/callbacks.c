/* SPDX-License-Identifier: MIT
 *
 * The callback thread; see callbacks.h. It has a mutex of its own, so that a slow callback never
 * holds up a result. */
#include "client/callbacks.h"

#include <signal.h>
#include <stdlib.h>

struct callbacks {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    pthread_t thread;
    struct wherry_async *first;
    struct wherry_async *last;
    bool ending;
};

static void callbacks_run_one(struct wherry_async *async) {
    const struct async_more *more = async->more;
    const wherry_value *value = NULL;
    wherry_err err = async->err;
    if (err == WHERRY_OK) {
        err = async_value(async, &value);
    }
    if (err == WHERRY_OK) {
        more->callback(value, more->context);
    } else if (more->error_callback != NULL) {
        const char *text = err == async->err ? async_error_text(async) : wherry_last_error();
        more->error_callback(err, text, more->context);
    }
    async_callback_over(async);
}

static struct wherry_async *callbacks_next(struct callbacks *callbacks) {
    pthread_mutex_lock(&callbacks->mutex);
    while (callbacks->first == NULL && !callbacks->ending) {
        pthread_cond_wait(&callbacks->changed, &callbacks->mutex);
    }
    struct wherry_async *async = callbacks->first;
    if (async != NULL) {
        callbacks->first = async->following;
    }
    pthread_mutex_unlock(&callbacks->mutex);
    return async;
}

static void *callbacks_thread(void *argument) {
    struct callbacks *callbacks = argument;
    struct wherry_async *async = callbacks_next(callbacks);
    while (async != NULL) {
        callbacks_run_one(async);
        async = callbacks_next(callbacks);
    }
    return NULL;
}

static void callbacks_free(struct callbacks *callbacks) {
    pthread_cond_destroy(&callbacks->changed);
    pthread_mutex_destroy(&callbacks->mutex);
    free(callbacks);
}

static struct callbacks *callbacks_create(void) {
    struct callbacks *callbacks = calloc(1, sizeof *callbacks);
    if (callbacks == NULL) {
        return NULL;
    }
    pthread_mutex_init(&callbacks->mutex, NULL);
    pthread_cond_init(&callbacks->changed, NULL);
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failure = pthread_create(&callbacks->thread, NULL, callbacks_thread, callbacks);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failure != 0) {
        callbacks_free(callbacks);
        return NULL;
    }
    return callbacks;
}

bool callbacks_start(struct wherry_connection *connection) {
    if (connection->callbacks == NULL) {
        connection->callbacks = callbacks_create();
    }
    return connection->callbacks != NULL;
}

void callbacks_push(struct wherry_connection *connection, struct wherry_async *async) {
    struct callbacks *callbacks = connection->callbacks;
    async->following = NULL;
    pthread_mutex_lock(&callbacks->mutex);
    if (callbacks->first == NULL) {
        callbacks->first = async;
        pthread_cond_signal(&callbacks->changed);
    } else {
        callbacks->last->following = async;
    }
    callbacks->last = async;
    pthread_mutex_unlock(&callbacks->mutex);
}

void callbacks_destroy(struct callbacks **callbacks) {
    struct callbacks *dying = *callbacks;
    if (dying == NULL) {
        return;
    }
    pthread_mutex_lock(&dying->mutex);
    dying->ending = true;
    pthread_cond_signal(&dying->changed);
    pthread_mutex_unlock(&dying->mutex);
    pthread_join(dying->thread, NULL);
    *callbacks = NULL;
    callbacks_free(dying);
}

void callbacks_abandon(struct callbacks **callbacks) {
    free(*callbacks);
    *callbacks = NULL;
}
