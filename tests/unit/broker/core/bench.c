/* SPDX-License-Identifier: MIT
 *
 * Bench; see bench.h. The store is an array of records in key order; a batch is applied when it is
 * committed, and a restart scans what was applied. Payload bytes are not kept, only which handles
 * live. */
#include "tests/unit/broker/core/bench.h"

#include "tests/unit/broker/core/trace.h"

#include <stdlib.h>
#include <string.h>

enum { BENCH_PAYLOADS = 1 << 16, BENCH_RECORDS = 4096, BENCH_EPOCH = 100 };

struct bench_record {
    uint8_t key[RECORD_KEY_SIZE];
    uint8_t *head;
    size_t head_size;
    uint32_t payload_size; /* of the record's payload: a restart makes a fresh handle */
    bool deleted;
};

struct bench_batch {
    struct bench_record items[BENCH_RECORDS];
    uint32_t count;
};

struct bench {
    struct engine *engine;
    struct engine_config config;
    struct effects effects;
    struct now now;
    bool live[BENCH_PAYLOADS]; /* by handle */
    uint32_t live_count;
    uint32_t next_payload;
    uint64_t committing; /* batch in flight, 0: none */
    struct bench_batch open;
    struct bench_batch flight;
    struct bench_batch store; /* sorted by key */
    char *trace;
    size_t trace_size;
    FILE *out;
    char *log;
    size_t log_size;
    FILE *log_out;
    uint32_t generation; /* last one a helper made up */
};

/* ---- the store ------------------------------------------------------------------------------- */

static void record_free(struct bench_record *record) {
    free(record->head);
    record->head = NULL;
}

static void batch_clear(struct bench_batch *batch) {
    for (uint32_t i = 0; i < batch->count; i++) {
        record_free(&batch->items[i]);
    }
    batch->count = 0;
}

static void batch_add(struct bench_batch *batch, const struct record *record, bool deleted) {
    assert_true(batch->count < BENCH_RECORDS);
    struct bench_record *to = &batch->items[batch->count++];
    *to = (struct bench_record){
        .deleted = deleted, .payload_size = record->payload.size, .head_size = record->head.size};
    memcpy(to->key, record->key, RECORD_KEY_SIZE);
    to->head = malloc(record->head.size + 1);
    if (record->head.size > 0) {
        memcpy(to->head, record->head.data, record->head.size);
    }
}

/* Into its place by key, replacing what is there. Takes the head. */
static void store_apply(struct bench_batch *store, struct bench_record *record) {
    uint32_t at = 0;
    while (at < store->count && memcmp(store->items[at].key, record->key, RECORD_KEY_SIZE) < 0) {
        at++;
    }
    bool found =
        at < store->count && memcmp(store->items[at].key, record->key, RECORD_KEY_SIZE) == 0;
    if (found) {
        record_free(&store->items[at]);
    }
    if (record->deleted) {
        record_free(record);
        if (found) {
            memmove(&store->items[at], &store->items[at + 1],
                    (store->count - at - 1) * sizeof(*record));
            store->count--;
        }
        return;
    }
    if (!found) {
        assert_true(store->count < BENCH_RECORDS);
        memmove(&store->items[at + 1], &store->items[at], (store->count - at) * sizeof(*record));
        store->count++;
    }
    store->items[at] = *record;
    record->head = NULL;
}

uint32_t bench_stored(const struct bench *bench, enum record_kind kind) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < bench->store.count; i++) {
        count += bench->store.items[i].key[0] == kind;
    }
    return count;
}

/* ---- effects --------------------------------------------------------------------------------- */

static void bench_free_payload(struct bench *bench, uint32_t handle) {
    assert_true(handle != 0 && handle < BENCH_PAYLOADS && bench->live[handle]);
    bench->live[handle] = false;
    bench->live_count--;
}

static void bench_check_payload(const struct bench *bench, struct payload payload) {
    assert_true(payload.handle == 0 || bench->live[payload.handle]);
}

