/* SPDX-License-Identifier: MIT
 *
 * core_bench: how much work the engine has with one task, without sockets, bytes or clocks.
 *
 *     core_bench TASKS [BATCH]      100-byte tasks in batches of 500, one client, one child
 *
 * Each round is what a busy broker sees: a batch is submitted, delivered, its results come back,
 * the client acknowledges them. core_bench.sh counts the instructions of a round under callgrind;
 * by itself the program prints how fast it was. */
#include "broker/core/engine.h"
#include "common/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { BATCH_MAX = 4096, TASK_BYTES = 100, ROUTE_CLIENT = 1, ROUTE_HOST = 2, ROUTE_CHILD = 3 };

struct bench {
    struct engine *engine;
    struct effects effects;
    struct now now;
    uint64_t next_number;
    uint32_t next_handle;
    uint32_t generation;
    uint32_t started;
    uint64_t finished;
    uint16_t slot;
    struct event_submit_item items[BATCH_MAX];
    struct event_result results[BATCH_MAX];
    uint32_t result_count;
    struct wire_run done[BATCH_MAX]; /* results received, as runs */
    uint32_t done_count;
};

/* ---- effects
 * ---------------------------------------------------------------------------------- */

static void bench_deliver(struct bench *bench, const struct effect_deliver *deliver) {
    for (uint32_t i = 0; i < deliver->item_count; i++) {
        CHECK(bench->result_count < BATCH_MAX);
        bench->results[bench->result_count++] = (struct event_result){
            .index = deliver->items[i].index,
            .counter = deliver->first_counter + i,
            .status = WIRE_DONE,
            .payload = {++bench->next_handle, 8},
        };
    }
    bench->started += deliver->item_count;
}

static void bench_result(struct bench *bench, const struct effect_result_item *item) {
    struct wire_run *last = bench->done_count > 0 ? &bench->done[bench->done_count - 1] : NULL;
    if (last != NULL && last->first + last->count == item->number) {
        last->count++;
    } else {
        CHECK(bench->done_count < BATCH_MAX);
        bench->done[bench->done_count++] = (struct wire_run){item->number, 1};
    }
    bench->finished++;
}

static void bench_step(struct bench *bench, const struct event *event) {
    engine_step(bench->engine, event, bench->now, &bench->effects);
    for (uint32_t i = 0; i < bench->effects.count; i++) {
        const struct effect *effect = &bench->effects.items[i];
        if (effect->kind == EFFECT_DELIVER) {
            bench_deliver(bench, &effect->deliver);
        } else if (effect->kind == EFFECT_RESULT) {
            for (uint32_t j = 0; j < effect->result.item_count; j++) {
                bench_result(bench, &effect->result.items[j]);
            }
        }
    }
    effects_clear(&bench->effects);
}

static void bench_tick(struct bench *bench) {
    struct event tick = {.kind = EVENT_TICK};
    bench->now.mono_us += 100;
    bench_step(bench, &tick);
}

/* ---- one round
 * -------------------------------------------------------------------------------- */

static void bench_submit(struct bench *bench, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        bench->items[i] = (struct event_submit_item){
            .number = bench->next_number++,
            .payload = {++bench->next_handle, TASK_BYTES},
        };
    }
    struct event event = {.kind = EVENT_SUBMIT, .route = ROUTE_CLIENT};
    event.submit = (struct event_submit){
        .slot = bench->slot,
        .acked = bench->next_number - 1 - count,
        .queue = span_of_text("default"),
        .function = span_of_text("noop"),
        .wait_ms = -1,
        .items = bench->items,
        .item_count = count,
    };
    bench_step(bench, &event);
    bench_tick(bench);
}

static struct wire_credit bench_credit(const struct bench *bench) {
    return (struct wire_credit){bench->generation, bench->started + 4096, bench->started};
}

