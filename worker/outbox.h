/* SPDX-License-Identifier: MIT
 *
 * Outbox: letters that the supervisor does not take yet.
 *
 *     fork server ── outbox ──> socket ──> supervisor
 *     fork server <──────────── socket <── supervisor     waits when the socket is full
 *
 * One of two that write to each other must never wait, or both may: a supervisor that asks for a
 * thousand processes writes on while a thousand answers come back. It is bounded by what causes a
 * letter: one answer a request, one death a process. */
#ifndef WHERRY_OUTBOX_H
#define WHERRY_OUTBOX_H

#include "worker/post.h"

struct outbox_letter;

struct outbox { /* private; all zero is empty */
    struct outbox_letter *first;
    struct outbox_letter *last;
};

/* Sends it or keeps a copy, never waits. False: the other side is gone. */
bool outbox_send(struct outbox *outbox, int socket, const struct post *letter);
/* Sends what is kept, as far as the socket takes it. False: the other side is gone. */
bool outbox_flush(struct outbox *outbox, int socket);
/* Something is kept: poll the socket for POLLOUT. */
bool outbox_waits(const struct outbox *outbox);

#endif
