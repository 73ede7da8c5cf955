/* SPDX-License-Identifier: MIT
 *
 * Client: the real session logic under a random application that submits, waits at full queues,
 * cancels, asks, and remembers every promise that it was given. */
#ifndef SIM_CLIENT_H
#define SIM_CLIENT_H

#include "client/session.h"
#include "tests/sim/net.h"
#include "tests/sim/task.h"
#include "tests/sim/world.h"

struct sim;
struct sim_host;
struct sim_task;

/* One question that the application put. */
struct sim_call {
    bool open;
    uint32_t verb;
    struct task_id id; /* TASK_WAIT, TASK_CANCEL, WAITING */
    struct sim_client *client;
    uint32_t queue; /* QUEUE_PAUSE, QUEUE_PURGE: q0, q1, … */
    uint32_t pause; /* … and what was asked */
    uint32_t resume;
    uint64_t stamp; /* the checker's: 0: others were on their way */
    bool calm;      /* asked when everything was calm */
    bool answered;  /* scenarios read what came back */
    wherry_err err;
    struct bytes body;
};

enum { SIM_CALLS_MAX = 16 };

struct sim_client {
    struct sim *sim;
    uint32_t index;
    uint32_t machine;
    net_node node;
    struct session *session; /* NULL: not running */
    uint64_t life;
    bool stopped;
    bool connected;
    bool closing;
    struct rng rng;
    struct world_timer timer;
    struct sim_call calls[SIM_CALLS_MAX];
};

struct sim_submit { /* what the application wants */
    const char *queue;
    const char *function;
    struct wire_options options;
    int64_t wait_ms;
    struct task_plan plan; /* ordinal is filled in */
    size_t size;           /* of the payload; 0: as small as can be */
};

void sim_client_init(struct sim_client *client, struct sim *sim, uint32_t index);
void sim_client_fini(struct sim_client *client);

void sim_client_start(struct sim_client *client);
void sim_client_crash(struct sim_client *client);
void sim_client_stop(struct sim_client *client, bool stopped);
void sim_client_goodbye(struct sim_client *client);
void sim_client_message(struct sim_client *client, const struct wire_message *message);
void sim_client_wake(struct sim_client *client);

/* NULL: the session takes nothing now (BUSY, or it failed). */
struct sim_task *sim_client_submit(struct sim_client *client, const struct sim_submit *submit);
void sim_client_cancel(struct sim_client *client, struct sim_task *task);
/* NULL: too many open calls. */
struct sim_call *sim_client_ask(struct sim_client *client, enum wire_verb verb, struct task_id id,
                                int64_t timeout_ms);
/* Any question; NULL as above. It leaves at sim_client_wake(). */
struct sim_call *sim_client_call(struct sim_client *client, enum wire_verb verb,
                                 const struct bytes *body, int64_t timeout_ms);
struct sim_call *sim_client_pause(struct sim_client *client, uint32_t queue, uint32_t pause,
                                  uint32_t resume);
struct sim_call *sim_client_purge(struct sim_client *client, uint32_t queue);
/* Sends the host away; join: waits until it has left. */
struct sim_call *sim_client_drain(struct sim_client *client, const struct sim_host *host,
                                  int64_t grace_ms, int64_t timeout_ms);
struct sim_call *sim_client_join(struct sim_client *client, const struct sim_host *host,
                                 int64_t timeout_ms);
struct sim_call *sim_client_set_queue(struct sim_client *client, const char *queue,
                                      uint64_t items_max, uint64_t bytes_max);

/* The random application: one move, then it plans its next. */
void sim_client_live(void *client, uint64_t life);

#endif
