/* SPDX-License-Identifier: MIT
 *
 * The client's process: the session with its connection, and the application's calls on it. The
 * random application itself is application.c. */
#include "tests/sim/client.h"

#include "broker/net/border.h"
#include "common/check.h"
#include "common/wire/body.h"
#include "tests/sim/sim.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void client_due(void *subject, uint64_t stamp);

void sim_client_init(struct sim_client *client, struct sim *sim, uint32_t index) {
    *client = (struct sim_client){
        .sim = sim,
        .index = index,
        .machine = 1 + index,
        .rng = sim_rng_of(sim->config.seed, 200 + index),
        .timer = {.at_us = INT64_MAX},
    };
    char name[16];
    snprintf(name, sizeof name, "c%u", index);
    client->node = net_node_add(sim->net, name, client->machine, client);
}

static void client_drop_calls(struct sim_client *client) {
    for (uint32_t i = 0; i < SIM_CALLS_MAX; i++) {
        bytes_free(&client->calls[i].body);
        client->calls[i] = (struct sim_call){.open = false};
    }
}

void sim_client_fini(struct sim_client *client) {
    session_destroy(&client->session);
    client_drop_calls(client);
}

/* ---- what the session tells -------------------------------------------------------------------
 */

static void client_finished(void *context, void *owner, const struct session_outcome *outcome) {
    struct sim_client *client = context;
    checker_finished(&client->sim->checker, owner, outcome->err, outcome->payload);
}

static void client_accepted(void *context, void *owner) {
    struct sim_client *client = context;
    checker_accepted(&client->sim->checker, owner);
}

static void client_moved(void *context, void *owner, struct task_id key) {
    struct sim_client *client = context;
    struct sim_task *task = owner;
    task->key = key;
    world_note(&client->sim->world, "c%u: task %u is number %llu now", client->index,
               task->ordinal, (unsigned long long)key.number);
}

static void client_answered(void *context, void *owner, const struct session_outcome *outcome) {
    struct sim_client *client = context;
    struct sim_call *call = owner;
    call->open = false;
    call->answered = true;
    call->err = outcome->err;
    bytes_clear(&call->body);
    bytes_append(&call->body, outcome->payload.data, outcome->payload.size);
    world_note(&client->sim->world, "c%u call %u: %s", client->index, call->verb,
               wherry_err_text(outcome->err));
    checker_answered(&client->sim->checker, call);
}

static void client_random(void *context, void *out, size_t size) {
    struct sim_client *client = context;
    uint8_t *at = out;
    for (size_t i = 0; i < size; i++) {
        at[i] = (uint8_t)rng_next(&client->rng);
    }
}

/* ---- the connection ---------------------------------------------------------------------------
 */

static void client_connect(void *subject, uint64_t life) {
    struct sim_client *client = subject;
    struct sim *sim = client->sim;
    if (client->life == life && client->session != NULL && !client->connected) {
        client->connected = true;
        net_open(sim->net, client->node);
        session_opened(client->session, sim->world.now_us);
        sim_client_wake(client);
    }
}

static void client_flush(struct sim_client *client) {
    struct sim *sim = client->sim;
    struct wire_out out;
    wire_out_init(&out);
    while (client->connected) {
        wire_out_clear(&out);
        if (!session_output(client->session, sim->world.now_us, &out)) {
            break;
        }
        net_send_up(sim->net, client->node, &out);
        border_release(&out);
    }
    wire_out_fini(&out);
    if (client->connected && session_wants_reopen(client->session)) {
        client->connected = false;
        net_close(sim->net, client->node);
        world_at(&sim->world, sim->world.now_us + sim_rng_skewed(&client->rng, 1000, 500000),
                 client_connect, client, client->life);
    }
}

void sim_client_wake(struct sim_client *client) {
    struct world *world = &client->sim->world;
    if (client->session == NULL || client->stopped) {
        return;
    }
    session_tick(client->session, world->now_us);
    client_flush(client);
    if (client->sim->config.audit_every != 0) {
        session_audit(client->session);
    }
    world_timer_set(world, &client->timer, session_next_wake(client->session), client_due, client);
}

static void client_due(void *subject, uint64_t stamp) {
    struct sim_client *client = subject;
    if (world_timer_due(&client->timer, stamp)) {
        sim_client_wake(client);
    }
}

void sim_client_message(struct sim_client *client, const struct wire_message *message) {
    if (client->session != NULL && client->connected) {
        session_input(client->session, message, client->sim->world.now_us);
        sim_client_wake(client);
    }
}

/* ---- life -------------------------------------------------------------------------------------
 */

