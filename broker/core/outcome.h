/* SPDX-License-Identifier: MIT
 *
 * Outcome: results as children send them. Those of this epoch name index and token counter: no
 * look-up. Those held across a reconnect stand in the child's hello and name the id. Each is
 * acknowledged once it is recorded or refused; until then its child keeps it. */
#ifndef WHERRY_OUTCOME_H
#define WHERRY_OUTCOME_H

#include "broker/core/event.h"

struct engine;

void outcome_receive(struct engine *engine, uint32_t child, const struct event_results *results);
/* A result by id and token, judged. Takes the payload. */
void outcome_held(struct engine *engine, uint32_t child, const struct event_held *held);

#endif
