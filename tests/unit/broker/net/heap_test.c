/* SPDX-License-Identifier: MIT
 *
 * When memory is given back: after a fall, and seldom. */
#include "broker/net/heap.h"
#include "tests/unit/common/testing.h"

#define MB(n) ((uint64_t)(n) << 20)

static void only_a_deep_fall_counts(void **state) {
    (void)state;
    struct heap heap = {0};
    assert_false(heap_fell(&heap, MB(1000)));
    assert_false(heap_fell(&heap, MB(800))); /* not a quarter */
    assert_true(heap_fell(&heap, MB(700)));
    assert_false(heap_fell(&heap, MB(700))); /* that is the peak now */
    struct heap small = {0};
    assert_false(heap_fell(&small, MB(60)));
    assert_false(heap_fell(&small, 0)); /* not 64 MiB */
}

static void a_long_fall_counts_a_few_times(void **state) {
    (void)state;
    struct heap heap = {0};
    int count = 0;
    for (uint64_t held = 10000; held > 0; held--) {
        count += heap_fell(&heap, MB(held));
    }
    assert_in_range(count, 5, 20);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_a_deep_fall_counts),
        cmocka_unit_test(a_long_fall_counts_a_few_times),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
