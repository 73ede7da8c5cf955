/* SPDX-License-Identifier: MIT
 *
 * A link and the raw ROUTER it talks to, in one process. */
#ifndef LINK_WORLD_H
#define LINK_WORLD_H

#include "common/link/link.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include <zmq.h>

enum { WORLD_LIMIT_MS = 20000, TEXT_SIZE = 64 };

struct world {
    void *zmq_context;
    void *router;
    char endpoint[96];
    struct link *link;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    /* under the mutex */
    char waiting[TEXT_SIZE]; /* to be sent by collect */
    uint8_t *large;
    size_t large_size;
    int opened;
    int received;
    int received_wanted;
    pthread_t receiver; /* of the last */
    pthread_t sender;
    char last[TEXT_SIZE];
    size_t last_frame_size;
    struct wire_part taken;
    bool reopen_asked;
    int released;
    bool signals_blocked;
};

struct router_frame {
    uint8_t data[TEXT_SIZE];
    size_t size;
};

extern const struct link_ops world_ops;

int world_setup(void **state);
int world_teardown(void **state);
void world_set(struct world *world, char *place, const char *text);
void world_wait(struct world *world, const int *value, int wanted);

/* The peer's id and its text; further frames are counted. */
size_t router_receive(struct world *world, struct router_frame *peer, char *text);
void router_send(struct world *world, const struct router_frame *peer, const char *text,
                 size_t large);

#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, world_setup, world_teardown)

#endif
