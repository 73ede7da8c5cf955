/* SPDX-License-Identifier: MIT
 *
 * Questions to the broker, as JSON: the maps of docs/protocol.md, and flat rows made of them. What
 * fails is one line on stderr and an exit code. */
#ifndef CLI_ASK_H
#define CLI_ASK_H

#include "client/cli/cli.h"

/* The broker's state (pool NULL), or one pool. */
int ask_broker(wherry_connection *connection, const char *pool, json_t **out);

/* One row a worker host of all pools: pool, id, host, pid, state, processes, running. */
int ask_hosts(wherry_connection *connection, json_t **out);
/* One row a process of all pools: that of docs/protocol.md, and pool, host, host_id,
 * host_state. */
int ask_processes(wherry_connection *connection, json_t **out);

/* The element of a list of objects whose `key` is this text; borrowed, NULL: none. */
json_t *ask_find(const json_t *list, const char *key, const char *text);

#endif
