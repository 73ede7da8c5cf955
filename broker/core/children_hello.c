/* SPDX-License-Identifier: MIT
 *
 * Children: hello, connection and end; see children.h.
 *
 * A hello raises the generation like any report, and lists the results that the child holds. One
 * whose host has not said hello in this epoch gets no credit, but its results are judged. The route
 * of a place's former child stays known until the next change: a dead child's last results may
 * still come out of it. */
#include "broker/core/attempt.h"
#include "broker/core/hello.h"
#include "broker/core/nested.h"
#include "broker/core/outcome.h"
#include "broker/core/spawn.h"
#include "broker/core/state.h"

#include <stdlib.h>
#include <string.h>

static void child_connect(struct engine *engine, uint32_t index, route_id route,
                          const struct event_hello *hello) {
    struct child *child = child_at(engine, index);
    if (child->route != route) {
        if (child->session == hello->session) {
            routes_close(engine, child->route); /* one socket a child */
        } else if (child->route != 0) {
            routes_close(engine, child->old_route);
            child->old_route = child->route;
        }
        child->route = route;
        routes_bind(engine, route, PEER_CHILD, index);
    }
    nested_rename(engine, child, hello->session);
    memcpy(child->secret, hello->secret.data, WIRE_SECRET_SIZE);
    child->pid = hello->pid;
    child->dead = false;
    children_touch(engine, index);
}

static void child_refuse(struct engine *engine, route_id route, const struct event_hello *hello,
                         const char *text) {
    for (uint32_t i = 0; i < hello->held_count; i++) {
        engine_free_payload(engine, hello->held[i].payload);
    }
    hello_refuse(engine, route, WHERRY_E_REFUSED, text);
}

/* The results that it held have been judged: what is expected beyond them has to hurry. */
static void child_expect_rest(struct engine *engine, const struct child *child) {
    for (uint32_t at = child->adopted.head; at != 0;) {
        const struct cold *cold = slab_at(&engine->colds, at);
        at = cold->adopted.next;
        if (cold->expected) {
            attempt_expect_result(engine, cold->task);
        }
    }
}

void children_hello(struct engine *engine, route_id route, const struct event_hello *hello) {
    static const uint8_t unknown[WIRE_SECRET_SIZE] = {0};
    uint32_t host = hello->parent == 0 ? 0 : hosts_find(engine, hello->parent);
    if (host == 0 && hello->parent != 0 && engine->hosts.live < BOUND_HOSTS) {
        host = hosts_make(engine, hello->parent, unknown, HOST_EARLY);
    }
    uint32_t index = host == 0 ? 0 : hosts_child(engine, host, hello->place);
    if (index == 0) {
        child_refuse(engine, route, hello, "no such host or place, or too many");
        return;
    }
    const struct child *child = child_at(engine, index);
    if (child->session == hello->session &&
        memcmp(child->secret, hello->secret.data, WIRE_SECRET_SIZE) != 0) {
        child_refuse(engine, route, hello, "this session belongs to somebody else");
        return;
    }
    bool stale = children_is_stale(engine, index, hello->generation);
    if (!stale && !children_can_have_started(child, hello->started)) {
        child_refuse(engine, route, hello, "it cannot have started what it was not given");
        return;
    }
    if (stale) {
        /* Of a former connection, or of the place's former child: the living one keeps its route.
         * Should this be the living one, overtaken by its host's report, it says hello again. */
        effects_add(engine->out, EFFECT_HELLO_REQUIRED, route);
    } else {
        child_connect(engine, index, route, hello);
        hello_ok(engine, engine->out, route, hello->session);
        (void)children_closed(engine, index, hello->generation, hello->started);
    }
    for (uint32_t i = 0; i < hello->held_count; i++) {
        outcome_held(engine, index, &hello->held[i]);
    }
    if (!stale) {
        child_expect_rest(engine, child_at(engine, index));
    }
}

void children_disconnect(struct engine *engine, uint32_t index, route_id route) {
    struct child *child = child_at(engine, index);
    if (child->old_route == route) {
        child->old_route = 0;
        return;
    }
    if (child->route != route) {
        return;
    }
    child->route = 0;
    children_touch(engine, index);
    const struct host *host = host_at(engine, child->host);
    if (host->state != HOST_EARLY) {
        return;
    }
    for (uint32_t place = 0; place < host->place_count; place++) {
        if (host->places[place] != 0 && child_at(engine, host->places[place])->route != 0) {
            return;
        }
    }
    hosts_drop(engine, child->host); /* nobody speaks for it any more */
}

void children_drop(struct engine *engine, uint32_t index) {
    struct child *child = child_at(engine, index);
    CHECK(child->leased == 0 && child->adopted.count == 0);
    grace_forget_child(engine, index);
    routes_close(engine, child->route);
    routes_close(engine, child->old_route);
    child->route = 0;
    child->old_route = 0;
    child->closing = false;
    if (child->waiting) {
        children_progress(engine, index);
    }
    if (child->due) {
        list_remove(&engine->children_due, &engine->children, offsetof(struct child, in_due),
                    index);
    }
    children_update(engine, index);
    spawn_over(engine, index);
    nested_rename(engine, child, 0);
    children_fini(child);
    slab_free(&engine->children, index);
    engine->counts.children--;
}

void children_fini(struct child *child) {
    free(child->ring);
    free(child->acks);
    free((void *)(uintptr_t)child->name.data);
    child->name = (struct span){NULL, 0};
    child->ring = NULL;
    child->acks = NULL;
}
