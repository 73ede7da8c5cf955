/* SPDX-License-Identifier: MIT
 *
 * Match: brings lanes and children together (reference: credit is time).
 *
 * A child is given work of a lane until what it has leased takes 2 ms by the lanes' estimates, at
 * least one task, at most 4,096. A lane that was never measured counts as 2 ms a task: one task a
 * child, until the first result says better. When several children are free, a lane's tasks are
 * shared out among them, but not in pieces of less than half a millisecond. */
#ifndef WHERRY_MATCH_H
#define WHERRY_MATCH_H

#include <stdbool.h>
#include <stdint.h>

struct engine;

/* It waits for nothing that a restart made uncertain. */
bool match_may_start(const struct engine *engine, uint32_t task);
/* Hands up to `most` tasks of the lane to the child; returns how many. */
uint32_t match_deliver(struct engine *engine, uint32_t lane, uint32_t child, uint32_t most);
/* TICK: delivers to the children of all queues that are due. Returns what is left of `units`. */
uint32_t match_run(struct engine *engine, uint32_t units);

#endif
