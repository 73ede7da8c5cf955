/* SPDX-License-Identifier: MIT
 *
 * Outcome: see outcome.h. A result by index is accepted only for the very token that the task has
 * now: the index may have been given to another task since, and without an id nothing more can be
 * judged.
 *
 * One message also says how long its functions ran in all. That time is shared out among the lanes
 * in it in proportion to what was expected of them, so that mixed messages measure, too. */
#include "broker/core/outcome.h"

#include "broker/core/attempt.h"
#include "broker/core/hot.h"
#include "broker/core/result.h"

struct outcome_share { /* results of one lane in this message */
    uint32_t lane;
    uint32_t count;
    uint64_t estimate_ns; /* of one, before this message */
};

struct outcome_time {
    struct outcome_share shares[CHILD_LOADS];
};

static void outcome_time_add(const struct engine *engine, struct outcome_time *time,
                             uint32_t lane) {
    for (uint32_t i = 0; i < CHILD_LOADS; i++) {
        struct outcome_share *share = &time->shares[i];
        if (share->lane == lane) {
            share->count++;
            return;
        }
        if (share->lane == 0) {
            *share = (struct outcome_share){lane, 1, hot_estimate_ns(lane_at(engine, lane))};
            return;
        }
    }
}

static void outcome_time_apply(struct engine *engine, const struct outcome_time *time,
                               uint64_t busy_us) {
    uint64_t busy_ns = busy_us < UINT32_MAX ? busy_us * 1000 : UINT64_C(1000) * UINT32_MAX;
    uint64_t expected_ns = 0;
    for (uint32_t i = 0; i < CHILD_LOADS; i++) {
        expected_ns += time->shares[i].count * time->shares[i].estimate_ns;
    }
    for (uint32_t i = 0; i < CHILD_LOADS && time->shares[i].lane != 0; i++) {
        const struct outcome_share *share = &time->shares[i];
        double part = (double)(share->count * share->estimate_ns) / (double)expected_ns;
        lane_measure(lane_at(engine, share->lane), share->count,
                     (uint64_t)((double)busy_ns * part));
    }
}

static void outcome_refuse(struct engine *engine, uint32_t child, struct token token,
                           struct payload payload) {
    engine->counts.stale_results++;
    engine_free_payload(engine, payload);
    note_line(engine, LOG_INFO, "msg=\"stale result refused\" token=%llu.%llu place=%u",
              (unsigned long long)token.epoch, (unsigned long long)token.counter,
              child_at(engine, child)->place);
}

/* The task that has this very token; 0: none. */
static uint32_t outcome_task(const struct engine *engine, const struct event_result *result) {
    if (result->counter == 0 || !slab_holds(&engine->tasks, result->index)) {
        return 0;
    }
    const struct task *task = task_at(engine, result->index);
    bool current = task->state == TASK_LEASED && (task->flags & TASK_ADOPTED) == 0 &&
                   task_counter(task) == result->counter;
    if (PLANTED(PLANT_STALE_TOKEN) && (task->state == TASK_LEASED || task_is_ready(task))) {
        return result->index;
    }
    return current ? result->index : 0;
}

/* Nothing special about the task: no cold record, no cancel, nothing adopted. */
static void outcome_plain(struct engine *engine, struct home *home, uint32_t index,
                          const struct event_result *result) {
    struct task *task = task_at(engine, index);
    home_find(engine, home, task);
    hot_release(engine, home, task);
    result_finish_home(engine, home, index, result->status, result->payload);
}

void outcome_receive(struct engine *engine, uint32_t child, const struct event_results *results) {
    struct outcome_time time = {0};
    struct home home = HOME_UNKNOWN;
    bool ours = results->epoch == engine->config.epoch;
    for (uint32_t i = 0; i < results->item_count; i++) {
        const struct event_result *result = &results->items[i];
        struct token token = {results->epoch, result->counter};
        uint32_t task = ours ? outcome_task(engine, result) : 0;
        if (task == 0) {
            outcome_refuse(engine, child, token, result->payload);
        } else {
            const struct task *record = task_at(engine, task);
            outcome_time_add(engine, &time, record->lane);
            if (record->flags == 0 && result->status <= WIRE_FAILED &&
                record->state == TASK_LEASED) {
                outcome_plain(engine, &home, task, result);
                children_acknowledge(engine, child, token);
                continue;
            }
            attempt_answer(engine, task, token, result->status, result->payload, result->retry_ms);
        }
        children_acknowledge(engine, child, token);
    }
    child_at(engine, child)->busy_since_us = engine_lived_us(engine);
    outcome_time_apply(engine, &time, results->busy_us);
    children_credit(engine, child, &results->credit);
    children_progress(engine, child);
}

void outcome_held(struct engine *engine, uint32_t child, const struct event_held *held) {
    uint32_t task = task_find(engine, held->id);
    if (task == 0 && grace_keep_result(engine, held, child)) {
        return; /* acknowledged when it is matched or given up */
    }
    if (task != 0 && attempt_judge(engine, task, held->token)) {
        attempt_answer(engine, task, held->token, held->status, held->payload, held->retry_ms);
    } else {
        outcome_refuse(engine, child, held->token, held->payload);
    }
    children_acknowledge(engine, child, held->token);
}
