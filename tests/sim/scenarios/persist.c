/* SPDX-License-Identifier: MIT
 *
 * Rules 1: what depends on a batch leaves only when it is committed. */
#include "tests/sim/scenarios/scenarios.h"

static void cast_deliver_one(struct sim *s, struct cast *cast) {
    puppet_submit(cast->client, 1, 1, &(struct puppet_lane){.flags = TASK_KEEP});
    puppet_credit(cast->child, 1);
    UNTIL(s, cast->child->delivery_count == 1);
    cast->child->started = 1;
}

void nothing_is_acknowledged_before_its_batch(struct sim *s) {
    struct puppet *c = puppet_add(s, "client");
    puppet_client_hello(c, false);
    store_hold(s->store);
    puppet_submit(c, 1, 3, &(struct puppet_lane){0});
    NEVER(s, 1000, c->answer[1] != PUPPET_NOTHING);
    store_release(s->store);
    UNTIL(s, c->answer[3] == PUPPET_ACCEPTED);
}

void repeated_submit_waits_for_its_batch(struct sim *s) {
    struct puppet *c = puppet_add(s, "client");
    puppet_client_hello(c, false);
    store_hold(s->store);
    puppet_submit(c, 1, 7, &(struct puppet_lane){0});
    scene_wait(s, 10);
    puppet_client_hello(c, true);
    puppet_submit(c, 7, 1, &(struct puppet_lane){0});
    NEVER(s, 1000, c->answer[7] != PUPPET_NOTHING);
    broker_crash(s, STORE_FATE_LOST);
    broker_start(s);
    puppet_client_hello(c, true);
    puppet_submit(c, 1, 7, &(struct puppet_lane){0});
    UNTIL(s, c->answer[7] == PUPPET_ACCEPTED);
    EXPECT(s, sim_broker_counts(&s->broker).tasks == 7);
}

void result_is_not_shown_before_its_batch(struct sim *s) {
    struct cast cast = cast_of(s);
    struct puppet *other = puppet_add(s, "other");
    puppet_client_hello(other, false);
    cast_deliver_one(s, &cast);
    store_hold(s->store);
    puppet_result(cast.child, &cast.child->deliveries[0], WIRE_DONE);
    puppet_call(other, 1, WIRE_TASK_WAIT, puppet_id(cast.client, "q0", 1), 60000);
    NEVER(s, 1000, other->call_answered[1] || cast.client->results[1] > 0);
    store_release(s->store);
    UNTIL(s, other->call_answered[1] && cast.client->results[1] == 1);
}

/* It waits already when the result comes, and another batch is under way: that one's commit says
 * nothing. */
void waiter_is_answered_only_with_the_batch_of_the_result(struct sim *s) {
    struct cast cast = cast_of(s);
    struct puppet *other = puppet_add(s, "other");
    puppet_client_hello(other, false);
    cast_deliver_one(s, &cast);
    puppet_call(other, 1, WIRE_TASK_WAIT, puppet_id(cast.client, "q0", 1), 60000);
    scene_wait(s, 100);
    store_set_delay(s->store, 1000000, 1000000);
    puppet_submit(cast.client, 2, 1, &(struct puppet_lane){.flags = TASK_KEEP});
    scene_wait(s, 100);
    puppet_result(cast.child, &cast.child->deliveries[0], WIRE_DONE);
    UNTIL(s, cast.client->answer[2] == PUPPET_ACCEPTED); /* the first batch is committed */
    NEVER(s, 500, other->call_answered[1] || cast.child->seen[WIRE_RESULT_ACK] > 0);
    UNTIL(s, other->call_answered[1]);
}

void receipt_of_result_leaves_after_commit(struct sim *s) {
    struct cast cast = cast_of(s);
    cast_deliver_one(s, &cast);
    store_hold(s->store);
    puppet_result(cast.child, &cast.child->deliveries[0], WIRE_DONE);
    NEVER(s, 1000, cast.child->seen[WIRE_RESULT_ACK] > 0);
    store_release(s->store);
    UNTIL(s, puppet_named(cast.child, cast.child->deliveries[0].token));
}

/* The child has its receipt and forgets the result: from then on the store alone has it. */
void result_whose_receipt_left_survives_a_restart(struct sim *s) {
    struct cast cast = cast_of(s);
    cast_deliver_one(s, &cast);
    puppet_result(cast.child, &cast.child->deliveries[0], WIRE_DONE);
    UNTIL(s, puppet_named(cast.child, cast.child->deliveries[0].token));
    broker_crash(s, STORE_FATE_KEPT);
    broker_start(s);
    cast.client->results[1] = 0;
    puppet_client_hello(cast.client, true);
    UNTIL(s, cast.client->results[1] == 1);
}

