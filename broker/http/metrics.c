/* SPDX-License-Identifier: MIT
 *
 * The metrics page; see metrics.h. Written by hand: the format is lines of text. Names follow the
 * Prometheus conventions: one prefix, base units, _total. Labels are bounded: a queue's name (at
 * most METRIC_QUEUES_MAX of them), else words of ours; never an id. */
#include "broker/http/metrics.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>


void histogram_add(struct histogram *histogram, int64_t value_us) {
    uint64_t value = value_us > 0 ? (uint64_t)value_us : 0;
    uint32_t bucket = value <= 1 ? 0 : 64 - (uint32_t)__builtin_clzll(value - 1);
    histogram->buckets[bucket < HISTOGRAM_BUCKETS - 1 ? bucket : HISTOGRAM_BUCKETS - 1]++;
    histogram->sum_us += value;
    histogram->count++;
}

__attribute__((format(printf, 2, 3))) static void page_print(struct bytes *out,
                                                             const char *format, ...) {
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (size > 0) {
        bytes_append(out, text, (size_t)size < sizeof text ? (size_t)size : sizeof text - 1);
    }
}

static void page_head(struct bytes *out, const char *name, const char *type, const char *help) {
    page_print(out, "# HELP wherry_%s %s\n# TYPE wherry_%s %s\n", name, help, name, type);
}

static void page_one(struct bytes *out, const char *name, const char *type, const char *help,
                     double value) {
    page_head(out, name, type, help);
    page_print(out, "wherry_%s %.17g\n", name, value);
}

struct labelled {
    const char *label;
    uint64_t value;
};

static void page_labels(struct bytes *out, const char *name, const char *type, const char *help,
                        const char *key, const struct labelled *values, size_t count) {
    page_head(out, name, type, help);
    for (size_t i = 0; i < count; i++) {
        page_print(out, "wherry_%s{%s=\"%s\"} %" PRIu64 "\n", name, key, values[i].label,
                   values[i].value);
    }
}

#define PAGE_LABELS(out, name, type, help, key, ...)                                       \
    page_labels(out, name, type, help, key, (const struct labelled[]){__VA_ARGS__},        \
                sizeof((const struct labelled[]){__VA_ARGS__}) / sizeof(struct labelled))

/* ---- parts of the page ----------------------------------------------------------------------- */

static void page_histogram(struct bytes *out, const char *name, const char *help,
                           const struct histogram *histogram) {
    uint64_t sum = 0;
    page_head(out, name, "histogram", help);
    for (uint32_t i = 0; i < HISTOGRAM_BUCKETS - 1; i++) {
        sum += histogram->buckets[i];
        page_print(out, "wherry_%s_bucket{le=\"%g\"} %" PRIu64 "\n", name,
                   (double)(UINT64_C(1) << i) / 1e6, sum);
    }
    page_print(out, "wherry_%s_bucket{le=\"+Inf\"} %" PRIu64 "\n", name, histogram->count);
    page_print(out, "wherry_%s_sum %.17g\nwherry_%s_count %" PRIu64 "\n", name,
               (double)histogram->sum_us / 1e6, name, histogram->count);
}

static void page_batches(struct bytes *out, const char *label,
                         const struct border_batches *batches) {
    static const char name[] = "wherry_batch_items";
    uint64_t sum = 0;
    for (uint32_t i = 0; i < BORDER_BUCKETS - 1; i++) {
        sum += batches->buckets[i];
        page_print(out, "%s_bucket{message=\"%s\",le=\"%u\"} %" PRIu64 "\n", name, label, 1u << i,
                   sum);
    }
    page_print(out, "%s_bucket{message=\"%s\",le=\"+Inf\"} %" PRIu64 "\n", name, label,
               batches->messages);
    page_print(out, "%s_sum{message=\"%s\"} %" PRIu64 "\n", name, label, batches->items);
    page_print(out, "%s_count{message=\"%s\"} %" PRIu64 "\n", name, label, batches->messages);
}

/* The format's three escapes; names are checked long before, so this is a second lock on the
 * door. */
static void page_label_value(struct bytes *out, const char *text) {
    for (; *text != '\0'; text++) {
        if (*text == '\\' || *text == '"') {
            bytes_append(out, "\\", 1);
        }
        bytes_append(out, *text == '\n' ? "\\n" : text, *text == '\n' ? 2 : 1);
    }
}

enum queue_metric {
    QUEUE_TASKS, QUEUE_BYTES, QUEUE_OLDEST, QUEUE_LEASED, QUEUE_WAITERS, QUEUE_ITEMS_MAX,
    QUEUE_PAUSED_IN, QUEUE_PAUSED_OUT, QUEUE_METRICS,
};

