/* SPDX-License-Identifier: MIT
 *
 * Tally: how often each fault, event, effect and outcome occurred, over all seeds of a run. What
 * never occurred was never tested: the run in CI fails on a zero in the first three groups. */
#ifndef SIM_TALLY_H
#define SIM_TALLY_H

#include "broker/core/effect.h"

#include <stdio.h>

/* Each thing that the world may do to the roles. */
#define SIM_FAULTS(X)                                                                              \
    X(BROKER_CRASH, "broker crashed")                                                              \
    X(BROKER_PAUSE, "broker stopped and continued")                                                \
    X(BROKER_DRAIN, "broker drained and restarted")                                                \
    X(CLIENT_CRASH, "client crashed")                                                              \
    X(CLIENT_PAUSE, "client stopped and continued")                                                \
    X(HOST_CRASH, "host crashed with its children")                                                \
    X(HOST_PAUSE, "supervisor stopped and continued")                                              \
    X(HOST_DRAIN, "host drained and started again")                                                \
    X(CHILD_CRASH, "child crashed")                                                                \
    X(CHILD_CRASH_RUNNING, "child crashed inside a function")                                      \
    X(CHILD_CRASH_ANSWERED, "child crashed with an unacknowledged result")                         \
    X(CHILD_SCRIBBLE, "child wrote over its gate and crashed")                                     \
    X(CHILD_PAUSE, "child stopped and continued")                                                  \
    X(DISCONNECT, "connection cut, messages lost")                                                 \
    X(PARTITION_BOTH, "partition, both ways")                                                      \
    X(PARTITION_UP, "partition towards the broker")                                                \
    X(PARTITION_DOWN, "partition from the broker")                                                 \
    X(DELAY, "message delayed for long")                                                           \
    X(LATE, "message of an old connection came after a newer connection's")                        \
    X(DUPLICATE, "message sent again after a reconnect")                                           \
    X(BATCH_LOST, "batch lost at a crash")                                                         \
    X(BATCH_KEPT, "batch kept at a crash")                                                         \
    X(IO_ERROR, "I/O error, outcome unknown")                                                      \
    X(DISK_FULL, "disk full")                                                                      \
    X(CLOCK_JUMP, "wall clock jumped")                                                             \
    X(STRANGER, "stranger with a wrong version or secret")                                         \
    X(ROUTE_NOTICED, "broker noticed a lost route")                                                \
    X(QUEUE_PAUSED, "queue paused or resumed")                                                     \
    X(QUEUE_PURGED, "queue purged")                                                                \
    X(HOST_SENT_AWAY, "host sent away through the broker")

enum sim_fault {
#define X(name, text) FAULT_##name,
    SIM_FAULTS(X)
#undef X
        FAULT_COUNT,
};

/* What became of the application's calls. */
#define SIM_OUTCOMES(X)                                                                            \
    X(DONE, "task done")                                                                           \
    X(FAILED, "task failed")                                                                       \
    X(CANCELLED, "task cancelled")                                                                 \
    X(EXPIRED, "answered EXPIRED")                                                                 \
    X(LOST, "task lost")                                                                           \
    X(FULL, "refused FULL")                                                                        \
    X(TIMEOUT, "refused TIMEOUT")                                                                  \
    X(RESULTS_FULL, "refused RESULTS_FULL")                                                        \
    X(TOO_LARGE, "refused TOO_LARGE")                                                              \
    X(CLOSED, "refused CLOSED")                                                                    \
    X(STORE_FULL, "refused STORE_FULL")                                                            \
    X(UNCERTAIN, "answered UNCERTAIN")                                                             \
    X(NO_BROKER, "answered NO_BROKER")                                                             \
    X(OTHER, "answered something else")

enum sim_outcome {
#define X(name, text) OUTCOME_##name,
    SIM_OUTCOMES(X)
#undef X
        OUTCOME_COUNT,
};

enum { TALLY_EVENTS = EVENT_GAP + 1, TALLY_EFFECTS = EFFECT_LOG + 1 };

struct tally {
    uint64_t faults[FAULT_COUNT];
    uint64_t events[TALLY_EVENTS];
    uint64_t effects[TALLY_EFFECTS];
    uint64_t outcomes[OUTCOME_COUNT];
    uint64_t steps;
    uint64_t seeds;
    uint64_t tasks;
    uint64_t runs; /* times a function was started */
};

const char *tally_fault_text(enum sim_fault fault);
const char *tally_event_text(enum event_kind kind);
const char *tally_effect_text(enum effect_kind kind);
void tally_add(struct tally *sum, const struct tally *one);
void tally_print(const struct tally *tally, FILE *out);
/* The first thing that never happened, or NULL. `durable`: store faults count, too. */
const char *tally_missing(const struct tally *tally, bool durable);

#endif
