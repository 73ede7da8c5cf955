/* SPDX-License-Identifier: MIT
 *
 * Rules 4.3 for whole queues and hosts: what was asked and acknowledged holds, restart or not. */
#include "tests/sim/scenarios/scenarios.h"

static struct engine_counts counts(const struct sim *s) {
    return sim_broker_counts(&s->broker);
}

/* An operator pauses the queue; the broker dies and comes back; its workers are there before
 * anybody looks. */
void paused_queue_stays_paused_over_a_restart(struct sim *s) {
    struct puppet *c = puppet_add(s, "client");
    puppet_client_hello(c, false);
    puppet_submit(c, 1, 1, &(struct puppet_lane){.wait_ms = -1});
    UNTIL(s, c->answer[1] == PUPPET_ACCEPTED);
    puppet_pause(c, 1, "q0", WIRE_PAUSE_OUT, 0);
    UNTIL(s, c->call_answered[1]);
    EXPECT(s, c->call_err[1] == WHERRY_OK);
    broker_crash(s, STORE_FATE_LOST);
    broker_start(s);
    struct cast cast = cast_worker(s, "host", "child");
    puppet_credit(cast.child, 1);
    NEVER(s, 15000, cast.child->delivery_count > 0);
    puppet_client_hello(c, true);
    puppet_pause(c, 2, "q0", 0, WIRE_PAUSE_OUT);
    UNTIL(s, cast.child->delivery_count == 1);
}

/* The child runs the first of five; the others must not start behind it, an hour later. */
void delivery_that_has_not_begun_is_taken_back_when_its_queue_is_paused(struct sim *s) {
    struct cast cast = cast_of(s);
    cast_deliver(s, &cast, 2, 5);
    cast.child->started++;
    puppet_pause(cast.client, 1, "q0", WIRE_PAUSE_OUT, 0);
    UNTIL(s, cast.host->seen[WIRE_CLOSE_GATE] == 1);
    puppet_gate(cast.host, 0, cast.child->generation, cast.child->started);
    UNTIL(s, counts(s).ready == 4);
    cast.child->generation++;
    puppet_credit(cast.child, cast.child->started + 8);
    NEVER(s, 2000, cast.child->delivery_count > 5 || cast.host->seen[WIRE_CLOSE_GATE] > 1);
    puppet_result(cast.child, &cast.child->deliveries[0], WIRE_DONE);
    UNTIL(s, cast.client->results[2] == 1);
    puppet_pause(cast.client, 2, "q0", 0, WIRE_PAUSE_ALL);
    UNTIL(s, cast.child->delivery_count == 9);
    EXPECT(s, counts(s).retries_lease == 0 && counts(s).retries_crash == 0);
}

/* Handed out when the queue is purged; then the broker dies, and its host with it. */
void task_that_was_out_at_a_purge_does_not_come_back_after_a_restart(struct sim *s) {
    struct cast cast = cast_of(s);
    cast_deliver(s, &cast, 2, 1);
    puppet_purge(cast.client, 1, "q0");
    UNTIL(s, cast.client->call_answered[1]);
    EXPECT(s, cast.client->call_err[1] == WHERRY_OK);
    broker_crash(s, STORE_FATE_LOST);
    broker_start(s);
    struct cast other = cast_worker(s, "host2", "child2");
    puppet_credit(other.child, 1);
    puppet_client_hello(cast.client, true);
    UNTIL(s, cast.client->results[2] == 1);
    EXPECT(s, cast.client->result_status[2] == WIRE_CANCELLED);
    NEVER(s, 1000, other.child->delivery_count > 0);
}

/* Its answer is lost with the connection; meanwhile somebody has submitted again. */
void purge_that_is_said_again_spares_what_came_since(struct sim *s) {
    struct puppet *c = puppet_add(s, "client");
    puppet_client_hello(c, false);
    puppet_submit(c, 1, 3, &(struct puppet_lane){.wait_ms = -1});
    UNTIL(s, c->answer[3] == PUPPET_ACCEPTED);
    puppet_purge(c, 7, "q0");
    UNTIL(s, c->results[3] == 1);
    puppet_submit(c, 4, 2, &(struct puppet_lane){.wait_ms = -1});
    UNTIL(s, c->answer[5] == PUPPET_ACCEPTED);
    broker_crash(s, STORE_FATE_KEPT);
    broker_start(s);
    puppet_client_hello(c, true);
    puppet_purge(c, 7, "q0");
    UNTIL(s, c->call_answered[7]);
    NEVER(s, 12000, counts(s).ready != 2);
}

