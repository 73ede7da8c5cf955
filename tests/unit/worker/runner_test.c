/* SPDX-License-Identifier: MIT
 *
 * What functions see of their task, chunks of a map, and how failures are told. */
#include "worker/runner.h"

#include "common/call.h"
#include "common/err.h"
#include "common/value.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

struct fixture {
    struct registry registry;
    struct runner runner;
    struct bytes payload;
    uint32_t cancelled_number;
};

static uint32_t calls;

static wherry_err twice(wherry_task *task) {
    int64_t value;
    calls++;
    wherry_err err = wherry_task_read(task, "i", &value);
    return err != WHERRY_OK ? err : wherry_task_return(task, "i", 2 * value);
}

static wherry_err minus(wherry_task *task) {
    int64_t a;
    int64_t b;
    wherry_err err = wherry_task_read(task, "ii", &a, &b);
    return err != WHERRY_OK ? err : wherry_task_return(task, "i", a - b);
}

static wherry_err nothing(wherry_task *task) {
    (void)task;
    return WHERRY_OK;
}

static wherry_err keywords(wherry_task *task) {
    int64_t number = 5;
    const char *text = "default";
    const char *other = "other";
    assert_int_equal(wherry_task_kwarg(task, "text", "s", &text), WHERRY_OK);
    assert_int_equal(wherry_task_kwarg(task, "missing", "s", &other), WHERRY_E_EMPTY);
    assert_int_equal(wherry_task_kwarg(task, "text", "i", &number), WHERRY_E_TYPE);
    assert_int_equal(number, 5);
    assert_int_equal(wherry_value_count(wherry_task_kwargs(task)), 1);
    return wherry_task_return(task, "[ss]", text, other);
}

static wherry_err refusing(wherry_task *task) {
    return wherry_task_fail(task, "no %d", 7);
}

static wherry_err silent(wherry_task *task) {
    (void)task;
    return WHERRY_E_LIMIT;
}

static wherry_err retrying(wherry_task *task) {
    return wherry_task_retry(task, 250, "later");
}

static wherry_err badly_retrying(wherry_task *task) {
    wherry_task_retry(task, -1, "later");
    return WHERRY_E_RETRY;
}

static wherry_err changing(wherry_task *task) {
    assert_int_equal(wherry_task_return(task, "s", "first"), WHERRY_OK);
    assert_int_equal(wherry_task_return_msgpack(task, "\xc1", 1), WHERRY_E_TYPE);
    assert_int_equal(wherry_task_return_msgpack(task, "\xa6second", 7), WHERRY_OK);
    return WHERRY_OK;
}

static wherry_err asking(wherry_task *task) {
    uint64_t epoch;
    uint64_t counter;
    wherry_task_attempt(task, &epoch, &counter);
    return wherry_task_return(task, "[buusss]", wherry_task_cancelled(task), epoch, counter,
                              wherry_task_id(task), wherry_task_function(task),
                              wherry_task_queue(task));
}

static bool fixture_cancelled(void *context, uint32_t number) {
    return ((struct fixture *)context)->cancelled_number == number;
}

static const wherry_function functions[] = {
    {"twice", twice, NULL},       {"minus", minus, NULL},
    {"nothing", nothing, NULL},   {"keywords", keywords, NULL},
    {"refusing", refusing, NULL}, {"silent", silent, NULL},
    {"retrying", retrying, NULL}, {"badly_retrying", badly_retrying, NULL},
    {"changing", changing, NULL}, {"asking", asking, NULL},
};

static int setup(void **state) {
    static struct fixture fixture;
    static const wherry_function_table table = {1, sizeof functions / sizeof functions[0],
                                                functions};
    memset(&fixture, 0, sizeof fixture);
    registry_init(&fixture.registry);
    assert_int_equal(registry_add_table(&fixture.registry, &table, "here"), WHERRY_OK);
    runner_init(&fixture.runner, &fixture.registry, span_of_text("host"), fixture_cancelled,
                &fixture);
    calls = 0;
    *state = &fixture;
    return 0;
}

