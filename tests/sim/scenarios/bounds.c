/* SPDX-License-Identifier: MIT
 *
 * Rules 6: what is full says so, and whoever waits is woken. */
#include "tests/sim/scenarios/scenarios.h"

static struct engine_counts counts(const struct sim *s) {
    return sim_broker_counts(&s->broker);
}

static struct puppet *client_of(struct sim *s) {
    struct puppet *c = puppet_add(s, "client");
    puppet_client_hello(c, false);
    return c;
}

static uint32_t accepted(const struct puppet *c, uint64_t first, uint64_t count) {
    uint32_t sum = 0;
    for (uint64_t i = first; i < first + count; i++) {
        sum += c->answer[i] == PUPPET_ACCEPTED;
    }
    return sum;
}

static bool refused(const struct puppet *c, uint64_t number, wherry_err err) {
    return c->answer[number] == PUPPET_REFUSED + (uint32_t)err;
}

/* A loop that submits before it gets: nobody takes the results, and the submit must not wait for
 * them. */
void submit_before_get_never_waits_for_itself(struct sim *s) {
    struct cast cast = cast_of(s);
    cast_deliver(s, &cast, 2, 20);
    for (uint32_t i = 0; i < 20; i++) {
        cast.child->started++;
        puppet_result(cast.child, &cast.child->deliveries[i], WIRE_DONE);
    }
    UNTIL(s, cast.client->results[21] == 1);
    int64_t asked_us = s->world.now_us;
    puppet_submit(cast.client, 22, 1, &(struct puppet_lane){.wait_ms = -1});
    UNTIL(s, refused(cast.client, 22, WHERRY_E_RESULTS_FULL));
    EXPECT(s, s->world.now_us - asked_us < 100000);
    puppet_ack(cast.client, 22, 1, 21);
    scene_wait(s, 100);
    puppet_submit(cast.client, 23, 1, &(struct puppet_lane){.wait_ms = -1});
    UNTIL(s, cast.client->answer[23] == PUPPET_ACCEPTED);
}

void returned_task_above_bound_is_taken_and_putters_wait(struct sim *s) {
    struct cast cast = cast_of(s);
    struct puppet *c = cast.client;
    cast_deliver(s, &cast, 2, 1);
    puppet_submit(c, 3, 2, &(struct puppet_lane){.wait_ms = -1});
    UNTIL(s, c->answer[3] == PUPPET_ACCEPTED);
    puppet_gate(cast.host, 0, cast.child->generation, cast.child->started);
    UNTIL(s, counts(s).ready == 2); /* one above the bound */
    cast.child->generation++;
    puppet_credit(cast.child, cast.child->started + 1);
    UNTIL(s, cast.child->delivery_count == 2);
    NEVER(s, 1000, c->answer[4] != PUPPET_NOTHING); /* the count is at the bound */
    puppet_credit(cast.child, cast.child->started + 2);
    UNTIL(s, c->answer[4] == PUPPET_ACCEPTED);
}

/* Its turn came and its payload was asked for; then a task came back, and the queue is full again.
 */
void place_kept_for_a_payload_is_given_back_to_what_returns(struct sim *s) {
    struct cast cast = cast_of(s);
    struct puppet *c = cast.client;
    struct puppet_lane large = {.wait_ms = -1, .size = 20000};
    cast_deliver(s, &cast, 2, 1);
    puppet_submit(c, 3, 1, &(struct puppet_lane){.wait_ms = -1});
    UNTIL(s, c->answer[3] == PUPPET_ACCEPTED);
    puppet_submit(c, 4, 1, &large);
    scene_wait(s, 100);
    EXPECT(s, c->answer[4] == PUPPET_NOTHING);
    puppet_cancel(c, 3);
    UNTIL(s, refused(c, 4, WHERRY_E_RETRY));
    puppet_gate(cast.host, 0, cast.child->generation, cast.child->started);
    UNTIL(s, counts(s).ready == 1);
    c->answer[4] = PUPPET_NOTHING;
    puppet_submit(c, 4, 1, &large);
    NEVER(s, 1000, c->answer[4] == PUPPET_ACCEPTED || counts(s).ready > 1);
    puppet_cancel(c, 2);
    UNTIL(s, c->answer[4] != PUPPET_NOTHING);
    if (refused(c, 4, WHERRY_E_RETRY)) {
        puppet_submit(c, 4, 1, &large);
    }
    UNTIL(s, c->answer[4] == PUPPET_ACCEPTED);
}

