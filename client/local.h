/* SPDX-License-Identifier: MIT
 *
 * local: a broker and worker processes of this program's own.
 *
 *     program ──order, lifeline──> keeper ──> wherry-broker
 *                                     └────> supervisor ──> fork server ──> worker, worker …
 *
 * One house a program, shared by its connections and ended with the last of them. The keeper holds
 * it together: it watches the program (its pidfd, and a socket that exec closes), the broker and
 * the supervisors, and when any of them ends it kills all the others and removes the folder. It is
 * no child of the program: whoever waits for children is not disturbed. */
#ifndef WHERRY_CLIENT_LOCAL_H
#define WHERRY_CLIENT_LOCAL_H

#include "common/include/wherry_base.h"

struct local_house;

/* Joins the program's house, or starts it. *endpoint: where its broker listens; borrowed until
 * local_leave(). *out stays NULL inside of a worker, whose house is its program's.
 * INVALID (address; no wherry_program), BUSY (start=fork with threads; another house lives),
 * NO_BROKER (no wherry-broker; not ready within timeout_ms), NO_MEMORY, SYSTEM. Blocks. */
wherry_err local_enter(const char *address, int64_t timeout_ms, struct local_house **out,
                       const char **endpoint);
/* The last one ends the house and waits until nothing is left of it. In a forked child only
 * memory is freed. */
void local_leave(struct local_house **house);

/* Can be read once the house has ended. */
int local_lifeline(const struct local_house *house);

/* Sees that workers serve the pool `name`. LIMIT, NO_BROKER (the house has ended). */
wherry_err local_serve(struct local_house *house, const char *name);

#endif
