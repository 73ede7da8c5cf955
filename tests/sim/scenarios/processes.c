/* SPDX-License-Identifier: MIT
 *
 * Processes: started at most once, never lost silently, and nothing of theirs is left behind (rules
 * 2.7, 3.3, 4.4). Each host has two places for them behind those of its pool. */
#include "tests/sim/scenarios/scenarios.h"

#include <signal.h>

static struct sim_task *start_as(struct sim_client *client, int64_t duration_us, uint32_t flags) {
    return submit_with(client, (struct sim_submit){.wait_ms = -1,
                                                   .plan = {.duration_us = duration_us},
                                                   .options = {.flags = TASK_PROCESS | TASK_ONCE |
                                                                        flags,
                                                               .max_attempts = 1}});
}

static struct sim_task *start(struct sim_client *client, int64_t duration_us) {
    return start_as(client, duration_us, 0);
}

/* The child that runs it; NULL: none does. */
static struct sim_child *runner_of(struct sim *s, const struct sim_task *task) {
    for (uint32_t host = 0; host < s->config.hosts; host++) {
        for (uint32_t place = 0; place < sim_host_places(s); place++) {
            struct sim_child *child = &s->hosts[host].children[place];
            if (child->logic != NULL && child->running && child->plan.ordinal == task->ordinal) {
                return child;
            }
        }
    }
    return NULL;
}

/* Living processes in the places for Processes. */
static uint32_t spawned(const struct sim *s) {
    uint32_t count = 0;
    for (uint32_t host = 0; host < s->config.hosts; host++) {
        for (uint32_t place = s->config.processes; place < sim_host_places(s); place++) {
            count += s->hosts[host].children[place].logic != NULL;
        }
    }
    return count;
}

void process_runs_beside_a_busy_pool(struct sim *s) {
    struct sim_client *c = client_up(s, 0);
    host_up(s, 0);
    struct sim_task *busy = submit(c, 60000000);
    UNTIL(s, busy->runs == 1);
    struct sim_task *process = start(c, 1000000);
    UNTIL(s, process->finished);
    EXPECT(s, process->outcome == WHERRY_OK && process->runs == 1 && !busy->finished);
    UNTIL(s, spawned(s) == 0);
}

void process_that_was_killed_is_not_started_again(struct sim *s) {
    struct sim_client *c = client_up(s, 0);
    host_up(s, 0);
    struct sim_task *process = start(c, 60000000);
    UNTIL(s, runner_of(s, process) != NULL);
    sim_child_kill(runner_of(s, process), SIGKILL, false);
    UNTIL(s, process->finished);
    EXPECT(s, process->outcome == WHERRY_OK && process->exit_code == -SIGKILL);
    NEVER(s, 5000, process->runs > 1);
}

void process_whose_host_dies_is_lost(struct sim *s) {
    struct sim_client *c = client_up(s, 0);
    host_up(s, 0);
    struct sim_task *process = start(c, 60000000);
    UNTIL(s, runner_of(s, process) != NULL);
    host_up(s, 1);
    sim_host_crash(&s->hosts[0]);
    UNTIL(s, process->finished);
    EXPECT(s, process->outcome == WHERRY_E_LOST && process->runs == 1);
}

void process_waits_when_the_host_that_was_asked_dies(struct sim *s) {
    struct sim_client *c = client_up(s, 0);
    struct sim_host *host = host_up(s, 0);
    net_hold(s->net, host->node, NET_DOWN, WIRE_SPAWN);
    struct sim_task *process = start(c, 1000000);
    UNTIL(s, net_holding(s->net, host->node, NET_DOWN));
    sim_host_crash(host);
    net_release(s->net, host->node, NET_DOWN);
    host_up(s, 0);
    UNTIL(s, process->finished);
    EXPECT(s, process->outcome == WHERRY_OK && process->runs == 1);
}

void process_runs_once_over_a_restart_of_the_broker(struct sim *s) {
    struct sim_client *c = client_up(s, 0);
    host_up(s, 0);
    struct sim_task *process = start(c, 20000000);
    UNTIL(s, runner_of(s, process) != NULL);
    broker_crash(s, STORE_FATE_LOST);
    scene_wait(s, 500);
    broker_start(s);
    UNTIL(s, process->finished);
    EXPECT(s, process->outcome == WHERRY_OK && process->runs == 1);
}