static const struct {
    const char *name;
    const char *help;
} queue_metrics[QUEUE_METRICS] = {
    [QUEUE_TASKS] = {"queue_tasks", "Tasks scheduled, ready or waiting for a retry."},
    [QUEUE_BYTES] = {"queue_bytes", "Their payload bytes."},
    [QUEUE_OLDEST] = {"queue_oldest_seconds", "Age of the oldest of them."},
    [QUEUE_LEASED] = {"queue_leased_tasks", "Tasks handed out to processes."},
    [QUEUE_WAITERS] = {"queue_waiters", "Putters waiting for room."},
    [QUEUE_ITEMS_MAX] = {"queue_items_max", "The bound, in tasks."},
    [QUEUE_PAUSED_IN] = {"queue_paused_in", "1: it takes no new tasks until it is resumed."},
    [QUEUE_PAUSED_OUT] = {"queue_paused_out", "1: it hands nothing out until it is resumed."},
};

static double queue_value(const struct engine_queue_view *view, enum queue_metric metric) {
    switch (metric) {
    case QUEUE_TASKS:
        return (double)view->depth;
    case QUEUE_BYTES:
        return (double)view->depth_bytes;
    case QUEUE_OLDEST:
        return (double)view->oldest_age_us / 1e6;
    case QUEUE_LEASED:
        return (double)view->leased;
    case QUEUE_WAITERS:
        return (double)view->waiters;
    case QUEUE_ITEMS_MAX:
        return (double)view->items_max;
    case QUEUE_PAUSED_IN:
        return view->paused_in;
    case QUEUE_PAUSED_OUT:
        return view->paused_out;
    case QUEUE_METRICS:
        break;
    }
    return 0;
}

static void page_queues(struct bytes *out, const struct metrics *metrics) {
    for (enum queue_metric metric = 0; metric < QUEUE_METRICS; metric++) {
        page_head(out, queue_metrics[metric].name, "gauge", queue_metrics[metric].help);
        for (uint32_t i = 0; i < metrics->queue_count; i++) {
            page_print(out, "wherry_%s{queue=\"", queue_metrics[metric].name);
            page_label_value(out, metrics->queues[i].name);
            page_print(out, "\"} %.17g\n", queue_value(&metrics->queues[i].view, metric));
        }
    }
}

static void page_tasks(struct bytes *out, const struct engine_counts *counts) {
    PAGE_LABELS(out, "tasks", "gauge", "Tasks by state.", "state", {"ready", counts->ready},
                {"leased", counts->leased}, {"waiting_retry", counts->waiting_retry},
                {"result_kept", counts->results_kept});
    page_one(out, "tasks_submitted_total", "counter", "Tasks accepted.",
             (double)counts->submitted);
    page_one(out, "tasks_delivered_total", "counter", "Deliveries to processes.",
             (double)counts->delivered);
    PAGE_LABELS(out, "tasks_finished_total", "counter", "Tasks that ended, by outcome.", "outcome",
                {"done", counts->done}, {"failed", counts->failed},
                {"cancelled", counts->cancelled}, {"lost", counts->lost});
    PAGE_LABELS(out, "task_retries_total", "counter", "Attempts that were repeated, by cause.",
                "cause", {"crash", counts->retries_crash}, {"lease_lost", counts->retries_lease},
                {"asked", counts->retries_asked}, {"taken_back", counts->taken_back});
    PAGE_LABELS(out, "refusals_total", "counter", "Requests refused, by reason.", "reason",
                {"full", counts->refused_full}, {"results_full", counts->refused_results_full},
                {"too_large", counts->refused_too_large}, {"other", counts->refused_other},
                {"stale_token", counts->stale_results});
    page_one(out, "requests_repeated_total", "counter", "Repeated requests that were recognised.",
             (double)counts->duplicates);
    page_one(out, "tasks_taken_again_total", "counter",
             "Tasks that a broker without a store had lost, submitted again by their clients.",
             (double)counts->taken_again);
    page_one(out, "credit_stalls_total", "counter",
             "Times that ready work and an idle process waited for credit.",
             (double)counts->credit_stalls);
    page_one(out, "waiters", "gauge", "Parked requests.", (double)counts->waiters);
    page_one(out, "results_bytes", "gauge", "Bytes of results kept or on their way.",
             (double)counts->results_bytes);
}

static void page_peers(struct bytes *out, const struct metrics *metrics) {
    PAGE_LABELS(out, "sessions", "gauge", "Peers with a session.", "peer",
                {"client", metrics->engine.sessions}, {"host", metrics->engine.hosts},
                {"child", metrics->engine.children});
    page_one(out, "routes", "gauge", "Connections known.", (double)metrics->router.routes);
    PAGE_LABELS(out, "routes_lost_total", "counter", "Connections lost, by reason.", "reason",
                {"unreachable", metrics->router.unreachable},
                {"not_reading", metrics->router.not_reading});
    page_one(out, "unsent_bytes", "gauge", "Bytes waiting for peers that do not read.",
             (double)metrics->router.waiting_bytes);
    PAGE_LABELS(out, "messages_total", "counter", "Messages, by direction.", "direction",
                {"in", metrics->border.messages_in}, {"out", metrics->border.messages_out});
    PAGE_LABELS(out, "messages_refused_total", "counter", "Messages refused, by reason.", "reason",
                {"malformed", metrics->border.refused},
                {"too_many_peers", metrics->router.unanswered});
    page_head(out, "batch_items", "histogram", "Items a message.");
    page_batches(out, "submit", &metrics->border.submits);
    page_batches(out, "deliver", &metrics->border.deliveries);
    page_batches(out, "results", &metrics->border.results_in);
    page_batches(out, "result", &metrics->border.results_out);
}

