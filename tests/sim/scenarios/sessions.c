/* SPDX-License-Identifier: MIT
 *
 * Rules 2: each submit is taken exactly once, and what nobody can know is called uncertain. */
#include "tests/sim/scenarios/scenarios.h"

/* Names of one slot. */
#define QUEUE_A "{x}a"
#define QUEUE_B "{x}b"

static struct puppet *client_of(struct sim *s, const char *name) {
    struct puppet *c = puppet_add(s, name);
    puppet_client_hello(c, false);
    return c;
}

static struct engine_counts counts_of(const struct sim *s) {
    return sim_broker_counts(&s->broker);
}

static uint64_t tasks(const struct sim *s) {
    return sim_broker_counts(&s->broker).tasks;
}

void repeated_submit_is_taken_once(struct sim *s) {
    struct puppet *c = client_of(s, "client");
    puppet_submit(c, 1, 3, &(struct puppet_lane){0});
    UNTIL(s, c->answer[3] == PUPPET_ACCEPTED);
    puppet_client_hello(c, true);
    c->answer[1] = c->answer[2] = c->answer[3] = PUPPET_NOTHING;
    puppet_submit(c, 1, 3, &(struct puppet_lane){0});
    UNTIL(s, c->answer[1] == PUPPET_ACCEPTED && c->answer[3] == PUPPET_ACCEPTED);
    EXPECT(s, tasks(s) == 3);
}

void repeated_submit_is_taken_once_over_a_restart(struct sim *s) {
    struct puppet *c = client_of(s, "client");
    puppet_submit(c, 1, 3, &(struct puppet_lane){0});
    UNTIL(s, c->answer[3] == PUPPET_ACCEPTED);
    broker_crash(s, STORE_FATE_KEPT);
    broker_start(s);
    puppet_client_hello(c, true);
    EXPECT(s, c->seen[WIRE_HELLO_OK] == 1);
    c->answer[1] = c->answer[3] = PUPPET_NOTHING;
    puppet_submit(c, 1, 3, &(struct puppet_lane){0});
    UNTIL(s, c->answer[1] == PUPPET_ACCEPTED && c->answer[3] == PUPPET_ACCEPTED);
    EXPECT(s, tasks(s) == 3);
}

/* The task is done and its result received, but the client has not said so: its repetition is still
 * known. */
void answers_are_remembered_until_acked(struct sim *s) {
    struct puppet *c = client_of(s, "client");
    puppet_submit(c, 1, 2, &(struct puppet_lane){0});
    UNTIL(s, c->answer[2] == PUPPET_ACCEPTED);
    puppet_cancel(c, 1);
    UNTIL(s, c->results[1] == 1);
    puppet_ack(c, 0, 1, 1);
    scene_wait(s, 50);
    broker_crash(s, STORE_FATE_KEPT);
    broker_start(s);
    puppet_client_hello(c, true);
    c->answer[1] = PUPPET_NOTHING;
    puppet_submit(c, 1, 1, &(struct puppet_lane){0});
    UNTIL(s, c->answer[1] != PUPPET_NOTHING);
    EXPECT(s, tasks(s) == 1); /* number 2 alone: number 1 is not taken again */
}

void result_lost_with_its_connection_is_sent_again(struct sim *s) {
    struct puppet *c = client_of(s, "client");
    puppet_submit(c, 1, 1, &(struct puppet_lane){0});
    UNTIL(s, c->answer[1] == PUPPET_ACCEPTED);
    net_hold(s->net, c->node, NET_DOWN, WIRE_RESULT);
    puppet_cancel(c, 1);
    UNTIL(s, net_holding(s->net, c->node, NET_DOWN));
    net_cut(s->net, c->node);
    net_release(s->net, c->node, NET_DOWN);
    EXPECT(s, c->results[1] == 0);
    puppet_client_hello(c, true);
    UNTIL(s, c->results[1] == 1);
    broker_crash(s, STORE_FATE_KEPT);
    broker_start(s);
    puppet_client_hello(c, true);
    UNTIL(s, c->results[1] == 2);
    EXPECT(s, c->result_status[1] == WIRE_CANCELLED);
    puppet_ack(c, 1, 1, 1);
    UNTIL(s, tasks(s) == 0);
}

/* Number 5 waits at a full queue, 6 is accepted. "The last one was 6" must not make 5 a duplicate.
 */
