/* SPDX-License-Identifier: MIT
 *
 * Rules 4: which attempt's result counts. */
#include "tests/sim/scenarios/scenarios.h"

static uint64_t ready(const struct sim *s) {
    return sim_broker_counts(&s->broker).ready;
}

/* The host says hello again: its child is alive, and runs `running` (NULL: nothing). */
static void announce(struct cast *worker, const struct puppet_delivery *running) {
    struct wire_attempt attempt;
    if (running != NULL) {
        attempt = puppet_attempt(running, false);
    }
    struct puppet_place place = {0,
                                 true,
                                 worker->child->generation,
                                 worker->child->started,
                                 &attempt,
                                 running != NULL ? 1 : 0};
    puppet_host_hello(worker->host, true, &place, 1);
    worker->child->generation++;
}

static void restart(struct sim *s) {
    broker_crash(s, STORE_FATE_KEPT);
    broker_start(s);
}

static void token_grows(struct sim *s) {
    struct cast cast = cast_of(s);
    cast_deliver(s, &cast, 2, 1);
    struct token before = cast_newest(&cast)->token;
    cast.child->delivery_count = 0;
    restart(s);
    puppet_client_hello(cast.client, true);
    announce(&cast, NULL);
    puppet_child_hello(cast.child, cast.host, 0, NULL, 0);
    if (cast.client->seen[WIRE_SESSION_LOST] > 0) {
        puppet_client_hello(cast.client, false);
    }
    puppet_submit(cast.client, 3, 1, &(struct puppet_lane){0});
    puppet_credit(cast.child, cast.child->started + 4);
    UNTIL(s, cast.child->delivery_count > 0);
    EXPECT(s, token_above(cast.child->deliveries[0].token, before));
    EXPECT(s, cast.child->deliveries[0].token.epoch > before.epoch);
}

void tokens_do_not_repeat_over_restart(struct sim *s) {
    token_grows(s);
}

void tokens_do_not_repeat_over_restart_of_a_memory_broker(struct sim *s) {
    token_grows(s);
}

/* The first host is cut off with the task; the second runs it; then the first is back, and done. */
void stale_result_after_loss_is_refused(struct sim *s) {
    struct sim_client *c = client_up(s, 0);
    struct sim_host *first = host_up(s, 0);
    struct sim_task *task = submit(c, 9000000);
    UNTIL(s, task->runs == 1);
    struct token stale = task->delivered;
    host_up(s, 1);
    net_partition(s->net, first->machine, true, true);
    UNTIL(s, task->runs == 2);
    UNTIL(s, task->runs_finished == 1);
    net_heal(s->net, first->machine);
    NEVER(s, 1000, task->finished);
    UNTIL(s, task->finished);
    EXPECT(s, task->outcome == WHERRY_OK && task->note.run == 2);
    EXPECT(s, task->note.counter != stale.counter);
}

/* Lost, given to another child, returned by it unstarted: no attempt is current, and yet the old
 * result is stale. */
void returned_redelivery_lets_no_old_result_in(struct sim *s) {
    struct cast first = cast_of(s);
    cast_deliver(s, &first, 2, 1);
    first.child->started += 1;
    struct puppet_delivery old = *cast_newest(&first);
    first.host->silent = true;
    UNTIL(s, ready(s) == 1);
    struct cast second = cast_worker(s, "second", "second.0");
    puppet_credit(second.child, 1);
    UNTIL(s, second.child->delivery_count == 1);
    puppet_gate(second.host, 0, second.child->generation, 0);
    UNTIL(s, ready(s) == 1);
    first.host->session += 100;
    puppet_host_hello(first.host, false, NULL, 0);
    cast_hello_with(&first, &old);
    NEVER(s, 1000, first.client->results[2] > 0 || ready(s) != 1);
}

/* Epoch 2 gives the unannounced task to the second host; in epoch 3 the first one, away since epoch
 * 1, reports before the second. */
void unannounced_then_second_crash_is_fenced_by_floor(struct sim *s) {
    struct cast first = cast_of(s);
    cast_deliver(s, &first, 2, 1);
    first.child->started += 1;
    struct puppet_delivery old = *cast_newest(&first);
    restart(s);
    struct cast second = cast_worker(s, "second", "second.0");
    puppet_credit(second.child, 1);
    UNTIL(s, second.child->delivery_count == 1);
    second.child->started = 1;
    restart(s);
    announce(&first, NULL);
    cast_hello_with(&first, &old);
    puppet_client_hello(first.client, true);
    NEVER(s, 1000, first.client->results[2] > 0);
    announce(&second, cast_newest(&second));
    cast_hello_with(&second, cast_newest(&second));
    UNTIL(s, first.client->results[2] == 1);
    UNTIL(s, puppet_named(second.child, cast_newest(&second)->token));
}

