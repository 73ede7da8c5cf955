/* SPDX-License-Identifier: MIT
 *
 * What can happen to the engine. The shell (broker/net, or a simulated world) decodes messages into
 * events; spans and arrays in an event are borrowed for the one engine_step() they are given to.
 *
 * A `route` is one connection of one peer, numbered by the shell, never used twice. Payloads are
 * handles: the shell owns the bytes. By handing a payload to the engine the shell gives it away;
 * the engine gives every handle back exactly once, by an EFFECT_PAYLOAD_FREE. */
#ifndef WHERRY_EVENT_H
#define WHERRY_EVENT_H

#include "common/id.h"
#include "common/wire/wire.h"

typedef uint64_t route_id; /* 0: none */

struct now {
    int64_t mono_us; /* leases, time-outs; never goes back */
    int64_t wall_ms; /* times to live; may jump */
};

struct payload {
    uint32_t handle; /* 0: empty */
    uint32_t size;
};

enum event_kind {
    EVENT_TICK,       /* nothing but time; also given once after each turn's input was read dry */
    EVENT_ROUTE_LOST, /* the connection of `route` is gone */
    EVENT_HELLO,
    EVENT_GOODBYE,
    EVENT_BEAT,
    EVENT_SUBMIT,
    EVENT_ACK,
    EVENT_CANCEL,
    EVENT_CALL,
    EVENT_RENUMBER,
    EVENT_CREDIT,
    EVENT_RESULTS,
    EVENT_GATE,
    EVENT_DEATH,
    EVENT_STATES,       /* what a host's Processes do */
    EVENT_DRAIN_HOST,   /* a host takes nothing more */
    EVENT_DRAIN_BROKER, /* SIGTERM: no new work, no new deliveries */
    EVENT_COMMITTED,    /* batch `committed` and all before it are in the store */
    EVENT_STORE_SPACE,  /* the store's free reserve fell below, or is above, its limit */
    EVENT_GAP,          /* the shell's own loop stood still for `gap_us`: leases are pushed out */
};

struct event_attempt {
    struct task_id id;
    struct token token;
    bool answered;
};

struct event_place {
    uint32_t place;
    bool alive;
    uint32_t generation;
    uint32_t started;
    const struct event_attempt *attempts;
    uint32_t attempt_count;
};

struct event_held {
    struct task_id id;
    struct token token;
    uint32_t status; /* enum wire_status */
    struct payload payload;
    int64_t retry_ms; /* WIRE_TRY_AGAIN only */
};

struct event_hello { /* meaning of the fields: struct wire_hello */
    uint32_t peer;
    uint32_t version_min;
    uint32_t version_max;
    uint64_t features;
    bool resume;
    uint64_t session;
    struct span secret;
    uint64_t parent;
    struct token attempt;
    struct span label;
    int64_t pid;
    struct span pool;
    uint32_t processes;
    uint32_t processes_max;
    const struct span *functions;
    uint32_t function_count;
    const struct event_place *places;
    uint32_t place_count;
    uint32_t place;
    uint32_t generation;
    uint32_t started;
    const struct event_held *held;
    uint32_t held_count;
};

struct event_submit_item {
    uint64_t number;
    struct payload payload;
    bool has_origin;
    struct task_id origin;
};

struct event_submit {
    uint16_t slot;
    uint64_t acked;
    bool want_ack;
    bool again; /* items with an origin were accepted by a broker that has forgotten them */
    struct span queue;
    struct span function;
    struct wire_options options;
    int64_t wait_ms;
    const struct event_submit_item *items;
    uint32_t item_count;
};

struct event_ack {
    uint16_t slot;
    uint64_t acked;
    uint64_t credit;
    const struct wire_run *runs;
    uint32_t run_count;
};

struct event_cancel {
    uint16_t slot;
    const struct wire_run *runs;
    uint32_t run_count;
};

struct event_renumber {
    uint16_t slot;
    uint64_t acked;
    const struct wire_renumbering *items;
    uint32_t item_count;
};

struct event_call {
    uint64_t call;
    uint32_t verb; /* enum wire_verb; unknown ones are answered INVALID */
    int64_t timeout_ms;
    uint64_t thread;
    struct task_id id;  /* TASK_WAIT, TASK_CANCEL, WAITING, PROCESS_… */
    uint32_t signal;    /* PROCESS_SIGNAL */
    struct span name;   /* POOL_SHOW, QUEUE_…; WORKER_…: the host's id */
    uint64_t items_max; /* QUEUE_SET */
    uint64_t bytes_max;
    uint32_t pause; /* QUEUE_PAUSE: bits of enum wire_pause */
    uint32_t resume;
    int64_t grace_ms; /* WORKER_DRAIN */
};

struct event_result {
    uint32_t index;
    uint64_t counter;
    uint32_t status;
    struct payload payload;
    int64_t retry_ms;
};

struct event_results {
    uint64_t epoch;
    struct wire_credit credit;
    uint64_t busy_us;
    const struct event_result *items;
    uint32_t item_count;
};

struct event_death {
    uint32_t place;
    uint64_t sequence;
    uint32_t generation;
    uint32_t started;
    uint32_t cause;
    int64_t cause_number;
    struct span text;
    uint64_t rss_peak_bytes;
    int64_t pid;
    const struct event_attempt *attempts;
    uint32_t attempt_count;
};

struct event_states {
    const struct wire_state *items;
    uint32_t item_count;
};

struct event {
    enum event_kind kind;
    route_id route;
    union {
        struct event_hello hello;
        struct event_submit submit;
        struct event_ack ack;
        struct event_cancel cancel;
        struct event_call call;
        struct event_renumber renumber;
        struct wire_credit credit;
        struct event_results results;
        struct wire_gate gate;
        struct event_death death;
        struct event_states states;
        uint64_t committed;
        bool store_has_space;
        int64_t gap_us;
    };
};

#endif
