/* SPDX-License-Identifier: MIT
 *
 * The walk over any message; see wire_walk.h. */
#include "wire_walk.h"

#include "common/check.h"
#include "common/wire/body.h"

struct walk {
    const struct wire_message *message;
    uint64_t sum;
};

static void see(struct walk *walk, struct span span) {
    for (size_t i = 0; i < span.size; i++) {
        walk->sum = walk->sum * 31 + span.data[i];
    }
}

/* Every item that a list promises must come, and no other. */
#define WALK_LIST(items, next, item, seen) \
    do { \
        uint32_t left = (items).left; \
        for (uint32_t i = 0; i < left; i++) { \
            CHECK(next(&(items), &(item))); \
            seen; \
        } \
        CHECK(!next(&(items), &(item))); \
        CHECK((items).left == 0); \
    } while (0)

static void walk_runs(struct walk *walk, struct wire_items *items) {
    struct wire_run run;
    WALK_LIST(*items, wire_next_run, run, {
        CHECK(run.count >= 1 && run.first + run.count - 1 < UINT64_C(1) << 48);
        walk->sum += run.first;
    });
}

static void walk_attempts(struct walk *walk, struct wire_items *items) {
    struct wire_attempt attempt;
    WALK_LIST(*items, wire_next_attempt, attempt, walk->sum += attempt.id.number);
}

static void walk_tokens(struct walk *walk, struct wire_items *items) {
    struct wire_token_run run;
    WALK_LIST(*items, wire_next_token_run, run, {
        CHECK(run.count >= 1 && run.first + run.count - 1 >= run.first);
        walk->sum += run.first;
    });
}

static wherry_err walk_hello(struct walk *walk) {
    struct wire_hello hello;
    wherry_err err = wire_get_hello(walk->message, &hello);
    if (err != WHERRY_OK) {
        return err;
    }
    see(walk, hello.secret);
    see(walk, hello.label);
    see(walk, hello.pool);
    struct span name;
    WALK_LIST(hello.functions, wire_next_name, name, see(walk, name));
    struct wire_place place;
    WALK_LIST(hello.places, wire_next_place, place, walk_attempts(walk, &place.attempts));
    struct wire_held held;
    WALK_LIST(hello.held, wire_next_held, held, see(walk, held.payload));
    return WHERRY_OK;
}

static wherry_err walk_submit(struct walk *walk) {
    struct wire_submit submit;
    wherry_err err = wire_get_submit(walk->message, &submit);
    if (err != WHERRY_OK) {
        return err;
    }
    see(walk, submit.queue);
    see(walk, submit.function);
    struct wire_submit_item item;
    WALK_LIST(submit.items, wire_next_submit, item, see(walk, item.payload));
    return WHERRY_OK;
}

static wherry_err walk_deliver(struct walk *walk) {
    struct wire_deliver deliver;
    wherry_err err = wire_get_deliver(walk->message, &deliver);
    if (err != WHERRY_OK) {
        return err;
    }
    see(walk, deliver.queue);
    see(walk, deliver.function);
    struct wire_deliver_item item = {0};
    WALK_LIST(deliver.items, wire_next_deliver, item, {
        CHECK(item.id.number >= 1);
        see(walk, item.payload);
    });
    return WHERRY_OK;
}

static wherry_err walk_results(struct walk *walk) {
    struct wire_results results;
    wherry_err err = wire_get_results(walk->message, &results);
    if (err == WHERRY_OK) {
        struct wire_results_item item;
        WALK_LIST(results.items, wire_next_results, item, see(walk, item.payload));
    }
    return err;
}

static wherry_err walk_result(struct walk *walk) {
    struct wire_result result;
    wherry_err err = wire_get_result(walk->message, &result);
    if (err == WHERRY_OK) {
        struct wire_result_item item;
        WALK_LIST(result.items, wire_next_result, item, see(walk, item.payload));
    }
    return err;
}

static wherry_err walk_ack(struct walk *walk) {
    struct wire_ack ack;
    wherry_err err = wire_get_ack(walk->message, &ack);
    if (err == WHERRY_OK) {
        walk_runs(walk, &ack.results);
    }
    return err;
}

static wherry_err walk_cancel(struct walk *walk) {
    struct wire_cancel cancel;
    wherry_err err = wire_get_cancel(walk->message, &cancel);
    if (err == WHERRY_OK) {
        walk_runs(walk, &cancel.runs);
    }
    return err;
}

static wherry_err walk_renumber(struct walk *walk) {
    struct wire_renumber renumber;
    struct wire_renumbering item;
    wherry_err err = wire_get_renumber(walk->message, &renumber);
    while (err == WHERRY_OK && wire_next_renumbering(&renumber.items, &item)) {
        walk->sum += item.from + item.to;
    }
    return err;
}

static wherry_err walk_run_of_numbers(struct walk *walk, enum wire_type type) {
    struct wire_numbers numbers;
    wherry_err err = wire_get_numbers(walk->message, type, &numbers);
    if (err == WHERRY_OK) {
        walk_runs(walk, &numbers.runs);
    }
    return err;
}

static void walk_body(struct walk *walk, struct span body) {
    struct task_id id;
    struct span text = {0};
    struct body_queue queue = {0};
    struct body_outcome outcome = {0};
    uint64_t number;
    body_get_id(body, &id);
    body_get_number(body, &number);
    if (body_get_name(body, &text) == WHERRY_OK || body_get_text(body, &text) == WHERRY_OK) {
        see(walk, text);
    }
    if (body_get_queue(body, &queue) == WHERRY_OK) {
        see(walk, queue.name);
    }
    struct body_pause pause = {0};
    if (body_get_pause(body, &pause) == WHERRY_OK) {
        see(walk, pause.name);
    }
    struct body_drain drain = {0};
    if (body_get_drain(body, &drain) == WHERRY_OK) {
        see(walk, drain.host);
    }
    if (body_get_outcome(body, &outcome) == WHERRY_OK) {
        see(walk, outcome.payload);
    }
    see(walk, body);
}

