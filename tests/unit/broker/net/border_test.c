/* SPDX-License-Identifier: MIT
 *
 * The border: bytes into events, effects into bytes. */
#include "broker/net/border.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

enum { EPOCH = 77, ROUTE = 5, LARGE = 100000 };

/* A border, and what it sent, decoded one by one by the checks of the test. */
struct fixture {
    struct payload_store *store;
    struct border *border;
    struct wire_out out;    /* what a peer says */
    struct event event;
    void (*check)(struct fixture *fixture, const struct wire_message *message);
    size_t sent;
    uint64_t last_number;
    uint32_t next_slot;
    uint64_t next_counter;
    size_t taken; /* frames */
};

static int border_setup(void **state) {
    struct fixture *fixture = calloc(1, sizeof *fixture);
    fixture->store = payload_store_create();
    fixture->border = border_create(
        &(struct border_config){.epoch = EPOCH, .store = fixture->store});
    wire_out_init(&fixture->out);
    *state = fixture;
    return 0;
}

static int border_teardown(void **state) {
    struct fixture *fixture = *state;
    struct payload_sums sums;
    payload_sums(fixture->store, &sums);
    assert_int_equal(sums.count, 0); /* every test gives back what it took */
    wire_out_fini(&fixture->out);
    border_destroy(&fixture->border);
    payload_store_destroy(&fixture->store);
    free(fixture);
    return 0;
}

static void free_memory(void *data, void *hint) {
    (void)hint;
    free(data);
}

/* A frame's owner, as a socket would give it: here a copy, to see that it is asked for. */
static struct payload_owner take_frame(void *context, size_t frame) {
    struct fixture *fixture = context;
    struct wire_message message = wire_out_message(&fixture->out);
    struct span bytes = message.frames[frame];
    void *memory = malloc(bytes.size);
    memcpy(memory, bytes.data, bytes.size);
    fixture->taken++;
    return (struct payload_owner){memory, bytes.size, free_memory, NULL};
}

static wherry_err decode_out(struct fixture *fixture) {
    struct wire_message message = wire_out_message(&fixture->out);
    memset(&fixture->event, 0, sizeof fixture->event);
    return border_decode(fixture->border, ROUTE, &message, take_frame, fixture, &fixture->event);
}

static void submit_begin(struct fixture *fixture) {
    wire_submit_begin(&fixture->out, &(struct wire_submit){
                                         .slot = 12,
                                         .acked = 3,
                                         .flags = SUBMIT_WANT_ACK,
                                         .queue = span_of_text("jobs"),
                                         .function = span_of_text("count"),
                                         .options = {.flags = TASK_KEEP, .priority = -4},
                                         .wait_ms = -1,
                                     });
}

static struct wire_part part_of_text(const char *text) {
    return (struct wire_part){.data = text, .size = strlen(text)};
}

/* ---- in -------------------------------------------------------------------------------------- */

static void submit_becomes_an_event_with_its_payloads_stored(void **state) {
    struct fixture *fixture = *state;
    struct task_id origin = {.session = 9, .slot = 12, .number = 4};
    submit_begin(fixture);
    wire_submit_item(&fixture->out, 1, part_of_text("one"), NULL);
    wire_submit_item(&fixture->out, 2, part_of_text("two"), &origin);
    wire_submit_end(&fixture->out);
    assert_int_equal(decode_out(fixture), WHERRY_OK);
    const struct event_submit *submit = &fixture->event.submit;
    assert_int_equal(fixture->event.kind, EVENT_SUBMIT);
    assert_int_equal(fixture->event.route, ROUTE);
    assert_int_equal(submit->slot, 12);
    assert_int_equal(submit->acked, 3);
    assert_true(submit->want_ack);
    assert_int_equal(submit->options.priority, -4);
    assert_int_equal(submit->wait_ms, -1);
    assert_int_equal(submit->item_count, 2);
    assert_true(span_equal(payload_span(fixture->store, submit->items[0].payload),
                           span_of_text("one")));
    assert_true(submit->items[1].has_origin);
    assert_true(task_id_equal(submit->items[1].origin, origin));
    border_drop(fixture->border, &fixture->event);
}