void parked_five_and_accepted_six_survive_restart(struct sim *s) {
    struct puppet *c = client_of(s, "client");
    struct puppet_lane a = {.queue = QUEUE_A, .wait_ms = -1};
    struct puppet_lane b = {.queue = QUEUE_B, .wait_ms = -1};
    puppet_submit(c, 1, 1, &a);
    puppet_submit(c, 2, 1, &a);
    puppet_submit(c, 3, 1, &b);
    UNTIL(s, c->answer[1] == PUPPET_ACCEPTED && c->answer[3] == PUPPET_ACCEPTED);
    EXPECT(s, c->answer[2] == PUPPET_NOTHING);
    broker_crash(s, STORE_FATE_KEPT);
    broker_start(s);
    puppet_client_hello(c, true);
    c->answer[1] = c->answer[3] = PUPPET_NOTHING;
    puppet_submit(c, 1, 2, &a);
    puppet_submit(c, 3, 1, &b);
    UNTIL(s, c->answer[1] == PUPPET_ACCEPTED && c->answer[3] == PUPPET_ACCEPTED);
    EXPECT(s, c->answer[2] == PUPPET_NOTHING && tasks(s) == 2);
    puppet_call(c, 1, WIRE_TASK_CANCEL, puppet_id(c, QUEUE_A, 1), 1000);
    UNTIL(s, c->answer[2] == PUPPET_ACCEPTED);
    EXPECT(s, sim_broker_counts(&s->broker).ready == 2);
}

void parked_submit_parks_again_with_its_place_open(struct sim *s) {
    struct puppet *c = client_of(s, "client");
    struct puppet_lane lane = {.wait_ms = 5000};
    puppet_submit(c, 1, 2, &lane);
    UNTIL(s, c->answer[1] == PUPPET_ACCEPTED);
    scene_wait(s, 1000);
    puppet_client_hello(c, true);
    lane.wait_ms = 4000;
    puppet_submit(c, 2, 1, &lane);
    NEVER(s, 3500, c->answer[2] != PUPPET_NOTHING);
    UNTIL(s, c->answer[2] >= PUPPET_REFUSED);
    EXPECT(s, tasks(s) == 1);
}

void expired_session_is_not_resumed_as_new(struct sim *s) {
    struct puppet *c = client_of(s, "client");
    puppet_submit(c, 1, 3, &(struct puppet_lane){0});
    UNTIL(s, c->answer[3] == PUPPET_ACCEPTED);
    c->silent = true;
    scene_wait(s, 100 * 1000);
    puppet_client_hello(c, true);
    EXPECT(s, c->seen[WIRE_SESSION_LOST] == 1 && c->seen[WIRE_HELLO_OK] == 0);
    puppet_submit(c, 1, 3, &(struct puppet_lane){0});
    scene_wait(s, 1000);
    EXPECT(s, tasks(s) == 3);
}

void session_unknown_after_a_restart_is_not_resumed_as_new(struct sim *s) {
    struct puppet *c = client_of(s, "client");
    puppet_submit(c, 1, 3, &(struct puppet_lane){0});
    UNTIL(s, c->answer[3] == PUPPET_ACCEPTED);
    broker_crash(s, STORE_FATE_LOST);
    broker_start(s);
    puppet_client_hello(c, true);
    EXPECT(s, c->seen[WIRE_SESSION_LOST] == 1 && c->seen[WIRE_HELLO_OK] == 0);
    puppet_submit(c, 1, 3, &(struct puppet_lane){0});
    scene_wait(s, 1000);
    EXPECT(s, tasks(s) == 0);
}

/* The real session: its process stood still for two minutes. */
void client_never_submits_again_what_an_expired_session_sent(struct sim *s) {
    struct sim_client *c = client_up(s, 0);
    host_up(s, 0);
    struct sim_task *task = submit(c, 1000);
    UNTIL(s, task->runs == 1);
    checker_client_silent(&s->checker, c);
    sim_client_stop(c, true);
    scene_wait(s, 120 * 1000);
    sim_client_stop(c, false);
    UNTIL(s, task->finished);
    scene_wait(s, 1000);
    EXPECT(s, task->runs == 1);
    struct sim_task *next = submit(c, 1000);
    UNTIL(s, next->finished);
    EXPECT(s, next->outcome == WHERRY_OK);
}

void session_id_gives_no_power_without_its_secret(struct sim *s) {
    struct puppet *c = client_of(s, "client");
    puppet_submit(c, 1, 1, &(struct puppet_lane){0});
    UNTIL(s, c->answer[1] == PUPPET_ACCEPTED);
    struct puppet *thief = puppet_add(s, "thief");
    thief->session = c->session;
    puppet_client_hello(thief, true);
    EXPECT(s, thief->seen[WIRE_HELLO_OK] == 0);
    puppet_client_hello(thief, false);
    EXPECT(s, thief->seen[WIRE_HELLO_OK] == 0);
    puppet_plain(c, WIRE_BEAT);
    UNTIL(s, c->seen[WIRE_BEAT_OK] == 1);
}