static void bench_check_payloads(const struct bench *bench, const struct effect *effect) {
    if (effect->kind == EFFECT_DELIVER) {
        for (uint32_t i = 0; i < effect->deliver.item_count; i++) {
            bench_check_payload(bench, effect->deliver.items[i].payload);
        }
    } else if (effect->kind == EFFECT_RESULT) {
        for (uint32_t i = 0; i < effect->result.item_count; i++) {
            bench_check_payload(bench, effect->result.items[i].payload);
        }
    } else if (effect->kind == EFFECT_ANSWER) {
        bench_check_payload(bench, effect->answer.payload);
    }
}

static void bench_begin_commit(struct bench *bench, uint64_t batch) {
    assert_int_equal(bench->committing, 0);
    bench->committing = batch;
    bench->flight = bench->open;
    bench->open.count = 0;
}

static void bench_effect(struct bench *bench, const struct effect *effect) {
    trace_effect(bench->out, effect);
    bench_check_payloads(bench, effect);
    switch (effect->kind) {
    case EFFECT_PUT:
        bench_check_payload(bench, effect->record.payload);
        batch_add(&bench->open, &effect->record, false);
        break;
    case EFFECT_DELETE:
        batch_add(&bench->open, &effect->record, true);
        break;
    case EFFECT_COMMIT:
        bench_begin_commit(bench, effect->batch);
        break;
    case EFFECT_PAYLOAD_FREE:
        bench_free_payload(bench, effect->payload);
        break;
    case EFFECT_PAYLOADS_FREE:
        for (uint32_t i = 0; i < effect->payloads.count; i++) {
            bench_free_payload(bench, effect->payloads.handles[i]);
        }
        break;
    case EFFECT_LOG:
        fprintf(bench->log_out, "%.*s\n", (int)effect->log.text.size,
                (const char *)effect->log.text.data);
        break;
    default:
        break;
    }
}

static void bench_take_effects(struct bench *bench) {
    for (uint32_t i = 0; i < bench->effects.count; i++) {
        bench_effect(bench, &bench->effects.items[i]);
    }
    effects_clear(&bench->effects);
    const char *complaint = engine_audit(bench->engine);
    if (complaint != NULL) {
        engine_dump(bench->engine, stderr);
        fail_msg("audit: %s", complaint);
    }
}

/* ---- life ------------------------------------------------------------------------------------ */

static void bench_start(struct bench *bench) {
    bench->engine = engine_create(&bench->config);
    for (uint32_t i = 0; i < bench->store.count; i++) {
        const struct bench_record *stored = &bench->store.items[i];
        struct record record = {.head = {stored->head, stored->head_size}};
        memcpy(record.key, stored->key, RECORD_KEY_SIZE);
        record.payload.size = stored->payload_size;
        record.payload.handle =
            stored->payload_size == 0 ? 0 : bench_payload(bench, stored->payload_size);
        assert_int_equal(engine_restore(bench->engine, &record), WHERRY_OK);
    }
    engine_restored(bench->engine, bench->now, &bench->effects);
    bench_take_effects(bench);
}

struct bench *bench_open_with(enum bench_kind kind, const struct engine_config *config) {
    struct bench *bench = calloc(1, sizeof(*bench));
    bench->config = *config;
    bench->config.keeps = kind == DURABLE;
    bench->config.epoch = BENCH_EPOCH;
    bench->now = (struct now){.mono_us = 1000000, .wall_ms = 1700000000000};
    effects_init(&bench->effects);
    bench->out = open_memstream(&bench->trace, &bench->trace_size);
    bench->log_out = open_memstream(&bench->log, &bench->log_size);
    bench_start(bench);
    if (kind == DURABLE) {
        bench_tick(bench);
        bench_commit(bench);
        bench_forget(bench);
    }
    return bench;
}

struct bench *bench_open(enum bench_kind kind) {
    struct engine_config config = {0};
    return bench_open_with(kind, &config);
}

