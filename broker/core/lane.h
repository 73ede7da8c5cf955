/* SPDX-License-Identifier: MIT
 *
 * Lane: all tasks of one (queue, function, options). Children are matched with lanes, never with
 * tasks.
 *
 *     fifo   QUEUED tasks by arrival: append at the tail, take from the head
 *     back   BACK tasks: a treap by arrival. What came back is older than what waits, so it goes
 * first
 *
 * The estimate is the lane's measured time a task; 0 until the first measurement. */
#ifndef WHERRY_LANE_H
#define WHERRY_LANE_H

#include "broker/core/list.h"
#include "common/bytes.h"
#include "common/wire/wire.h"

struct engine;

struct lane {
    uint32_t tasks;  /* records that name it; also the slab's free link */
    uint16_t queue;  /* 0: free */
    bool active;     /* in its queue's active list */
    uint32_t offers; /* living hosts that offer it */
    struct list fifo;
    uint32_t back; /* root of the treap */
    uint32_t back_count;
    uint32_t leased;
    uint32_t spawning; /* of Processes: children that were asked for, and have nothing yet */
    uint64_t estimate_ns;
    struct links in_queue;  /* queue.lanes */
    struct links in_active; /* queue.active: has ready tasks and somebody offers it */
    struct wire_options options;
    struct span function; /* owned */
};

/* Interns; 0: the table is full. */
uint32_t lane_intern(struct engine *engine, uint32_t queue, struct span function,
                     const struct wire_options *options);
bool lane_is(const struct engine *engine, uint32_t lane, struct span queue, struct span function,
             const struct wire_options *options);

static inline uint32_t lane_ready(const struct lane *lane) {
    return lane->fifo.count + lane->back_count;
}

/* Adds to the FIFO or the set; the task's state and the queue's counts follow. */
void lane_append(struct engine *engine, uint32_t task);
void lane_return(struct engine *engine, uint32_t task);
/* Oldest ready task; 0: none. */
uint32_t lane_first(const struct engine *engine, uint32_t lane);
/* Takes a QUEUED or BACK task out. */
void lane_remove(struct engine *engine, uint32_t task);
/* Joins or leaves its queue's active list, as its counts say. */
void lane_update(struct engine *engine, uint32_t lane);

/* One result message of a child: `items` tasks of this lane took `busy_ns` in all. */
void lane_measure(struct lane *lane, uint64_t items, uint64_t busy_ns);

void lane_fini(struct lane *lane);

#endif
