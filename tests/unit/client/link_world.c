/* SPDX-License-Identifier: MIT
 *
 * See link_world.h. */
#include "link_world.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

void world_set(struct world *world, char *place, const char *text) {
    pthread_mutex_lock(&world->mutex);
    snprintf(place, TEXT_SIZE, "%s", text);
    pthread_mutex_unlock(&world->mutex);
}

static void world_say(struct link *link, const char *text) {
    struct wire_out out = {.part_count = 0};
    bytes_append(&out.body, text, strlen(text));
    link_send(link, &out);
    bytes_free(&out.body);
}

static void on_opened(void *context, struct link *link) {
    struct world *world = context;
    sigset_t mask;
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    pthread_mutex_lock(&world->mutex);
    world->opened++;
    world->signals_blocked = sigismember(&mask, SIGTERM) == 1 && sigismember(&mask, SIGINT) == 1;
    pthread_cond_broadcast(&world->changed);
    pthread_mutex_unlock(&world->mutex);
    world_say(link, "hello");
}

static void on_received(void *context, struct link *link, const struct wire_message *message) {
    struct world *world = context;
    pthread_mutex_lock(&world->mutex);
    world->received++;
    world->receiver = pthread_self();
    snprintf(world->last, TEXT_SIZE, "%.*s", (int)message->frames[0].size,
             (const char *)message->frames[0].data);
    if (message->count > 1) {
        world->last_frame_size = message->frames[1].size;
        assert_true(link_take(link, 1, &world->taken));
    }
    pthread_cond_broadcast(&world->changed);
    pthread_mutex_unlock(&world->mutex);
}

static void part_released(void *data, void *hint) {
    struct world *world = hint;
    free(data);
    pthread_mutex_lock(&world->mutex);
    world->released++;
    pthread_cond_broadcast(&world->changed);
    pthread_mutex_unlock(&world->mutex);
}

static void on_collect(void *context, struct link *link) {
    struct world *world = context;
    pthread_mutex_lock(&world->mutex);
    struct wire_out out = {.part_count = 0};
    bytes_append(&out.body, world->waiting, strlen(world->waiting));
    world->waiting[0] = 0;
    if (world->large != NULL) {
        out.parts[out.part_count++] =
            (struct wire_part){world->large, world->large_size, part_released, world};
        world->large = NULL;
    }
    pthread_mutex_unlock(&world->mutex);
    if (out.body.size > 0) {
        pthread_mutex_lock(&world->mutex);
        world->sender = pthread_self();
        pthread_mutex_unlock(&world->mutex);
        assert_true(link_send(link, &out));
    }
    bytes_free(&out.body);
}

static int64_t on_tick(void *context, struct link *link, int64_t now_us) {
    struct world *world = context;
    (void)now_us;
    pthread_mutex_lock(&world->mutex);
    bool reopen = world->reopen_asked;
    world->reopen_asked = false;
    pthread_mutex_unlock(&world->mutex);
    if (reopen) {
        link_reopen(link, 1000);
    }
    return INT64_MAX;
}

const struct link_ops world_ops = {on_opened, on_received, on_collect, on_tick};

static void world_bind(struct world *world) {
    world->router = zmq_socket(world->zmq_context, ZMQ_ROUTER);
    int limit_ms = WORLD_LIMIT_MS;
    int none = 0;
    zmq_setsockopt(world->router, ZMQ_RCVTIMEO, &limit_ms, sizeof limit_ms);
    zmq_setsockopt(world->router, ZMQ_LINGER, &none, sizeof none);
    assert_int_equal(zmq_bind(world->router, world->endpoint), 0);
    if (strchr(world->endpoint, '*') != NULL) {
        size_t size = sizeof world->endpoint;
        assert_int_equal(zmq_getsockopt(world->router, ZMQ_LAST_ENDPOINT, world->endpoint, &size),
                         0);
    }
}

int world_setup(void **state) {
    struct world *world = calloc(1, sizeof *world);
    pthread_mutex_init(&world->mutex, NULL);
    pthread_cond_init(&world->changed, NULL);
    world->zmq_context = zmq_ctx_new();
    snprintf(world->endpoint, sizeof world->endpoint, "tcp://127.0.0.1:*");
    world_bind(world);
    struct link_options options = {.payload_max = 1 << 20, .extra_fd = -1};
    assert_int_equal(link_open(world->endpoint, &options, &world_ops, world, &world->link), 0);
    *state = world;
    return 0;
}

int world_teardown(void **state) {
    struct world *world = *state;
    link_close(&world->link, 0);
    if (world->taken.release != NULL) {
        world->taken.release((void *)(uintptr_t)world->taken.data, world->taken.hint);
    }
    zmq_close(world->router);
    zmq_ctx_term(world->zmq_context);
    free(world->large);
    free(world);
    return 0;
}

size_t router_receive(struct world *world, struct router_frame *peer, char *text) {
    peer->size = (size_t)zmq_recv(world->router, peer->data, sizeof peer->data, 0);
    assert_int_not_equal((int)peer->size, -1);
    int size = zmq_recv(world->router, text, TEXT_SIZE - 1, 0);
    assert_true(size >= 0);
    text[size < TEXT_SIZE ? size : TEXT_SIZE - 1] = 0;
    size_t more_bytes = 0;
    int more = 0;
    size_t more_size = sizeof more;
    zmq_getsockopt(world->router, ZMQ_RCVMORE, &more, &more_size);
    while (more) {
        zmq_msg_t frame;
        zmq_msg_init(&frame);
        assert_true(zmq_msg_recv(&frame, world->router, 0) >= 0);
        more_bytes += zmq_msg_size(&frame);
        more = zmq_msg_more(&frame);
        zmq_msg_close(&frame);
    }
    return more_bytes;
}

void router_send(struct world *world, const struct router_frame *peer, const char *text,
                 size_t large) {
    zmq_send(world->router, peer->data, peer->size, ZMQ_SNDMORE);
    zmq_send(world->router, text, strlen(text), large > 0 ? ZMQ_SNDMORE : 0);
    if (large > 0) {
        uint8_t *data = calloc(1, large);
        memset(data, 'x', large);
        zmq_send(world->router, data, large, 0);
        free(data);
    }
}

void world_wait(struct world *world, const int *value, int wanted) {
    struct timespec limit;
    clock_gettime(CLOCK_REALTIME, &limit);
    limit.tv_sec += WORLD_LIMIT_MS / 1000;
    pthread_mutex_lock(&world->mutex);
    while (*value < wanted) {
        assert_int_equal(pthread_cond_timedwait(&world->changed, &world->mutex, &limit), 0);
    }
    pthread_mutex_unlock(&world->mutex);
}
