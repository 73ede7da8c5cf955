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

/* QUEUE_PAUSE was answered. */
void checker_pause_answered(struct sim_checker *checker, const struct sim_call *call);
/* A client is gone, and its calls may arrive late; a memory broker is gone, and its pauses. */
void checker_pauses_unsure(struct sim_checker *checker, const struct sim_client *client);
void checker_pauses_forgotten(struct sim_checker *checker);

#endif
