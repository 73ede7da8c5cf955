/* SPDX-License-Identifier: MIT
 *
 * Host: a worker machine. One supervisor and its children, each of them the real logic; what the
 * kernel does for them (fork, signals, death notices, the shared page) is played here.
 *
 *     supervisor   host logic       ── its own connection
 *       place p    child logic      ── its own connection
 *                  gate page shared by the two
 *
 * A child runs its tasks for virtual time: what a task does stands in its payload (task.h).
 * Supervisor and children can be stopped, killed and cut off separately; a host that dies takes its
 * children along. */
#ifndef SIM_HOST_H
#define SIM_HOST_H

#include "tests/sim/net.h"
#include "tests/sim/task.h"
#include "tests/sim/world.h"
#include "worker/child.h"
#include "worker/host.h"

struct sim;
struct sim_host;

enum { SIM_PLACES_MAX = 6 };

struct sim_child {
    struct sim_host *host;
    uint32_t place;
    net_node node;
    struct gate_page *gate; /* NULL: the place is empty */
    struct child *logic;    /* NULL: no living process */
    int64_t pid;
    int64_t forked_at_us; /* the supervisor hears of the fork; INT64_MAX: it has */
    uint64_t life;
    bool stopped;
    bool connected; /* a socket is open */
    bool woken;     /* its eventfd was written while it was stopped */
    int signal;     /* arrived while it was stopped: SIGTERM waits, SIGKILL does not */
    bool running;
    struct child_task task;
    struct task_plan plan;
    uint32_t run;
    int64_t started_us;
    int64_t finish_us;
    struct world_timer timer;
    struct host_death death; /* to be told once the supervisor looks */
    bool death_waits;
    bool wanted; /* a place for Processes: a child was asked for */
};

struct sim_host {
    struct sim *sim;
    uint32_t index;
    uint32_t machine;
    net_node node;
    struct host *logic; /* NULL: not running */
    uint64_t session;
    uint64_t life;
    bool stopped;
    bool connected;
    bool draining;
    int64_t fork_heard_us; /* so long after each fork; 0: by chance */
    struct rng rng;
    struct world_timer timer;
    struct sim_child children[SIM_PLACES_MAX];
};

void sim_host_init(struct sim_host *host, struct sim *sim, uint32_t index);
void sim_host_fini(struct sim_host *host);

void sim_host_start(struct sim_host *host);
void sim_host_crash(struct sim_host *host);
void sim_host_stop(struct sim_host *host, bool stopped);
void sim_host_drain(struct sim_host *host);
void sim_host_message(struct sim_host *host, const struct wire_message *message);
void sim_host_wake(struct sim_host *host); /* carry out whatever the logic wants now */

struct sim_child *sim_child_of(struct sim *sim, uint32_t host, uint32_t place);
/* Ends the process as signal `signal` would; `scribble`: it first writes over its page. */
void sim_child_kill(struct sim_child *child, int signal, bool scribble);
/* As the supervisor sends it: nothing happens if it comes too late, or not before it goes on. */
uint32_t sim_host_places(const struct sim *sim); /* the pool's, then those for Processes */
void sim_child_signal(struct sim_child *child, int signal);
void sim_child_stop(struct sim_child *child, bool stopped);
void sim_child_message(struct sim_child *child, const struct wire_message *message);
void sim_child_wake(struct sim_child *child);
/* Lets the running task end now, whatever its plan says. */
void sim_child_finish_now(struct sim_child *child);

#endif
