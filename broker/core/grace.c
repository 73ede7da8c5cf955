/* SPDX-License-Identifier: MIT
 *
 * Grace: see grace.h. What ends it is one batch, which stores the floor. By then the record of each
 * announced attempt's task holds its token as `held` (since it was adopted), and no other does.
 * Only after that batch an old task may be delivered: otherwise a second restart could not tell the
 * attempt that was just replaced from one that nobody ever replaced. */
#include "broker/core/grace.h"

#include "broker/core/attempt.h"
#include "broker/core/cancel.h"
#include "broker/core/nested.h"
#include "broker/core/process.h"
#include "broker/core/purge.h"
#include "broker/core/result.h"
#include "broker/core/hot.h"

#include <stdlib.h>

enum { EARLY_LINKS = offsetof(struct early, links) };

void grace_init(struct grace *grace) {
    *grace = (struct grace){0};
    slab_init(&grace->early, sizeof(struct early), 6);
    map_init(&grace->early_by_id);
}

void grace_begin(struct engine *engine) {
    int64_t now_us = engine_lived_us(engine);
    int64_t grace_us = engine->grace.copied ? 0 : (int64_t)TIME_GRACE_MS * 1000;
    engine->grace.until_us = now_us + grace_us;
    engine->grace.early_us = now_us + (int64_t)TIME_GRACE_MEMORY_MS * 1000;
}

int64_t grace_next(const struct engine *engine) {
    const struct grace *grace = &engine->grace;
    if (grace->over) {
        return INT64_MAX;
    }
    if (engine->config.keeps) {
        return grace->awaited == 0 ? 0 : grace->until_us;
    }
    return engine->counts.hosts > 0 ? grace->early_us : grace->until_us;
}

void grace_suspect(struct engine *engine, uint32_t task) {
    struct grace *grace = &engine->grace;
    if (grace->suspect_count == grace->suspect_capacity) {
        grace->suspect_capacity = grace->suspect_capacity == 0 ? 64 : grace->suspect_capacity * 2;
        grace->suspects =
            realloc(grace->suspects, grace->suspect_capacity * sizeof(*grace->suspects));
        CHECK(grace->suspects != NULL);
    }
    grace->suspects[grace->suspect_count++] = task;
}

/* ---- what came too early -------------------------------------------------------------------- */

static struct early *early_at(const struct engine *engine, uint32_t index) {
    return slab_at(&engine->grace.early, index);
}

static bool early_has_id(const void *context, uint32_t value) {
    const struct engine *engine = ((const void *const *)context)[0];
    const struct task_id *id = ((const void *const *)context)[1];
    return task_id_equal(early_at(engine, value)->id, *id);
}

static uint32_t early_find(const struct engine *engine, struct task_id id) {
    const void *context[2] = {engine, &id};
    return map_find(&engine->grace.early_by_id, task_id_hash(id), early_has_id, context);
}

static void early_drop(struct engine *engine, uint32_t index) {
    struct grace *grace = &engine->grace;
    struct early *early = early_at(engine, index);
    if (early->has_result) {
        engine_free_payload(engine, early->payload);
    }
    map_drop(&grace->early_by_id, task_id_hash(early->id), index);
    list_remove(&grace->early_list, &grace->early, EARLY_LINKS, index);
    slab_free(&grace->early, index);
}

/* The entry of an id for the newest token heard of; 0: not kept. */
static uint32_t early_of(struct engine *engine, struct task_id id, struct token token,
                         uint32_t child) {
    struct grace *grace = &engine->grace;
    uint32_t index = early_find(engine, id);
    if (index != 0 && token_equal(early_at(engine, index)->token, token)) {
        return index;
    }
    if (index != 0 && token_above(early_at(engine, index)->token, token)) {
        return 0;
    }
    if (index != 0) {
        early_drop(engine, index);
    }
    if (grace->early.live >= BOUND_EARLY) {
        return 0;
    }
    index = slab_take(&grace->early);
    struct early *early = early_at(engine, index);
    early->index = index;
    early->id = id;
    early->token = token;
    early->child = child;
    map_put(&grace->early_by_id, task_id_hash(id), index);
    list_append(&grace->early_list, &grace->early, EARLY_LINKS, index);
    return index;
}

bool grace_keep_announcement(struct engine *engine, const struct event_attempt *attempt,
                             uint32_t child) {
    uint32_t index = engine->grace.over ? 0 : early_of(engine, attempt->id, attempt->token, child);
    if (index == 0) {
        return false;
    }
    early_at(engine, index)->announced = true;
    early_at(engine, index)->answered = attempt->answered;
    early_at(engine, index)->child = child;
    return true;
}

bool grace_keep_result(struct engine *engine, const struct event_held *held, uint32_t child) {
    uint32_t index = engine->grace.over ? 0 : early_of(engine, held->id, held->token, child);
    if (index == 0) {
        return false;
    }
    struct early *early = early_at(engine, index);
    if (early->has_result) {
        engine_free_payload(engine, early->payload);
    }
    early->has_result = true;
    early->status = held->status;
    early->retry_ms = held->retry_ms;
    early->payload = held->payload;
    return true;
}