static void a_large_payload_is_taken_as_its_frame(void **state) {
    struct fixture *fixture = *state;
    uint8_t *large = calloc(1, LARGE);
    submit_begin(fixture);
    wire_submit_item(&fixture->out, 1, part_of_text("small"), NULL);
    wire_submit_item(&fixture->out, 2, (struct wire_part){.data = large, .size = LARGE}, NULL);
    wire_submit_end(&fixture->out);
    assert_int_equal(decode_out(fixture), WHERRY_OK);
    assert_int_equal(fixture->taken, 1);
    assert_int_equal(fixture->event.submit.items[1].payload.size, LARGE);
    border_drop(fixture->border, &fixture->event);
    free(large);
}

static void no_truncation_of_a_submit_is_accepted_or_leaks(void **state) {
    struct fixture *fixture = *state;
    submit_begin(fixture);
    wire_submit_item(&fixture->out, 1, part_of_text("one"), NULL);
    wire_submit_item(&fixture->out, 2, part_of_text("two"), NULL);
    wire_submit_end(&fixture->out);
    size_t size = fixture->out.body.size;
    for (fixture->out.body.size = 0; fixture->out.body.size < size; fixture->out.body.size++) {
        assert_int_equal(decode_out(fixture), WHERRY_E_PROTOCOL);
        assert_true(border_refusal(fixture->border).size > 0);
    }
    assert_int_equal(border_counts(fixture->border)->refused, size);
}

static void no_flipped_byte_of_a_submit_leaks(void **state) {
    struct fixture *fixture = *state;
    submit_begin(fixture);
    wire_submit_item(&fixture->out, 1, part_of_text("one"), NULL);
    wire_submit_end(&fixture->out);
    for (size_t at = 0; at < fixture->out.body.size; at++) {
        for (unsigned flip = 1; flip < 256; flip++) {
            fixture->out.body.data[at] ^= (uint8_t)flip;
            if (decode_out(fixture) == WHERRY_OK) {
                border_drop(fixture->border, &fixture->event);
            }
            fixture->out.body.data[at] ^= (uint8_t)flip;
        }
    }
}

static void messages_that_only_a_broker_sends_are_refused(void **state) {
    struct fixture *fixture = *state;
    wire_put_plain(&fixture->out, WIRE_BEAT_OK, EPOCH);
    assert_int_equal(decode_out(fixture), WHERRY_E_PROTOCOL);
    wire_out_clear(&fixture->out);
    wire_put_close_gate(&fixture->out, &(struct wire_place_note){.epoch = EPOCH, .place = 1});
    assert_int_equal(decode_out(fixture), WHERRY_E_PROTOCOL);
}

static void a_result_that_asks_to_try_again_says_when(void **state) {
    struct fixture *fixture = *state;
    struct bytes failure = BYTES_EMPTY;
    wire_put_failure(&failure, &(struct wire_failure){.text = span_of_text("busy"),
                                                      .retry_ms = 4000});
    wire_results_begin(&fixture->out, EPOCH);
    wire_results_item(&fixture->out, 7, 70, WIRE_DONE, part_of_text("x"));
    wire_results_item(&fixture->out, 8, 71, WIRE_TRY_AGAIN,
                      (struct wire_part){.data = failure.data, .size = failure.size});
    wire_results_end(&fixture->out, (struct wire_credit){2, 30, 20}, 99);
    assert_int_equal(decode_out(fixture), WHERRY_OK);
    const struct event_results *results = &fixture->event.results;
    assert_int_equal(results->epoch, EPOCH);
    assert_int_equal(results->credit.up_to, 30);
    assert_int_equal(results->busy_us, 99);
    assert_int_equal(results->item_count, 2);
    assert_int_equal(results->items[0].counter, 70);
    assert_int_equal(results->items[1].retry_ms, 4000);
    border_drop(fixture->border, &fixture->event);
    bytes_free(&failure);
}

static void a_result_of_unknown_status_is_refused_and_nothing_kept(void **state) {
    struct fixture *fixture = *state;
    wire_results_begin(&fixture->out, EPOCH);
    wire_results_item(&fixture->out, 7, 70, WIRE_DONE, part_of_text("kept for a moment"));
    wire_results_item(&fixture->out, 8, 71, 99, part_of_text("y"));
    wire_results_end(&fixture->out, (struct wire_credit){2, 30, 20}, 99);
    assert_int_equal(decode_out(fixture), WHERRY_E_PROTOCOL);
}

