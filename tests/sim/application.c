/* SPDX-License-Identifier: MIT
 *
 * The random application. It keeps a bounded number of tasks open, prefers what is hard (full
 * queues, cancels that race with results, tasks that crash), and puts its questions about its own
 * and other clients' tasks. */
#include "common/check.h"
#include "tests/sim/client.h"
#include "tests/sim/sim.h"

enum { APPLICATION_OPEN_MAX = 40 };

static uint32_t application_open(const struct sim_client *client) {
    const struct sim_checker *checker = &client->sim->checker;
    uint32_t open = 0;
    for (uint32_t i = 0; i < checker->count; i++) {
        const struct sim_task *task = checker->tasks[i];
        open +=
            task->client == client->index && task->client_life == client->life && !task->finished;
    }
    return open;
}

static int64_t application_wait_ms(struct rng *rng) {
    switch (rng_below(rng, 4)) {
    case 0:
        return 0;
    case 1:
        return sim_rng_skewed(rng, 1, 5000);
    default:
        return -1;
    }
}

static uint32_t application_behaviour(struct rng *rng) {
    uint64_t roll = rng_below(rng, 100);
    return roll < 84   ? TASK_SUCCEEDS
           : roll < 90 ? TASK_FAILS
           : roll < 95 ? TASK_ASKS_AGAIN
           : roll < 98 ? TASK_CRASHES_ONCE
                       : TASK_CRASHES;
}

/* One draw a statement: operands and initializers have no order of their own. */
static struct sim_submit application_lane(struct sim_client *client) {
    struct rng *rng = &client->rng;
    struct sim_submit submit = {.queue = "q0"};
    if (rng_below(rng, client->sim->config.queues) != 0) {
        submit.queue = "q1";
    }
    submit.function = sim_rng_chance(rng, 700) ? "f" : "g";
    submit.wait_ms = application_wait_ms(rng);
    submit.options.flags |= sim_rng_chance(rng, 150) ? TASK_KEEP : 0;
    submit.options.flags |= sim_rng_chance(rng, 100) ? TASK_ONCE : 0;
    if (submit.options.flags == 0 && sim_rng_chance(rng, 50)) {
        submit.options.flags = TASK_NO_RESULT;
    }
    if (sim_rng_chance(rng, 150)) {
        submit.options.flags = TASK_PROCESS | TASK_ONCE;
        submit.options.flags |= sim_rng_chance(rng, 300) ? TASK_DAEMON : 0;
    }
    submit.options.max_attempts = (submit.options.flags & TASK_ONCE) != 0 ? 1 : 0;
    submit.options.priority = sim_rng_chance(rng, 200) ? (int32_t)rng_below(rng, 3) - 1 : 0;
    if (sim_rng_chance(rng, 20)) { /* anybody may then cancel what nobody offers */
        submit.function = "nowhere";
        submit.options = (struct wire_options){.flags = TASK_KEEP};
    }
    return submit;
}

static size_t application_size(struct rng *rng) {
    uint64_t roll = rng_below(rng, 100);
    return roll < 90   ? 0
           : roll < 96 ? 2000
           : roll < 99 ? (size_t)sim_rng_between(rng, 15000, 40000)
                       : (size_t)sim_rng_between(rng, 60000, 100000);
}

static void application_submit(struct sim_client *client) {
    struct rng *rng = &client->rng;
    struct sim_submit submit = application_lane(client);
    uint32_t room = APPLICATION_OPEN_MAX - application_open(client);
    uint64_t burst = 1 + rng_below(rng, 8);
    int64_t longest_us = INT64_C(100) << (2 * rng_below(rng, 8));
    for (uint64_t i = 0; i < burst && i < room; i++) {
        submit.plan.behaviour = application_behaviour(rng);
        submit.plan.duration_us = sim_rng_skewed(rng, 0, longest_us);
        submit.plan.result_size = (uint32_t)application_size(rng);
        submit.size = application_size(rng);
        if (sim_client_submit(client, &submit) == NULL) {
            return;
        }
    }
}

