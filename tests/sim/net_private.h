/* SPDX-License-Identifier: MIT
 *
 * The inside of the net, shared by its two files. */
#ifndef SIM_NET_PRIVATE_H
#define SIM_NET_PRIVATE_H

#include "tests/sim/net.h"

struct net_message {
    struct net_message *next;
    int64_t due_us;
    uint32_t type;
    uint32_t frame_count;
    uint32_t sizes[WIRE_FRAMES_MAX];
    uint8_t data[];
};

struct net_queue {
    struct net_message *first;
    struct net_message **last;
    int64_t last_due_us;
};

struct net_route {
    struct net *net;
    route_id id;
    net_node node;
    bool current;        /* the peer's socket speaks and listens here */
    bool to_next_broker; /* not yet connected: no broker listens */
    struct net_queue ways[2];
};

struct net_past {
    net_node node;
    bool noticed; /* the broker's ROUTER knows that it is gone */
};

struct net_spot {
    char name[16];
    uint32_t machine;
    void *peer;
    struct net_route *route; /* current one, or NULL: no socket */
    route_id newest_heard;   /* newest route of this node from which something arrived */
    int64_t delay_next_us[2];
    int64_t delay_us[2]; /* of every message, besides the net's */
    bool hold[2];
    uint32_t hold_type[2];
    bool stopped;  /* SIGSTOP: nothing is read */
    bool cut_soon; /* after its next message */
};

struct net_machine {
    bool blocked[2];
};

enum { NET_CUT_SOON_US = 100000, NET_NOTICE_US = 1000000 };
enum { NET_NODES_MAX = 64, NET_MACHINES_MAX = 24 };

struct net {
    struct world *world;
    struct rng rng;
    struct net_hooks hooks;
    struct net_spot nodes[NET_NODES_MAX];
    uint32_t node_count;
    struct net_machine machines[NET_MACHINES_MAX];
    struct net_route **routes; /* by id - 1; NULL once drained */
    struct net_past *pasts;    /* by id - 1; kept for ever */
    uint32_t route_count;
    uint32_t route_capacity;
    bool broker_up;
    bool broker_stopped;
    int64_t delay_low_us;
    int64_t delay_high_us;
    enum net_farewell farewell;
    net_tap tap;
    void *tap_context;
    uint64_t in_flight;
};

/* Its first message must wait: a partition, a stopped process, no broker; or a scenario's hold. */
bool net_held(const struct net *net, const struct net_route *route, enum net_way way);
/* Whatever is due and no longer held back goes through. */
void net_pump_all(struct net *net);
/* The socket stays, its connection breaks: a new route. */
void net_replace(struct net *net, struct net_route *old);
void net_route_free(struct net *net, route_id id);
void net_queue_drop(struct net *net, struct net_queue *queue);

#endif
