/* SPDX-License-Identifier: MIT
 *
 * The checker's other half: what was handed out, run, lost and recorded. */
#include "common/check.h"
#include "tests/sim/checker.h"
#include "tests/sim/checker_private.h"
#include "tests/sim/sim.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* How long after its end a fault may still cause a second run: leases, grace and reconnects. */
enum { CHECKER_AFTERMATH_US = 20 * 1000 * 1000 };

/* ---- faults -----------------------------------------------------------------------------------
 */

static void checker_explain(struct sim_checker *checker) {
    checker->explained_us = checker->sim->world.now_us;
}

void checker_fault_begin(struct sim_checker *checker) {
    checker->faults_active++;
    checker_explain(checker);
}

void checker_fault_end(struct sim_checker *checker) {
    CHECK(checker->faults_active > 0);
    checker->faults_active--;
    checker_explain(checker);
}

static bool checker_explained(const struct sim_checker *checker, int64_t since_us) {
    return checker->faults_active > 0 || checker->explained_us + CHECKER_AFTERMATH_US >= since_us;
}

void checker_child_died(struct sim_checker *checker, const struct sim_child *child) {
    (void)child;
    checker_explain(checker);
}

/* A memory broker: its clients submit their tasks again, and they may well run again. */
static void checker_forgotten(const struct sim_checker *checker, struct sim_task *task) {
    if (checker->sim->config.durable) {
        return;
    }
    if (!task->finished) {
        task->recorded = false;
        task->forgotten = true;
        task->excused = task->excused || task->orphan || (task->flags & TASK_ONCE) != 0;
    }
    if ((task->flags & TASK_NO_RESULT) != 0) {
        task->excused = true; /* finished for its client, and nobody submits it again */
    }
}

void checker_broker_crashed(struct sim_checker *checker) {
    checker_explain(checker);
    checker->ended_count = checker->sim->config.durable ? checker->ended_firm : 0;
    checker->ended_closed = checker->ended_count;
    checker_queues_forgotten(checker);
    for (uint32_t i = 0; i < checker->count; i++) {
        struct sim_task *task = checker->tasks[i];
        checker_uncount(checker, task);
        task->came_back = true; /* perhaps on its way to a child, although nobody saw it leave */
        checker_forgotten(checker, task);
    }
}

void checker_broker_started(struct sim_checker *checker) {
    checker_explain(checker);
}

/* ---- children ---------------------------------------------------------------------------------
 */

static struct sim_task *checker_task_of_plan(struct sim_checker *checker,
                                             const struct sim_child *child) {
    if (child->plan.ordinal >= checker->count) {
        world_fail(&checker->sim->world, "a child was given a task that nobody submitted");
        return NULL;
    }
    return checker->tasks[child->plan.ordinal];
}

static const char *checker_judge_run(const struct sim_checker *checker,
                                     const struct sim_task *task) {
    if (task->finished && checker_refuses(task->outcome)) {
        return "it was refused, and runs";
    }
    if (task->runs > 1 && (task->flags & TASK_ONCE) != 0 && !task->excused) {
        return "may run once only, and runs again";
    }
    bool by_itself = task->behaviour != TASK_SUCCEEDS && task->behaviour != TASK_FAILS;
    if (task->runs > 1 && !by_itself && !checker_explained(checker, task->run_started_us)) {
        return "runs again, and no fault explains it";
    }
    return NULL;
}

uint32_t checker_started_run(struct sim_checker *checker, const struct sim_child *child) {
    struct world *world = &checker->sim->world;
    struct sim_task *task = checker_task_of_plan(checker, child);
    if (task == NULL) {
        return 1;
    }
    task->runs++;
    world->tally.runs++;
    world_note(world, "h%u.%u runs task %u, time %u, token %" PRIu64 ":%" PRIu64,
               child->host->index, child->place, task->ordinal, task->runs, child->task.token.epoch,
               child->task.token.counter);
    const char *wrong = checker_judge_run(checker, task);
    if (wrong != NULL) {
        world_fail(world, "task %u: %s (run %u)", task->ordinal, wrong, task->runs);
    }
    task->run_started_us = world->now_us;
    return task->runs;
}

void checker_finished_run(struct sim_checker *checker, const struct sim_child *child,
                          uint32_t status) {
    struct sim_task *task = checker_task_of_plan(checker, child);
    if (task != NULL && status != WIRE_TRY_AGAIN) {
        task->runs_finished++;
    }
}

