/* SPDX-License-Identifier: MIT
 *
 * The client's half of the checker: what was submitted, promised and answered. The broker's and the
 * children's half is checker_runs.c. */
#include "tests/sim/checker.h"

#include "common/bounds.h"
#include "common/check.h"
#include "common/wire/cursor.h"
#include "tests/sim/checker_private.h"
#include "tests/sim/sim.h"

#include <stdlib.h>
#include <string.h>

void checker_init(struct sim_checker *checker, struct sim *sim) {
    *checker = (struct sim_checker){.sim = sim, .by_id_size = 256};
    checker->by_id = calloc(checker->by_id_size, sizeof *checker->by_id);
    CHECK(checker->by_id != NULL);
    checker->explained_us = INT64_MIN / 2;
    for (uint32_t i = 0; i < 2; i++) {
        checker->items_max[i] = sim->config.engine.queue_items_max;
    }
}

void checker_fini(struct sim_checker *checker) {
    for (uint32_t i = 0; i < checker->count; i++) {
        free(checker->tasks[i]);
    }
    free(checker->tasks);
    free(checker->by_id);
    free(checker->ended);
}

/* ---- tasks by ordinal and by id ---------------------------------------------------------------
 */

static uint32_t checker_hash(struct task_id id) {
    uint64_t mixed =
        (id.session ^ ((uint64_t)id.number << 12 | id.slot)) * UINT64_C(0x9e3779b97f4a7c15);
    return (uint32_t)(mixed >> 32);
}

static void checker_insert(struct sim_checker *checker, const struct sim_task *task) {
    uint32_t at = checker_hash(task->id) & (checker->by_id_size - 1);
    while (checker->by_id[at] != 0) {
        at = (at + 1) & (checker->by_id_size - 1);
    }
    checker->by_id[at] = task->ordinal + 1;
}

static void checker_grow(struct sim_checker *checker) {
    if (checker->count * 2 < checker->by_id_size) {
        return;
    }
    free(checker->by_id);
    checker->by_id_size *= 2;
    checker->by_id = calloc(checker->by_id_size, sizeof *checker->by_id);
    CHECK(checker->by_id != NULL);
    for (uint32_t i = 0; i < checker->count; i++) {
        if (checker->tasks[i]->id.session != 0) {
            checker_insert(checker, checker->tasks[i]);
        }
    }
}

struct sim_task *checker_task_add(struct sim_checker *checker, const struct sim_client *client,
                                  const struct sim_submit *submit) {
    checker_grow(checker);
    if (checker->count == checker->capacity) {
        checker->capacity = checker->capacity == 0 ? 64 : checker->capacity * 2;
        checker->tasks = realloc(checker->tasks, checker->capacity * sizeof *checker->tasks);
        CHECK(checker->tasks != NULL);
    }
    struct sim_task *task = calloc(1, sizeof *task);
    CHECK(task != NULL);
    checker->tasks[checker->count] = task;
    *task = (struct sim_task){
        .ordinal = checker->count,
        .client = client->index,
        .client_life = client->life,
        .queue = submit->queue[1] == '1' ? 1 : 0,
        .flags = submit->options.flags,
        .behaviour = submit->plan.behaviour,
        .wait_ms = submit->wait_ms,
        .nowhere = strcmp(submit->function, "nowhere") == 0,
    };
    task->cancel_asked = checker_purge_threatens(checker, task->queue);
    checker->count++;
    checker->sim->world.tally.tasks++;
    return task;
}

void checker_task_undo(struct sim_checker *checker, struct sim_task *task) {
    CHECK(task->ordinal == checker->count - 1);
    checker->count--;
    checker->sim->world.tally.tasks--;
    free(task);
}

void checker_task_named(struct sim_checker *checker, struct sim_task *task, struct task_id id) {
    task->id = id;
    task->key = id;
    checker_insert(checker, task);
    world_note(&checker->sim->world, "c%u submits task %u (number %llu, behaviour %u, flags %u)",
               task->client, task->ordinal, (unsigned long long)id.number, task->behaviour,
               task->flags);
}

