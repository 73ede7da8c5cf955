/* SPDX-License-Identifier: MIT
 *
 * Every scenario: its name, the rule whose history it tells, the store, the real clients, hosts and
 * children a host that it may start, and its bounds.
 *
 * To add one: write `void name(struct sim *s)` in the file of its section, add its line here, and
 * it is a test. If it guards a rule that can be switched off, add it to plants_test.c, too. */
#ifndef SIM_SCENARIOS_H
#define SIM_SCENARIOS_H

#include "tests/sim/puppet.h"
#include "tests/sim/scene.h"

/* clang-format off */
#define SCENARIOS(X) \
    /* 2.7, 3.3, 4.4 Processes: processes.c */ \
    X(process_runs_beside_a_busy_pool, DURABLE, 1, 1, 1, NULL) \
    X(process_that_was_killed_is_not_started_again, DURABLE, 1, 1, 1, NULL) \
    X(process_whose_host_dies_is_lost, DURABLE, 1, 2, 1, NULL) \
    X(process_waits_when_the_host_that_was_asked_dies, DURABLE, 1, 1, 1, NULL) \
    X(process_runs_once_over_a_restart_of_the_broker, DURABLE, 1, 1, 1, NULL) \
    X(process_cancelled_before_its_child_came_costs_no_place, DURABLE, 1, 1, 1, NULL) \
    X(start_without_room_is_withdrawn_and_never_runs, DURABLE, 1, 1, 1, NULL) \
    X(daemon_is_killed_with_its_client, DURABLE, 1, 1, 1, NULL) \
    X(session_inside_a_process_ends_with_it, DURABLE, 0, 0, 0, NULL) \
    X(session_inside_a_process_lives_over_a_restart, DURABLE, 0, 0, 0, NULL) \
    /* 1 persist barrier: persist.c */ \
    X(nothing_is_acknowledged_before_its_batch, DURABLE, 0, 0, 0, NULL) \
    X(repeated_submit_waits_for_its_batch, DURABLE, 0, 0, 0, NULL) \
    X(result_is_not_shown_before_its_batch, DURABLE, 0, 0, 0, NULL) \
    X(waiter_is_answered_only_with_the_batch_of_the_result, DURABLE, 0, 0, 0, NULL) \
    X(receipt_of_result_leaves_after_commit, DURABLE, 0, 0, 0, NULL) \
    X(result_whose_receipt_left_survives_a_restart, DURABLE, 0, 0, 0, NULL) \
    X(answer_about_an_unknown_id_waits_for_the_open_batch, DURABLE, 0, 0, 0, NULL) \
    X(beats_and_hello_of_a_child_wait_for_no_batch, DURABLE, 0, 0, 0, NULL) \
    X(hello_that_makes_a_session_waits_for_its_batch, DURABLE, 0, 0, 0, NULL) \
    X(failed_sync_ends_the_broker_and_loses_nothing, DURABLE, 1, 1, 1, NULL) \
    X(full_disk_refuses_new_work_and_takes_results, DURABLE, 1, 1, 1, NULL) \
    X(changes_park_while_a_batch_is_full_and_beats_go_on, DURABLE, 0, 0, 0, shape_small_batches) \
    /* 2 client sessions: sessions.c */ \
    X(repeated_submit_is_taken_once, DURABLE, 0, 0, 0, NULL) \
    X(repeated_submit_is_taken_once_over_a_restart, DURABLE, 0, 0, 0, NULL) \
    X(answers_are_remembered_until_acked, DURABLE, 0, 0, 0, NULL) \
    X(result_lost_with_its_connection_is_sent_again, DURABLE, 0, 0, 0, NULL) \
    X(parked_five_and_accepted_six_survive_restart, DURABLE, 0, 0, 0, shape_one_a_queue) \
    X(parked_submit_parks_again_with_its_place_open, DURABLE, 0, 0, 0, shape_one_a_queue) \
    X(expired_session_is_not_resumed_as_new, DURABLE, 0, 0, 0, NULL) \
    X(session_unknown_after_a_restart_is_not_resumed_as_new, MEMORY, 0, 0, 0, NULL) \
    X(client_never_submits_again_what_an_expired_session_sent, DURABLE, 1, 1, 1, NULL) \
    X(session_id_gives_no_power_without_its_secret, DURABLE, 0, 0, 0, NULL) \
    X(only_kept_tasks_may_be_touched_by_others, DURABLE, 0, 0, 0, NULL) \
    X(uncertain_after_deadline_without_broker, DURABLE, 1, 0, 0, shape_impatient_client) \
    X(expired_only_for_answered_numbers, DURABLE, 0, 0, 0, NULL) \
    X(late_copy_of_a_settled_number_is_a_duplicate, DURABLE, 0, 0, 0, NULL) \
    X(question_about_an_own_task_does_not_overtake_it, DURABLE, 1, 1, 1, NULL) \
    X(silent_session_ends_and_its_queued_tasks_go_on, DURABLE, 0, 0, 0, NULL) \
    X(resubmission_to_memory_broker_names_old_id, MEMORY, 1, 1, 1, NULL) \
    X(memory_broker_restart_loses_no_task_of_a_living_client, MEMORY, 1, 1, 2, NULL) \
    X(accepted_task_comes_back_above_the_bound, MEMORY, 2, 1, 1, shape_one_a_queue) \
    X(death_of_an_announced_attempt_lets_its_task_run_again, MEMORY, 1, 1, 1, NULL) \
    X(death_told_again_ends_what_was_announced_again, MEMORY, 0, 0, 0, NULL) \
    X(answer_lost_with_its_broker_lets_its_task_run_again, MEMORY, 0, 0, 0, NULL) \
    X(answer_lost_with_its_broker_is_missed_in_any_order, MEMORY, 0, 0, 0, NULL) \
    /* 2.2 what waits at full queues: parked.c */ \
    X(parked_submits_do_not_hold_up_another_queue, DURABLE, 1, 0, 0, shape_one_a_queue) \
    X(parked_submit_does_not_end_the_window_of_its_slot, DURABLE, 1, 0, 0, shape_window_of_16) \
    X(renumbered_submit_keeps_its_place, DURABLE, 2, 0, 0, shape_window_of_16) \
    X(renumbered_submit_keeps_its_id, DURABLE, 1, 0, 0, shape_window_of_16) \
    X(renumbered_submit_survives_reconnects_and_restarts, DURABLE, 1, 0, 0, shape_window_of_16) \
    X(renumbered_submit_is_taken_once_over_a_restart, DURABLE, 0, 0, 0, shape_one_a_queue) \
    /* 3 worker processes: gate.c, deaths.c, wedge.c */ \
    X(gate_closed_before_announcing, DURABLE, 1, 2, 1, NULL) \
    X(idle_child_is_woken_when_its_gate_closes, DURABLE, 1, 1, 1, NULL) \
    X(older_generation_is_voided_too, DURABLE, 0, 0, 0, NULL) \
    X(first_credit_of_a_generation_is_the_report_of_the_one_before, DURABLE, 0, 0, 0, NULL) \
    X(credit_of_a_closed_generation_is_refused, DURABLE, 0, 0, 0, NULL) \
    X(unknown_route_says_hello_again_and_gets_work, DURABLE, 1, 1, 1, NULL) \
    X(delayed_report_voids_nothing_new, DURABLE, 0, 0, 0, NULL) \
    X(late_hello_of_a_dead_child_takes_no_route, DURABLE, 0, 0, 0, NULL) \
    X(child_hello_before_host_hello_keeps_good_work, DURABLE, 0, 0, 0, NULL) \
    X(running_child_before_its_host_is_not_told_to_stop, DURABLE, 0, 0, 0, NULL) \
    X(old_tasks_wait_until_every_host_has_announced, DURABLE, 0, 0, 0, NULL) \
    X(death_overtaking_result_is_no_crash, DURABLE, 0, 0, 0, NULL) \
    X(result_lost_with_its_connection_is_in_the_next_hello, DURABLE, 1, 1, 1, NULL) \
    X(answer_that_waits_for_a_batch_has_arrived, DURABLE, 0, 0, 0, shape_small_batches) \
    X(answered_attempt_without_result_is_lost_not_crashed, DURABLE, 0, 0, 0, NULL) \
    X(unstarted_deliveries_are_uncounted, DURABLE, 0, 0, 0, NULL) \
    X(place_is_used_again_only_after_its_report, DURABLE, 1, 1, 1, NULL) \
    X(third_crash_fails_the_task_with_its_cause, DURABLE, 1, 1, 2, NULL) \
    X(tenth_lost_lease_ends_the_task, DURABLE, 0, 0, 0, NULL) \
    X(page_that_cannot_be_trusted_ends_its_attempts_as_lost, DURABLE, 1, 1, 1, NULL) \
    X(child_that_was_just_forked_is_announced, DURABLE, 1, 1, 1, NULL) \
    X(cancel_reaches_a_child_that_was_just_forked, DURABLE, 1, 1, 1, NULL) \
    X(cancel_waits_for_what_was_answered_before, DURABLE, 1, 1, 1, NULL) \
    X(signal_that_comes_late_meets_no_other_task, DURABLE, 1, 1, 1, NULL) \
    X(hung_function_keeps_its_lease, DURABLE, 1, 2, 1, NULL) \
    X(vanished_host_loses_its_leases_after_three_beats, DURABLE, 1, 2, 1, NULL) \
    X(stopped_broker_does_not_declare_hosts_lost, DURABLE, 1, 2, 1, NULL) \
    X(lost_order_to_close_a_gate_is_said_again, DURABLE, 0, 0, 0, NULL) \
    X(slow_deliveries_arrive_although_another_process_idles, DURABLE, 1, 1, 2, NULL) \
    X(large_delivery_starts_in_spite_of_cancels_beside_it, DURABLE, 2, 1, 2, NULL) \
    /* 4 attempts and fencing: fence.c */ \
    X(tokens_do_not_repeat_over_restart, DURABLE, 0, 0, 0, NULL) \
    X(tokens_do_not_repeat_over_restart_of_a_memory_broker, MEMORY, 0, 0, 0, NULL) \
    X(stale_result_after_loss_is_refused, DURABLE, 1, 2, 1, NULL) \
    X(returned_redelivery_lets_no_old_result_in, DURABLE, 0, 0, 0, NULL) \
    X(unannounced_then_second_crash_is_fenced_by_floor, DURABLE, 0, 0, 0, NULL) \
    X(held_alone_does_not_decide, DURABLE, 0, 0, 0, NULL) \
    X(work_announced_within_grace_runs_once, DURABLE, 1, 2, 2, NULL) \
    X(cancel_is_stored_before_acknowledged, DURABLE, 0, 0, 0, NULL) \
    X(once_task_never_runs_twice, DURABLE, 1, 2, 1, NULL) \
    X(start_of_a_once_task_is_stored_before_its_delivery, DURABLE, 1, 2, 1, NULL) \
    /* 4.3 what was asked of a queue: queues.c */ \
    X(paused_queue_stays_paused_over_a_restart, DURABLE, 0, 0, 0, NULL) \
    X(delivery_that_has_not_begun_is_taken_back_when_its_queue_is_paused, DURABLE, 0, 0, 0, NULL) \
    X(task_that_was_out_at_a_purge_does_not_come_back_after_a_restart, DURABLE, 0, 0, 0, NULL) \
    X(purge_that_is_said_again_spares_what_came_since, DURABLE, 0, 0, 0, NULL) \
    X(purge_reaches_the_queue_the_parked_and_what_has_not_begun, DURABLE, 0, 0, 0, \
      shape_three_a_queue) \
    X(purge_of_thousands_holds_nobody_up, MEMORY, 1, 1, 1, NULL) \
    X(host_that_is_sent_away_finishes_gives_back_and_leaves, DURABLE, 1, 2, 1, NULL) \
    X(order_to_leave_reaches_a_host_that_was_cut_off, DURABLE, 0, 0, 0, NULL) \
    X(host_that_has_confirmed_leaves_without_the_broker, DURABLE, 1, 2, 1, NULL) \
    /* 6 bounds: bounds.c */ \
    X(submit_before_get_never_waits_for_itself, DURABLE, 0, 0, 0, shape_few_result_bytes) \
    X(returned_task_above_bound_is_taken_and_putters_wait, DURABLE, 0, 0, 0, shape_one_a_queue) \
    X(place_kept_for_a_payload_is_given_back_to_what_returns, DURABLE, 0, 0, 0, shape_one_a_queue) \
    X(bound_is_never_exceeded, DURABLE, 0, 0, 0, shape_three_a_queue) \
    X(putter_is_woken_when_room_appears, DURABLE, 0, 0, 0, shape_one_a_queue) \
    X(putters_are_served_in_order_of_arrival, DURABLE, 0, 0, 0, shape_one_a_queue) \
    X(full_queue_says_full_at_once_to_whoever_does_not_wait, DURABLE, 0, 0, 0, shape_one_a_queue) \
    X(putter_that_waited_in_vain_is_not_in_the_queue, DURABLE, 0, 0, 0, shape_one_a_queue) \
    X(what_can_never_fit_is_too_large, DURABLE, 0, 0, 0, shape_few_queue_bytes) \
    X(large_parked_payload_is_asked_for_when_its_turn_comes, DURABLE, 1, 1, 1, shape_one_a_queue)
