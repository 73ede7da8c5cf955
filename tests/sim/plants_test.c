/* SPDX-License-Identifier: MIT
 *
 * Does the simulation notice? Each rule that can be switched off (common/plant.h) is switched off,
 * and the scenario that guards it must fail; with the rule in force it must pass. Each run is a
 * process of its own: a broken rule may well end in a CHECK. */
#include "tests/sim/plants.h"
#include "tests/sim/scenarios/scenarios.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static const struct scenario scenarios[] = {
#define X(name, store, clients, hosts, processes, shape)                                           \
    {#name, name, store, clients, hosts, processes, shape},
    SCENARIOS(X)
#undef X
};

static const struct {
    enum plant plant;
    void (*play)(struct sim *sim);
} cases[] = {
    {PLANT_ANSWER_BEFORE_COMMIT, nothing_is_acknowledged_before_its_batch},
    {PLANT_ANSWER_BEFORE_COMMIT, receipt_of_result_leaves_after_commit},
    {PLANT_RESULT_UNSTORED, result_whose_receipt_left_survives_a_restart},
    {PLANT_DUPLICATE_AT_ONCE, repeated_submit_waits_for_its_batch},
    {PLANT_STALE_TOKEN, stale_result_after_loss_is_refused},
    {PLANT_REPEAT_UNKNOWN, repeated_submit_is_taken_once},
    {PLANT_ANSWERS_FORGOTTEN, answers_are_remembered_until_acked},
    {PLANT_RESUME_AS_NEW, session_unknown_after_a_restart_is_not_resumed_as_new},
    {PLANT_EXPIRED_BY_NUMBER, expired_only_for_answered_numbers},
    {PLANT_GATE_NOT_CLOSED, gate_closed_before_announcing},
    {PLANT_CHILD_NOT_WOKEN, idle_child_is_woken_when_its_gate_closes},
    {PLANT_OLDER_NOT_VOIDED, older_generation_is_voided_too},
    {PLANT_CLOSE_ONCE, lost_order_to_close_a_gate_is_said_again},
    {PLANT_IMPATIENT, slow_deliveries_arrive_although_another_process_idles},
    {PLANT_NEVER_SEALED, large_delivery_starts_in_spite_of_cancels_beside_it},
    {PLANT_BYSTANDER_COUNTED, unstarted_deliveries_are_uncounted},
    {PLANT_FORK_UNKNOWN, child_that_was_just_forked_is_announced},
    {PLANT_FORK_UNKNOWN, cancel_reaches_a_child_that_was_just_forked},
    {PLANT_SIGNAL_AT_ONCE, cancel_waits_for_what_was_answered_before},
    {PLANT_LATE_SIGNAL, signal_that_comes_late_meets_no_other_task},
    {PLANT_PARKED_UNHEARD, answer_that_waits_for_a_batch_has_arrived},
    {PLANT_DEATH_WINS, death_overtaking_result_is_no_crash},
    {PLANT_NO_GAP, stopped_broker_does_not_declare_hosts_lost},
    {PLANT_NO_FENCE, returned_redelivery_lets_no_old_result_in},
    {PLANT_NO_FLOOR, unannounced_then_second_crash_is_fenced_by_floor},
    {PLANT_CANCEL_UNSTORED, cancel_is_stored_before_acknowledged},
    {PLANT_PAUSE_UNSTORED, paused_queue_stays_paused_over_a_restart},
    {PLANT_PURGE_UNSTORED, task_that_was_out_at_a_purge_does_not_come_back_after_a_restart},
    {PLANT_ONCE_UNSTORED, start_of_a_once_task_is_stored_before_its_delivery},
    {PLANT_NEVER_STOPPED, process_cancelled_before_its_child_came_costs_no_place},
    {PLANT_SPAWN_AGAIN, process_that_was_killed_is_not_started_again},
    {PLANT_DAEMON_STAYS, daemon_is_killed_with_its_client},
    {PLANT_NESTED_STAYS, session_inside_a_process_ends_with_it},
    {PLANT_PARKED_UNTOLD, parked_submits_do_not_hold_up_another_queue},
    {PLANT_NEVER_RENUMBERED, parked_submit_does_not_end_the_window_of_its_slot},
    {PLANT_RENUMBERED_LAST, renumbered_submit_keeps_its_place},
    {PLANT_RENUMBER_UNSTORED, renumbered_submit_is_taken_once_over_a_restart},
    {PLANT_LOST_WAKEUP, putter_is_woken_when_room_appears},
    {PLANT_BOUND_OFF_BY_ONE, bound_is_never_exceeded},
};
enum { CASE_COUNT = sizeof cases / sizeof cases[0] };

static const struct scenario *case_scenario(size_t at) {
    const struct scenario *scenario = scenarios;
    while (scenario->play != cases[at].play) {
        scenario++;
    }
    return scenario;
}

/* True: every promise was kept. `why`: what was broken. */
static bool play(enum plant plant, const struct scenario *scenario, char *why, size_t size) {
    int pipes[2];
    assert_int_equal(pipe(pipes), 0);
    fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        close(pipes[0]);
        plant_active = plant;
        const char *broken = scenario_run(scenario, false);
        if (broken != NULL && write(pipes[1], broken, strlen(broken)) < 0) {
            _exit(3);
        }
        _exit(broken == NULL ? 0 : 1);
    }
    close(pipes[1]);
    ssize_t got = read(pipes[0], why, size - 1);
    why[got > 0 ? got : 0] = '\0';
    close(pipes[0]);
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void scenario_notices_the_plant(void **state) {
    size_t at = (size_t)(uintptr_t)*state;
    const struct scenario *scenario = case_scenario(at);
    char why[512];
    if (!play(PLANT_NONE, scenario, why, sizeof why)) {
        fail_msg("%s fails by itself: %s", scenario->name, why);
    }
    if (play(cases[at].plant, scenario, why, sizeof why)) {
        fail_msg("%s does not notice %s", scenario->name, plants_name(cases[at].plant));
    }
    print_message("             %s: %s\n", plants_name(cases[at].plant),
                  why[0] != '\0' ? why : "a check of the program itself");
}

static void every_plant_has_a_scenario(void **state) {
    (void)state;
    for (uint32_t plant = PLANT_NONE + 1; plant < PLANT_OF_THE_STORE; plant++) {
        bool found = false;
        for (uint32_t i = 0; i < CASE_COUNT; i++) {
            found = found || cases[i].plant == (enum plant)plant;
        }
        if (!found) {
            fail_msg("nothing guards %s", plants_name((enum plant)plant));
        }
    }
}

int main(void) {
    struct CMUnitTest tests[CASE_COUNT + 1];
    static char names[CASE_COUNT][160];
    for (uint32_t i = 0; i < CASE_COUNT; i++) {
        snprintf(names[i], sizeof names[i], "%s is noticed by %s", plants_name(cases[i].plant),
                 case_scenario(i)->name);
        tests[i] = (struct CMUnitTest){.name = names[i],
                                       .test_func = scenario_notices_the_plant,
                                       .initial_state = (void *)(uintptr_t)i};
    }
    tests[CASE_COUNT] = (struct CMUnitTest)cmocka_unit_test(every_plant_has_a_scenario);
    return cmocka_run_group_tests_name("planted faults", tests, NULL, NULL);
}
