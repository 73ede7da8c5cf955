/* SPDX-License-Identifier: MIT
 *
 * A swarm: many client sessions in one thread, to measure what they cost the broker. Each is the
 * library's own session (client/session.h) on a connection of its own, without the threads that a
 * wherry_connection has: a thousand of those would measure this machine's scheduler.
 *
 * Each session submits its share of what may be on its way, and again when all of it has come back:
 * one message there, few back, as clients that are busy do. The broker hands tasks of all of them
 * to every worker, so they end in no order. */
#include "client/cli/bench.h"

#include "client/cli/cli.h"
#include "client/session.h"
#include "common/check.h"
#include "common/clock.h"
#include "common/entropy.h"
#include "common/err.h"
#include "common/link/address.h"
#include "common/link/socket.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum {
    EVENTS = 256,
    TICK_US = 20000,
    STUCK_US = 60000000,
    PAYLOAD_MAX = 64 << 20,
    PAYLOAD_FRONT = 8, /* of msgpack around the one argument */
    SOCKETS_MAX = 4 * BENCH_SESSIONS_MAX,
};

struct member {
    struct swarm *swarm;
    struct session *session;
    struct link_socket socket;
    struct wire_out out;
    int64_t open; /* tasks on their way */
};

struct swarm {
    struct bench *bench;
    void *zmq;
    int epoll;
    struct member *members;
    int64_t burst;
    struct bytes payload;
    int64_t to_submit;
    int64_t due;         /* not yet finished */
    int64_t progress_us; /* when something last came */
    int64_t tick_us;
    wherry_err err; /* of the first task that failed */
};

/* ---- what a session tells -------------------------------------------------------------------- */

static void on_finished(void *context, void *owner, const struct session_outcome *outcome) {
    struct member *member = owner;
    struct swarm *swarm = member->swarm;
    (void)context;
    member->open--;
    swarm->due--;
    swarm->progress_us = clock_mono_us();
    if (outcome->err != WHERRY_OK && swarm->err == WHERRY_OK) {
        swarm->err = err_set(outcome->err, "%.*s", (int)outcome->text.size,
                             (const char *)outcome->text.data);
    }
}

static void on_accepted(void *context, void *owner) {
    (void)context;
    (void)owner;
}

static void on_moved(void *context, void *owner, struct task_id key) {
    (void)context;
    (void)owner;
    (void)key;
}

static void on_random(void *context, void *out, size_t size) {
    (void)context;
    entropy_fill(out, size);
}

static const struct session_ops member_ops = {
    .finished = on_finished,
    .accepted = on_accepted,
    .moved = on_moved,
    .random = on_random,
};

/* ---- one session ----------------------------------------------------------------------------- */

/* Its share, when nothing of the last one is left. */
static void member_submit(struct member *member) {
    struct swarm *swarm = member->swarm;
    const struct session_lane lane = {.queue = span_of_text("default"),
                                      .function = span_of_text("wherry.noop"),
                                      .wait_ms = -1};
    const struct wire_part payload = {swarm->payload.data, swarm->payload.size, NULL, NULL};
    struct task_id id;
    for (int64_t i = 0; i < swarm->burst && swarm->to_submit > 0 && swarm->err == WHERRY_OK; i++) {
        swarm->err = session_submit(member->session, &lane, payload, member, 0, &id);
        swarm->to_submit -= swarm->err == WHERRY_OK;
        member->open += swarm->err == WHERRY_OK;
    }
}

static void member_send(struct member *member, int64_t now_us) {
    struct wire_part body;
    while (link_socket_flush(&member->socket) &&
           session_output_lent(member->session, now_us, &member->out, &body)) {
        link_socket_send(&member->socket, body.data != NULL ? &body : NULL, &member->out);
    }
}

static void member_receive(struct member *member, int64_t now_us) {
    while (link_socket_receive(&member->socket)) {
        session_input(member->session, &member->socket.message, now_us);
    }
    link_socket_received_clear(&member->socket);
}

/* Until its socket would tell of anything new. */
static void member_turn(struct member *member) {
    int64_t now_us = clock_mono_us();
    do {
        member_receive(member, now_us);
        if (member->open == 0) {
            member_submit(member);
        }
        member_send(member, now_us);
    } while (!link_socket_may_sleep(&member->socket));
}

static wherry_err member_open(struct swarm *swarm, struct member *member, const char *address) {
    const struct session_options options = {.label = "wherry bench", .pid = getpid(),
                                            .reconnect_limit_us = STUCK_US};
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = member};
    int64_t now_us = clock_mono_us();
    member->swarm = swarm;
    wire_out_init(&member->out);
    member->socket.message_max = PAYLOAD_MAX;
    member->session = session_create(&options, &member_ops, member, now_us);
    if (member->session == NULL) {
        return WHERRY_E_NO_MEMORY;
    }
    wherry_err err = link_socket_open(&member->socket, swarm->zmq, address, 0);
    if (err == WHERRY_OK &&
        epoll_ctl(swarm->epoll, EPOLL_CTL_ADD, member->socket.fd, &event) != 0) {
        err = err_set(WHERRY_E_SYSTEM, "epoll: %s", strerror(errno));
    }
    if (err == WHERRY_OK) {
        session_opened(member->session, now_us);
        member_turn(member);
    }
    return err;
}

