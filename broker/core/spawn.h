/* SPDX-License-Identifier: MIT
 *
 * Spawn: children that are forked for Processes, each for one.
 *
 *     FREE ──SPAWN──> ASKED ──hello, credit──> fresh ──DELIVER──> used ──DEATH──> FREE
 *                                                └──nobody wants it: STOP──────────^
 *
 * A Process and its child meet late: a host is asked for a child because a lane has a Process that
 * waits, and whatever Process of whatever lane its host offers is first when the child is there
 * gets it. So a host that dies in between, a Process that is cancelled in between, and a broker
 * that starts in between need no rule of their own: the Process still waits in its lane, and a
 * child without work is ended. The places of these children stand behind those of the pool.
 *
 * How many were asked for is counted by lane, so that no Process waits for another lane's child. A
 * host whose children die before they are given anything is left alone for a while: 0.1 s, doubled
 * each time, up to 10 s. */
#ifndef WHERRY_SPAWN_H
#define WHERRY_SPAWN_H

#include <stdbool.h>
#include <stdint.h>

struct engine;
struct child;
struct queue;

enum spawn_state {
    SPAWN_FREE = 0,
    SPAWN_ASKED,    /* SPAWN was sent, or a child of before a restart; it has nothing yet */
    SPAWN_USED,     /* it has, or had, its Process */
    SPAWN_STOPPING, /* STOP was sent */
};

/* Is this one of the children for Processes? Known once its host has said hello. */
bool spawn_is(const struct engine *engine, const struct child *child);
/* Its usability changed, or may have: in or out of its queue's list of fresh ones. */
void spawn_update(struct engine *engine, uint32_t child);
/* It was given its Process, or is announced to run one. */
void spawn_used(struct engine *engine, uint32_t child);
/* Its process is gone, or never was: the place is free. */
void spawn_over(struct engine *engine, uint32_t child);
/* A host hello lists this place; after all of them: what it does not list is not there. */
void spawn_announced(struct engine *engine, uint32_t child, bool alive);
void spawn_sweep(struct engine *engine, uint32_t host);
/* TIMER_SPAWN: a host may be asked again. */
void spawn_timer(struct engine *engine, uint32_t host);
/* Hands out, asks for children, ends those that nobody wants. Returns what is left of `units`. */
uint32_t spawn_queue(struct engine *engine, uint32_t queue, uint32_t units);

#endif
