/* SPDX-License-Identifier: MIT
 *
 * Exec: runs an outside command and waits for it, catching what it writes.
 *
 *     stdin   the given bytes, or /dev/null
 *     stdout  kept, up to the payload limit
 *     stderr  the last 8 KiB kept
 *     group   its own; whatever it leaves behind in it is killed
 *
 * The command dies with the process that runs it, and ends early when `stop` says so: SIGTERM to
 * its group, SIGKILL two seconds later. */
#ifndef WHERRY_EXEC_H
#define WHERRY_EXEC_H

#include "common/bytes.h"
#include "common/include/wherry_base.h"

enum { EXEC_TAIL_BYTES = 8 * 1024 };

struct exec_job {
    char *const *argv;        /* argv[0] is looked for in PATH */
    const struct span *input; /* NULL: /dev/null */
    char *const *environment; /* "NAME=value" on top of ours, ends in NULL; NULL: nothing */
    bool (*stop)(void *context);
    void *context;
};

struct exec_outcome {
    int status;        /* as waitpid gives it */
    bool stopped;      /* `stop` ended it */
    struct bytes out;  /* owned */
    struct bytes tail; /* owned: the end of stderr */
};

/* One at a time in a process, from one thread.
 * OK: it ran to its end, whatever that was. SYSTEM: it could not be started (wherry_last_error());
 * TOO_LARGE: it wrote more than a result may hold, and was killed. `outcome` needs
 * exec_outcome_fini() always. */
wherry_err exec_run(const struct exec_job *job, struct exec_outcome *outcome);
void exec_outcome_fini(struct exec_outcome *outcome);

#endif
