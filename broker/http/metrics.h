/* SPDX-License-Identifier: MIT
 *
 * What the broker says about itself: one plain struct that the core thread fills, and its page in
 * the Prometheus text format. Pure: no thread, socket or clock. */
#ifndef WHERRY_METRICS_H
#define WHERRY_METRICS_H

#include "broker/core/engine.h"
#include "broker/net/border.h"
#include "broker/net/payload.h"
#include "broker/net/router.h"
#include "common/bytes.h"

enum {
    HISTOGRAM_BUCKETS = 22,      /* ≤ 1, 2, 4 … 2^20 us, and one more */
    METRIC_QUEUES_MAX = 256,     /* queues with a label of their own; the rest is summed up */
};

struct histogram {
    uint64_t buckets[HISTOGRAM_BUCKETS];
    uint64_t sum_us;
    uint64_t count;
};
void histogram_add(struct histogram *histogram, int64_t value_us);

struct metrics_queue {
    char name[WIRE_NAME_MAX + 1];
    struct engine_queue_view view; /* view.name is not valid here */
};

struct metrics {
    int64_t uptime_us;
    uint64_t epoch;
    bool draining;
    bool store_failed;
    bool store_full; /* no new work until there is space */
    bool restoring;            /* the scan at the start is under way … */
    uint64_t restored_records; /* … and so far, */
    uint64_t stored_records;   /* of so many */
    struct engine_counts engine;
    uint64_t engine_memory_bytes;
    struct border_counts border;
    struct router_counts router;
    struct payload_sums payloads;
    uint64_t memory_limit_bytes;
    uint64_t turns;
    uint64_t gaps; /* the loop stood still for more than a second */
    struct histogram step;
    struct histogram barrier; /* from the end of a batch to its commit */
    uint32_t queue_count;
    struct metrics_queue queues[METRIC_QUEUES_MAX];
};

/* Appends the page. Reads /proc/self for the process_… part. */
void metrics_print(const struct metrics *metrics, struct bytes *out);

/* The body of /readyz; true: ready. */
bool metrics_ready(const struct metrics *metrics, struct bytes *out);

#endif
