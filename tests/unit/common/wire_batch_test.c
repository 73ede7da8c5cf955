/* SPDX-License-Identifier: MIT
 *
 * The four hot batches: SUBMIT, DELIVER, RESULTS, RESULT. */
#include "testing.h"

#include "common/rng.h"
#include "common/wire/pack.h"

static struct wire_out out;
static const uint8_t large[WIRE_INLINE_MAX + 1] = {7};

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

static struct wire_submit submit_head(void) {
    return (struct wire_submit){.slot = 99, .acked = 5, .queue = SPAN("q"), .function = SPAN("f")};
}

static struct wire_part part_of(size_t size) {
    return (struct wire_part){.data = large, .size = size};
}

static void the_example_of_the_protocol_page_is_what_is_written(void **state) {
    (void)state;
    static const uint8_t example[] = {
        0x99, 0x0a, 0xcd, 0x06, 0x56,                         /* type, slot 1622 */
        0xcf, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x11, /* acked 17 */
        0xce, 0x00, 0x00, 0x00, 0x01,                         /* flags: WANT_ACK */
        0xa7, 0x64, 0x65, 0x66, 0x61, 0x75, 0x6c, 0x74,       /* queue "default" */
        0xab, 0x77, 0x68, 0x65, 0x72, 0x72, 0x79, 0x2e,       /* function "wherry.echo" */
        0x65, 0x63, 0x68, 0x6f,
        0x90, 0xff,                                           /* options, wait_ms -1 */
        0xdd, 0x00, 0x00, 0x00, 0x04,                         /* two items, four elements */
        0x12, 0xc4, 0x05, 0x93, 0x00, 0x91, 0x2a, 0x80,       /* 18: echo(42) */
        0x13, 0xc4, 0x07, 0x93, 0x00, 0x91, 0xa2, 0x68, 0x69, 0x80, /* 19: echo("hi") */
    };
    struct wire_submit head = {.slot = id_slot_of_name(SPAN("default")), .acked = 17,
                               .flags = SUBMIT_WANT_ACK, .queue = SPAN("default"),
                               .function = SPAN("wherry.echo"), .wait_ms = -1};
    wire_submit_begin(&out, &head);
    wire_submit_item(&out, 18, (struct wire_part){.data = "\x93\x00\x91\x2a\x80", .size = 5}, NULL);
    wire_submit_item(&out, 19, (struct wire_part){.data = "\x93\x00\x91\xa2hi\x80", .size = 7},
                     NULL);
    wire_submit_end(&out);
    assert_int_equal(out.body.size, sizeof example);
    assert_memory_equal(out.body.data, example, sizeof example);
}

static void the_head_of_a_submit_comes_back(void **state) {
    (void)state;
    struct wire_submit head = {.slot = 4095, .acked = (UINT64_C(1) << 48) - 1, .flags = 1,
                               .queue = SPAN("a.b_{c}-d"), .function = SPAN("words.count"),
                               .options = {TASK_KEEP | TASK_ONCE, -7, 2, UINT64_MAX},
                               .wait_ms = 1};
    wire_submit_begin(&out, &head);
    wire_submit_end(&out);
    struct wire_message message = wire_out_message(&out);
    struct wire_submit got;
    assert_int_equal(wire_get_submit(&message, &got), WHERRY_OK);
    assert_true(got.slot == 4095 && got.acked == head.acked && got.flags == 1 && got.wait_ms == 1);
    assert_true(got.options.flags == (TASK_KEEP | TASK_ONCE) && got.options.priority == -7);
    assert_true(got.options.max_attempts == 2 && got.options.ttl_ms == UINT64_MAX);
    assert_span(got.queue, "a.b_{c}-d");
    assert_span(got.function, "words.count");
    assert_int_equal(got.items.left, 0);
}

/* Payload sizes around every change of the length's width, inline and as frames. */
static const size_t sizes[] = {0, 1, 255, 256, WIRE_INLINE_MAX, WIRE_INLINE_MAX + 1, 31, 32};

