/* SPDX-License-Identifier: MIT
 *
 * Every message is read back as it was written; the small ones field by field. Batches and hellos
 * have tests of their own. */
#include "testing.h"

#include "wire_samples.h"
#include "wire_walk.h"

#include "common/wire/body.h"
#include "common/wire/pack.h"

static struct wire_out out;

static int out_setup(void **state) {
    (void)state;
    wire_out_init(&out);
    return 0;
}

static int out_teardown(void **state) {
    (void)state;
    wire_out_fini(&out);
    return 0;
}

static void every_sample_is_accepted_with_its_type(void **state) {
    (void)state;
    for (size_t i = 0; i < wire_sample_count; i++) {
        wire_samples[i].make(&out);
        struct wire_message message = wire_out_message(&out);
        enum wire_type type;
        uint64_t sum = 0;
        assert_int_equal(wire_type_of(&message, &type), WHERRY_OK);
        assert_int_equal(type, wire_samples[i].type);
        assert_int_equal(wire_walk(&message, &sum), WHERRY_OK);
    }
}

static void every_known_type_has_a_name(void **state) {
    (void)state;
    for (size_t i = 0; i < wire_sample_count; i++) {
        assert_string_not_equal(wire_type_name(wire_samples[i].type), "unknown");
    }
    assert_string_equal(wire_type_name(WIRE_MOVED), "MOVED");
    assert_string_equal(wire_type_name((enum wire_type)0), "unknown");
    assert_string_equal(wire_type_name((enum wire_type)5000), "unknown");
    assert_string_equal(wire_type_name((enum wire_type)-1), "unknown");
}

static void only_the_broker_says_its_epoch(void **state) {
    (void)state;
    wire_put_plain(&out, WIRE_BEAT_OK, 77);
    struct wire_message message = wire_out_message(&out);
    assert_int_equal(wire_epoch_of(&message), 77);
    wire_put_plain(&out, WIRE_BEAT, 77);
    message = wire_out_message(&out);
    assert_int_equal(wire_epoch_of(&message), 0);
    wire_put_credit(&out, &(struct wire_credit){5, 6, 7});
    message = wire_out_message(&out);
    assert_int_equal(wire_epoch_of(&message), 0);
}

static void hello_ok_comes_back(void **state) {
    (void)state;
    struct wire_hello_ok sent = {.epoch = 1, .version = 2, .features = UINT64_MAX,
                                 .store = SPAN("abcdefghijklmnop"), .session = 4, .keeps = true,
                                 .beat_ms = 5, .payload_max = 6};
    struct wire_hello_ok got;
    wire_put_hello_ok(&out, &sent);
    struct wire_message message = wire_out_message(&out);
    assert_int_equal(wire_get_hello_ok(&message, &got), WHERRY_OK);
    assert_true(got.epoch == 1 && got.version == 2 && got.features == UINT64_MAX);
    assert_true(got.session == 4 && got.keeps && got.beat_ms == 5 && got.payload_max == 6);
    assert_span(got.store, "abcdefghijklmnop");
}

static void session_lost_and_refused_come_back(void **state) {
    (void)state;
    struct wire_session_lost lost;
    wire_put_session_lost(&out, &(struct wire_session_lost){9, SPAN("abcdefghijklmnop"), true});
    struct wire_message message = wire_out_message(&out);
    assert_int_equal(wire_get_session_lost(&message, &lost), WHERRY_OK);
    assert_true(lost.epoch == 9 && lost.keeps);
    struct wire_refused refused;
    wire_put_refused(&out, &(struct wire_refused){9, WHERRY_E_LIMIT, SPAN("too many hosts")});
    message = wire_out_message(&out);
    assert_int_equal(wire_get_refused(&message, &refused), WHERRY_OK);
    assert_true(refused.epoch == 9 && refused.err == WHERRY_E_LIMIT);
    assert_span(refused.text, "too many hosts");
}

static void runs_come_back_in_all_three_messages(void **state) {
    (void)state;
    const struct wire_run runs[] = {{1, 5}, {9, 1}};
    struct wire_ack ack;
    wire_put_ack(&out, &(struct wire_ack){.slot = 8, .acked = 3, .credit = 1000}, runs, 2);
    struct wire_message message = wire_out_message(&out);
    assert_int_equal(wire_get_ack(&message, &ack), WHERRY_OK);
    assert_true(ack.slot == 8 && ack.acked == 3 && ack.credit == 1000 && ack.results.left == 2);
    struct wire_run run;
    assert_true(wire_next_run(&ack.results, &run) && run.first == 1 && run.count == 5);
    assert_true(wire_next_run(&ack.results, &run) && run.first == 9 && run.count == 1);
    assert_false(wire_next_run(&ack.results, &run));
    struct wire_cancel cancel;
    wire_put_cancel(&out, 8, runs, 1);
    message = wire_out_message(&out);
    assert_int_equal(wire_get_cancel(&message, &cancel), WHERRY_OK);
    assert_true(cancel.slot == 8 && cancel.runs.left == 1);
    struct wire_numbers numbers;
    wire_put_numbers(&out, WIRE_ACCEPTED, 5, 8, runs, 0);
    message = wire_out_message(&out);
    assert_int_equal(wire_get_numbers(&message, WIRE_ACCEPTED, &numbers), WHERRY_OK);
    assert_true(numbers.epoch == 5 && numbers.slot == 8 && numbers.runs.left == 0);
    assert_int_equal(wire_get_numbers(&message, WIRE_PARKED, &numbers), WHERRY_E_PROTOCOL);
}

