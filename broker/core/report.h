/* SPDX-License-Identifier: MIT
 *
 * Report: the state of things for people: STATUS, POOL_SHOW, and why a task is not running. The
 * maps are described in wire.h. Listings are bounded; what is cut off is said with "truncated". */
#ifndef WHERRY_REPORT_H
#define WHERRY_REPORT_H

#include "broker/core/event.h"

struct engine;

enum { REPORT_TEXT = 512 };

/* In words, into `text`. */
struct span report_why(const struct engine *engine, uint32_t task, char text[REPORT_TEXT]);

/* Each answers the call. */
void report_body_text(struct engine *engine, route_id route, uint64_t call, struct span text);
void report_status(struct engine *engine, route_id route, uint64_t call);
/* False: no such pool or queue; nothing was answered. */
bool report_pool(struct engine *engine, route_id route, uint64_t call, struct span name);

void report_processes(struct engine *engine, route_id route, uint64_t call);

/* How long the oldest ready task of a queue has waited. */
int64_t report_oldest_us(const struct engine *engine, uint32_t queue, struct now now);

#endif