static wherry_err walk_call(struct walk *walk) {
    struct wire_call call;
    wherry_err err = wire_get_call(walk->message, &call);
    if (err == WHERRY_OK) {
        walk_body(walk, call.body);
    }
    return err;
}

static wherry_err walk_answer(struct walk *walk) {
    struct wire_answer answer;
    wherry_err err = wire_get_answer(walk->message, &answer);
    if (err == WHERRY_OK) {
        see(walk, answer.text);
        walk_body(walk, answer.body);
    }
    return err;
}

static wherry_err walk_death(struct walk *walk) {
    struct wire_death death;
    wherry_err err = wire_get_death(walk->message, &death);
    if (err == WHERRY_OK) {
        see(walk, death.text);
        walk_attempts(walk, &death.attempts);
    }
    return err;
}

static wherry_err walk_run_of_tokens(struct walk *walk) {
    struct wire_tokens tokens;
    wherry_err err = wire_get_tokens(walk->message, &tokens);
    if (err == WHERRY_OK) {
        walk_tokens(walk, &tokens.runs);
    }
    return err;
}

static wherry_err walk_texts(struct walk *walk, enum wire_type type) {
    struct wire_refused refused = {0};
    struct wire_answered answered = {0};
    struct wire_session_lost lost = {0};
    struct wire_hello_ok ok = {0};
    wherry_err err = type == WIRE_REFUSED        ? wire_get_refused(walk->message, &refused)
                     : type == WIRE_ANSWERED     ? wire_get_answered(walk->message, &answered)
                     : type == WIRE_SESSION_LOST ? wire_get_session_lost(walk->message, &lost)
                                                 : wire_get_hello_ok(walk->message, &ok);
    if (err == WHERRY_OK) {
        see(walk, refused.text);
        see(walk, answered.text);
        see(walk, lost.store);
        see(walk, ok.store);
    }
    return err;
}

static wherry_err walk_numbers(struct walk *walk, enum wire_type type) {
    struct wire_credit credit;
    struct wire_gate gate;
    struct wire_place_note note;
    struct wire_signal notice;
    struct wire_leave leave;
    return type == WIRE_CREDIT       ? wire_get_credit(walk->message, &credit)
           : type == WIRE_GATE       ? wire_get_gate(walk->message, &gate)
           : type == WIRE_CLOSE_GATE ? wire_get_close_gate(walk->message, &note)
           : type == WIRE_DEATH_ACK  ? wire_get_death_ack(walk->message, &note)
           : type == WIRE_LEAVE      ? wire_get_leave(walk->message, &leave)
           : type == WIRE_SPAWN      ? wire_get_spawn(walk->message, &note)
           : type == WIRE_STOP       ? wire_get_stop(walk->message, &note)
                                     : wire_get_signal(walk->message, &notice);
}

static wherry_err walk_states(struct walk *walk) {
    struct wire_items items;
    struct wire_state state;
    wherry_err err = wire_get_states(walk->message, &items);
    while (err == WHERRY_OK && wire_next_state(&items, &state)) {
        see(walk, state.name);
    }
    return err;
}

static wherry_err walk_type(struct walk *walk, enum wire_type type) {
    switch (type) {
    case WIRE_HELLO:
        return walk_hello(walk);
    case WIRE_SUBMIT:
        return walk_submit(walk);
    case WIRE_ACK:
        return walk_ack(walk);
    case WIRE_CANCEL:
        return walk_cancel(walk);
    case WIRE_CALL:
        return walk_call(walk);
    case WIRE_RENUMBER:
        return walk_renumber(walk);
    case WIRE_RESULTS:
        return walk_results(walk);
    case WIRE_DEATH:
        return walk_death(walk);
    case WIRE_ACCEPTED:
    case WIRE_PARKED:
        return walk_run_of_numbers(walk, type);
    case WIRE_RESULT:
        return walk_result(walk);
    case WIRE_ANSWER:
        return walk_answer(walk);
    case WIRE_DELIVER:
        return walk_deliver(walk);
    case WIRE_RESULT_ACK:
    case WIRE_LEASE_LOST:
        return walk_run_of_tokens(walk);
    case WIRE_HELLO_OK:
    case WIRE_SESSION_LOST:
    case WIRE_REFUSED:
    case WIRE_ANSWERED:
        return walk_texts(walk, type);
    case WIRE_CREDIT:
    case WIRE_GATE:
    case WIRE_CLOSE_GATE:
    case WIRE_DEATH_ACK:
    case WIRE_SIGNAL:
    case WIRE_LEAVE:
    case WIRE_SPAWN:
    case WIRE_STOP:
        return walk_numbers(walk, type);
    case WIRE_STATES:
        return walk_states(walk);
    case WIRE_GOODBYE:
    case WIRE_BEAT:
    case WIRE_DRAIN:
    case WIRE_HELLO_REQUIRED:
    case WIRE_BEAT_OK:
    case WIRE_OUTPUT:
    case WIRE_MOVED:
        return WHERRY_OK; /* nothing but their type, or reserved */
    }
    IMPOSSIBLE("wire_type_of let an unknown type through");
}

wherry_err wire_walk(const struct wire_message *message, uint64_t *sum) {
    struct walk walk = {.message = message};
    enum wire_type type;
    wherry_err err = wire_type_of(message, &type);
    walk.sum = wire_epoch_of(message);
    if (err == WHERRY_OK) {
        err = walk_type(&walk, type);
    }
    *sum += walk.sum;
    return err;
}
