/* SPDX-License-Identifier: MIT
 *
 * Damaged messages: every truncation, every change of one byte, every wrong frame, for each sample.
 * Frame 0 lies in memory that ends where it does, so that the sanitizer sees a read beyond it. */
#include "testing.h"

#include "wire_samples.h"
#include "wire_walk.h"

/* A sample whose frame 0 may be written to. */
struct damaged {
    struct wire_out out;
    struct wire_message message;
    struct span whole;
};

static void damaged_begin(struct damaged *damaged, size_t sample) {
    wire_out_init(&damaged->out);
    wire_samples[sample].make(&damaged->out);
    damaged->message = wire_out_message(&damaged->out);
    damaged->whole = damaged->message.frames[0];
}

static wherry_err damaged_walk(struct damaged *damaged) {
    uint64_t sum = 0;
    return wire_walk(&damaged->message, &sum);
}

static void a_truncated_message_is_refused(void **state) {
    (void)state;
    for (size_t i = 0; i < wire_sample_count; i++) {
        struct damaged damaged;
        damaged_begin(&damaged, i);
        for (size_t size = 0; size < damaged.whole.size; size++) {
            damaged.message.frames[0] = span_tight((struct span){damaged.whole.data, size});
            assert_int_equal(damaged_walk(&damaged), WHERRY_E_PROTOCOL);
            span_free(damaged.message.frames[0]);
        }
        wire_out_fini(&damaged.out);
    }
}

static void bytes_behind_a_message_are_refused(void **state) {
    (void)state;
    for (size_t i = 0; i < wire_sample_count; i++) {
        struct damaged damaged;
        damaged_begin(&damaged, i);
        bytes_append(&damaged.out.body, "\xc0", 1);
        damaged.message.frames[0] = span_tight(bytes_span(&damaged.out.body));
        assert_int_equal(damaged_walk(&damaged), WHERRY_E_PROTOCOL);
        span_free(damaged.message.frames[0]);
        wire_out_fini(&damaged.out);
    }
}

static void no_change_of_one_byte_reads_out_of_bounds(void **state) {
    (void)state;
    size_t accepted = 0;
    size_t refused = 0;
    for (size_t i = 0; i < wire_sample_count; i++) {
        struct damaged damaged;
        damaged_begin(&damaged, i);
        struct span tight = span_tight(damaged.whole);
        uint8_t *data = (uint8_t *)(uintptr_t)tight.data;
        damaged.message.frames[0] = tight;
        for (size_t at = 0; at < tight.size; at++) {
            for (int change = 1; change < 256; change++) {
                data[at] ^= (uint8_t)change;
                wherry_err err = damaged_walk(&damaged);
                assert_true(err == WHERRY_OK || err == WHERRY_E_PROTOCOL);
                accepted += err == WHERRY_OK ? 1 : 0;
                refused += err != WHERRY_OK ? 1 : 0;
                data[at] ^= (uint8_t)change;
            }
        }
        span_free(tight);
        wire_out_fini(&damaged.out);
    }
    print_message("%zu changed messages accepted, %zu refused\n", accepted, refused);
    assert_true(accepted > 0 && refused > 0); /* a payload's byte may be any, a head may not */
}

static void a_frame_too_many_or_too_few_is_refused(void **state) {
    (void)state;
    for (size_t i = 0; i < wire_sample_count; i++) {
        struct damaged damaged;
        damaged_begin(&damaged, i);
        damaged.message.frames[damaged.message.count++] = SPAN("one more");
        assert_int_equal(damaged_walk(&damaged), WHERRY_E_PROTOCOL);
        damaged.message.count -= 2;
        if (damaged.message.count > 0) {
            assert_int_equal(damaged_walk(&damaged), WHERRY_E_PROTOCOL);
        }
        wire_out_fini(&damaged.out);
    }
}

static void a_message_without_frames_or_with_too_many_is_refused(void **state) {
    (void)state;
    struct damaged damaged;
    damaged_begin(&damaged, 0);
    damaged.message.count = 0;
    assert_int_equal(damaged_walk(&damaged), WHERRY_E_PROTOCOL);
    damaged.message.count = WIRE_FRAMES_MAX + 1;
    assert_int_equal(damaged_walk(&damaged), WHERRY_E_PROTOCOL);
    damaged.message.count = 1;
    damaged.message.frames[0] = (struct span){NULL, 0};
    assert_int_equal(damaged_walk(&damaged), WHERRY_E_PROTOCOL);
    wire_out_fini(&damaged.out);
}

static void one_type_is_never_read_as_another(void **state) {
    (void)state;
    for (size_t i = 0; i < wire_sample_count; i++) {
        struct damaged damaged;
        damaged_begin(&damaged, i);
        struct wire_submit submit;
        struct wire_hello hello;
        struct wire_deliver deliver;
        enum wire_type type = wire_samples[i].type;
        assert_int_equal(wire_get_submit(&damaged.message, &submit) == WHERRY_OK,
                         type == WIRE_SUBMIT);
        assert_int_equal(wire_get_hello(&damaged.message, &hello) == WHERRY_OK,
                         type == WIRE_HELLO);
        assert_int_equal(wire_get_deliver(&damaged.message, &deliver) == WHERRY_OK,
                         type == WIRE_DELIVER);
        wire_out_fini(&damaged.out);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_truncated_message_is_refused),
        cmocka_unit_test(bytes_behind_a_message_are_refused),
        cmocka_unit_test(no_change_of_one_byte_reads_out_of_bounds),
        cmocka_unit_test(a_frame_too_many_or_too_few_is_refused),
        cmocka_unit_test(a_message_without_frames_or_with_too_many_is_refused),
        cmocka_unit_test(one_type_is_never_read_as_another),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
