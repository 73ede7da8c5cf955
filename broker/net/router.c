/* SPDX-License-Identifier: MIT
 *
 * The ROUTER socket; see router.h. Plain libzmq: the traps that decide its options were measured.
 *
 * - MANDATORY 1: an unroutable message is EHOSTUNREACH, not silence: our notice of a closed
 *   connection.
 * - HANDOVER 0: else a second peer with the same routing id takes over the first one's traffic.
 * - MAXMSGSIZE, before bind: a 9-byte frame header may claim 8 GiB, and libzmq reserves it at once.
 * - HEARTBEAT_*: a host that lost its network is noticed by libzmq, too; sessions have beats of
 *   their own.
 * - HANDSHAKE_IVL: a stranger that connects and says nothing holds a descriptor for 3 s, not 30.
 * - HWM: counts messages, not bytes; bytes are bounded by credit and by the routes' queues.
 *
 * What libzmq cannot bound: a message of many frames that never ends. It counts whole messages, so
 * such a peer's frames pile up inside it until the peer goes. Whoever may connect may do that: one
 * more reason why an endpoint beyond this machine is refused without --insecure.
 *
 * The body of a large batch is moved into its message and freed by libzmq's thread; a small one is
 * copied, because a malloc and a free across threads cost more than 8 KiB of memcpy. */
#include "broker/net/router.h"

#include "broker/net/border.h"
#include "broker/net/endpoint.h"
#include "common/bounds.h"
#include "common/check.h"
#include "common/err.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

enum {
    BODY_COPY_MAX = 8 * 1024,
    FRAME_ROOM = 64 * 1024, /* of a batch beyond WIRE_BATCH_MAX: head and the last item */
    RECEIVE_HWM = 256,
    SEND_HWM = 1000,
    HANDSHAKE_MS = 3000,
    BACKLOG = 1024,
    FLUSH_MAX = 256, /* messages a route and turn */
    ENDPOINT_SIZE = 512,
};

struct listener {
    char endpoint[ENDPOINT_SIZE];
    const char *ipc_path; /* in `endpoint`; NULL for tcp */
    int lock;
};

struct router {
    void *context;
    void *socket;
    struct listener *listeners;
    size_t listener_count;
    struct routes routes;
    route_id *lost;
    size_t lost_count;
    size_t lost_capacity;
    uint64_t route_bytes_max;
    int64_t now_us; /* of the last receive */
    bool sent;      /* since the last receive that found nothing */
    zmq_msg_t frames[WIRE_FRAMES_MAX];
    size_t frame_count;
    struct router_counts counts;
};

/* ---- life ------------------------------------------------------------------------------------ */

static void option_set(void *socket, int option, int value) {
    CHECK(zmq_setsockopt(socket, option, &value, sizeof value) == 0);
}

static void options_set(struct router *router, const struct router_config *config) {
    int64_t message_max = (int64_t)config->payload_max + WIRE_BATCH_MAX + FRAME_ROOM;
    option_set(router->socket, ZMQ_ROUTER_MANDATORY, 1);
    option_set(router->socket, ZMQ_ROUTER_HANDOVER, 0);
    option_set(router->socket, ZMQ_RCVHWM, RECEIVE_HWM);
    option_set(router->socket, ZMQ_SNDHWM, config->send_hwm != 0 ? config->send_hwm : SEND_HWM);
    option_set(router->socket, ZMQ_HEARTBEAT_IVL, TIME_BEAT_MS);
    option_set(router->socket, ZMQ_HEARTBEAT_TIMEOUT, TIME_HOST_LOST_MS);
    option_set(router->socket, ZMQ_HEARTBEAT_TTL, TIME_HOST_LOST_MS);
    option_set(router->socket, ZMQ_HANDSHAKE_IVL, HANDSHAKE_MS);
    option_set(router->socket, ZMQ_BACKLOG, BACKLOG);
    option_set(router->socket, ZMQ_LINGER, 0);
    CHECK(zmq_setsockopt(router->socket, ZMQ_MAXMSGSIZE, &message_max, sizeof message_max) == 0);
}

