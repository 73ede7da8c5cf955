/* SPDX-License-Identifier: MIT
 *
 * The persist barrier with a store that keeps (rules §1). */
#include "broker/core/coder.h"
#include "tests/unit/broker/core/bench.h"

#include <string.h>

static struct bench *open_durable(void) {
    struct bench *bench = bench_open(DURABLE);
    bench_client(bench, 1);
    bench_worker(bench, 10, "f");
    return bench;
}

static void nothing_is_told_before_it_is_committed(void **state) {
    (void)state;
    struct bench *bench = open_durable();
    bench_submit_with(
        bench, 1,
        &(struct bench_submit){.function = "f", .first = 1, .count = 1, .want_ack = true});
    bench_expect(bench, "COMMIT 4\n");
    bench_commit(bench);
    bench_expect(bench, "1 ACCEPTED 1+1\n11 DELIVER f g1 s1 c1: 1.1\n");
    bench_done(bench, 11, 1, 1);
    bench_expect(bench, "COMMIT 5\n");
    bench_commit(bench);
    bench_expect(bench, "11 RESULT_ACK 100.1+1\n1 RESULT 1=0\n");
    assert_int_equal(bench_stored(bench, RECORD_TASK), 1);
    bench_ack(bench, 1, 1, 1, 1);
    bench_commit(bench);
    assert_int_equal(bench_stored(bench, RECORD_TASK), 0);
    bench_close(bench);
}

static void a_repeated_request_waits_for_its_batch(void **state) {
    (void)state;
    struct bench *bench = open_durable();
    bench_submit(bench, 1, "f", 1, 1);
    bench_forget(bench);
    bench_submit(bench, 1, "f", 1, 1);
    bench_expect(bench, "");
    bench_commit(bench);
    bench_expect(bench, "11 DELIVER f g1 s1 c1: 1.1\n1 ACCEPTED 1+1\n");
    bench_close(bench);
}

static void what_comes_during_a_commit_goes_into_the_next_batch(void **state) {
    (void)state;
    struct bench *bench = open_durable();
    struct bench_submit submit = {.function = "f", .first = 1, .count = 1, .want_ack = true};
    bench_submit_with(bench, 1, &submit);
    submit.first = 2;
    bench_submit_with(bench, 1, &submit);
    submit.first = 3;
    bench_submit_with(bench, 1, &submit);
    bench_expect(bench, "COMMIT 4\n");
    bench_commit(bench);
    bench_expect(bench, "1 ACCEPTED 1+1\n11 DELIVER f g1 s1 c1: 1.1\nCOMMIT 5\n");
    bench_commit(bench);
    bench_expect(bench, "1 ACCEPTED 2+1\n1 ACCEPTED 3+1\n");
    bench_close(bench);
}

static void hello_and_beats_wait_for_nothing_but_a_new_session_does(void **state) {
    (void)state;
    struct bench *bench = open_durable();
    bench_submit(bench, 1, "f", 1, 1);
    bench_forget(bench);
    bench_plain(bench, 1, EVENT_BEAT);
    bench_hello_client(bench, 3, 1, true);
    bench_hello_client(bench, 2, 2, false);
    bench_expect(bench, "1 BEAT_OK\n1 CLOSE_ROUTE\n3 HELLO_OK\n");
    bench_commit(bench);
    bench_commit(bench);
    assert_non_null(strstr(bench_trace(bench), "2 HELLO_OK\n"));
    bench_close(bench);
}

static void a_payload_is_given_back_only_after_its_batch(void **state) {
    (void)state;
    struct bench *bench = open_durable();
    bench_submit_with(
        bench, 1,
        &(struct bench_submit){.function = "g", .first = 1, .count = 1, .flags = TASK_NO_RESULT});
    bench_cancel(bench, 1, 1, 1); /* the bench checks each PUT's payload when it is committed */
    assert_int_equal(bench_counts(bench).tasks, 0);
    bench_commit(bench);
    bench_close(bench);
}