static void member_close(struct member *member) {
    if (member->session != NULL) {
        session_close(member->session, clock_mono_us());
        if (member->socket.zmq != NULL) {
            member_send(member, clock_mono_us());
        }
        session_destroy(&member->session);
        wire_out_fini(&member->out);
    }
    link_socket_close(&member->socket, 100);
}

/* ---- all of them ----------------------------------------------------------------------------- */

static int64_t connected(const struct swarm *swarm) {
    int64_t count = 0;
    for (int64_t i = 0; i < swarm->bench->sessions; i++) {
        struct session_view view;
        session_look(swarm->members[i].session, &view);
        count += view.connected;
    }
    return count;
}

/* Beats and acknowledgements. */
static void swarm_tick(struct swarm *swarm) {
    int64_t now_us = clock_mono_us();
    if (now_us < swarm->tick_us) {
        return;
    }
    swarm->tick_us = now_us + TICK_US;
    for (int64_t i = 0; i < swarm->bench->sessions; i++) {
        session_tick(swarm->members[i].session, now_us);
        if (session_has_output(swarm->members[i].session)) {
            member_turn(&swarm->members[i]);
        }
    }
    if (swarm->err == WHERRY_OK && now_us > swarm->progress_us + STUCK_US) {
        swarm->err = err_set(WHERRY_E_TIMEOUT, "nothing came for a minute");
    }
}

static void swarm_wait(struct swarm *swarm) {
    struct epoll_event events[EVENTS];
    int count = epoll_wait(swarm->epoll, events, EVENTS, TICK_US / 1000);
    for (int i = 0; i < count; i++) {
        member_turn(events[i].data.ptr);
    }
    swarm_tick(swarm);
}

static wherry_err swarm_stream(struct swarm *swarm, int64_t tasks) {
    swarm->to_submit = tasks;
    swarm->due = tasks;
    swarm->progress_us = clock_mono_us();
    for (int64_t i = 0; i < swarm->bench->sessions; i++) {
        member_turn(&swarm->members[i]);
    }
    while (swarm->due > 0 && swarm->err == WHERRY_OK && !cli_interrupted()) {
        swarm_wait(swarm);
    }
    return cli_interrupted() ? WHERRY_E_INTERRUPTED : swarm->err;
}

/* [0, [bytes], {}] */
static void payload_make(struct bytes *out, size_t size) {
    const uint8_t front[PAYLOAD_FRONT] = {0x93, 0,    0x91, 0xc6, (uint8_t)(size >> 24),
                                          (uint8_t)(size >> 16), (uint8_t)(size >> 8),
                                          (uint8_t)size};
    static const uint8_t back = 0x80;
    bytes_append(out, front, sizeof front);
    CHECK(bytes_reserve(out, size));
    memset(out->data + out->size, 0, size);
    out->size += size;
    bytes_append(out, &back, 1);
}

/* At the first address of several. */
static wherry_err members_open(struct swarm *swarm, const char *text) {
    struct addresses addresses;
    wherry_err err = addresses_parse(text, &addresses);
    if (err != WHERRY_OK) {
        return err;
    }
    for (int64_t i = 0; err == WHERRY_OK && i < swarm->bench->sessions; i++) {
        err = member_open(swarm, &swarm->members[i], addresses.items[0]);
    }
    addresses_fini(&addresses);
    return err;
}

static wherry_err swarm_open(struct swarm *swarm, const char *address) {
    struct bench *bench = swarm->bench;
    swarm->burst = bench->outstanding / bench->sessions + (bench->outstanding < bench->sessions);
    payload_make(&swarm->payload, (size_t)bench->size);
    swarm->epoll = epoll_create1(EPOLL_CLOEXEC);
    swarm->zmq = zmq_ctx_new();
    swarm->members = calloc((size_t)bench->sessions, sizeof *swarm->members);
    if (swarm->epoll < 0 || swarm->zmq == NULL || swarm->members == NULL) {
        return err_set(WHERRY_E_SYSTEM, "%s", strerror(errno));
    }
    zmq_ctx_set(swarm->zmq, ZMQ_MAX_SOCKETS, SOCKETS_MAX);
    wherry_err err = members_open(swarm, address);
    swarm->progress_us = clock_mono_us();
    while (err == WHERRY_OK && connected(swarm) < bench->sessions && !cli_interrupted()) {
        swarm_wait(swarm);
        err = swarm->err;
    }
    return err;
}

static void swarm_close(struct swarm *swarm) {
    for (int64_t i = 0; swarm->members != NULL && i < swarm->bench->sessions; i++) {
        member_close(&swarm->members[i]);
    }
    if (swarm->zmq != NULL) {
        zmq_ctx_term(swarm->zmq);
    }
    if (swarm->epoll >= 0) {
        close(swarm->epoll);
    }
    bytes_free(&swarm->payload);
    free(swarm->members);
}

wherry_err bench_swarm(struct bench *bench, const char *address) {
    struct swarm swarm = {.bench = bench, .epoll = -1};
    wherry_err err = swarm_open(&swarm, address);
    err = err != WHERRY_OK ? err : swarm_stream(&swarm, bench->sessions); /* warm up */
    bench_clock_start(bench);
    err = err != WHERRY_OK ? err : swarm_stream(&swarm, bench->tasks);
    bench_clock_stop(bench);
    swarm_close(&swarm);
    return err;
}
