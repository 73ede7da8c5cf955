/* SPDX-License-Identifier: MIT
 *
 * Routes: connections and who speaks on them; see state.h. A peer has one route (a child may have a
 * second one, its predecessor's); closing it makes the next message on it a stranger's. */
#include "broker/core/state.h"

static bool route_has_id(const void *context, uint32_t value) {
    const struct engine *engine = ((const void *const *)context)[0];
    const route_id *id = ((const void *const *)context)[1];
    return ((const struct route *)slab_at(&engine->routes, value))->id == *id;
}

struct route *routes_find(const struct engine *engine, route_id id) {
    const void *context[2] = {engine, &id};
    uint32_t index = map_find(&engine->route_by_id, map_hash(id), route_has_id, context);
    return index == 0 ? NULL : slab_at(&engine->routes, index);
}

static void route_forget(struct engine *engine, const struct route *route) {
    uint32_t index = route->index;
    map_drop(&engine->route_by_id, map_hash(route->id), index);
    slab_free(&engine->routes, index);
}

/* Its peer speaks on it no longer. */
static void route_detach(struct engine *engine, route_id id, enum peer_kind kind, uint32_t peer) {
    switch (kind) {
    case PEER_CLIENT:
        session_at(engine, peer)->route = 0;
        return;
    case PEER_HOST:
        host_at(engine, peer)->route = 0;
        return;
    case PEER_CHILD:
        children_disconnect(engine, peer, id);
        return;
    case PEER_NONE:
        return;
    }
}

void routes_bind(struct engine *engine, route_id id, enum peer_kind kind, uint32_t peer) {
    struct route *route = routes_find(engine, id);
    if (route == NULL) {
        uint32_t index = slab_take(&engine->routes);
        route = slab_at(&engine->routes, index);
        route->index = index;
        route->id = id;
        map_put(&engine->route_by_id, map_hash(id), index);
    } else if (route->kind != kind || route->peer != peer) {
        route_detach(engine, id, (enum peer_kind)route->kind, route->peer);
    }
    route->kind = kind;
    route->peer = peer;
}

void routes_close(struct engine *engine, route_id id) {
    struct route *route = id == 0 ? NULL : routes_find(engine, id);
    if (route != NULL) {
        route_forget(engine, route);
        effects_add(engine->out, EFFECT_CLOSE_ROUTE, id);
    }
}

void routes_lost(struct engine *engine, route_id id) {
    struct route *route = routes_find(engine, id);
    if (route != NULL) {
        enum peer_kind kind = (enum peer_kind)route->kind;
        uint32_t peer = route->peer;
        route_forget(engine, route);
        route_detach(engine, id, kind, peer);
    }
}
