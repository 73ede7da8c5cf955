/* SPDX-License-Identifier: MIT
 *
 * Shared by the two halves of the checker. */
#ifndef SIM_CHECKER_PRIVATE_H
#define SIM_CHECKER_PRIVATE_H

#include "tests/sim/checker.h"

/* The task is no longer known to stand in its queue. */
void checker_uncount(struct sim_checker *checker, struct sim_task *task);
/* An answer that says: it is certainly not in the queue, and never will be. */
bool checker_refuses(wherry_err err);

#endif
