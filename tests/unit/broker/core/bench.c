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

void bench_restart_on_copy(struct bench *bench) {
    bench->config.store_uuid[0]++;
    bench_restart(bench);
}

struct engine *bench_engine(struct bench *bench) {
    return bench->engine;
}

struct engine_counts bench_counts(struct bench *bench) {
    struct engine_counts counts;
    engine_counts(bench->engine, &counts);
    return counts;
}

bool bench_keeps(const struct bench *bench) {
    return bench->config.keeps;
}

bool bench_commits(const struct bench *bench) {
    return bench->committing != 0;
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

void bench_wait(struct bench *bench, int64_t ms) {
    bench->now.mono_us += ms * 1000;
    bench->now.wall_ms += ms;
}

void bench_jump(struct bench *bench, int64_t ms) {
    bench_wait(bench, ms);
    bench_tick(bench);
}

void bench_pass(struct bench *bench, int64_t ms) {
    for (; ms > 0; ms -= 10) {
        bench_jump(bench, ms < 10 ? ms : 10);
    }
}

void bench_committed(struct bench *bench) {
    assert_int_not_equal(bench->committing, 0);
    for (uint32_t i = 0; i < bench->flight.count; i++) {
        store_apply(&bench->store, &bench->flight.items[i]);
    }
    bench->flight.count = 0;
    struct event event = {.kind = EVENT_COMMITTED, .committed = bench->committing};
    bench->committing = 0;
    bench_step(bench, &event);
}

void bench_commit(struct bench *bench) {
    bench_committed(bench);
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
