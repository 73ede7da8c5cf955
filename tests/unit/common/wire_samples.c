/* SPDX-License-Identifier: MIT
 *
 * The samples; see wire_samples.h. */
#include "wire_samples.h"

#include "common/wire/body.h"

#define TEXT(literal) ((struct span){(const uint8_t *)(literal), sizeof(literal) - 1})

static const uint8_t large[WIRE_INLINE_MAX + 10] = {1, 2, 3};
static const uint8_t small[] = "payload";

static struct wire_part part_small(void) {
    return (struct wire_part){.data = small, .size = sizeof small - 1};
}

static struct wire_part part_large(void) {
    return (struct wire_part){.data = large, .size = sizeof large};
}

static struct task_id id_of(uint64_t number) {
    struct task_id id = {.session = UINT64_C(0x1122334455667788)};
    id.slot = 2748;
    id.number = number;
    return id;
}

static const struct wire_run runs[] = {{1, 1}, {70000, 300}, {(UINT64_C(1) << 48) - 1, 1}};

/* ---- sessions ---- */

static struct wire_hello hello_of(enum wire_peer peer) {
    return (struct wire_hello){
        .peer = peer, .version_min = 1, .version_max = 1, .features = 0,
        .session = UINT64_C(0x1122334455667788), .secret = TEXT("0123456789abcdef"),
        .label = TEXT("demo"), .pid = 4711,
    };
}

static void make_hello_client(struct wire_out *out) {
    struct wire_hello hello = hello_of(WIRE_CLIENT);
    hello.resume = true;
    hello.parent = 99;
    hello.attempt = (struct token){5, 6};
    wire_hello_begin(out, &hello, 0, 0);
    wire_hello_end(out);
}

static void make_hello_host(struct wire_out *out) {
    struct wire_hello hello = hello_of(WIRE_HOST);
    hello.pool = TEXT("default");
    hello.processes = 4;
    hello.processes_max = 1024;
    struct wire_attempt attempt = {id_of(3), {5, 6}, true};
    wire_hello_begin(out, &hello, 2, 2);
    wire_hello_function(out, TEXT("wherry.noop"));
    wire_hello_function(out, TEXT("words.count"));
    wire_hello_place(out, &(struct wire_place){.place = 0, .alive = true, .generation = 3,
                                               .started = 7}, 2);
    wire_hello_attempt(out, &attempt);
    attempt.answered = false;
    wire_hello_attempt(out, &attempt);
    wire_hello_place(out, &(struct wire_place){.place = 1, .generation = 1}, 0);
    wire_hello_end(out);
}

static void make_hello_host_bare(struct wire_out *out) {
    struct wire_hello hello = hello_of(WIRE_HOST);
    hello.pool = TEXT("p");
    wire_hello_begin(out, &hello, 0, 0);
    wire_hello_end(out);
}

static void make_hello_child(struct wire_out *out) {
    struct wire_hello hello = hello_of(WIRE_CHILD);
    hello.parent = 12;
    hello.place = 3;
    hello.generation = 9;
    hello.started = 70000;
    wire_hello_begin(out, &hello, 0, 0);
    wire_hello_held(out, &(struct wire_held){id_of(1), {5, 6}, WIRE_DONE, TEXT("\x01")});
    wire_hello_held(out, &(struct wire_held){id_of(2), {5, 7}, WIRE_FAILED, {large, sizeof large}});
    wire_hello_end(out);
}

static void make_hello_ok(struct wire_out *out) {
    wire_put_hello_ok(out, &(struct wire_hello_ok){
        .epoch = UINT64_C(1763000000000000000), .version = 1, .store = TEXT("abcdefghijklmnop"),
        .session = 77, .keeps = true, .beat_ms = 2000, .payload_max = WIRE_PAYLOAD_MAX});
}

static void make_session_lost(struct wire_out *out) {
    wire_put_session_lost(out, &(struct wire_session_lost){7, TEXT("abcdefghijklmnop"), false});
}

static void make_refused(struct wire_out *out) {
    wire_put_refused(out, &(struct wire_refused){7, WHERRY_E_PROTOCOL, TEXT("no version 2")});
}

static void make_goodbye(struct wire_out *out) {
    wire_put_plain(out, WIRE_GOODBYE, 0);
}

static void make_beat(struct wire_out *out) {
    wire_put_plain(out, WIRE_BEAT, 0);
}

static void make_drain(struct wire_out *out) {
    wire_put_plain(out, WIRE_DRAIN, 0);
}

static void make_hello_required(struct wire_out *out) {
    wire_put_plain(out, WIRE_HELLO_REQUIRED, 7);
}

static void make_beat_ok(struct wire_out *out) {
    wire_put_plain(out, WIRE_BEAT_OK, 7);
}

