/* SPDX-License-Identifier: MIT
 *
 * Dispatch: from an event to the module that handles it. Decides only who speaks on the route and
 * whether that kind of peer may say such a thing. */
#ifndef WHERRY_DISPATCH_H
#define WHERRY_DISPATCH_H

#include "broker/core/event.h"

struct engine;

void dispatch_event(struct engine *engine, const struct event *event);
/* The event will not be handled: its payloads go back. */
void dispatch_drop(struct engine *engine, const struct event *event);
/* What arrives counts as held from here on. */
void dispatch_count_payloads(struct engine *engine, const struct event *event);

#endif