static void renumbering_comes_back_and_knows_no_number_0(void **state) {
    (void)state;
    struct wire_renumbering items[] = {{4, 9}, {6, 10}};
    struct wire_renumber got;
    struct wire_renumbering item;
    wire_put_renumber(&out, 8, 3, items, 2);
    struct wire_message message = wire_out_message(&out);
    assert_int_equal(wire_get_renumber(&message, &got), WHERRY_OK);
    assert_true(got.slot == 8 && got.acked == 3 && got.items.left == 2);
    for (int i = 0; i < 2; i++) {
        assert_true(wire_next_renumbering(&got.items, &item));
        assert_true(item.from == items[i].from && item.to == items[i].to);
    }
    assert_false(wire_next_renumbering(&got.items, &item));
    items[1].to = 0;
    wire_put_renumber(&out, 8, 3, items, 2);
    message = wire_out_message(&out);
    assert_int_equal(wire_get_renumber(&message, &got), WHERRY_E_PROTOCOL);
}

static void call_and_answer_come_back(void **state) {
    (void)state;
    struct wire_call call;
    wire_put_call(&out, &(struct wire_call){.call = 1, .verb = 600, .timeout_ms = 250, .thread = 3,
                                            .body = SPAN("\x90")});
    struct wire_message message = wire_out_message(&out);
    assert_int_equal(wire_get_call(&message, &call), WHERRY_OK);
    assert_true(call.call == 1 && call.verb == 600 && call.timeout_ms == 250 && call.thread == 3);
    assert_span(call.body, "\x90");
    struct wire_answer answer;
    wire_put_answer(&out, &(struct wire_answer){.epoch = 4, .call = 1, .err = 10,
                                                .text = SPAN("never seen")},
                    (struct wire_part){.data = "\xc0", .size = 1});
    message = wire_out_message(&out);
    assert_int_equal(wire_get_answer(&message, &answer), WHERRY_OK);
    assert_true(answer.epoch == 4 && answer.call == 1 && answer.err == 10 && answer.frame == 0);
    assert_span(answer.text, "never seen");
    assert_span(answer.body, "\xc0");
}

static void answered_comes_back(void **state) {
    (void)state;
    struct wire_answered got;
    wire_put_answered(&out, &(struct wire_answered){4, 5, 6, WHERRY_E_RETRY, {0}});
    struct wire_message message = wire_out_message(&out);
    assert_int_equal(wire_get_answered(&message, &got), WHERRY_OK);
    assert_true(got.epoch == 4 && got.slot == 5 && got.number == 6 && got.err == WHERRY_E_RETRY);
    assert_int_equal(got.text.size, 0);
}

static void credit_and_gate_come_back(void **state) {
    (void)state;
    struct wire_credit credit;
    wire_put_credit(&out, &(struct wire_credit){UINT32_MAX, 2, 3});
    struct wire_message message = wire_out_message(&out);
    assert_int_equal(wire_get_credit(&message, &credit), WHERRY_OK);
    assert_true(credit.generation == UINT32_MAX && credit.up_to == 2 && credit.started == 3);
    struct wire_gate gate;
    wire_put_gate(&out, &(struct wire_gate){1, 2, UINT32_MAX});
    message = wire_out_message(&out);
    assert_int_equal(wire_get_gate(&message, &gate), WHERRY_OK);
    assert_true(gate.place == 1 && gate.generation == 2 && gate.started == UINT32_MAX);
}

