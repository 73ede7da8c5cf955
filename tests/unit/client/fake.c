/* SPDX-License-Identifier: MIT
 *
 * The hand-driven broker; see fake.h. */
#include "fake.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct session_lane fake_lane = {
    .queue = {(const uint8_t *)"default", 7},
    .function = {(const uint8_t *)"f", 1},
    .wait_ms = -1,
};

static void on_finished(void *context, void *owner, const struct session_outcome *outcome) {
    struct fake *fake = context;
    struct fake_task *task = owner;
    task->finished++;
    task->err = outcome->err;
    snprintf(task->text, sizeof task->text, "%.*s", (int)outcome->text.size,
             outcome->text.size > 0 ? (const char *)outcome->text.data : "");
    size_t size = outcome->payload.size < FAKE_TEXT - 1 ? outcome->payload.size : FAKE_TEXT - 1;
    if (size > 0) {
        memcpy(task->payload, outcome->payload.data, size);
    }
    task->payload[size] = 0;
    task->payload_size = outcome->payload.size;
    if (fake->finished_count < FAKE_ITEMS) {
        fake->finished_order[fake->finished_count++] = (size_t)(task - fake->tasks);
    }
}

static void on_accepted(void *context, void *owner) {
    (void)context;
    ((struct fake_task *)owner)->accepted++;
}

static void on_moved(void *context, void *owner, struct task_id key) {
    (void)context;
    struct fake_task *task = owner;
    task->moved++;
    task->key = key;
}

static void on_answered(void *context, void *owner, const struct session_outcome *outcome) {
    (void)context;
    struct fake_task *task = owner;
    task->answered++;
    task->err = outcome->err;
    task->payload_size = outcome->payload.size;
}

static void on_random(void *context, void *out, size_t size) {
    struct fake *fake = context;
    uint8_t *bytes = out;
    for (size_t i = 0; i < size; i++) {
        fake->random = fake->random * 6364136223846793005u + 1442695040888963407u;
        bytes[i] = (uint8_t)(fake->random >> 56);
    }
}

static const struct session_ops fake_ops = {on_finished, on_accepted, on_moved, on_answered,
                                            on_random};

static int fake_setup_with(void **state, uint32_t window) {
    struct fake *fake = calloc(1, sizeof *fake);
    fake->tasks = calloc(FAKE_TASKS, sizeof fake->tasks[0]);
    fake->now_us = 1000000;
    fake->random = 7;
    fake->epoch = 100;
    wire_out_init(&fake->out);
    wire_out_init(&fake->in);
    struct session_options options = {
        .label = "test",
        .pid = 1,
        .reconnect_limit_us = 60000000,
        .window = window,
    };
    fake->session = session_create(&options, &fake_ops, fake, fake->now_us);
    assert_non_null(fake->session);
    *state = fake;
    return 0;
}

int fake_setup(void **state) {
    return fake_setup_with(state, 0);
}

int fake_setup_window_16(void **state) {
    return fake_setup_with(state, 16);
}

static void fake_release_parts(struct fake *fake) {
    for (size_t i = 0; i < fake->out.part_count; i++) {
        if (fake->out.parts[i].release != NULL) {
            fake->out.parts[i].release((void *)(uintptr_t)fake->out.parts[i].data,
                                       fake->out.parts[i].hint);
        }
    }
    fake->out.part_count = 0;
}

int fake_teardown(void **state) {
    struct fake *fake = *state;
    session_audit(fake->session);
    fake_release_parts(fake);
    session_destroy(&fake->session);
    wire_out_fini(&fake->out);
    wire_out_fini(&fake->in);
    free(fake->tasks);
    free(fake);
    return 0;
}

void fake_expect(struct fake *fake, enum wire_type type) {
    fake_release_parts(fake);
    assert_true(session_has_output(fake->session));
    assert_true(session_output(fake->session, fake->now_us, &fake->out));
    session_audit(fake->session);
    struct wire_message message = wire_out_message(&fake->out);
    enum wire_type found;
    assert_int_equal(wire_type_of(&message, &found), WHERRY_OK);
    assert_string_equal(wire_type_name(found), wire_type_name(type));
}

void fake_expect_nothing(struct fake *fake) {
    fake_release_parts(fake);
    if (session_output(fake->session, fake->now_us, &fake->out)) {
        struct wire_message message = wire_out_message(&fake->out);
        enum wire_type found;
        assert_int_equal(wire_type_of(&message, &found), WHERRY_OK);
        fail_msg("unexpected %s", wire_type_name(found));
    }
}

struct fake_submit *fake_expect_submit(struct fake *fake) {
    static struct fake_submit submit;
    static struct wire_message message;
    fake_expect(fake, WIRE_SUBMIT);
    message = wire_out_message(&fake->out);
    assert_int_equal(wire_get_submit(&message, &submit.head), WHERRY_OK);
    submit.count = 0;
    struct wire_items items = submit.head.items;
    while (submit.count < FAKE_ITEMS && wire_next_submit(&items, &submit.items[submit.count])) {
        submit.count++;
    }
    return &submit;
}

