/* SPDX-License-Identifier: MIT
 *
 * How a connection begins, stays and ends: HELLO and its answers, beats, goodbye. */
#ifndef WHERRY_WIRE_HELLO_H
#define WHERRY_WIRE_HELLO_H

#include "common/wire/message.h"

enum wire_peer { WIRE_CLIENT = 0, WIRE_HOST = 1, WIRE_CHILD = 2 };

struct wire_attempt { /* one started or answered attempt of a gate */
    struct task_id id;
    struct token token;
    bool answered;
};
bool wire_next_attempt(struct wire_items *items, struct wire_attempt *out);

struct wire_place { /* one gate, alive or of a child that died unacknowledged */
    uint32_t place;
    bool alive;
    uint32_t generation;
    uint32_t started;
    struct wire_items attempts;
};
bool wire_next_place(struct wire_items *items, struct wire_place *out);

struct wire_held { /* a result that its child still holds */
    struct task_id id;
    struct token token;
    uint32_t status;
    struct span payload;
};
bool wire_next_held(struct wire_items *items, struct wire_held *out);

/* [1, peer, min, max, features, resume, session, secret, [parent, attempt epoch, counter], label,
 * pid, X]; X of a client: nil */
struct wire_hello {
    uint32_t peer; /* enum wire_peer */
    uint32_t version_min;
    uint32_t version_max;
    uint64_t features;
    bool resume; /* false: a new session */
    uint64_t session;
    struct span secret;  /* WIRE_SECRET_SIZE bytes */
    uint64_t parent;     /* child: its host's session; client inside a task: the child's; else 0 */
    struct token attempt; /* client inside a task: that attempt; else 0,0 */
    struct span label;   /* host name or program name, for people only */
    int64_t pid;
    /* X of a host: [pool, processes, [function…], [place…], processes_max] */
    struct span pool;
    uint32_t processes;     /* places 0 … processes - 1 are the pool's */
    uint32_t processes_max; /* so many further ones are for Processes */
    struct wire_items functions; /* names */
    struct wire_items places;
    /* X of a child: [place, generation, started, [held…]] */
    uint32_t place;
    uint32_t generation;
    uint32_t started;
    struct wire_items held;
};

/* Writing a hello: call begin with everything but the lists, then its lists in order. For a host:
 * each function; then for each place: place, its attempts; end. For a child: each held; end. */
void wire_hello_begin(struct wire_out *out, const struct wire_hello *hello, uint32_t function_count,
                      uint32_t place_count);
void wire_hello_function(struct wire_out *out, struct span name);
void wire_hello_place(struct wire_out *out, const struct wire_place *place, uint32_t attempt_count);
void wire_hello_attempt(struct wire_out *out, const struct wire_attempt *attempt);
void wire_hello_held(struct wire_out *out, const struct wire_held *held);
void wire_hello_end(struct wire_out *out);
wherry_err wire_get_hello(const struct wire_message *message, struct wire_hello *out);

struct wire_hello_ok {
    uint64_t epoch;
    uint32_t version;
    uint64_t features;
    struct span store; /* 16 bytes: the store's uuid */
    uint64_t session;
    bool keeps;         /* the broker has a persistent store */
    uint32_t beat_ms;   /* send BEAT at least this often */
    uint32_t payload_max;
};
void wire_put_hello_ok(struct wire_out *out, const struct wire_hello_ok *message);
wherry_err wire_get_hello_ok(const struct wire_message *message, struct wire_hello_ok *out);

struct wire_session_lost {
    uint64_t epoch;
    struct span store;
    bool keeps;
};
void wire_put_session_lost(struct wire_out *out, const struct wire_session_lost *message);
wherry_err wire_get_session_lost(const struct wire_message *message, struct wire_session_lost *out);

struct wire_refused {
    uint64_t epoch;
    uint32_t err;
    struct span text;
};
void wire_put_refused(struct wire_out *out, const struct wire_refused *message);
wherry_err wire_get_refused(const struct wire_message *message, struct wire_refused *out);

/* GOODBYE, BEAT, DRAIN (peer: epoch not written) and HELLO_REQUIRED, BEAT_OK (broker). */
void wire_put_plain(struct wire_out *out, enum wire_type type, uint64_t epoch);
/* The epoch of any message of the broker, or 0. */
uint64_t wire_epoch_of(const struct wire_message *message);

#endif
