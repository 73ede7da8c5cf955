/* SPDX-License-Identifier: MIT
 *
 * Puppet: a peer without logic. A scenario says each message that it sends and reads what came
 * back, so that histories which correct peers would never produce, or only by rare chance, can be
 * told exactly.
 *
 *     struct puppet *c = puppet_add(sim, "client");
 *     puppet_client_hello(c, false);
 *     puppet_submit(c, 1, 3, &(struct puppet_lane){.queue = "q0"});        numbers 1 … 3
 *     …
 *     c->answer[1] == PUPPET_ACCEPTED */
#ifndef SIM_PUPPET_H
#define SIM_PUPPET_H

#include "tests/sim/sim.h"

enum { PUPPET_ITEMS = 64, PUPPET_SEEN = 80 };

enum puppet_answer { /* what became of a number; refusals stand as PUPPET_REFUSED + wherry_err */
                     PUPPET_NOTHING = 0,
                     PUPPET_ACCEPTED = 1,
                     PUPPET_REFUSED = 100,
};

struct puppet_delivery {
    struct task_id id;
    struct token token;
    uint32_t index;
    uint32_t generation;
    uint32_t slot; /* of the gate */
};

struct puppet {
    struct sim *sim;
    net_node node;
    uint64_t session;
    uint8_t secret[WIRE_SECRET_SIZE];
    uint64_t parent;            /* of a client inside of a task: its child's session, … */
    struct token attempt;       /* … and the attempt */
    bool silent;                /* sends no beats; else one every two seconds */
    uint64_t epoch;             /* of the last HELLO_OK or SESSION_LOST */
    uint32_t seen[PUPPET_SEEN]; /* messages received, by type, since puppet_open() */
    struct token_pair {
        struct token first;
        uint64_t count;
    } tokens[PUPPET_ITEMS]; /* RESULT_ACK and LEASE_LOST, in order */
    uint32_t token_count;
    /* a client's */
    uint32_t answer[PUPPET_ITEMS];  /* by number */
    uint32_t results[PUPPET_ITEMS]; /* times that a result came, by number */
    uint32_t result_status[PUPPET_ITEMS];
    wherry_err call_err[PUPPET_ITEMS]; /* by call */
    bool call_answered[PUPPET_ITEMS];
    uint32_t call_status[PUPPET_ITEMS]; /* TASK_WAIT's outcome */
    uint64_t acked;                     /* said with the next submit */
    /* a child's */
    struct puppet_delivery deliveries[PUPPET_ITEMS];
    uint32_t delivery_count;
    uint32_t generation; /* as its gate would have it */
    uint32_t started;
    struct puppet *host;
    uint32_t place;
};

struct puppet *puppet_add(struct sim *sim, const char *name);
void puppets_free(struct sim *sim);

/* A new connection (the one before is left); clears what was seen. */
void puppet_open(struct puppet *puppet);

/* ---- clients ---- */

struct puppet_lane {
    const char *queue;    /* "q0" */
    const char *function; /* "f" */
    uint32_t flags;
    int64_t wait_ms;
    size_t size; /* of each payload */
    const struct task_id *origin;
};

/* Opens and says hello; waits for the answer (HELLO_OK, SESSION_LOST or REFUSED). */
void puppet_client_hello(struct puppet *puppet, bool resume);
void puppet_client_hello_raw(struct puppet *puppet, bool resume); /* does not wait */
void puppet_submit(struct puppet *puppet, uint64_t first, uint64_t count,
                   const struct puppet_lane *lane);
void puppet_ack(struct puppet *puppet, uint64_t acked, uint64_t first, uint64_t count);
void puppet_renumber(struct puppet *puppet, uint64_t from, uint64_t to); /* in the slot of q0 */
void puppet_cancel(struct puppet *puppet, uint64_t number);
void puppet_call(struct puppet *puppet, uint64_t call, enum wire_verb verb, struct task_id id,
                 int64_t timeout_ms);
void puppet_pause(struct puppet *puppet, uint64_t call, const char *queue, uint32_t pause,
                  uint32_t resume);
void puppet_purge(struct puppet *puppet, uint64_t call, const char *queue);
/* WORKER_DRAIN without a grace time, or WORKER_JOIN. */
void puppet_call_host(struct puppet *puppet, uint64_t call, enum wire_verb verb, uint64_t host);
struct task_id puppet_id(const struct puppet *puppet, const char *queue, uint64_t number);
void puppet_plain(struct puppet *puppet, enum wire_type type); /* BEAT, GOODBYE, DRAIN */

/* ---- hosts ---- */

/* What a host says of one place: `attempts` started (or answered) ones. */
struct puppet_place {
    uint32_t place;
    bool alive;
    uint32_t generation;
    uint32_t started;
    const struct wire_attempt *attempts;
    uint32_t attempt_count;
};
void puppet_host_hello(struct puppet *host, bool resume, const struct puppet_place *places,
                       uint32_t place_count);
void puppet_gate(struct puppet *host, uint32_t place, uint32_t generation, uint32_t started);
void puppet_death(struct puppet *host, uint64_t sequence, const struct puppet_place *place);

/* ---- children ---- */

/* Opens and says hello with the gate as it stands, one generation up; `held` may be NULL. */
void puppet_child_hello(struct puppet *child, struct puppet *host, uint32_t place,
                        const struct wire_held *held, uint32_t held_count);
/* The same, without waiting for an answer and with any numbers. */
void puppet_child_hello_raw(struct puppet *child, uint32_t generation, uint32_t started,
                            const struct wire_held *held, uint32_t held_count);
void puppet_credit(struct puppet *child, uint32_t up_to);
/* One result of the delivery; carries credit up to the same slot as before. */
void puppet_result(struct puppet *child, const struct puppet_delivery *delivery, uint32_t status);
/* The note that a result of this delivery carries, as the checker reads it. */
struct wire_held puppet_held(struct bytes *payload, const struct puppet_delivery *delivery);
struct wire_attempt puppet_attempt(const struct puppet_delivery *delivery, bool answered);
/* Was this token named in a RESULT_ACK or LEASE_LOST since the connection was opened? */
bool puppet_named(const struct puppet *puppet, struct token token);

#endif
