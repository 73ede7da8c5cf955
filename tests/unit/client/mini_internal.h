/* SPDX-License-Identifier: MIT
 *
 * The inside of the mini broker: mini.c is its thread, mini_wire.c what it says. */
#ifndef CLIENT_MINI_INTERNAL_H
#define CLIENT_MINI_INTERNAL_H

#include "mini.h"

#include "common/wire/wire.h"

#include <pthread.h>

enum { MINI_ROUTE_MAX = 64, MINI_LIMIT_S = 20 };

struct mini_task {
    uint8_t route[MINI_ROUTE_MAX];
    size_t route_size;
    uint16_t slot;
    uint64_t number;
    struct task_id id;
    bool behind; /* "reverse": waits for the tasks behind it only */
    struct bytes payload;
    struct mini_task *following;
};

struct mini {
    void *context;
    void *router;
    void *control; /* PAIR: commands from the test */
    void *control_far;
    char endpoint[64];
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    /* under the mutex */
    uint64_t submitted;
    uint64_t resubmitted;
    size_t largest_chunk;
    /* the thread's */
    uint32_t processes;
    uint32_t beat_ms;
    uint64_t epoch;
    bool silent;
    uint64_t sessions[64];
    size_t session_count;
    struct mini_task *held;
    struct wire_out out;
    const uint8_t *route;
    size_t route_size;
};

void mini_message(struct mini *mini, const struct wire_message *message);
void mini_let_go(struct mini *mini, bool behind_only);

#endif
