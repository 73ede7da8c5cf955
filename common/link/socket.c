/* SPDX-License-Identifier: MIT
 *
 * The DEALER and its frames; see socket.h.
 *
 * ZMQ_IMMEDIATE: messages wait here and not in a pipe without a connection, so that libzmq's own
 * reconnecting never delivers old messages in front of a hello. The routing id stays empty: a
 * ROUTER then numbers every connection afresh, and nobody can take another's route (reliability.md
 * §2.2).
 *
 * A message that meets the high-water mark is kept as `held`: libzmq checks the mark at a message's
 * first frame only, so that a message is held whole or not at all.
 *
 * The monitor is libzmq's stable way to learn of a lost connection; without it a restarted broker
 * would be noticed at the next beat only. Silence is judged above in any case. */
#include "common/link/socket.h"

#include "common/err.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    LINK_HIGH_WATER = 256, /* messages; bytes are bounded by the credit of whoever receives */
    LINK_COPY_MAX = 1024,  /* smaller frames are copied: cheaper than a shared buffer */
    LINK_BEAT_MS = 2000,
    LINK_SILENCE_MS = 6000,
    LINK_HANDSHAKE_MS = 3000,
    LINK_RECONNECT_MS = 50,
    LINK_RECONNECT_MAX_MS = 1000,
};

static wherry_err link_socket_fail(struct link_socket *socket, const char *what) {
    wherry_err err = err_set(WHERRY_E_SYSTEM, "link: %s: %s", what, zmq_strerror(errno));
    link_socket_close(socket, 0);
    return err;
}

static bool link_socket_set(void *zmq, int option, int value) {
    return zmq_setsockopt(zmq, option, &value, sizeof value) == 0;
}

static bool link_socket_options(struct link_socket *socket, const char *address, int linger_ms) {
    void *zmq = socket->zmq;
    return zmq_setsockopt(zmq, ZMQ_MAXMSGSIZE, &socket->message_max, sizeof socket->message_max) ==
               0 &&
           link_socket_set(zmq, ZMQ_LINGER, linger_ms) && link_socket_set(zmq, ZMQ_IMMEDIATE, 1) &&
           link_socket_set(zmq, ZMQ_SNDHWM, LINK_HIGH_WATER) &&
           link_socket_set(zmq, ZMQ_RCVHWM, LINK_HIGH_WATER) &&
           link_socket_set(zmq, ZMQ_HEARTBEAT_IVL, LINK_BEAT_MS) &&
           link_socket_set(zmq, ZMQ_HEARTBEAT_TIMEOUT, LINK_SILENCE_MS) &&
           link_socket_set(zmq, ZMQ_HEARTBEAT_TTL, LINK_SILENCE_MS) &&
           link_socket_set(zmq, ZMQ_HANDSHAKE_IVL, LINK_HANDSHAKE_MS) &&
           link_socket_set(zmq, ZMQ_CONNECT_TIMEOUT, LINK_HANDSHAKE_MS) &&
           link_socket_set(zmq, ZMQ_RECONNECT_IVL, LINK_RECONNECT_MS) &&
           link_socket_set(zmq, ZMQ_RECONNECT_IVL_MAX, LINK_RECONNECT_MAX_MS) &&
           /* An IPv6 literal only: a name would be looked up as IPv6 first and miss 127.0.0.1. */
           link_socket_set(zmq, ZMQ_IPV6, strchr(address, '[') != NULL);
}

static int link_socket_fd(void *zmq) {
    int fd = -1;
    size_t size = sizeof fd;
    return zmq_getsockopt(zmq, ZMQ_FD, &fd, &size) == 0 ? fd : -1;
}

static void link_socket_watch(struct link_socket *socket, void *zmq_context) {
    char place[64];
    snprintf(place, sizeof place, "inproc://link-%p", socket->zmq);
    if (zmq_socket_monitor(socket->zmq, place, ZMQ_EVENT_DISCONNECTED) != 0) {
        return;
    }
    socket->monitor = zmq_socket(zmq_context, ZMQ_PAIR);
    if (socket->monitor == NULL) {
        return;
    }
    link_socket_set(socket->monitor, ZMQ_LINGER, 0);
    if (zmq_connect(socket->monitor, place) != 0) {
        zmq_close(socket->monitor);
        socket->monitor = NULL;
        return;
    }
    socket->monitor_fd = link_socket_fd(socket->monitor);
    link_socket_lost(socket); /* nothing yet; the first look arms the descriptor */
}

