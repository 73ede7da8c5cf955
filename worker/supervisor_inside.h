/* SPDX-License-Identifier: MIT
 *
 * The inside of the supervisor, shared by supervisor.c (start, letters, signals, time) and
 * supervisor_link.c (the host's connection). */
#ifndef WHERRY_SUPERVISOR_INSIDE_H
#define WHERRY_SUPERVISOR_INSIDE_H

#include "common/link/link.h"
#include "worker/host.h"
#include "worker/nursery.h"
#include "worker/supervisor.h"

#include <pthread.h>
#include <sys/types.h>

struct supervisor {
    const struct settings *settings;
    pthread_mutex_t mutex;
    struct host *host;
    struct nursery nursery;
    struct link *link;
    int post;    /* to the fork server */
    int signals; /* signalfd */
    int notice;  /* eventfd: the link's thread has news for the main thread */
    pid_t forkserver;
    char (*names)[WIRE_NAME_MAX + 1];
    uint32_t name_count;
    char label[256];
    struct wire_out out; /* link's thread */
    bool out_kept;
    bool reopening;
    bool ready_said;
    bool connected; /* as last logged */
    int64_t say_at_us;
    int64_t give_up_at_us; /* INT64_MAX: never, or a broker answered once */
    bool gave_up;
    bool leave_asked; /* by the broker, on the link's thread; under the mutex */
    int64_t leave_grace_ms;
    bool signalled; /* SIGTERM came once */
    bool draining;
    _Atomic bool drained; /* set by the link's thread, too */
    bool forced;
    int64_t force_at_us; /* INT64_MAX: not draining, or forced already */
    int64_t end_at_us;   /* forced: then without any answer */
};

/* Wakes the main thread. */
void supervisor_notice(struct supervisor *self);
/* Does what the host wants done. Holds the mutex. */
void supervisor_act(struct supervisor *self);
/* False, after one line: an address is malformed. */
bool supervisor_open_link(struct supervisor *self);

#endif
