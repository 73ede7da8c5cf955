/* SPDX-License-Identifier: MIT
 *
 * store_bench: engine, payloads and a real store, without sockets: many client sessions submit in
 * turn, and many processes finish in random order.
 *
 *     store_bench URL [TASKS [SESSIONS [CHILDREN [OUTSTANDING [BACKLOG]]]]]
 *                      1 M    1,000     100       20,000       0
 *
 * A child holds 100 deliveries and answers 1 … 16 at a time. BACKLOG tasks stand in another queue
 * that nobody serves. Prints one line of JSON; CPU time is that of all threads. */
#include "broker/core/engine.h"
#include "broker/net/payload.h"
#include "broker/store/store.h"
#include "common/check.h"
#include "common/clock.h"
#include "common/rng.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    SESSIONS_MAX = 2000,
    CHILDREN_MAX = 1000,
    HELD = 100, /* deliveries of a child */
    RING = 128,
    SUBMIT = 8,
    ANSWER_MAX = 16,
    TASK_BYTES = 100,
    RESULT_BYTES = 8,
    ROUTE_HOST = 1,
    ROUTE_CHILDREN = 10,
    ROUTE_SESSIONS = 10000,
};

struct session {
    uint64_t next_number;    /* numbers run per queue's slot */
    uint64_t next_idle;
    uint64_t got;            /* results that came, mostly in order */
    struct wire_run runs[1024];
    uint32_t run_count;
};

struct child {
    struct event_result ring[RING];
    uint32_t first;
    uint32_t count;
    uint32_t started;
};

struct bench {
    struct engine *engine;
    struct payload_store *payloads;
    struct store *store;
    struct effects effects;
    struct store_batch batches[2];
    struct store_batch *gathering;
    uint64_t committed;
    uint64_t commits;
    uint64_t changes;
    struct rng rng;
    int64_t steps;
    uint64_t submitted;
    uint64_t finished;
    uint32_t session_count;
    uint32_t child_count;
    struct session sessions[SESSIONS_MAX];
    struct child children[CHILDREN_MAX];
    uint16_t slot;
};

/* Time hardly passes for the engine: nobody here beats, and nobody shall be missed. */
static struct now now_of(struct bench *bench) {
    return (struct now){++bench->steps, 1000000};
}

/* ---- effects --------------------------------------------------------------------------------- */

static void take_delivery(struct bench *bench, const struct effect *effect) {
    struct child *child = &bench->children[effect->route - ROUTE_CHILDREN];
    for (uint32_t i = 0; i < effect->deliver.item_count; i++) {
        CHECK(child->count < RING);
        child->ring[(child->first + child->count++) % RING] = (struct event_result){
            .index = effect->deliver.items[i].index,
            .counter = effect->deliver.first_counter + i,
            .status = WIRE_DONE,
        };
    }
}

static void take_result(struct bench *bench, const struct effect *effect) {
    struct session *session = &bench->sessions[effect->route - ROUTE_SESSIONS];
    for (uint32_t i = 0; i < effect->result.item_count; i++) {
        CHECK(session->run_count < sizeof session->runs / sizeof *session->runs);
        session->runs[session->run_count++] =
            (struct wire_run){effect->result.items[i].number, 1};
    }
    session->got += effect->result.item_count;
    bench->finished += effect->result.item_count;
}

static void take_change(struct bench *bench, const struct effect *effect) {
    struct store_change *change = store_batch_add(bench->gathering);
    *change = (struct store_change){.record = effect->record,
                                    .is_delete = effect->kind == EFFECT_DELETE};
    if (!change->is_delete) {
        change->payload = payload_span(bench->payloads, effect->record.payload);
    }
}

static void take_commit(struct bench *bench, uint64_t number) {
    struct store_batch *batch = bench->gathering;
    batch->number = number;
    bench->commits++;
    bench->changes += batch->change_count;
    bench->gathering = &bench->batches[batch == bench->batches];
    store_batch_clear(bench->gathering);
    store_commit(bench->store, batch);
}

static void take(struct bench *bench, const struct effect *effect) {
    switch (effect->kind) {
    case EFFECT_DELIVER:
        take_delivery(bench, effect);
        break;
    case EFFECT_RESULT:
        take_result(bench, effect);
        break;
    case EFFECT_PUT:
    case EFFECT_DELETE:
        take_change(bench, effect);
        break;
    case EFFECT_COMMIT:
        take_commit(bench, effect->batch);
        break;
    case EFFECT_PAYLOAD_FREE:
        payload_free(bench->payloads, effect->payload);
        break;
    case EFFECT_PAYLOADS_FREE:
        for (uint32_t i = 0; i < effect->payloads.count; i++) {
            payload_free(bench->payloads, effect->payloads.handles[i]);
        }
        break;
    default:
        break;
    }
}

static void step(struct bench *bench, const struct event *event) {
    engine_step(bench->engine, event, now_of(bench), &bench->effects);
    for (uint32_t i = 0; i < bench->effects.count; i++) {
        take(bench, &bench->effects.items[i]);
    }
    effects_clear(&bench->effects);
}

