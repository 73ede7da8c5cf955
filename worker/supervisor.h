/* SPDX-License-Identifier: MIT
 *
 * Supervisor: the process that the operator starts. It speaks for its children to the broker,
 * starts and replaces them through the fork server, and ends them when it is told to drain.
 *
 *     main thread         signals, letters of the fork server, time
 *     link's I/O thread   the host's connection
 *          both under one mutex around host.h */
#ifndef WHERRY_SUPERVISOR_H
#define WHERRY_SUPERVISOR_H

#include "worker/settings.h"

/* First thing of all: a signal of the first milliseconds waits until supervisor_run() takes it, and
 * ends the worker as any later one does. */
void supervisor_block_signals(void);
/* From a process without other threads. Returns the exit code: 0 clean, 2 a plugin or command that
 * cannot be offered, 8 forced. */
int supervisor_run(const struct settings *settings);

#endif
