/* SPDX-License-Identifier: MIT
 *
 * Router: the broker's socket. It knows bytes and routes, nothing of what is said.
 *
 *     peers ──> ROUTER ── router_receive ──> (route, message)
 *     peers <── ROUTER <── router_send       never blocks: what a peer does not read waits in its
 *                                            route's bounded queue; beyond that the route is lost
 *
 * A route is lost when libzmq can no longer reach its peer or its queue is full; router_next_lost
 * tells, once each. Nobody reports a closed connection, so quiet routes are probed each second.
 *
 * One thread owns a router. */
#ifndef WHERRY_ROUTER_H
#define WHERRY_ROUTER_H

#include "broker/net/payload.h"
#include "broker/net/route.h"

struct router;

struct router_config {
    const char *const *endpoints; /* checked by endpoint_check */
    size_t endpoint_count;
    uint32_t payload_max;         /* one payload; larger frames cut the peer off unread */
    uint64_t route_bytes_max;     /* unsent bytes of one route; 0: BOUND_ROUTE_BYTES */
    int send_hwm;                 /* messages inside libzmq for one peer; 0: 1,000 */
};

/* OK; BUSY: an endpoint is taken; SYSTEM: it cannot be bound. wherry_last_error() names it. */
wherry_err router_open(const struct router_config *config, struct router **out);
/* What was given to the socket gets `linger_ms` to leave. */
void router_close(struct router **router, int linger_ms);

/* To wait for input: poll() on router_fd(), but only if router_may_sleep() just said true: libzmq's
 * descriptor tells of changes, not of waiting messages. */
int router_fd(const struct router *router);
bool router_may_sleep(struct router *router);
/* As bound: with the port that a "*" became. */
const char *router_endpoint(const struct router *router, size_t at);

enum router_got { ROUTER_NOTHING, ROUTER_MESSAGE, ROUTER_TOO_MANY_FRAMES };
/* The next waiting message, never blocks; borrowed until the next router_receive. `*message` is
 * empty for TOO_MANY_FRAMES: only the route is known. */
enum router_got router_receive(struct router *router, int64_t now_us, route_id *route,
                               struct wire_message *message);
/* A border_take: the frame of the message last received, without a copy. context: the router. */
struct payload_owner router_take(void *context, size_t frame);

/* A border_send. context: the router. */
void router_send(void *context, route_id route, struct wire_out *message);
/* Tries to send what waits; true if something still does. */
bool router_flush(struct router *router);
/* Forgets a route: what its peer says next comes from a new one. */
void router_forget(struct router *router, route_id route);
/* A route on which nothing moved for `quiet_us`, oldest first; 0: none. It counts as moved then. */
route_id router_next_quiet(struct router *router, int64_t now_us, int64_t quiet_us);
/* A route that was lost since the last call; 0: none (more). */
route_id router_next_lost(struct router *router);

struct router_counts {
    uint64_t routes;
    uint64_t waiting_bytes;
    uint64_t unreachable;   /* routes whose peer had gone */
    uint64_t not_reading;   /* routes that were lost because their peer did not read */
    uint64_t blocked;       /* messages that had to wait */
    uint64_t unanswered;    /* messages of peers beyond BOUND_ROUTES */
};
void router_counts(const struct router *router, struct router_counts *out);

#endif