static void every_size_of_payload_comes_back(void **state) {
    (void)state;
    struct wire_submit head = submit_head();
    wire_submit_begin(&out, &head);
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        wire_submit_item(&out, i + 1, part_of(sizes[i]), NULL);
    }
    wire_submit_end(&out);
    struct wire_message message = wire_out_message(&out);
    assert_int_equal(message.count, 2);
    struct wire_submit got;
    struct wire_submit_item item;
    assert_int_equal(wire_get_submit(&message, &got), WHERRY_OK);
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        assert_true(wire_next_submit(&got.items, &item));
        assert_true(item.number == i + 1 && item.payload.size == sizes[i] && !item.has_origin);
        assert_int_equal(item.frame, sizes[i] > WIRE_INLINE_MAX ? 1 : 0);
    }
    assert_false(wire_next_submit(&got.items, &item));
}

static void every_width_of_a_number_comes_back(void **state) {
    (void)state;
    struct rng rng;
    rng_init(&rng, 3);
    uint64_t numbers[500];
    struct wire_submit head = submit_head();
    wire_submit_begin(&out, &head);
    for (size_t i = 0; i < COUNT_OF(numbers); i++) {
        numbers[i] = (rng_next(&rng) >> (16 + rng_below(&rng, 48))) | 1;
        wire_submit_item(&out, numbers[i], part_of(i % 40), NULL);
    }
    wire_submit_end(&out);
    struct wire_message message = wire_out_message(&out);
    struct wire_submit got;
    struct wire_submit_item item;
    assert_int_equal(wire_get_submit(&message, &got), WHERRY_OK);
    for (size_t i = 0; i < COUNT_OF(numbers); i++) {
        assert_true(wire_next_submit(&got.items, &item) && item.number == numbers[i]);
    }
}

static void a_resubmission_names_its_origin(void **state) {
    (void)state;
    struct task_id origin = {.session = 5};
    origin.slot = 6;
    origin.number = 7;
    struct wire_submit head = submit_head();
    wire_submit_begin(&out, &head);
    wire_submit_item(&out, 1, part_of(3), &origin);
    wire_submit_item(&out, 2, part_of(sizeof large), &origin);
    wire_submit_end(&out);
    struct wire_message message = wire_out_message(&out);
    struct wire_submit got;
    struct wire_submit_item item;
    assert_int_equal(wire_get_submit(&message, &got), WHERRY_OK);
    for (int i = 0; i < 2; i++) {
        assert_true(wire_next_submit(&got.items, &item));
        assert_true(item.has_origin && task_id_equal(item.origin, origin));
        assert_int_equal(item.frame, i);
    }
}

static void references_of_a_newer_version_are_ignored(void **state) {
    (void)state;
    struct wire_submit head = submit_head();
    wire_submit_begin(&out, &head);
    pack_uint(&out.body, 1);
    pack_array(&out.body, 4); /* [payload, [reference], nil, newer] */
    pack_bin(&out.body, SPAN("x"));
    pack_array(&out.body, 1);
    pack_id(&out.body, (struct task_id){.session = 1});
    pack_nil(&out.body);
    pack_array(&out.body, 0);
    out.count = 1;
    wire_submit_end(&out);
    struct wire_message message = wire_out_message(&out);
    struct wire_submit got;
    struct wire_submit_item item;
    assert_int_equal(wire_get_submit(&message, &got), WHERRY_OK);
    assert_true(wire_next_submit(&got.items, &item) && !item.has_origin);
    assert_span(item.payload, "x");
}

static void a_patch_changes_acked_and_flags_alone(void **state) {
    (void)state;
    struct wire_submit head = submit_head();
    head.options.priority = 4;
    wire_submit_begin(&out, &head);
    wire_submit_item(&out, 6, part_of(9), NULL);
    wire_submit_end(&out);
    size_t size = out.body.size;
    wire_submit_patch(&out, UINT64_C(0x123456789abc), SUBMIT_WANT_ACK);
    assert_int_equal(out.body.size, size);
    struct wire_message message = wire_out_message(&out);
    struct wire_submit got;
    struct wire_submit_item item;
    assert_int_equal(wire_get_submit(&message, &got), WHERRY_OK);
    assert_true(got.acked == UINT64_C(0x123456789abc) && got.flags == SUBMIT_WANT_ACK);
    assert_true(got.slot == 99 && got.options.priority == 4);
    assert_true(wire_next_submit(&got.items, &item) && item.number == 6);
}

