/* SPDX-License-Identifier: MIT
 *
 * The gate: one page (a memfd) that a child shares with its supervisor. It decides, without a
 * message, whether a delivery may still be started, and tells the supervisor what its child was
 * running when it died.
 *
 *     word    {generation: 32, started: 32}, atomic
 *     slots   4,096 × {task id, token, answered}; slot of number n is n mod 4,096
 *
 * Numbers run on through generations and wrap at 2^32 (compare by difference). The child fills slot
 * n, then starts it only by compare-and-swap (g, n-1) → (g, n). *Running* = started and not
 * answered; answered is set before the result is sent. Closing is one swap to (g+1, started):
 * whatever of g was not started is void, and nothing reopens g. Rules: docs/architecture.md, "The
 * gate".
 *
 * The supervisor reads a page that a crashing child may have scribbled over: gate_check() first. */
#ifndef WHERRY_GATE_H
#define WHERRY_GATE_H

#include "common/id.h"
#include "common/wire/wire.h"

#include <stdatomic.h>

enum { GATE_SLOTS = 4096 };

struct gate_slot {
    uint64_t session;
    uint64_t slot_number; /* slot << 48 | number */
    uint64_t epoch;
    uint64_t counter;
    _Atomic uint32_t answered; /* 1: its result was made, 2: and acknowledged by the broker */
    uint32_t seal;             /* of the fields above: a torn or scribbled slot is noticed */
};

struct gate_page {
    uint64_t magic;
    _Atomic uint64_t word;
    _Atomic uint32_t acked;     /* every number up to here was acknowledged */
    _Atomic uint32_t cancelled; /* the supervisor: this started number shall end; 0: none */
    _Atomic uint32_t name_size; /* of a Process, for people */
    char name[WIRE_NAME_MAX];
    struct gate_slot slots[GATE_SLOTS];
};

struct gate_state {
    uint32_t generation;
    uint32_t started;
};

/* Supervisor, before the child is forked: the place's generation and numbers go on from its last
 * child. */
void gate_init(struct gate_page *gate, struct gate_state state);
struct gate_state gate_state(const struct gate_page *gate);

/* Child. */
void gate_fill(struct gate_page *gate, uint32_t number, struct task_id id, struct token token);
bool gate_start(struct gate_page *gate, uint32_t generation, uint32_t number); /* false: closed */
void gate_answer(struct gate_page *gate, uint32_t number);
void gate_acknowledge(struct gate_page *gate, uint32_t number);
bool gate_cancelled(const struct gate_page *gate, uint32_t number);
/* A signal to end has come. False: it was for a delivery that has its answer by now, and meets
 * nobody. One that nobody announced is for whatever runs. A signal handler may ask. */
bool gate_signalled(struct gate_page *gate);

/* What its Process is called, cut if need be. For people: one that is read while it is changed may
 * come out mixed. */
void gate_set_name(struct gate_page *gate, const char *name);
struct span gate_name(const struct gate_page *gate);

/* Either side: swaps in (g+1, started); returns (g, started) as they were: what is to be reported.
 */
struct gate_state gate_close(struct gate_page *gate);

/* Supervisor. */
void gate_cancel(struct gate_page *gate, uint32_t number);
/* False: the page cannot be trusted; its attempts are lost. */
bool gate_check(const struct gate_page *gate);
struct gate_attempt {
    uint32_t number;
    struct task_id id;
    struct token token;
    bool answered;
};
/* Started and not acknowledged, oldest first; returns how many (≤ capacity). */
uint32_t gate_attempts(const struct gate_page *gate, struct gate_attempt *out, uint32_t capacity);
/* Started ones above the last that was acknowledged in order. */
uint32_t gate_unacknowledged(const struct gate_page *gate);
/* The attempt that runs: the last one started, unless it is answered. */
bool gate_running(const struct gate_page *gate, struct gate_attempt *out);

#endif
