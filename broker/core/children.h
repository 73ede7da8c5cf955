/* SPDX-License-Identifier: MIT
 *
 * Children: one place of a host, and the gate in it as the broker sees it.
 *
 *     … ── started ── ── ── next ── ── up_to        numbers of the newest generation; they wrap
 *     leased, running   delivered    free credit
 *
 * `generation` is the newest seen. Everything delivered in it or before that lies above `started`
 * when a newer one is seen is void and comes back. Entries at or below `started` may be of any
 * older generation: they were started, and stay leased until they end. The ring holds exactly the
 * leased tasks, at number mod its size. */
#ifndef WHERRY_CHILDREN_H
#define WHERRY_CHILDREN_H

#include "broker/core/effect.h"
#include "broker/core/list.h"

struct engine;

enum { CHILD_LOADS = 4, CHILD_RING_MIN = 64 };

struct child_load { /* leased tasks of one lane */
    uint16_t lane;  /* 0: unused */
    uint16_t count;
};

struct child {
    uint32_t index; /* itself; also the slab's free link */
    uint32_t host;
    uint32_t place;
    bool seen;    /* a generation was heard of */
    bool closing; /* CLOSE_GATE was sent: no deliveries until the next generation */
    bool spared;  /* the hello being read is older than what was seen of this place: no sweep */
    bool dead;    /* its death was reported; nothing until the next child's hello */
    bool free;    /* in host.free */
    bool idle;    /* counted as idle */
    bool due;     /* in engine.children_due */
    bool waiting; /* in engine.unstarted */
    uint64_t session;
    uint8_t secret[WIRE_SECRET_SIZE];
    route_id route;
    route_id old_route; /* of the child before: its last results may still arrive */
    int64_t pid;
    uint32_t generation;
    uint32_t started;
    uint32_t next; /* number of the next delivery */
    uint32_t up_to;
    uint32_t *ring; /* number & (ring_size - 1) -> leased task */
    uint32_t ring_size;
    uint32_t leased;       /* entries of the ring */
    uint64_t leased_bytes; /* their arguments */
    struct child_load loads[CHILD_LOADS];
    struct list adopted;   /* leased by announcement; links in cold records */
    uint64_t batch;        /* newest batch its deliveries wait for: they leave in order */
    int64_t looked_us;     /* when it was looked at last: orders engine.unstarted */
    int64_t progress_us;   /* since when a delivery may wait */
    int64_t closing_us;    /* when CLOSE_GATE was sent last */
    uint32_t sealed;       /* the number of a delivery behind which nothing is sent */
    uint32_t recalls;      /* of its queue, as far as it has followed them */
    uint8_t fruitless;     /* take-backs since it started anything */
    bool fresh;            /* in queue.fresh: made for a Process, and has none yet */
    bool spawn_listed;     /* scratch: named by the host hello that is being read */
    uint8_t spawn;         /* enum spawn_state */
    uint8_t activity;      /* enum wire_process_state, as its host said last; 0: nothing yet */
    uint16_t spawn_lane;   /* counted as asked for by this lane */
    struct span name;      /* of its Process, owned; for people */
    int64_t busy_since_us; /* since when it has said nothing about what it runs */
    uint64_t death_sequence;
    struct links in_free;        /* host.free, or queue.fresh */
    struct links in_due;         /* engine.children_due */
    struct links in_unstarted;   /* engine.unstarted, longest not looked at first */
    struct wire_token_run *acks; /* results to acknowledge in this turn */
    uint32_t ack_count;
    uint32_t ack_capacity;
};

/* How far `number` lies beyond `of`; numbers of deliveries and generations wrap. */
static inline int32_t children_ahead(uint32_t number, uint32_t of) {
    return (int32_t)(number - of);
}

static inline uint32_t children_entry(const struct child *child, uint32_t number) {
    return child->ring_size == 0 ? 0 : child->ring[number & (child->ring_size - 1)];
}

/* Free numbers, by credit and ring. */
uint32_t children_room(const struct child *child);
/* Time of what is leased, in ns. */
uint64_t children_work_ns(const struct engine *engine, const struct child *child);
/* Room to lease one more task of this lane in its table of loads. */
bool children_can_load(const struct child *child, uint32_t lane);

/* Room for arguments of this size; one that holds nothing takes any. */
bool children_can_hold(const struct child *child, uint32_t size);

/* How many deliveries from `next` on have a place in the ring, which grows as far as a gate goes.
 */
uint32_t children_make_slots(struct engine *engine, uint32_t child, uint32_t most);
/* Puts tasks of one lane into the ring from `next` on; and one out again. */
void children_lease(struct engine *engine, uint32_t child, uint32_t lane,
                    const struct effect_deliver_item *items, uint32_t count);
void children_release(struct engine *engine, uint32_t task);
/* A task in no list is leased by announcement. */
void children_adopt(struct engine *engine, uint32_t child, uint32_t task, struct token token);

/* Generation `generation` was closed at `started`: whatever lies above is void and comes back.
 * False: an old report, nothing was done. */
bool children_closed(struct engine *engine, uint32_t child, uint32_t generation, uint32_t started);
/* A report of `generation` is older than one that was seen. Equal ones are not: a gate's closing
 * and the first credit of the next generation say the same. */
bool children_is_stale(const struct engine *engine, uint32_t child, uint32_t generation);
/* It cannot have started what it was not given, nor less than before. */
bool children_can_have_started(const struct child *child, uint32_t started);
/* One that opens a generation with an impossible number is refused, and its route closed. */
void children_credit(struct engine *engine, uint32_t child, const struct wire_credit *credit);
/* Something changed: acknowledge results and look at its room in this turn. */
void children_touch(struct engine *engine, uint32_t child);
/* TICK: does that for all that were touched. */
void children_settle(struct engine *engine);
/* Can it be given something now? One that has been silent over its work for 20 ms cannot: what it
 * would get would wait behind a long task. */
bool children_usable(const struct engine *engine, const struct child *child);
/* Joins or leaves its host's free list, as its state says. */
void children_update(struct engine *engine, uint32_t child);
/* Its last delivery came back often, and has not started yet: it travels alone. What else would be
 * sent there could be cancelled, and take it along each time that the gate is closed. */
bool children_sealed(const struct engine *engine, const struct child *child);
/* Two or more deliveries, and not all are known to have started: one of them waits. Or its gate
 * should have been closed, and no report has come yet. */
bool children_may_wait(const struct child *child);
/* The time in which it may wait runs from now. */
void children_progress(struct engine *engine, uint32_t child);
/* TICK: takes deliveries back that wait while another process idles. */
void children_judge_unstarted(struct engine *engine);

/* A new run of tokens to acknowledge; see children_acknowledge() in hot.h. */
void children_acknowledge_run(struct engine *engine, uint32_t child, struct token token);

void children_hello(struct engine *engine, route_id route, const struct event_hello *hello);
void children_disconnect(struct engine *engine, uint32_t child, route_id route);
void children_drop(struct engine *engine, uint32_t child);
void children_fini(struct child *child);

#endif