void bound_is_never_exceeded(struct sim *s) {
    struct puppet *c = client_of(s);
    puppet_submit(c, 1, 5, &(struct puppet_lane){.wait_ms = -1});
    UNTIL(s, accepted(c, 1, 5) > 0);
    NEVER(s, 1000, accepted(c, 1, 5) > 3 || counts(s).ready > 3);
    puppet_submit(c, 6, 1, &(struct puppet_lane){.wait_ms = 0});
    UNTIL(s, refused(c, 6, WHERRY_E_FULL));
    EXPECT(s, accepted(c, 1, 3) == 3 && counts(s).waiters == 2);
}

void putter_is_woken_when_room_appears(struct sim *s) {
    struct puppet *c = client_of(s);
    puppet_submit(c, 1, 2, &(struct puppet_lane){.wait_ms = -1});
    UNTIL(s, c->answer[1] == PUPPET_ACCEPTED);
    puppet_cancel(c, 1);
    int64_t cancelled_us = s->world.now_us;
    UNTIL(s, c->answer[2] == PUPPET_ACCEPTED);
    EXPECT(s, s->world.now_us - cancelled_us < 100000);
}

void putters_are_served_in_order_of_arrival(struct sim *s) {
    struct puppet *c = client_of(s);
    struct puppet *other = puppet_add(s, "other");
    puppet_client_hello(other, false);
    puppet_submit(c, 1, 1, &(struct puppet_lane){.wait_ms = -1});
    UNTIL(s, c->answer[1] == PUPPET_ACCEPTED);
    puppet_submit(other, 1, 1, &(struct puppet_lane){.wait_ms = -1});
    scene_wait(s, 10);
    puppet_submit(c, 2, 1, &(struct puppet_lane){.wait_ms = -1});
    scene_wait(s, 10);
    puppet_submit(c, 3, 1, &(struct puppet_lane){.wait_ms = 0}); /* does not overtake, either */
    UNTIL(s, refused(c, 3, WHERRY_E_FULL));
    puppet_cancel(c, 1);
    UNTIL(s, other->answer[1] == PUPPET_ACCEPTED);
    NEVER(s, 500, c->answer[2] != PUPPET_NOTHING);
    puppet_cancel(other, 1);
    UNTIL(s, c->answer[2] == PUPPET_ACCEPTED);
}

void full_queue_says_full_at_once_to_whoever_does_not_wait(struct sim *s) {
    struct puppet *c = client_of(s);
    puppet_submit(c, 1, 1, &(struct puppet_lane){.wait_ms = 0});
    UNTIL(s, c->answer[1] == PUPPET_ACCEPTED);
    int64_t asked_us = s->world.now_us;
    puppet_submit(c, 2, 1, &(struct puppet_lane){.wait_ms = 0});
    UNTIL(s, refused(c, 2, WHERRY_E_FULL));
    EXPECT(s, s->world.now_us - asked_us < 10000 && counts(s).tasks == 1);
}

void putter_that_waited_in_vain_is_not_in_the_queue(struct sim *s) {
    struct puppet *c = client_of(s);
    puppet_submit(c, 1, 1, &(struct puppet_lane){.wait_ms = 0});
    puppet_submit(c, 2, 1, &(struct puppet_lane){.wait_ms = 500});
    NEVER(s, 490, c->answer[2] != PUPPET_NOTHING);
    UNTIL(s, c->answer[2] >= PUPPET_REFUSED);
    puppet_cancel(c, 1);
    UNTIL(s, c->results[1] == 1);
    NEVER(s, 1000, c->answer[2] == PUPPET_ACCEPTED || counts(s).ready > 0);
}

void what_can_never_fit_is_too_large(struct sim *s) {
    struct puppet *c = client_of(s);
    puppet_submit(c, 1, 1, &(struct puppet_lane){.wait_ms = -1, .size = 2000});
    UNTIL(s, refused(c, 1, WHERRY_E_TOO_LARGE));
    puppet_submit(c, 2, 1, &(struct puppet_lane){.wait_ms = -1, .size = 900});
    UNTIL(s, c->answer[2] == PUPPET_ACCEPTED);
}

void large_parked_payload_is_asked_for_when_its_turn_comes(struct sim *s) {
    struct sim_client *c = client_up(s, 0);
    struct sim_task *first = submit(c, 0);
    UNTIL(s, first->accepted);
    struct sim_task *large = submit_with(c, (struct sim_submit){.wait_ms = -1, .size = 50000});
    NEVER(s, 1000, large->accepted);
    EXPECT(s, counts(s).payload_bytes < 50000);
    host_up(s, 0);
    UNTIL(s, large->finished);
    EXPECT(s, large->outcome == WHERRY_OK && large->runs == 1);
}
