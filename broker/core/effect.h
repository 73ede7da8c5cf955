/* SPDX-License-Identifier: MIT
 *
 * What the engine wants done. The shell carries effects out in order. Whatever must wait for a
 * commit (rules: persist barrier) is kept back inside the engine and appears only when it may
 * leave, so a shell never has to know why an answer is late.
 *
 * Arrays and texts lie in the list's own arena and live until effects_clear(). Payload handles
 * named by an effect stay valid until the EFFECT_PAYLOAD(S)_FREE that follows it. A record's
 * failure bytes made by the engine travel inside its head. What a PUT points to, head and payload,
 * lives until the step with its batch's EVENT_COMMITTED: a store needs no copy of its own. */
#ifndef WHERRY_EFFECT_H
#define WHERRY_EFFECT_H

#include "broker/core/event.h"
#include "broker/core/record.h"
#include "common/log_level.h"

enum effect_kind {
    EFFECT_HELLO_OK,
    EFFECT_HELLO_REQUIRED,
    EFFECT_SESSION_LOST,
    EFFECT_REFUSED,
    EFFECT_BEAT_OK,
    EFFECT_ACCEPTED,
    EFFECT_PARKED,
    EFFECT_ANSWERED,
    EFFECT_RESULT,
    EFFECT_ANSWER,
    EFFECT_DELIVER,
    EFFECT_RESULT_ACK,
    EFFECT_CLOSE_GATE,
    EFFECT_LEASE_LOST,
    EFFECT_DEATH_ACK,
    EFFECT_SIGNAL,
    EFFECT_SPAWN,
    EFFECT_STOP,
    EFFECT_LEAVE,
    EFFECT_CLOSE_ROUTE,   /* forget the route: a later message of it gets HELLO_REQUIRED */
    EFFECT_PUT,           /* into the open batch: this record */
    EFFECT_DELETE,        /* into the open batch: drop this record */
    EFFECT_COMMIT,        /* close the open batch as number `batch` and commit it; ends with
                             EVENT_COMMITTED */
    EFFECT_PAYLOAD_FREE,  /* one handle */
    EFFECT_PAYLOADS_FREE, /* many at once: the usual case, since every finished task frees one */
    EFFECT_LOG,
};

struct effect_result_item {
    uint64_t number;
    uint32_t status;
    struct payload payload;
    struct span
        inline_payload; /* used when payload.handle is 0: a failure that the engine itself made */
};

struct effect_deliver_item {
    uint32_t index;
    struct payload payload;
    struct task_id id;
};

struct effect_deliver {
    uint32_t generation;
    uint32_t first_slot;
    uint64_t first_counter;
    struct span queue;
    struct span function;
    struct wire_options options;
    const struct effect_deliver_item *items;
    uint32_t item_count;
};

struct effect {
    enum effect_kind kind;
    route_id route;
    union {
        struct wire_hello_ok hello_ok;
        struct wire_session_lost session_lost;
        struct {
            uint32_t err;
            struct span text;
        } refused;
        struct {
            uint16_t slot;
            const struct wire_run *runs;
            uint32_t run_count;
        } numbers; /* ACCEPTED, PARKED */
        struct {
            uint16_t slot;
            uint64_t number;
            uint32_t err;
            struct span text;
        } answered;
        struct {
            uint16_t slot;
            const struct effect_result_item *items;
            uint32_t item_count;
        } result;
        struct {
            uint64_t call;
            uint32_t err;
            struct span text;
            struct span body;       /* one msgpack array, or empty */
            uint32_t status;        /* TASK_WAIT only: with `payload` it makes the body */
            struct payload payload; /* TASK_WAIT only */
            struct span
                inline_payload; /* TASK_WAIT, when payload.handle is 0: as in a result item */
            bool has_outcome;   /* TASK_WAIT: body = [status, payload] */
        } answer;
        struct effect_deliver deliver;
        struct {
            uint32_t place; /* LEASE_LOST */
            const struct wire_token_run *runs;
            uint32_t run_count;
        } tokens;
        struct {
            uint32_t place;
            uint64_t sequence;
        } place_note;
        struct {
            uint32_t place;
            struct token token;
            uint32_t signal;
        } signal;
        int64_t leave_grace_ms;
        struct record record; /* PUT, DELETE (key only) */
        uint64_t batch;
        uint32_t payload; /* PAYLOAD_FREE: the handle */
        struct {
            const uint32_t *handles;
            uint32_t count;
        } payloads; /* PAYLOADS_FREE */
        struct {
            enum log_level level;
            struct span text; /* logfmt: msg="…" key=value … */
        } log;
    };
};

struct effects {
    struct effect *items;
    uint32_t count;
    uint32_t capacity;
    struct effects_arena *arena; /* private: chunks that never move */
};

void effects_init(struct effects *effects);
void effects_clear(struct effects *effects);
void effects_fini(struct effects *effects);

#endif
