/* SPDX-License-Identifier: MIT
 *
 * Hosts: a supervisor's session, what it offers, and the places of its children.
 *
 *     AWAITED  in the store at open: the grace time waits for its hello
 *     EARLY    a child spoke first: it is held without credit
 *     LIVE     said hello in this epoch
 *     LOST     silent for 6 s, or gone: its leases are being ended
 *
 * Only the host's own messages renew it; its children's do not. */
#ifndef WHERRY_HOSTS_H
#define WHERRY_HOSTS_H

#include "broker/core/event.h"
#include "broker/core/list.h"
#include "common/bounds.h"

struct engine;

enum host_state { HOST_FREE = 0, HOST_AWAITED, HOST_EARLY, HOST_LIVE, HOST_LOST };

struct host {
    uint32_t index; /* itself; also the slab's free link */
    uint8_t state;
    bool draining;
    bool goodbye;   /* LOST by its own word: what is left counts as drained */
    bool leave;     /* an operator sends it away, and it has not confirmed yet (leave.h) */
    uint16_t queue; /* its pool's; 0 until its hello */
    uint64_t id;
    uint8_t secret[WIRE_SECRET_SIZE];
    route_id route;
    int64_t heard_us;
    struct links in_silence; /* engine.hosts_by_silence: LIVE and EARLY ones */
    struct links in_queue;   /* queue.hosts: LIVE ones */
    struct links in_free;    /* queue.free_hosts */
    struct span label;       /* owned, as the names below */
    int64_t pid;
    uint32_t processes;     /* places of its pool; those behind them are for Processes: */
    uint32_t processes_max; /* so many, … */
    uint32_t spawned;       /* of which so many are in use (spawn.h) */
    uint32_t spawn_next;    /* where the next free one is looked for */
    uint32_t spawn_timer;   /* not asked before that; 0: none */
    uint8_t spawn_failures; /* children that ended with nothing, in a row */
    struct span *functions; /* sorted */
    uint32_t function_count;
    uint64_t offers[BOUND_LANES / 64 + 1]; /* bit a lane */
    uint32_t *places;                      /* place -> child, 0: never heard of */
    uint32_t place_count;
    int64_t leave_grace_ms;
    struct list waiters;  /* who waits for its leaving */
    struct list free;     /* children that can take something */
    uint32_t purge_place; /* LOST: how far the work item came */
};

uint32_t hosts_find(const struct engine *engine, uint64_t id);
uint32_t hosts_make(struct engine *engine, uint64_t id, const uint8_t *secret,
                    enum host_state state);
/* The child of a place, made if there is none; 0: beyond the bound. */
uint32_t hosts_child(struct engine *engine, uint32_t host, uint32_t place);
uint32_t hosts_child_find(const struct engine *engine, uint32_t host, uint32_t place);

static inline bool hosts_offers(const struct host *host, uint32_t lane) {
    return (host->offers[lane / 64] >> (lane % 64) & 1) != 0;
}
bool hosts_has_function(const struct host *host, struct span name);
/* A new lane of its queue: does it offer that? */
void hosts_consider_lane(struct engine *engine, uint32_t host, uint32_t lane);

/* Into the pool and out of it: offers, lists, children. */
void hosts_join(struct engine *engine, uint32_t host);
void hosts_leave(struct engine *engine, uint32_t host, enum host_state state);
/* Whether its children may be given something has changed. */
void hosts_look_again(struct engine *engine, uint32_t host);
void hosts_forget_functions(struct host *host);
/* Ends the leases of a place that carry no ANNOUNCED mark, and wipes the marks. */
void hosts_sweep_child(struct engine *engine, uint32_t child);

void hosts_heard(struct engine *engine, uint32_t host);
/* Silent, or said goodbye. */
void hosts_lose(struct engine *engine, uint32_t host, const char *why);
/* Ends up to `units` leases of a LOST host; returns what was used, and sets *over when none is
 * left. */
uint32_t hosts_purge(struct engine *engine, uint32_t host, uint32_t units, bool *over);
void hosts_judge_silence(struct engine *engine);
void hosts_drain(struct engine *engine, uint32_t host);
/* Removes the record and its children. */
void hosts_drop(struct engine *engine, uint32_t host);

void hosts_hello(struct engine *engine, route_id route, const struct event_hello *hello);
void hosts_fini(struct host *host);

#endif
