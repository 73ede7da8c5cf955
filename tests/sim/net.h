/* SPDX-License-Identifier: MIT
 *
 * Net: what lies between peers and the broker. It carries encoded messages, as ZeroMQ would:
 *
 *     peer (DEALER) ── route: up queue ──> broker (ROUTER)
 *                   <── down queue ──────
 *
 *   - Within one route and direction order is kept and nothing is lost.
 *   - A cut loses what is in flight and gives the peer a new route behind its back: DEALER
 * reconnects silently, and the broker no longer knows the sender. What was on its way up may still
 * arrive, late, on the old route, even after messages of the new one. That is the only source of
 * duplicates: peers say again what they cannot know to have arrived.
 *   - A peer that opens a new socket (linger 0) loses its unsent messages; the same holds for what
 * had left.
 *   - A partition holds messages back, one way or both; healing lets them through, or cuts.
 *   - While no broker listens, messages wait at the peer and go to the next broker on a new route.
 */
#ifndef SIM_NET_H
#define SIM_NET_H

#include "common/wire/wire.h"
#include "tests/sim/rng.h"
#include "tests/sim/world.h"

enum net_way { NET_UP = 0, NET_DOWN = 1 }; /* to the broker, from the broker */

struct net;

/* One end of a connection at a peer: a socket. Owned by the peer, numbered by the net. */
typedef uint32_t net_node;

struct net_hooks {
    /* A message reached the broker on `route`. */
    void (*to_broker)(void *context, route_id route, const struct wire_message *message);
    /* A message reached the peer. */
    void (*to_peer)(void *context, void *peer, const struct wire_message *message);
    /* The broker has noticed that a route is gone (a probe came back). */
    void (*route_lost)(void *context, route_id route);
    void *context;
};

struct net *net_create(struct world *world, uint64_t seed, struct net_hooks hooks);
void net_destroy(struct net **net);

/* A place where a socket may stand; `machine` groups nodes that a partition separates together. */
net_node net_node_add(struct net *net, const char *name, uint32_t machine, void *peer);
const char *net_node_name(const struct net *net, net_node node);

/* Peer side. */
void net_open(struct net *net, net_node node);   /* a new socket; the one before closes first */
void net_close(struct net *net, net_node node);  /* also when the peer's process dies */
void net_finish(struct net *net, net_node node); /* closes, but what was sent still arrives */
void net_send_up(struct net *net, net_node node, const struct wire_out *out);

/* Broker side. False: the route is known to be gone (EHOSTUNREACH). */
bool net_send_down(struct net *net, route_id route, const struct wire_out *out);
/* The node now or once behind a route; UINT32_MAX if there never was one. */
net_node net_route_node(const struct net *net, route_id route);
void net_broker_down(struct net *net); /* every route dies */
void net_broker_up(struct net *net);

/* Faults. */
void net_cut(struct net *net, net_node node);
void net_cut_soon(struct net *net, net_node node); /* with its next message still under way */
void net_partition(struct net *net, uint32_t machine, bool up, bool down);
void net_heal(struct net *net, uint32_t machine); /* what was held back goes through */
void net_stop(struct net *net, net_node node,
              bool stopped); /* its process reads nothing meanwhile */
void net_stop_broker(struct net *net, bool stopped);
void net_delay_next(struct net *net, net_node node, enum net_way way, int64_t delay_us);
/* Every message of it from now on, besides what the net's delay is: a slow line. */
void net_delay_all(struct net *net, net_node node, enum net_way way, int64_t delay_us);
void net_set_delay(struct net *net, int64_t low_us, int64_t high_us); /* of every message */
/* What becomes of messages still on their way up when their peer leaves the connection. */
enum net_farewell { NET_NOTHING_LATE, NET_SOME_LATE, NET_ALL_LATE };
void net_set_farewell(struct net *net, enum net_farewell farewell);

/* Scenarios: the first message of `type` (0: any) stops its route and direction until
 * net_release(); what stands behind it waits, what stands before it passes. A cut meanwhile behaves
 * as ever. */
void net_hold(struct net *net, net_node node, enum net_way way, uint32_t type);
void net_release(struct net *net, net_node node, enum net_way way);
bool net_holding(const struct net *net, net_node node, enum net_way way); /* is one waiting? */

/* Sees each message at its arrival; the trace and the scenarios listen here. */
typedef void (*net_tap)(void *context, net_node node, enum net_way way,
                        const struct wire_message *message);
void net_set_tap(struct net *net, net_tap tap, void *context);

uint64_t net_in_flight(const struct net *net);

#endif
