/* SPDX-License-Identifier: MIT
 *
 * Task ids, slots, tokens. */
#include "testing.h"

#include "common/id.h"
#include "common/rng.h"

static uint16_t slot_of(const char *name) {
    return id_slot_of_name(span_of_text(name));
}

static void the_slot_is_crc16_xmodem(void **state) {
    (void)state;
    assert_int_equal(slot_of("123456789"), 0x31c3 & 4095); /* the check value of the standard */
    assert_int_equal(slot_of(""), 0);
}

static void a_tag_in_braces_decides_the_slot_alone(void **state) {
    (void)state;
    assert_int_equal(slot_of("{user7}.lock"), slot_of("user7"));
    assert_int_equal(slot_of("a{user7}b{c}"), slot_of("user7"));
    assert_int_equal(slot_of("a{{b}}"), slot_of("{b"));
}

static void braces_that_hold_nothing_are_part_of_the_name(void **state) {
    (void)state;
    assert_int_not_equal(slot_of("a{}b"), slot_of(""));
    assert_int_not_equal(slot_of("a{}b{c}"), slot_of("c"));
    assert_int_not_equal(slot_of("a{b"), slot_of("b"));
    assert_int_not_equal(slot_of("a{"), slot_of(""));
}

static struct task_id id_of(uint64_t session, uint16_t slot, uint64_t number) {
    struct task_id id = {.session = session};
    id.slot = slot;
    id.number = number;
    return id;
}

static void the_text_of_known_ids(void **state) {
    (void)state;
    char text[ID_TEXT_SIZE];
    task_id_to_text(id_of(0, 0, 1), text);
    assert_string_equal(text, "00000000000000000000000001");
    task_id_to_text(id_of(UINT64_MAX, 65535, (UINT64_C(1) << 48) - 1), text);
    assert_string_equal(text, "7zzzzzzzzzzzzzzzzzzzzzzzzz");
    task_id_to_text(id_of(UINT64_C(0x0123456789abcdef), 0x123, UINT64_C(0x456789abcdef)), text);
    assert_string_equal(text, "014d2pf2dbsqqg28t5cy4tqkff");
}

static void text_and_wire_forms_come_back_unchanged(void **state) {
    (void)state;
    struct rng rng;
    rng_init(&rng, 7);
    for (int i = 0; i < 10000; i++) {
        uint64_t low = rng_next(&rng);
        struct task_id id = id_of(rng_next(&rng), (uint16_t)(low >> 52), low & 0xffffffffffff);
        char text[ID_TEXT_SIZE];
        uint8_t wire[ID_WIRE_SIZE];
        struct task_id back;
        task_id_to_text(id, text);
        assert_true(task_id_from_text(text, &back) && task_id_equal(id, back));
        task_id_to_wire(id, wire);
        assert_true(task_id_equal(task_id_from_wire(wire), id));
    }
}

static void the_wire_form_is_big_endian(void **state) {
    (void)state;
    uint8_t wire[ID_WIRE_SIZE];
    task_id_to_wire(id_of(UINT64_C(0x0102030405060708), 0x090a, UINT64_C(0x0b0c0d0e0f10)), wire);
    for (int i = 0; i < ID_WIRE_SIZE; i++) {
        assert_int_equal(wire[i], i + 1);
    }
}

static void upper_case_and_look_alikes_are_read(void **state) {
    (void)state;
    struct task_id small;
    struct task_id large;
    assert_true(task_id_from_text("0000000000000000000000abc1", &small));
    assert_true(task_id_from_text("oO00000000000000000000ABCl", &large));
    assert_true(task_id_equal(small, large));
    assert_true(task_id_from_text("0000000000000000000000abcI", &large));
    assert_true(task_id_equal(small, large));
}

static void what_is_no_id_is_refused(void **state) {
    (void)state;
    static const char *const texts[] = {
        "", "0", "0000000000000000000000000", "000000000000000000000000001",
        "80000000000000000000000000", "0000000000000000000000000u", "0000000000000 000000000000",
        "0000000000000000000000000-", "\xff""0000000000000000000000000",
    };
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        struct task_id id = id_of(5, 6, 7);
        assert_false(task_id_from_text(texts[i], &id));
        assert_int_equal(id.number, 7);
    }
}

static void tokens_are_ordered_by_epoch_then_counter(void **state) {
    (void)state;
    struct token low = {1, 9};
    struct token high = {2, 1};
    assert_true(token_above(high, low));
    assert_false(token_above(low, high));
    assert_true(token_above((struct token){2, 2}, high));
    assert_false(token_above(high, high));
    assert_true(token_equal(high, high));
    assert_false(token_equal(high, low));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_slot_is_crc16_xmodem),
        cmocka_unit_test(a_tag_in_braces_decides_the_slot_alone),
        cmocka_unit_test(braces_that_hold_nothing_are_part_of_the_name),
        cmocka_unit_test(the_text_of_known_ids),
        cmocka_unit_test(text_and_wire_forms_come_back_unchanged),
        cmocka_unit_test(the_wire_form_is_big_endian),
        cmocka_unit_test(upper_case_and_look_alikes_are_read),
        cmocka_unit_test(what_is_no_id_is_refused),
        cmocka_unit_test(tokens_are_ordered_by_epoch_then_counter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
