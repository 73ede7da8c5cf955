/* SPDX-License-Identifier: MIT
 *
 * Audit: the parts of engine_audit(), one a file; each returns NULL or what is wrong. */
#ifndef WHERRY_AUDIT_H
#define WHERRY_AUDIT_H

#include "broker/core/state.h"

/* Stops at the first complaint. */
#define AUDIT(condition, complaint)                                                                \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            return (complaint);                                                                    \
        }                                                                                          \
    } while (0)

/* Is the list whole: links both ways, count, tail, no ring? */
bool audit_list(const struct list *list, const struct slab *slab, size_t offset);

const char *
audit_tasks(const struct engine *engine); /* each task is exactly where its state says */
const char *audit_queues(const struct engine *engine);  /* queues, lanes, putters: sums and order */
const char *audit_clients(const struct engine *engine); /* sessions, streams, waiters, index */
const char *audit_workers(const struct engine *engine); /* hosts, children, rings, offers */
const char *audit_processes(const struct engine *engine); /* and their children */
const char *audit_rest(const struct engine *engine); /* totals, timers, routes, payloads, barrier */

#endif
