/* SPDX-License-Identifier: MIT
 *
 * What the checker knows of queues that were paused or purged. A pause is certain only if nobody
 * resumed the queue at about the same time: messages of different clients may overtake each other,
 * and those of a dead client come late. */
#include "tests/sim/checker_private.h"
#include "tests/sim/sim.h"

enum { CHECKER_LATE_US = 20 * 1000 * 1000 }; /* nothing arrives later than that */

bool checker_queues_calm(const struct sim_checker *checker) {
    bool calm = true;
    for (uint32_t i = 0; i < checker->sim->config.queues; i++) {
        calm = calm && checker->queues[i].calm;
    }
    return calm;
}

void checker_pause_asked(struct sim_checker *checker, struct sim_call *call) {
    struct sim_queue *queue = &checker->queues[call->queue];
    if ((call->resume & WIRE_PAUSE_OUT) != 0) {
        queue->held = false;
        queue->stamp++;
        queue->resumes_open++;
    }
    bool sure = queue->resumes_open == 0 && checker->sim->world.now_us > queue->unsure_until_us;
    call->stamp = sure ? queue->stamp + 1 : 0;
    call->calm = sim_is_calm(checker->sim) && queue->pauses_open == 0;
    queue->pauses_open += call->pause != 0;
}

void checker_pause_answered(struct sim_checker *checker, const struct sim_call *call) {
    struct sim_queue *queue = &checker->queues[call->queue];
    queue->pauses_open -= call->pause != 0;
    if ((call->resume & WIRE_PAUSE_OUT) != 0) {
        queue->resumes_open--;
        bool done = call->err == WHERRY_OK || call->err == WHERRY_E_UNKNOWN;
        queue->calm = queue->calm || (done && call->calm);
        if (call->err != WHERRY_OK) { /* given up here, and perhaps carried out there */
            queue->unsure_until_us = checker->sim->world.now_us + CHECKER_LATE_US;
        }
    } else if ((call->pause & WIRE_PAUSE_OUT) != 0 && call->err == WHERRY_OK &&
               call->stamp == queue->stamp + 1) {
        queue->held = true;
    }
}

void checker_queues_unsure(struct sim_checker *checker, const struct sim_client *client) {
    for (uint32_t i = 0; i < SIM_CALLS_MAX; i++) {
        const struct sim_call *call = &client->calls[i];
        if (call->open && call->verb == WIRE_QUEUE_PURGE) {
            struct sim_queue *queue = &checker->queues[call->queue];
            queue->purges_open--;
            queue->purge_until_us = checker->sim->world.now_us + CHECKER_LATE_US;
        }
        if (call->open && call->verb == WIRE_QUEUE_PAUSE) {
            struct sim_queue *queue = &checker->queues[call->queue];
            queue->pauses_open -= call->pause != 0;
            queue->resumes_open -= (call->resume & WIRE_PAUSE_OUT) != 0;
            queue->unsure_until_us = checker->sim->world.now_us + CHECKER_LATE_US;
        }
    }
}

/* What a memory broker forgot is submitted again, perhaps behind a purge that is on its way. */
void checker_queues_forgotten(struct sim_checker *checker) {
    if (checker->sim->config.durable) {
        return;
    }
    for (uint32_t i = 0; i < 2; i++) {
        checker->queues[i].held = false;
        checker->queues[i].stamp++;
    }
    for (uint32_t i = 0; i < checker->count; i++) {
        checker->tasks[i]->purge = 0;
        checker->tasks[i]->purged = false;
    }
}

/* ---- purges ---------------------------------------------------------------------------------- */

bool checker_purge_threatens(const struct sim_checker *checker, uint32_t queue) {
    const struct sim_queue *of = &checker->queues[queue];
    return of->purges_open > 0 || checker->sim->world.now_us < of->purge_until_us;
}

/* Everything of the queue may be cancelled from now on; what was accepted and has not left surely
 * ends by it. */
void checker_purge_asked(struct sim_checker *checker, struct sim_call *call) {
    struct sim_queue *queue = &checker->queues[call->queue];
    queue->purges_open++;
    call->stamp = ++queue->purges;
    for (uint32_t i = 0; i < checker->count; i++) {
        struct sim_task *task = checker->tasks[i];
        bool over = task->finished && (task->flags & TASK_NO_RESULT) == 0;
        if (task->queue == call->queue && !over) {
            checker_cancel_asked(checker, task);
            bool known = checker->sim->config.durable || !task->came_back; /* by this broker */
            bool there = known && task->accepted && task->deliveries == 0;
            task->purge = there ? call->stamp : task->purge;
        }
    }
}

void checker_purge_answered(struct sim_checker *checker, const struct sim_call *call) {
    struct sim_queue *queue = &checker->queues[call->queue];
    queue->purges_open--;
    for (uint32_t i = 0; i < checker->count && call->err == WHERRY_OK; i++) {
        struct sim_task *task = checker->tasks[i];
        bool there = task->queue == call->queue && task->purge == call->stamp;
        task->purged = task->purged || (there && task->deliveries == 0);
    }
}