void only_kept_tasks_may_be_touched_by_others(struct sim *s) {
    struct puppet *c = client_of(s, "client");
    struct puppet *other = client_of(s, "other");
    puppet_submit(c, 1, 1, &(struct puppet_lane){0});
    puppet_submit(c, 2, 1, &(struct puppet_lane){.flags = TASK_KEEP});
    UNTIL(s, c->answer[2] == PUPPET_ACCEPTED);
    puppet_call(other, 1, WIRE_TASK_CANCEL, puppet_id(c, "q0", 1), 1000);
    puppet_call(other, 2, WIRE_TASK_WAIT, puppet_id(c, "q0", 1), 1000);
    puppet_call(other, 3, WIRE_TASK_CANCEL, puppet_id(c, "q0", 2), 1000);
    UNTIL(s, other->call_answered[1] && other->call_answered[2] && other->call_answered[3]);
    EXPECT(s, other->call_err[1] == WHERRY_E_REFUSED && other->call_err[2] == WHERRY_E_REFUSED);
    EXPECT(s, other->call_err[3] == WHERRY_OK);
}

void uncertain_after_deadline_without_broker(struct sim *s) {
    struct sim_client *c = client_up(s, 0);
    struct sim_task *accepted = submit(c, 0);
    UNTIL(s, accepted->accepted);
    store_hold(s->store);
    struct sim_task *task = submit(c, 0);
    UNTIL(s, store_under_way(s->store) > 0);
    checker_client_silent(&s->checker, c);
    broker_crash(s, STORE_FATE_KEPT);
    UNTIL(s, task->finished);
    EXPECT(s, task->outcome == WHERRY_E_UNCERTAIN);
}

/* 2 is accepted, 1 never arrived: nobody may say that 1 has expired. */
void expired_only_for_answered_numbers(struct sim *s) {
    struct puppet *c = client_of(s, "client");
    struct puppet *other = client_of(s, "other");
    puppet_submit(c, 2, 1, &(struct puppet_lane){.flags = TASK_KEEP});
    UNTIL(s, c->answer[2] == PUPPET_ACCEPTED);
    puppet_call(other, 1, WIRE_TASK_WAIT, puppet_id(c, "q0", 1), 0);
    puppet_call(other, 2, WIRE_TASK_WAIT, puppet_id(c, "q0", 3), 0);
    UNTIL(s, other->call_answered[1] && other->call_answered[2]);
    EXPECT(s, other->call_err[1] == WHERRY_E_UNKNOWN && other->call_err[2] == WHERRY_E_UNKNOWN);
    puppet_submit(c, 1, 1, &(struct puppet_lane){0});
    UNTIL(s, c->answer[1] == PUPPET_ACCEPTED);
    puppet_cancel(c, 1);
    UNTIL(s, c->results[1] == 1);
    puppet_ack(c, 2, 1, 1);
    scene_wait(s, 100);
    puppet_call(c, 3, WIRE_TASK_WAIT, puppet_id(c, "q0", 1), 0);
    UNTIL(s, c->call_answered[3]);
    EXPECT(s, c->call_err[3] == WHERRY_E_EXPIRED);
}

/* Asking for number 1 settles it: the late copy of its submit, still under way, must not be taken.
 */
void late_copy_of_a_settled_number_is_a_duplicate(struct sim *s) {
    struct puppet *c = client_of(s, "client");
    net_delay_next(s->net, c->node, NET_UP, 3000000);
    puppet_submit(c, 1, 1, &(struct puppet_lane){0});
    net_set_farewell(s->net, NET_ALL_LATE);
    puppet_client_hello(c, true);
    puppet_call(c, 1, WIRE_TASK_WAIT, puppet_id(c, "q0", 1), 0);
    UNTIL(s, c->call_answered[1]);
    EXPECT(s, c->call_err[1] == WHERRY_E_UNKNOWN);
    scene_wait(s, 5000);
    EXPECT(s, tasks(s) == 0);
}

/* Few batches fly unanswered, the last one waits in the client; the question about it must wait,
 * too. */
