/* SPDX-License-Identifier: MIT
 *
 * Rules 3.4 to 3.7: deaths, silence, and what counts against a task. */
#include "tests/sim/scenarios/scenarios.h"

#include <signal.h>

static struct engine_counts counts(const struct sim *s) {
    return sim_broker_counts(&s->broker);
}

/* A child sends its result and is killed; the report of its death arrives first. */
void death_overtaking_result_is_no_crash(struct sim *s) {
    struct cast cast = cast_of(s);
    cast_deliver(s, &cast, 2, 1);
    cast.child->started += 1;
    net_delay_next(s->net, cast.child->node, NET_UP, 500000);
    puppet_result(cast.child, cast_newest(&cast), WIRE_DONE);
    struct wire_attempt answered = puppet_attempt(cast_newest(&cast), true);
    struct puppet_place place = {0,         false, cast.child->generation, cast.child->started,
                                 &answered, 1};
    puppet_death(cast.host, 1, &place);
    UNTIL(s, cast.client->results[2] == 1);
    EXPECT(s, cast.client->result_status[2] == WIRE_DONE);
    EXPECT(s, counts(s).retries_crash == 0 && counts(s).retries_lease == 0);
    UNTIL(s, cast.host->seen[WIRE_DEATH_ACK] > 0);
}

void result_lost_with_its_connection_is_in_the_next_hello(struct sim *s) {
    struct sim_client *c = client_up(s, 0);
    struct sim_host *host = host_up(s, 0);
    struct sim_task *task = submit(c, 1000);
    net_hold(s->net, host->children[0].node, NET_UP, WIRE_RESULTS);
    UNTIL(s, net_holding(s->net, host->children[0].node, NET_UP));
    net_cut(s->net, host->children[0].node);
    net_release(s->net, host->children[0].node, NET_UP);
    UNTIL(s, task->finished);
    EXPECT(s, task->outcome == WHERRY_OK && task->runs == 1 && task->deliveries == 1);
}

void answered_attempt_without_result_is_lost_not_crashed(struct sim *s) {
    struct cast cast = cast_of(s);
    cast_deliver(s, &cast, 2, 1);
    cast.child->started += 1;
    struct wire_attempt answered = puppet_attempt(cast_newest(&cast), true);
    struct puppet_place place = {0,         false, cast.child->generation, cast.child->started,
                                 &answered, 1};
    puppet_death(cast.host, 1, &place);
    NEVER(s, 900, counts(s).ready > 0);
    UNTIL(s, counts(s).ready == 1);
    EXPECT(s, counts(s).retries_crash == 0 && counts(s).retries_lease == 1);
}

/* The store is slow and its batch full: the answer is here, and cannot be looked at yet. */
void answer_that_waits_for_a_batch_has_arrived(struct sim *s) {
    struct cast cast = cast_of(s);
    cast_deliver(s, &cast, 2, 1);
    cast.child->started += 1;
    store_hold(s->store);
    struct wire_attempt answered = puppet_attempt(cast_newest(&cast), true);
    struct puppet_place place = {0,         false, cast.child->generation, cast.child->started,
                                 &answered, 1};
    puppet_death(cast.host, 1, &place);
    UNTIL(s, cast.host->seen[WIRE_DEATH_ACK] == 1);
    for (uint64_t number = 3; number < 43; number++) {
        puppet_submit(cast.client, number, 1, &(struct puppet_lane){.size = 100});
    }
    scene_wait(s, 100);
    EXPECT(s, counts(s).tasks < 40);
    puppet_result(cast.child, cast_newest(&cast), WIRE_DONE);
    NEVER(s, 5000, counts(s).retries_lease != 0);
    store_release(s->store);
    UNTIL(s, cast.client->results[2] == 1);
    EXPECT(s, cast.client->result_status[2] == WIRE_DONE && counts(s).retries_lease == 0);
}

/* Three times the first of three deliveries takes its child along: it fails, its neighbours do not.
 */
