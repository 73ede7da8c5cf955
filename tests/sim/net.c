/* SPDX-License-Identifier: MIT
 *
 * Each route has two queues of copied messages with the time at which they are due; the time of one
 * never lies before that of its predecessor, so order within a route needs no further thought. A
 * route lives until its last message has arrived, although its peer may long have a newer one: that
 * is how a late copy overtakes nothing of its own connection and yet comes after the next.
 *
 * Rejected: losing or doubling single messages inside a connection. TCP under ZeroMQ does neither,
 * and logic that would survive it would be paying for a fault that does not exist. */
#include "tests/sim/net_private.h"

#include "common/check.h"

#include <stdlib.h>
#include <string.h>

static void net_pump(void *subject, uint64_t argument);

/* ---- messages ---------------------------------------------------------------------------------
 */

static struct net_message *net_message_copy(const struct wire_out *out) {
    struct wire_message message = wire_out_message(out);
    size_t size = 0;
    for (size_t i = 0; i < message.count; i++) {
        size += message.frames[i].size;
    }
    struct net_message *copy = malloc(sizeof *copy + size);
    CHECK(copy != NULL);
    copy->next = NULL;
    copy->frame_count = (uint32_t)message.count;
    enum wire_type type = 0;
    CHECK(wire_type_of(&message, &type) == WHERRY_OK);
    copy->type = (uint32_t)type;
    uint8_t *at = copy->data;
    for (size_t i = 0; i < message.count; i++) {
        copy->sizes[i] = (uint32_t)message.frames[i].size;
        if (message.frames[i].size > 0) {
            memcpy(at, message.frames[i].data, message.frames[i].size);
        }
        at += message.frames[i].size;
    }
    return copy;
}

static struct wire_message net_message_view(const struct net_message *message) {
    struct wire_message view = {.count = message->frame_count};
    const uint8_t *at = message->data;
    for (uint32_t i = 0; i < message->frame_count; i++) {
        view.frames[i] = (struct span){at, message->sizes[i]};
        at += message->sizes[i];
    }
    return view;
}

static void net_queue_init(struct net_queue *queue) {
    *queue = (struct net_queue){.first = NULL, .last = NULL, .last_due_us = 0};
    queue->last = &queue->first;
}

static struct net_message *net_queue_pop(struct net_queue *queue) {
    struct net_message *message = queue->first;
    queue->first = message->next;
    if (queue->first == NULL) {
        queue->last = &queue->first;
    }
    return message;
}

void net_queue_drop(struct net *net, struct net_queue *queue) {
    while (queue->first != NULL) {
        net->in_flight--;
        free(net_queue_pop(queue));
    }
}

/* ---- routes -----------------------------------------------------------------------------------
 */

static struct net_route *net_route_add(struct net *net, net_node node) {
    if (net->route_count == net->route_capacity) {
        net->route_capacity = net->route_capacity == 0 ? 64 : net->route_capacity * 2;
        net->routes = realloc(net->routes, net->route_capacity * sizeof *net->routes);
        net->pasts = realloc(net->pasts, net->route_capacity * sizeof *net->pasts);
        CHECK(net->routes != NULL && net->pasts != NULL);
    }
    struct net_route *route = calloc(1, sizeof *route);
    CHECK(route != NULL);
    net->routes[net->route_count] = route;
    net->pasts[net->route_count] = (struct net_past){.node = node};
    net->route_count++;
    route->net = net;
    route->id = net->route_count;
    route->node = node;
    route->current = true;
    route->to_next_broker = !net->broker_up;
    net_queue_init(&route->ways[NET_UP]);
    net_queue_init(&route->ways[NET_DOWN]);
    return route;
}

void net_route_free(struct net *net, route_id id) {
    struct net_route *route = net->routes[id - 1];
    net_queue_drop(net, &route->ways[NET_UP]);
    net_queue_drop(net, &route->ways[NET_DOWN]);
    free(route);
    net->routes[id - 1] = NULL;
}

net_node net_route_node(const struct net *net, route_id id) {
    return id == 0 || id > net->route_count ? UINT32_MAX : net->pasts[id - 1].node;
}

/* Not before the last message of the route has been read. */
static void net_notice_lost(void *subject, uint64_t id) {
    struct net *net = subject;
    if (net->routes[id - 1] != NULL || net->broker_stopped) {
        world_at(net->world, net->world->now_us + NET_NOTICE_US, net_notice_lost, net, id);
        return;
    }
    if (net->broker_up && !net->pasts[id - 1].noticed) {
        net->pasts[id - 1].noticed = true;
        world_fault(net->world, FAULT_ROUTE_NOTICED);
        net->hooks.route_lost(net->hooks.context, id);
    }
}

/* The peer has left this route: its down queue is lost; of its up queue nothing, a part or all
 * arrives. */
