/* SPDX-License-Identifier: MIT
 *
 * The inside of a pool handle: a name, whether it takes more, and how many of its tasks are not
 * over. It lives until it is released, all its tasks are over and no iterator submits through
 * it. */
#ifndef WHERRY_CLIENT_POOL_H
#define WHERRY_CLIENT_POOL_H

#include "client/connection.h"

struct pool_joiner { /* on the stack of a thread that waits for all tasks, or for its turn */
    atomic_uint word;
    struct pool_joiner *following;
};

/* All under the connection's mutex. */
void joiner_add(struct pool_joiner **list, struct pool_joiner *joiner);
void joiner_remove(struct pool_joiner **list, struct pool_joiner *joiner);
void joiners_wake(struct pool_joiner **list); /* all, and the list is empty */

struct wherry_pool {
    struct wherry_connection *connection;
    char name[WIRE_NAME_MAX + 1];
    struct span queue; /* the name */
    uint16_t slot;
    /* under the connection's mutex */
    bool closed;
    bool released;
    uint64_t open;      /* tasks submitted and not over */
    uint32_t iterators; /* that may submit more */
    struct pool_joiner *joiners;
    uint32_t processes;
    int64_t processes_at_us;
};

/* INVALID for NULL, or what connection_check says. */
wherry_err pool_check(const struct wherry_pool *pool);
/* OK, or CLOSED with its text. Under the mutex. */
wherry_err pool_check_open(const struct wherry_pool *pool);
void pool_task_over(struct wherry_pool *pool);     /* under the mutex */
void pool_iterator_over(struct wherry_pool *pool); /* under the mutex */
/* Processes for the rule of chunksize; at least 1. */
wherry_err pool_processes_for_chunks(struct wherry_pool *pool, uint32_t *out);

#endif