static void a_host_hello_keeps_each_place_with_its_attempts(void **state) {
    struct fixture *fixture = *state;
    uint8_t secret[WIRE_SECRET_SIZE] = {1, 2, 3};
    struct wire_hello hello = {
        .peer = WIRE_HOST,
        .version_min = 1,
        .version_max = 1,
        .session = 42,
        .secret = {secret, sizeof secret},
        .label = span_of_text("host"),
        .pool = span_of_text("default"),
        .processes = 2,
    };
    wire_hello_begin(&fixture->out, &hello, 2, 2);
    wire_hello_function(&fixture->out, span_of_text("count"));
    wire_hello_function(&fixture->out, span_of_text("sum"));
    wire_hello_place(&fixture->out, &(struct wire_place){.place = 0, .alive = true}, 1);
    wire_hello_attempt(&fixture->out, &(struct wire_attempt){.id = {.session = 1, .number = 2},
                                                             .token = {3, 4}});
    wire_hello_place(&fixture->out, &(struct wire_place){.place = 1, .generation = 5}, 2);
    wire_hello_attempt(&fixture->out, &(struct wire_attempt){.token = {3, 5}});
    wire_hello_attempt(&fixture->out, &(struct wire_attempt){.token = {3, 6}, .answered = true});
    wire_hello_end(&fixture->out);
    assert_int_equal(decode_out(fixture), WHERRY_OK);
    const struct event_hello *event = &fixture->event.hello;
    assert_int_equal(event->function_count, 2);
    assert_true(span_equal(event->functions[1], span_of_text("sum")));
    assert_int_equal(event->place_count, 2);
    assert_int_equal(event->places[0].attempts[0].token.counter, 4);
    assert_int_equal(event->places[1].attempt_count, 2);
    assert_true(event->places[1].attempts[1].answered);
}

static void a_call_with_a_bad_body_becomes_an_unknown_verb(void **state) {
    struct fixture *fixture = *state;
    wire_put_call(&fixture->out, &(struct wire_call){.call = 8,
                                                     .verb = WIRE_TASK_WAIT,
                                                     .timeout_ms = -1,
                                                     .body = {(const uint8_t *)"\x91\x05", 2}});
    assert_int_equal(decode_out(fixture), WHERRY_OK);
    assert_int_equal(fixture->event.call.call, 8);
    assert_int_equal(fixture->event.call.verb, 0);
}

static void queue_set_is_read(void **state) {
    struct fixture *fixture = *state;
    static const uint8_t body[] = {0x93, 0xa4, 'j', 'o', 'b', 's', 0x0a, 0xcd, 0x01, 0x00};
    struct wire_call call = {.call = 1, .verb = WIRE_QUEUE_SET, .body = {body, sizeof body}};
    wire_put_call(&fixture->out, &call);
    assert_int_equal(decode_out(fixture), WHERRY_OK);
    assert_true(span_equal(fixture->event.call.name, span_of_text("jobs")));
    assert_int_equal(fixture->event.call.items_max, 10);
    assert_int_equal(fixture->event.call.bytes_max, 256);
}

static void queue_pause_is_read(void **state) {
    struct fixture *fixture = *state;
    static const uint8_t body[] = {0x93, 0xa1, 'q', 0x01, 0x06};
    struct wire_call call = {.call = 1, .verb = WIRE_QUEUE_PAUSE, .body = {body, sizeof body}};
    wire_put_call(&fixture->out, &call);
    assert_int_equal(decode_out(fixture), WHERRY_OK);
    assert_true(span_equal(fixture->event.call.name, span_of_text("q")));
    assert_int_equal(fixture->event.call.pause, WIRE_PAUSE_OUT);
    assert_int_equal(fixture->event.call.resume, WIRE_PAUSE_IN | WIRE_PAUSE_REFUSE);
    call.body.size--;
    wire_out_clear(&fixture->out);
    wire_put_call(&fixture->out, &call);
    assert_int_equal(decode_out(fixture), WHERRY_E_PROTOCOL); /* no list at all */
}

/* ---- out ------------------------------------------------------------------------------------- */

static void send_checked(void *context, route_id route, struct wire_out *out) {
    struct fixture *fixture = context;
    struct wire_message message = wire_out_message(out);
    assert_int_equal(route, ROUTE);
    fixture->sent++;
    fixture->check(fixture, &message);
    border_release(out);
}

static void check_results(struct fixture *fixture, const struct wire_message *message) {
    struct wire_result result;
    struct wire_result_item item;
    assert_true(message->frames[0].size <= WIRE_BATCH_MAX + 1024);
    assert_int_equal(wire_get_result(message, &result), WHERRY_OK);
    assert_int_equal(result.epoch, EPOCH);
    assert_int_equal(result.slot, 12);
    while (wire_next_result(&result.items, &item)) {
        assert_int_equal(item.number, ++fixture->last_number);
    }
}