static wherry_err listener_open(struct router *router, const char *endpoint) {
    struct listener *listener = &router->listeners[router->listener_count];
    listener->lock = -1;
    snprintf(listener->endpoint, sizeof listener->endpoint, "%s", endpoint);
    listener->ipc_path = endpoint_ipc_path(listener->endpoint);
    router->listener_count++;
    if (listener->ipc_path != NULL) {
        wherry_err err = endpoint_lock(listener->ipc_path, &listener->lock);
        if (err != WHERRY_OK) {
            return err;
        }
    }
    option_set(router->socket, ZMQ_IPV6, strchr(endpoint, '[') != NULL);
    if (zmq_bind(router->socket, endpoint) != 0) {
        if (errno == EADDRINUSE) {
            return err_set(WHERRY_E_BUSY, "the address is taken: another program listens there");
        }
        return err_set(WHERRY_E_SYSTEM, "%s", zmq_strerror(errno));
    }
    size_t size = sizeof listener->endpoint;
    CHECK(zmq_getsockopt(router->socket, ZMQ_LAST_ENDPOINT, listener->endpoint, &size) == 0);
    return WHERRY_OK;
}

wherry_err router_open(const struct router_config *config, struct router **out) {
    struct router *router = calloc(1, sizeof *router);
    CHECK(router != NULL);
    router->listeners = calloc(config->endpoint_count + 1, sizeof *router->listeners);
    router->context = zmq_ctx_new();
    CHECK(router->listeners != NULL && router->context != NULL);
    router->socket = zmq_socket(router->context, ZMQ_ROUTER);
    if (router->socket == NULL) {
        wherry_err err = err_set(WHERRY_E_SYSTEM, "no socket: %s", zmq_strerror(errno));
        router_close(&router, 0);
        return err;
    }
    routes_init(&router->routes);
    router->route_bytes_max =
        config->route_bytes_max != 0 ? config->route_bytes_max : BOUND_ROUTE_BYTES;
    options_set(router, config);
    wherry_err err = WHERRY_OK;
    for (size_t i = 0; i < config->endpoint_count && err == WHERRY_OK; i++) {
        err = listener_open(router, config->endpoints[i]);
        if (err != WHERRY_OK) {
            char cause[512];
            snprintf(cause, sizeof cause, "%s", wherry_last_error());
            err_set(err, "cannot listen on %s: %s", config->endpoints[i], cause);
        }
    }
    if (err != WHERRY_OK) {
        router_close(&router, 0);
        return err;
    }
    *out = router;
    return WHERRY_OK;
}

static void frames_close(struct router *router) {
    for (size_t i = 0; i < router->frame_count; i++) {
        zmq_msg_close(&router->frames[i]);
    }
    router->frame_count = 0;
}

void router_close(struct router **router_at, int linger_ms) {
    struct router *router = *router_at;
    if (router == NULL) {
        return;
    }
    frames_close(router);
    routes_fini(&router->routes);
    if (router->socket != NULL) {
        option_set(router->socket, ZMQ_LINGER, linger_ms);
        zmq_close(router->socket);
    }
    while (zmq_ctx_term(router->context) != 0 && errno == EINTR) {
    }
    for (size_t i = 0; i < router->listener_count; i++) {
        if (router->listeners[i].ipc_path != NULL) {
            endpoint_unlock(router->listeners[i].ipc_path, &router->listeners[i].lock);
        }
    }
    free(router->listeners);
    free(router->lost);
    free(router);
    *router_at = NULL;
}

int router_fd(const struct router *router) {
    int fd = -1;
    size_t size = sizeof fd;
    CHECK(zmq_getsockopt(router->socket, ZMQ_FD, &fd, &size) == 0);
    return fd;
}

/* A send may take up the notice of a message that came in, so after one we have to look again.
 * After a receive that found nothing we need not, which saves three system calls a message. */
bool router_may_sleep(struct router *router) {
    int events = 0;
    size_t size = sizeof events;
    if (router->sent) {
        CHECK(zmq_getsockopt(router->socket, ZMQ_EVENTS, &events, &size) == 0);
        router->sent = (events & ZMQ_POLLIN) != 0;
    }
    return !router->sent;
}

const char *router_endpoint(const struct router *router, size_t at) {
    return at < router->listener_count ? router->listeners[at].endpoint : NULL;
}

/* ---- in -------------------------------------------------------------------------------------- */

/* One frame; false: none is waiting. Frames beyond the last place overwrite it: the message is
 * refused anyway, but has to be read to its end. */