static void death_comes_back(void **state) {
    (void)state;
    struct wire_attempt attempt = {{.session = 5}, {6, 7}, true};
    attempt.id.number = 8;
    struct wire_death got;
    wire_put_death(&out, &(struct wire_death){
        .place = 1, .sequence = 2, .generation = 3, .started = 4, .cause = WIRE_CAUSE_EXIT,
        .cause_number = -6, .text = SPAN("last words"), .rss_peak_bytes = 7, .pid = 8},
        &attempt, 1);
    struct wire_message message = wire_out_message(&out);
    assert_int_equal(wire_get_death(&message, &got), WHERRY_OK);
    assert_true(got.place == 1 && got.sequence == 2 && got.generation == 3 && got.started == 4);
    assert_true(got.cause == WIRE_CAUSE_EXIT && got.cause_number == -6 && got.pid == 8);
    assert_true(got.rss_peak_bytes == 7);
    assert_span(got.text, "last words");
    struct wire_attempt read;
    assert_true(wire_next_attempt(&got.attempts, &read));
    assert_true(task_id_equal(read.id, attempt.id) && token_equal(read.token, attempt.token));
    assert_true(read.answered);
    assert_false(wire_next_attempt(&got.attempts, &read));
}

static void tokens_come_back_with_and_without_place(void **state) {
    (void)state;
    const struct wire_token_run runs[] = {{1, 2, 3}, {4, 5, 6}};
    struct wire_tokens got;
    wire_put_tokens(&out, WIRE_LEASE_LOST, 9, 7, runs, 2);
    struct wire_message message = wire_out_message(&out);
    assert_int_equal(wire_get_tokens(&message, &got), WHERRY_OK);
    assert_true(got.epoch == 9 && got.place == 7 && got.runs.left == 2);
    struct wire_token_run run;
    assert_true(wire_next_token_run(&got.runs, &run));
    assert_true(run.epoch == 1 && run.first == 2 && run.count == 3);
    wire_put_tokens(&out, WIRE_RESULT_ACK, 9, 0, runs, 1);
    message = wire_out_message(&out);
    assert_int_equal(wire_get_tokens(&message, &got), WHERRY_OK);
    assert_true(got.epoch == 9 && got.place == 0 && got.runs.left == 1);
}

static void notes_and_signals_come_back(void **state) {
    (void)state;
    struct wire_place_note note;
    wire_put_close_gate(&out, &(struct wire_place_note){.epoch = 1, .place = 2});
    struct wire_message message = wire_out_message(&out);
    assert_int_equal(wire_get_close_gate(&message, &note), WHERRY_OK);
    assert_true(note.epoch == 1 && note.place == 2);
    assert_int_equal(wire_get_death_ack(&message, &note), WHERRY_E_PROTOCOL);
    wire_put_death_ack(&out, &(struct wire_place_note){1, 2, 3});
    message = wire_out_message(&out);
    assert_int_equal(wire_get_death_ack(&message, &note), WHERRY_OK);
    assert_true(note.epoch == 1 && note.place == 2 && note.sequence == 3);
    struct wire_signal got;
    wire_put_signal(&out, &(struct wire_signal){1, 2, {3, 4}, 9});
    message = wire_out_message(&out);
    assert_int_equal(wire_get_signal(&message, &got), WHERRY_OK);
    assert_true(got.epoch == 1 && got.place == 2 && got.token.epoch == 3 &&
                got.token.counter == 4 && got.signal == 9);
}

static void a_failure_comes_back(void **state) {
    (void)state;
    struct bytes bytes = BYTES_EMPTY;
    struct wire_failure got;
    wire_put_failure(&bytes, &(struct wire_failure){WHERRY_E_TASK_FAILED, SPAN("division by zero"),
                                                    WIRE_CAUSE_EXIT, -3, SPAN("host7"), 99, -1});
    assert_int_equal(wire_get_failure(bytes_span(&bytes), &got), WHERRY_OK);
    assert_true(got.code == WHERRY_E_TASK_FAILED && got.cause == WIRE_CAUSE_EXIT);
    assert_true(got.cause_number == -3 && got.pid == 99 && got.retry_ms == -1);
    assert_span(got.text, "division by zero");
    assert_span(got.host, "host7");
    bytes.size--;
    assert_int_equal(wire_get_failure(bytes_span(&bytes), &got), WHERRY_E_PROTOCOL);
    bytes_free(&bytes);
}

static void a_long_text_is_cut_between_characters(void **state) {
    (void)state;
    char text[WIRE_TEXT_MAX + 10];
    memset(text, 'x', sizeof text);
    memcpy(text + WIRE_TEXT_MAX - 1, "\xe2\x82\xac", 3); /* a euro sign across the bound */
    struct bytes bytes = BYTES_EMPTY;
    struct wire_failure got;
    wire_put_failure(&bytes, &(struct wire_failure){.text = {(uint8_t *)text, sizeof text}});
    assert_int_equal(wire_get_failure(bytes_span(&bytes), &got), WHERRY_OK);
    assert_int_equal(got.text.size, WIRE_TEXT_MAX - 1);
    bytes_clear(&bytes);
    memset(text, 0x80, sizeof text); /* no UTF-8 at all: cut where it is */
    wire_put_failure(&bytes, &(struct wire_failure){.text = {(uint8_t *)text, sizeof text}});
    assert_int_equal(wire_get_failure(bytes_span(&bytes), &got), WHERRY_OK);
    assert_int_equal(got.text.size, WIRE_TEXT_MAX);
    bytes_free(&bytes);
}