static int teardown(void **state) {
    struct fixture *fixture = *state;
    runner_fini(&fixture->runner);
    registry_fini(&fixture->registry);
    bytes_free(&fixture->payload);
    return 0;
}

static uint32_t run_payload(struct fixture *fixture, const char *function, struct span payload) {
    struct child_task task = {.number = 3,
                              .id = {.session = 1, .number = 2, .slot = 3},
                              .token = {8, 9},
                              .queue = span_of_text("default"),
                              .function = span_of_text(function),
                              .payload = payload};
    return runner_run(&fixture->runner, &task);
}

static uint32_t run(struct fixture *fixture, const char *function, const char *picture, ...) {
    va_list arguments;
    va_start(arguments, picture);
    bytes_clear(&fixture->payload);
    assert_int_equal(call_encode_picture(&fixture->payload, picture, arguments), WHERRY_OK);
    va_end(arguments);
    return run_payload(fixture, function, bytes_span(&fixture->payload));
}

static uint32_t run_chunk(struct fixture *fixture, const char *function, bool starmap,
                          const char *picture, ...) {
    wherry_value *items = NULL;
    va_list arguments;
    va_start(arguments, picture);
    assert_int_equal(value_build_va(&items, picture, arguments), WHERRY_OK);
    va_end(arguments);
    struct call call = {.kind = CALL_CHUNK, .args = value_span(items), .starmap = starmap};
    bytes_clear(&fixture->payload);
    call_encode(&fixture->payload, &call);
    wherry_value_release(&items);
    return run_payload(fixture, function, bytes_span(&fixture->payload));
}

static void answers(struct fixture *fixture, const char *picture, ...) {
    wherry_value *value = NULL;
    va_list arguments;
    va_start(arguments, picture);
    assert_int_equal(value_build_va(&value, picture, arguments), WHERRY_OK);
    va_end(arguments);
    struct span expected = value_span(value);
    assert_int_equal(fixture->runner.answer.size, expected.size);
    assert_memory_equal(fixture->runner.answer.data, expected.data, expected.size);
    wherry_value_release(&value);
}

static struct wire_failure failure(struct fixture *fixture, const char *text) {
    struct wire_failure out;
    assert_int_equal(wire_get_failure(bytes_span(&fixture->runner.answer), &out), WHERRY_OK);
    char whole[256];
    snprintf(whole, sizeof whole, "%.*s", (int)out.text.size, (const char *)out.text.data);
    if (strstr(whole, text) == NULL) {
        fail_msg("\"%s\" does not contain \"%s\"", whole, text);
    }
    assert_true(span_equal(out.host, span_of_text("host")));
    return out;
}

static void a_call_answers_one_value(void **state) {
    struct fixture *fixture = *state;
    assert_int_equal(run(fixture, "twice", "i", (int64_t)21), WIRE_DONE);
    answers(fixture, "i", (int64_t)42);
    assert_int_equal(run(fixture, "nothing", ""), WIRE_DONE);
    answers(fixture, "n");
    assert_int_equal(run(fixture, "changing", ""), WIRE_DONE);
    answers(fixture, "s", "second");
}

static void a_chunk_answers_a_value_an_item_in_order(void **state) {
    struct fixture *fixture = *state;
    assert_int_equal(
        run_chunk(fixture, "twice", false, "[iii]", (int64_t)1, (int64_t)2, (int64_t)3), WIRE_DONE);
    answers(fixture, "[iii]", (int64_t)2, (int64_t)4, (int64_t)6);
    assert_int_equal(run_chunk(fixture, "minus", true, "[[ii][ii]]", (int64_t)9, (int64_t)1,
                               (int64_t)5, (int64_t)6),
                     WIRE_DONE);
    answers(fixture, "[ii]", (int64_t)8, (int64_t)-1);
    assert_int_equal(run_chunk(fixture, "nothing", false, "[ii]", (int64_t)1, (int64_t)2),
                     WIRE_DONE);
    answers(fixture, "[nn]");
    assert_int_equal(run_chunk(fixture, "twice", false, "[]"), WIRE_DONE);
    answers(fixture, "[]");
}

