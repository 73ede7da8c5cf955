/* SPDX-License-Identifier: MIT
 *
 * What the checker knows of queues that were paused. A pause is certain only if nobody resumed the
 * queue at about the same time: messages of different clients may overtake each other, and those of
 * a dead client come late. */
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

void checker_pauses_unsure(struct sim_checker *checker, const struct sim_client *client) {
    for (uint32_t i = 0; i < SIM_CALLS_MAX; i++) {
        const struct sim_call *call = &client->calls[i];
        if (call->open && call->verb == WIRE_QUEUE_PAUSE) {
            struct sim_queue *queue = &checker->queues[call->queue];
            queue->pauses_open -= call->pause != 0;
            queue->resumes_open -= (call->resume & WIRE_PAUSE_OUT) != 0;
            queue->unsure_until_us = checker->sim->world.now_us + CHECKER_LATE_US;
        }
    }
}

void checker_pauses_forgotten(struct sim_checker *checker) {
    for (uint32_t i = 0; i < 2 && !checker->sim->config.durable; i++) {
        checker->queues[i].held = false;
        checker->queues[i].stamp++;
    }
}
