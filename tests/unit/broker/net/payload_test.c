/* SPDX-License-Identifier: MIT
 *
 * The payload store. */
#include "broker/net/payload.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { MANY = 50000 };

static int store_setup(void **state) {
    *state = payload_store_create();
    return 0;
}

static int store_teardown(void **state) {
    payload_store_destroy((struct payload_store **)state);
    return 0;
}

/* Bytes that depend on their seed, so that a mix-up is seen. */
static struct span pattern(uint8_t *memory, size_t size, uint32_t seed) {
    for (size_t i = 0; i < size; i++) {
        memory[i] = (uint8_t)(seed * 31 + i * 7);
    }
    return (struct span){memory, size};
}

static void assert_holds(struct payload_store *store, struct payload payload, size_t size,
                         uint32_t seed) {
    uint8_t *memory = malloc(size + 1);
    struct span expected = pattern(memory, size, seed);
    assert_true(span_equal(payload_span(store, payload), expected));
    free(memory);
}

static void count_release(void *data, void *hint) {
    free(data);
    ++*(int *)hint;
}

static struct payload_owner owner_of(size_t size, uint32_t seed, int *released) {
    uint8_t *memory = malloc(size);
    pattern(memory, size, seed);
    return (struct payload_owner){memory, size, count_release, released};
}

static void empty_bytes_are_handle_zero(void **state) {
    struct payload payload = payload_copy(*state, (struct span){NULL, 0});
    assert_int_equal(payload.handle, 0);
    assert_int_equal(payload.size, 0);
    payload_free(*state, payload.handle);
}

static void every_size_around_a_class_edge_comes_back_whole(void **state) {
    struct payload payloads[2100];
    uint8_t memory[2100];
    for (uint32_t size = 1; size < 2100; size++) {
        payloads[size] = payload_copy(*state, pattern(memory, size, size));
        assert_int_equal(payloads[size].size, size);
        assert_int_not_equal(payloads[size].handle, 0);
    }
    for (uint32_t size = 1; size < 2100; size++) {
        assert_holds(*state, payloads[size], size, size);
        payload_free(*state, payloads[size].handle);
    }
    struct payload_sums sums;
    payload_sums(*state, &sums);
    assert_int_equal(sums.count, 0);
    assert_int_equal(sums.bytes, 0);
}

static void random_frees_and_copies_never_mix_payloads(void **state) {
    struct payload *payloads = calloc(MANY, sizeof *payloads);
    uint32_t *seeds = calloc(MANY, sizeof *seeds);
    uint8_t memory[1200];
    uint32_t random = 1;
    for (uint32_t round = 0; round < 3 * MANY; round++) {
        random = random * 1664525 + 1013904223;
        uint32_t at = (random >> 8) % MANY;
        if (payloads[at].handle != 0) {
            assert_holds(*state, payloads[at], payloads[at].size, seeds[at]);
            payload_free(*state, payloads[at].handle);
            payloads[at].handle = 0;
        } else {
            seeds[at] = round;
            payloads[at] = payload_copy(*state, pattern(memory, random % 1200, round));
        }
    }
    for (uint32_t at = 0; at < MANY; at++) {
        payload_free(*state, payloads[at].handle);
    }
    free(payloads);
    free(seeds);
}

static void a_hundred_bytes_cost_hardly_more(void **state) {
    uint8_t memory[100];
    uint32_t *handles = calloc(MANY, sizeof *handles);
    for (uint32_t i = 0; i < MANY; i++) {
        handles[i] = payload_copy(*state, pattern(memory, 100, i)).handle;
    }
    struct payload_sums sums;
    payload_sums(*state, &sums);
    assert_int_equal(sums.count, MANY);
    assert_true(sums.memory_bytes < (uint64_t)MANY * 101);
    for (uint32_t i = 0; i < MANY; i++) {
        payload_free(*state, handles[i]);
    }
    free(handles);
}

static void emptied_regions_serve_other_sizes(void **state) {
    uint8_t memory[1000];
    uint32_t *handles = calloc(MANY, sizeof *handles);
    struct payload_sums before;
    struct payload_sums after;
    for (uint32_t i = 0; i < MANY; i++) {
        handles[i] = payload_copy(*state, pattern(memory, 100, i)).handle;
    }
    payload_sums(*state, &before);
    for (uint32_t i = 0; i < MANY; i++) {
        payload_free(*state, handles[i]);
    }
    for (uint32_t i = 0; i < MANY / 10; i++) {
        handles[i] = payload_copy(*state, pattern(memory, 1000, i)).handle;
    }
    payload_sums(*state, &after);
    assert_true(after.memory_bytes < before.memory_bytes * 11 / 10);
    for (uint32_t i = 0; i < MANY / 10; i++) {
        payload_free(*state, handles[i]);
    }
    free(handles);
}

