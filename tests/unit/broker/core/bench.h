/* SPDX-License-Identifier: MIT
 *
 * Bench: an engine on a table, for tests of 5 to 15 lines.
 *
 *     struct bench *bench = bench_open(MEMORY);
 *     bench_client(bench, 1);                          client session 1 on route 1
 *     bench_worker(bench, 10, "f,g");                  host 10 on route 10; its child, place 0, on
 * route 11 bench_submit(bench, 1, "f", 1, 3);               numbers 1 … 3 bench_expect(bench, "11
 * DELIVER …\n");           everything that left since the last look bench_close(bench);
 *
 * Each step is audited. Payload handles are counted: each is freed exactly once, and none is left
 * at the end. A durable bench commits when bench_commit() says so; bench_restart() drops the engine
 * and opens another one on what was committed. Numbers and names are small: session n speaks on
 * route n unless said otherwise. */
#ifndef WHERRY_CORE_BENCH_H
#define WHERRY_CORE_BENCH_H

#include "broker/core/engine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum bench_kind { MEMORY, DURABLE };

struct bench;

struct bench *bench_open(enum bench_kind kind);
struct bench *bench_open_with(enum bench_kind kind, const struct engine_config *config);
void bench_close(
    struct bench *bench); /* everything must have come back but what is stored or waiting */

struct engine *bench_engine(struct bench *bench);
struct engine_counts bench_counts(struct bench *bench);

/* ---- what happens ---------------------------------------------------------------------------- */

void bench_step(struct bench *bench, const struct event *event);
void bench_tick(struct bench *bench);             /* until nothing is due */
void bench_pass(struct bench *bench, int64_t ms); /* time, in ticks of at most 10 ms */
void bench_jump(struct bench *bench, int64_t ms); /* at once, then tick */
void bench_wait(struct bench *bench, int64_t ms); /* time alone */
void bench_committed(struct bench *bench);        /* the batch in flight is stored */
void bench_commit(struct bench *bench);           /* the same, then tick */
void bench_restart(struct bench *bench);          /* crash; what was committed is scanned */
void bench_restart_on_copy(struct bench *bench);  /* the same on a backup: it has another uuid */
uint32_t bench_payload(struct bench *bench, uint32_t size); /* a fresh handle */

void bench_hello_client(struct bench *bench, route_id route, uint64_t session, bool resume);
void bench_client(struct bench *bench, uint64_t session); /* new, on the route of the same number */

struct bench_attempt {
    struct task_id id;
    struct token token;
    bool answered;
};
struct bench_place {
    uint32_t place;
    bool dead;
    uint32_t generation;
    uint32_t started;
    uint32_t attempt_count;
    struct bench_attempt attempts[4];
};
enum { BENCH_POOL_PLACES = 4, BENCH_PROCESS_PLACES = 2 }; /* of each host */
void bench_hello_host(struct bench *bench, route_id route, uint64_t session, const char *functions,
                      const struct bench_place *places, uint32_t place_count);
void bench_hello_child(struct bench *bench, route_id route, uint64_t host, uint32_t place,
                       uint32_t generation, uint32_t started);
void bench_hello_holding(struct bench *bench, route_id route, uint64_t host, uint32_t place,
                         uint32_t generation, uint32_t started, const struct event_held *held);
void bench_credit(struct bench *bench, route_id child, uint32_t generation, uint32_t up_to,
                  uint32_t started);
/* Host `host`, its child in place 0 on route host + 1, generation 1, credit 8. */
void bench_worker(struct bench *bench, uint64_t host, const char *functions);

struct bench_submit {
    const char *queue; /* NULL: "default" */
    const char *function;
    uint64_t first;
    uint32_t count;
    uint32_t size; /* of each payload; 0: 100 */
    uint32_t flags;
    uint32_t max_attempts;
    int32_t priority;
    uint64_t acked;
    int64_t wait_ms;
    bool want_ack;
    bool again;
    bool has_origin;
    struct task_id origin;
};
void bench_submit_with(struct bench *bench, route_id route, const struct bench_submit *submit);
void bench_submit(struct bench *bench, route_id route, const char *function, uint64_t first,
                  uint32_t count);

/* A result of the delivery that stood last in the trace as index/counter. */
void bench_result(struct bench *bench, route_id child, uint32_t index, uint64_t counter,
                  uint32_t status, struct wire_credit credit);
void bench_done(struct bench *bench, route_id child, uint32_t index, uint64_t counter);
void bench_ack(struct bench *bench, route_id route, uint64_t acked, uint64_t first, uint64_t count);
void bench_cancel(struct bench *bench, route_id route, uint64_t first, uint64_t count);
void bench_renumber(struct bench *bench, route_id route, uint64_t from, uint64_t to);
void bench_gate(struct bench *bench, route_id host, uint32_t place, uint32_t generation,
                uint32_t started);
void bench_death(struct bench *bench, route_id host, const struct event_death *death);
void bench_call(struct bench *bench, route_id route, uint32_t verb, uint64_t call,
                struct task_id id, int64_t timeout_ms);
void bench_ask(struct bench *bench, route_id route, const struct event_call *call); /* any call */
void bench_plain(struct bench *bench, route_id route, enum event_kind kind);

struct task_id bench_id(uint64_t session, uint64_t number); /* of a task of queue "default" */
uint64_t bench_epoch(const struct bench *bench);
bool bench_keeps(const struct bench *bench);
bool bench_commits(const struct bench *bench); /* a batch is in flight */

/* ---- what leaves ----------------------------------------------------------------------------- */

/* The trace since the last call, which it clears. Log lines, PUTs and DELETEs are not in it. */
void bench_expect(struct bench *bench, const char *text);
void bench_forget(struct bench *bench);
const char *bench_trace(const struct bench *bench);
/* Log lines so far that contain `text`. */
uint32_t bench_logged(const struct bench *bench, const char *text);
/* Records in the (simulated) store. */
uint32_t bench_stored(const struct bench *bench, enum record_kind kind);

#endif