static void bodies_of_calls_come_back(void **state) {
    (void)state;
    struct bytes bytes = BYTES_EMPTY;
    struct task_id id = {.session = 5};
    struct task_id got_id;
    id.number = 6;
    body_put_id(&bytes, id);
    assert_int_equal(body_get_id(bytes_span(&bytes), &got_id), WHERRY_OK);
    assert_true(task_id_equal(id, got_id));
    bytes_clear(&bytes);
    struct span name;
    body_put_name(&bytes, SPAN("default"));
    assert_int_equal(body_get_name(bytes_span(&bytes), &name), WHERRY_OK);
    assert_span(name, "default");
    bytes_clear(&bytes);
    struct body_queue queue;
    body_put_queue(&bytes, &(struct body_queue){SPAN("q"), 7, 8});
    assert_int_equal(body_get_queue(bytes_span(&bytes), &queue), WHERRY_OK);
    assert_true(queue.items_max == 7 && queue.bytes_max == 8);
    assert_int_equal(body_get_id(bytes_span(&bytes), &got_id), WHERRY_E_PROTOCOL);
    bytes_clear(&bytes);
    struct body_pause pause;
    body_put_pause(&bytes, &(struct body_pause){SPAN("q"), WIRE_PAUSE_OUT, WIRE_PAUSE_IN});
    assert_int_equal(body_get_pause(bytes_span(&bytes), &pause), WHERRY_OK);
    assert_span(pause.name, "q");
    assert_true(pause.pause == WIRE_PAUSE_OUT && pause.resume == WIRE_PAUSE_IN);
    bytes_clear(&bytes);
    struct body_drain drain;
    body_put_drain(&bytes, &(struct body_drain){SPAN("0123456789abcdef"), -1});
    assert_int_equal(body_get_drain(bytes_span(&bytes), &drain), WHERRY_OK);
    assert_span(drain.host, "0123456789abcdef");
    assert_int_equal(drain.grace_ms, -1);
    bytes_free(&bytes);
}

static void bodies_of_answers_come_back(void **state) {
    (void)state;
    struct bytes bytes = BYTES_EMPTY;
    struct body_outcome outcome;
    body_put_outcome(&bytes, &(struct body_outcome){WIRE_FAILED, SPAN("\xc0")});
    assert_int_equal(body_get_outcome(bytes_span(&bytes), &outcome), WHERRY_OK);
    assert_int_equal(outcome.status, WIRE_FAILED);
    assert_span(outcome.payload, "\xc0");
    bytes_clear(&bytes);
    struct span text;
    body_put_text(&bytes, SPAN("no worker offers f"));
    assert_int_equal(body_get_text(bytes_span(&bytes), &text), WHERRY_OK);
    assert_span(text, "no worker offers f");
    bytes_clear(&bytes);
    uint64_t number;
    body_put_number(&bytes, 17);
    assert_int_equal(body_get_number(bytes_span(&bytes), &number), WHERRY_OK);
    assert_int_equal(number, 17);
    bytes_clear(&bytes);
    body_put_empty(&bytes);
    assert_int_equal(bytes.size, 1);
    assert_int_equal(body_get_text(bytes_span(&bytes), &text), WHERRY_E_PROTOCOL);
    bytes_free(&bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_sample_is_accepted_with_its_type),
        cmocka_unit_test(every_known_type_has_a_name),
        cmocka_unit_test(only_the_broker_says_its_epoch),
        cmocka_unit_test(hello_ok_comes_back),
        cmocka_unit_test(session_lost_and_refused_come_back),
        cmocka_unit_test(runs_come_back_in_all_three_messages),
        cmocka_unit_test(renumbering_comes_back_and_knows_no_number_0),
        cmocka_unit_test(call_and_answer_come_back),
        cmocka_unit_test(answered_comes_back),
        cmocka_unit_test(credit_and_gate_come_back),
        cmocka_unit_test(death_comes_back),
        cmocka_unit_test(tokens_come_back_with_and_without_place),
        cmocka_unit_test(notes_and_signals_come_back),
        cmocka_unit_test(a_failure_comes_back),
        cmocka_unit_test(a_long_text_is_cut_between_characters),
        cmocka_unit_test(bodies_of_calls_come_back),
        cmocka_unit_test(bodies_of_answers_come_back),
    };
    return cmocka_run_group_tests(tests, out_setup, out_teardown);
}
