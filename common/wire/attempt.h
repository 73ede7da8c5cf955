/* SPDX-License-Identifier: MIT
 *
 * Between workers and broker: attempts, their results, gates and deaths. */
#ifndef WHERRY_WIRE_ATTEMPT_H
#define WHERRY_WIRE_ATTEMPT_H

#include "common/wire/hello.h"
#include "common/wire/task.h"

struct wire_credit { /* [20, generation, up_to, started] */
    uint32_t generation;
    uint32_t up_to; /* absolute: slots 1 … up_to of this generation may be filled */
    uint32_t started;
};
void wire_put_credit(struct wire_out *out, const struct wire_credit *credit);
wherry_err wire_get_credit(const struct wire_message *message, struct wire_credit *out);

/* [21, epoch, generation, up_to, started, busy_us, [index, counter, status, payload, …]]
 * `epoch` is the one in which the deliveries were made: index and counter belong to it. */
struct wire_results {
    uint64_t epoch;
    struct wire_credit credit;
    uint64_t busy_us; /* time spent in the functions of these items */
    struct wire_items items;
};
struct wire_results_item {
    uint32_t index; /* as delivered */
    uint64_t counter;
    uint32_t status;
    struct span payload;
    int frame;
};
void wire_results_begin(struct wire_out *out, uint64_t epoch);
void wire_results_item(struct wire_out *out, uint32_t index, uint64_t counter, uint32_t status,
                       struct wire_part payload);
void wire_results_end(struct wire_out *out, struct wire_credit credit, uint64_t busy_us);
wherry_err wire_get_results(const struct wire_message *message, struct wire_results *out);
bool wire_next_results(struct wire_items *items, struct wire_results_item *out);

/* [60, epoch, generation, first_slot, first_counter, queue, function, options, [index, id|nil,
 * payload, …]]: slots and counters run on by one an item; a nil id is the one before plus one. */
struct wire_deliver {
    uint64_t epoch;
    uint32_t generation;
    uint32_t first_slot;
    uint64_t first_counter;
    struct span queue;
    struct span function;
    struct wire_options options;
    struct wire_items items;
};
struct wire_deliver_item {
    uint32_t index;
    struct task_id id; /* filled in for nil, too: keep one struct for the whole walk */
    struct span payload;
    int frame;
};
void wire_deliver_begin(struct wire_out *out, const struct wire_deliver *head);
void wire_deliver_item(struct wire_out *out, uint32_t index, const struct task_id *id,
                       struct wire_part payload);
void wire_deliver_end(struct wire_out *out);
wherry_err wire_get_deliver(const struct wire_message *message, struct wire_deliver *out);
bool wire_next_deliver(struct wire_items *items, struct wire_deliver_item *out);

/* RESULT_ACK [61, epoch, [token epoch, first counter, count, …]]
 * LEASE_LOST [71, epoch, place, [token epoch, first counter, count, …]] */
struct wire_tokens {
    uint64_t epoch;
    uint32_t place; /* LEASE_LOST only */
    struct wire_items runs;
};
struct wire_token_run {
    uint64_t epoch;
    uint64_t first;
    uint64_t count;
};
void wire_put_tokens(struct wire_out *out, enum wire_type type, uint64_t epoch, uint32_t place,
                     const struct wire_token_run *runs, uint32_t run_count);
wherry_err wire_get_tokens(const struct wire_message *message, struct wire_tokens *out);
bool wire_next_token_run(struct wire_items *items, struct wire_token_run *out);

/* ---- host and broker ------------------------------------------------------------------------ */

struct wire_gate { /* [30, place, generation, started]: everything of `generation` above is void */
    uint32_t place;
    uint32_t generation;
    uint32_t started;
};
void wire_put_gate(struct wire_out *out, const struct wire_gate *gate);
wherry_err wire_get_gate(const struct wire_message *message, struct wire_gate *out);

/* [31, place, sequence, generation, started, cause, number, text, rss, [attempt…], pid] */
struct wire_death {
    uint32_t place;
    uint64_t sequence; /* of this host; repeated until acknowledged */
    uint32_t generation;
    uint32_t started;
    uint32_t cause; /* enum wire_cause */
    int64_t cause_number;
    struct span text; /* last stderr lines or backtrace */
    uint64_t rss_peak_bytes;
    int64_t pid;
    struct wire_items attempts; /* started ones: running and answered but unacknowledged */
};
void wire_put_death(struct wire_out *out, const struct wire_death *death,
                    const struct wire_attempt *attempts, uint32_t attempt_count);
wherry_err wire_get_death(const struct wire_message *message, struct wire_death *out);

struct wire_place_note { /* CLOSE_GATE [70, epoch, place]; DEATH_ACK [72, epoch, place, sequence] */
    uint64_t epoch;
    uint32_t place;
    uint64_t sequence;
};
void wire_put_close_gate(struct wire_out *out, const struct wire_place_note *note);
wherry_err wire_get_close_gate(const struct wire_message *message, struct wire_place_note *out);
/* SPAWN [74, epoch, place], STOP [75, epoch, place]: for places behind the pool's own. */
void wire_put_spawn(struct wire_out *out, const struct wire_place_note *note);
wherry_err wire_get_spawn(const struct wire_message *message, struct wire_place_note *out);
void wire_put_stop(struct wire_out *out, const struct wire_place_note *note);
wherry_err wire_get_stop(const struct wire_message *message, struct wire_place_note *out);
void wire_put_death_ack(struct wire_out *out, const struct wire_place_note *note);
wherry_err wire_get_death_ack(const struct wire_message *message, struct wire_place_note *out);

struct wire_signal { /* [73, epoch, place, token epoch, counter, signal] */
    uint64_t epoch;
    uint32_t place;
    struct token token;
    uint32_t signal;
};
void wire_put_signal(struct wire_out *out, const struct wire_signal *message);
wherry_err wire_get_signal(const struct wire_message *message, struct wire_signal *out);

/* [33, [place, state, name, …]]: three elements an item; those that have changed. */
struct wire_state {
    uint32_t place;
    uint32_t state;   /* WIRE_PROCESS_RUNNING or WIRE_PROCESS_WAITING */
    struct span name; /* as its submitter named it; "": not known yet */
};
void wire_states_begin(struct wire_out *out);
void wire_states_item(struct wire_out *out, const struct wire_state *item);
void wire_states_end(struct wire_out *out);
wherry_err wire_get_states(const struct wire_message *message, struct wire_items *out);
bool wire_next_state(struct wire_items *items, struct wire_state *out);

struct wire_leave { /* [78, epoch, grace_ms] */
    uint64_t epoch;
    int64_t grace_ms; /* what runs then is stopped and goes back; -1: it may finish */
};
void wire_put_leave(struct wire_out *out, const struct wire_leave *message);
wherry_err wire_get_leave(const struct wire_message *message, struct wire_leave *out);

#endif