static void bench_results(struct bench *bench) {
    struct event event = {.kind = EVENT_RESULTS, .route = ROUTE_CHILD};
    uint32_t count = bench->result_count;
    static struct event_result taken[BATCH_MAX];
    for (uint32_t i = 0; i < count; i++) {
        taken[i] = bench->results[i];
    }
    bench->result_count = 0;
    event.results = (struct event_results){
        .epoch = 1,
        .credit = bench_credit(bench),
        .busy_us = count / 10,
        .items = taken,
        .item_count = count,
    };
    bench_step(bench, &event);
    bench_tick(bench);
}

static void bench_ack(struct bench *bench) {
    struct event event = {.kind = EVENT_ACK, .route = ROUTE_CLIENT};
    event.ack = (struct event_ack){
        .slot = bench->slot,
        .acked = bench->next_number - 1,
        .credit = UINT64_MAX / 2,
        .runs = bench->done,
        .run_count = bench->done_count,
    };
    bench_step(bench, &event);
    bench->done_count = 0;
    bench_tick(bench);
}

static void bench_round(struct bench *bench, uint32_t batch) {
    uint64_t target = bench->finished + batch;
    bench_submit(bench, batch);
    while (bench->finished < target) {
        CHECK(bench->result_count > 0);
        bench_results(bench);
    }
    bench_ack(bench);
}

/* ---- set-up
 * ----------------------------------------------------------------------------------- */

static void bench_hello(struct bench *bench, route_id route, enum wire_peer peer) {
    static const uint8_t secret[WIRE_SECRET_SIZE] = {1};
    static struct span functions[1];
    functions[0] = span_of_text("noop");
    struct event event = {.kind = EVENT_HELLO, .route = route};
    event.hello = (struct event_hello){
        .peer = peer,
        .version_min = WIRE_VERSION_MIN,
        .version_max = WIRE_VERSION_MAX,
        .session = 100 + route,
        .secret = {secret, sizeof secret},
        .parent = peer == WIRE_CHILD ? 100 + ROUTE_HOST : 0,
        .label = span_of_text("bench"),
        .pid = 1,
        .pool = span_of_text("default"),
        .processes = 1,
        .functions = functions,
        .function_count = peer == WIRE_HOST ? 1 : 0,
        .generation = peer == WIRE_CHILD ? 1 : 0,
    };
    bench_step(bench, &event);
}

static void bench_begin(struct bench *bench) {
    struct engine_config config;
    engine_config_init(&config);
    config.epoch = 1;
    bench->now = (struct now){.mono_us = 1000000, .wall_ms = 1000000};
    bench->next_number = 1;
    bench->slot = id_slot_of_name(span_of_text("default"));
    bench->engine = engine_create(&config);
    effects_init(&bench->effects);
    engine_restored(bench->engine, bench->now, &bench->effects);
    effects_clear(&bench->effects);
    bench_hello(bench, ROUTE_CLIENT, WIRE_CLIENT);
    bench_hello(bench, ROUTE_HOST, WIRE_HOST);
    bench_hello(bench, ROUTE_CHILD, WIRE_CHILD);
    bench->generation = 2;
    struct event credit = {.kind = EVENT_CREDIT, .route = ROUTE_CHILD};
    credit.credit = bench_credit(bench);
    bench_step(bench, &credit);
    bench_tick(bench);
}

int main(int argc, char **argv) {
    uint64_t tasks = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000000;
    uint32_t batch = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 500;
    if (tasks == 0 || batch == 0 || batch > BATCH_MAX) {
        fprintf(stderr, "usage: core_bench TASKS [BATCH ≤ %d]\n", BATCH_MAX);
        return 2;
    }
    struct bench *bench = calloc(1, sizeof *bench);
    CHECK(bench != NULL);
    bench_begin(bench);
    clock_t from = clock();
    while (bench->finished < tasks) {
        bench_round(bench, batch);
    }
    double seconds = (double)(clock() - from) / CLOCKS_PER_SEC;
    printf("{\"tasks\": %llu, \"batch\": %u, \"ns_per_task\": %.1f}\n",
           (unsigned long long)bench->finished, batch, seconds * 1e9 / (double)bench->finished);
    effects_fini(&bench->effects);
    engine_destroy(&bench->engine);
    free(bench);
    return 0;
}