/* Announced in epoch 2, so `held` is its token; but its child died, and the task went on. */
void held_alone_does_not_decide(struct sim *s) {
    struct cast first = cast_of(s);
    cast_deliver(s, &first, 2, 1);
    first.child->started += 1;
    struct puppet_delivery old = *cast_newest(&first);
    restart(s);
    announce(&first, &old);
    scene_wait(s, 500);
    struct wire_attempt running = puppet_attempt(&old, false);
    struct puppet_place dead = {0,        false, first.child->generation, first.child->started,
                                &running, 1};
    puppet_death(first.host, 1, &dead);
    UNTIL(s, ready(s) == 1);
    struct cast second = cast_worker(s, "second", "second.0");
    puppet_credit(second.child, 1);
    UNTIL(s, second.child->delivery_count == 1);
    second.child->started = 1;
    restart(s);
    announce(&first, NULL);
    cast_hello_with(&first, &old);
    puppet_client_hello(first.client, true);
    NEVER(s, 1000, first.client->results[2] > 0);
    announce(&second, cast_newest(&second));
    cast_hello_with(&second, cast_newest(&second));
    UNTIL(s, first.client->results[2] == 1);
}

void work_announced_within_grace_runs_once(struct sim *s) {
    struct sim_client *c = client_up(s, 0);
    host_up(s, 0);
    host_up(s, 1);
    struct sim_task *tasks[8];
    for (int i = 0; i < 8; i++) {
        tasks[i] = submit(c, 5000000);
    }
    UNTIL(s, sim_broker_counts(&s->broker).leased == 4);
    broker_crash(s, STORE_FATE_KEPT);
    scene_wait(s, 1000);
    broker_start(s);
    for (int i = 0; i < 8; i++) {
        UNTIL(s, tasks[i]->finished);
        EXPECT(s, tasks[i]->outcome == WHERRY_OK && tasks[i]->runs == 1);
    }
}

void cancel_is_stored_before_acknowledged(struct sim *s) {
    struct cast cast = cast_of(s);
    cast_deliver(s, &cast, 2, 1);
    cast.child->started += 1;
    store_hold(s->store);
    puppet_call(cast.client, 1, WIRE_TASK_CANCEL, puppet_id(cast.client, "q0", 2), 60000);
    NEVER(s, 1000, cast.client->call_answered[1]);
    store_release(s->store);
    UNTIL(s, cast.client->call_answered[1]);
    EXPECT(s, cast.client->call_err[1] == WHERRY_OK);
    restart(s);
    puppet_client_hello(cast.client, true);
    announce(&cast, NULL); /* it no longer runs */
    UNTIL(s, cast.client->results[2] == 1);
    EXPECT(s, cast.client->result_status[2] == WIRE_CANCELLED);
}

void once_task_never_runs_twice(struct sim *s) {
    struct sim_client *c = client_up(s, 0);
    host_up(s, 0);
    struct sim_task *once =
        submit_with(c, (struct sim_submit){.options = {.flags = TASK_ONCE, .max_attempts = 1},
                                           .plan = {.duration_us = 5000000}});
    UNTIL(s, once->runs == 1);
    broker_crash(s, STORE_FATE_LOST);
    sim_host_crash(&s->hosts[0]);
    broker_start(s);
    host_up(s, 1);
    UNTIL(s, once->finished);
    EXPECT(s, once->outcome == WHERRY_E_LOST || once->outcome == WHERRY_E_WORKER_LOST);
    scene_wait(s, 20 * 1000);
    EXPECT(s, once->runs == 1);
}

/* A broker that forgot the start could not tell a task that waits from one that ran. */
void start_of_a_once_task_is_stored_before_its_delivery(struct sim *s) {
    struct sim_client *c = client_up(s, 0);
    host_up(s, 0);
    struct sim_task *first = submit(c, 1000000);
    struct sim_task *once =
        submit_with(c, (struct sim_submit){.options = {.flags = TASK_ONCE, .max_attempts = 1},
                                           .wait_ms = -1,
                                           .plan = {.duration_us = 5000000}});
    UNTIL(s, once->accepted && first->runs == 1);
    store_hold(s->store);
    NEVER(s, 3000, once->runs > 0);
    broker_crash(s, STORE_FATE_LOST);
    sim_host_crash(&s->hosts[0]);
    broker_start(s);
    host_up(s, 1);
    UNTIL(s, once->finished && first->finished);
    EXPECT(s, once->outcome == WHERRY_OK && once->runs == 1);
}
