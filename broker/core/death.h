/* SPDX-License-Identifier: MIT
 *
 * Death: a child's end as its host reports it, with what its gate said (rules §3.4, §3.6).
 *
 *     not started   back to its place, uncounted
 *     running       ends with the cause: a crash, unless it was stopped on purpose
 *     answered      waits at most 1 s for its result, then its lease is lost
 *     neither       leased as started, but the gate does not say so: its lease is lost */
#ifndef WHERRY_DEATH_H
#define WHERRY_DEATH_H

#include "broker/core/event.h"

struct engine;

void death_receive(struct engine *engine, uint32_t host, const struct event_death *death);

#endif
