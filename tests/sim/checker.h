/* SPDX-License-Identifier: MIT
 *
 * Checker: an independent memory of what was promised and of what happened. It never asks the
 * engine what is right; it sees submits and outcomes at the clients, runs in the children, and
 * effects on their way.
 *
 *   promise                                              noticed in
 *   an acknowledged task is never lost                   checker_finished, checker_open_tasks
 *   one terminal state a task, never changed             checker_finished, checker_effect
 *   no result of a stale attempt is recorded             checker_effect
 *   what was refused never runs                          checker_started_run
 *   a task runs again only if a fault explains it        checker_started_run
 *   a run-once task runs at most once                    checker_started_run
 *   what ended or was cancelled is not handed out        checker_effect (DELIVER)
 *   a paused queue hands nothing out                     checker_effect (DELIVER)
 *   what was purged is not handed out                    checker_effect (DELIVER)
 *   nothing is accepted at or above a bound              checker_accepted, checker_after_step
 *   everything ends once faults stop                     checker_open_tasks */
#ifndef SIM_CHECKER_H
#define SIM_CHECKER_H

#include "broker/core/engine.h"
#include "tests/sim/task.h"
#include "tests/sim/world.h"

#include <stdio.h>

struct sim;
struct sim_call;
struct sim_child;
struct sim_client;
struct sim_submit;

struct sim_task {
    uint32_t ordinal;
    struct task_id id;
    struct task_id key; /* under which its session knows it now */
    uint32_t client;
    uint64_t client_life;
    uint32_t queue; /* q0, q1 */
    uint32_t flags;
    uint32_t behaviour;
    int64_t wait_ms;
    bool nowhere;   /* nobody offers its function */
    bool accepted;  /* the client was told that it is in */
    bool finished;  /* the client was told its outcome */
    bool orphan;    /* its client is gone */
    bool excused;   /* its client was silent for so long that its session may have ended */
    bool forgotten; /* a memory broker that may have had it is gone */
    bool cancel_asked;
    bool cancel_acked;   /* the broker answered OK to a TASK_CANCEL */
    bool cancel_settled; /* or that there is nothing to cancel */
    bool came_back;      /* over a restart: what comes back is taken above the bound, too */
    bool counted;        /* in its queue, as far as the client can know */
    bool recorded;       /* its result has left the broker */
    uint64_t purge;      /* the last purge that was asked for when it surely stood in its queue */
    bool purged;         /* and that was acknowledged: it is not handed out any more */
    bool exited;         /* a Process: its process ended, … */
    int64_t exit_code;   /* … with this */
    wherry_err outcome;
    struct task_note note; /* of the recorded result */
    uint32_t runs;
    uint32_t runs_finished;
    int64_t run_started_us; /* the last one */
    struct token delivered; /* the newest attempt handed out */
    uint32_t deliveries;
};

/* What is known for certain of a queue's pauses and purges. */
struct sim_queue {
    bool held;               /* paused out, and nobody has asked to resume it since */
    bool calm;               /* resumed, and no pause can come any more */
    uint32_t pauses_open;    /* on their way */
    uint32_t resumes_open;   /* the same … */
    int64_t unsure_until_us; /* … and until when those of dead clients may arrive */
    uint64_t stamp;          /* grows with each resume, and with what forgets a pause */
    uint32_t purges_open;    /* on their way: whatever is submitted may meet one … */
    int64_t purge_until_us;  /* … and until when those of dead clients may arrive */
    uint64_t purges;         /* asked for so far */
};

enum { CHECKER_QUEUES = 8 };

struct sim_checker {
    struct sim *sim;
    struct sim_task **tasks; /* by ordinal */
    uint32_t count;
    uint32_t capacity;
    uint32_t *by_id; /* open addressing: ordinal + 1 */
    uint32_t by_id_size;
    uint64_t items_max[2]; /* the highest bound that each queue ever had */
    uint64_t in_queue[2];  /* tasks counted */
    struct sim_queue queues[2];
    int64_t explained_us;  /* the last time that something happened which may cause a second run */
    uint32_t faults_active;
    struct engine_queue_view queues_before[CHECKER_QUEUES]; /* the step */
    struct engine_counts before;
    struct token *ended; /* attempts that the broker declared lost, newest last */
    uint32_t ended_count;
    uint32_t ended_closed; /* of them, those whose batch was closed */
    uint32_t ended_firm;   /* and committed: a crash takes none of these back */
    uint32_t ended_capacity;
};

void checker_init(struct sim_checker *checker, struct sim *sim);
void checker_fini(struct sim_checker *checker);

/* Clients. */
struct sim_task *checker_task_add(struct sim_checker *checker, const struct sim_client *client,
                                  const struct sim_submit *submit);
void checker_task_undo(struct sim_checker *checker, struct sim_task *task); /* the newest one */
void checker_task_named(struct sim_checker *checker, struct sim_task *task, struct task_id id);
uint32_t checker_task_ordinal(const struct sim_checker *checker, const struct sim_task *task);
struct sim_task *checker_task_find(const struct sim_checker *checker, struct task_id id);
void checker_cancel_asked(struct sim_checker *checker, struct sim_task *task);
void checker_accepted(struct sim_checker *checker, struct sim_task *task);
void checker_finished(struct sim_checker *checker, struct sim_task *task, wherry_err err,
                      struct span payload);
/* Every queue was resumed for good: what is orphaned in one must not stay. */
bool checker_queues_calm(const struct sim_checker *checker);
void checker_purge_asked(struct sim_checker *checker, struct sim_call *call);
void checker_pause_asked(struct sim_checker *checker, struct sim_call *call);
void checker_answered(struct sim_checker *checker, const struct sim_call *call);
void checker_client_died(struct sim_checker *checker, const struct sim_client *client);
void checker_client_silent(struct sim_checker *checker, const struct sim_client *client);

/* Children. Returns which run of the task this is, from 1. */
uint32_t checker_started_run(struct sim_checker *checker, const struct sim_child *child);
void checker_finished_run(struct sim_checker *checker, const struct sim_child *child,
                          uint32_t status);
/* A running Process ends. */
void checker_exited(struct sim_checker *checker, const struct sim_child *child, int64_t code);
void checker_child_died(struct sim_checker *checker, const struct sim_child *child);

/* The broker. */
void checker_effect(struct sim_checker *checker, const struct effect *effect);
void checker_before_step(struct sim_checker *checker);
void checker_after_step(struct sim_checker *checker, enum event_kind kind);
void checker_broker_crashed(struct sim_checker *checker);
void checker_broker_started(struct sim_checker *checker);

/* Faults: from begin to end, and for a while after, second runs are explained. */
void checker_fault_begin(struct sim_checker *checker);
void checker_fault_end(struct sim_checker *checker);

/* Tasks of living clients without an outcome, and accepted ones of dead clients that have not run.
 */
uint32_t checker_open_tasks(const struct sim_checker *checker, const struct sim_task **first);
/* Every open task, for people. */
void checker_dump(const struct sim_checker *checker, FILE *out);

#endif