static void page_house(struct bytes *out, const struct metrics *metrics) {
    page_head(out, "build_info", "gauge", "The version.");
    page_print(out, "wherry_build_info{version=\"%s\"} 1\n", WHERRY_VERSION);
    page_one(out, "uptime_seconds", "gauge", "Since the start.", (double)metrics->uptime_us / 1e6);
    page_one(out, "draining", "gauge", "1 while going down.", metrics->draining);
    page_one(out, "payloads", "gauge", "Payloads held.", (double)metrics->payloads.count);
    page_one(out, "payload_bytes", "gauge", "Their bytes.", (double)metrics->payloads.bytes);
    page_one(out, "payload_memory_bytes", "gauge", "Memory held for them.",
             (double)metrics->payloads.memory_bytes);
    page_one(out, "engine_memory_bytes", "gauge", "Memory of the engine's tables.",
             (double)metrics->engine_memory_bytes);
    page_one(out, "memory_limit_bytes", "gauge", "The limit for payloads.",
             (double)metrics->memory_limit_bytes);
    page_one(out, "loop_turns_total", "counter", "Turns of the core loop.",
             (double)metrics->turns);
    page_one(out, "loop_gaps_total", "counter", "Times that it stood still for over a second.",
             (double)metrics->gaps);
    PAGE_LABELS(out, "store_batches_total", "counter", "Batches of the store, by state.", "state",
                {"opened", metrics->engine.batches_opened},
                {"committed", metrics->engine.batches_committed});
    page_one(out, "store_full", "gauge", "1 while new work is refused for want of disk space.",
             metrics->store_full);
    page_one(out, "store_restored_records", "gauge", "Records read at the start.",
             (double)metrics->restored_records);
    page_histogram(out, "step_seconds", "Engine steps.", &metrics->step);
    page_histogram(out, "barrier_wait_seconds", "From the end of a batch to its commit.",
                   &metrics->barrier);
}

/* ---- the process ----------------------------------------------------------------------------- */

static uint64_t count_open_files(void) {
    uint64_t count = 0;
    DIR *folder = opendir("/proc/self/fd");
    while (folder != NULL && readdir(folder) != NULL) {
        count++;
    }
    if (folder != NULL) {
        closedir(folder);
    }
    return count > 3 ? count - 3 : 0; /* ".", ".." and the folder itself */
}

static void read_memory_pages(uint64_t *size, uint64_t *resident) {
    FILE *file = fopen("/proc/self/statm", "re");
    if (file != NULL) {
        if (fscanf(file, "%" SCNu64 " %" SCNu64, size, resident) != 2) {
            *size = *resident = 0;
        }
        fclose(file);
    }
}

static void page_process(struct bytes *out) {
    struct rusage usage;
    struct rlimit files;
    uint64_t size = 0;
    uint64_t resident = 0;
    uint64_t page_size = (uint64_t)sysconf(_SC_PAGESIZE);
    getrusage(RUSAGE_SELF, &usage);
    getrlimit(RLIMIT_NOFILE, &files);
    read_memory_pages(&size, &resident);
    double cpu = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                 (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
    page_print(out, "# TYPE process_cpu_seconds_total counter\nprocess_cpu_seconds_total %.6f\n",
               cpu);
    page_print(out, "# TYPE process_resident_memory_bytes gauge\n"
                    "process_resident_memory_bytes %" PRIu64 "\n", resident * page_size);
    page_print(out, "# TYPE process_virtual_memory_bytes gauge\n"
                    "process_virtual_memory_bytes %" PRIu64 "\n", size * page_size);
    page_print(out, "# TYPE process_open_fds gauge\nprocess_open_fds %" PRIu64 "\n",
               count_open_files());
    page_print(out, "# TYPE process_max_fds gauge\nprocess_max_fds %" PRIu64 "\n",
               (uint64_t)files.rlim_cur);
}

void metrics_print(const struct metrics *metrics, struct bytes *out) {
    page_house(out, metrics);
    page_tasks(out, &metrics->engine);
    page_queues(out, metrics);
    page_peers(out, metrics);
    page_process(out);
}

bool metrics_ready(const struct metrics *metrics, struct bytes *out) {
    const char *failing = metrics->store_failed ? "store"
                          : metrics->draining   ? "draining"
                          : metrics->store_full ? "store space"
                                                : NULL;
    if (metrics->restoring) {
        page_print(out, "{\"ready\":false,\"failing\":\"restoring\",\"restored\":%" PRIu64
                        ",\"records\":%" PRIu64 "}\n",
                   metrics->restored_records, metrics->stored_records);
        return false;
    }
    if (failing != NULL) {
        page_print(out, "{\"ready\":false,\"failing\":\"%s\"}\n", failing);
    } else {
        page_print(out, "{\"ready\":true,\"epoch\":%" PRIu64 "}\n", metrics->epoch);
    }
    return failing == NULL;
}