static void results_in_many_batches_arrive_each_once_in_order(void **state) {
    struct fixture *fixture = *state;
    enum { COUNT = 5000 };
    uint8_t bytes[200] = {0};
    struct effect_result_item *items = calloc(COUNT, sizeof *items);
    for (uint32_t i = 0; i < COUNT; i++) {
        items[i] = (struct effect_result_item){
            .number = i + 1, .payload = payload_copy(fixture->store, (struct span){bytes, 200})};
    }
    fixture->check = check_results;
    struct effect effect = {.kind = EFFECT_RESULT,
                            .route = ROUTE,
                            .result = {.slot = 12, .items = items, .item_count = COUNT}};
    assert_true(border_encode(fixture->border, &effect, send_checked, fixture));
    assert_int_equal(fixture->last_number, COUNT);
    assert_int_equal(fixture->sent, 1 + COUNT * 209 / WIRE_BATCH_MAX);
    for (uint32_t i = 0; i < COUNT; i++) {
        payload_free(fixture->store, items[i].payload.handle);
    }
    free(items);
}

static void check_deliveries(struct fixture *fixture, const struct wire_message *message) {
    struct wire_deliver deliver;
    struct wire_deliver_item item = {0};
    assert_int_equal(wire_get_deliver(message, &deliver), WHERRY_OK);
    assert_int_equal(deliver.first_slot, fixture->next_slot);
    assert_int_equal(deliver.first_counter, fixture->next_counter);
    assert_true(span_equal(deliver.function, span_of_text("count")));
    while (wire_next_deliver(&deliver.items, &item)) {
        assert_int_equal(item.payload.size, LARGE);
        assert_int_equal(item.id.number, item.index * (item.index % 7 == 0 ? 3u : 1u) + 1);
        fixture->next_slot++;
        fixture->next_counter++;
    }
}

static void deliveries_of_large_payloads_go_as_frames_and_outlive_their_handles(void **state) {
    struct fixture *fixture = *state;
    enum { COUNT = 150 };
    uint8_t *bytes = calloc(1, LARGE);
    struct effect_deliver_item items[COUNT];
    for (uint32_t i = 0; i < COUNT; i++) {
        items[i] = (struct effect_deliver_item){
            .index = i,
            .id = {.session = 4, .slot = 1, .number = i * (i % 7 == 0 ? 3u : 1u) + 1},
            .payload = payload_copy(fixture->store, (struct span){bytes, LARGE})};
    }
    fixture->check = check_deliveries;
    fixture->next_slot = UINT32_MAX - 5; /* numbers wrap */
    fixture->next_counter = 900;
    struct effect effect = {.kind = EFFECT_DELIVER,
                            .route = ROUTE,
                            .deliver = {.generation = 3,
                                        .first_slot = UINT32_MAX - 5,
                                        .first_counter = 900,
                                        .queue = span_of_text("jobs"),
                                        .function = span_of_text("count"),
                                        .items = items,
                                        .item_count = COUNT}};
    assert_true(border_encode(fixture->border, &effect, send_checked, fixture));
    assert_true(fixture->sent >= 2);
    assert_int_equal(fixture->next_counter, 900 + COUNT);
    for (uint32_t i = 0; i < COUNT; i++) {
        struct effect done = {.kind = EFFECT_PAYLOAD_FREE, .payload = items[i].payload.handle};
        assert_true(border_encode(fixture->border, &done, send_checked, fixture));
    }
    free(bytes);
}

static void check_outcome(struct fixture *fixture, const struct wire_message *message) {
    struct wire_answer answer;
    (void)fixture;
    assert_int_equal(wire_get_answer(message, &answer), WHERRY_OK);
    assert_int_equal(answer.call, 31);
    assert_int_equal(answer.body.data[0], 0x92); /* [status, payload] */
    assert_int_equal(answer.body.data[1], WIRE_FAILED);
}

static void the_outcome_of_a_task_answers_a_call(void **state) {
    struct fixture *fixture = *state;
    uint8_t *bytes = calloc(1, LARGE);
    fixture->check = check_outcome;
    for (size_t size = 10; size <= LARGE; size += LARGE - 10) {
        struct payload payload = payload_copy(fixture->store, (struct span){bytes, size});
        struct effect effect = {
            .kind = EFFECT_ANSWER,
            .route = ROUTE,
            .answer = {.call = 31, .status = WIRE_FAILED, .payload = payload, .has_outcome = true}};
        assert_true(border_encode(fixture->border, &effect, send_checked, fixture));
        payload_free(fixture->store, payload.handle);
    }
    free(bytes);
    assert_int_equal(fixture->sent, 2);
}

