/* SPDX-License-Identifier: MIT
 *
 * Hosts: what a supervisor announces (rules §3.3).
 *
 * It closed all its gates before it spoke, so its word is complete: what it lists is all that may
 * still run or wait for an acknowledgement. Leases of its places that it does not list have ended
 * without a result; attempts that it lists and that are void get LEASE_LOST. */
#include "broker/core/attempt.h"
#include "broker/core/cancel.h"
#include "broker/core/hello.h"
#include "broker/core/leave.h"
#include "broker/core/persist.h"
#include "broker/core/spawn.h"
#include "broker/core/state.h"
#include "common/name.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static struct span span_clone(struct span text) {
    uint8_t *copy = malloc(text.size + 1);
    CHECK(copy != NULL);
    if (text.size > 0) {
        memcpy(copy, text.data, text.size);
    }
    return (struct span){copy, text.size};
}

static int function_compare(const void *a, const void *b) {
    const struct span *first = a;
    const struct span *second = b;
    size_t common = first->size < second->size ? first->size : second->size;
    int order = common == 0 ? 0 : memcmp(first->data, second->data, common);
    return order != 0 ? order : (first->size > second->size) - (first->size < second->size);
}

static void host_describe(struct host *host, const struct event_hello *hello, uint32_t queue) {
    hosts_forget_functions(host);
    free((void *)(uintptr_t)host->label.data);
    host->label = span_clone(hello->label);
    host->pid = hello->pid;
    host->processes = hello->processes;
    host->processes_max = hello->processes_max;
    host->queue = (uint16_t)queue;
    host->functions = calloc(hello->function_count + 1, sizeof(*host->functions));
    CHECK(host->functions != NULL);
    host->function_count = hello->function_count;
    for (uint32_t i = 0; i < hello->function_count; i++) {
        host->functions[i] = span_clone(hello->functions[i]);
    }
    qsort(host->functions, host->function_count, sizeof(*host->functions), function_compare);
}

/* ---- announcements -------------------------------------------------------------------------- */

struct lost { /* announced attempts of one place that are void */
    struct wire_token_run *runs;
    uint32_t count;
};

/* False: void, and the host must be told. */
static bool host_announce(struct engine *engine, uint32_t child, bool alive,
                          const struct event_attempt *attempt) {
    uint32_t index = task_find(engine, attempt->id);
    if (index == 0) { /* a dead child's attempt is nothing to match a resubmission with */
        return !alive || grace_keep_announcement(engine, attempt, child) || attempt->answered;
    }
    if (!attempt_judge(engine, index, attempt->token)) {
        return attempt->answered; /* its result will be refused in its turn */
    }
    if (task_at(engine, index)->state != TASK_LEASED) {
        attempt_adopt(engine, index, child, attempt->token);
    } else if (task_at(engine, index)->lease.child != child) {
        return false; /* no place can hold another place's attempt */
    }
    task_at(engine, index)->flags |= TASK_ANNOUNCED;
    if (alive && attempt->answered && (task_at(engine, index)->flags & TASK_ADOPTED) != 0) {
        attempt_expect_result(engine, index);
    }
    cancel_remind(engine, index);
    return true;
}

static void host_announce_place(struct engine *engine, uint32_t index,
                                const struct event_place *place, struct effects *sink) {
    uint32_t child = hosts_child(engine, index, place->place);
    bool stale = children_is_stale(engine, child, place->generation);
    (void)children_closed(engine, child, place->generation, place->started);
    if (!stale) {
        child_at(engine, child)->dead = !place->alive;
    }
    child_at(engine, child)->spared = stale;
    children_touch(engine, child);
    spawn_announced(engine, child, place->alive);
    struct wire_token_run *runs = NULL;
    uint32_t count = 0;
    for (uint32_t i = 0; i < place->attempt_count; i++) {
        if (!host_announce(engine, child, place->alive, &place->attempts[i])) {
            if (runs == NULL) {
                runs = effects_alloc(sink, place->attempt_count * sizeof(*runs));
            }
            struct token token = place->attempts[i].token;
            runs[count++] = (struct wire_token_run){token.epoch, token.counter, 1};
        }
    }
    if (count > 0) {
        struct effect *effect = effects_add(sink, EFFECT_LEASE_LOST, host_at(engine, index)->route);
        effect->tokens.place = place->place;
        effect->tokens.runs = runs;
        effect->tokens.run_count = count;
    }
}

/* True: still leased, announced, or its dead child's result is awaited. */
static bool host_keeps_lease(struct engine *engine, uint32_t index) {
    struct task *task = task_at(engine, index);
    const struct cold *cold = cold_find(engine, index);
    bool keeps = (task->flags & TASK_ANNOUNCED) != 0 || (cold != NULL && cold->answered);
    task->flags &= (uint16_t)~TASK_ANNOUNCED;
    return keeps;
}