/* Between the order and the hello of its child: the child is ended, and the place is used again. */
void process_cancelled_before_its_child_came_costs_no_place(struct sim *s) {
    struct sim_client *c = client_up(s, 0);
    struct sim_host *host = host_up(s, 0);
    for (int i = 0; i < 5; i++) {
        net_hold(s->net, host->node, NET_DOWN, WIRE_SPAWN);
        struct sim_task *process = start(c, 1000000);
        UNTIL(s, net_holding(s->net, host->node, NET_DOWN));
        checker_cancel_asked(&s->checker, process);
        sim_client_cancel(c, process);
        UNTIL(s, process->finished);
        EXPECT(s, process->outcome == WHERRY_E_CANCELLED && process->runs == 0);
        net_release(s->net, host->node, NET_DOWN);
        UNTIL(s, spawned(s) == 1);
        UNTIL(s, spawned(s) == 0);
    }
    struct sim_task *last = start(c, 1000);
    UNTIL(s, last->finished && last->outcome == WHERRY_OK);
}

void start_without_room_is_withdrawn_and_never_runs(struct sim *s) {
    struct sim_client *c = client_up(s, 0);
    host_up(s, 0);
    struct sim_task *first = start(c, 20000000);
    struct sim_task *second = start(c, 20000000);
    UNTIL(s, first->runs == 1 && second->runs == 1);
    struct sim_task *third = start(c, 1000);
    checker_cancel_asked(&s->checker, third);
    EXPECT(s, sim_client_ask(c, WIRE_PROCESS_START, third->id, 1000) != NULL);
    UNTIL(s, third->finished);
    EXPECT(s, third->outcome == WHERRY_E_CANCELLED);
    UNTIL(s, first->finished && second->finished);
    NEVER(s, 5000, third->runs > 0);
}

void daemon_is_killed_with_its_client(struct sim *s) {
    struct sim_client *c = client_up(s, 0);
    host_up(s, 0);
    struct sim_task *daemon = start_as(c, 600000000, TASK_DAEMON);
    struct sim_task *other = start(c, 60000000);
    UNTIL(s, runner_of(s, daemon) != NULL && runner_of(s, other) != NULL);
    sim_client_crash(c);
    UNTIL(s, runner_of(s, daemon) == NULL);
    EXPECT(s, runner_of(s, other) != NULL || other->runs_finished == 1);
    UNTIL(s, other->runs_finished == 1);
}

/* ---- sessions inside ---------------------------------------------------------------------------
 */

static void hello_inside(struct puppet *puppet, const struct puppet *child, bool resume) {
    const struct puppet_delivery *delivery = &child->deliveries[child->delivery_count - 1];
    puppet->parent = child->session;
    puppet->attempt = delivery->token;
    puppet_client_hello(puppet, resume);
}

static void death_of(struct cast *cast) {
    cast->child->started += 1;
    struct wire_attempt running = puppet_attempt(cast_newest(cast), false);
    struct puppet_place place = {0,        false, cast->child->generation, cast->child->started,
                                 &running, 1};
    puppet_death(cast->host, 1, &place);
}

void session_inside_a_process_ends_with_it(struct sim *s) {
    struct cast cast = cast_of(s);
    cast_deliver(s, &cast, 2, 1);
    struct puppet *inside = puppet_add(s, "inside");
    hello_inside(inside, cast.child, false);
    EXPECT(s, inside->seen[WIRE_HELLO_OK] == 1);
    death_of(&cast);
    UNTIL(s, cast.host->seen[WIRE_DEATH_ACK] == 1);
    puppet_client_hello(inside, true);
    EXPECT(s, inside->seen[WIRE_HELLO_OK] == 0);
}

/* Its attempt is announced; it goes on. When that has ended, so has it. */
void session_inside_a_process_lives_over_a_restart(struct sim *s) {
    struct cast cast = cast_of(s);
    cast_deliver(s, &cast, 2, 1);
    struct puppet *inside = puppet_add(s, "inside");
    hello_inside(inside, cast.child, false);
    broker_crash(s, STORE_FATE_LOST);
    broker_start(s);
    puppet_client_hello(cast.client, true);
    hello_inside(inside, cast.child, true);
    EXPECT(s, inside->seen[WIRE_HELLO_OK] == 1);
    cast.child->started += 1;
    struct wire_attempt running = puppet_attempt(cast_newest(&cast), false);
    struct puppet_place place = {0,        true, cast.child->generation, cast.child->started,
                                 &running, 1};
    puppet_host_hello(cast.host, true, &place, 1);
    puppet_child_hello(cast.child, cast.host, 0, NULL, 0);
    NEVER(s, 5000, sim_broker_counts(&s->broker).sessions < 2);
    cast.child->started -= 1;
    death_of(&cast);
    UNTIL(s, sim_broker_counts(&s->broker).sessions == 1);
}
