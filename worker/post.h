/* SPDX-License-Identifier: MIT
 *
 * Post: what supervisor and fork server tell each other over a SOCK_SEQPACKET pair.
 *
 *     at the start     fork server ──FUNCTION…, then READY or FAULT──> supervisor
 *     supervisor ──FORK (with gate page and eventfd), SIGNAL──> fork server
 *     fork server ──FORKED, DIED──> supervisor
 *
 * Both are the same program on the same machine, so a letter is a struct. */
#ifndef WHERRY_POST_H
#define WHERRY_POST_H

#include "common/wire/wire.h"

enum post_kind {
    POST_FUNCTION, /* text: a name that is offered */
    POST_READY,    /* everything is loaded */
    POST_FAULT,    /* text: why not */
    POST_FORK,
    POST_SIGNAL,
    POST_FORKED,
    POST_DIED,
};

enum { POST_FDS = 2, POST_TEXT_MAX = WIRE_TEXT_MAX };

struct post {
    enum post_kind kind;
    uint32_t place;
    int64_t pid;           /* FORKED (or −errno), DIED, SIGNAL */
    uint64_t session;      /* FORK: the child's */
    uint64_t host_session; /* FORK */
    uint8_t secret[WIRE_SECRET_SIZE];
    bool once;               /* FORK: for a Process */
    int signal;              /* SIGNAL */
    int status;              /* DIED: as waitpid gives it */
    bool out_of_memory;      /* DIED: the kernel says so */
    uint64_t rss_peak_bytes; /* DIED */
    size_t text_size;
    char text[POST_TEXT_MAX];
};

/* fds: POST_FDS of them, or NULL. False: the other side is gone. Waits when the socket is full. */
bool post_send(int socket, const struct post *letter, const int *fds);
enum post_sent { POST_SENT, POST_FULL, POST_GONE };
/* The same without descriptors, and without waiting. */
enum post_sent post_try(int socket, const struct post *letter);
/* Waits. fds: filled with what came, −1 for what did not; the caller closes them. */
bool post_receive(int socket, struct post *letter, int fds[POST_FDS]);

#endif