static bool frame_receive(struct router *router, zmq_msg_t *frame) {
    zmq_msg_init(frame);
    if (zmq_msg_recv(frame, router->socket, ZMQ_DONTWAIT) < 0) {
        zmq_msg_close(frame);
        return false;
    }
    return true;
}

/* The frames behind the routing id; false if they are more than a message may have. */
static bool frames_receive(struct router *router, bool more) {
    bool fits = true;
    while (more) {
        zmq_msg_t frame;
        if (!frame_receive(router, &frame)) {
            break; /* a message arrives whole or not at all */
        }
        more = zmq_msg_more(&frame) != 0;
        fits = router->frame_count < WIRE_FRAMES_MAX;
        if (fits) {
            zmq_msg_init(&router->frames[router->frame_count]);
            zmq_msg_move(&router->frames[router->frame_count++], &frame);
        }
        zmq_msg_close(&frame);
    }
    return fits;
}

static void message_view(struct router *router, struct wire_message *message) {
    message->count = router->frame_count;
    for (size_t i = 0; i < router->frame_count; i++) {
        zmq_msg_t *frame = &router->frames[i];
        message->frames[i] = (struct span){zmq_msg_data(frame), zmq_msg_size(frame)};
    }
    if (message->count == 0) {
        message->frames[message->count++] = (struct span){NULL, 0};
    }
}

enum router_got router_receive(struct router *router, int64_t now_us, route_id *route_out,
                               struct wire_message *message) {
    zmq_msg_t id;
    frames_close(router);
    router->now_us = now_us;
    while (frame_receive(router, &id)) {
        struct route *route =
            routes_of_key(&router->routes, zmq_msg_data(&id), zmq_msg_size(&id), now_us);
        bool more = zmq_msg_more(&id) != 0;
        zmq_msg_close(&id);
        bool fits = frames_receive(router, more);
        if (route == NULL) {
            router->counts.unanswered++;
            frames_close(router);
            continue;
        }
        routes_touch(&router->routes, route, now_us);
        *route_out = route->id;
        if (!fits) {
            frames_close(router);
        }
        message_view(router, message);
        return fits ? ROUTER_MESSAGE : ROUTER_TOO_MANY_FRAMES;
    }
    router->sent = false;
    return ROUTER_NOTHING;
}

static void frame_release(void *data, void *hint) {
    zmq_msg_t *frame = hint;
    (void)data;
    zmq_msg_close(frame);
    free(frame);
}

struct payload_owner router_take(void *context, size_t frame) {
    struct router *router = context;
    zmq_msg_t *owned = malloc(sizeof *owned);
    CHECK(owned != NULL && frame < router->frame_count);
    zmq_msg_init(owned);
    zmq_msg_move(owned, &router->frames[frame]);
    return (struct payload_owner){zmq_msg_data(owned), zmq_msg_size(owned), frame_release, owned};
}

/* ---- out ------------------------------------------------------------------------------------- */

static void route_lose(struct router *router, struct route *route) {
    if (router->lost_count == router->lost_capacity) {
        router->lost_capacity = router->lost_capacity * 2 + 16;
        router->lost = realloc(router->lost, router->lost_capacity * sizeof *router->lost);
        CHECK(router->lost != NULL);
    }
    router->lost[router->lost_count++] = route->id;
    routes_forget(&router->routes, route);
}

static void memory_free(void *data, void *hint) {
    (void)hint;
    free(data);
}

static void body_frame(zmq_msg_t *frame, struct bytes *body) {
    if (body->size <= BODY_COPY_MAX) {
        CHECK(zmq_msg_init_size(frame, body->size) == 0);
        memcpy(zmq_msg_data(frame), body->data, body->size);
        return;
    }
    CHECK(zmq_msg_init_data(frame, body->data, body->size, memory_free, NULL) == 0);
    *body = BYTES_EMPTY;
}

static void part_frame(zmq_msg_t *frame, const struct wire_part *part) {
    if (part->release != NULL) {
        CHECK(zmq_msg_init_data(frame, (void *)(uintptr_t)part->data, part->size, part->release,
                                part->hint) == 0);
        return;
    }
    CHECK(zmq_msg_init_size(frame, part->size) == 0);
    memcpy(zmq_msg_data(frame), part->data, part->size);
}

/* libzmq decides with the first frame, the routing id, whether a message can go; what follows
 * always does (or is dropped inside libzmq with its connection). A frame that failed is closed:
 * its release runs. */
