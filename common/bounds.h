/* SPDX-License-Identifier: MIT
 *
 * Everything that can grow, in one table: unit, reason, and the answer when full. A limit that is
 * not here does not exist; a growing thing without a line here is a bug. */
#ifndef WHERRY_BOUNDS_H
#define WHERRY_BOUNDS_H

#include <stdint.h>

enum {
    /* name             value          unit: reason → when full */
    BOUND_QUEUES = 1024,               /* queues: metrics carry one label each → LIMIT */
    BOUND_LANES = 4096,                /* lanes: a record's lane index has 16 bits → LIMIT */
    BOUND_SESSIONS = 100000,           /* client sessions → REFUSED at hello */
    BOUND_ROUTES = 300000,             /* connections at once → a new one is not answered */
    BOUND_HOSTS = 4096,                /* worker hosts → REFUSED at hello */
    BOUND_PROCESSES = 1024,            /* pool processes of one host; Processes of one host */
    BOUND_PLACES = 2048,               /* child places of one host: both → REFUSED at hello */
    BOUND_FUNCTIONS = 1024,            /* functions of one host → REFUSED at hello */
    BOUND_LEFT = 256,                  /* hosts that left, for WORKER_JOIN → UNKNOWN, not OK */
    BOUND_STREAMS = 256,               /* slots one client session talks to → LIMIT */
    BOUND_WINDOW = 65536,              /* unanswered numbers a (session, slot) → it waits */
    BOUND_MARKS = 1000000,             /* ended sessions, for EXPIRED → the oldest is forgotten */
    BOUND_WAITERS = 100000,            /* parked requests in all → LIMIT */
    BOUND_EARLY = 100000,              /* announced unknown ids in the grace time → refused */
    BOUND_CALLS = 1024,                /* open CALLs of one session → LIMIT */
    BOUND_ANSWERS_BYTES = 1 << 20,     /* remembered answers of one session → LIMIT */
    BOUND_GATE_SLOTS = 4096,           /* deliveries a child holds: the gate's size → no credit */
    BOUND_CREDIT_US = 2000,            /* leased work of a lane to one child, at least one task */
    BOUND_LEASED_BYTES = 64 << 20,     /* leased arguments of one child, at least one task */
    BOUND_UNSTARTED_US = 20000,        /* unstarted so long while another idles: taken back */
    BOUND_UNSTARTED_DOUBLINGS = 8,     /* of that, each after a take-back that helped nothing */
    BOUND_TRANSFER_BYTES_MS = 20000,   /* bytes a ms: the slowest link that is waited for */
    BOUND_ALONE_BYTES = 256 << 10,     /* larger, and void twice: nothing is sent behind it */
    BOUND_CLOSE_AGAIN_US = 1000000,    /* a CLOSE_GATE without a report is said again */
    BOUND_BATCH_CHANGES = 16384,       /* records of one commit, so that it is short → as bytes */
    BOUND_STEP_UNITS = 1000,           /* work a step: purges, deaths, listings → next step */
    BOUND_RESULT_HELD_BYTES = 64 << 20, /* unacknowledged results in a child → it starts nothing */
    BOUND_CRASHES = 3,                 /* crashes of a running attempt → FAILED with WORKER_LOST */
    BOUND_LEASES_LOST = 10,            /* lost leases of one task → LOST */
    BOUND_RETRIES_ASKED = 10,          /* exit 75: tries asked for by the function → FAILED */
    BOUND_LOCAL_POOLS = 64,            /* pools of one program's local: → LIMIT */
    BOUND_TASK_ARGUMENTS_DEPTH = 16,   /* nesting of a value → TYPE */
};

#define BOUND_QUEUE_ITEMS UINT64_C(10000000)     /* tasks: a queue nobody set → wait or FULL */
#define BOUND_QUEUE_BYTES (UINT64_C(4) << 30)    /* bytes: the same */
#define BOUND_RESULTS_BYTES (UINT64_C(1) << 30)  /* results kept or on their way → RESULTS_FULL */
#define BOUND_RESULT_WINDOW (UINT64_C(128) << 20) /* results sent ahead to a client → they wait */
#define BOUND_ROUTE_BYTES (UINT64_C(192) << 20)  /* unsent to one peer → it loses its session */
#define BOUND_ROUTES_BYTES (UINT64_C(1) << 30)   /* unsent to all peers → whoever adds, same */
#define BOUND_BATCH_BYTES (16u << 20)            /* bytes of one commit → further changes park */

/* Times, in ms unless the name says otherwise. */
enum {
    TIME_BEAT_MS = 2000,               /* peers beat this often; three missed = lost */
    TIME_HOST_LOST_MS = 6000,
    TIME_SESSION_SILENCE_MS = 90000,   /* a client session ends after this silence */
    TIME_GRACE_MS = 10000,             /* after a restart, for hosts to announce */
    TIME_GRACE_MEMORY_MS = 3000,       /* the same of a broker on memory, once any host announced:
                                        * hosts notice a lost connection at once and are back
                                        * within a second; running twice is allowed there */
    TIME_ANSWERED_WAIT_MS = 1000,      /* a dead child's answered attempt waits for its result */
    TIME_HELD_WAIT_MS = 10000,         /* an announced answer waits so long behind each hello of its
                                        * child: what that does not hold any more went to a broker
                                        * that is gone */
    TIME_RECONNECT_LIMIT_MS = 60000,   /* no broker for this long ends every call with NO_BROKER */
    TIME_RESULT_TTL_MS = 3600000,      /* kept results: successes */
    TIME_FAILURE_TTL_MS = 86400000,    /* kept results: failures */
    TIME_RESERVED_MS = 5000,           /* a putter's place, while its payload is asked for again */
    TIME_SPAWN_AGAIN_MS = 100,         /* a host whose new children die at once; doubled */
    TIME_KILL_AFTER_MS = 5000,         /* a cancelled attempt: SIGTERM, then SIGKILL */
    TIME_MARK_TTL_MS = 86400000,       /* marks of ended sessions (EXPIRED, not UNKNOWN) */
};

#endif