/* ---- clients ---- */

static struct wire_submit submit_of(void) {
    return (struct wire_submit){.slot = 1234, .acked = 17, .flags = SUBMIT_WANT_ACK,
                                .queue = TEXT("default"), .function = TEXT("words.count"),
                                .wait_ms = -1};
}

static void make_submit(struct wire_out *out) {
    struct wire_submit head = submit_of();
    wire_submit_begin(out, &head);
    wire_submit_item(out, 18, part_small(), NULL);
    wire_submit_item(out, 19, (struct wire_part){0}, NULL);
    wire_submit_item(out, 70000, part_small(), NULL);
    wire_submit_end(out);
}

static void make_submit_options(struct wire_out *out) {
    struct wire_submit head = submit_of();
    head.options = (struct wire_options){TASK_KEEP, -5, 3, 60000};
    head.wait_ms = 1500;
    struct task_id origin = id_of(5);
    wire_submit_begin(out, &head);
    wire_submit_item(out, 1, part_large(), NULL);
    wire_submit_item(out, 2, part_small(), &origin);
    wire_submit_item(out, 3, part_large(), &origin);
    wire_submit_end(out);
}

static void make_ack(struct wire_out *out) {
    wire_put_ack(out, &(struct wire_ack){.slot = 4095, .acked = 5, .credit = UINT64_MAX}, runs, 3);
}

static void make_cancel(struct wire_out *out) {
    wire_put_cancel(out, 7, runs, 2);
}

static void make_call(struct wire_out *out) {
    struct bytes body = BYTES_EMPTY;
    body_put_id(&body, id_of(8));
    wire_put_call(out, &(struct wire_call){.call = 3, .verb = WIRE_TASK_WAIT, .timeout_ms = -1,
                                           .thread = 2, .body = bytes_span(&body)});
    bytes_free(&body);
}

static void make_renumber(struct wire_out *out) {
    wire_put_renumber(out, 7, 3, (struct wire_renumbering[]){{4, 32773}, {70000, 32774}}, 2);
}

static void make_accepted(struct wire_out *out) {
    wire_put_numbers(out, WIRE_ACCEPTED, 7, 9, runs, 2);
}

static void make_parked(struct wire_out *out) {
    wire_put_numbers(out, WIRE_PARKED, 7, 9, runs, 3);
}

static void make_answered(struct wire_out *out) {
    wire_put_answered(out, &(struct wire_answered){7, 9, 44, WHERRY_E_FULL, TEXT("queue is full")});
}

static void make_result(struct wire_out *out) {
    wire_result_begin(out, 7, 9);
    wire_result_item(out, 1, WIRE_DONE, part_small());
    wire_result_item(out, 2, WIRE_LOST, part_large());
    wire_result_item(out, 300, WIRE_CANCELLED, (struct wire_part){0});
    wire_result_end(out);
}

static void make_answer(struct wire_out *out) {
    wire_put_answer(out, &(struct wire_answer){.epoch = 7, .call = 3},
                    (struct wire_part){.data = "\x90", .size = 1});
}

static void make_answer_large(struct wire_out *out) {
    wire_put_answer(out, &(struct wire_answer){.epoch = 7, .call = 3, .err = WHERRY_E_UNKNOWN,
                                               .text = TEXT("no such id")}, part_large());
}

/* ---- children and hosts ---- */

static void make_credit(struct wire_out *out) {
    wire_put_credit(out, &(struct wire_credit){3, 70000, 4});
}

static void make_results(struct wire_out *out) {
    wire_results_begin(out, UINT64_C(1763000000000000000));
    wire_results_item(out, 5, 100000, WIRE_DONE, part_small());
    wire_results_item(out, UINT32_MAX, UINT64_MAX, WIRE_TRY_AGAIN, part_large());
    wire_results_end(out, (struct wire_credit){3, 70000, 4}, 12345);
}

static void make_deliver(struct wire_out *out) {
    struct wire_deliver head = {.epoch = 7, .generation = 3, .first_slot = UINT32_MAX,
                                .first_counter = 9, .queue = TEXT("default"),
                                .function = TEXT("words.count"),
                                .options = {.max_attempts = 1}};
    wire_deliver_begin(out, &head);
    struct task_id id = id_of(1);
    wire_deliver_item(out, 4, &id, part_small());
    id.number = 2;
    wire_deliver_item(out, 5, &id, part_large());
    wire_deliver_item(out, 6, NULL, part_small());
    id.number = 900;
    wire_deliver_item(out, 7, &id, part_large());
    wire_deliver_end(out);
}

static const struct wire_token_run token_runs[] = {{5, 6, 1}, {7, UINT64_MAX, 1}, {7, 1, 4096}};

