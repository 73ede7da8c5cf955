/* SPDX-License-Identifier: MIT
 *
 * The measured part of `wherry bench`: each mode drives the public library as any program would,
 * apply_async each and get each, and fills in what it measured. */
#ifndef CLI_BENCH_H
#define CLI_BENCH_H

#include "client/cli/house.h"

#include <wherry.h>

enum { BENCH_SESSIONS_MAX = 4096 };

struct bench {
    /* in */
    int64_t tasks;
    int64_t size;        /* bytes of the one argument */
    int64_t outstanding; /* submitted and not yet got */
    int64_t workers;
    int64_t sessions; /* more than one: a swarm */
    wherry_connection *connection;
    wherry_pool *pool;
    struct house *house; /* NULL: somebody else's broker */
    int64_t start_us;    /* private: of the clock */
    int64_t start_cpu_us;
    /* out; negative: not measured */
    double seconds;
    double p50_us;
    double p99_us;
    double cpu_us;   /* broker, workers and this client, all tasks together */
    double fill_s;   /* backlog: until the last task was accepted */
    double memory_b; /* backlog: growth of the broker's resident memory */
};

/* OK, or the error of the first call that failed: wherry_last_error() says more. */
wherry_err bench_throughput(struct bench *bench);
wherry_err bench_latency(struct bench *bench);
wherry_err bench_submit(struct bench *bench);
wherry_err bench_backlog(struct bench *bench);
wherry_err bench_payload(struct bench *bench);
/* bench_throughput() by many sessions at once (swarm.c). */
wherry_err bench_swarm(struct bench *bench, const char *address);

/* What lies in between is `seconds`, and `cpu_us` of broker, workers and this process. */
void bench_clock_start(struct bench *bench);
void bench_clock_stop(struct bench *bench);

#endif