void answer_about_an_unknown_id_waits_for_the_open_batch(struct sim *s) {
    struct puppet *c = puppet_add(s, "client");
    struct puppet *other = puppet_add(s, "other");
    puppet_client_hello(c, false);
    puppet_client_hello(other, false);
    store_hold(s->store);
    puppet_submit(c, 1, 1, &(struct puppet_lane){0});
    scene_wait(s, 10);
    puppet_call(other, 1, WIRE_TASK_WAIT, puppet_id(c, "q0", 9), 0);
    NEVER(s, 1000, other->call_answered[1]);
    store_release(s->store);
    UNTIL(s, other->call_answered[1]);
    EXPECT(s, other->call_err[1] == WHERRY_E_UNKNOWN);
}

void beats_and_hello_of_a_child_wait_for_no_batch(struct sim *s) {
    struct cast cast = cast_of(s);
    store_hold(s->store);
    puppet_submit(cast.client, 1, 1, &(struct puppet_lane){0});
    scene_wait(s, 10);
    puppet_plain(cast.client, WIRE_BEAT);
    puppet_plain(cast.host, WIRE_BEAT);
    UNTIL(s, cast.client->seen[WIRE_BEAT_OK] > 0 && cast.host->seen[WIRE_BEAT_OK] > 0);
    puppet_child_hello(cast.child, cast.host, 0, NULL, 0);
    EXPECT(s, cast.child->seen[WIRE_HELLO_OK] == 1);
    EXPECT(s, store_under_way(s->store) > 0);
}

void hello_that_makes_a_session_waits_for_its_batch(struct sim *s) {
    struct puppet *c = puppet_add(s, "client");
    struct puppet *first = puppet_add(s, "first");
    puppet_client_hello(first, false);
    store_hold(s->store);
    puppet_client_hello_raw(c, false);
    NEVER(s, 1000, c->seen[WIRE_HELLO_OK] > 0);
    store_release(s->store);
    UNTIL(s, c->seen[WIRE_HELLO_OK] == 1);
}

/* The outcome of a failed sync is unknown: the broker must not answer, and not go on. */
void failed_sync_ends_the_broker_and_loses_nothing(struct sim *s) {
    struct sim_client *c = client_up(s, 0);
    host_up(s, 0);
    struct sim_task *before = submit(c, 1000);
    UNTIL(s, before->finished);
    uint64_t epoch = s->broker.epoch;
    store_fail_next(s->store);
    struct sim_task *task = submit(c, 1000);
    UNTIL(s, !s->broker.alive);
    EXPECT(s, !task->accepted && !task->finished);
    UNTIL(s, s->broker.alive && s->broker.epoch > epoch);
    UNTIL(s, task->finished);
    EXPECT(s, task->outcome == WHERRY_OK && task->runs == 1);
}

void full_disk_refuses_new_work_and_takes_results(struct sim *s) {
    struct sim_client *c = client_up(s, 0);
    host_up(s, 0);
    struct sim_task *running = submit(c, 2000000);
    UNTIL(s, running->runs == 1);
    store_fill(s->store, false);
    struct sim_task *refused = submit(c, 0);
    UNTIL(s, refused->finished);
    EXPECT(s, refused->outcome == WHERRY_E_STORE_FULL && refused->runs == 0);
    UNTIL(s, running->finished);
    EXPECT(s, running->outcome == WHERRY_OK);
    store_free_space(s->store);
    struct sim_task *taken = submit(c, 0);
    UNTIL(s, taken->finished);
    EXPECT(s, taken->outcome == WHERRY_OK);
}

void changes_park_while_a_batch_is_full_and_beats_go_on(struct sim *s) {
    struct cast cast = cast_of(s);
    store_hold(s->store);
    for (uint64_t number = 1; number <= 40; number++) {
        puppet_submit(cast.client, number, 1, &(struct puppet_lane){.size = 100});
    }
    scene_wait(s, 100);
    EXPECT(s, sim_broker_counts(&s->broker).tasks < 40);
    puppet_plain(cast.client, WIRE_BEAT);
    UNTIL(s, cast.client->seen[WIRE_BEAT_OK] > 0);
    puppet_child_hello(cast.child, cast.host, 0, NULL, 0);
    NEVER(s, 1000, cast.client->answer[40] != PUPPET_NOTHING);
    store_release(s->store);
    UNTIL(s, cast.client->answer[40] == PUPPET_ACCEPTED);
    EXPECT(s, sim_broker_counts(&s->broker).tasks == 40);
}