static void the_first_failing_item_ends_its_chunk(void **state) {
    struct fixture *fixture = *state;
    assert_int_equal(run_chunk(fixture, "twice", false, "[isi]", (int64_t)1, "x", (int64_t)3),
                     WIRE_FAILED);
    failure(fixture, "twice: ");
    assert_int_equal(calls, 2);
    assert_int_equal(
        run_chunk(fixture, "minus", true, "[[ii]i]", (int64_t)9, (int64_t)1, (int64_t)5),
        WIRE_FAILED);
    failure(fixture, "no list of arguments");
}

static void keywords_are_read_by_name(void **state) {
    struct fixture *fixture = *state;
    assert_int_equal(run(fixture, "keywords", ";s", "text", "given"), WIRE_DONE);
    answers(fixture, "[ss]", "given", "other");
}

static void failures_are_told_by_the_best_text_there_is(void **state) {
    struct fixture *fixture = *state;
    assert_int_equal(run(fixture, "refusing", ""), WIRE_FAILED);
    assert_int_equal(failure(fixture, "no 7").code, WHERRY_E_TASK_FAILED);
    assert_int_equal(run(fixture, "twice", "s", "x"), WIRE_FAILED);
    failure(fixture, "twice: ");
    assert_int_equal(run(fixture, "silent", ""), WIRE_FAILED);
    failure(fixture, "silent: limit reached");
    assert_int_equal(run(fixture, "unheard.of", ""), WIRE_FAILED);
    assert_int_equal(failure(fixture, "does not offer").code, WHERRY_E_NO_FUNCTION);
}

static void a_retry_carries_its_delay(void **state) {
    struct fixture *fixture = *state;
    assert_int_equal(run(fixture, "retrying", ""), WIRE_TRY_AGAIN);
    assert_int_equal(failure(fixture, "later").retry_ms, 250);
    assert_int_equal(run(fixture, "badly_retrying", ""), WIRE_FAILED);
    failure(fixture, "-1");
}

static void a_function_that_was_told_to_stop_and_fails_has_stopped(void **state) {
    struct fixture *fixture = *state;
    fixture->cancelled_number = 3;
    assert_int_equal(run(fixture, "refusing", ""), WIRE_CANCELLED);
    failure(fixture, "no 7");
    assert_int_equal(run(fixture, "silent", ""), WIRE_CANCELLED);
    assert_int_equal(run(fixture, "retrying", ""), WIRE_TRY_AGAIN);
    assert_int_equal(run(fixture, "nothing", ""), WIRE_DONE); /* it won the race */
    fixture->cancelled_number = 0;
    assert_int_equal(run(fixture, "refusing", ""), WIRE_FAILED);
}

static void a_task_knows_itself(void **state) {
    struct fixture *fixture = *state;
    char id[ID_TEXT_SIZE];
    task_id_to_text((struct task_id){.session = 1, .number = 2, .slot = 3}, id);
    fixture->cancelled_number = 3;
    assert_int_equal(run(fixture, "asking", ""), WIRE_DONE);
    answers(fixture, "[buusss]", 1, UINT64_C(8), UINT64_C(9), id, "asking", "default");
}

static void a_payload_that_is_no_call_fails(void **state) {
    struct fixture *fixture = *state;
    static const uint8_t bomb[] = {0x93, 0x00, 0xdd, 0xff, 0xff, 0xff, 0xff, 0x80};
    for (size_t size = 0; size <= sizeof bomb; size++) {
        assert_int_equal(run_payload(fixture, "twice", (struct span){bomb, size}), WIRE_FAILED);
        failure(fixture, "is no call");
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_call_answers_one_value),
        TEST(a_chunk_answers_a_value_an_item_in_order),
        TEST(the_first_failing_item_ends_its_chunk),
        TEST(keywords_are_read_by_name),
        TEST(failures_are_told_by_the_best_text_there_is),
        TEST(a_retry_carries_its_delay),
        TEST(a_function_that_was_told_to_stop_and_fails_has_stopped),
        TEST(a_task_knows_itself),
        TEST(a_payload_that_is_no_call_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