uint32_t checker_task_ordinal(const struct sim_checker *checker, const struct sim_task *task) {
    CHECK(checker->tasks[task->ordinal] == task);
    return task->ordinal;
}

struct sim_task *checker_task_find(const struct sim_checker *checker, struct task_id id) {
    uint32_t at = checker_hash(id) & (checker->by_id_size - 1);
    while (checker->by_id[at] != 0) {
        struct sim_task *task = checker->tasks[checker->by_id[at] - 1];
        if (task_id_equal(task->id, id)) {
            return task;
        }
        at = (at + 1) & (checker->by_id_size - 1);
    }
    return NULL;
}

/* ---- the queue's bound ------------------------------------------------------------------------
 */

void checker_uncount(struct sim_checker *checker, struct sim_task *task) {
    if (task->counted) {
        task->counted = false;
        checker->in_queue[task->queue]--;
    }
}

/* It may be gone from its queue long before anybody hears of it. */
void checker_cancel_asked(struct sim_checker *checker, struct sim_task *task) {
    task->cancel_asked = true;
    checker_uncount(checker, task);
}

/* What was acknowledged, never handed out and not cancelled is surely in the queue. */
static void checker_count_in(struct sim_checker *checker, struct sim_task *task) {
    bool ends_unseen =
        (task->flags & TASK_ONCE) != 0; /* lost at a restart, before its delivery left */
    if (task->deliveries > 0 || task->cancel_asked || task->finished || task->came_back ||
        ends_unseen) {
        return;
    }
    task->counted = true;
    checker->in_queue[task->queue]++;
    if (checker->in_queue[task->queue] > checker->items_max[task->queue]) {
        world_fail(&checker->sim->world, "q%u holds %llu tasks, its bound is %llu", task->queue,
                   (unsigned long long)checker->in_queue[task->queue],
                   (unsigned long long)checker->items_max[task->queue]);
    }
}

/* ---- promises ---------------------------------------------------------------------------------
 */

void checker_accepted(struct sim_checker *checker, struct sim_task *task) {
    if (task->accepted || task->finished) {
        world_fail(&checker->sim->world, "task %u: accepted twice, or after its end",
                   task->ordinal);
    }
    world_note(&checker->sim->world, "c%u: task %u is accepted", task->client, task->ordinal);
    task->accepted = true;
    checker_count_in(checker, task);
}

static enum sim_outcome checker_outcome(wherry_err err) {
    static const struct {
        wherry_err err;
        enum sim_outcome outcome;
    } table[] = {
        {WHERRY_OK, OUTCOME_DONE},
        {WHERRY_E_TASK_FAILED, OUTCOME_FAILED},
        {WHERRY_E_WORKER_LOST, OUTCOME_FAILED},
        {WHERRY_E_CANCELLED, OUTCOME_CANCELLED},
        {WHERRY_E_EXPIRED, OUTCOME_EXPIRED},
        {WHERRY_E_LOST, OUTCOME_LOST},
        {WHERRY_E_FULL, OUTCOME_FULL},
        {WHERRY_E_TIMEOUT, OUTCOME_TIMEOUT},
        {WHERRY_E_RESULTS_FULL, OUTCOME_RESULTS_FULL},
        {WHERRY_E_TOO_LARGE, OUTCOME_TOO_LARGE},
        {WHERRY_E_CLOSED, OUTCOME_CLOSED},
        {WHERRY_E_STORE_FULL, OUTCOME_STORE_FULL},
        {WHERRY_E_UNCERTAIN, OUTCOME_UNCERTAIN},
        {WHERRY_E_NO_BROKER, OUTCOME_NO_BROKER},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (table[i].err == err) {
            return table[i].outcome;
        }
    }
    return OUTCOME_OTHER;
}

/* Answers that say: it is certainly not in the queue, and never will be. */
bool checker_refuses(wherry_err err) {
    return err == WHERRY_E_FULL || err == WHERRY_E_TIMEOUT || err == WHERRY_E_RESULTS_FULL ||
           err == WHERRY_E_TOO_LARGE || err == WHERRY_E_STORE_FULL || err == WHERRY_E_LIMIT ||
           err == WHERRY_E_DRAINING || err == WHERRY_E_INVALID || err == WHERRY_E_CLOSED;
}