void unstarted_deliveries_are_uncounted(struct sim *s) {
    struct cast cast = cast_of(s);
    struct puppet *child = cast.child;
    cast_deliver(s, &cast, 2, 3);
    for (uint64_t life = 1; life <= 3; life++) {
        uint32_t first = (uint32_t)(life - 1) * 3;
        EXPECT(s, child->deliveries[first].id.number == 2);
        child->started += 1;
        struct wire_attempt running = puppet_attempt(&child->deliveries[first], false);
        struct puppet_place place = {0, false, child->generation, child->started, &running, 1};
        puppet_death(cast.host, life, &place);
        UNTIL(s, cast.host->seen[WIRE_DEATH_ACK] == life);
        scene_wait(s, 3000);
        child->generation++;
        child->session++;
        puppet_child_hello(child, cast.host, 0, NULL, 0);
        puppet_credit(child, child->started + 3);
        UNTIL(s, child->delivery_count == first + (life < 3 ? 6 : 5));
    }
    UNTIL(s, cast.client->results[2] == 1);
    EXPECT(s, cast.client->result_status[2] == WIRE_FAILED ||
                  cast.client->result_status[2] == WIRE_LOST);
    EXPECT(s, cast.client->results[3] == 0 && cast.client->results[4] == 0);
    EXPECT(s, counts(s).retries_crash == 2);
}

/* A replacement whose hello came before the report would make a running attempt look unstarted. */
void place_is_used_again_only_after_its_report(struct sim *s) {
    struct sim_client *c = client_up(s, 0);
    struct sim_host *host = host_up(s, 0);
    struct sim_task *once =
        submit_with(c, (struct sim_submit){.options = {.flags = TASK_ONCE, .max_attempts = 1},
                                           .plan = {.duration_us = 60000000}});
    UNTIL(s, once->runs == 1);
    net_hold(s->net, host->node, NET_UP, WIRE_DEATH);
    sim_child_kill(&host->children[0], SIGKILL, false);
    NEVER(s, 3000, host->children[0].logic != NULL);
    net_release(s->net, host->node, NET_UP);
    UNTIL(s, once->finished);
    EXPECT(s, once->outcome == WHERRY_E_WORKER_LOST || once->outcome == WHERRY_E_LOST);
    UNTIL(s, host->children[0].logic != NULL);
    struct sim_task *next = submit(c, 0);
    UNTIL(s, next->finished);
    EXPECT(s, next->outcome == WHERRY_OK && once->runs == 1);
}

void third_crash_fails_the_task_with_its_cause(struct sim *s) {
    struct sim_client *c = client_up(s, 0);
    host_up(s, 0);
    struct sim_task *poison =
        submit_with(c, (struct sim_submit){.wait_ms = -1, .plan = {.behaviour = TASK_CRASHES}});
    struct sim_task *neighbour = submit(c, 2000000);
    UNTIL(s, poison->finished);
    EXPECT(s, poison->outcome == WHERRY_E_WORKER_LOST && poison->runs == 3);
    UNTIL(s, neighbour->finished);
    EXPECT(s, neighbour->outcome == WHERRY_OK);
}

/* It runs already, and the letter that says so is still under way to its supervisor. */
static struct sim_task *run_in_an_unheard_child(struct sim *s) {
    struct sim_client *c = client_up(s, 0);
    s->hosts[0].fork_heard_us = 10000000;
    host_up(s, 0);
    struct sim_task *task = submit(c, 4000000);
    UNTIL(s, task->runs == 1);
    return task;
}

void child_that_was_just_forked_is_announced(struct sim *s) {
    struct sim_task *task = run_in_an_unheard_child(s);
    net_cut(s->net, s->hosts[0].node); /* the host says hello again */
    UNTIL(s, task->finished);
    EXPECT(s, task->outcome == WHERRY_OK && task->deliveries == 1);
    EXPECT(s, counts(s).retries_lease == 0);
}

void cancel_reaches_a_child_that_was_just_forked(struct sim *s) {
    struct sim_task *task = run_in_an_unheard_child(s);
    int64_t asked_us = s->world.now_us;
    sim_client_cancel(&s->clients[0], task);
    UNTIL(s, task->finished);
    EXPECT(s, task->outcome == WHERRY_E_CANCELLED && s->world.now_us - asked_us < 1000000);
}

/* The answer is large, or the machine busy: it has not left its process when the next task there is
 * cancelled. What has left would arrive; here it is lost with the connection, as the rest is. */