void sim_client_start(struct sim_client *client) {
    struct sim *sim = client->sim;
    CHECK(client->session == NULL);
    struct session_options options = {
        .label = "sim",
        .pid = (int64_t)(client->index * 100 + client->life),
        .reconnect_limit_us = sim->config.reconnect_limit_us,
        .window = sim->config.client_window,
    };
    static const struct session_ops ops = {
        .finished = client_finished,
        .accepted = client_accepted,
        .moved = client_moved,
        .answered = client_answered,
        .random = client_random,
    };
    client->life++;
    client->closing = false;
    client->session = session_create(&options, &ops, client, sim->world.now_us);
    CHECK(client->session != NULL);
    world_note(&sim->world, "c%u starts", client->index);
    client_connect(client, client->life);
    if (!sim->config.by_hand) {
        world_at(&sim->world, sim->world.now_us + 1000, sim_client_live, client, client->life);
    }
}

static void client_end(struct sim_client *client) {
    session_destroy(&client->session);
    client_drop_calls(client);
    client->connected = false;
    client->stopped = false;
    client->life++;
    net_stop(client->sim->net, client->node, false);
}

void sim_client_crash(struct sim_client *client) {
    if (client->session == NULL) {
        return;
    }
    world_note(&client->sim->world, "c%u dies", client->index);
    world_fault(&client->sim->world, FAULT_CLIENT_CRASH);
    checker_client_died(&client->sim->checker, client);
    net_close(client->sim->net, client->node);
    client_end(client);
}

void sim_client_stop(struct sim_client *client, bool stopped) {
    if (client->session == NULL || client->stopped == stopped) {
        return;
    }
    client->stopped = stopped;
    net_stop(client->sim->net, client->node, stopped);
    sim_client_wake(client);
}

void sim_client_goodbye(struct sim_client *client) {
    if (client->session == NULL) {
        return;
    }
    client->closing = true;
    session_close(client->session, client->sim->world.now_us);
    client_flush(client);
    net_finish(client->sim->net, client->node);
    checker_client_died(&client->sim->checker, client);
    client_end(client);
}

/* ---- the application's calls ------------------------------------------------------------------
 */

static void client_release(void *data, void *hint) {
    (void)hint;
    free(data);
}

struct sim_task *sim_client_submit(struct sim_client *client, const struct sim_submit *submit) {
    struct sim *sim = client->sim;
    struct sim_task *task = checker_task_add(&sim->checker, client, submit);
    struct task_plan plan = submit->plan;
    plan.ordinal = checker_task_ordinal(&sim->checker, task);
    size_t size = submit->size > sizeof plan ? submit->size : sizeof plan;
    uint8_t *payload = task_plan_encode(&plan, size);
    struct session_lane lane = {
        .queue = span_of_text(submit->queue),
        .function = span_of_text(submit->function),
        .options = submit->options,
        .wait_ms = submit->wait_ms,
    };
    struct task_id id;
    struct wire_part part = {payload, size, client_release, NULL};
    wherry_err err = session_submit(client->session, &lane, part, task, sim->world.now_us, &id);
    if (err != WHERRY_OK) {
        free(payload);
        checker_task_undo(&sim->checker, task);
        return NULL;
    }
    checker_task_named(&sim->checker, task, id);
    session_want_accepted(client->session, id);
    sim_client_wake(client);
    return task;
}

void sim_client_cancel(struct sim_client *client, struct sim_task *task) {
    checker_cancel_asked(&client->sim->checker, task);
    session_cancel(client->session, task->key);
    sim_client_wake(client);
}

static struct sim_call *client_call_free(struct sim_client *client) {
    for (uint32_t i = 0; i < SIM_CALLS_MAX; i++) {
        if (!client->calls[i].open) {
            return &client->calls[i];
        }
    }
    return NULL;
}

struct sim_call *sim_client_call(struct sim_client *client, enum wire_verb verb,
                                 const struct bytes *body, int64_t timeout_ms) {
    struct sim_call *call = client_call_free(client);
    if (call == NULL) {
        return NULL;
    }
    struct bytes kept = call->body;
    bytes_clear(&kept);
    *call = (struct sim_call){.body = kept};
    call->open = true;
    call->answered = false;
    call->verb = verb;
    call->client = client;
    uint64_t number;
    if (session_call(client->session, verb, bytes_span(body), timeout_ms, 1, call,
                     client->sim->world.now_us, &number) != WHERRY_OK) {
        call->open = false;
        return NULL;
    }
    return call;
}

