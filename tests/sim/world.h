/* SPDX-License-Identifier: MIT
 *
 * World: a virtual clock and one queue of what is going to happen, ordered by (time, sequence).
 *
 *     world_at(world, when, action, subject, argument)   plan something
 *     world_step(world)                                  move the clock to the next thing and do it
 *
 * Nothing here depends on an address, a hash seed or the machine's clock: one seed, one history.
 * The trace is a running hash over everything that was noted; two runs of one seed must end with
 * the same. */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include "broker/core/event.h"
#include "tests/sim/tally.h"

typedef void (*world_action)(void *subject, uint64_t argument);

struct world_item {
    int64_t at_us;
    uint64_t sequence;
    world_action action;
    void *subject;
    uint64_t argument;
};

struct world {
    int64_t now_us;
    int64_t wall_offset_ms; /* jumps */
    uint64_t sequence;
    struct world_item *heap;
    uint32_t count;
    uint32_t capacity;
    uint64_t hash; /* of the trace */
    bool tracing;  /* print each note */
    struct tally tally;
    char failure[512]; /* the first broken promise; "" while all is well */
};

void world_init(struct world *world);
void world_fini(struct world *world);
struct now world_now(const struct world *world);

/* Plan an action; `at_us` in the past means now. Actions of one time run in the order planned. */
void world_at(struct world *world, int64_t at_us, world_action action, void *subject,
              uint64_t argument);
/* False: nothing is planned. */
bool world_step(struct world *world);
int64_t world_next_us(const struct world *world); /* INT64_MAX: nothing planned */

/* Note what happened: into the hash, and to stderr when tracing. */
void world_note(struct world *world, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* For people alone: only when tracing, and not hashed. */
void world_say(const struct world *world, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void world_hash(struct world *world, const void *data, size_t size);
/* A broken promise: the first one is kept; the run ends with it. */
void world_fail(struct world *world, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool world_failed(const struct world *world);
void world_fault(struct world *world, enum sim_fault fault);

/* One actor's timer: the earliest of all wishes counts, what was planned for later goes stale. */
struct world_timer {
    int64_t at_us;  /* INT64_MAX: none */
    uint64_t stamp; /* of the plan that counts */
};
void world_timer_set(struct world *world, struct world_timer *timer, int64_t at_us,
                     world_action action, void *subject);
/* In the action: is this the plan that counts? Then the timer is used up. */
bool world_timer_due(struct world_timer *timer, uint64_t stamp);

#endif