/* A run-once task may be lost without ever having run: its start was recorded, its delivery was
 * not. */
static bool checker_may_be_lost(const struct sim_task *task) {
    return task->deliveries > 0 || (task->flags & TASK_ONCE) != 0;
}

/* NULL: this outcome is one that the promises allow. */
static const char *checker_judge(const struct sim_task *task, wherry_err err, bool has_note) {
    if (err == WHERRY_OK) {
        bool silent = (task->flags & (TASK_NO_RESULT | TASK_PROCESS)) != 0;
        return has_note || silent ? NULL : "done, but with a result that no child made";
    }
    if (err == WHERRY_E_TASK_FAILED) {
        return has_note || task->behaviour == TASK_ASKS_AGAIN ? NULL : "failed by nobody";
    }
    if (task->excused && !checker_refuses(err)) {
        return NULL;
    }
    if (checker_refuses(err)) {
        return task->accepted                       ? "refused after it had been accepted"
               : task->runs > 0 && !task->forgotten ? "refused after it had run"
                                                    : NULL;
    }
    switch (err) {
    case WHERRY_E_CANCELLED:
        return task->cancel_asked ? NULL : "cancelled, but nobody asked for it";
    case WHERRY_E_WORKER_LOST:
    case WHERRY_E_LOST:
        return checker_may_be_lost(task) ? NULL : "lost, but it was never handed out";
    case WHERRY_E_UNCERTAIN:
    case WHERRY_E_NO_BROKER:
        return task->accepted ? "an acknowledged task is lost" : NULL;
    default:
        return "an outcome that does not belong here";
    }
}

static void checker_compare(struct sim_checker *checker, struct sim_task *task, wherry_err err,
                            bool has_note, const struct task_note *note) {
    if (has_note && note->ordinal != task->ordinal) {
        world_fail(&checker->sim->world, "task %u was given the result of task %u", task->ordinal,
                   note->ordinal);
    } else if (task->recorded && has_note && memcmp(note, &task->note, sizeof *note) != 0) {
        world_fail(&checker->sim->world, "task %u: the outcome differs from the one recorded",
                   task->ordinal);
    } else if (task->recorded && !has_note && err == WHERRY_E_CANCELLED) {
        world_fail(&checker->sim->world, "task %u was done, and then cancelled", task->ordinal);
    }
}

/* NULL: that is how its process ended. */
static const char *checker_judge_exit(const struct sim_task *task, wherry_err err,
                                      struct span payload) {
    int64_t code = 0;
    struct cursor cursor = cursor_of(payload);
    if (err != WHERRY_OK || (task->flags & TASK_PROCESS) == 0) {
        return NULL;
    }
    if (!cursor_i64(&cursor, &code)) {
        return "a Process ended without an exit code";
    }
    return task->excused                   ? NULL
           : !task->exited                 ? "an exit code of a Process that has not ended"
           : task->exit_code != code       ? "another exit code than its process had"
                                           : NULL;
}

static bool checker_client_gone(const struct sim_checker *checker, const struct sim_task *task) {
    const struct sim_client *client = &checker->sim->clients[task->client];
    return client->life != task->client_life || client->closing;
}

void checker_finished(struct sim_checker *checker, struct sim_task *task, wherry_err err,
                      struct span payload) {
    struct world *world = &checker->sim->world;
    struct task_note note;
    if (checker_client_gone(checker, task)) {
        return; /* CLOSED */
    }
    bool has_note = task_note_decode(payload, &note);
    world_note(world, "c%u: task %u ends: %s%s", task->client, task->ordinal, wherry_err_text(err),
               has_note ? ", by its function" : "");
    if (task->finished) {
        world_fail(world, "task %u: a second outcome", task->ordinal);
        return;
    }
    const char *wrong = checker_judge(task, err, has_note);
    wrong = wrong != NULL ? wrong : checker_judge_exit(task, err, payload);
    if (wrong != NULL) {
        world_fail(world, "task %u: %s (%s)", task->ordinal, wrong, wherry_err_text(err));
    }
    checker_compare(checker, task, err, has_note, &note);
    task->finished = true;
    task->outcome = err;
    checker_uncount(checker, task);
    world->tally.outcomes[checker_outcome(err)]++;
}

