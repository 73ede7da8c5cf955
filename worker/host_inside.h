/* SPDX-License-Identifier: MIT
 *
 * The inside of a host, shared by host.c (life, children, time), host_input.c and host_output.c. */
#ifndef WHERRY_HOST_INSIDE_H
#define WHERRY_HOST_INSIDE_H

#include "worker/host.h"
#include "worker/peer.h"
#include "worker/place.h"

enum {
    HOST_ANSWERS_US = 2000000, /* a signal waits so long for what was answered before */
    HOST_LOOK_US = 5000,       /* nobody tells when that has been acknowledged */
    HOST_KILL_AFTER_US = 2000000,
    HOST_REPEAT_US = 6000000,
};

struct host {
    struct host_config config;
    struct span *functions;
    struct peer peer;
    struct place *places;
    uint32_t place_count;
    uint32_t place_end; /* behind the last one that was ever used */
    uint64_t sequence;
    int64_t repeat_at_us; /* unacknowledged deaths are said again then */
    bool draining;
    bool drain_due;
    bool goodbye_said;
    struct host_action *actions; /* a queue: first … count */
    uint32_t action_first;
    uint32_t action_count;
    uint32_t action_capacity;
    struct gate_attempt scratch[GATE_SLOTS];
    struct wire_attempt report[GATE_SLOTS];
};

void host_act(struct host *host, struct host_action action);
uint32_t host_index(const struct host *host, const struct place *place);
uint32_t host_count(const struct host *host, enum place_kind kind);

void host_wake_child(struct host *host, const struct place *place);
void host_signal(struct host *host, struct place *place, int signal);
/* A page that cannot be trusted: its child is killed. */
void host_check_place(struct host *host, struct place *place);
/* Closes the gate, wakes the child; the report is due. */
void host_close_gate(struct host *host, struct place *place);
/* Ends the attempt that runs in `place`, whose gate was closed just now. signal: 0: only the mark;
 * SIGKILL goes at once. kill_after_us: SIGKILL so long after it; INT64_MAX: never. */
struct host_ending {
    uint32_t cause;
    int signal;
    int64_t kill_after_us;
};
void host_end_attempt(struct host *host, struct place *place, struct host_ending ending,
                      int64_t now_us);

#endif