wherry_err link_socket_open(struct link_socket *socket, void *zmq_context, const char *address,
                            int linger_ms) {
    socket->zmq = zmq_socket(zmq_context, ZMQ_DEALER);
    if (socket->zmq == NULL) {
        return link_socket_fail(socket, "socket");
    }
    if (!link_socket_options(socket, address, linger_ms)) {
        return link_socket_fail(socket, "socket options");
    }
    link_socket_watch(socket, zmq_context);
    if (zmq_connect(socket->zmq, address) != 0) {
        return link_socket_fail(socket, address);
    }
    socket->fd = link_socket_fd(socket->zmq);
    socket->touched = true;
    return WHERRY_OK;
}

static void link_socket_held_clear(struct link_socket *socket) {
    for (size_t i = socket->held_sent; i < socket->held_count; i++) {
        zmq_msg_close(&socket->held[i]);
    }
    socket->held_count = 0;
    socket->held_sent = 0;
}

void link_socket_close(struct link_socket *socket, int linger_ms) {
    link_socket_held_clear(socket);
    link_socket_received_clear(socket);
    if (socket->monitor != NULL) {
        zmq_socket_monitor(socket->zmq, NULL, 0);
        zmq_close(socket->monitor);
        socket->monitor = NULL;
    }
    if (socket->zmq != NULL) {
        if (linger_ms >= 0) {
            link_socket_set(socket->zmq, ZMQ_LINGER, linger_ms);
        }
        zmq_close(socket->zmq);
        socket->zmq = NULL;
    }
}

/* ---- sending -------------------------------------------------------------------------------- */

static void link_socket_free_body(void *data, void *hint) {
    (void)hint;
    free(data);
}

static bool link_socket_copy(zmq_msg_t *frame, const void *data, size_t size) {
    if (zmq_msg_init_size(frame, size) != 0) {
        return false;
    }
    if (size > 0) {
        memcpy(zmq_msg_data(frame), data, size);
    }
    return true;
}

/* Small bodies are copied and keep their memory for the next message; large ones move. */
static bool link_socket_body(zmq_msg_t *frame, struct bytes *body) {
    if (body->size <= LINK_COPY_MAX) {
        return link_socket_copy(frame, body->data, body->size);
    }
    if (zmq_msg_init_data(frame, body->data, body->size, link_socket_free_body, NULL) != 0) {
        return false;
    }
    *body = BYTES_EMPTY;
    return true;
}

static bool link_socket_part(zmq_msg_t *frame, const struct wire_part *part) {
    /* Without a release the data outlives the send, and libzmq takes it as a constant. */
    return zmq_msg_init_data(frame, (void *)(uintptr_t)part->data, part->size, part->release,
                             part->hint) == 0;
}

/* Out of memory here ends like a lost message: the connection above repeats what is not
 * answered. */
static bool link_socket_add(struct link_socket *socket, bool whole, const struct wire_part *part) {
    if (whole && link_socket_part(&socket->held[socket->held_count], part)) {
        socket->held_count++;
        return true;
    }
    if (part->release != NULL) {
        part->release((void *)(uintptr_t)part->data, part->hint);
    }
    return false;
}

static void link_socket_fill(struct link_socket *socket, const struct wire_part *body,
                             struct wire_out *message) {
    socket->held_count = 0;
    socket->held_sent = 0;
    bool whole = true;
    if (body != NULL) {
        whole = link_socket_add(socket, true, body);
    } else if (link_socket_body(&socket->held[0], &message->body)) {
        socket->held_count = 1;
    } else {
        whole = false;
    }
    for (size_t i = 0; i < message->part_count; i++) {
        whole = link_socket_add(socket, whole, &message->parts[i]);
    }
    wire_out_clear(message);
    if (!whole) {
        link_socket_held_clear(socket);
    }
}

