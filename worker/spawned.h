/* SPDX-License-Identifier: MIT
 *
 * Spawned: the life of a Process in its own operating-system process: run the target once, say why
 * it failed, end. Its end is its outcome, and nothing is sent: its host reports it. */
#ifndef WHERRY_SPAWNED_H
#define WHERRY_SPAWNED_H

#include "worker/runner.h"

/* Runs the delivery with the signals of an ordinary program, and exits: 0, or 1 when the target
 * failed, or with whatever it exits or is killed by. */
_Noreturn void spawned_run(struct runner *runner, const struct child_task *delivery);

#endif
