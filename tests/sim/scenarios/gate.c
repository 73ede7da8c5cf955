/* SPDX-License-Identifier: MIT
 *
 * Rules 3.1 to 3.3: what may still be started, and who says so. */
#include "tests/sim/scenarios/scenarios.h"

static uint64_t ready(const struct sim *s) {
    return sim_broker_counts(&s->broker).ready;
}

static bool all_ran_once(struct sim_task **tasks, int count) {
    for (int i = 0; i < count; i++) {
        if (tasks[i]->runs != 1) {
            return false;
        }
    }
    return true;
}

static bool some_ran_twice(struct sim_task **tasks, int count) {
    for (int i = 0; i < count; i++) {
        if (tasks[i]->runs > 1) {
            return true;
        }
    }
    return false;
}

/* The child runs the first task, has five more in its queue, and is cut off with them. The broker
 * restarts, hears from the supervisor what runs, and gives the five to another host. */
void gate_closed_before_announcing(struct sim *s) {
    struct sim_client *c = client_up(s, 0);
    host_up(s, 0);
    struct sim_child *child = sim_child_of(s, 0, 0);
    struct sim_task *quick = submit(c, 0);
    UNTIL(s, quick->finished);
    struct sim_task *tasks[6];
    for (int i = 0; i < 6; i++) {
        tasks[i] = submit(c, i == 0 ? 3000000 : 0);
    }
    UNTIL(s, tasks[0]->runs == 1 && tasks[5]->deliveries == 1);
    scene_wait(s, 1);
    EXPECT(s, child_has_more(child->logic));
    net_hold(s->net, child->node, NET_UP, 0);
    net_hold(s->net, child->node, NET_DOWN, 0);
    broker_crash(s, STORE_FATE_KEPT);
    broker_start(s);
    host_up(s, 1);
    UNTIL(s, all_ran_once(tasks, 6));
    NEVER(s, 5000, some_ran_twice(tasks, 6));
    net_release(s->net, child->node, NET_UP);
    net_release(s->net, child->node, NET_DOWN);
    UNTIL(s, tasks[0]->finished);
    EXPECT(s, tasks[0]->outcome == WHERRY_OK && tasks[0]->runs == 1);
}

void idle_child_is_woken_when_its_gate_closes(struct sim *s) {
    struct sim_client *c = client_up(s, 0);
    struct sim_host *host = host_up(s, 0);
    struct gate_state before = gate_state(host->children[0].gate);
    net_cut(s->net, host->node);
    UNTIL(s, gate_state(host->children[0].gate).generation > before.generation);
    UNTIL(s, host_greeted(host->logic));
    scene_wait(s, 100);
    struct sim_task *task = submit(c, 0);
    int64_t asked_us = s->world.now_us;
    UNTIL(s, task->finished);
    EXPECT(s, task->outcome == WHERRY_OK && s->world.now_us - asked_us < 500000);
}

/* The report of generation 2 was lost with its connection; that of generation 3 speaks for both. */
void older_generation_is_voided_too(struct sim *s) {
    struct cast cast = cast_of(s);
    cast_deliver(s, &cast, 2, 1);
    EXPECT(s, cast_newest(&cast)->generation == cast.child->generation);
    puppet_gate(cast.host, 0, cast.child->generation + 1, cast.child->started);
    UNTIL(s, ready(s) == 1);
    cast.child->generation += 2;
    puppet_credit(cast.child, cast.child->started + 1);
    UNTIL(s, cast.child->delivery_count == 2);
    EXPECT(s, cast_newest(&cast)->generation == cast.child->generation);
}

void first_credit_of_a_generation_is_the_report_of_the_one_before(struct sim *s) {
    struct cast cast = cast_of(s);
    cast_deliver(s, &cast, 2, 3);
    cast.child->started += 1;
    cast.child->generation += 1;
    puppet_credit(cast.child, cast.child->started + 2);
    UNTIL(s, cast.child->delivery_count == 5); /* the two that had not been started, again */
    cast.child->started += 2;
    puppet_result(cast.child, &cast.child->deliveries[0], WIRE_DONE);
    puppet_result(cast.child, &cast.child->deliveries[3], WIRE_DONE);
    puppet_result(cast.child, &cast.child->deliveries[4], WIRE_DONE);
    UNTIL(s, cast.client->results[2] + cast.client->results[3] + cast.client->results[4] == 3);
}

void credit_of_a_closed_generation_is_refused(struct sim *s) {
    struct cast cast = cast_of(s);
    puppet_gate(cast.host, 0, cast.child->generation, 0);
    scene_wait(s, 10);
    puppet_submit(cast.client, 1, 1, &(struct puppet_lane){0});
    puppet_credit(cast.child, 1);
    NEVER(s, 1000, cast.child->delivery_count > 0);
    cast.child->generation++;
    puppet_credit(cast.child, 1);
    UNTIL(s, cast.child->delivery_count == 1);
}

