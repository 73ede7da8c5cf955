/* SPDX-License-Identifier: MIT
 *
 * Process: the life of one worker process, from its fork on.
 *
 *     link's I/O thread   deliveries in, results out: child_input(), child_output()
 *          │  one mutex around child.h
 *     main thread         child_start() ── run the function ── child_finish()
 *
 * When a result leaves: at the end of what was delivered, or when more than 50 us of work have
 * passed, the main thread wakes the I/O thread; and while work is going on, the I/O thread looks by
 * itself each millisecond, so that a result never waits for the next task's end. */
#ifndef WHERRY_PROCESS_H
#define WHERRY_PROCESS_H

#include "common/wire/wire.h"
#include "worker/settings.h"
#include "worker/registry.h"

struct process_start {
    const struct settings *settings;
    const struct registry *registry;
    uint32_t place;
    bool once; /* made for a Process: runs that, and ends with it */
    uint64_t session;
    uint64_t host_session;
    uint8_t secret[WIRE_SECRET_SIZE];
    int gate_fd;
    int event_fd; /* readable: the gate was closed */
    int err_fd;   /* becomes stderr */
    int parent;   /* the fork server's pid */
};

/* Never returns: a worker process is ended by its supervisor, or by what it runs. */
_Noreturn void process_run(const struct process_start *start);

#endif
