/* SPDX-License-Identifier: MIT
 *
 * Treap: an ordered set of tasks by arrival number, in the two links that a task has anyway. What
 * comes back to a lane comes in any order and may be taken out of the middle.
 *
 * The heap order is a hash of the arrival number: balanced like a random tree, the same in every
 * run. */
#ifndef WHERRY_TREAP_H
#define WHERRY_TREAP_H

#include "broker/core/slab.h"

void treap_insert(const struct slab *tasks, uint32_t *root, uint32_t task);
void treap_remove(const struct slab *tasks, uint32_t *root, uint32_t task);
uint32_t treap_first(const struct slab *tasks, uint32_t root);

/* Calls `visit` in order; for audits. Returns false as soon as a visit does. */
typedef bool treap_visit(void *context, uint32_t task);
bool treap_walk(const struct slab *tasks, uint32_t root, treap_visit *visit, void *context);

#endif
