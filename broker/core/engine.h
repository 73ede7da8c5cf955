/* SPDX-License-Identifier: MIT
 *
 * The engine: (event, now) -> effects. The only header of core that the shell includes.
 *
 * Pure: it reads no clock, socket, file or random source, starts no thread and has no globals; the
 * same events give the same effects, byte for byte. One thread at a time uses an engine; a process
 * may hold several. What is inside: docs/architecture.md. */
#ifndef WHERRY_ENGINE_H
#define WHERRY_ENGINE_H

#include "broker/core/effect.h"
#include "broker/core/event.h"
#include "broker/core/record.h"

#include <stdio.h>

struct engine;

struct engine_config {
    uint64_t epoch; /* of this start: above every earlier one of this store */
    uint8_t store_uuid[16];
    bool keeps;    /* the store is persistent: queues are durable, effects wait for commits */
    uint64_t seed; /* for jitter */
    uint64_t queue_items_max; /* of a queue nobody set: default 1,000,000 … see bounds.h */
    uint64_t queue_bytes_max;
    uint64_t results_bytes_max;
    uint64_t memory_bytes_max; /* payload bytes in all */
    uint32_t payload_max;
    /* Shrunk by tests to meet the edges often; 0 takes the default of bounds.h. */
    uint32_t window;          /* unanswered numbers a (session, slot): 65,536 */
    uint32_t batch_bytes_max;   /* 16 MiB */
    uint32_t batch_changes_max; /* 16,384 */
    uint32_t step_units_max;  /* 1,000 */
};

/* Fills in every default. */
void engine_config_init(struct engine_config *config);

struct engine *engine_create(const struct engine_config *config);
void engine_destroy(struct engine **engine);

/* Restart, before the first step: every record of the store, in key order; then engine_restored().
 * OK; PROTOCOL for a record of an unknown version or with a damaged head (nothing was taken in). */
wherry_err engine_restore(struct engine *engine, const struct record *record);
/* Ends the scan: starts the grace time, puts the store row with the new epoch into the first batch.
 */
void engine_restored(struct engine *engine, struct now now, struct effects *out);

/* Appends to `out`. Bounded: at most about step_units_max units of work beyond the event itself;
 * the rest is taken up by later steps (engine_next_wake() says 0 while there is some). */
void engine_step(struct engine *engine, const struct event *event, struct now now,
                 struct effects *out);

/* The mono_us at which time alone changes something; INT64_MAX: never; ≤ now: step at once. */
int64_t engine_next_wake(const struct engine *engine);

/* Settings given on the command line: create or change a queue. 0 leaves a bound as it is.
 * INVALID: bad name; LIMIT: too many queues. */
wherry_err engine_queue_set(struct engine *engine, struct span name, uint64_t items_max,
                            uint64_t bytes_max, struct now now, struct effects *out);

/* ---- reading (metrics, tests): never changes anything ---------------------------------------- */

struct engine_counts {
    uint64_t tasks; /* records in all */
    uint64_t ready;
    uint64_t leased;
    uint64_t waiting_retry;
    uint64_t results_kept; /* terminal, result not yet acknowledged or kept */
    uint64_t results_bytes;
    uint64_t waiters;
    uint64_t sessions;
    uint64_t hosts;
    uint64_t children;
    uint64_t payload_bytes;
    uint64_t submitted; /* running totals from here on */
    uint64_t delivered;
    uint64_t done;
    uint64_t failed;
    uint64_t cancelled;
    uint64_t lost;
    uint64_t retries_crash;
    uint64_t retries_lease;
    uint64_t retries_asked;
    uint64_t taken_back;
    uint64_t stale_results; /* refused by token */
    uint64_t duplicates;    /* repeated requests recognised */
    uint64_t taken_again;   /* accepted by a broker before, whose tasks were forgotten */
    uint64_t refused_full;
    uint64_t refused_results_full;
    uint64_t refused_too_large;
    uint64_t refused_other;
    uint64_t credit_stalls; /* ready work, idle room, but no byte or task credit */
    uint64_t batches_opened;
    uint64_t batches_committed;
};
void engine_counts(const struct engine *engine, struct engine_counts *out);

struct engine_queue_view {
    struct span name; /* borrowed until the next step */
    uint64_t depth;   /* what the bound counts */
    uint64_t depth_bytes;
    uint64_t items_max;
    uint64_t bytes_max;
    uint64_t leased;
    uint64_t waiters;
    bool paused_in;
    bool paused_out;
    int64_t oldest_age_us; /* 0 when empty */
};
uint32_t engine_queue_count(const struct engine *engine);
void engine_queue_view(const struct engine *engine, uint32_t at, struct now now,
                       struct engine_queue_view *out);

/* Every cross-reference and sum. NULL: all is well; else what is wrong, in words. O(everything):
 * for tests, after each step. */
const char *engine_audit(const struct engine *engine);

/* SIGUSR1: state in words. */
void engine_dump(const struct engine *engine, FILE *out);

/* Bytes of memory of the engine's tables per kind, for `bench backlog` and the memory limit. */
uint64_t engine_memory_bytes(const struct engine *engine);

#endif