static struct sim_task *application_some_task(struct sim_client *client) {
    const struct sim_checker *checker = &client->sim->checker;
    if (checker->count == 0) {
        return NULL;
    }
    uint64_t recent = checker->count < 30 ? checker->count : 30;
    return checker->tasks[checker->count - 1 - rng_below(&client->rng, recent)];
}

/* Whatever is its own, and whatever others submitted to be kept. */
static bool application_may_ask(const struct sim_client *client, const struct sim_task *task) {
    bool own = task->client == client->index && task->client_life == client->life;
    return own || (task->flags & TASK_KEEP) != 0;
}

static void application_cancel(struct sim_client *client) {
    struct sim_task *task = application_some_task(client);
    if (task == NULL || task->finished) {
        return;
    }
    bool own = task->client == client->index && task->client_life == client->life;
    if (own && sim_rng_chance(&client->rng, 500)) {
        sim_client_cancel(client, task);
    } else if (application_may_ask(client, task)) {
        checker_cancel_asked(&client->sim->checker, task);
        sim_client_ask(client, WIRE_TASK_CANCEL, task->id, 10000);
    }
}

/* Waits for a Process to run; in vain it is withdrawn. One that the broker has not taken yet must
 * not be asked about: that would settle its number. */
static void application_start(struct sim_client *client, struct sim_task *task) {
    bool own = task->client == client->index && task->client_life == client->life;
    if (own && task->accepted && !task->finished && (task->flags & TASK_PROCESS) != 0) {
        checker_cancel_asked(&client->sim->checker, task);
        sim_client_ask(client, WIRE_PROCESS_START, task->id,
                       sim_rng_skewed(&client->rng, 1, 30000));
    }
}

static void application_ask(struct sim_client *client) {
    static const enum wire_verb verbs[] = {WIRE_TASK_WAIT, WIRE_TASK_WAIT, WIRE_TASK_WAIT,
                                           WIRE_WAITING,   WIRE_STATUS,    WIRE_POOL_SHOW};
    enum wire_verb verb = verbs[rng_below(&client->rng, sizeof verbs / sizeof verbs[0])];
    struct sim_task *task = application_some_task(client);
    bool may = task != NULL && application_may_ask(client, task);
    if (may && sim_rng_chance(&client->rng, 300)) {
        application_start(client, task);
    }
    struct task_id id = may ? task->id : (struct task_id){.session = 1, .number = 1};
    int64_t timeout_ms =
        sim_rng_chance(&client->rng, 300) ? 0 : sim_rng_skewed(&client->rng, 1, 20000);
    sim_client_ask(client, verb, id, timeout_ms);
}

static void application_set_queue(struct sim_client *client) {
    struct sim_checker *checker = &client->sim->checker;
    uint32_t queue = (uint32_t)rng_below(&client->rng, client->sim->config.queues);
    uint64_t items_max = 1 + rng_below(&client->rng, 30);
    if (items_max > checker->items_max[queue]) {
        checker->items_max[queue] = items_max;
    }
    sim_client_set_queue(client, queue == 0 ? "q0" : "q1", items_max, 0);
}

static bool application_lives(const struct sim_client *client, uint64_t life) {
    return client->life == life && client->session != NULL && !client->stopped;
}

/* What it paused; `argument`: its life and the queue. */
static void application_resume(void *subject, uint64_t argument) {
    struct sim_client *client = subject;
    if (application_lives(client, argument >> 1) && !client->sim->quiet) {
        sim_client_pause(client, (uint32_t)(argument & 1), 0, WIRE_PAUSE_ALL);
    }
}

static void application_send_away(struct sim_client *client) {
    struct rng *rng = &client->rng;
    const struct sim_host *host =
        &client->sim->hosts[rng_below(rng, client->sim->config.hosts)];
    int64_t timeout_ms = sim_rng_skewed(rng, 1, 20000);
    if (sim_rng_chance(rng, 300)) {
        sim_client_join(client, host, timeout_ms);
        return;
    }
    int64_t grace_ms = sim_rng_chance(rng, 500) ? -1 : sim_rng_skewed(rng, 0, 5000);
    sim_client_drain(client, host, grace_ms, timeout_ms);
}

