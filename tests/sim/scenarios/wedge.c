/* SPDX-License-Identifier: MIT
 *
 * Rules 3.1, and a pool that must go on serving whatever comes together: large and slow deliveries,
 * cancels beside them, orders that get lost. */
#include "tests/sim/scenarios/scenarios.h"

static struct engine_counts counts(const struct sim *s) {
    return sim_broker_counts(&s->broker);
}

/* The host does not know its child yet, and drops the order to close its gate; without the report
 * the broker would give this place nothing any more. */
void lost_order_to_close_a_gate_is_said_again(struct sim *s) {
    struct cast cast = cast_of(s);
    cast_deliver(s, &cast, 2, 4);
    struct cast idle = cast_worker(s, "other host", "other child");
    puppet_credit(idle.child, 8);
    UNTIL(s, cast.host->seen[WIRE_CLOSE_GATE] == 1);
    int64_t asked_us = s->world.now_us;
    UNTIL(s, cast.host->seen[WIRE_CLOSE_GATE] == 2);
    EXPECT(s, s->world.now_us - asked_us < 2000000);
    puppet_gate(cast.host, 0, cast.child->generation, cast.child->started);
    UNTIL(s, idle.child->delivery_count == 4);
    EXPECT(s, counts(s).leased == 4);
}

/* Deliveries take 100 ms to arrive, far longer than one may wait while another process idles. The
 * idle one cannot help, since what is taken back travels as slowly. */
void slow_deliveries_arrive_although_another_process_idles(struct sim *s) {
    struct sim_client *c = client_up(s, 0);
    struct sim_host *host = host_up(s, 0);
    struct sim_task *measured = submit(c, 0);
    UNTIL(s, measured->finished);
    for (uint32_t i = 0; i < 2; i++) {
        net_delay_all(s->net, host->children[i].node, NET_DOWN, 100000);
    }
    net_hold(s->net, c->node, NET_UP, WIRE_SUBMIT); /* all at once: one process gets them all */
    struct sim_task *tasks[4];
    for (uint32_t i = 0; i < 4; i++) {
        tasks[i] = submit(c, 0);
    }
    scene_wait(s, 500);
    net_release(s->net, c->node, NET_UP);
    int64_t until_us = s->world.now_us + 10000000;
    for (uint32_t i = 0; i < 4; i++) {
        UNTIL(s, tasks[i]->finished || s->world.now_us > until_us);
        EXPECT(s, tasks[i]->finished);
    }
}

/* What a client does that thinks better of each call 60 ms later. */
struct hammer {
    struct sim_client *client;
    struct sim_task *tasks[12];
    uint32_t next;
};

static void hammer_once(struct sim *s, struct hammer *hammer) {
    struct sim_task **place = &hammer->tasks[hammer->next++ % 12];
    if (*place != NULL && !(*place)->finished) {
        sim_client_cancel(hammer->client, *place);
    }
    *place = submit(hammer->client, 0);
    scene_wait(s, 5);
}

/* Each cancel closes the gate of its process, and voids whatever is on its way there. */
void large_delivery_starts_in_spite_of_cancels_beside_it(struct sim *s) {
    struct sim_client *c = client_up(s, 0);
    struct hammer hammer = {.client = client_up(s, 1)};
    host_up(s, 0);
    struct sim_task *measured = submit(c, 0);
    UNTIL(s, measured->finished);
    net_set_delay(s->net, 30000, 30000);
    for (uint32_t i = 0; i < 100; i++) {
        hammer_once(s, &hammer);
    }
    struct sim_task *large = submit_with(c, (struct sim_submit){.wait_ms = -1, .size = 300000});
    for (uint32_t i = 0; i < 2000 && !large->finished; i++) {
        hammer_once(s, &hammer);
    }
    EXPECT(s, large->finished && large->outcome == WHERRY_OK);
    struct sim_task *last = submit(c, 0); /* and the pool goes on serving */
    UNTIL(s, last->finished);
}