static void frame_send(struct router *router, zmq_msg_t *frame, bool more) {
    if (zmq_msg_send(frame, router->socket, ZMQ_DONTWAIT | (more ? ZMQ_SNDMORE : 0)) < 0) {
        zmq_msg_close(frame);
    }
}

/* OK; BUSY: the peer's pipe is full; CLOSED: the peer has gone. Unless OK, nothing was taken. */
static wherry_err message_send(struct router *router, const struct route *route,
                               struct bytes *body, struct wire_part *parts, size_t part_count) {
    zmq_msg_t frame;
    router->sent = true;
    CHECK(zmq_msg_init_size(&frame, route->key_size) == 0);
    memcpy(zmq_msg_data(&frame), route->key, route->key_size);
    if (zmq_msg_send(&frame, router->socket, ZMQ_DONTWAIT | ZMQ_SNDMORE) < 0) {
        int cause = errno;
        zmq_msg_close(&frame);
        return cause == EAGAIN || cause == EINTR ? WHERRY_E_BUSY : WHERRY_E_CLOSED;
    }
    body_frame(&frame, body);
    frame_send(router, &frame, part_count > 0);
    for (size_t i = 0; i < part_count; i++) {
        part_frame(&frame, &parts[i]);
        frame_send(router, &frame, i + 1 < part_count);
    }
    return WHERRY_OK;
}

static void route_wait(struct router *router, struct route *route, struct wire_out *message) {
    router->counts.blocked++;
    routes_wait(&router->routes, route, message);
    if (route->waiting_bytes > router->route_bytes_max ||
        router->routes.waiting_bytes > BOUND_ROUTES_BYTES) {
        router->counts.not_reading++;
        route_lose(router, route);
    }
}

void router_send(void *context, route_id id, struct wire_out *message) {
    struct router *router = context;
    struct route *route = routes_of_id(&router->routes, id);
    if (route == NULL) {
        border_release(message);
        return;
    }
    if (route->first != NULL) {
        route_wait(router, route, message);
        return;
    }
    routes_touch(&router->routes, route, router->now_us);
    wherry_err err = message_send(router, route, &message->body, message->parts,
                                  message->part_count);
    if (err == WHERRY_OK) {
        message->part_count = 0;
    } else if (err == WHERRY_E_BUSY) {
        route_wait(router, route, message);
    } else {
        border_release(message);
        router->counts.unreachable++;
        route_lose(router, route);
    }
}

static void route_flush(struct router *router, struct route *route) {
    for (size_t i = 0; i < FLUSH_MAX && route->first != NULL; i++) {
        struct route_message *message = route->first;
        wherry_err err = message_send(router, route, &message->body, message->parts,
                                      message->part_count);
        if (err == WHERRY_E_CLOSED) {
            router->counts.unreachable++;
            route_lose(router, route);
            return;
        }
        if (err == WHERRY_E_BUSY) {
            return;
        }
        routes_sent_first(&router->routes, route);
    }
}

bool router_flush(struct router *router) {
    struct route *next = NULL;
    for (struct route *route = router->routes.waiting_first; route != NULL; route = next) {
        next = route->waiting_next;
        route_flush(router, route);
    }
    return router->routes.waiting_first != NULL;
}

/* ---- routes ---------------------------------------------------------------------------------- */

void router_forget(struct router *router, route_id id) {
    struct route *route = routes_of_id(&router->routes, id);
    if (route != NULL) {
        route_flush(router, route); /* a last word (REFUSED, SESSION_LOST) should still go */
    }
    route = routes_of_id(&router->routes, id);
    if (route != NULL) {
        routes_forget(&router->routes, route);
    }
}

route_id router_next_quiet(struct router *router, int64_t now_us, int64_t quiet_us) {
    struct route *route = router->routes.quiet_first;
    router->now_us = now_us;
    if (route == NULL || now_us - route->traffic_at_us < quiet_us) {
        return 0;
    }
    routes_touch(&router->routes, route, now_us);
    return route->id;
}

route_id router_next_lost(struct router *router) {
    return router->lost_count > 0 ? router->lost[--router->lost_count] : 0;
}

void router_counts(const struct router *router, struct router_counts *out) {
    *out = router->counts;
    out->routes = router->routes.count;
    out->waiting_bytes = router->routes.waiting_bytes;
}