/* ---- peers ----------------------------------------------------------------------------------- */

static void hello(struct bench *bench, route_id route, enum wire_peer peer, uint32_t place) {
    static const uint8_t secret[WIRE_SECRET_SIZE] = {1};
    struct span functions[1] = {span_of_text("noop")};
    struct event event = {.kind = EVENT_HELLO, .route = route};
    event.hello = (struct event_hello){
        .peer = peer,
        .version_min = WIRE_VERSION_MIN,
        .version_max = WIRE_VERSION_MAX,
        .session = 100000 + route,
        .secret = {secret, sizeof secret},
        .parent = peer == WIRE_CHILD ? 100000 + ROUTE_HOST : 0,
        .label = span_of_text("bench"),
        .pid = 1,
        .pool = span_of_text("default"),
        .processes = bench->child_count,
        .functions = functions,
        .function_count = peer == WIRE_HOST ? 1 : 0,
        .place = place,
        .generation = peer == WIRE_CHILD ? 1 : 0,
    };
    step(bench, &event);
}

static void grant(struct bench *bench, uint32_t which) {
    struct event credit = {.kind = EVENT_CREDIT, .route = ROUTE_CHILDREN + which};
    uint32_t started = bench->children[which].started;
    credit.credit = (struct wire_credit){2, started + HELD, started};
    step(bench, &credit);
}

static void submit(struct bench *bench, uint32_t which, const char *queue, uint64_t *number) {
    static const uint8_t bytes[TASK_BYTES];
    struct event_submit_item items[SUBMIT];
    for (uint32_t i = 0; i < SUBMIT; i++) {
        items[i] = (struct event_submit_item){
            .number = (*number)++,
            .payload = payload_copy(bench->payloads, (struct span){bytes, sizeof bytes}),
        };
    }
    struct event event = {.kind = EVENT_SUBMIT, .route = ROUTE_SESSIONS + which};
    event.submit = (struct event_submit){
        .slot = id_slot_of_name(span_of_text(queue)),
        .queue = span_of_text(queue),
        .function = span_of_text("noop"),
        .wait_ms = -1,
        .items = items,
        .item_count = SUBMIT,
    };
    step(bench, &event);
    bench->submitted += SUBMIT;
}

static void answer(struct bench *bench, uint32_t which) {
    static const uint8_t bytes[RESULT_BYTES];
    struct child *child = &bench->children[which];
    struct event_result items[ANSWER_MAX];
    uint32_t count = 1 + (uint32_t)rng_below(&bench->rng, ANSWER_MAX);
    count = count < child->count ? count : child->count;
    if (count == 0) {
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        items[i] = child->ring[child->first++ % RING];
        items[i].payload = payload_copy(bench->payloads, (struct span){bytes, sizeof bytes});
    }
    child->count -= count;
    child->started += count;
    struct event event = {.kind = EVENT_RESULTS, .route = ROUTE_CHILDREN + which};
    event.results = (struct event_results){
        .epoch = 1,
        .credit = {2, child->started + HELD, child->started},
        .busy_us = 1,
        .items = items,
        .item_count = count,
    };
    step(bench, &event);
}

static void acknowledge(struct bench *bench, uint32_t which) {
    struct session *session = &bench->sessions[which];
    if (session->run_count == 0) {
        return;
    }
    struct event event = {.kind = EVENT_ACK, .route = ROUTE_SESSIONS + which};
    event.ack = (struct event_ack){
        .slot = bench->slot,
        .credit = UINT64_MAX / 2,
        .runs = session->runs,
        .run_count = session->run_count,
    };
    uint32_t count = session->run_count;
    session->run_count = 0;
    (void)count;
    step(bench, &event);
}

/* ---- turns ----------------------------------------------------------------------------------- */

static void look_at_store(struct bench *bench) {
    uint64_t committed = store_committed(bench->store);
    CHECK(store_failed(bench->store) == WHERRY_OK);
    if (committed != bench->committed) {
        bench->committed = committed;
        step(bench, &(struct event){.kind = EVENT_COMMITTED, .committed = committed});
    }
}

static void tick(struct bench *bench) {
    look_at_store(bench);
    step(bench, &(struct event){.kind = EVENT_TICK});
}

/* Nothing to do but wait for the disk. */
static void wait_for_store(struct bench *bench) {
    struct pollfd wait = {.fd = store_fd(bench->store), .events = POLLIN};
    uint64_t count = 0;
    if (wait.fd >= 0 && poll(&wait, 1, 10) > 0) {
        CHECK(read(wait.fd, &count, sizeof count) == sizeof count);
    }
}