/* Paused for a while, mostly; else by whoever comes next, or at the end. Now and then purged, or
 * a host is sent away. */
static void application_manage(struct sim_client *client) {
    static const uint32_t ways[] = {WIRE_PAUSE_OUT, WIRE_PAUSE_OUT, WIRE_PAUSE_IN,
                                    WIRE_PAUSE_REFUSE, WIRE_PAUSE_IN | WIRE_PAUSE_OUT};
    struct rng *rng = &client->rng;
    struct world *world = &client->sim->world;
    uint32_t queue = (uint32_t)rng_below(rng, client->sim->config.queues);
    if (sim_rng_chance(rng, 200)) {
        application_send_away(client);
        return;
    }
    if (sim_rng_chance(rng, 150)) {
        sim_client_purge(client, queue);
        return;
    }
    if (sim_rng_chance(rng, 400)) {
        sim_client_pause(client, queue, 0, WIRE_PAUSE_ALL);
        return;
    }
    uint32_t way = ways[rng_below(rng, sizeof ways / sizeof ways[0])];
    sim_client_pause(client, queue, way, 0);
    int64_t until_us = world->now_us + sim_rng_skewed(rng, 1000, 10000000);
    world_at(world, until_us, application_resume, client, client->life << 1 | queue);
}

static void application_move(struct sim_client *client) {
    uint64_t roll = rng_below(&client->rng, 100);
    if (roll < 75 && application_open(client) < APPLICATION_OPEN_MAX) {
        application_submit(client);
    } else if (roll < 86) {
        application_cancel(client);
    } else if (roll < 98) {
        application_ask(client);
    } else if (roll < 99) {
        application_manage(client);
    } else {
        application_set_queue(client);
    }
}

static bool application_asks_already(const struct sim_client *client, struct task_id id) {
    for (uint32_t i = 0; i < SIM_CALLS_MAX; i++) {
        if (client->calls[i].open && task_id_equal(client->calls[i].id, id)) {
            return true;
        }
    }
    return false;
}

static bool application_resumes_already(const struct sim_client *client, uint32_t queue) {
    for (uint32_t i = 0; i < SIM_CALLS_MAX; i++) {
        const struct sim_call *call = &client->calls[i];
        if (call->open && call->verb == WIRE_QUEUE_PAUSE && call->queue == queue) {
            return true;
        }
    }
    return false;
}

/* Whoever paused a queue may be gone: when faults have stopped, everybody sees to it. */
static void application_open_queues(struct sim_client *client) {
    for (uint32_t queue = 0; queue < client->sim->config.queues; queue++) {
        if (!client->sim->checker.queues[queue].calm &&
            !application_resumes_already(client, queue)) {
            sim_client_pause(client, queue, 0, WIRE_PAUSE_ALL);
        }
    }
}

/* What nobody offers would stay for ever: when faults have stopped, its client ends it, or, if that
 * is gone, whoever else can. */
static void application_tidy(struct sim_client *client) {
    struct sim_checker *checker = &client->sim->checker;
    if (sim_is_calm(client->sim)) {
        application_open_queues(client);
    }
    for (uint32_t i = 0; i < checker->count; i++) {
        struct sim_task *task = checker->tasks[i];
        if (!task->nowhere || task->finished || task->cancel_settled) {
            continue;
        }
        if (!task->orphan && task->client == client->index) {
            sim_client_cancel(client, task);
        } else if (task->orphan && !application_asks_already(client, task->id)) {
            checker_cancel_asked(checker, task);
            sim_client_ask(client, WIRE_TASK_CANCEL, task->id, 10000);
        }
    }
}

void sim_client_live(void *subject, uint64_t life) {
    struct sim_client *client = subject;
    struct world *world = &client->sim->world;
    if (client->life != life || client->session == NULL) {
        return;
    }
    if (!client->stopped && !client->sim->quiet) {
        application_move(client);
    } else if (!client->stopped) {
        application_tidy(client);
    }
    int64_t pause_us = client->sim->quiet
                           ? 500000
                           : sim_rng_skewed(&client->rng, 100, client->sim->config.think_us);
    world_at(world, world->now_us + pause_us, sim_client_live, client, life);
}
