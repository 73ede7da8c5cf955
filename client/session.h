/* SPDX-License-Identifier: MIT
 *
 * Session: what a client says to a broker and what it makes of the answers. Pure logic: no clock,
 * no socket, no thread; told `now_us`. The shell (client/connection.c) holds one mutex around every
 * call; the simulation runs it as it is.
 *
 *     submit ──> [open batch] ──> sealed ──> in flight (≤ 4) ──> answered ──> all finished: freed
 *                                   ^            └──> parked ──┘    |
 *                                   └── after a reconnect: resent unchanged, or, to a broker that
 *                                       kept nothing, with new numbers naming the old ids
 *
 * A batch whose unanswered tasks all wait at full queues, as the broker says, is *parked*: it
 * does not count as in flight, or four such batches would hold up everything else.
 *
 * Each task has a record in a chunk of 1,024, found by (slot, number). A record lives until its
 * task is finished; the batch with its arguments lives until all its tasks are (with a broker that
 * keeps: until all are accepted).
 *
 *     OPEN     in a batch, not yet sent on any connection: certainly unknown to the broker
 *     SENT     sent, unanswered: resent after a reconnect
 *     ACCEPTED answered OK: the broker has it
 *     (gone)   finished: `finished` was called, or its owner was forgotten
 *
 * Rules kept here (rules.md §2): numbers per slot are consecutive; `acked` passes a number only
 * when its answer came; what waits at a full queue and is half a window behind gets a new number,
 * so that it does not end the window for all others (2.2); SESSION_LOST after a change of epoch
 * from a broker that keeps nothing makes a new session and resubmits (2.8); any other SESSION_LOST
 * settles by id and never submits again what was sent (2.3); what was sent, unanswered and cannot
 * be settled is UNCERTAIN (2.5). */
#ifndef WHERRY_SESSION_H
#define WHERRY_SESSION_H

#include "common/wire/wire.h"

struct session;

enum {
    SESSION_IN_FLIGHT = 4,           /* unanswered batches of one lane, then the open one grows */
    SESSION_SEALED_IN_FLIGHT = 64,   /* when alternating lanes seal small ones */
    SESSION_WAITING_BYTES = 1 << 20, /* unsent bytes: above it submit says BUSY */
    SESSION_PARKED = 4096,           /* tasks of one slot that wait at full queues, */
    SESSION_PARKED_BYTES = 4 << 20,  /* or their bytes: the same, for that slot alone */
    SESSION_ACK_RESULTS = 512,       /* results received are acknowledged at this count, */
    SESSION_ACK_BYTES = 64 * 1024,   /* these bytes, */
    SESSION_ACK_US = 300000,         /* or this long after the first: one message less for many */
    SESSION_HELLO_US = 2000000,      /* no answer to a hello for this long: reopen */
    SESSION_BEATS_UNANSWERED = 3,    /* then reopen */
    SESSION_SETTLING = 256,          /* questions in flight while settling by id */
};

struct session_outcome {
    wherry_err err;      /* OK: `payload` is one msgpack value (may be empty: nil) */
    struct span text;    /* failure in words, borrowed; "" on OK */
    struct span payload; /* value, or a packed wire_failure (may be empty); borrowed */
    int frame;           /* the frame of the message given to session_input that holds it, or 0 */
};

/* Called from inside session_input, session_tick, session_opened, session_close; they must not call
 * back into the session. */
struct session_ops {
    /* Exactly once for each submitted task that was not forgotten. */
    void (*finished)(void *context, void *owner, const struct session_outcome *outcome);
    /* (With accepted_if_wanted: only for tasks that session_want_accepted named.)
     * At most once, before `finished`, when the broker has answered OK (or with the result
     * itself). */
    void (*accepted)(void *context, void *owner);
    /* The task has another number, at a restarted broker or because it waited for so long: `key`
     * stands for it from now on in cancel, forget and want_accepted. Its id, for people and for the
     * broker, stays. */
    void (*moved)(void *context, void *owner, struct task_id key);
    /* Exactly once for each call that was not forgotten; outcome.payload is the answer's body. */
    void (*answered)(void *context, void *owner, const struct session_outcome *outcome);
    /* Unpredictable bytes (a shell) or seeded ones (the simulation): identities and secrets. */
    void (*random)(void *context, void *out, size_t size);
};

struct session_options {
    const char *label; /* borrowed for the session's life */
    int64_t pid;
    uint64_t parent;            /* inside a task: the child's session, else 0 */
    struct token attempt;       /* and the attempt's token */
    int64_t reconnect_limit_us; /* INT64_MAX: none */
    bool accepted_if_wanted;    /* the owner is told of acceptance only when it asked for it */
    uint32_t window;            /* unanswered numbers of one slot; 0: BOUND_WINDOW */
};

/* One lane header: what a batch states once. Spans borrowed for the call. */
struct session_lane {
    struct span queue;
    struct span function;
    struct wire_options options;
    int64_t wait_ms; /* 0 = FULL at once, -1 = without end */
};

