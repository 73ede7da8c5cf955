/* SPDX-License-Identifier: MIT
 *
 * The inside of a connection: one session, one link, one mutex.
 *
 *     caller:      lock · session_submit (encodes into the open batch) · unlock · link_wake if
 *                  asleep
 *     I/O thread:  receive · lock · session_input: owners are told · unlock · collect:
 *                  session_output
 *     caller that waits alone for the only answer due: the I/O thread's part, by link_drive
 *
 * Whatever waits for the broker's word is an `owner`: an async, a chunk of a map, a question. The
 * session calls its owner with the mutex held, so that an owner only notes the outcome, sets its
 * word, and never calls user code.
 *
 * Memory: a connection lives until its handle is released and the last pool, async and iterator is.
 * Fork: `life` is a page that a forked child finds empty (MADV_WIPEONFORK): one load tells, where
 * getpid() would be a system call. */
#ifndef WHERRY_CLIENT_CONNECTION_H
#define WHERRY_CLIENT_CONNECTION_H

#include "client/include/wherry.h"
#include "client/local.h"
#include "client/session.h"
#include "client/wait.h"
#include "common/link/link.h"

#include <pthread.h>
#include <stdatomic.h>

enum { CONNECTION_LABEL_SIZE = 64, CONNECTION_RESULT_COPY_MAX = 32 * 1024 };

struct owner {
    const struct owner_kind *kind;
};

struct owner_kind { /* all under the connection's mutex; NULL: does not apply */
    void (*finished)(struct owner *owner, const struct session_outcome *outcome);
    void (*accepted)(struct owner *owner);
    void (*moved)(struct owner *owner, struct task_id key);
    void (*answered)(struct owner *owner, const struct session_outcome *outcome);
    /* The pool's terminate: ends it for its user; the task's own end is told later all the same. */
    void (*terminated)(struct owner *owner);
    struct wherry_pool *(*pool)(struct owner *owner);
};

struct room_waiter { /* on the stack of a caller whose submit found no room */
    atomic_uint word;
    uint16_t slot;
    bool flush; /* waits until everything was sent instead */
    struct room_waiter *following;
};

struct wherry_connection {
    pthread_mutex_t mutex;
    struct session *session;
    struct link *link;
    struct waiters waiters;
    atomic_uint *life;     /* 1 in the process that made it */
    atomic_long handles;   /* of every kind, the connection's own included */
    atomic_uint connected; /* word: WAIT_DONE once the first hello was answered, or refused */
    bool closed;           /* under the mutex */
    struct room_waiter *room_waiters;
    struct async_slab *asyncs;
    struct callbacks *callbacks;     /* NULL until the first */
    _Atomic(struct bytes *) scratch; /* a buffer for the next caller's arguments */
    struct wire_out out;             /* the I/O thread's */
    bool no_restore_wait;
    uint32_t reopened;                  /* since the last HELLO_OK: for the delay */
    const struct wire_message *message; /* the one being received: for link_take */
    struct local_house *house;          /* with local:; else NULL */
    char label[CONNECTION_LABEL_SIZE];
};

extern const struct session_ops connection_session_ops;
extern const struct link_ops connection_link_ops;
/* link_options.extra: the house of local: has ended. */
void connection_house_ended(void *context, struct link *link);

/* Under the mutex, after anything the session may have learnt: who waits is told. */
void connection_after(struct wherry_connection *connection);
bool connection_waiter_done(const struct wherry_connection *connection,
                            const struct room_waiter *waiter, const struct session_view *view);

/* OK, or FORKED with its text. */
wherry_err connection_check(const struct wherry_connection *connection);
void connection_hold(struct wherry_connection *connection);
void connection_unhold(struct wherry_connection *connection); /* may free it */
/* After the session was given something, not under the mutex. */
void connection_wake(struct wherry_connection *connection);
/* The session's error in words for the calling thread. Under the mutex. */
wherry_err connection_fail(struct wherry_connection *connection, wherry_err err);

/* A payload of the message being received, for later: small ones are copied, a large frame is
 * moved. False: no memory. Under the mutex. */
bool connection_keep(struct wherry_connection *connection, const struct session_outcome *outcome,
                     struct wire_part *out);

void connection_free_copy(void *data, void *hint); /* a release function: free() */

/* Under the mutex: waits until there is room, with the mutex given up meanwhile. Returns OK (look
 * again), TIMEOUT, INTERRUPTED. */
wherry_err connection_wait_room(struct wherry_connection *connection, struct room_waiter *waiter,
                                int64_t deadline_us);

/* Under the mutex: whoever waits for room looks again, because a pool was closed. */
void connection_room_again(struct wherry_connection *connection);

/* A buffer to encode arguments in; never NULL but for lack of memory. */
struct bytes *connection_scratch_take(struct wherry_connection *connection);
void connection_scratch_give(struct wherry_connection *connection, struct bytes *scratch);

/* Where wherry_connect(NULL, …) goes. */
void connection_default_address(char *out, size_t size);

#endif
