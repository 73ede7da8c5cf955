/* SPDX-License-Identifier: MIT
 *
 * One window serves the modes that stream: a ring of submitted calls. When it is full the oldest is
 * got, so there are always `outstanding` on their way. The clock runs from the first submit to the
 * last result; the connection and workers' credit are warm before. */
#include "client/cli/bench.h"

#include "client/cli/measure.h"
#include "common/clock.h"

#include <stdlib.h>

enum { WARM_UP = 1000, STUCK_MS = 60000 };

struct window {
    wherry_pool *pool;
    const char *function;
    void *bytes;
    size_t size;
    wherry_async **ring;
    int64_t capacity;
    int64_t submitted;
    int64_t got;
};

static wherry_err window_open(struct window *window, const char *function,
                              const struct bench *bench, int64_t capacity) {
    *window = (struct window){.pool = bench->pool,
                              .function = function,
                              .size = (size_t)bench->size,
                              .capacity = capacity,
                              .bytes = calloc(1, (size_t)bench->size + 1),
                              .ring = calloc((size_t)capacity, sizeof(wherry_async *))};
    return window->bytes != NULL && window->ring != NULL ? WHERRY_OK : WHERRY_E_NO_MEMORY;
}

static void window_close(struct window *window) {
    for (; window->got < window->submitted; window->got++) {
        wherry_async_release(&window->ring[window->got % window->capacity]);
    }
    free(window->ring);
    free(window->bytes);
}

static wherry_err window_submit(struct window *window) {
    wherry_async **place = &window->ring[window->submitted % window->capacity];
    wherry_err err = wherry_pool_apply_async(window->pool, window->function, NULL, place, "y",
                                             window->bytes, window->size);
    window->submitted += err == WHERRY_OK;
    return err;
}

static wherry_err window_get(struct window *window) {
    wherry_async **place = &window->ring[window->got % window->capacity];
    wherry_err err = wherry_async_get(*place, STUCK_MS, NULL);
    if (err == WHERRY_OK) {
        wherry_async_release(place);
        window->got++;
    }
    return err;
}

static wherry_err window_stream(struct window *window, int64_t tasks) {
    int64_t end = window->submitted + tasks;
    wherry_err err = WHERRY_OK;
    while (err == WHERRY_OK && window->got < end) {
        bool filling =
            window->submitted < end && window->submitted - window->got < window->capacity;
        err = filling ? window_submit(window) : window_get(window);
    }
    return err;
}

static int64_t cpu_us(const struct bench *bench) {
    return bench->house == NULL ? 0
                                : cpu_self_us() + cpu_tree_us(bench->house->broker) +
                                      cpu_tree_us(bench->house->worker);
}

void bench_clock_start(struct bench *bench) {
    bench->start_cpu_us = cpu_us(bench);
    bench->start_us = clock_mono_us();
}

void bench_clock_stop(struct bench *bench) {
    bench->seconds = (double)(clock_mono_us() - bench->start_us) / 1e6;
    if (bench->house != NULL) {
        bench->cpu_us = (double)(cpu_us(bench) - bench->start_cpu_us);
    }
}

static wherry_err stream_measured(struct bench *bench, const char *function) {
    struct window window;
    wherry_err err = window_open(&window, function, bench, bench->outstanding);
    int64_t warm_up = bench->tasks < WARM_UP ? bench->tasks : WARM_UP;
    if (err == WHERRY_OK) {
        err = window_stream(&window, warm_up);
    }
    bench_clock_start(bench);
    if (err == WHERRY_OK) {
        err = window_stream(&window, bench->tasks);
    }
    bench_clock_stop(bench);
    window_close(&window);
    return err;
}

wherry_err bench_throughput(struct bench *bench) {
    return stream_measured(bench, "wherry.noop");
}

wherry_err bench_payload(struct bench *bench) {
    return stream_measured(bench, "wherry.echo");
}

/* How a lone call ends: with its result, or as soon as the broker has taken it. */
typedef wherry_err window_end(struct window *window);

static wherry_err window_accepted(struct window *window) {
    wherry_async **place = &window->ring[window->got % window->capacity];
    wherry_err err = wherry_async_accepted(*place, STUCK_MS);
    if (err == WHERRY_OK) {
        wherry_async_release(place);
        window->got++;
    }
    return err;
}

static wherry_err round_trips(struct window *window, window_end *end, int64_t tasks,
                              double *samples) {
    wherry_err err = WHERRY_OK;
    for (int64_t i = 0; i < tasks && err == WHERRY_OK; i++) {
        int64_t start_us = clock_mono_us();
        err = window_submit(window);
        err = err == WHERRY_OK ? end(window) : err;
        samples[i] = (double)(clock_mono_us() - start_us);
    }
    return err;
}

static wherry_err lone_measured(struct bench *bench, window_end *end) {
    struct window window;
    double *samples = calloc((size_t)bench->tasks, sizeof *samples);
    wherry_err err = window_open(&window, "wherry.noop", bench, 1);
    err = samples == NULL ? WHERRY_E_NO_MEMORY : err;
    if (err == WHERRY_OK) {
        err = round_trips(&window, end, bench->tasks < 100 ? bench->tasks : 100, samples);
    }
    bench_clock_start(bench);
    if (err == WHERRY_OK) {
        err = round_trips(&window, end, bench->tasks, samples);
    }
    bench_clock_stop(bench);
    if (err == WHERRY_OK) {
        samples_sort(samples, (size_t)bench->tasks);
        bench->p50_us = samples_percentile(samples, (size_t)bench->tasks, 50);
        bench->p99_us = samples_percentile(samples, (size_t)bench->tasks, 99);
    }
    window_close(&window);
    free(samples);
    return err;
}

wherry_err bench_latency(struct bench *bench) {
    return lone_measured(bench, window_get);
}

wherry_err bench_submit(struct bench *bench) {
    return lone_measured(bench, window_accepted);
}

/* Submits all with nobody working, and waits until the last one is accepted: in order, so all are.
 */
static wherry_err backlog_fill(struct window *window) {
    wherry_err err = WHERRY_OK;
    while (err == WHERRY_OK && window->submitted < window->capacity) {
        err = window_submit(window);
    }
    return err == WHERRY_OK ? wherry_async_accepted(window->ring[window->capacity - 1], STUCK_MS)
                            : err;
}

/* Then workers come and take it down to nothing. */
static wherry_err backlog_drain(struct bench *bench, struct window *window) {
    wherry_err err = WHERRY_OK;
    bench_clock_start(bench);
    if (bench->house != NULL && house_work(bench->house, bench->workers) != 0) {
        return WHERRY_E_SYSTEM;
    }
    bench->start_us = clock_mono_us(); /* their start takes none of the time, but CPU */
    while (err == WHERRY_OK && window->got < window->capacity) {
        err = window_get(window);
    }
    bench_clock_stop(bench);
    return err;
}

wherry_err bench_backlog(struct bench *bench) {
    struct window window;
    wherry_err err = window_open(&window, "wherry.noop", bench, bench->tasks);
    pid_t broker = bench->house != NULL ? bench->house->broker : 0;
    int64_t before = memory_bytes(broker);
    int64_t start_us = clock_mono_us();
    err = err == WHERRY_OK ? backlog_fill(&window) : err;
    bench->fill_s = (double)(clock_mono_us() - start_us) / 1e6;
    if (broker > 0) {
        bench->memory_b = (double)(memory_bytes(broker) - before);
    }
    err = err == WHERRY_OK ? backlog_drain(bench, &window) : err;
    window_close(&window);
    return err;
}