void grace_match(struct engine *engine, uint32_t task) {
    uint32_t index = early_find(engine, task_id_of(engine, task));
    if (index == 0) {
        return;
    }
    struct early early = *early_at(engine, index);
    early_at(engine, index)->has_result = false; /* its payload goes with the answer */
    early_drop(engine, index);
    bool valid = attempt_judge(engine, task, early.token);
    if (early.has_result) {
        children_acknowledge(engine, early.child, early.token);
        if (valid) {
            attempt_answer(engine, task, early.token, early.status, early.payload, early.retry_ms);
        } else {
            engine_free_payload(engine, early.payload);
            engine->counts.stale_results++;
        }
    } else if (valid && host_at(engine, child_at(engine, early.child)->host)->state == HOST_LIVE) {
        attempt_adopt(engine, task, early.child, early.token); /* a lost host ends leases already */
        if (early.answered) {
            attempt_expect_result(engine, task);
        }
    }
}

void grace_forget_child(struct engine *engine, uint32_t child) {
    for (uint32_t at = engine->grace.early_list.head; at != 0;) {
        uint32_t next = early_at(engine, at)->links.next;
        if (early_at(engine, at)->child == child) {
            early_drop(engine, at);
        }
        at = next;
    }
}

void grace_forget_running(struct engine *engine, uint32_t child) {
    for (uint32_t at = engine->grace.early_list.head; at != 0;) {
        uint32_t next = early_at(engine, at)->links.next;
        if (early_at(engine, at)->child == child && !early_at(engine, at)->has_result) {
            early_drop(engine, at);
        }
        at = next;
    }
}

/* Nobody submitted it again: its host is told to stop it, its child to forget its result. */
static void early_give_up(struct engine *engine, uint32_t index) {
    const struct early *early = early_at(engine, index);
    const struct child *child = child_at(engine, early->child);
    route_id route = host_at(engine, child->host)->route;
    if (early->has_result) {
        engine->counts.stale_results++;
        children_acknowledge(engine, early->child, early->token);
    } else if (route != 0) {
        struct effects *sink = engine_sink(engine);
        struct wire_token_run *run = effects_alloc(sink, sizeof(*run));
        *run = (struct wire_token_run){early->token.epoch, early->token.counter, 1};
        struct effect *effect = effects_add(sink, EFFECT_LEASE_LOST, route);
        effect->tokens.place = child->place;
        effect->tokens.runs = run;
        effect->tokens.run_count = 1;
    }
    early_drop(engine, index);
}

/* ---- the end -------------------------------------------------------------------------------- */

/* Perhaps started or cancelled before the restart, or held by an attempt that nobody announced. */
static void grace_end_suspect(struct engine *engine, uint32_t index) {
    struct task *task = task_at(engine, index);
    bool perhaps = (task->flags & TASK_STARTED) != 0 && process_is(engine, index);
    if (task->state == TASK_HELD && (task->flags & TASK_CANCEL) != 0 && !perhaps) {
        attempt_take_ready(engine, index);
        cancel_finish(engine, index);
    } else if (task->state == TASK_HELD) {
        struct wire_failure failure = {
            .code = WHERRY_E_LOST,
            .text = span_of_text("it may run once only and had perhaps started before the restart"),
        };
        attempt_take_ready(engine, index);
        result_fail(engine, index, WIRE_LOST, &failure);
    } else if (task_is_ready(task) && (task->flags & TASK_COLD) != 0 &&
               cold_find(engine, index)->held.counter != 0) {
        cold_find(engine, index)->held = (struct token){0, 0};
        persist_task(engine, index);
    }
}

static uint32_t grace_end_suspects(struct engine *engine, uint32_t units) {
    struct grace *grace = &engine->grace;
    while (units > 0 && grace->suspect_count > 0 && !barrier_full(engine)) {
        grace_end_suspect(engine, grace->suspects[--grace->suspect_count]);
        units--;
    }
    return units;
}

static uint32_t grace_end_awaited(struct engine *engine, uint32_t units) {
    for (uint32_t index = 1; units > 0 && engine->grace.awaited > 0; index++) {
        if (host_at(engine, index)->state == HOST_AWAITED) {
            persist_host_delete(engine, index);
            hosts_drop(engine, index);
            units--;
        }
    }
    return units;
}

static uint32_t grace_end_early(struct engine *engine, uint32_t units) {
    while (units > 0 && engine->grace.early_list.head != 0) {
        early_give_up(engine, engine->grace.early_list.head);
        units--;
    }
    return units;
}

static void grace_end(struct engine *engine) {
    struct grace *grace = &engine->grace;
    grace->over = true;
    if (!PLANTED(PLANT_NO_FLOOR)) {
        grace->floor = (struct token){engine->config.epoch, 0};
    }
    free(grace->suspects);
    grace->suspects = NULL;
    grace->suspect_capacity = 0;
    purge_go_on(engine);
    persist_store_row(engine);
    grace->floor_batch = barrier_newest(&engine->barrier);
    for (uint32_t index = 1; index <= engine->queues.used; index++) {
        queue_match(engine, index);
    }
    note_line(engine, LOG_INFO, "msg=\"grace time over\" epoch=%llu",
              (unsigned long long)engine->config.epoch);
}

/* What may be much is done before, and in several steps. Whoever announces meanwhile is in time. */
void grace_judge(struct engine *engine, uint32_t units) {
    if (engine->grace.over || grace_next(engine) > engine_lived_us(engine)) {
        return;
    }
    units = grace_end_suspects(engine, units);
    units = grace_end_awaited(engine, units);
    units = grace_end_early(engine, units);
    units = nested_settle(engine, units);
    if (units > 0 && engine->grace.suspect_count == 0) { /* nobody is unbound any more */
        grace_end(engine);
    }
}

void grace_fini(struct engine *engine) {
    struct grace *grace = &engine->grace;
    free(grace->suspects);
    slab_fini(&grace->early);
    map_fini(&grace->early_by_id);
}
