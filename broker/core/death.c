/* SPDX-License-Identifier: MIT
 *
 * Death: see death.h. A report is repeated until it is acknowledged, and may come after a restart:
 * each attempt in it is judged by its token like a result, so a second reading changes nothing. */
#include "broker/core/death.h"

#include "broker/core/attempt.h"
#include "broker/core/process.h"
#include "broker/core/spawn.h"
#include "broker/core/state.h"

static void death_end_running(struct engine *engine, uint32_t task,
                              const struct event_death *death) {
    bool cancelled = (task_at(engine, task)->flags & TASK_CANCEL) != 0;
    if (process_is(engine, task)) {
        process_died(engine, task, death);
    } else if (cancelled || death->cause == WIRE_CAUSE_DRAINED) {
        attempt_stop(engine, task);
    } else if (death->cause == WIRE_CAUSE_TERMINATED) {
        attempt_lose(engine, task, death->cause, span_of_text("its process was stopped"));
    } else {
        attempt_crash(engine, task, death);
    }
}

static void death_attempt(struct engine *engine, uint32_t child, const struct event_death *death,
                          const struct event_attempt *attempt) {
    uint32_t task = task_find(engine, attempt->id);
    if (task == 0 || !attempt_judge(engine, task, attempt->token)) {
        return;
    }
    if (task_at(engine, task)->state != TASK_LEASED) {
        attempt_adopt(engine, task, child, attempt->token);
    } else if (task_at(engine, task)->lease.child != child) {
        return;
    }
    if (!attempt->answered) {
        death_end_running(engine, task, death);
    } else if (PLANTED(PLANT_DEATH_WINS)) {
        attempt_crash(engine, task, death);
    } else {
        attempt_await_result(engine, task);
    }
}

static void death_attempts(struct engine *engine, uint32_t child, const struct event_death *death) {
    for (uint32_t i = 0; i < death->attempt_count; i++) {
        death_attempt(engine, child, death, &death->attempts[i]);
    }
}

/* Planted: everything that was delivered counts, started or not. */
static void death_count_bystanders(struct engine *engine, uint32_t index,
                                   const struct event_death *death) {
    const struct child *child = child_at(engine, index);
    for (uint32_t i = 0; i < child->ring_size; i++) {
        if (child->ring[i] != 0) {
            attempt_crash(engine, child->ring[i], death);
        }
    }
}

void death_receive(struct engine *engine, uint32_t host_index, const struct event_death *death) {
    const struct host *host = host_at(engine, host_index);
    uint32_t index = hosts_child(engine, host_index, death->place);
    if (index == 0) {
        return;
    }
    struct child *child = child_at(engine, index);
    if (child->death_sequence != death->sequence) {
        if (PLANTED(PLANT_BYSTANDER_COUNTED)) {
            death_count_bystanders(engine, index, death);
        }
        child->death_sequence = death->sequence;
        child->dead = true;
        (void)children_closed(engine, index, death->generation, death->started);
        death_attempts(engine, index, death);
        grace_forget_running(engine, index);
        hosts_sweep_child(engine, index); /* answered ones are awaited, all others are over */
        children_progress(engine, index);
        children_touch(engine, index);
    } else {
        death_attempts(engine, index, death); /* a hello may have announced them again meanwhile */
    }
    if (spawn_is(engine, child)) { /* the second time, too: a hello may have listed its place */
        spawn_over(engine, index);
    }
    struct effect *effect = effects_add(engine_sink(engine), EFFECT_DEATH_ACK, host->route);
    effect->place_note.place = death->place;
    effect->place_note.sequence = death->sequence;
}
