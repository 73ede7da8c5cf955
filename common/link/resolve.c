/* SPDX-License-Identifier: MIT
 *
 * Resolve; see resolve.h. getaddrinfo() may take as long as a name server is silent, and cannot be
 * broken off: it runs on a thread of its own, which is left alone when the time is over. What both
 * use belongs to whoever leaves it last. */
#include "common/link/resolve.h"

#include "common/err.h"
#include "common/link/address.h"

#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct resolve {
    pthread_mutex_t mutex;
    pthread_cond_t over;
    bool done;
    bool found;
    atomic_int users;
    struct addresses addresses;
    char why[RESOLVE_WHY];
};

static void resolve_leave(struct resolve *resolve) {
    if (atomic_fetch_sub(&resolve->users, 1) == 1) {
        pthread_mutex_destroy(&resolve->mutex);
        pthread_cond_destroy(&resolve->over);
        addresses_fini(&resolve->addresses);
        free(resolve);
    }
}

/* The host of tcp://host:port, without the brackets of an IPv6 address. False: no tcp. */
static bool resolve_host(const char *address, char *out, size_t size) {
    if (strncmp(address, "tcp://", strlen("tcp://")) != 0) {
        return false;
    }
    const char *host = address + strlen("tcp://");
    const char *end = strrchr(host, ':');
    bool literal = host[0] == '[' && end > host && end[-1] == ']';
    snprintf(out, size, "%.*s", (int)(end - host) - 2 * literal, host + literal);
    return true;
}

static bool resolve_one(const char *address, char *why) {
    char host[300];
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    if (!resolve_host(address, host, sizeof host)) {
        return false;
    }
    int code = getaddrinfo(host, NULL, &hints, &found);
    if (code == 0) {
        freeaddrinfo(found);
        return false;
    }
    snprintf(why, RESOLVE_WHY, "the name %s does not resolve: %s", host, gai_strerror(code));
    return true;
}

static void *resolve_run(void *context) {
    struct resolve *resolve = context;
    char why[RESOLVE_WHY] = "";
    bool found = false;
    for (size_t i = 0; i < resolve->addresses.count && !found; i++) {
        found = resolve_one(resolve->addresses.items[i], why);
    }
    pthread_mutex_lock(&resolve->mutex);
    resolve->done = true;
    resolve->found = found;
    memcpy(resolve->why, why, sizeof why);
    pthread_cond_signal(&resolve->over);
    pthread_mutex_unlock(&resolve->mutex);
    resolve_leave(resolve);
    return NULL;
}

static struct resolve *resolve_create(const char *addresses) {
    struct resolve *resolve = calloc(1, sizeof *resolve);
    if (resolve == NULL || addresses_parse(addresses, &resolve->addresses) != WHERRY_OK) {
        free(resolve);
        return NULL;
    }
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&resolve->over, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_mutex_init(&resolve->mutex, NULL);
    atomic_init(&resolve->users, 2);
    return resolve;
}

/* With all signals blocked, as every thread of the library. */
static bool resolve_start(struct resolve *resolve) {
    sigset_t all;
    sigset_t before;
    pthread_t thread;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    bool started = pthread_create(&thread, NULL, resolve_run, resolve) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (started) {
        pthread_detach(thread);
    } else {
        resolve_leave(resolve);
    }
    return started;
}

bool resolve_explain(const char *addresses, int64_t limit_ms, char out[RESOLVE_WHY]) {
    struct resolve *resolve = resolve_create(addresses);
    struct timespec until;
    if (resolve == NULL) {
        return false;
    }
    bool running = resolve_start(resolve);
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += limit_ms / 1000 + (until.tv_nsec + limit_ms % 1000 * 1000000) / 1000000000;
    until.tv_nsec = (until.tv_nsec + limit_ms % 1000 * 1000000) % 1000000000;
    pthread_mutex_lock(&resolve->mutex);
    while (running && !resolve->done) {
        running = pthread_cond_timedwait(&resolve->over, &resolve->mutex, &until) == 0;
    }
    bool found = resolve->done && resolve->found;
    memcpy(out, resolve->why, RESOLVE_WHY);
    pthread_mutex_unlock(&resolve->mutex);
    resolve_leave(resolve);
    return found;
}
