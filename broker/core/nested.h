/* SPDX-License-Identifier: MIT
 *
 * Nested sessions: a client's session that was opened inside of a task. Sessions form a tree (host,
 * process, attempt, what it calls), and closing one closes all below: when the attempt ends,
 * however it ends, the session ends in the same step, and all that is the session's with it.
 *
 *     hello names (child's session, token) ──the attempt is leased──> bound to its task
 *                                          └─not announced yet──> unbound until the grace time ends
 *
 * A token says which attempt: a session of one that has ended is refused. */
#ifndef WHERRY_NESTED_H
#define WHERRY_NESTED_H

#include "broker/core/event.h"

struct engine;
struct child;
struct cold;

/* False: it belongs to an attempt that has ended. */
bool nested_may_exist(const struct engine *engine, const struct event_hello *hello);
void nested_join(struct engine *engine, uint32_t session, const struct event_hello *hello);
/* The session itself ends. */
void nested_leave(struct engine *engine, uint32_t session);
/* The attempt has ended: so do its sessions. */
void nested_end(struct engine *engine, struct cold *cold);
/* The grace time ends: whoever is unbound is bound now, or ends. Returns what is left of `units`.
 */
uint32_t nested_settle(struct engine *engine, uint32_t units);
/* A child has another session; 0: none. */
void nested_rename(struct engine *engine, struct child *child, uint64_t session);

#endif
