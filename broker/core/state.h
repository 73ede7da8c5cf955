/* SPDX-License-Identifier: MIT
 *
 * State: everything an engine knows. Private to broker/core; the shell sees engine.h.
 *
 *     sessions ─ streams ─ tasks ─ lanes ─ queues
 *                            │               │
 *                        children ─────── hosts
 *
 * Tables refer to each other by slab index, 0 being none; engine_audit() checks every reference. */
#ifndef WHERRY_STATE_H
#define WHERRY_STATE_H

#include "broker/core/ages.h"
#include "broker/core/barrier.h"
#include "broker/core/children.h"
#include "broker/core/cold.h"
#include "broker/core/emit.h"
#include "broker/core/engine.h"
#include "broker/core/grace.h"
#include "broker/core/hosts.h"
#include "broker/core/lane.h"
#include "broker/core/leave.h"
#include "broker/core/map.h"
#include "broker/core/note.h"
#include "broker/core/parking.h"
#include "broker/core/queue.h"
#include "broker/core/sessions.h"
#include "broker/core/stream.h"
#include "broker/core/task.h"
#include "broker/core/timer.h"
#include "broker/core/waiter.h"
#include "broker/core/work.h"
#include "common/bounds.h"
#include "common/check.h"
#include "common/plant.h"

enum peer_kind { PEER_NONE = 0, PEER_CLIENT, PEER_HOST, PEER_CHILD };

struct route {      /* a connection and who speaks on it */
    uint32_t index; /* itself; also the slab's free link */
    uint32_t kind;  /* enum peer_kind */
    uint32_t peer;  /* session, host or child */
    route_id id;
};

struct frees { /* payload handles that this step gave back */
    uint32_t *handles;
    uint32_t count;
    uint32_t capacity;
};

struct engine {
    struct engine_config config;
    struct now now;
    struct effects *out; /* of the running step */
    int64_t gaps_us;     /* how long the broker itself stood still: taken off every silence */
    bool draining;
    bool store_full;
    bool restored; /* the scan is over */

    struct slab tasks;
    struct slab colds;
    struct slab lanes;
    struct slab queues;
    struct slab waiters;
    struct slab streams;
    struct slab sessions;
    struct slab hosts;
    struct slab children;
    struct slab routes;

    struct map cold_by_task;
    struct map task_by_origin;
    struct map waiter_by_origin;
    struct map lane_by_key;
    struct map queue_by_name;
    struct map session_by_id;
    struct map host_by_id;
    struct map child_by_session;
    struct map route_by_id;

    struct timers mono; /* us */
    struct timers wall; /* ms */
    struct list sessions_by_silence;
    struct list marks; /* ended sessions, oldest first */
    struct list hosts_by_silence;
    struct list unstarted;

    struct list match_due;    /* queues */
    struct list wake_due;     /* queues */
    struct list flush_due;    /* streams */
    struct list children_due; /* their results are to be acknowledged, their room looked at */
    struct list store_due;    /* sessions */
    struct list processes;    /* those that have not ended; links in cold records */
    struct list unbound;      /* sessions inside attempts that nobody has announced yet */

    struct index_chunk *spare_chunk; /* one kept: a lone caller would make and free one a task */
    struct frees frees;
    struct bytes failure_cancelled; /* encoded once: what every cancelled task says, … */
    struct bytes failure_purged;    /* … and every purged one */
    struct bytes head; /* scratch: a record's head while it is encoded */
    struct barrier barrier;
    struct grace grace;
    struct parking parking;
    struct works works;
    struct left left;
    struct ages ages;

    uint64_t next_arrival;
    uint64_t next_counter; /* of tokens */
    uint64_t next_object;  /* key numbers of queues */
    struct engine_counts counts;
};

/* Slab look-ups with everything known at compile time: the engine does dozens a task. */
enum { TABLE_SHIFT = 6 };
#define TABLE_AT(name, type, shift)                                                                \
    static inline struct type *name(const struct engine *engine, uint32_t index) {                 \
        struct type *chunk =                                                                       \
            (struct type *)(void *)engine->TABLE_OF_##name.chunks[index >> (shift)];               \
        return chunk + (index & ((1u << (shift)) - 1));                                            \
    }
#define TABLE_OF_task_at tasks
#define TABLE_OF_lane_at lanes
#define TABLE_OF_queue_at queues
#define TABLE_OF_waiter_at waiters
#define TABLE_OF_stream_at streams
#define TABLE_OF_session_at sessions
#define TABLE_OF_host_at hosts
#define TABLE_OF_child_at children
TABLE_AT(task_at, task, TASK_SHIFT)
TABLE_AT(lane_at, lane, TABLE_SHIFT)
TABLE_AT(queue_at, queue, TABLE_SHIFT)
TABLE_AT(waiter_at, waiter, TABLE_SHIFT)
TABLE_AT(stream_at, stream, TABLE_SHIFT)
TABLE_AT(session_at, session, TABLE_SHIFT)
TABLE_AT(host_at, host, TABLE_SHIFT)
TABLE_AT(child_at, child, TABLE_SHIFT)
#undef TABLE_AT

/* Lists of tasks, as list.h has them for any record. */
static inline void tasks_append(const struct engine *engine, struct list *list, uint32_t index) {
    struct task *task = task_at(engine, index);
    task->links = (struct links){.next = 0, .prev = list->tail};
    if (list->tail != 0) {
        task_at(engine, list->tail)->links.next = index;
    } else {
        list->head = index;
    }
    list->tail = index;
    list->count++;
}

static inline void tasks_remove(const struct engine *engine, struct list *list, uint32_t index) {
    struct links links = task_at(engine, index)->links;
    if (links.prev != 0) {
        task_at(engine, links.prev)->links.next = links.next;
    } else {
        list->head = links.next;
    }
    if (links.next != 0) {
        task_at(engine, links.next)->links.prev = links.prev;
    } else {
        list->tail = links.prev;
    }
    list->count--;
}

/* Time without the gaps in the broker's own life: what silences are measured in. */
static inline int64_t engine_lived_us(const struct engine *engine) {
    return engine->now.mono_us - engine->gaps_us;
}

/* Gives a payload (its handle) back to the shell, when every effect and record that names it has
 * left. 0 is a no-op. */
void engine_free_payload(struct engine *engine, struct payload payload);

/* Where the effects go that depend on something stored: to the shell, or into the barrier until the
 * newest batch is committed. */
struct effects *engine_sink(struct engine *engine);

struct route *routes_find(const struct engine *engine, route_id id);
void routes_bind(struct engine *engine, route_id id, enum peer_kind kind, uint32_t peer);
/* Forgets it; the shell is told unless it told us. 0 is a no-op. */
void routes_close(struct engine *engine, route_id id);
/* The shell says that it is gone. */
void routes_lost(struct engine *engine, route_id id);

#endif
