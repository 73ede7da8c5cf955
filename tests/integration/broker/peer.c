/* SPDX-License-Identifier: MIT
 *
 * A raw peer; see peer.h. */
#include "tests/integration/broker/peer.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zmq.h>

const uint8_t zmtp_greeting[64] = {[0] = 0xff, [9] = 0x7f, [10] = 3,   [12] = 'N',
                                   [13] = 'U', [14] = 'L', [15] = 'L'};
const uint8_t zmtp_ready[] = "\x04\x1c\x05READY\x0bSocket-Type\x00\x00\x00\x06"
                             "DEALER";
const size_t zmtp_ready_size = 30;

struct peer {
    struct sandbox *box;
    void *context;
    void *socket;
    zmq_msg_t frames[WIRE_FRAMES_MAX];
    size_t frame_count;
    struct wire_message message;
};

struct peer *peer_open(struct sandbox *box, const char *endpoint) {
    struct peer *peer = calloc(1, sizeof *peer);
    const int none = 0;
    assert_non_null(peer);
    peer->box = box;
    peer->context = zmq_ctx_new();
    peer->socket = zmq_socket(peer->context, ZMQ_DEALER);
    zmq_setsockopt(peer->socket, ZMQ_LINGER, &none, sizeof none);
    zmq_setsockopt(peer->socket, ZMQ_SNDHWM, &none, sizeof none);
    assert_int_equal(zmq_connect(peer->socket, endpoint), 0);
    return peer;
}

static void frames_close(struct peer *peer) {
    for (size_t i = 0; i < peer->frame_count; i++) {
        zmq_msg_close(&peer->frames[i]);
    }
    peer->frame_count = 0;
}

void peer_close(struct peer **peer) {
    frames_close(*peer);
    zmq_close((*peer)->socket);
    zmq_ctx_term((*peer)->context);
    free(*peer);
    *peer = NULL;
}

void peer_send_frames(struct peer *peer, const struct span *frames, size_t count) {
    for (size_t i = 0; i < count; i++) {
        int more = i + 1 < count ? ZMQ_SNDMORE : 0;
        assert_true(zmq_send(peer->socket, frames[i].data, frames[i].size, more) >= 0);
    }
}

void peer_send(struct peer *peer, struct wire_out *out) {
    struct wire_message message = wire_out_message(out);
    peer_send_frames(peer, message.frames, message.count);
    wire_out_clear(out);
}

const struct wire_message *peer_receive(struct peer *peer) {
    frames_close(peer);
    int more = 1;
    while (more) {
        zmq_msg_t *frame = &peer->frames[peer->frame_count];
        zmq_pollitem_t item = {.socket = peer->socket, .events = ZMQ_POLLIN};
        while (zmq_poll(&item, 1, 20) == 0) {
            sandbox_pause(peer->box, "a message of the broker");
        }
        zmq_msg_init(frame);
        assert_true(zmq_msg_recv(frame, peer->socket, 0) >= 0);
        peer->message.frames[peer->frame_count++] =
            (struct span){zmq_msg_data(frame), zmq_msg_size(frame)};
        more = zmq_msg_more(frame);
    }
    peer->message.count = peer->frame_count;
    return &peer->message;
}

const struct wire_message *peer_expect(struct peer *peer, enum wire_type type) {
    for (;;) {
        enum wire_type got;
        const struct wire_message *message = peer_receive(peer);
        assert_int_equal(wire_type_of(message, &got), WHERRY_OK);
        if (got == type) {
            return message;
        }
    }
}

void peer_hello(struct peer *peer, uint64_t session, uint32_t version_min, uint32_t version_max) {
    static const uint8_t secret[WIRE_SECRET_SIZE] = {7};
    struct wire_out out;
    struct wire_hello hello = {
        .peer = WIRE_CLIENT,
        .version_min = version_min,
        .version_max = version_max,
        .session = session,
        .secret = {secret, sizeof secret},
        .label = span_of_text("test"),
        .pid = getpid(),
    };
    wire_out_init(&out);
    wire_hello_begin(&out, &hello, 0, 0);
    wire_hello_end(&out);
    peer_send(peer, &out);
    wire_out_fini(&out);
}

struct peer *peer_join(struct sandbox *box, const char *endpoint, uint64_t session) {
    struct peer *peer = peer_open(box, endpoint);
    peer_hello(peer, session, WIRE_VERSION_MIN, WIRE_VERSION_MAX);
    peer_expect(peer, WIRE_HELLO_OK);
    return peer;
}

