/* SPDX-License-Identifier: MIT
 *
 * Random sequences. */
#include "testing.h"

#include "common/entropy.h"

static void the_same_seed_gives_the_same_sequence(void **state) {
    (void)state;
    struct rng a;
    struct rng b;
    rng_init(&a, 42);
    rng_init(&b, 42);
    for (int i = 0; i < 1000; i++) {
        assert_true(rng_next(&a) == rng_next(&b));
    }
    rng_init(&b, 43);
    assert_true(rng_next(&a) != rng_next(&b));
}

static void the_sequence_is_that_of_the_authors(void **state) {
    (void)state;
    struct rng rng;
    rng_init(&rng, 0); /* splitmix64 from 0 is published: e220a839… */
    assert_true(rng.state[0] == UINT64_C(0xe220a8397b1dcdaf));
    struct rng known = {{1, 2, 3, 4}};
    assert_true(rng_next(&known) == 11520);
    assert_true(rng_next(&known) == 0);
    assert_true(rng_next(&known) == 1509978240);
}

static void a_bound_is_kept_and_every_answer_below_it_comes(void **state) {
    (void)state;
    struct rng rng;
    rng_init(&rng, 1);
    uint32_t seen[7] = {0};
    for (int i = 0; i < 7000; i++) {
        uint64_t answer = rng_below(&rng, 7);
        assert_true(answer < 7);
        seen[answer]++;
    }
    for (int i = 0; i < 7; i++) {
        assert_in_range(seen[i], 800, 1200);
    }
    assert_int_equal(rng_below(&rng, 1), 0);
}

static void a_chance_of_none_or_all_is_certain(void **state) {
    (void)state;
    struct rng rng;
    rng_init(&rng, 1);
    for (int i = 0; i < 100; i++) {
        assert_false(rng_chance(&rng, 0));
        assert_true(rng_chance(&rng, 1000000));
    }
}

static void the_system_gives_something_new_each_time(void **state) {
    (void)state;
    uint64_t first = entropy_u64();
    assert_true(first != 0 && first != entropy_u64());
    uint8_t many[3][1000] = {{0}};
    entropy_fill(many[0], 1000);
    entropy_fill(many[1], 1000);
    assert_memory_not_equal(many[0], many[1], 1000);
    assert_memory_not_equal(many[0], many[2], 1000);
    struct rng rng;
    rng_seed_from_system(&rng);
    assert_true((rng.state[0] | rng.state[1] | rng.state[2] | rng.state[3]) != 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_seed_gives_the_same_sequence),
        cmocka_unit_test(the_sequence_is_that_of_the_authors),
        cmocka_unit_test(a_bound_is_kept_and_every_answer_below_it_comes),
        cmocka_unit_test(a_chance_of_none_or_all_is_certain),
        cmocka_unit_test(the_system_gives_something_new_each_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
