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

/* Submitted now, the task may meet a purge that is on its way. */
bool checker_purge_threatens(const struct sim_checker *checker, uint32_t queue);
/* QUEUE_PURGE, QUEUE_PAUSE was answered. */
void checker_purge_answered(struct sim_checker *checker, const struct sim_call *call);
void checker_pause_answered(struct sim_checker *checker, const struct sim_call *call);
/* A client is gone, and its calls may arrive late; a memory broker is gone, and its pauses. */
void checker_queues_unsure(struct sim_checker *checker, const struct sim_client *client);
void checker_queues_forgotten(struct sim_checker *checker);

#endif