/* NULL: no memory. */
struct session *session_create(const struct session_options *options, const struct session_ops *ops,
                               void *context, int64_t now_us);
void session_destroy(struct session **session); /* calls nobody */

/* ---- the wire side ---- */

/* A fresh connection exists: a hello will be the first output. */
void session_opened(struct session *session, int64_t now_us);
/* A message came; garbage is ignored and counted. */
void session_input(struct session *session, const struct wire_message *message, int64_t now_us);
/* The next message to send into `out` (cleared first); false: none. Parts carry release functions
 * that keep their batch alive and may run on any thread. */
bool session_output(struct session *session, int64_t now_us, struct wire_out *out);
/* The same, but frame 0 of a batch is lent instead of copied: body->data is set, and out->body
 * empty. body->data NULL: the message stands in `out` as ever. */
bool session_output_lent(struct session *session, int64_t now_us, struct wire_out *out,
                         struct wire_part *body);
/* Whether session_output would give a message: cheap. */
bool session_has_output(const struct session *session);
int64_t session_next_wake(const struct session *session); /* INT64_MAX: none */
void session_tick(struct session *session, int64_t now_us);
/* The broker has ended for ever: every call ends with NO_BROKER and this text, or UNCERTAIN. */
void session_lose_broker(struct session *session, const char *text, int64_t now_us);
/* The shell shall make a new connection and then call session_opened. */
bool session_wants_reopen(const struct session *session);

/* ---- the caller's side ---- */

/* Queue one task. payload: with `release` it is taken on OK (and released once), without it is
 * copied (at most WIRE_INLINE_MAX; larger ones must have one).
 * `id`: the task's id for ever, and the key for the verbs below until `moved` tells another.
 * Returns OK; BUSY (window or unsent bytes used up: try again after session_has_room); NO_BROKER
 * (none for reconnect_limit); CLOSED; REFUSED or PROTOCOL (the broker refused this client);
 * TOO_LARGE; LIMIT (streams); NO_MEMORY. */
wherry_err session_submit(struct session *session, const struct session_lane *lane,
                          struct wire_part payload, void *owner, int64_t now_us,
                          struct task_id *id); /* now_us 0: as last told; for lane.wait_ms ≤ 0 */
bool session_has_room(const struct session *session, uint16_t slot);

/* All by the key; unknown and finished ones are no-ops. */
void session_cancel(struct session *session, struct task_id key);
void session_forget(struct session *session, struct task_id key); /* nobody will be told */
/* See that the task's acceptance is told soon, not only with its result. True: it is accepted (or
 * unknown here, so that it was) and nothing will be told. */
bool session_want_accepted(struct session *session, struct task_id key);

/* Put a question. Open ones are put again after a reconnect with their remaining time (timeout_ms <
 * 0: no limit). Returns OK, LIMIT (BOUND_CALLS), NO_BROKER, CLOSED, REFUSED, PROTOCOL,
 * NO_MEMORY. */
wherry_err session_call(struct session *session, enum wire_verb verb, struct span body,
                        int64_t timeout_ms, uint64_t thread, void *owner, int64_t now_us,
                        uint64_t *call);
void session_call_forget(struct session *session, uint64_t call); /* as if never put */
void session_call_disown(struct session *session, uint64_t call); /* put, but nobody is told */
/* What a status and a payload mean (results, and answers to TASK_WAIT). */
void session_outcome_of(uint32_t status, struct span payload, struct session_outcome *out);

/* End: every open task and call ends with CLOSED, the next output is GOODBYE, then nothing. */
void session_close(struct session *session, int64_t now_us);

/* ---- looking ---- */

/* Tasks and calls whose end is not told yet. */
uint64_t session_due(const struct session *session);

/* Shows every open task to visit(); where it answers true, the task is cancelled. The visitor must
 * not call the session. */
void session_each(struct session *session, bool (*visit)(void *context, void *owner),
                  void *context);

struct session_view {
    uint64_t id;
    uint64_t epoch;
    bool connected; /* HELLO_OK came on this connection */
    bool keeps;
    uint32_t payload_max;
    wherry_err failed;     /* OK, or why every call fails: REFUSED, PROTOCOL, NO_BROKER, CLOSED */
    const char *failure;   /* in words */
    const char *restoring; /* how far a broker is that still reads its store; "": none does */
    uint64_t tasks_open;   /* records alive */
    uint64_t unsent_bytes;
    uint64_t unanswered; /* of them neither accepted nor finished */
    uint64_t batches;    /* kept */
    uint64_t batch_bytes;
    uint64_t garbage;     /* messages ignored */
    uint64_t resubmitted; /* tasks given to a restarted broker again */
};
void session_look(const struct session *session, struct session_view *out);

/* Every cross-reference, after each step in tests; CHECKs. */
void session_audit(const struct session *session);

#endif