void bench_close(struct bench *bench) {
    struct engine_counts counts = bench_counts(bench);
    if (counts.tasks == 0 && counts.waiters == 0) {
        while (bench->committing != 0) {
            bench_commit(bench);
        }
        assert_int_equal(counts.payload_bytes, 0);
        assert_int_equal(bench->live_count, 0);
    }
    engine_destroy(&bench->engine);
    effects_fini(&bench->effects);
    batch_clear(&bench->open);
    batch_clear(&bench->flight);
    batch_clear(&bench->store);
    fclose(bench->out);
    fclose(bench->log_out);
    free(bench->trace);
    free(bench->log);
    free(bench);
}

void bench_restart(struct bench *bench) {
    engine_destroy(&bench->engine);
    batch_clear(&bench->open);
    batch_clear(&bench->flight);
    bench->committing = 0;
    memset(bench->live, 0, sizeof(bench->live));
    bench->live_count = 0;
    bench->config.epoch++;
    bench_start(bench);
    bench_forget(bench);
}

struct engine *bench_engine(struct bench *bench) {
    return bench->engine;
}

struct engine_counts bench_counts(struct bench *bench) {
    struct engine_counts counts;
    engine_counts(bench->engine, &counts);
    return counts;
}

uint64_t bench_epoch(const struct bench *bench) {
    return bench->config.epoch;
}

/* ---- time and steps -------------------------------------------------------------------------- */

uint32_t bench_payload(struct bench *bench, uint32_t size) {
    if (size == 0) {
        return 0;
    }
    uint32_t handle = ++bench->next_payload;
    assert_true(handle < BENCH_PAYLOADS);
    bench->live[handle] = true;
    bench->live_count++;
    return handle;
}

void bench_step(struct bench *bench, const struct event *event) {
    engine_step(bench->engine, event, bench->now, &bench->effects);
    bench_take_effects(bench);
}

void bench_tick(struct bench *bench) {
    struct event event = {.kind = EVENT_TICK};
    uint32_t rounds = 0;
    do {
        bench_step(bench, &event);
        assert_true(++rounds < 1000);
    } while (engine_next_wake(bench->engine) <= bench->now.mono_us);
}

void bench_jump(struct bench *bench, int64_t ms) {
    bench->now.mono_us += ms * 1000;
    bench->now.wall_ms += ms;
    bench_tick(bench);
}

void bench_pass(struct bench *bench, int64_t ms) {
    for (; ms > 0; ms -= 10) {
        bench_jump(bench, ms < 10 ? ms : 10);
    }
}

void bench_commit(struct bench *bench) {
    assert_int_not_equal(bench->committing, 0);
    for (uint32_t i = 0; i < bench->flight.count; i++) {
        store_apply(&bench->store, &bench->flight.items[i]);
    }
    bench->flight.count = 0;
    struct event event = {.kind = EVENT_COMMITTED, .committed = bench->committing};
    bench->committing = 0;
    bench_step(bench, &event);
    bench_tick(bench);
}

/* ---- what leaves ----------------------------------------------------------------------------- */

const char *bench_trace(const struct bench *bench) {
    fflush(bench->out);
    return bench->trace;
}

void bench_forget(struct bench *bench) {
    fclose(bench->out);
    free(bench->trace);
    bench->out = open_memstream(&bench->trace, &bench->trace_size);
}

void bench_expect(struct bench *bench, const char *text) {
    fflush(bench->out);
    assert_string_equal(bench->trace, text);
    bench_forget(bench);
}

uint32_t bench_logged(const struct bench *bench, const char *text) {
    fflush(bench->log_out);
    uint32_t count = 0;
    for (const char *at = bench->log; (at = strstr(at, text)) != NULL; at++) {
        count++;
    }
    return count;
}

/* ---- peers ----------------------------------------------------------------------------------- */

static const uint8_t bench_secret[WIRE_SECRET_SIZE] = "sixteen letters";

struct task_id bench_id(uint64_t session, uint64_t number) {
    struct task_id id = {.session = session};
    id.number = number & UINT64_C(0xffffffffffff);
    id.slot = id_slot_of_name(span_of_text("default"));
    return id;
}

