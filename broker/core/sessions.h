/* SPDX-License-Identifier: MIT
 *
 * Sessions: a client's life with the broker, across connections.
 *
 *     LIVE ──goodbye, or 90 s of silence──> ENDED: a mark, kept 24 h so that EXPIRED can be told
 * from UNKNOWN
 *
 * Ended: parked requests and unfetched results go (a work item, ≤ 1,000 a step), what waits in a
 * named queue goes on without a receiver. Its record goes when the mark expired and no task names
 * one of its streams. */
#ifndef WHERRY_SESSIONS_H
#define WHERRY_SESSIONS_H

#include "broker/core/event.h"
#include "broker/core/list.h"

struct engine;

enum session_state { SESSION_FREE = 0, SESSION_LIVE, SESSION_ENDED };

struct session {
    uint32_t index; /* itself; also the slab's free link */
    uint8_t state;
    bool store_due; /* in engine.store_due: its record goes into this batch */
    bool mark_over; /* ended, and the mark's time has passed */
    uint64_t id;
    uint8_t secret[WIRE_SECRET_SIZE];
    route_id route; /* 0: not connected */
    int64_t heard_us;
    struct links in_silence; /* LIVE: engine.sessions_by_silence, longest silent first; ENDED:
                                engine.marks */
    struct links in_store;
    uint32_t *streams; /* sorted by slot */
    uint32_t stream_count;
    struct list waiters;
    struct list daemons;     /* its daemon Processes that have not ended; links in cold records */
    uint64_t parent;         /* of a session inside a task: the child's session, … */
    struct token attempt;    /* … and the attempt; counter 0: it is in none */
    uint32_t inside;         /* that task; 0: in none, or not known yet */
    struct links in_attempt; /* cold.sessions of that task, or engine.unbound */
    uint32_t calls;          /* CALL waiters among them */
    uint64_t call_newest;    /* highest call number seen */
    uint64_t credit;         /* result bytes it may be sent since its hello */
    uint64_t sent;
    int64_t ended_ms;
};

uint32_t sessions_find(const struct engine *engine, uint64_t id);
/* LIVE, with this id and secret, not connected. */
uint32_t sessions_make(struct engine *engine, uint64_t id, const uint8_t *secret);
void sessions_connect(struct engine *engine, uint32_t session, route_id route);
void sessions_heard(struct engine *engine, uint32_t session);
void sessions_end(struct engine *engine, uint32_t session, const char *why);
/* Up to `units` of what is left of an ended session; returns what was used. */
uint32_t sessions_purge(struct engine *engine, uint32_t session, uint32_t units);
/* Frees the record if nothing needs it any more. */
void sessions_settle(struct engine *engine, uint32_t session);
/* TICK: drops marks that are over, or too many. */
void sessions_judge_marks(struct engine *engine);
/* TICK only: ends those that were silent too long. */
void sessions_judge_silence(struct engine *engine);
/* Its record changed: goes into the open batch, once, when that closes. */
void sessions_store(struct engine *engine, uint32_t session);

void sessions_hello(struct engine *engine, route_id route, const struct event_hello *hello);
void sessions_fini(struct session *session);

#endif