void checker_answered(struct sim_checker *checker, const struct sim_call *call) {
    if (call->verb == WIRE_QUEUE_PAUSE) {
        checker_pause_answered(checker, call);
    } else if (call->verb == WIRE_QUEUE_PURGE) {
        checker_purge_answered(checker, call);
    }
    struct sim_task *task = checker_task_find(checker, call->id);
    if (call->verb == WIRE_PROCESS_START && task != NULL && call->err == WHERRY_E_FULL) {
        task->cancel_acked = true; /* withdrawn: it must not start */
    }
    if (call->verb != WIRE_TASK_CANCEL || task == NULL) {
        return;
    }
    task->cancel_acked = task->cancel_acked || call->err == WHERRY_OK;
    bool gone = call->err == WHERRY_OK || call->err == WHERRY_E_UNKNOWN ||
                call->err == WHERRY_E_EXPIRED || call->err == WHERRY_E_CANCELLED ||
                checker_refuses(call->err);
    /* One whose client lives ends there; it is asked for until then. */
    task->cancel_settled =
        task->cancel_settled || (gone && task->orphan && sim_is_calm(checker->sim));
}

void checker_client_died(struct sim_checker *checker, const struct sim_client *client) {
    checker_queues_unsure(checker, client);
    for (uint32_t i = 0; i < checker->count; i++) {
        struct sim_task *task = checker->tasks[i];
        if (task->client == client->index && task->client_life == client->life) {
            task->orphan = true;
            task->excused = task->excused || (task->flags & TASK_DAEMON) != 0;
            task->excused = task->excused || task->forgotten; /* nobody submits it again */
        }
    }
}

void checker_client_silent(struct sim_checker *checker, const struct sim_client *client) {
    for (uint32_t i = 0; i < checker->count; i++) {
        struct sim_task *task = checker->tasks[i];
        if (task->client == client->index && !task->finished) {
            task->excused = true;
        }
    }
}

/* ---- the end ----------------------------------------------------------------------------------
 */

/* Accepted, its client gone: it must still have been run, or have ended some other way. */
static bool checker_owes_run(const struct sim_task *task) {
    bool taken = task->accepted && (task->orphan || (task->flags & TASK_NO_RESULT) != 0);
    bool given_up = task->cancel_asked || task->nowhere || task->excused ||
                    (task->flags & TASK_ONCE) != 0 || task->behaviour == TASK_CRASHES ||
                    task->runs >= BOUND_CRASHES || task->deliveries >= BOUND_LEASES_LOST;
    return taken && !given_up && task->runs_finished == 0;
}

/* What nobody offers and whose client is gone is ended by the others (application_tidy). */
static bool checker_open(const struct sim_task *task) {
    if (task->orphan && task->nowhere) {
        return !task->finished && !task->cancel_settled;
    }
    return task->orphan ? checker_owes_run(task) : !task->finished || checker_owes_run(task);
}

uint32_t checker_open_tasks(const struct sim_checker *checker, const struct sim_task **first) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < checker->count; i++) {
        if (checker_open(checker->tasks[i])) {
            if (count == 0) {
                *first = checker->tasks[i];
            }
            count++;
        }
    }
    return count;
}

void checker_dump(const struct sim_checker *checker, FILE *out) {
    for (uint32_t i = 0; i < checker->count; i++) {
        const struct sim_task *task = checker->tasks[i];
        char id[ID_TEXT_SIZE];
        if (checker_open(task)) {
            task_id_to_text(task->id, id);
            fprintf(out,
                    "open: task %u %s of c%u, q%u, flags %u, behaviour %u, wait %lld,%s%s%s%s"
                    " deliveries %u, runs %u\n",
                    task->ordinal, id, task->client, task->queue, task->flags, task->behaviour,
                    (long long)task->wait_ms, task->nowhere ? " offered by nobody," : "",
                    task->accepted ? " accepted," : "", task->orphan ? " orphan," : "",
                    task->cancel_asked ? " cancel asked," : "", task->deliveries, task->runs);
        }
    }
}