static void deliveries_to_one_child_leave_in_order(void **state) {
    (void)state;
    struct bench *bench = open_durable();
    bench_submit(bench, 1, "f", 1, 3);
    bench_commit(bench);
    bench_result(bench, 11, 1, 1, WIRE_DONE, (struct wire_credit){1, 2, 1}); /* room for one more */
    bench_commit(bench);
    bench_forget(bench);
    struct bench_submit once = {.function = "f", .first = 4, .count = 1, .flags = TASK_ONCE};
    bench_submit_with(bench, 1, &once);
    bench_credit(bench, 11, 1, 9, 1);
    bench_commit(bench);
    while (strstr(bench_trace(bench), "1.4") == NULL) {
        bench_commit(bench);
    }
    const char *trace = bench_trace(bench);
    assert_true(strstr(trace, "s3 ") < strstr(trace, "s4 ") || strstr(trace, "s4 ") == NULL);
    bench_close(bench);
}

static void a_full_batch_parks_changes_and_answers_beats(void **state) {
    (void)state;
    struct engine_config config = {.batch_bytes_max = 400};
    struct bench *bench = bench_open_with(DURABLE, &config);
    bench_client(bench, 1);
    struct bench_submit submit = {.function = "f", .first = 1, .count = 3, .want_ack = true};
    bench_submit_with(bench, 1, &submit);
    submit.first = 4;
    bench_submit_with(bench, 1, &submit);
    submit.first = 7;
    bench_submit_with(bench, 1, &submit);
    bench_plain(bench, 1, EVENT_BEAT);
    bench_expect(bench, "COMMIT 3\n1 BEAT_OK\n");
    assert_int_equal(bench_counts(bench).tasks, 6);
    bench_commit(bench);
    assert_int_equal(bench_counts(bench).tasks, 9);
    bench_commit(bench);
    bench_commit(bench);
    assert_non_null(strstr(bench_trace(bench), "1 ACCEPTED 7+3\n"));
    bench_close(bench);
}

static void parked_in_batches(const struct engine_config *config) {
    struct bench *bench = bench_open_with(DURABLE, config);
    bench_client(bench, 1);
    struct bench_submit submit = {.function = "f", .first = 1, .count = 3};
    for (; submit.first <= 13; submit.first += 3) {
        bench_submit_with(bench, 1, &submit);
    }
    assert_int_equal(bench_counts(bench).tasks, 6); /* one batch in flight, one full */
    for (uint64_t tasks = 9; tasks <= 15; tasks += 3) {
        bench_commit(bench);
        assert_int_equal(bench_counts(bench).tasks, tasks);
    }
    bench_close(bench);
}

static void what_was_parked_is_spread_over_the_next_batches(void **state) {
    (void)state;
    parked_in_batches(&(struct engine_config){.batch_bytes_max = 400});
    parked_in_batches(&(struct engine_config){.batch_changes_max = 3});
}

/* 16 units a tick: four submits of three. */
static void what_was_parked_is_taken_up_step_by_step(void **state) {
    (void)state;
    struct engine_config config = {.batch_bytes_max = 4000, .step_units_max = 1};
    struct bench *bench = bench_open_with(DURABLE, &config);
    bench_client(bench, 1);
    struct bench_submit submit = {.function = "f", .first = 1, .count = 3};
    uint64_t before = UINT64_MAX;
    for (; before != bench_counts(bench).tasks; submit.first += 3) {
        before = bench_counts(bench).tasks;
        bench_submit_with(bench, 1, &submit);
    }
    for (int i = 1; i < 6; i++, submit.first += 3) {
        bench_submit_with(bench, 1, &submit);
    }
    bench_committed(bench);
    assert_int_equal(bench_counts(bench).tasks, before);
    bench_step(bench, &(struct event){.kind = EVENT_TICK});
    assert_int_equal(bench_counts(bench).tasks, before + 12);
    assert_true(engine_next_wake(bench_engine(bench)) == 0);
    bench_tick(bench);
    assert_int_equal(bench_counts(bench).tasks, before + 18);
    bench_close(bench);
}

static void no_space_stops_new_work_and_nothing_else(void **state) {
    (void)state;
    struct bench *bench = open_durable();
    bench_submit(bench, 1, "f", 1, 1);
    bench_commit(bench);
    bench_forget(bench);
    struct event space = {.kind = EVENT_STORE_SPACE, .store_has_space = false};
    bench_step(bench, &space);
    bench_submit(bench, 1, "f", 2, 1);
    bench_expect(bench, "1 ANSWERED 2 err=26\n");
    bench_done(bench, 11, 1, 1);
    bench_commit(bench);
    assert_int_equal(bench_counts(bench).done, 1);
    space.store_has_space = true;
    bench_step(bench, &space);
    bench_submit(bench, 1, "f", 3, 1);
    assert_int_equal(bench_counts(bench).submitted, 2);
    bench_close(bench);
}