/* Whatever was not announced has ended; but an old hello knows nothing of newer deliveries. */
void hosts_sweep_child(struct engine *engine, uint32_t index) {
    struct child *child = child_at(engine, index);
    bool spared = child->spared;
    child->spared = false;
    struct span why = span_of_text("its host does not hold it any more");
    for (uint32_t i = 0; i < child->ring_size && child->leased > 0; i++) {
        if (child->ring[i] != 0 && !host_keeps_lease(engine, child->ring[i]) && !spared) {
            attempt_lose(engine, child->ring[i], WIRE_CAUSE_NONE, why);
        }
    }
    for (uint32_t at = child->adopted.head; at != 0;) {
        const struct cold *cold = slab_at(&engine->colds, at);
        at = cold->adopted.next;
        if (!host_keeps_lease(engine, cold->task) && !spared) {
            attempt_lose(engine, cold->task, WIRE_CAUSE_NONE, why);
        }
    }
}

/* ---- hello ---------------------------------------------------------------------------------- */

static const char *host_complaint(const struct engine *engine, uint32_t index,
                                  const struct event_hello *hello) {
    if (!name_ok(hello->pool)) {
        return "not a pool's name";
    }
    if (hello->function_count > BOUND_FUNCTIONS || hello->place_count > BOUND_PLACES ||
        hello->processes > BOUND_PROCESSES || hello->processes_max > BOUND_PROCESSES) {
        return "too many functions or processes in one host";
    }
    for (uint32_t i = 0; i < hello->place_count; i++) {
        if (hello->places[i].place >= BOUND_PLACES) {
            return "too many processes in one host";
        }
    }
    if (index == 0) {
        return engine->hosts.live >= BOUND_HOSTS ? "too many hosts" : NULL;
    }
    const struct host *host = host_at(engine, index);
    if (host->state != HOST_EARLY &&
        memcmp(host->secret, hello->secret.data, WIRE_SECRET_SIZE) != 0) {
        return "this session belongs to somebody else";
    }
    return NULL;
}

/* Into the state LIVE, with what it offers now. True: it was not known before. */
static bool host_arrive(struct engine *engine, uint32_t index, uint32_t queue, route_id route,
                        const struct event_hello *hello) {
    struct host *host = host_at(engine, index);
    bool stored = host->state == HOST_LIVE || host->state == HOST_AWAITED;
    engine->grace.awaited -= host->state == HOST_AWAITED;
    if (host->state == HOST_LIVE) {
        hosts_leave(engine, index, HOST_LOST);
    }
    host->state = HOST_LOST; /* EARLY would go with a child that spoke on this very route before */
    memcpy(host->secret, hello->secret.data, WIRE_SECRET_SIZE);
    host->draining = false;
    host->goodbye = false;
    host_describe(host, hello, queue);
    if (host->route != route) {
        routes_close(engine, host->route);
        host->route = route;
        routes_bind(engine, route, PEER_HOST, index);
    }
    hosts_join(engine, index);
    if (!stored) {
        persist_host(engine, index);
    }
    return !stored;
}

void hosts_hello(struct engine *engine, route_id route, const struct event_hello *hello) {
    uint32_t index = hosts_find(engine, hello->session);
    const char *complaint = host_complaint(engine, index, hello);
    wherry_err err = WHERRY_E_REFUSED;
    uint32_t queue = complaint == NULL ? queue_intern(engine, hello->pool, &err) : 0;
    if (queue == 0) {
        hello_refuse(engine, route, err, complaint != NULL ? complaint : "too many queues");
        return;
    }
    if (index == 0) {
        index = hosts_make(engine, hello->session, hello->secret.data, HOST_EARLY);
    }
    bool made = host_arrive(engine, index, queue, route, hello);
    note_line(engine, LOG_INFO,
              "msg=\"host joined\" host=\"%.*s\" pid=%" PRId64 " pool=\"%.*s\" processes=%u",
              (int)hello->label.size, (const char *)hello->label.data, hello->pid,
              (int)hello->pool.size, (const char *)hello->pool.data, hello->processes);
    hello_ok(engine, made ? engine_sink(engine) : engine->out, route, hello->session);
    struct effects *sink = engine_sink(engine);
    for (uint32_t i = 0; i < hello->place_count; i++) {
        host_announce_place(engine, index, &hello->places[i], sink);
    }
    for (uint32_t place = 0; place < host_at(engine, index)->place_count; place++) {
        if (host_at(engine, index)->places[place] != 0) {
            hosts_sweep_child(engine, host_at(engine, index)->places[place]);
        }
    }
    spawn_sweep(engine, index);
    leave_remind(engine, index);
}
