/* SPDX-License-Identifier: MIT
 *
 * The link's DEALER and its frames: one connection to one address, thrown away and made anew. Only
 * the link's driver touches it after link_open. */
#ifndef WHERRY_LINK_SOCKET_H
#define WHERRY_LINK_SOCKET_H

#include "common/wire/wire.h"

#include <zmq.h>

struct link_socket {
    void *zmq;     /* NULL: none at the moment */
    void *monitor; /* tells when the connection was lost; NULL: none */
    int fd;         /* ZMQ_FD of each: readable when something may have happened */
    int monitor_fd;
    bool touched; /* since the last receive that found nothing */
    int64_t message_max;
    zmq_msg_t held[WIRE_FRAMES_MAX]; /* a message that met the high-water mark */
    size_t held_count;
    size_t held_sent;
    zmq_msg_t received[WIRE_FRAMES_MAX];
    size_t received_count;
    struct wire_message message; /* spans into `received` */
};

/* Opens and connects. SYSTEM, INVALID. */
wherry_err link_socket_open(struct link_socket *socket, void *zmq_context, const char *address,
                            int linger_ms);
/* linger_ms: for what was sent; −1 keeps what was set. */
void link_socket_close(struct link_socket *socket, int linger_ms);

/* Takes the message, or false while an earlier one is still held. body: frame 0, lent; NULL: it is
 * message->body. */
bool link_socket_send(struct link_socket *socket, const struct wire_part *body,
                      struct wire_out *message);
/* Tries to send what is held; true when nothing is. */
bool link_socket_flush(struct link_socket *socket);

/* The next whole message into socket->message, or false. Frames die with the next call. */
bool link_socket_receive(struct link_socket *socket);
void link_socket_received_clear(struct link_socket *socket);
/* Moves a received frame out. */
bool link_socket_take(struct link_socket *socket, int frame, struct wire_part *out);

/* Nothing is waiting that `fd` would not tell of. */
bool link_socket_may_sleep(struct link_socket *socket);

/* True once for each loss of the connection. */
bool link_socket_lost(struct link_socket *socket);

#endif
