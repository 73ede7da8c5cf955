/* SPDX-License-Identifier: MIT
 *
 * Leave: an operator sends a worker host away, and waits until it drains, or until it is gone.
 *
 *     WORKER_DRAIN ── LEAVE to the host ── its DRAIN ──> answered; from then on the host itself
 *                                                        knows, and nothing here need be stored
 *     WORKER_JOIN  ── its GOODBYE, or six seconds of silence ──> answered
 *
 * The order is given again after each hello of the host until the host has confirmed it. A host is
 * named by its session, as POOL_SHOW tells it: 16 hexadecimal digits. */
#ifndef WHERRY_LEAVE_H
#define WHERRY_LEAVE_H

#include "broker/core/event.h"
#include "common/bounds.h"

struct engine;

enum { LEAVE_ID_SIZE = 17 };

/* 16 digits and a 0. */
void leave_id(uint64_t host, char out[LEAVE_ID_SIZE]);

/* The last ones that left. */
struct left {
    uint64_t ids[BOUND_LEFT];
    uint32_t next;
};

void leave_ask(struct engine *engine, uint32_t session, const struct event_call *call);
void leave_join(struct engine *engine, uint32_t session, const struct event_call *call);

/* The host has said hello. */
void leave_remind(struct engine *engine, uint32_t host);
/* The host drains. */
void leave_confirmed(struct engine *engine, uint32_t host);
/* The host has left: who asks later is told so. */
void leave_note(struct engine *engine, uint32_t host);
/* The host is gone: everybody is answered. */
void leave_over(struct engine *engine, uint32_t host);
/* A call's deadline passed. */
void leave_timed_out(struct engine *engine, uint32_t waiter);

#endif