/* clang-format on */

#define X(name, store, clients, hosts, processes, shape) void name(struct sim *s);
SCENARIOS(X)
#undef X

/* Puppets that play a client and a worker host with one child, all greeted. The child has no credit
 * yet. */
struct cast {
    struct puppet *client;
    struct puppet *host;
    struct puppet *child;
};
struct cast cast_of(struct sim *s);
/* One more host with one child. */
struct cast cast_worker(struct sim *s, const char *host, const char *child);
/* Submits `count` tasks from number `first`, and has them delivered to the child in one lane that
 * is known to be quick: delivery i is child->deliveries[i]. `first` must be above 1: number 1
 * measures the lane. */
void cast_deliver(struct sim *s, struct cast *cast, uint64_t first, uint64_t count);
/* The child says hello again, with the result of a delivery in its hands. */
void cast_hello_with(struct cast *worker, const struct puppet_delivery *delivery);
/* The newest delivery. */
const struct puppet_delivery *cast_newest(const struct cast *cast);

/* Bounds. */
void shape_three_a_queue(struct sim_config *config);
void shape_few_result_bytes(struct sim_config *config); /* 1,000 */
void shape_small_batches(struct sim_config *config);    /* commits of 1,000 bytes */
void shape_few_queue_bytes(struct sim_config *config);  /* 1,000 */
void shape_one_a_queue(struct sim_config *config);      /* queues hold one task */
void shape_window_of_16(struct sim_config *config);     /* and the same */
void shape_impatient_client(struct sim_config *config); /* gives up after 5 s without a broker */

#endif