static void deliveries_come_back_and_followers_travel_without_id(void **state) {
    (void)state;
    static const uint64_t numbers[] = {5, 6, 7, 100, 101, 50};
    struct wire_deliver head = {.epoch = 1, .generation = 2, .first_slot = 3, .first_counter = 4,
                                .queue = SPAN("q"), .function = SPAN("f"),
                                .options = {.max_attempts = 1}};
    wire_deliver_begin(&out, &head);
    struct task_id id = {.session = UINT64_MAX};
    id.slot = 12;
    for (size_t i = 0; i < COUNT_OF(numbers); i++) {
        id.number = numbers[i];
        wire_deliver_item(&out, 70000 + (uint32_t)i, &id, part_of(i == 2 ? sizeof large : 2));
    }
    wire_deliver_end(&out);
    assert_in_range(out.body.size, 100, 150); /* with three ids; six would make it 178 */
    struct wire_message message = wire_out_message(&out);
    struct wire_deliver got;
    assert_int_equal(wire_get_deliver(&message, &got), WHERRY_OK);
    assert_true(got.epoch == 1 && got.generation == 2 && got.first_slot == 3);
    assert_true(got.first_counter == 4 && got.options.max_attempts == 1);
    struct wire_deliver_item item;
    for (size_t i = 0; i < COUNT_OF(numbers); i++) {
        assert_true(wire_next_deliver(&got.items, &item));
        assert_true(item.index == 70000 + i && item.id.number == numbers[i]);
        assert_true(item.id.session == UINT64_MAX && item.id.slot == 12);
        assert_int_equal(item.frame, i == 2 ? 1 : 0);
    }
    assert_false(wire_next_deliver(&got.items, &item));
}

static void two_batches_of_one_writer_do_not_share_ids(void **state) {
    (void)state;
    struct wire_deliver head = {.queue = SPAN("q"), .function = SPAN("f")};
    for (uint64_t number = 1; number < 4; number++) {
        struct task_id id = {.session = 9};
        id.number = number;
        wire_deliver_begin(&out, &head);
        wire_deliver_item(&out, 1, &id, part_of(1));
        wire_deliver_end(&out);
        struct wire_message message = wire_out_message(&out);
        struct wire_deliver got;
        struct wire_deliver_item item;
        assert_int_equal(wire_get_deliver(&message, &got), WHERRY_OK);
        assert_true(wire_next_deliver(&got.items, &item) && item.id.number == number);
    }
}

static void results_come_back_with_their_credit(void **state) {
    (void)state;
    wire_results_begin(&out, UINT64_MAX - 1);
    wire_results_item(&out, 1, 2, WIRE_DONE, part_of(3));
    wire_results_item(&out, UINT32_MAX, UINT64_MAX, WIRE_TRY_AGAIN, part_of(sizeof large));
    wire_results_end(&out, (struct wire_credit){4, UINT32_MAX, 6}, UINT64_MAX);
    struct wire_message message = wire_out_message(&out);
    struct wire_results got;
    struct wire_results_item item;
    assert_int_equal(wire_get_results(&message, &got), WHERRY_OK);
    assert_true(got.epoch == UINT64_MAX - 1 && got.busy_us == UINT64_MAX);
    assert_true(got.credit.generation == 4 && got.credit.up_to == UINT32_MAX);
    assert_true(got.credit.started == 6 && got.items.left == 2);
    assert_true(wire_next_results(&got.items, &item));
    assert_true(item.index == 1 && item.counter == 2 && item.status == WIRE_DONE);
    assert_true(wire_next_results(&got.items, &item));
    assert_true(item.index == UINT32_MAX && item.counter == UINT64_MAX && item.frame == 1);
    assert_int_equal(item.status, WIRE_TRY_AGAIN);
}

static void result_comes_back(void **state) {
    (void)state;
    wire_result_begin(&out, 7, 8);
    wire_result_item(&out, 1, WIRE_DONE, part_of(3));
    wire_result_item(&out, 70000, WIRE_LOST, part_of(sizeof large));
    wire_result_end(&out);
    struct wire_message message = wire_out_message(&out);
    struct wire_result got;
    struct wire_result_item item;
    assert_int_equal(wire_get_result(&message, &got), WHERRY_OK);
    assert_true(got.epoch == 7 && got.slot == 8 && got.items.left == 2);
    assert_true(wire_next_result(&got.items, &item));
    assert_true(item.number == 1 && item.payload.size == 3 && item.frame == 0);
    assert_true(wire_next_result(&got.items, &item));
    assert_true(item.number == 70000 && item.status == WIRE_LOST && item.frame == 1);
}

