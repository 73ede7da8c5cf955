/* SPDX-License-Identifier: MIT
 *
 * Child: what one worker process says to the broker and what it may run. Pure: told the time, no
 * socket, thread or file inside; the simulation runs it as it is. One thread at a time (the shell
 * locks).
 *
 *     DELIVER ──> queue of deliveries ──child_start: fill slot, CAS──> running
 *                      │ gate closed: void                                │ child_finish
 *                      v                                                  v
 *                   dropped                     held ──RESULTS──> sent ──RESULT_ACK──> forgotten
 *
 * Generations. The page's word holds the current generation. child_opened() raises it; the
 * supervisor raises it by closing the gate. Each is noticed here (child_gate_closed after the wake,
 * or a failed start): what was delivered in the old one is dropped, and credit is granted in the
 * new one.
 *
 * Results of this epoch go as RESULTS; those of an earlier epoch go in a hello, because only a
 * hello names the task id. A hello lists at most 1 MiB of them (at least one); if more are left the
 * child asks for another connection after HELLO_OK and lists the next.
 *
 * Hello and credit:  hello reports (g, started) as they stood before the swap; credit is for g + 1.
 */
#ifndef WHERRY_CHILD_H
#define WHERRY_CHILD_H

#include "common/wire/wire.h"
#include "worker/gate.h"

struct child;

struct child_config {
    uint64_t session;
    uint8_t secret[WIRE_SECRET_SIZE];
    uint64_t host_session;
    uint32_t place;
    int64_t pid;
    struct span label;       /* copied */
    struct gate_page *gate;  /* borrowed for the child's life; gate_init() was called */
    uint64_t held_bytes_max; /* 0: BOUND_RESULT_HELD_BYTES */
    bool once;               /* made for a Process: one delivery is all that it ever asks for */
    uint32_t window;         /* deliveries granted ahead; 0: BOUND_GATE_SLOTS; tests shrink it */
};

struct child *child_create(const struct child_config *config);
void child_destroy(struct child **child);

/* ---- the connection ------------------------------------------------------------------------- */

void child_opened(struct child *child, int64_t now_us);
/* Takes what it needs out of `message` (deliveries are copied, once). Garbage is ignored. */
void child_input(struct child *child, const struct wire_message *message, int64_t now_us);
/* The same; parts: one for each frame behind the first. Those with a `release` were moved out of
 * the message: they are taken, and released when they are no longer needed. */
void child_input_parts(struct child *child, const struct wire_message *message,
                       struct wire_part *parts, int64_t now_us);
/* The next message to send, false: none. `out` was cleared by the caller. */
bool child_output(struct child *child, int64_t now_us, struct wire_out *out);
int64_t child_next_wake(const struct child *child); /* INT64_MAX: never */
void child_tick(struct child *child, int64_t now_us);
bool child_wants_reopen(const struct child *child); /* until the next child_opened() */
bool child_greeted(const struct child *child);      /* HELLO_OK on this connection */
/* Not empty: the broker refused this child (text; borrowed until the next input). */
struct span child_refusal(const struct child *child);

/* ---- running -------------------------------------------------------------------------------- */

/* The supervisor may have closed the gate (eventfd readable, or at any time): look. */
void child_gate_closed(struct child *child, int64_t now_us);

struct child_task { /* spans are borrowed until child_finish() of the same number */
    uint32_t number;
    struct task_id id;
    struct token token;
    struct span queue;
    struct span function;
    struct wire_options options;
    struct span payload; /* common/call.h */
};
/* Starts the next delivery: fills its slot, swaps the word, and hands it out. False: nothing there,
 * the gate is closed, one is running, or unacknowledged results exceed the bound. */
bool child_start(struct child *child, struct child_task *out);
/* Deliveries not yet started, for the shell's flush rule. */
bool child_has_more(const struct child *child);

/* The running task ended. `payload` is copied. `busy_us`: time in the function. */
void child_finish(struct child *child, uint32_t number, uint32_t status, struct span payload,
                  uint64_t busy_us);
/* The same for a large payload: takes `data`, which must come from malloc. */
void child_finish_taking(struct child *child, uint32_t number, uint32_t status, void *data,
                         size_t size, uint64_t busy_us);

/* Results that wait to be sent. */
bool child_unsent(const struct child *child);
/* Every result was acknowledged, and nothing runs: the process may end. */
bool child_settled(const struct child *child);
/* Somebody cancelled the running attempt `number` (the supervisor marks the page). One load. */
bool child_cancelled(const struct child *child, uint32_t number);
/* A signal to end has come; false: too late, for a task that has ended. A handler may ask. */
bool child_signalled(struct child *child);

#endif