static void damaged_records_are_refused(void **state) {
    (void)state;
    struct engine_config config = {.keeps = true, .epoch = 5};
    struct engine *engine = engine_create(&config);
    static const uint8_t head[] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
    for (uint8_t kind = 0; kind < 8; kind++) {
        struct record record = {.key = {kind}, .head = {head, sizeof(head)}};
        assert_int_equal(engine_restore(engine, &record), WHERRY_E_PROTOCOL);
    }
    assert_null(engine_audit(engine));
    engine_destroy(&engine);
}

static void put_key(struct record *record, enum record_kind kind, uint8_t id) {
    record->key[0] = (uint8_t)kind;
    record->key[RECORD_KEY_SIZE - 1] = id;
}

/* A session with one refusal, in the layout of `version`. */
static struct bytes session_head(uint32_t version) {
    struct bytes head = BYTES_EMPTY;
    static const uint8_t secret[WIRE_SECRET_SIZE] = {1};
    coder_put(&head, version, 1);
    coder_put(&head, 1, 1);
    bytes_append(&head, secret, sizeof secret);
    coder_put(&head, 0, 8);
    coder_put(&head, 1, 2);
    coder_put(&head, 77, 2);
    coder_put(&head, 3, 8);
    coder_put(&head, 0, 4);
    coder_put(&head, 1, 4);
    coder_put(&head, 5, 8);
    if (version > 1) {
        coder_put(&head, 0, 3);
    }
    coder_put(&head, WHERRY_E_FULL, 1);
    coder_seal(&head, 0);
    return head;
}

static struct bytes queue_head(uint32_t version) {
    struct bytes head = BYTES_EMPTY;
    coder_put(&head, version, 1);
    coder_put(&head, 1, 8);
    coder_put(&head, 10, 8);
    coder_put(&head, 1000, 8);
    if (version > 1) {
        coder_put(&head, 0, 1);
        coder_put(&head, 0, 8);
        coder_put(&head, 0, 8);
        coder_put(&head, 0, 8);
    }
    coder_put_text(&head, span_of_text("mail"));
    coder_seal(&head, 0);
    return head;
}

static wherry_err restore_head(struct engine *engine, enum record_kind kind, struct bytes head) {
    struct record record = {.head = bytes_span(&head)};
    put_key(&record, kind, 1);
    wherry_err err = engine_restore(engine, &record);
    bytes_free(&head);
    return err;
}

static void heads_of_this_version_and_of_the_one_before_are_read_and_no_others(void **state) {
    (void)state;
    for (uint32_t version = 0; version <= RECORD_VERSION + 1; version++) {
        struct engine_config config = {.keeps = true, .epoch = 5};
        struct engine *engine = engine_create(&config);
        bool known = version >= RECORD_OLDEST && version <= RECORD_VERSION;
        wherry_err expected = known ? WHERRY_OK : WHERRY_E_PROTOCOL;
        assert_int_equal(restore_head(engine, RECORD_QUEUE, queue_head(version)), expected);
        assert_int_equal(restore_head(engine, RECORD_SESSION, session_head(version)), expected);
        assert_int_equal(engine_queue_count(engine), known);
        assert_null(engine_audit(engine));
        engine_destroy(&engine);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_told_before_it_is_committed),
        cmocka_unit_test(a_repeated_request_waits_for_its_batch),
        cmocka_unit_test(what_comes_during_a_commit_goes_into_the_next_batch),
        cmocka_unit_test(hello_and_beats_wait_for_nothing_but_a_new_session_does),
        cmocka_unit_test(a_payload_is_given_back_only_after_its_batch),
        cmocka_unit_test(deliveries_to_one_child_leave_in_order),
        cmocka_unit_test(a_full_batch_parks_changes_and_answers_beats),
        cmocka_unit_test(what_was_parked_is_spread_over_the_next_batches),
        cmocka_unit_test(what_was_parked_is_taken_up_step_by_step),
        cmocka_unit_test(no_space_stops_new_work_and_nothing_else),
        cmocka_unit_test(damaged_records_are_refused),
        cmocka_unit_test(heads_of_this_version_and_of_the_one_before_are_read_and_no_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
