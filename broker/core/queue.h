/* SPDX-License-Identifier: MIT
 *
 * Queue: a name with two bounds, its lanes, the putters that wait for room, and the hosts that
 * serve it (pool NAME serves queue NAME).
 *
 * The bound counts what is QUEUED, BACK, WAITING or HELD, in items and payload bytes, and the
 * places reserved for putters whose payload was asked for again; not what is leased. What comes
 * back is always taken, so the count may stand above the bound; putters wait until it is below.
 *
 * Paused out, nothing is matched, and what children hold without having begun it is taken back: an
 * operator who paused a queue must not see a task start minutes later, behind a long one. Paused
 * in, submits park or are refused; what an earlier broker had accepted comes in all the same. */
#ifndef WHERRY_QUEUE_H
#define WHERRY_QUEUE_H

#include "broker/core/list.h"
#include "broker/core/event.h"
#include "common/bytes.h"
#include "common/plant.h"

struct engine;

#define QUEUE_BOUND_DEFAULT UINT64_MAX

/* The last one of a queue; see purge.h. */
struct purge {
    uint64_t before;  /* what arrived before it is not handed out any more; 0: never purged */
    uint64_t session; /* who asked, … */
    uint64_t call;    /* … and under which number: said again it is the same */
    uint64_t count;   /* what has ended by it */
    bool open;        /* not answered yet */
    bool works;       /* its work is under way: the queue stands still */
};

struct queue {
    uint32_t index; /* itself; also the slab's free link */
    uint16_t slot;
    bool set;         /* its bounds were set, or it was paused: that is stored */
    bool match_due;   /* in engine.match_due */
    bool wake_due;    /* in engine.wake_due */
    uint8_t paused;   /* bits of enum wire_pause */
    uint32_t recalls; /* how often unstarted deliveries were asked back: see child.recalls */
    struct span name; /* owned */
    uint64_t arrival; /* for its record's key */
    uint64_t items_max;
    uint64_t bytes_max;
    uint64_t depth;
    uint64_t depth_bytes;
    uint64_t reserved;
    uint64_t reserved_bytes;
    uint64_t leased;
    uint64_t done;
    uint64_t failed;
    struct purge purge;
    struct list retries; /* WAITING tasks */
    struct list putters;
    struct list lanes;
    struct list active;        /* most urgent priority first, then in turn */
    struct list hosts;         /* LIVE hosts of the pool */
    struct list free_hosts;    /* those with a free child */
    uint32_t active_processes; /* lanes of Processes among the active ones */
    struct list fresh;         /* children that were made for Processes and have none yet */
    uint32_t free_children;
    uint32_t idle_children; /* free ones with nothing leased */
    struct links in_match;
    struct links in_wake;
};

/* 0: no such queue. */
uint32_t queue_find(const struct engine *engine, struct span name);
/* Made if there is none; 0: bad name, or too many (`err` says which). */
uint32_t queue_intern(struct engine *engine, struct span name, wherry_err *err);

/* True if a put of `size` bytes keeps the bounds. */
static inline bool queue_has_room(const struct queue *queue, uint64_t size) {
    uint64_t items_max = queue->items_max + (PLANTED(PLANT_BOUND_OFF_BY_ONE) ? 1 : 0);
    return queue->depth + queue->reserved < items_max &&
           queue->depth_bytes + queue->reserved_bytes + size <= queue->bytes_max;
}
/* True if it never could. */
static inline bool queue_never_fits(const struct queue *queue, uint64_t size) {
    return size > queue->bytes_max;
}

/* New work may come in, as far as pauses are concerned. */
static inline bool queue_is_open(const struct queue *queue, bool has_origin) {
    return has_origin || (queue->paused & (WIRE_PAUSE_IN | WIRE_PAUSE_REFUSE)) == 0;
}
static inline bool queue_refuses(const struct queue *queue, bool has_origin) {
    return !has_origin && (queue->paused & WIRE_PAUSE_REFUSE) != 0;
}
static inline bool queue_is_paused_out(const struct queue *queue) {
    return (queue->paused & WIRE_PAUSE_OUT) != 0;
}
static inline bool queue_hands_out(const struct queue *queue) {
    return !queue_is_paused_out(queue) && !queue->purge.works;
}
/* "open", "paused", "paused in" …: for people. */
const char *queue_state(const struct queue *queue);

void queue_count(struct engine *engine, uint32_t queue, uint32_t size); /* one more */
void queue_uncount(struct engine *engine, uint32_t queue,
                   uint32_t size); /* one less: may wake putters */
/* Room may have come: look at the putters in this turn. */
void queue_wake(struct engine *engine, uint32_t queue);
/* Work or a worker may have come: match in this turn. */
void queue_match(struct engine *engine, uint32_t queue);

/* 0: as it is; QUEUE_BOUND_DEFAULT: as of a queue that nobody set. */
wherry_err queue_set_bounds(struct engine *engine, struct span name, uint64_t items_max,
                            uint64_t bytes_max);
/* Clears the bits of `resume`, then sets those of `pause`. UNKNOWN: no such queue; INVALID: other
 * bits than those of enum wire_pause. */
wherry_err queue_pause(struct engine *engine, struct span name, uint32_t pause, uint32_t resume);
void queue_fini(struct queue *queue);

#endif