static void make_result_ack(struct wire_out *out) {
    wire_put_tokens(out, WIRE_RESULT_ACK, 7, 0, token_runs, 3);
}

static void make_lease_lost(struct wire_out *out) {
    wire_put_tokens(out, WIRE_LEASE_LOST, 7, 3, token_runs, 2);
}

static void make_gate(struct wire_out *out) {
    wire_put_gate(out, &(struct wire_gate){3, 70000, 4});
}

static void make_death(struct wire_out *out) {
    const struct wire_attempt attempts[] = {{id_of(1), {5, 6}, false}, {id_of(2), {5, 7}, true}};
    wire_put_death(out, &(struct wire_death){
        .place = 3, .sequence = 8, .generation = 2, .started = 5, .cause = WIRE_CAUSE_SIGNAL,
        .cause_number = 11, .text = TEXT("Segmentation fault"), .rss_peak_bytes = 1 << 20,
        .pid = 4712}, attempts, 2);
}

static void make_close_gate(struct wire_out *out) {
    wire_put_close_gate(out, &(struct wire_place_note){.epoch = 7, .place = 3});
}

static void make_death_ack(struct wire_out *out) {
    wire_put_death_ack(out, &(struct wire_place_note){.epoch = 7, .place = 3, .sequence = 8});
}

static void make_spawn(struct wire_out *out) {
    wire_put_spawn(out, &(struct wire_place_note){.epoch = 7, .place = 9});
}

static void make_stop(struct wire_out *out) {
    wire_put_stop(out, &(struct wire_place_note){.epoch = 7, .place = 9});
}

static void make_states(struct wire_out *out) {
    wire_states_begin(out);
    wire_states_item(out, &(struct wire_state){9, WIRE_PROCESS_RUNNING, TEXT("Process-1")});
    wire_states_item(out, &(struct wire_state){10, WIRE_PROCESS_WAITING, TEXT("")});
    wire_states_end(out);
}

static void make_signal(struct wire_out *out) {
    wire_put_signal(out, &(struct wire_signal){7, 3, {5, 6}, 15});
}

static void make_leave(struct wire_out *out) {
    wire_put_leave(out, &(struct wire_leave){7, -1});
}

const struct wire_sample wire_samples[] = {
    {"hello_client", WIRE_HELLO, make_hello_client},
    {"hello_host", WIRE_HELLO, make_hello_host},
    {"hello_host_bare", WIRE_HELLO, make_hello_host_bare},
    {"hello_child", WIRE_HELLO, make_hello_child},
    {"hello_ok", WIRE_HELLO_OK, make_hello_ok},
    {"session_lost", WIRE_SESSION_LOST, make_session_lost},
    {"refused", WIRE_REFUSED, make_refused},
    {"goodbye", WIRE_GOODBYE, make_goodbye},
    {"beat", WIRE_BEAT, make_beat},
    {"drain", WIRE_DRAIN, make_drain},
    {"hello_required", WIRE_HELLO_REQUIRED, make_hello_required},
    {"beat_ok", WIRE_BEAT_OK, make_beat_ok},
    {"submit", WIRE_SUBMIT, make_submit},
    {"submit_options", WIRE_SUBMIT, make_submit_options},
    {"ack", WIRE_ACK, make_ack},
    {"cancel", WIRE_CANCEL, make_cancel},
    {"call", WIRE_CALL, make_call},
    {"renumber", WIRE_RENUMBER, make_renumber},
    {"accepted", WIRE_ACCEPTED, make_accepted},
    {"parked", WIRE_PARKED, make_parked},
    {"answered", WIRE_ANSWERED, make_answered},
    {"result", WIRE_RESULT, make_result},
    {"answer", WIRE_ANSWER, make_answer},
    {"answer_large", WIRE_ANSWER, make_answer_large},
    {"credit", WIRE_CREDIT, make_credit},
    {"results", WIRE_RESULTS, make_results},
    {"deliver", WIRE_DELIVER, make_deliver},
    {"result_ack", WIRE_RESULT_ACK, make_result_ack},
    {"lease_lost", WIRE_LEASE_LOST, make_lease_lost},
    {"gate", WIRE_GATE, make_gate},
    {"death", WIRE_DEATH, make_death},
    {"close_gate", WIRE_CLOSE_GATE, make_close_gate},
    {"death_ack", WIRE_DEATH_ACK, make_death_ack},
    {"signal", WIRE_SIGNAL, make_signal},
    {"spawn", WIRE_SPAWN, make_spawn},
    {"stop", WIRE_STOP, make_stop},
    {"states", WIRE_STATES, make_states},
    {"leave", WIRE_LEAVE, make_leave},
};

const size_t wire_sample_count = sizeof wire_samples / sizeof wire_samples[0];