void checker_exited(struct sim_checker *checker, const struct sim_child *child, int64_t code) {
    struct sim_task *task = checker_task_of_plan(checker, child);
    if (task != NULL) {
        task->exited = true;
        task->exit_code = code;
    }
}

/* ---- effects ----------------------------------------------------------------------------------
 */

static void checker_handed_out(struct sim_checker *checker, struct task_id id, struct token token) {
    struct world *world = &checker->sim->world;
    struct sim_task *task = checker_task_find(checker, id);
    if (task == NULL) {
        return; /* a scenario's own peer submitted it */
    }
    world_note(world, "task %u is handed out as %" PRIu64 ":%" PRIu64, task->ordinal, token.epoch,
               token.counter);
    if (task->purged) {
        world_fail(world, "task %u was purged, and is handed out", task->ordinal);
    }
    if (checker->queues[task->queue].held) {
        world_fail(world, "task %u is handed out, and its queue is paused", task->ordinal);
    }
    if (task->deliveries > 0 && token_equal(token, task->delivered)) {
        world_fail(world, "task %u: a token is used twice", task->ordinal);
    }
    bool resubmitted = !checker->sim->config.durable;
    if (task->finished && (task->flags & TASK_NO_RESULT) == 0 && !task->excused &&
        task->outcome != WHERRY_E_UNCERTAIN) {
        world_fail(world, "task %u has ended (%s), and is handed out", task->ordinal,
                   wherry_err_text(task->outcome));
    }
    if (task->cancel_acked && !resubmitted) {
        world_fail(world, "task %u was cancelled, and is handed out", task->ordinal);
    }
    if (token_above(token,
                    task->delivered)) { /* one that waited for a batch may leave late, and void */
        task->delivered = token;
    }
    task->deliveries++;
    checker_uncount(checker, task);
}

static bool checker_is_ended(const struct sim_checker *checker, struct token token) {
    for (uint32_t i = checker->ended_count; i > 0; i--) {
        if (token_equal(checker->ended[i - 1], token)) {
            return true;
        }
    }
    return false;
}

static void checker_ended_add(struct sim_checker *checker, struct token token) {
    if (checker->ended_count == checker->ended_capacity) {
        checker->ended_capacity = checker->ended_capacity * 2 + 16;
        checker->ended = realloc(checker->ended, checker->ended_capacity * sizeof *checker->ended);
        CHECK(checker->ended != NULL);
    }
    checker->ended[checker->ended_count++] = token;
}

static void checker_recorded(struct sim_checker *checker, struct span payload) {
    struct world *world = &checker->sim->world;
    struct task_note note;
    if (!task_note_decode(payload, &note) || note.ordinal >= checker->count) {
        return; /* the broker's own failure */
    }
    struct sim_task *task = checker->tasks[note.ordinal];
    struct token token = {note.epoch, note.counter};
    if (task->recorded) {
        if (memcmp(&task->note, &note, sizeof note) != 0) {
            world_fail(world, "task %u: its recorded result changed", task->ordinal);
        }
        return;
    }
    task->recorded = true;
    task->note = note;
    world_say(world, "task %u: result of %" PRIu64 ":%" PRIu64 " leaves", task->ordinal, note.epoch,
              note.counter);
    if (!token_equal(token, task->delivered)) {
        world_fail(world,
                   "task %u: a stale attempt's result is recorded (%" PRIu64 ":%" PRIu64
                   ", newest is %" PRIu64 ":%" PRIu64 ")",
                   task->ordinal, token.epoch, token.counter, task->delivered.epoch,
                   task->delivered.counter);
    } else if (checker_is_ended(checker, token)) {
        world_fail(world, "task %u: a result is recorded of an attempt that was declared lost",
                   task->ordinal);
    }
}

static void checker_deliver(struct sim_checker *checker, const struct effect_deliver *deliver) {
    uint64_t epoch = checker->sim->broker.epoch;
    for (uint32_t i = 0; i < deliver->item_count; i++) {
        checker_handed_out(checker, deliver->items[i].id,
                           (struct token){epoch, deliver->first_counter + i});
    }
}

static struct span checker_payload(const struct sim_checker *checker, struct payload payload,
                                   struct span inline_payload) {
    return payload.handle != 0 ? payload_span(checker->sim->broker.payloads, payload)
                               : inline_payload;
}

