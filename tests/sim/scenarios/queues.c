/* SPDX-License-Identifier: MIT
 *
 * Rules 4.3 for whole queues: what was asked of one and acknowledged holds, restart or not. */
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