/* A turn reads what a loop would: some submits, some answers, some acknowledgements. */
static bool turn(struct bench *bench, uint64_t tasks, uint64_t outstanding) {
    uint64_t before = bench->submitted + bench->finished;
    for (int i = 0; i < 64; i++) {
        if (bench->submitted < tasks && bench->submitted - bench->finished < outstanding) {
            uint32_t which = (uint32_t)rng_below(&bench->rng, bench->session_count);
            submit(bench, which, "default", &bench->sessions[which].next_number);
        }
        answer(bench, (uint32_t)rng_below(&bench->rng, bench->child_count));
    }
    for (uint32_t i = 0; i < bench->session_count; i++) {
        acknowledge(bench, i);
    }
    tick(bench);
    return bench->submitted + bench->finished != before;
}

static bool children_idle(const struct bench *bench) {
    for (uint32_t i = 0; i < bench->child_count; i++) {
        if (bench->children[i].count > 0) {
            return false;
        }
    }
    return true;
}

static void settle(struct bench *bench) {
    struct engine_counts counts;
    do {
        wait_for_store(bench);
        tick(bench);
        engine_counts(bench->engine, &counts);
    } while (counts.batches_opened != counts.batches_committed);
}

static void bench_begin(struct bench *bench, const char *url) {
    struct engine_config config;
    struct store_identity identity;
    engine_config_init(&config);
    CHECK(store_open(url, &bench->store) == WHERRY_OK);
    store_identity(bench->store, &identity);
    CHECK(identity.records == 0);
    config.epoch = 1;
    config.keeps = identity.keeps;
    bench->gathering = bench->batches;
    bench->payloads = payload_store_create();
    bench->engine = engine_create(&config);
    bench->slot = id_slot_of_name(span_of_text("default"));
    rng_init(&bench->rng, 1);
    effects_init(&bench->effects);
    engine_restored(bench->engine, now_of(bench), &bench->effects);
    step(bench, &(struct event){.kind = EVENT_TICK});
    hello(bench, ROUTE_HOST, WIRE_HOST, 0);
    for (uint32_t i = 0; i < bench->child_count; i++) {
        hello(bench, ROUTE_CHILDREN + i, WIRE_CHILD, i);
        grant(bench, i);
    }
    for (uint32_t i = 0; i < bench->session_count; i++) {
        bench->sessions[i].next_number = bench->sessions[i].next_idle = 1;
        hello(bench, ROUTE_SESSIONS + i, WIRE_CLIENT, 0);
    }
    settle(bench);
}

static void bench_end(struct bench *bench) {
    store_close(&bench->store);
    engine_destroy(&bench->engine);
    payload_store_destroy(&bench->payloads);
    effects_fini(&bench->effects);
    store_batch_fini(&bench->batches[0]);
    store_batch_fini(&bench->batches[1]);
    free(bench);
}

static uint64_t number_at(int argc, char **argv, int at, uint64_t fallback) {
    return argc > at ? strtoull(argv[at], NULL, 10) : fallback;
}

int main(int argc, char **argv) {
    struct bench *bench = calloc(1, sizeof *bench);
    CHECK(bench != NULL);
    if (argc < 2) {
        fprintf(stderr, "usage: store_bench URL [TASKS [SESSIONS [CHILDREN [OUTSTANDING "
                        "[BACKLOG]]]]]\n");
        return 2;
    }
    uint64_t tasks = number_at(argc, argv, 2, 1000000) / SUBMIT * SUBMIT;
    bench->session_count = (uint32_t)number_at(argc, argv, 3, 1000);
    bench->child_count = (uint32_t)number_at(argc, argv, 4, 100);
    uint64_t outstanding = number_at(argc, argv, 5, 20000);
    uint64_t backlog = number_at(argc, argv, 6, 0);
    CHECK(bench->session_count <= SESSIONS_MAX && bench->child_count <= CHILDREN_MAX);
    bench_begin(bench, argv[1]);
    while (bench->submitted < backlog) {
        uint32_t which = (uint32_t)(bench->submitted / SUBMIT % bench->session_count);
        submit(bench, which, "idle", &bench->sessions[which].next_idle);
        tick(bench);
    }
    settle(bench);
    bench->submitted = 0;
    bench->commits = bench->changes = 0;
    clock_t cpu = clock();
    int64_t from_us = clock_mono_us();
    while (bench->finished < tasks) {
        if (!turn(bench, tasks, outstanding) && children_idle(bench)) {
            wait_for_store(bench);
        }
    }
    double seconds = (double)(clock_mono_us() - from_us) / 1e6;
    double cpu_us = (double)(clock() - cpu) * 1e6 / CLOCKS_PER_SEC;
    printf("{\"store\": \"%.6s\", \"tasks\": %llu, \"sessions\": %u, \"tasks_per_s\": %.0f, "
           "\"cpu_us_per_task\": %.2f, \"commits\": %llu, \"changes_per_commit\": %.0f}\n",
           argv[1], (unsigned long long)tasks, bench->session_count, (double)tasks / seconds,
           cpu_us / (double)tasks, (unsigned long long)bench->commits,
           bench->commits > 0 ? (double)bench->changes / (double)bench->commits : 0.0);
    bench_end(bench);
    return 0;
}