uint32_t fake_expect_renumber(struct fake *fake, struct wire_renumbering *out) {
    fake_expect(fake, WIRE_RENUMBER);
    struct wire_message message = wire_out_message(&fake->out);
    struct wire_renumber renumber;
    assert_int_equal(wire_get_renumber(&message, &renumber), WHERRY_OK);
    uint32_t count = renumber.items.left;
    assert_true(wire_next_renumbering(&renumber.items, out));
    return count;
}

void fake_give(struct fake *fake) {
    struct wire_message message = wire_out_message(&fake->in);
    session_input(fake->session, &message, fake->now_us);
    session_audit(fake->session);
    wire_out_clear(&fake->in);
}

void fake_hello_ok(struct fake *fake) {
    struct wire_hello_ok ok = {
        .epoch = fake->epoch,
        .version = 1,
        .store = {(const uint8_t *)"0123456789abcdef", 16},
        .session = fake->session_id,
        .keeps = fake->keeps,
        .beat_ms = 2000,
        .payload_max = 1 << 20,
    };
    wire_put_hello_ok(&fake->in, &ok);
    fake_give(fake);
}

static void fake_expect_hello(struct fake *fake) {
    fake_expect(fake, WIRE_HELLO);
    struct wire_message message = wire_out_message(&fake->out);
    struct wire_hello hello;
    assert_int_equal(wire_get_hello(&message, &hello), WHERRY_OK);
    fake->session_id = hello.session;
    fake->resume = hello.resume;
}

void fake_connect(struct fake *fake) {
    session_opened(fake->session, fake->now_us);
    fake_expect_hello(fake);
    fake_hello_ok(fake);
}

void fake_reconnect(struct fake *fake) {
    session_opened(fake->session, fake->now_us);
    fake_expect_hello(fake);
    assert_true(fake->resume);
    fake_hello_ok(fake);
}

void fake_accept(struct fake *fake, uint16_t slot, uint64_t first, uint64_t count) {
    struct wire_run run = {first, count};
    wire_put_numbers(&fake->in, WIRE_ACCEPTED, fake->epoch, slot, &run, 1);
    fake_give(fake);
}

void fake_park(struct fake *fake, uint16_t slot, uint64_t first, uint64_t count) {
    struct wire_run run = {first, count};
    wire_put_numbers(&fake->in, WIRE_PARKED, fake->epoch, slot, &run, 1);
    fake_give(fake);
}

void fake_answer(struct fake *fake, uint16_t slot, uint64_t number, wherry_err err,
                 const char *text) {
    struct wire_answered answered = {fake->epoch, slot, number, err, span_of_text(text)};
    wire_put_answered(&fake->in, &answered);
    fake_give(fake);
}

void fake_result(struct fake *fake, uint16_t slot, uint64_t number, uint32_t status,
                 const char *payload) {
    struct wire_part part = {payload, strlen(payload), NULL, NULL};
    wire_result_begin(&fake->in, fake->epoch, slot);
    wire_result_item(&fake->in, number, status, part);
    wire_result_end(&fake->in);
    fake_give(fake);
}

void fake_results(struct fake *fake, uint16_t slot, uint64_t first, uint64_t count) {
    wire_result_begin(&fake->in, fake->epoch, slot);
    for (uint64_t i = 0; i < count; i++) {
        wire_result_item(&fake->in, first + i, WIRE_DONE,
                         (struct wire_part){"\xc0", 1, NULL, NULL});
    }
    wire_result_end(&fake->in);
    fake_give(fake);
}

void fake_lost(struct fake *fake, uint64_t epoch, bool keeps) {
    fake->epoch = epoch;
    struct wire_session_lost lost = {epoch, {(const uint8_t *)"0123456789abcdef", 16}, keeps};
    wire_put_session_lost(&fake->in, &lost);
    fake_give(fake);
}

void fake_advance(struct fake *fake, int64_t us) {
    fake->now_us += us;
    session_tick(fake->session, fake->now_us);
    session_audit(fake->session);
}

struct fake_task *fake_task(struct fake *fake, size_t index) {
    return &fake->tasks[index];
}

wherry_err fake_submit_to(struct fake *fake, size_t index, const struct session_lane *lane,
                          const char *payload) {
    struct fake_task *task = &fake->tasks[index];
    struct wire_part part = {payload, strlen(payload), NULL, NULL};
    wherry_err err = session_submit(fake->session, lane, part, task, fake->now_us, &task->id);
    task->key = task->id;
    return err;
}

void fake_submit(struct fake *fake, size_t index, const char *payload) {
    assert_int_equal(fake_submit_to(fake, index, &fake_lane, payload), WHERRY_OK);
}

uint16_t fake_slot(void) {
    return id_slot_of_name(fake_lane.queue);
}