/* One runs, one was handed out behind it, three wait, one waits for room. */
void purge_reaches_the_queue_the_parked_and_what_has_not_begun(struct sim *s) {
    struct cast cast = cast_of(s);
    struct puppet *c = cast.client;
    cast_deliver(s, &cast, 2, 2);
    cast.child->started++;
    puppet_submit(c, 4, 4, &(struct puppet_lane){.wait_ms = -1});
    UNTIL(s, counts(s).waiters == 1 && counts(s).ready == 3);
    puppet_purge(c, 1, "q0");
    UNTIL(s, c->call_answered[1]);
    EXPECT(s, counts(s).ready == 0 && counts(s).waiters == 0);
    EXPECT(s, c->answer[7] == PUPPET_REFUSED + WHERRY_E_CANCELLED);
    UNTIL(s, cast.host->seen[WIRE_CLOSE_GATE] == 1);
    puppet_gate(cast.host, 0, cast.child->generation, cast.child->started);
    for (uint64_t number = 3; number <= 6; number++) {
        UNTIL(s, c->results[number] == 1);
        EXPECT(s, c->result_status[number] == WIRE_CANCELLED);
    }
    puppet_result(cast.child, &cast.child->deliveries[0], WIRE_DONE);
    UNTIL(s, c->results[2] == 1);
    EXPECT(s, c->result_status[2] == WIRE_DONE);
}

/* Beats, and tasks of other queues, go on while a purge works. */
void purge_of_thousands_holds_nobody_up(struct sim *s) {
    struct puppet *c = puppet_add(s, "client");
    puppet_client_hello(c, false);
    host_up(s, 0);
    struct sim_client *other = client_up(s, 0);
    struct puppet_lane crowd = {.queue = "crowd", .wait_ms = -1};
    for (uint64_t first = 1; first <= 5000; first += 50) {
        puppet_submit(c, first, 50, &crowd);
    }
    UNTIL(s, counts(s).ready == 5000);
    puppet_purge(c, 1, "crowd");
    UNTIL(s, counts(s).cancelled > 0);
    EXPECT(s, counts(s).cancelled < 5000);
    struct sim_task *task = submit(other, 1000);
    UNTIL(s, task->finished && c->call_answered[1]);
    EXPECT(s, task->outcome == WHERRY_OK && counts(s).cancelled == 5000);
}

/* ---- hosts that are sent away ------------------------------------------------------------------
 */

/* It runs a long task, and was given others behind it. */
void host_that_is_sent_away_finishes_gives_back_and_leaves(struct sim *s) {
    struct sim_client *c = client_up(s, 0);
    struct sim_host *host = host_up(s, 0);
    struct sim_task *runs = submit(c, 3000000);
    UNTIL(s, runs->runs == 1);
    struct sim_task *waits = submit(c, 1000);
    struct sim_call *drain = sim_client_drain(c, host, -1, 10000);
    struct sim_call *join = sim_client_join(c, host, 20000);
    UNTIL(s, drain->answered);
    EXPECT(s, drain->err == WHERRY_OK && !join->answered && host->draining);
    NEVER(s, 1000, waits->deliveries > 0);
    UNTIL(s, join->answered);
    EXPECT(s, join->err == WHERRY_OK && host->logic == NULL);
    EXPECT(s, runs->finished && runs->outcome == WHERRY_OK && runs->runs == 1);
    host_up(s, 1);
    UNTIL(s, waits->finished);
    EXPECT(s, waits->outcome == WHERRY_OK && counts(s).retries_lease == 0);
}

/* The order is lost with the connection, and said again after the next hello. */
void order_to_leave_reaches_a_host_that_was_cut_off(struct sim *s) {
    struct cast cast = cast_of(s);
    net_cut(s->net, cast.host->node);
    puppet_call_host(cast.client, 1, WIRE_WORKER_DRAIN, cast.host->session);
    scene_wait(s, 100);
    EXPECT(s, !cast.client->call_answered[1]);
    puppet_credit(cast.child, 5);
    puppet_submit(cast.client, 1, 1, &(struct puppet_lane){.wait_ms = -1});
    NEVER(s, 1000, cast.child->delivery_count > 0); /* not even before it confirms */
    struct puppet_place place = {.alive = true, .generation = cast.child->generation};
    puppet_host_hello(cast.host, true, &place, 1);
    UNTIL(s, cast.host->seen[WIRE_LEAVE] == 1);
    puppet_plain(cast.host, WIRE_DRAIN);
    UNTIL(s, cast.client->call_answered[1]);
    EXPECT(s, cast.client->call_err[1] == WHERRY_OK);
    puppet_call_host(cast.client, 2, WIRE_WORKER_JOIN, cast.host->session);
    NEVER(s, 1000, cast.client->call_answered[2]);
    puppet_plain(cast.host, WIRE_GOODBYE);
    UNTIL(s, cast.client->call_answered[2]);
    EXPECT(s, cast.client->call_err[2] == WHERRY_OK);
}

/* The broker dies as soon as it has confirmed; the next one knows nothing of the order. */
void host_that_has_confirmed_leaves_without_the_broker(struct sim *s) {
    struct sim_client *c = client_up(s, 0);
    struct sim_host *host = host_up(s, 0);
    struct sim_task *runs = submit(c, 5000000);
    UNTIL(s, runs->runs == 1);
    struct sim_call *drain = sim_client_drain(c, host, -1, 10000);
    UNTIL(s, drain->answered);
    broker_crash(s, STORE_FATE_CHANCE);
    broker_start(s);
    struct sim_task *other = submit(c, 1000);
    UNTIL(s, host->logic == NULL);
    EXPECT(s, runs->runs == 1 && other->deliveries == 0);
    host_up(s, 1);
    UNTIL(s, runs->finished && other->finished);
    EXPECT(s, runs->runs == 1 && runs->outcome == WHERRY_OK);
}