void question_about_an_own_task_does_not_overtake_it(struct sim *s) {
    struct sim_client *c = client_up(s, 0);
    store_hold(s->store);
    struct sim_task *last = NULL;
    for (int i = 0; i < 12; i++) {
        last = submit(c, 0);
        scene_wait(s, 1);
    }
    struct sim_call *call = sim_client_ask(c, WIRE_TASK_WAIT, last->id, 60000);
    scene_wait(s, 100);
    store_release(s->store);
    host_up(s, 0);
    UNTIL(s, last->finished && call->answered);
    EXPECT(s, last->outcome == WHERRY_OK && call->err == WHERRY_OK);
}

void silent_session_ends_and_its_queued_tasks_go_on(struct sim *s) {
    struct puppet *c = client_of(s, "client");
    puppet_submit(c, 1, 3, &(struct puppet_lane){0});
    UNTIL(s, c->answer[3] == PUPPET_ACCEPTED);
    c->silent = true;
    scene_wait(s, 85 * 1000);
    EXPECT(s, sim_broker_counts(&s->broker).sessions == 1);
    scene_wait(s, 10 * 1000);
    EXPECT(s, sim_broker_counts(&s->broker).sessions == 0);
    EXPECT(s, sim_broker_counts(&s->broker).ready == 3);
}

void resubmission_to_memory_broker_names_old_id(struct sim *s) {
    struct sim_client *c = client_up(s, 0);
    struct sim_task *task = submit(c, 1000);
    UNTIL(s, task->accepted);
    broker_crash(s, STORE_FATE_LOST);
    broker_start(s);
    host_up(s, 0);
    UNTIL(s, task->finished);
    EXPECT(s, task->outcome == WHERRY_OK && task->runs == 1);
    EXPECT(s, task->deliveries == 1); /* under the id that the client knows */
}

void memory_broker_restart_loses_no_task_of_a_living_client(struct sim *s) {
    struct sim_client *c = client_up(s, 0);
    host_up(s, 0);
    struct sim_task *tasks_of_c[8];
    for (int i = 0; i < 8; i++) {
        tasks_of_c[i] = submit(c, 400000);
    }
    UNTIL(s, tasks_of_c[1]->runs == 1);
    broker_crash(s, STORE_FATE_LOST);
    scene_wait(s, 2000);
    broker_start(s);
    for (int i = 0; i < 8; i++) {
        UNTIL(s, tasks_of_c[i]->finished);
        EXPECT(s, tasks_of_c[i]->outcome == WHERRY_OK);
        EXPECT(s, tasks_of_c[i]->runs == 1); /* what ran was announced and matched */
    }
}

/* The other client is faster, and fills the queue of the new broker: the task that was in before
 * comes back all the same, and whoever asks for it by its id is answered when it ends. */
void accepted_task_comes_back_above_the_bound(struct sim *s) {
    struct sim_client *slow = client_up(s, 0);
    struct sim_client *fast = client_up(s, 1);
    struct sim_task *old = submit_with(slow, (struct sim_submit){.wait_ms = 0});
    UNTIL(s, old->accepted);
    broker_crash(s, STORE_FATE_LOST);
    net_hold(s->net, slow->node, NET_UP, 0);
    broker_start(s);
    struct sim_task *other = submit(fast, 0);
    UNTIL(s, other->accepted);
    net_release(s->net, slow->node, NET_UP);
    UNTIL(s, counts_of(s).ready == 2);
    struct sim_call *wait = sim_client_ask(slow, WIRE_TASK_WAIT, old->id, 60000);
    NEVER(s, 5000, old->finished || wait->answered);
    host_up(s, 0);
    UNTIL(s, old->finished && other->finished && wait->answered);
    EXPECT(s, old->outcome == WHERRY_OK && other->outcome == WHERRY_OK);
    EXPECT(s, wait->err == WHERRY_OK);
}

void death_of_an_announced_attempt_lets_its_task_run_again(struct sim *s) {
    struct sim_client *c = client_up(s, 0);
    struct sim_host *host = host_up(s, 0);
    struct sim_task *task = submit(c, 3000000);
    UNTIL(s, task->accepted && task->runs == 1);
    net_hold(s->net, c->node, NET_UP, 0);
    broker_crash(s, STORE_FATE_LOST);
    broker_start(s);
    UNTIL(s, host_greeted(host->logic));
    sim_child_kill(&host->children[0], 9, false);
    UNTIL(s, host->children[0].logic == NULL);
    UNTIL(s, host->children[0].logic != NULL);
    net_release(s->net, c->node, NET_UP);
    UNTIL(s, task->finished);
    EXPECT(s, task->outcome == WHERRY_OK && task->runs == 2);
}