void cancel_waits_for_what_was_answered_before(struct sim *s) {
    struct sim_client *c = client_up(s, 0);
    struct sim_child *child = &host_up(s, 0)->children[0];
    struct sim_task *measured = submit(c, 0); /* so that two are given at once */
    UNTIL(s, measured->finished);
    struct sim_task *answered = submit(c, 1000);
    struct sim_task *cancelled = submit(c, 60000000);
    net_hold(s->net, child->node, NET_UP, WIRE_RESULTS);
    UNTIL(s, net_holding(s->net, child->node, NET_UP) && cancelled->runs == 1);
    sim_client_cancel(c, cancelled);
    NEVER(s, 1000, child->logic == NULL || !child->running);
    net_release(s->net, child->node, NET_UP);
    UNTIL(s, answered->finished && cancelled->finished);
    EXPECT(s, answered->outcome == WHERRY_OK && answered->runs == 1);
    EXPECT(s, cancelled->outcome == WHERRY_E_CANCELLED);
}

/* It goes through two processes, and what it was for may have ended meanwhile. */
void signal_that_comes_late_meets_no_other_task(struct sim *s) {
    struct sim_client *c = client_up(s, 0);
    host_up(s, 0);
    for (uint32_t i = 0; i < 100; i++) {
        struct sim_task *first = submit(c, 1000);
        struct sim_task *second = submit(c, 10000);
        UNTIL(s, first->runs == 1);
        sim_client_cancel(c, first);
        UNTIL(s, first->finished && second->finished);
        EXPECT(s, first->outcome == WHERRY_OK || first->outcome == WHERRY_E_CANCELLED);
        EXPECT(s, second->outcome == WHERRY_OK && second->runs == 1);
    }
}

void hung_function_keeps_its_lease(struct sim *s) {
    struct sim_client *c = client_up(s, 0);
    host_up(s, 0);
    struct sim_task *task = submit(c, INT64_C(1800) * 1000000);
    UNTIL(s, task->runs == 1);
    host_up(s, 1);
    scene_wait(s, 1790 * 1000);
    EXPECT(s, task->runs == 1 && !task->finished);
    UNTIL(s, task->finished);
    EXPECT(s, task->outcome == WHERRY_OK && task->deliveries == 1);
}

void vanished_host_loses_its_leases_after_three_beats(struct sim *s) {
    struct sim_client *c = client_up(s, 0);
    host_up(s, 0);
    struct sim_task *task = submit(c, 2000000);
    UNTIL(s, task->runs == 1);
    host_up(s, 1);
    sim_host_crash(&s->hosts[0]);
    int64_t vanished_us = s->world.now_us;
    UNTIL(s, task->runs == 2);
    EXPECT(s, s->world.now_us - vanished_us >= 4000000 && s->world.now_us - vanished_us < 8500000);
    UNTIL(s, task->finished);
    EXPECT(s, task->outcome == WHERRY_OK && counts(s).retries_crash == 0);
}

/* A suspended machine: broker and supervisor stand still for ten seconds, and the broker wakes up
 * first. */
void stopped_broker_does_not_declare_hosts_lost(struct sim *s) {
    struct sim_client *c = client_up(s, 0);
    struct sim_host *host = host_up(s, 0);
    struct sim_task *task = submit(c, 30000000);
    UNTIL(s, task->runs == 1);
    host_up(s, 1);
    sim_broker_stop(&s->broker);
    sim_host_stop(host, true);
    scene_wait(s, 10 * 1000);
    sim_broker_continue(&s->broker);
    scene_wait(s, 500);
    sim_host_stop(host, false);
    UNTIL(s, task->finished);
    EXPECT(s, task->runs == 1 && task->deliveries == 1);
    EXPECT(s, counts(s).retries_lease == 0);
}

/* Ten times its child dies with an answer that never arrives: no crash of its own, but enough. */
void tenth_lost_lease_ends_the_task(struct sim *s) {
    struct cast cast = cast_of(s);
    struct puppet *child = cast.child;
    cast_deliver(s, &cast, 2, 1);
    for (uint64_t life = 1; life <= 10; life++) {
        child->started += 1;
        struct wire_attempt answered = puppet_attempt(cast_newest(&cast), true);
        struct puppet_place place = {0, false, child->generation, child->started, &answered, 1};
        EXPECT(s, cast.client->results[2] == 0);
        puppet_death(cast.host, life, &place);
        UNTIL(s, cast.host->seen[WIRE_DEATH_ACK] == life);
        child->generation++;
        child->session++;
        puppet_child_hello(child, cast.host, 0, NULL, 0);
        puppet_credit(child, child->started + 1);
        UNTIL(s, child->delivery_count == life + 1 || cast.client->results[2] == 1);
    }
    UNTIL(s, cast.client->results[2] == 1);
    EXPECT(s, cast.client->result_status[2] == WIRE_LOST && counts(s).retries_crash == 0);
}