static void large_memory_is_taken_over_not_copied(void **state) {
    int released = 0;
    struct payload_owner owner = owner_of(100000, 5, &released);
    struct payload payload = payload_take(*state, owner);
    assert_ptr_equal(payload_span(*state, payload).data, owner.data);
    assert_holds(*state, payload, 100000, 5);
    assert_int_equal(released, 0);
    payload_free(*state, payload.handle);
    assert_int_equal(released, 1);
}

static void small_memory_is_copied_and_released_at_once(void **state) {
    int released = 0;
    struct payload payload = payload_take(*state, owner_of(100, 6, &released));
    assert_int_equal(released, 1);
    assert_holds(*state, payload, 100, 6);
    payload_free(*state, payload.handle);
}

static void a_part_being_sent_outlives_its_handle(void **state) {
    int released = 0;
    struct payload payload = payload_take(*state, owner_of(100000, 7, &released));
    struct wire_part part = payload_part(*state, payload);
    assert_non_null(part.release);
    payload_free(*state, payload.handle);
    assert_int_equal(released, 0);
    assert_int_equal(((const uint8_t *)part.data)[3], (uint8_t)(7 * 31 + 3 * 7));
    part.release((void *)(uintptr_t)part.data, part.hint);
    assert_int_equal(released, 1);
}

static void parts_up_to_the_inline_limit_are_borrowed(void **state) {
    uint8_t *memory = malloc(WIRE_INLINE_MAX + 1);
    for (size_t size = WIRE_INLINE_MAX; size <= WIRE_INLINE_MAX + 1; size++) {
        struct payload payload = payload_copy(*state, pattern(memory, size, 9));
        struct wire_part part = payload_part(*state, payload);
        assert_int_equal(part.release != NULL, size > WIRE_INLINE_MAX);
        assert_int_equal(part.size, size);
        if (part.release != NULL) {
            part.release((void *)(uintptr_t)part.data, part.hint);
        }
        payload_free(*state, payload.handle);
    }
    free(memory);
}

static void *release_elsewhere(void *context) {
    struct wire_part *parts = context;
    for (size_t i = 0; i < 1000; i++) {
        parts[i].release((void *)(uintptr_t)parts[i].data, parts[i].hint);
    }
    return NULL;
}

static void parts_may_be_released_on_another_thread(void **state) {
    static struct wire_part parts[1000];
    int released = 0;
    pthread_t thread;
    struct payload payload = payload_take(*state, owner_of(50000, 1, &released));
    for (size_t i = 0; i < 1000; i++) {
        parts[i] = payload_part(*state, payload);
    }
    pthread_create(&thread, NULL, release_elsewhere, parts);
    payload_free(*state, payload.handle);
    pthread_join(thread, NULL);
    assert_int_equal(released, 1);
    struct payload_sums sums;
    payload_sums(*state, &sums);
    assert_int_equal(sums.bytes, 0);
}

static void destroying_the_store_releases_what_is_left(void **state) {
    (void)state;
    int released = 0;
    uint8_t memory[64];
    struct payload_store *store = payload_store_create();
    payload_take(store, owner_of(5000, 1, &released));
    payload_copy(store, pattern(memory, 64, 1));
    payload_store_destroy(&store);
    assert_null(store);
    assert_int_equal(released, 1);
    payload_store_destroy(&store);
}

#define STORE_TEST(name) cmocka_unit_test_setup_teardown(name, store_setup, store_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        STORE_TEST(empty_bytes_are_handle_zero),
        STORE_TEST(every_size_around_a_class_edge_comes_back_whole),
        STORE_TEST(random_frees_and_copies_never_mix_payloads),
        STORE_TEST(a_hundred_bytes_cost_hardly_more),
        STORE_TEST(emptied_regions_serve_other_sizes),
        STORE_TEST(large_memory_is_taken_over_not_copied),
        STORE_TEST(small_memory_is_copied_and_released_at_once),
        STORE_TEST(a_part_being_sent_outlives_its_handle),
        STORE_TEST(parts_up_to_the_inline_limit_are_borrowed),
        STORE_TEST(parts_may_be_released_on_another_thread),
        cmocka_unit_test(destroying_the_store_releases_what_is_left),
    };
    return cmocka_run_group_tests_name("payload", tests, NULL, NULL);
}