static struct event bench_hello(route_id route, uint32_t peer, uint64_t session) {
    struct event event = {.kind = EVENT_HELLO, .route = route};
    event.hello.peer = peer;
    event.hello.version_min = WIRE_VERSION_MIN;
    event.hello.version_max = WIRE_VERSION_MAX;
    event.hello.session = session;
    event.hello.secret = (struct span){bench_secret, WIRE_SECRET_SIZE};
    event.hello.label = span_of_text("box");
    event.hello.pid = (int64_t)session;
    return event;
}

void bench_hello_client(struct bench *bench, route_id route, uint64_t session, bool resume) {
    struct event event = bench_hello(route, WIRE_CLIENT, session);
    event.hello.resume = resume;
    bench_step(bench, &event);
    bench_tick(bench);
}

void bench_client(struct bench *bench, uint64_t session) {
    bench_hello_client(bench, session, session, false);
    if (bench->config.keeps) {
        bench_commit(bench);
    }
    bench_forget(bench);
}

void bench_hello_host(struct bench *bench, route_id route, uint64_t session, const char *functions,
                      const struct bench_place *places, uint32_t place_count) {
    struct span names[8];
    uint32_t count = 0;
    for (const char *at = functions; *at != '\0' && count < 8;) {
        size_t size = strcspn(at, ",");
        names[count++] = (struct span){(const uint8_t *)at, size};
        at += size + (at[size] == ',');
    }
    struct event_place announced[4] = {0};
    struct event_attempt attempts[4][4];
    for (uint32_t i = 0; i < place_count; i++) {
        announced[i] =
            (struct event_place){places[i].place,   !places[i].dead, places[i].generation,
                                 places[i].started, attempts[i],     places[i].attempt_count};
        for (uint32_t j = 0; j < places[i].attempt_count; j++) {
            const struct bench_attempt *attempt = &places[i].attempts[j];
            attempts[i][j] = (struct event_attempt){attempt->id, attempt->token, attempt->answered};
        }
    }
    struct event event = bench_hello(route, WIRE_HOST, session);
    event.hello.pool = span_of_text("default");
    event.hello.processes = 1;
    event.hello.functions = names;
    event.hello.function_count = count;
    event.hello.places = announced;
    event.hello.place_count = place_count;
    bench_step(bench, &event);
    bench_tick(bench);
}

void bench_hello_holding(struct bench *bench, route_id route, uint64_t host, uint32_t place,
                         uint32_t generation, uint32_t started, const struct event_held *held) {
    struct event event = bench_hello(route, WIRE_CHILD, host * 100 + place);
    event.hello.parent = host;
    event.hello.place = place;
    event.hello.generation = generation;
    event.hello.started = started;
    event.hello.held = held;
    event.hello.held_count = held != NULL;
    bench_step(bench, &event);
    bench_tick(bench);
}

void bench_hello_child(struct bench *bench, route_id route, uint64_t host, uint32_t place,
                       uint32_t generation, uint32_t started) {
    bench_hello_holding(bench, route, host, place, generation, started, NULL);
}

void bench_credit(struct bench *bench, route_id child, uint32_t generation, uint32_t up_to,
                  uint32_t started) {
    struct event event = {.kind = EVENT_CREDIT, .route = child};
    event.credit = (struct wire_credit){generation, up_to, started};
    bench_step(bench, &event);
    bench_tick(bench);
}

void bench_worker(struct bench *bench, uint64_t host, const char *functions) {
    bench_hello_host(bench, host, host, functions, NULL, 0);
    if (bench->config.keeps && bench->committing != 0) {
        bench_commit(bench);
    }
    bench_hello_child(bench, host + 1, host, 0, 0, 0);
    bench_credit(bench, host + 1, 1, 8, 0);
    bench_forget(bench);
}

/* ---- messages -------------------------------------------------------------------------------- */

