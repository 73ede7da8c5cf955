/* SPDX-License-Identifier: MIT
 *
 * Routes: who is at the other end. A peer's connection is known to libzmq by its routing id
 * (bytes), to the engine by a route number that is never used twice.
 *
 *     routing id ── hash ──> route ──> messages that wait because the peer does not read
 *     route number (serial 44 | place 20) ── array ──┘
 *
 * Two lists run through the routes: `quiet`, in order of the last traffic (who is to be probed),
 * and `waiting`, those with unsent messages. */
#ifndef WHERRY_ROUTE_H
#define WHERRY_ROUTE_H

#include "broker/core/event.h"
#include "common/wire/wire.h"

#include <uthash.h>

/* A message that could not be sent yet; owns its body and parts. */
struct route_message {
    struct route_message *next;
    struct bytes body;
    size_t size; /* of body and parts */
    size_t part_count;
    struct wire_part parts[];
};

struct route {
    UT_hash_handle hh;
    route_id id;
    int64_t traffic_at_us; /* when something was last sent or received */
    struct route *quiet_previous, *quiet_next;
    struct route *waiting_previous, *waiting_next;
    struct route_message *first, *last;
    uint64_t waiting_bytes;
    uint8_t key_size;
    uint8_t key[]; /* the routing id */
};

struct routes {
    struct route *by_key;
    struct route **places;
    uint32_t place_capacity;
    uint32_t place_count;
    uint32_t *free_places;
    uint32_t free_count;
    uint64_t serial;
    uint32_t count;
    struct route *quiet_first, *quiet_last;
    struct route *waiting_first;
    uint64_t waiting_bytes; /* of all routes */
};

void routes_init(struct routes *routes);
void routes_fini(struct routes *routes); /* what waits is released unsent */

/* The route of a routing id, made if it is new. NULL: there are BOUND_ROUTES already. */
struct route *routes_of_key(struct routes *routes, const void *key, size_t key_size,
                            int64_t now_us);
/* NULL: forgotten. */
struct route *routes_of_id(const struct routes *routes, route_id id);
/* Releases what waits. The next message of its peer gets a new number. */
void routes_forget(struct routes *routes, struct route *route);

void routes_touch(struct routes *routes, struct route *route, int64_t now_us);

/* Takes the message's body and parts to the end of the route's queue. */
void routes_wait(struct routes *routes, struct route *route, struct wire_out *message);
/* The first waiting message was sent: its memory belongs to others now. */
void routes_sent_first(struct routes *routes, struct route *route);

#endif