void page_that_cannot_be_trusted_ends_its_attempts_as_lost(struct sim *s) {
    struct sim_client *c = client_up(s, 0);
    struct sim_host *host = host_up(s, 0);
    struct sim_task *task = submit(c, 1000000);
    UNTIL(s, task->runs == 1);
    sim_child_kill(&host->children[0], SIGSEGV, true);
    UNTIL(s, task->finished);
    EXPECT(s, task->outcome == WHERRY_OK && task->runs == 2);
    EXPECT(s, counts(s).retries_lease == 1 && counts(s).retries_crash == 0);
}

/* The acknowledgement of a death was lost: the host says hello with the dead child's attempts, and
 * the death, again. One task was submitted again before, one after; neither may stay with a child
 * that is no more. */
/* The answer was acknowledged by the broker that died with it. Host and child come back in either
 * order, with the task submitted again before or behind them. */
static void answer_lost_with_its_broker(struct sim *s, bool child_first, bool client_first) {
    struct cast cast = cast_of(s);
    cast_deliver(s, &cast, 2, 1);
    struct puppet_delivery delivery = cast.child->deliveries[0];
    cast.child->started++;
    struct wire_attempt attempt = puppet_attempt(&delivery, true);
    struct puppet_place place = {0, true, cast.child->generation, cast.child->started, &attempt, 1};
    struct puppet_lane again = {.origin = &attempt.id};
    cast.client->session += 100;
    broker_crash(s, STORE_FATE_LOST);
    broker_start(s);
    puppet_client_hello(cast.client, false);
    if (client_first) {
        puppet_submit(cast.client, 1, 1, &again);
        scene_wait(s, 100);
    }
    if (child_first) {
        puppet_child_hello(cast.child, cast.host, 0, NULL, 0);
    }
    puppet_host_hello(cast.host, true, &place, 1);
    scene_wait(s, 100);
    if (!client_first) {
        puppet_submit(cast.client, 1, 1, &again);
        scene_wait(s, 100);
    }
    if (!child_first) {
        puppet_child_hello(cast.child, cast.host, 0, NULL, 0);
    }
    NEVER(s, 5000, counts(s).ready != 0); /* it might be one of several hellos */
    UNTIL(s, counts(s).ready == 1);
}

void answer_lost_with_its_broker_lets_its_task_run_again(struct sim *s) {
    answer_lost_with_its_broker(s, false, true);
}

void answer_lost_with_its_broker_is_missed_in_any_order(struct sim *s) {
    answer_lost_with_its_broker(s, true, false);
}

void death_told_again_ends_what_was_announced_again(struct sim *s) {
    struct cast cast = cast_of(s);
    cast_deliver(s, &cast, 2, 2);
    cast.child->started += 2;
    struct wire_attempt attempts[2] = {puppet_attempt(&cast.child->deliveries[0], true),
                                       puppet_attempt(&cast.child->deliveries[1], false)};
    struct puppet_place dead = {0, false, cast.child->generation, cast.child->started, attempts, 2};
    broker_crash(s, STORE_FATE_LOST);
    broker_start(s);
    puppet_host_hello(cast.host, true, &dead, 1);
    puppet_death(cast.host, 1, &dead);
    UNTIL(s, cast.host->seen[WIRE_DEATH_ACK] == 1);
    puppet_host_hello(cast.host, true, &dead, 1);
    cast.client->session += 100;
    puppet_client_hello(cast.client, false);
    puppet_submit(cast.client, 1, 1, &(struct puppet_lane){.origin = &attempts[0].id});
    scene_wait(s, 100);
    puppet_death(cast.host, 1, &dead);
    UNTIL(s, cast.host->seen[WIRE_DEATH_ACK] == 1);
    puppet_submit(cast.client, 2, 1, &(struct puppet_lane){.origin = &attempts[1].id});
    UNTIL(s, counts(s).ready == 2);
}