/* Bodies are positional msgpack arrays (wire.h, enum wire_verb). */
struct sim_call *sim_client_ask(struct sim_client *client, enum wire_verb verb, struct task_id id,
                                int64_t timeout_ms) {
    struct bytes body = BYTES_EMPTY;
    uint8_t packed[3 + ID_WIRE_SIZE] = {0x91, 0xc4, ID_WIRE_SIZE};
    task_id_to_wire(id, packed + 3);
    if (verb == WIRE_STATUS) {
        bytes_append(&body, "\x90", 1);
    } else if (verb == WIRE_POOL_SHOW) {
        bytes_append(&body, "\x91\xa2q0", 4);
    } else {
        bytes_append(&body, packed, sizeof packed);
    }
    struct sim_call *call = sim_client_call(client, verb, &body, timeout_ms);
    bytes_free(&body);
    if (call != NULL) {
        call->id = id;
        world_say(&client->sim->world, "c%u asks %u about number %llu of %llx", client->index, verb,
                  (unsigned long long)id.number, (unsigned long long)id.session);
        sim_client_wake(client);
    }
    return call;
}

struct sim_call *sim_client_set_queue(struct sim_client *client, const char *queue,
                                      uint64_t items_max, uint64_t bytes_max) {
    struct bytes body = BYTES_EMPTY;
    body_put_queue(&body, &(struct body_queue){span_of_text(queue), items_max, bytes_max});
    struct sim_call *call = sim_client_call(client, WIRE_QUEUE_SET, &body, 10000);
    bytes_free(&body);
    if (call != NULL) {
        sim_client_wake(client);
    }
    return call;
}

struct sim_call *sim_client_pause(struct sim_client *client, uint32_t queue, uint32_t pause,
                                  uint32_t resume) {
    struct bytes body = BYTES_EMPTY;
    char name[8];
    snprintf(name, sizeof name, "q%u", queue);
    body_put_pause(&body, &(struct body_pause){span_of_text(name), pause, resume});
    struct sim_call *call = sim_client_call(client, WIRE_QUEUE_PAUSE, &body, 5000);
    bytes_free(&body);
    if (call != NULL) {
        call->queue = queue;
        call->pause = pause;
        call->resume = resume;
        world_note(&client->sim->world, "c%u pauses %s: %u, resumes %u", client->index, name, pause,
                   resume);
        world_fault(&client->sim->world, FAULT_QUEUE_PAUSED);
        checker_pause_asked(&client->sim->checker, call);
        sim_client_wake(client);
    }
    return call;
}

struct sim_call *sim_client_purge(struct sim_client *client, uint32_t queue) {
    struct bytes body = BYTES_EMPTY;
    char name[8];
    snprintf(name, sizeof name, "q%u", queue);
    body_put_name(&body, span_of_text(name));
    struct sim_call *call = sim_client_call(client, WIRE_QUEUE_PURGE, &body, 20000);
    bytes_free(&body);
    if (call != NULL) {
        call->queue = queue;
        world_note(&client->sim->world, "c%u purges %s", client->index, name);
        world_fault(&client->sim->world, FAULT_QUEUE_PURGED);
        checker_purge_asked(&client->sim->checker, call);
        sim_client_wake(client);
    }
    return call;
}

/* Frees the body. */
static struct sim_call *client_call_host(struct sim_client *client, const struct sim_host *host,
                                         enum wire_verb verb, struct bytes *body,
                                         int64_t timeout_ms) {
    struct sim_call *call = sim_client_call(client, verb, body, timeout_ms);
    bytes_free(body);
    if (call != NULL) {
        world_note(&client->sim->world, "c%u says %u of h%u", client->index, verb, host->index);
        sim_client_wake(client);
    }
    return call;
}

struct sim_call *sim_client_drain(struct sim_client *client, const struct sim_host *host,
                                  int64_t grace_ms, int64_t timeout_ms) {
    struct bytes body = BYTES_EMPTY;
    char id[24];
    snprintf(id, sizeof id, "%016" PRIx64, host->session);
    body_put_drain(&body, &(struct body_drain){span_of_text(id), grace_ms});
    return client_call_host(client, host, WIRE_WORKER_DRAIN, &body, timeout_ms);
}

struct sim_call *sim_client_join(struct sim_client *client, const struct sim_host *host,
                                 int64_t timeout_ms) {
    struct bytes body = BYTES_EMPTY;
    char id[24];
    snprintf(id, sizeof id, "%016" PRIx64, host->session);
    body_put_name(&body, span_of_text(id));
    return client_call_host(client, host, WIRE_WORKER_JOIN, &body, timeout_ms);
}