bool link_socket_flush(struct link_socket *socket) {
    socket->touched = socket->touched || socket->held_count > 0;
    while (socket->held_sent < socket->held_count) {
        bool last = socket->held_sent + 1 == socket->held_count;
        int flags = ZMQ_DONTWAIT | (last ? 0 : ZMQ_SNDMORE);
        if (zmq_msg_send(&socket->held[socket->held_sent], socket->zmq, flags) < 0) {
            if (errno == EINTR) {
                continue;
            }
            return false;
        }
        socket->held_sent++;
    }
    socket->held_count = 0;
    socket->held_sent = 0;
    return true;
}

bool link_socket_send(struct link_socket *socket, const struct wire_part *body,
                      struct wire_out *message) {
    if (!link_socket_flush(socket)) {
        return false;
    }
    link_socket_fill(socket, body, message);
    link_socket_flush(socket);
    return true;
}

/* ---- receiving ------------------------------------------------------------------------------ */

void link_socket_received_clear(struct link_socket *socket) {
    for (size_t i = 0; i < socket->received_count; i++) {
        zmq_msg_close(&socket->received[i]);
    }
    socket->received_count = 0;
    socket->message.count = 0;
}

static bool link_socket_frame(struct link_socket *socket, bool *more) {
    zmq_msg_t *frame = &socket->received[socket->received_count];
    zmq_msg_init(frame);
    int size = 0;
    do {
        size = zmq_msg_recv(frame, socket->zmq, ZMQ_DONTWAIT);
    } while (size < 0 && errno == EINTR);
    if (size < 0) {
        zmq_msg_close(frame);
        socket->touched = false;
        return false;
    }
    *more = zmq_msg_more(frame) != 0;
    socket->message.frames[socket->received_count] =
        (struct span){zmq_msg_data(frame), zmq_msg_size(frame)};
    socket->received_count++;
    return true;
}

/* A message of too many frames is read to its end and dropped. */
static void link_socket_skip(struct link_socket *socket) {
    link_socket_received_clear(socket);
    bool more = true;
    while (more && link_socket_frame(socket, &more)) {
        link_socket_received_clear(socket);
    }
}

bool link_socket_receive(struct link_socket *socket) {
    link_socket_received_clear(socket);
    bool more = true;
    while (more) {
        if (socket->received_count == WIRE_FRAMES_MAX) {
            link_socket_skip(socket);
            more = true;
        }
        if (!link_socket_frame(socket, &more)) {
            link_socket_received_clear(socket);
            return false;
        }
    }
    socket->message.count = socket->received_count;
    return true;
}

static void link_socket_release_frame(void *data, void *hint) {
    (void)data;
    zmq_msg_close(hint);
    free(hint);
}

bool link_socket_take(struct link_socket *socket, int frame, struct wire_part *out) {
    if (frame < 0 || (size_t)frame >= socket->received_count) {
        return false;
    }
    zmq_msg_t *moved = malloc(sizeof *moved);
    if (moved == NULL) {
        return false;
    }
    zmq_msg_init(moved);
    zmq_msg_move(moved, &socket->received[frame]);
    *out = (struct wire_part){zmq_msg_data(moved), zmq_msg_size(moved), link_socket_release_frame,
                              moved};
    return true;
}

/* A send takes up what the descriptor had to tell, so after one we have to ask; an interrupted
 * question is asked again. */
bool link_socket_may_sleep(struct link_socket *socket) {
    if (socket->zmq == NULL || !socket->touched) {
        return true;
    }
    int events = 0;
    size_t size = sizeof events;
    if (zmq_getsockopt(socket->zmq, ZMQ_EVENTS, &events, &size) != 0) {
        return false;
    }
    bool writable = socket->held_count > 0 && (events & ZMQ_POLLOUT) != 0;
    socket->touched = writable || (events & ZMQ_POLLIN) != 0;
    return !socket->touched;
}

/* ---- the connection's loss ------------------------------------------------------------------ */

bool link_socket_lost(struct link_socket *socket) {
    bool lost = false;
    while (socket->monitor != NULL) {
        zmq_msg_t event;
        zmq_msg_init(&event);
        int size = zmq_msg_recv(&event, socket->monitor, ZMQ_DONTWAIT);
        bool more = size >= 0 && zmq_msg_more(&event) != 0;
        zmq_msg_close(&event);
        if (size < 0) {
            break;
        }
        lost = lost || !more; /* the second frame is the address: one event is whole */
    }
    return lost;
}