static void release_count(void *data, void *hint) {
    (void)data;
    ++*(int *)hint;
}

static void a_payload_with_a_release_travels_as_a_frame_whatever_its_size(void **state) {
    (void)state;
    int released = 0;
    struct wire_part part = {"abc", 3, release_count, &released};
    struct wire_submit head = submit_head();
    wire_submit_begin(&out, &head);
    for (uint64_t number = 1; number < WIRE_FRAMES_MAX; number++) {
        assert_true(wire_out_fits(&out, part.size));
        wire_submit_item(&out, number, part, NULL);
    }
    assert_int_equal(out.part_count, WIRE_FRAMES_MAX - 1);
    assert_false(wire_out_fits(&out, part.size));
    wire_submit_item(&out, WIRE_FRAMES_MAX, part, NULL); /* unasked: copied, given back at once */
    wire_submit_end(&out);
    assert_int_equal(released, 1);
    struct wire_message message = wire_out_message(&out);
    struct wire_submit got;
    assert_int_equal(wire_get_submit(&message, &got), WHERRY_OK);
    assert_int_equal(got.items.left, WIRE_FRAMES_MAX);
}

static void a_batch_that_always_fits_stays_within_its_limit(void **state) {
    (void)state;
    static const size_t payloads[] = {0, 100, WIRE_INLINE_MAX, WIRE_INLINE_MAX + 1};
    for (size_t i = 0; i < COUNT_OF(payloads); i++) {
        struct wire_submit head = submit_head();
        wire_submit_begin(&out, &head);
        uint64_t number = 1;
        while (wire_out_fits(&out, payloads[i])) {
            assert_true(wire_out_reserve(&out, payloads[i]));
            wire_submit_item(&out, number++, part_of(payloads[i]), NULL);
        }
        wire_submit_end(&out);
        assert_in_range(out.body.size, 1, WIRE_BATCH_MAX);
        assert_in_range(number - 1, 10, WIRE_ITEMS_MAX);
        struct wire_message message = wire_out_message(&out);
        struct wire_submit got;
        assert_int_equal(wire_get_submit(&message, &got), WHERRY_OK);
        assert_int_equal(got.items.left, number - 1);
    }
}

static void the_first_item_always_fits(void **state) {
    (void)state;
    struct wire_out fresh;
    struct wire_submit head = submit_head();
    wire_out_init(&fresh);
    wire_submit_begin(&fresh, &head);
    assert_true(wire_out_fits(&fresh, WIRE_PAYLOAD_MAX));
    assert_true(wire_out_reserve(&fresh, WIRE_PAYLOAD_MAX)); /* a frame: nothing of it is copied */
    assert_in_range(fresh.body.capacity, 1, WIRE_INLINE_MAX);
    wire_out_fini(&fresh);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_example_of_the_protocol_page_is_what_is_written),
        cmocka_unit_test(the_head_of_a_submit_comes_back),
        cmocka_unit_test(every_size_of_payload_comes_back),
        cmocka_unit_test(every_width_of_a_number_comes_back),
        cmocka_unit_test(a_resubmission_names_its_origin),
        cmocka_unit_test(references_of_a_newer_version_are_ignored),
        cmocka_unit_test(a_patch_changes_acked_and_flags_alone),
        cmocka_unit_test(deliveries_come_back_and_followers_travel_without_id),
        cmocka_unit_test(two_batches_of_one_writer_do_not_share_ids),
        cmocka_unit_test(results_come_back_with_their_credit),
        cmocka_unit_test(result_comes_back),
        cmocka_unit_test(a_payload_with_a_release_travels_as_a_frame_whatever_its_size),
        cmocka_unit_test(a_batch_that_always_fits_stays_within_its_limit),
        cmocka_unit_test(the_first_item_always_fits),
    };
    return cmocka_run_group_tests(tests, out_setup, out_teardown);
}
