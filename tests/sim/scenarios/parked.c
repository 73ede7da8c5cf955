/* SPDX-License-Identifier: MIT
 *
 * Rules 2.2: what waits at a full queue, and what it does to everything else of its client. */
#include "tests/sim/scenarios/scenarios.h"

/* Names of one slot. */
#define QUEUE_A "{x}a"
#define QUEUE_B "{x}b"

static struct engine_counts counts(const struct sim *s) {
    return sim_broker_counts(&s->broker);
}

/* Four messages may be unanswered, then the next ones gather: those of which the broker says that
 * they wait at a full queue do not count. */
void parked_submits_do_not_hold_up_another_queue(struct sim *s) {
    struct sim_client *c = client_up(s, 0);
    struct sim_task *first = submit(c, 0);
    UNTIL(s, first->accepted);
    struct sim_task *parked = NULL;
    for (int i = 0; i < 6; i++) {
        parked = submit(c, 0);
        scene_wait(s, 10);
    }
    struct sim_task *other = submit_with(c, (struct sim_submit){.queue = "q1", .wait_ms = -1});
    UNTIL(s, other->accepted);
    EXPECT(s, !parked->accepted && counts(s).waiters == 6);
    net_cut(s->net, c->node); /* all are parked anew, and again hold up nobody */
    UNTIL(s, !c->connected);
    UNTIL(s, c->connected);
    scene_wait(s, 1000);
    sim_client_cancel(c, other);
    UNTIL(s, other->finished);
    other = submit_with(c, (struct sim_submit){.queue = "q1", .wait_ms = -1});
    UNTIL(s, other->accepted);
    EXPECT(s, counts(s).waiters == 6);
}

/* A client with one task in queue A, and another one that waits behind it; queue B is wide. */
struct waiting {
    struct sim_client *client;
    struct sim_task *first;
    struct sim_task *task;
};

static struct sim_task *put(struct sim_client *client, const char *queue) {
    return submit_with(client, (struct sim_submit){.queue = queue, .wait_ms = -1});
}

static struct waiting waiting_up(struct sim *s) {
    struct waiting waiting = {.client = client_up(s, 0)};
    s->checker.items_max[0] = UINT32_MAX; /* it knows no bound of A and B */
    struct sim_call *call = sim_client_set_queue(waiting.client, QUEUE_B, 1000000, 0);
    UNTIL(s, call->answered);
    waiting.first = put(waiting.client, QUEUE_A);
    waiting.task = put(waiting.client, QUEUE_A);
    UNTIL(s, waiting.first->accepted && counts(s).waiters == 1);
    return waiting;
}

static bool has_room(const struct sim_client *client) {
    return session_has_room(client->session, id_slot_of_name(span_of_text(QUEUE_A)));
}

/* As many puts to B as fill the window three times; each must get through. */
static void others_pass(struct sim *s, struct waiting *waiting) {
    for (uint32_t i = 0; i < 3 * s->config.client_window; i++) {
        UNTIL(s, has_room(waiting->client));
        struct sim_task *other = put(waiting->client, QUEUE_B);
        UNTIL(s, other->accepted);
    }
}

void parked_submit_does_not_end_the_window_of_its_slot(struct sim *s) {
    struct waiting waiting = waiting_up(s);
    others_pass(s, &waiting);
    EXPECT(s, !waiting.task->accepted && counts(s).waiters == 1);
    EXPECT(s, waiting.task->key.number > waiting.task->id.number);
    sim_client_cancel(waiting.client, waiting.first);
    UNTIL(s, waiting.task->accepted);
}

void renumbered_submit_keeps_its_place(struct sim *s) {
    struct waiting waiting = waiting_up(s);
    struct sim_client *late = client_up(s, 1);
    struct sim_task *behind = put(late, QUEUE_A);
    UNTIL(s, counts(s).waiters == 2);
    others_pass(s, &waiting);
    sim_client_cancel(waiting.client, waiting.first);
    UNTIL(s, waiting.task->accepted || behind->accepted);
    EXPECT(s, waiting.task->accepted && !behind->accepted);
}

/* Known to everybody by the id under which it was submitted. */
void renumbered_submit_keeps_its_id(struct sim *s) {
    struct waiting waiting = waiting_up(s);
    others_pass(s, &waiting);
    struct sim_call *wait =
        sim_client_ask(waiting.client, WIRE_TASK_WAIT, waiting.task->id, 60000);
    UNTIL(s, wait->answered);
    EXPECT(s, wait->err == WHERRY_E_BUSY);
    struct sim_call *cancel =
        sim_client_ask(waiting.client, WIRE_TASK_CANCEL, waiting.task->id, 60000);
    checker_cancel_asked(&s->checker, waiting.task);
    UNTIL(s, cancel->answered && waiting.task->finished);
    EXPECT(s, cancel->err == WHERRY_OK && waiting.task->outcome == WHERRY_E_CANCELLED);
}

/* Connections break and brokers die while numbers change hands. */
void renumbered_submit_survives_reconnects_and_restarts(struct sim *s) {
    struct waiting waiting = waiting_up(s);
    for (int i = 0; i < 4; i++) {
        others_pass(s, &waiting);
        net_hold(s->net, waiting.client->node, NET_DOWN, WIRE_ANSWERED);
        while (!net_holding(s->net, waiting.client->node, NET_DOWN) && has_room(waiting.client)) {
            put(waiting.client, QUEUE_B);
            scene_wait(s, 5);
        }
        net_cut(s->net, waiting.client->node);
        net_release(s->net, waiting.client->node, NET_DOWN);
        if (i % 2 == 1) {
            broker_crash(s, i == 1 ? STORE_FATE_KEPT : STORE_FATE_LOST);
            broker_start(s);
        }
        UNTIL(s, !waiting.client->connected);
        UNTIL(s, waiting.client->connected && counts(s).waiters == 1);
        EXPECT(s, !waiting.task->accepted);
    }
    sim_client_cancel(waiting.client, waiting.first);
    UNTIL(s, waiting.task->accepted && counts(s).waiters == 0);
}

/* The new number came in, and its broker died before anybody heard of it: the old one, sent again,
 * must not come in beside it. */
void renumbered_submit_is_taken_once_over_a_restart(struct sim *s) {
    struct puppet *c = puppet_add(s, "client");
    puppet_client_hello(c, false);
    puppet_submit(c, 1, 2, &(struct puppet_lane){.wait_ms = -1});
    UNTIL(s, c->answer[1] == PUPPET_ACCEPTED);
    puppet_renumber(c, 2, 30);
    puppet_cancel(c, 1);
    UNTIL(s, c->answer[30] == PUPPET_ACCEPTED);
    broker_crash(s, STORE_FATE_KEPT);
    broker_start(s);
    puppet_client_hello(c, true);
    c->answer[2] = PUPPET_NOTHING;
    puppet_submit(c, 2, 1, &(struct puppet_lane){.wait_ms = -1});
    UNTIL(s, c->answer[2] != PUPPET_NOTHING || counts(s).waiters > 0);
    EXPECT(s, c->answer[2] == PUPPET_REFUSED + (uint32_t)WHERRY_E_RENUMBERED);
    EXPECT(s, counts(s).ready == 1 && counts(s).waiters == 0);
}