static void net_route_leave(struct net *net, struct net_route *route) {
    route->current = false;
    net->nodes[route->node].route = NULL;
    net_queue_drop(net, &route->ways[NET_DOWN]);
    struct net_queue *up = &route->ways[NET_UP];
    if (net->farewell == NET_NOTHING_LATE || route->to_next_broker) {
        net_queue_drop(net, up);
    } else if (net->farewell == NET_SOME_LATE) {
        struct net_message **at = &up->first;
        int64_t late_us = sim_rng_skewed(&net->rng, 0, 3000000);
        while (*at != NULL && sim_rng_chance(&net->rng, 700)) {
            (*at)->due_us += late_us;
            world_at(net->world, (*at)->due_us, net_pump, net, route->id * 2 + NET_UP);
            at = &(*at)->next;
        }
        struct net_message *lost = *at;
        *at = NULL;
        up->last = at;
        while (lost != NULL) {
            struct net_message *next = lost->next;
            net->in_flight--;
            free(lost);
            lost = next;
        }
    }
    if (net->broker_up) {
        world_at(net->world, net->world->now_us + sim_rng_between(&net->rng, 1000, 2000000),
                 net_notice_lost, net, route->id);
    }
    if (up->first != NULL) {
        world_at(net->world, up->first->due_us, net_pump, net, route->id * 2 + NET_UP);
    } else {
        net_route_free(net, route->id);
    }
}

/* The socket lives on, on another route: what its machine had already received it still reads. */
static void net_carry_over(struct net *net, struct net_queue *from, struct net_route *to) {
    struct net_queue *down = &to->ways[NET_DOWN];
    while (from->first != NULL && net->farewell != NET_NOTHING_LATE &&
           (net->farewell == NET_ALL_LATE || sim_rng_chance(&net->rng, 600))) {
        struct net_message *message = net_queue_pop(from);
        message->next = NULL;
        *down->last = message;
        down->last = &message->next;
        down->last_due_us = message->due_us;
        world_at(net->world, message->due_us, net_pump, net, to->id * 2 + NET_DOWN);
    }
}

/* A connection breaks under a socket that goes on: down messages already received, then the new
 * route. */
void net_replace(struct net *net, struct net_route *old) {
    struct net_queue down = old->ways[NET_DOWN];
    net_node node = old->node;
    if (down.first == NULL) {
        net_queue_init(&down);
    }
    net_queue_init(&old->ways[NET_DOWN]);
    net_route_leave(net, old);
    net->nodes[node].route = net_route_add(net, node);
    net_carry_over(net, &down, net->nodes[node].route);
    net_queue_drop(net, &down);
}

/* ---- life -------------------------------------------------------------------------------------
 */

struct net *net_create(struct world *world, uint64_t seed, struct net_hooks hooks) {
    struct net *net = calloc(1, sizeof *net);
    CHECK(net != NULL);
    net->world = world;
    net->rng = sim_rng_of(seed, 1);
    net->hooks = hooks;
    net->delay_low_us = 50;
    net->delay_high_us = 50;
    return net;
}

void net_destroy(struct net **net_at) {
    struct net *net = *net_at;
    if (net == NULL) {
        return;
    }
    for (uint32_t i = 0; i < net->route_count; i++) {
        if (net->routes[i] != NULL) {
            net_route_free(net, i + 1);
        }
    }
    free(net->routes);
    free(net->pasts);
    free(net);
    *net_at = NULL;
}

net_node net_node_add(struct net *net, const char *name, uint32_t machine, void *peer) {
    CHECK(net->node_count < NET_NODES_MAX && machine < NET_MACHINES_MAX);
    struct net_spot *spot = &net->nodes[net->node_count];
    strncpy(spot->name, name, sizeof spot->name - 1);
    spot->machine = machine;
    spot->peer = peer;
    return net->node_count++;
}

const char *net_node_name(const struct net *net, net_node node) {
    return node < net->node_count ? net->nodes[node].name : "nobody";
}

void net_open(struct net *net, net_node node) {
    net_close(net, node);
    net->nodes[node].route = net_route_add(net, node);
}

void net_finish(struct net *net, net_node node) {
    struct net_route *route = net->nodes[node].route;
    if (route == NULL) {
        return;
    }
    route->current = false;
    net->nodes[node].route = NULL;
    net_queue_drop(net, &route->ways[NET_DOWN]);
    world_at(net->world, net->world->now_us + 1000000, net_notice_lost, net, route->id);
    if (route->ways[NET_UP].first == NULL) {
        net_route_free(net, route->id);
    }
}

void net_close(struct net *net, net_node node) {
    if (net->nodes[node].route != NULL) {
        net_route_leave(net, net->nodes[node].route);
    }
}

/* ---- carrying ---------------------------------------------------------------------------------
 */

