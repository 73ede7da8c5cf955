/* SPDX-License-Identifier: MIT
 *
 * What the world does to connections: cuts, partitions, stopped processes, delays, a dead broker;
 * and what scenarios ask for. */
#include "tests/sim/net_private.h"

/* ---- faults -----------------------------------------------------------------------------------
 */

void net_cut(struct net *net, net_node node) {
    if (net->nodes[node].route == NULL || net->nodes[node].route->to_next_broker) {
        return;
    }
    net_replace(net, net->nodes[node].route);
}

void net_cut_soon(struct net *net, net_node node) {
    net->nodes[node].cut_soon = true;
}

void net_partition(struct net *net, uint32_t machine, bool up, bool down) {
    net->machines[machine].blocked[NET_UP] = up;
    net->machines[machine].blocked[NET_DOWN] = down;
}

void net_heal(struct net *net, uint32_t machine) {
    net_partition(net, machine, false, false);
    net_pump_all(net);
}

void net_stop(struct net *net, net_node node, bool stopped) {
    net->nodes[node].stopped = stopped;
    net_pump_all(net);
}

void net_stop_broker(struct net *net, bool stopped) {
    net->broker_stopped = stopped;
    net_pump_all(net);
}

void net_delay_next(struct net *net, net_node node, enum net_way way, int64_t delay_us) {
    net->nodes[node].delay_next_us[way] = delay_us;
}

void net_delay_all(struct net *net, net_node node, enum net_way way, int64_t delay_us) {
    net->nodes[node].delay_us[way] = delay_us;
}

void net_set_delay(struct net *net, int64_t low_us, int64_t high_us) {
    net->delay_low_us = low_us;
    net->delay_high_us = high_us;
}

void net_set_farewell(struct net *net, enum net_farewell farewell) {
    net->farewell = farewell;
}

/* In-flight messages die with the broker's process; peers' sockets look for its successor. */
void net_broker_down(struct net *net) {
    net->broker_up = false;
    uint32_t count = net->route_count; /* those added below are for the next broker */
    for (uint32_t i = 0; i < count; i++) {
        struct net_route *route = net->routes[i];
        net->pasts[i].noticed = true;
        if (route != NULL) {
            net_queue_drop(net, &route->ways[NET_UP]);
            if (route->current) {
                net_replace(net, route);
            }
        }
        if (net->routes[i] != NULL) {
            net_route_free(net, i + 1);
        }
    }
}

void net_broker_up(struct net *net) {
    net->broker_up = true;
    net->broker_stopped = false;
    for (uint32_t i = 0; i < net->route_count; i++) {
        if (net->routes[i] != NULL) {
            net->routes[i]->to_next_broker = false;
        }
    }
    net_pump_all(net);
}

/* ---- scenarios --------------------------------------------------------------------------------
 */

void net_hold(struct net *net, net_node node, enum net_way way, uint32_t type) {
    net->nodes[node].hold[way] = true;
    net->nodes[node].hold_type[way] = type;
}

void net_release(struct net *net, net_node node, enum net_way way) {
    net->nodes[node].hold[way] = false;
    net_pump_all(net);
}

bool net_holding(const struct net *net, net_node node, enum net_way way) {
    for (uint32_t i = 0; i < net->route_count; i++) {
        const struct net_route *route = net->routes[i];
        if (route != NULL && route->node == node && net_held(net, route, way) &&
            route->ways[way].first->due_us <= net->world->now_us) {
            return true;
        }
    }
    return false;
}

void net_set_tap(struct net *net, net_tap tap, void *context) {
    net->tap = tap;
    net->tap_context = context;
}

uint64_t net_in_flight(const struct net *net) {
    return net->in_flight;
}