void unknown_route_says_hello_again_and_gets_work(struct sim *s) {
    struct sim_client *c = client_up(s, 0);
    struct sim_host *host = host_up(s, 0);
    net_cut(s->net, host->children[0].node);
    scene_wait(s, 10 * 1000);
    struct sim_task *task = submit(c, 0);
    int64_t asked_us = s->world.now_us;
    UNTIL(s, task->finished);
    EXPECT(s, s->world.now_us - asked_us < 5000000);
}

/* A hello of the first connection arrives after that of the second, which has been given work. */
void delayed_report_voids_nothing_new(struct sim *s) {
    struct cast cast = cast_of(s);
    net_set_farewell(s->net, NET_ALL_LATE);
    net_delay_next(s->net, cast.child->node, NET_UP, 3000000);
    puppet_child_hello_raw(cast.child, cast.child->generation, 0, NULL, 0);
    cast.child->generation++;
    puppet_child_hello(cast.child, cast.host, 0, NULL, 0);
    cast_deliver(s, &cast, 2, 1);
    cast.child->started += 1;
    puppet_gate(cast.host, 0, cast.child->generation - 1, 0);
    NEVER(s, 5000, ready(s) > 0 || cast.child->seen[WIRE_LEASE_LOST] > 0);
    cast_hello_with(&cast, cast_newest(&cast)); /* the late hello took its route away */
    UNTIL(s, cast.client->results[2] == 1);
}

/* Its place has a new child by then; whoever takes the route away from it leaves it without work.
 */
void late_hello_of_a_dead_child_takes_no_route(struct sim *s) {
    struct cast cast = cast_of(s);
    struct puppet *dead = cast.child;
    net_set_farewell(s->net, NET_ALL_LATE);
    net_delay_next(s->net, dead->node, NET_UP, 3000000);
    puppet_child_hello_raw(dead, dead->generation, 0, NULL, 0);
    net_close(s->net, dead->node);
    struct puppet_place place = {0, false, dead->generation + 1, 0, NULL, 0};
    puppet_death(cast.host, 1, &place);
    UNTIL(s, cast.host->seen[WIRE_DEATH_ACK] == 1);
    cast.child = puppet_add(s, "next child");
    cast.child->generation = dead->generation + 2;
    puppet_child_hello(cast.child, cast.host, 0, NULL, 0);
    scene_wait(s, 6000);
    cast_deliver(s, &cast, 2, 1);
}

void child_hello_before_host_hello_keeps_good_work(struct sim *s) {
    struct cast cast = cast_of(s);
    cast_deliver(s, &cast, 2, 1);
    cast.child->started += 1;
    broker_crash(s, STORE_FATE_KEPT);
    broker_start(s);
    cast_hello_with(&cast, cast_newest(&cast));
    puppet_client_hello(cast.client, true);
    UNTIL(s, puppet_named(cast.child, cast_newest(&cast)->token));
    EXPECT(s, cast.child->seen[WIRE_LEASE_LOST] == 0);
    UNTIL(s, cast.client->results[2] == 1);
    EXPECT(s, cast.client->result_status[2] == WIRE_DONE);
}

void running_child_before_its_host_is_not_told_to_stop(struct sim *s) {
    struct cast cast = cast_of(s);
    cast_deliver(s, &cast, 2, 1);
    cast.child->started += 1;
    broker_crash(s, STORE_FATE_KEPT);
    broker_start(s);
    puppet_child_hello(cast.child, cast.host, 0, NULL, 0);
    puppet_credit(cast.child, cast.child->started + 1);
    NEVER(s, 2000, cast.child->seen[WIRE_LEASE_LOST] > 0 || cast.child->delivery_count > 1);
    struct wire_attempt running = puppet_attempt(cast_newest(&cast), false);
    struct puppet_place place = {0, true, cast.child->generation, cast.child->started, &running, 1};
    puppet_host_hello(cast.host, true, &place, 1);
    cast.child->generation++;
    cast_hello_with(&cast, cast_newest(&cast));
    UNTIL(s, puppet_named(cast.child, cast_newest(&cast)->token));
    puppet_client_hello(cast.client, true);
    UNTIL(s, cast.client->results[2] == 1);
}

/* Another host is back first: it gets new tasks, but none of those that the first host may be
 * running. */
void old_tasks_wait_until_every_host_has_announced(struct sim *s) {
    struct cast cast = cast_of(s);
    cast_deliver(s, &cast, 2, 1);
    broker_crash(s, STORE_FATE_KEPT);
    broker_start(s);
    struct cast second = cast_worker(s, "second", "second.0");
    puppet_credit(second.child, 8);
    puppet_client_hello(cast.client, true);
    NEVER(s, 1000, second.child->delivery_count > 0);
    puppet_submit(cast.client, 3, 1, &(struct puppet_lane){.flags = TASK_KEEP}); /* its own lane */
    UNTIL(s, second.child->delivery_count == 1);
    EXPECT(s, second.child->deliveries[0].id.number == 3);
    second.child->started = 1;
    puppet_result(second.child, &second.child->deliveries[0], WIRE_DONE);
    struct puppet_place place = {0, true, cast.child->generation, cast.child->started, NULL, 0};
    puppet_host_hello(cast.host, true, &place, 1);
    UNTIL(s, second.child->delivery_count == 2);
    EXPECT(s, second.child->deliveries[1].id.number == 2);
}
