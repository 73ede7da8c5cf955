/* SPDX-License-Identifier: MIT
 *
 * Routes; see route.h. One malloc a connection; none a message unless its peer does not read. */
#include "broker/net/route.h"

#include "common/bounds.h"
#include "common/check.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

enum {
    PLACE_BITS = 20,
    MESSAGE_OVERHEAD = 128, /* what a waiting message costs beside its bytes */
};

void routes_init(struct routes *routes) {
    *routes = (struct routes){0};
}

void routes_fini(struct routes *routes) {
    struct route *route;
    struct route *next;
    HASH_ITER(hh, routes->by_key, route, next) {
        routes_forget(routes, route);
    }
    free(routes->places);
    free(routes->free_places);
    *routes = (struct routes){0};
}

static uint32_t place_take(struct routes *routes) {
    if (routes->free_count > 0) {
        return routes->free_places[--routes->free_count];
    }
    if (routes->place_count == routes->place_capacity) {
        uint32_t capacity = routes->place_capacity * 2 + 64;
        routes->places = realloc(routes->places, capacity * sizeof(struct route *));
        routes->free_places = realloc(routes->free_places, capacity * sizeof(uint32_t));
        CHECK(routes->places != NULL && routes->free_places != NULL);
        routes->place_capacity = capacity;
    }
    return routes->place_count++;
}

static void quiet_append(struct routes *routes, struct route *route) {
    route->quiet_next = NULL;
    route->quiet_previous = routes->quiet_last;
    if (routes->quiet_last != NULL) {
        routes->quiet_last->quiet_next = route;
    } else {
        routes->quiet_first = route;
    }
    routes->quiet_last = route;
}

static void quiet_remove(struct routes *routes, struct route *route) {
    if (route->quiet_previous != NULL) {
        route->quiet_previous->quiet_next = route->quiet_next;
    } else {
        routes->quiet_first = route->quiet_next;
    }
    if (route->quiet_next != NULL) {
        route->quiet_next->quiet_previous = route->quiet_previous;
    } else {
        routes->quiet_last = route->quiet_previous;
    }
}

static struct route *route_make(struct routes *routes, const void *key, size_t key_size,
                                int64_t now_us) {
    struct route *route = calloc(1, sizeof *route + key_size);
    CHECK(route != NULL);
    uint32_t place = place_take(routes);
    route->id = ++routes->serial << PLACE_BITS | place;
    route->traffic_at_us = now_us;
    route->key_size = (uint8_t)key_size;
    memcpy(route->key, key, key_size);
    routes->places[place] = route;
    routes->count++;
    HASH_ADD_KEYPTR(hh, routes->by_key, route->key, key_size, route);
    quiet_append(routes, route);
    return route;
}

struct route *routes_of_key(struct routes *routes, const void *key, size_t key_size,
                            int64_t now_us) {
    struct route *route = NULL;
    CHECK(key_size <= UINT8_MAX); /* libzmq's own limit */
    HASH_FIND(hh, routes->by_key, key, key_size, route);
    if (route == NULL && routes->count < BOUND_ROUTES) {
        route = route_make(routes, key, key_size, now_us);
    }
    return route;
}

struct route *routes_of_id(const struct routes *routes, route_id id) {
    uint64_t place = id & ((1u << PLACE_BITS) - 1);
    struct route *route = place < routes->place_count ? routes->places[place] : NULL;
    return route != NULL && route->id == id ? route : NULL;
}

static void message_release(struct route_message *message) {
    for (size_t i = 0; i < message->part_count; i++) {
        struct wire_part *part = &message->parts[i];
        if (part->release != NULL) {
            part->release((void *)(uintptr_t)part->data, part->hint);
        }
    }
    bytes_free(&message->body);
    free(message);
}

void routes_forget(struct routes *routes, struct route *route) {
    uint32_t place = (uint32_t)(route->id & ((1u << PLACE_BITS) - 1));
    for (struct route_message *message = route->first; message != NULL;) {
        struct route_message *next = message->next;
        message_release(message);
        message = next;
    }
    if (route->first != NULL) {
        DL_DELETE2(routes->waiting_first, route, waiting_previous, waiting_next);
    }
    routes->waiting_bytes -= route->waiting_bytes;
    quiet_remove(routes, route);
    HASH_DEL(routes->by_key, route);
    routes->places[place] = NULL;
    routes->free_places[routes->free_count++] = place;
    routes->count--;
    free(route);
}

void routes_touch(struct routes *routes, struct route *route, int64_t now_us) {
    route->traffic_at_us = now_us;
    if (routes->quiet_last != route) {
        quiet_remove(routes, route);
        quiet_append(routes, route);
    }
}

void routes_wait(struct routes *routes, struct route *route, struct wire_out *out) {
    struct route_message *message =
        calloc(1, sizeof *message + out->part_count * sizeof *message->parts);
    CHECK(message != NULL);
    message->part_count = out->part_count;
    memcpy(message->parts, out->parts, out->part_count * sizeof *message->parts);
    bytes_append(&message->body, out->body.data, out->body.size);
    message->size = MESSAGE_OVERHEAD + message->body.size;
    for (size_t i = 0; i < message->part_count; i++) {
        message->size += message->parts[i].size;
    }
    if (route->first == NULL) {
        route->first = message;
        DL_APPEND2(routes->waiting_first, route, waiting_previous, waiting_next);
    } else {
        route->last->next = message;
    }
    route->last = message;
    route->waiting_bytes += message->size;
    routes->waiting_bytes += message->size;
    out->part_count = 0;
}

void routes_sent_first(struct routes *routes, struct route *route) {
    struct route_message *message = route->first;
    route->first = message->next;
    route->waiting_bytes -= message->size;
    routes->waiting_bytes -= message->size;
    if (route->first == NULL) {
        route->last = NULL;
        DL_DELETE2(routes->waiting_first, route, waiting_previous, waiting_next);
    }
    bytes_free(&message->body);
    free(message);
}