/* The broker says in its log which attempts it has given up. (LEASE_LOST says less: it also answers
 * an old announcement of an attempt whose result came meanwhile.) */
static void checker_log(struct sim_checker *checker, struct span text) {
    char line[200];
    size_t size = text.size < sizeof line ? text.size : sizeof line - 1;
    memcpy(line, text.data, size);
    line[size] = '\0';
    const char *at = strstr(line, "token=");
    struct token token;
    if (at != NULL &&
        (strstr(line, "\"lease lost\"") != NULL || strstr(line, "\"process died\"") != NULL) &&
        sscanf(at, "token=%" SCNu64 ".%" SCNu64, &token.epoch, &token.counter) == 2) {
        checker_ended_add(checker, token);
    }
}

void checker_effect(struct sim_checker *checker, const struct effect *effect) {
    if (effect->kind == EFFECT_DELIVER) {
        checker_deliver(checker, &effect->deliver);
    } else if (effect->kind == EFFECT_RESULT) {
        for (uint32_t i = 0; i < effect->result.item_count; i++) {
            const struct effect_result_item *item = &effect->result.items[i];
            checker_recorded(checker,
                             checker_payload(checker, item->payload, item->inline_payload));
        }
    } else if (effect->kind == EFFECT_ANSWER && effect->answer.has_outcome) {
        checker_recorded(checker, checker_payload(checker, effect->answer.payload,
                                                  effect->answer.inline_payload));
    } else if (effect->kind == EFFECT_COMMIT) {
        checker->ended_closed = checker->ended_count;
    } else if (effect->kind == EFFECT_LOG) {
        checker_log(checker, effect->log.text);
    }
}

/* ---- steps ------------------------------------------------------------------------------------
 */

static uint32_t checker_queues(const struct engine *engine) {
    uint32_t count = engine_queue_count(engine);
    return count < CHECKER_QUEUES ? count : CHECKER_QUEUES;
}

void checker_before_step(struct sim_checker *checker) {
    const struct engine *engine = checker->sim->broker.engine;
    engine_counts(engine, &checker->before);
    memset(checker->queues_before, 0, sizeof checker->queues_before);
    for (uint32_t i = 0; i < checker_queues(engine); i++) {
        engine_queue_view(engine, i, world_now(&checker->sim->world), &checker->queues_before[i]);
    }
}

static bool checker_came_back(const struct engine_counts *before,
                              const struct engine_counts *after) {
    return after->retries_crash != before->retries_crash ||
           after->retries_lease != before->retries_lease ||
           after->retries_asked != before->retries_asked ||
           after->taken_back != before->taken_back ||
           after->taken_again != before->taken_again;
}

static uint64_t checker_most(uint64_t a, uint64_t b) {
    return a > b ? a : b;
}

/* A step that accepts must leave the queue within its bound (it may also have lowered the bound:
 * the higher one counts); what comes back is always taken. */
void checker_after_step(struct sim_checker *checker, enum event_kind kind) {
    const struct engine *engine = checker->sim->broker.engine;
    struct engine_counts after;
    engine_counts(engine, &after);
    checker->ended_firm = kind == EVENT_COMMITTED ? checker->ended_closed : checker->ended_firm;
    /* A commit lets many parked events through at once: the bound may have been raised between
     * them. */
    if (after.submitted == checker->before.submitted || kind == EVENT_COMMITTED ||
        checker_came_back(&checker->before, &after)) {
        return;
    }
    for (uint32_t i = 0; i < checker_queues(engine); i++) {
        const struct engine_queue_view *before = &checker->queues_before[i];
        struct engine_queue_view now;
        engine_queue_view(engine, i, world_now(&checker->sim->world), &now);
        bool items =
            now.depth > checker_most(now.items_max, before->items_max) && now.depth > before->depth;
        bool bytes = now.depth_bytes > checker_most(now.bytes_max, before->bytes_max) &&
                     now.depth_bytes > before->depth_bytes;
        if (items || bytes) {
            world_fail(&checker->sim->world,
                       "queue %.*s: accepted above its bound: %" PRIu64 " of %" PRIu64
                       " items, %" PRIu64 " of %" PRIu64 " bytes",
                       (int)now.name.size, (const char *)now.name.data, now.depth, now.items_max,
                       now.depth_bytes, now.bytes_max);
        }
    }
}