static bool net_blocked(const struct net *net, const struct net_route *route, enum net_way way) {
    const struct net_spot *spot = &net->nodes[route->node];
    if (net->machines[spot->machine].blocked[way]) {
        return true;
    }
    return way == NET_UP ? !net->broker_up || net->broker_stopped : spot->stopped;
}

bool net_held(const struct net *net, const struct net_route *route, enum net_way way) {
    const struct net_spot *spot = &net->nodes[route->node];
    const struct net_message *head = route->ways[way].first;
    return spot->hold[way] && head != NULL &&
           (spot->hold_type[way] == 0 || spot->hold_type[way] == head->type);
}

static void net_append(struct net *net, struct net_route *route, enum net_way way,
                       const struct wire_out *out) {
    struct net_spot *spot = &net->nodes[route->node];
    struct net_queue *queue = &route->ways[way];
    struct net_message *message = net_message_copy(out);
    int64_t due = net->world->now_us +
                  sim_rng_skewed(&net->rng, net->delay_low_us, net->delay_high_us) +
                  spot->delay_us[way] + spot->delay_next_us[way];
    spot->delay_next_us[way] = 0;
    message->due_us = due > queue->last_due_us ? due : queue->last_due_us;
    queue->last_due_us = message->due_us;
    *queue->last = message;
    queue->last = &message->next;
    net->in_flight++;
    world_at(net->world, message->due_us, net_pump, net, route->id * 2 + way);
}

static void net_cut_now(void *subject, uint64_t node) {
    net_cut(subject, (net_node)node);
}

void net_send_up(struct net *net, net_node node, const struct wire_out *out) {
    struct net_spot *spot = &net->nodes[node];
    if (spot->route == NULL) {
        return;
    }
    if (spot->cut_soon) {
        spot->cut_soon = false;
        spot->delay_next_us[NET_UP] = NET_CUT_SOON_US;
        world_at(net->world, net->world->now_us + sim_rng_skewed(&net->rng, 0, NET_CUT_SOON_US),
                 net_cut_now, net, node);
    }
    net_append(net, spot->route, NET_UP, out);
}

bool net_send_down(struct net *net, route_id id, const struct wire_out *out) {
    if (id == 0 || id > net->route_count) {
        return false;
    }
    struct net_route *route = net->routes[id - 1];
    if (route != NULL && route->current) {
        net_append(net, route, NET_DOWN, out);
        return true;
    }
    return !net->pasts[id - 1].noticed; /* until then it is sent, and lost */
}

static void net_arrive(struct net *net, route_id id, net_node node, enum net_way way,
                       const struct net_message *message) {
    struct net_spot *spot = &net->nodes[node];
    struct wire_message view = net_message_view(message);
    world_hash(net->world, &net->world->now_us, sizeof net->world->now_us);
    world_hash(net->world, &id, sizeof id);
    world_hash(net->world, view.frames[0].data, view.frames[0].size);
    world_say(net->world, "%s %s %s (route %u)", spot->name, way == NET_UP ? ">" : "<",
              wire_type_name((enum wire_type)message->type), (unsigned)id);
    if (net->tap != NULL) {
        net->tap(net->tap_context, node, way, &view);
    }
    if (way == NET_DOWN) {
        net->hooks.to_peer(net->hooks.context, spot->peer, &view);
        return;
    }
    if (id < spot->newest_heard) {
        world_fault(net->world, FAULT_LATE);
    } else {
        spot->newest_heard = id;
    }
    net->hooks.to_broker(net->hooks.context, id, &view);
}

/* Lets everything through that is due. A hook may cut or close this very route: look it up each
 * time. */
static void net_pump(void *subject, uint64_t argument) {
    struct net *net = subject;
    route_id id = argument / 2;
    enum net_way way = (enum net_way)(argument % 2);
    for (;;) {
        struct net_route *route = net->routes[id - 1];
        if (route == NULL) {
            return;
        }
        struct net_queue *queue = &route->ways[way];
        if (queue->first == NULL) {
            if (!route->current && route->ways[NET_UP].first == NULL) {
                net_route_free(net, id);
            }
            return;
        }
        if (queue->first->due_us > net->world->now_us || net_blocked(net, route, way) ||
            net_held(net, route, way)) {
            return;
        }
        struct net_message *message = net_queue_pop(queue);
        net->in_flight--;
        net_arrive(net, id, route->node, way, message);
        free(message);
    }
}

void net_pump_all(struct net *net) {
    for (uint32_t i = 0; i < net->route_count; i++) {
        if (net->routes[i] != NULL) {
            world_at(net->world, net->world->now_us, net_pump, net, (i + 1) * UINT64_C(2) + NET_UP);
            world_at(net->world, net->world->now_us, net_pump, net,
                     (i + 1) * UINT64_C(2) + NET_DOWN);
        }
    }
}