static const uint8_t peer_secret[WIRE_SECRET_SIZE] = {9};

struct peer *peer_host(struct sandbox *box, const char *endpoint, uint64_t session,
                       const char *function) {
    struct wire_out out;
    struct wire_hello hello = {
        .peer = WIRE_HOST,
        .version_min = WIRE_VERSION_MIN,
        .version_max = WIRE_VERSION_MAX,
        .session = session,
        .secret = {peer_secret, sizeof peer_secret},
        .label = span_of_text("host"),
        .pid = getpid(),
        .pool = span_of_text("default"),
        .processes = 1,
    };
    struct peer *peer = peer_open(box, endpoint);
    wire_out_init(&out);
    wire_hello_begin(&out, &hello, 1, 0);
    wire_hello_function(&out, span_of_text(function));
    wire_hello_end(&out);
    peer_send(peer, &out);
    wire_out_fini(&out);
    peer_expect(peer, WIRE_HELLO_OK);
    return peer;
}

struct peer *peer_child(struct sandbox *box, const char *endpoint, uint64_t session,
                        uint64_t host_session) {
    struct wire_out out;
    struct wire_hello hello = {
        .peer = WIRE_CHILD,
        .version_min = WIRE_VERSION_MIN,
        .version_max = WIRE_VERSION_MAX,
        .session = session,
        .secret = {peer_secret, sizeof peer_secret},
        .parent = host_session,
        .label = span_of_text("child"),
        .pid = getpid(),
    };
    struct peer *peer = peer_open(box, endpoint);
    wire_out_init(&out);
    wire_hello_begin(&out, &hello, 0, 0);
    wire_hello_end(&out);
    peer_send(peer, &out);
    peer_expect(peer, WIRE_HELLO_OK);
    wire_put_credit(&out, &(struct wire_credit){.generation = 1, .up_to = 10, .started = 0});
    peer_send(peer, &out);
    wire_out_fini(&out);
    return peer;
}

void peer_submit(struct peer *peer, uint64_t number, const char *function,
                 struct wire_part payload) {
    struct wire_out out;
    wire_out_init(&out);
    wire_submit_begin(&out, &(struct wire_submit){
                                .slot = id_slot_of_name(span_of_text("default")),
                                .flags = SUBMIT_WANT_ACK,
                                .queue = span_of_text("default"),
                                .function = span_of_text(function),
                            });
    wire_submit_item(&out, number, payload, NULL);
    wire_submit_end(&out);
    peer_send(peer, &out);
    wire_out_fini(&out);
}

void peer_answer(struct peer *child, uint64_t epoch, const struct wire_deliver_item *item,
                 uint64_t counter) {
    struct wire_out out;
    wire_out_init(&out);
    wire_results_begin(&out, epoch);
    wire_results_item(&out, item->index, counter, WIRE_DONE,
                      (struct wire_part){.data = item->payload.data, .size = item->payload.size});
    wire_results_end(&out, (struct wire_credit){.generation = 1, .up_to = 20, .started = 1}, 10);
    peer_send(child, &out);
    wire_out_fini(&out);
}

void peer_check_served(struct peer *peer) {
    struct wire_out out;
    wire_out_init(&out);
    wire_put_plain(&out, WIRE_BEAT, 0);
    peer_send(peer, &out);
    wire_out_fini(&out);
    peer_expect(peer, WIRE_BEAT_OK);
}

/* ---- strangers ------------------------------------------------------------------------------- */

int stranger_connect(struct sandbox *box, const char *tcp_endpoint) {
    struct sockaddr_in address = {.sin_family = AF_INET};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons((uint16_t)strtoul(strrchr(tcp_endpoint, ':') + 1, NULL, 10));
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    (void)box;
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

void stranger_say(int fd, const void *data, size_t size) {
    const uint8_t *at = data;
    while (size > 0) {
        ssize_t sent = send(fd, at, size, MSG_NOSIGNAL);
        if (sent <= 0) {
            return; /* the broker has had enough: that is all right */
        }
        at += sent;
        size -= (size_t)sent;
    }
}

void stranger_wait_closed(struct sandbox *box, int fd) {
    char text[4096];
    for (;;) {
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        if (poll(&wait, 1, 20) > 0 && recv(fd, text, sizeof text, 0) <= 0) {
            close(fd);
            return;
        }
        sandbox_pause(box, "the broker to close a stranger's connection");
    }
}
