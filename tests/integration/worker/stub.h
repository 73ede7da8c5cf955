/* SPDX-License-Identifier: MIT
 *
 * Stub: a broker made by hand on a real ROUTER, for tests of worker processes: it can be silent,
 * forget, and die in ways in which a real broker cannot be made to. One host, its children, no
 * queues.
 *
 * stub_turn() waits for one message and answers what every broker answers: hello, beat. What it
 * learned stands in the struct. Tests wait with `while (!condition) stub_turn(stub);` and fail at
 * the sandbox's deadline. */
#ifndef WHERRY_TEST_STUB_H
#define WHERRY_TEST_STUB_H

#include "common/wire/wire.h"
#include "tests/support/support.h"

enum { STUB_PLACES = 4, STUB_ROUTE_MAX = 16, STUB_RESULT_BYTES = 4096 };

struct stub_route {
    uint8_t bytes[STUB_ROUTE_MAX];
    size_t size; /* 0: nobody */
};

struct stub_child {
    struct stub_route route;
    uint32_t generation; /* of its credit */
    uint32_t up_to;
    uint32_t started;
    uint32_t next; /* slot of the next delivery */
    int64_t pid;
    uint32_t hellos;
};

struct stub {
    struct sandbox *box;
    void *context;
    void *router;
    uint64_t epoch;
    bool acknowledge_deaths;
    bool acknowledge_results;
    struct wire_out out;
    struct stub_route host;
    uint32_t host_hellos;
    uint32_t announced; /* attempts in the host's last hello */
    bool draining;
    bool goodbye;
    char functions[1024]; /* names, each closed by a blank */
    struct stub_child children[STUB_PLACES];
    uint32_t credits;
    /* the last result */
    uint32_t results;
    uint32_t held; /* results that came in a hello */
    uint64_t counter;
    uint32_t status;
    uint8_t payload[STUB_RESULT_BYTES];
    size_t payload_size;
    /* the last death */
    uint32_t deaths;
    uint32_t death_place;
    uint64_t death_sequence;
    uint32_t cause;
    int64_t cause_number;
    uint32_t death_attempts;
    char death_text[WIRE_TEXT_MAX + 1];
};

struct stub *stub_open(struct sandbox *box, const char *endpoint);
void stub_close(struct stub **stub);

/* Waits up to 20 ms for one message. */
void stub_turn(struct stub *stub);
/* Until the host and `children` children have said hello and given credit. */
void stub_gather(struct stub *stub, uint32_t children);

/* One delivery to the child in `place`; `arguments`: one msgpack list. Returns its counter. */
uint64_t stub_deliver(struct stub *stub, uint32_t place, const char *function,
                      struct span arguments);
/* Waits for the next result and returns its failure's text, or "" for a value. */
const char *stub_result(struct stub *stub);
void stub_ack_death(struct stub *stub);
void stub_signal(struct stub *stub, uint32_t place, uint64_t counter, int signal_number);

#endif
