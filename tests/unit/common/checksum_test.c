/* SPDX-License-Identifier: MIT
 *
 * Checksums: every bit counts, and so do length, order and borders. */
#include "common/checksum.h"
#include "tests/unit/common/testing.h"

enum { SIZE = 200 };

static void pattern(uint8_t bytes[SIZE]) {
    for (size_t i = 0; i < SIZE; i++) {
        bytes[i] = (uint8_t)(i * 37 + 11);
    }
}

static void every_bit_of_every_length_counts(void **state) {
    (void)state;
    uint8_t bytes[SIZE];
    pattern(bytes);
    for (size_t size = 0; size <= SIZE; size++) {
        struct span span = {bytes, size};
        uint64_t before = checksum(7, span);
        for (size_t bit = 0; bit < size * 8; bit++) {
            bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
            assert_int_not_equal((uint32_t)checksum(7, span), (uint32_t)before);
            bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        assert_int_equal(checksum(7, span), before);
    }
}

static void length_seed_and_order_count(void **state) {
    (void)state;
    uint8_t bytes[SIZE] = {0};
    for (size_t size = 1; size <= SIZE; size++) { /* zeros, and one zero less */
        assert_int_not_equal(checksum(0, (struct span){bytes, size}),
                             checksum(0, (struct span){bytes, size - 1}));
    }
    assert_int_not_equal(checksum(0, SPAN("ab")), checksum(1, SPAN("ab")));
    assert_int_not_equal(checksum(checksum(0, SPAN("a")), SPAN("b")),
                         checksum(checksum(0, SPAN("b")), SPAN("a")));
    pattern(bytes);
    uint64_t before = checksum(0, (struct span){bytes, 64});
    for (size_t i = 0; i < 56; i += 8) { /* neighbouring words change places */
        uint8_t word[8];
        memcpy(word, bytes + i, 8);
        memcpy(bytes + i, bytes + i + 8, 8);
        memcpy(bytes + i + 8, word, 8);
        assert_int_not_equal(checksum(0, (struct span){bytes, 64}), before);
        pattern(bytes);
    }
}

/* What lies on disk was written by it: it may not change. */
static void it_is_the_same_for_ever(void **state) {
    (void)state;
    uint8_t bytes[SIZE];
    pattern(bytes);
    assert_int_equal(checksum(0, (struct span){bytes, 0}), UINT64_C(0x7d6e4ac38b2b1be2));
    assert_int_equal(checksum(0, (struct span){bytes, 5}), UINT64_C(0x32cc07c972130d6a));
    assert_int_equal(checksum(0, (struct span){bytes, SIZE}), UINT64_C(0x55e53de2d181bec3));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_bit_of_every_length_counts),
        cmocka_unit_test(length_seed_and_order_count),
        cmocka_unit_test(it_is_the_same_for_ever),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