void bench_submit_with(struct bench *bench, route_id route, const struct bench_submit *submit) {
    struct event_submit_item items[64] = {0};
    assert_true(submit->count <= 64);
    uint32_t size = submit->size == 0 ? 100 : submit->size;
    struct span queue = span_of_text(submit->queue == NULL ? "default" : submit->queue);
    for (uint32_t i = 0; i < submit->count; i++) {
        items[i].number = submit->first + i;
        items[i].payload = (struct payload){bench_payload(bench, size), size};
        items[i].has_origin = submit->has_origin;
        items[i].origin = submit->origin;
    }
    struct event event = {.kind = EVENT_SUBMIT, .route = route};
    event.submit = (struct event_submit){.slot = id_slot_of_name(queue),
                                         .acked = submit->acked,
                                         .want_ack = submit->want_ack,
                                         .queue = queue,
                                         .function = span_of_text(submit->function),
                                         .wait_ms = submit->wait_ms,
                                         .items = items,
                                         .item_count = submit->count};
    event.submit.options.flags = submit->flags;
    event.submit.options.priority = submit->priority;
    event.submit.options.max_attempts = submit->max_attempts;
    bench_step(bench, &event);
    bench_tick(bench);
}

void bench_submit(struct bench *bench, route_id route, const char *function, uint64_t first,
                  uint32_t count) {
    bench_submit_with(bench, route,
                      &(struct bench_submit){.function = function, .first = first, .count = count});
}

void bench_result(struct bench *bench, route_id child, uint32_t index, uint64_t counter,
                  uint32_t status, struct wire_credit credit) {
    struct event_result item = {.index = index, .counter = counter, .status = status};
    item.payload = (struct payload){bench_payload(bench, 10), 10};
    struct event event = {.kind = EVENT_RESULTS, .route = child};
    event.results = (struct event_results){.epoch = bench->config.epoch,
                                           .credit = credit,
                                           .busy_us = 10,
                                           .items = &item,
                                           .item_count = 1};
    bench_step(bench, &event);
    bench_tick(bench);
}

void bench_done(struct bench *bench, route_id child, uint32_t index, uint64_t counter) {
    bench_result(bench, child, index, counter, WIRE_DONE, (struct wire_credit){0, 0, 0});
}

void bench_ack(struct bench *bench, route_id route, uint64_t acked, uint64_t first,
               uint64_t count) {
    struct wire_run run = {first, count};
    struct event event = {.kind = EVENT_ACK, .route = route};
    event.ack = (struct event_ack){
        .slot = bench_id(1, 1).slot, .acked = acked, .runs = &run, .run_count = count > 0};
    bench_step(bench, &event);
    bench_tick(bench);
}

void bench_cancel(struct bench *bench, route_id route, uint64_t first, uint64_t count) {
    struct wire_run run = {first, count};
    struct event event = {.kind = EVENT_CANCEL, .route = route};
    event.cancel = (struct event_cancel){.slot = bench_id(1, 1).slot, .runs = &run, .run_count = 1};
    bench_step(bench, &event);
    bench_tick(bench);
}

void bench_gate(struct bench *bench, route_id host, uint32_t place, uint32_t generation,
                uint32_t started) {
    struct event event = {.kind = EVENT_GATE, .route = host};
    event.gate = (struct wire_gate){place, generation, started};
    bench_step(bench, &event);
    bench_tick(bench);
}

void bench_death(struct bench *bench, route_id host, const struct event_death *death) {
    struct event event = {.kind = EVENT_DEATH, .route = host, .death = *death};
    bench_step(bench, &event);
    bench_tick(bench);
}

void bench_call(struct bench *bench, route_id route, uint32_t verb, uint64_t call,
                struct task_id id, int64_t timeout_ms) {
    struct event event = {.kind = EVENT_CALL, .route = route};
    event.call = (struct event_call){.call = call,
                                     .verb = verb,
                                     .timeout_ms = timeout_ms,
                                     .id = id,
                                     .name = span_of_text("default")};
    bench_step(bench, &event);
    bench_tick(bench);
}

void bench_plain(struct bench *bench, route_id route, enum event_kind kind) {
    struct event event = {.kind = kind, .route = route};
    bench_step(bench, &event);
    bench_tick(bench);
}
