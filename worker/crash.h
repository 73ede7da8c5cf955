/* SPDX-License-Identifier: MIT
 *
 * Crash: what a worker process writes to stderr when a function crashes: the signal, the task, and
 * where it stood. The last lines of stderr become part of the failure that the submitter reads. */
#ifndef WHERRY_CRASH_H
#define WHERRY_CRASH_H

/* Before children are forked: loads what backtrace() needs, so that the handler allocates nothing.
 */
void crash_prepare(void);
/* In a child: handlers for SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT on a stack of their own. */
void crash_install(void);

#endif