static void check_any(struct fixture *fixture, const struct wire_message *message) {
    enum wire_type type;
    (void)fixture;
    assert_int_equal(wire_type_of(message, &type), WHERRY_OK);
    assert_int_equal(wire_epoch_of(message), EPOCH);
}

static void every_note_of_the_broker_is_well_formed(void **state) {
    struct fixture *fixture = *state;
    static const uint8_t uuid[16] = {1};
    const struct wire_run run = {1, 2};
    const struct wire_token_run token = {EPOCH, 1, 2};
    const struct effect effects[] = {
        {.kind = EFFECT_HELLO_OK, .hello_ok = {.version = 1, .store = {uuid, 16}}},
        {.kind = EFFECT_HELLO_REQUIRED},
        {.kind = EFFECT_SESSION_LOST, .session_lost = {.store = {uuid, 16}}},
        {.kind = EFFECT_REFUSED, .refused = {WHERRY_E_REFUSED, span_of_text("no")}},
        {.kind = EFFECT_BEAT_OK},
        {.kind = EFFECT_ACCEPTED, .numbers = {3, &run, 1}},
        {.kind = EFFECT_PARKED, .numbers = {3, &run, 1}},
        {.kind = EFFECT_ANSWERED, .answered = {3, 4, WHERRY_E_FULL, span_of_text("full")}},
        {.kind = EFFECT_RESULT_ACK, .tokens = {0, &token, 1}},
        {.kind = EFFECT_CLOSE_GATE, .place_note = {3, 0}},
        {.kind = EFFECT_LEASE_LOST, .tokens = {2, &token, 1}},
        {.kind = EFFECT_DEATH_ACK, .place_note = {3, 9}},
        {.kind = EFFECT_SIGNAL, .signal = {3, {EPOCH, 2}, 15}},
        {.kind = EFFECT_SPAWN, .place_note = {.place = 9}},
        {.kind = EFFECT_STOP, .place_note = {.place = 9}},
        {.kind = EFFECT_LEAVE, .leave_grace_ms = -1},
    };
    fixture->check = check_any;
    for (size_t i = 0; i < sizeof effects / sizeof *effects; i++) {
        struct effect effect = effects[i];
        effect.route = ROUTE;
        assert_true(border_encode(fixture->border, &effect, send_checked, fixture));
        assert_int_equal(fixture->sent, i + 1);
    }
}

static void what_is_the_shells_is_left_to_it(void **state) {
    struct fixture *fixture = *state;
    static const enum effect_kind kinds[] = {EFFECT_CLOSE_ROUTE, EFFECT_PUT, EFFECT_DELETE,
                                             EFFECT_COMMIT, EFFECT_LOG};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct effect effect = {.kind = kinds[i], .route = ROUTE};
        assert_false(border_encode(fixture->border, &effect, send_checked, fixture));
    }
}

#define BORDER_TEST(name) cmocka_unit_test_setup_teardown(name, border_setup, border_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        BORDER_TEST(submit_becomes_an_event_with_its_payloads_stored),
        BORDER_TEST(a_large_payload_is_taken_as_its_frame),
        BORDER_TEST(no_truncation_of_a_submit_is_accepted_or_leaks),
        BORDER_TEST(no_flipped_byte_of_a_submit_leaks),
        BORDER_TEST(messages_that_only_a_broker_sends_are_refused),
        BORDER_TEST(a_result_that_asks_to_try_again_says_when),
        BORDER_TEST(a_result_of_unknown_status_is_refused_and_nothing_kept),
        BORDER_TEST(a_host_hello_keeps_each_place_with_its_attempts),
        BORDER_TEST(a_call_with_a_bad_body_becomes_an_unknown_verb),
        BORDER_TEST(queue_set_is_read),
        BORDER_TEST(queue_pause_is_read),
        BORDER_TEST(results_in_many_batches_arrive_each_once_in_order),
        BORDER_TEST(deliveries_of_large_payloads_go_as_frames_and_outlive_their_handles),
        BORDER_TEST(the_outcome_of_a_task_answers_a_call),
        BORDER_TEST(every_note_of_the_broker_is_well_formed),
        BORDER_TEST(what_is_the_shells_is_left_to_it),
    };
    return cmocka_run_group_tests_name("border", tests, NULL, NULL);
}
