/* SPDX-License-Identifier: MIT
 *
 * What every store promises (broker/store/store.h), run on each kind of them: a further one is one
 * more line in `kinds`. */
#include "tests/unit/broker/store/shelf.h"

#include "common/rng.h"
#include "common/wire/wire.h"

#include <stdio.h>

static const struct shelf_size SMALL = {80, 100};

static struct shelf *shelf_of(void **state) {
    return *state;
}

static void what_was_committed_is_found_by_the_next_start(void **state) {
    struct shelf *shelf = shelf_of(state);
    shelf_put(shelf, RECORD_STORE, 0, 0, (struct shelf_size){60, 0});
    shelf_put(shelf, RECORD_TASK, 7, 1, SMALL);
    shelf_put(shelf, RECORD_TASK, 7, 2, (struct shelf_size){80, 0});
    shelf_commit(shelf);
    shelf_reopen(shelf);
    shelf_expect(shelf);
    shelf_expect(shelf); /* reading changes nothing */
}

static void a_new_store_is_empty(void **state) {
    shelf_expect(shelf_of(state));
}

static void records_come_by_kind_then_slot_then_arrival(void **state) {
    struct shelf *shelf = shelf_of(state);
    for (uint64_t arrival = 20; arrival > 0; arrival--) {
        for (uint32_t kind = RECORD_TASK; kind >= RECORD_STORE; kind--) {
            shelf_put(shelf, (enum record_kind)kind, (uint16_t)(arrival * 997 % 4096), arrival,
                      SMALL);
        }
        shelf_commit(shelf);
    }
    shelf_reopen(shelf);
    shelf_expect(shelf);
}

static void of_one_key_the_last_change_counts(void **state) {
    struct shelf *shelf = shelf_of(state);
    shelf_put(shelf, RECORD_TASK, 1, 1, SMALL);
    shelf_put(shelf, RECORD_TASK, 1, 1, (struct shelf_size){20, 700});
    shelf_put(shelf, RECORD_TASK, 1, 2, SMALL);
    shelf_delete(shelf, RECORD_TASK, 1, 2);
    shelf_put(shelf, RECORD_TASK, 1, 3, SMALL);
    shelf_commit(shelf);
    shelf_delete(shelf, RECORD_TASK, 1, 3);
    shelf_put(shelf, RECORD_TASK, 1, 3, (struct shelf_size){9, 9});
    shelf_delete(shelf, RECORD_TASK, 1, 4); /* was never there */
    shelf_commit(shelf);
    shelf_reopen(shelf);
    shelf_expect(shelf);
}

static void an_empty_batch_is_committed_too(void **state) {
    struct shelf *shelf = shelf_of(state);
    shelf_commit(shelf);
    shelf_commit(shelf);
    assert_int_equal(store_committed(shelf->store), 2);
}

static void each_start_has_a_higher_epoch(void **state) {
    struct shelf *shelf = shelf_of(state);
    struct store_identity before = shelf->identity;
    for (int i = 0; i < 5; i++) {
        shelf_reopen(shelf);
        assert_true(shelf->identity.epoch > before.epoch);
        bool same = memcmp(shelf->identity.uuid, before.uuid, sizeof before.uuid) == 0;
        assert_int_equal(same, before.keeps);
        before = shelf->identity;
    }
}

static void large_records_come_back_whole(void **state) {
    static const uint32_t sizes[] = {1999,  2000,   4096,   65000,   65503,     65504,
                                     65505, 131008, 131009, 1 << 20, (5 << 20) + 3};
    struct shelf *shelf = shelf_of(state);
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        shelf_put(shelf, RECORD_TASK, 5, i, (struct shelf_size){80, sizes[i] - 80});
        shelf_put(shelf, RECORD_SESSION, 0, i, (struct shelf_size){sizes[i], 0});
        shelf_put(shelf, RECORD_TASK, 6, 100 + i, (struct shelf_size){sizes[i], 70000});
    }
    shelf_commit(shelf);
    shelf_reopen(shelf);
    shelf_expect(shelf);
}

static void the_largest_payload_fits(void **state) {
    struct shelf *shelf = shelf_of(state);
    shelf_put(shelf, RECORD_TASK, 5, 1, (struct shelf_size){80, WIRE_PAYLOAD_MAX});
    shelf_commit(shelf);
    shelf_reopen(shelf);
    shelf_expect(shelf);
}

static void a_large_record_leaves_nothing_of_itself_behind(void **state) {
    struct shelf *shelf = shelf_of(state);
    for (uint64_t arrival = 1; arrival <= 4; arrival++) {
        shelf_put(shelf, RECORD_TASK, 5, arrival, (struct shelf_size){80, 300000});
    }
    shelf_commit(shelf);
    shelf_put(shelf, RECORD_TASK, 5, 1, SMALL);                            /* smaller */
    shelf_put(shelf, RECORD_TASK, 5, 2, (struct shelf_size){80, 200000}); /* fewer pieces */
    shelf_put(shelf, RECORD_TASK, 5, 3, (struct shelf_size){80, 400000}); /* more */
    shelf_delete(shelf, RECORD_TASK, 5, 4);
    shelf_commit(shelf);
    shelf_reopen(shelf);
    shelf_expect(shelf);
}

static void a_batch_may_hold_sixteen_mebibytes_of_small_ones(void **state) {
    struct shelf *shelf = shelf_of(state);
    for (uint64_t arrival = 1; arrival <= 90000; arrival++) {
        shelf_put(shelf, RECORD_TASK, 5, arrival, SMALL);
    }
    shelf_commit(shelf);
    for (uint64_t arrival = 90000; arrival > 10; arrival--) {
        shelf_delete(shelf, RECORD_TASK, 5, arrival);
    }
    shelf_commit(shelf);
    shelf_reopen(shelf);
    shelf_expect(shelf);
}

/* ---- against the model ----------------------------------------------------------------------- */

static struct shelf_size random_size(struct rng *rng) {
    if (rng_chance(rng, 3000)) {
        return (struct shelf_size){(uint32_t)rng_below(rng, 200), (uint32_t)rng_below(rng, 300000)};
    }
    return (struct shelf_size){(uint32_t)rng_below(rng, 150), (uint32_t)rng_below(rng, 400)};
}

/* As the engine does it: new arrivals grow; what is overwritten or deleted is anywhere. */
static void random_change(struct shelf *shelf, struct rng *rng, uint64_t *arrival) {
    uint64_t dice = rng_below(rng, 10);
    uint64_t old = 1 + rng_below(rng, *arrival);
    if (dice < 3) {
        ++*arrival;
        shelf_put(shelf, RECORD_TASK, (uint16_t)(*arrival % 3 * 1000), *arrival, random_size(rng));
    } else if (dice < 6) {
        shelf_put(shelf, RECORD_TASK, (uint16_t)(old % 3 * 1000), old, random_size(rng));
    } else if (dice < 9) {
        shelf_delete(shelf, RECORD_TASK, (uint16_t)(old % 3 * 1000), old);
    } else {
        shelf_put(shelf, RECORD_SESSION, 0, rng_next(rng) >> rng_below(rng, 60), random_size(rng));
    }
}

static void thousands_of_random_changes_leave_what_the_model_says(void **state) {
    struct shelf *shelf = shelf_of(state);
    struct rng rng;
    uint64_t arrival = 1;
    rng_init(&rng, 20261);
    for (int round = 0; round < 15; round++) {
        for (int batch = 0; batch < 5; batch++) {
            for (uint64_t changes = rng_below(&rng, 150); changes > 0; changes--) {
                random_change(shelf, &rng, &arrival);
            }
            shelf_commit(shelf);
        }
        shelf_reopen(shelf);
        if (rng_chance(&rng, 800000)) { /* else it goes on without having scanned */
            shelf_expect(shelf);
        }
    }
    shelf_reopen(shelf);
    shelf_expect(shelf);
}

/* ---- the port -------------------------------------------------------------------------------- */

static void a_commit_is_told_by_the_descriptor(void **state) {
    struct shelf *shelf = shelf_of(state);
    shelf_put(shelf, RECORD_TASK, 1, 1, SMALL);
    shelf_begin_commit(shelf);
    if (store_fd(shelf->store) < 0) { /* then it is done at once */
        assert_int_equal(store_committed(shelf->store), 1);
    }
    assert_int_equal(shelf_end_commit(shelf), WHERRY_OK);
    assert_int_equal(store_failed(shelf->store), WHERRY_OK);
    assert_true(store_has_space(shelf->store));
}

static void a_commit_under_way_is_finished_by_close(void **state) {
    struct shelf *shelf = shelf_of(state);
    for (uint64_t arrival = 1; arrival <= 1000; arrival++) {
        shelf_put(shelf, RECORD_TASK, 1, arrival, SMALL);
    }
    shelf_begin_commit(shelf);
    shelf_reopen(shelf);
    shelf_expect(shelf);
}

static wherry_err refuse_second(void *context, const struct store_change *found) {
    (void)found;
    return ++*(int *)context == 2 ? WHERRY_E_LIMIT : WHERRY_OK;
}

static void whoever_receives_the_scan_can_end_it(void **state) {
    struct shelf *shelf = shelf_of(state);
    int count = 0;
    for (uint64_t arrival = 1; arrival <= 5; arrival++) {
        shelf_put(shelf, RECORD_TASK, 1, arrival, SMALL);
    }
    shelf_commit(shelf);
    shelf_reopen(shelf);
    bool keeps = shelf->identity.keeps;
    assert_int_equal(store_scan(shelf->store, refuse_second, &count),
                     keeps ? WHERRY_E_LIMIT : WHERRY_OK);
    assert_int_equal(count, keeps ? 2 : 0);
}

/* ---- the kinds ------------------------------------------------------------------------------- */

static const struct kind {
    const char *scheme;
    const char *settings;
} kinds[] = {{"memory:", ""}, {"lmdb:", "?reserve=1M"}};

static const struct kind *running;

static int setup(void **state) {
    *state = shelf_open(running->scheme, running->settings);
    return 0;
}

static int teardown(void **state) {
    shelf_close((struct shelf **)state);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    static const struct CMUnitTest tests[] = {
        TEST(a_new_store_is_empty),
        TEST(what_was_committed_is_found_by_the_next_start),
        TEST(records_come_by_kind_then_slot_then_arrival),
        TEST(of_one_key_the_last_change_counts),
        TEST(an_empty_batch_is_committed_too),
        TEST(each_start_has_a_higher_epoch),
        TEST(large_records_come_back_whole),
        TEST(the_largest_payload_fits),
        TEST(a_large_record_leaves_nothing_of_itself_behind),
        TEST(a_batch_may_hold_sixteen_mebibytes_of_small_ones),
        TEST(thousands_of_random_changes_leave_what_the_model_says),
        TEST(a_commit_is_told_by_the_descriptor),
        TEST(a_commit_under_way_is_finished_by_close),
        TEST(whoever_receives_the_scan_can_end_it),
    };
    int failed = 0;
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        running = &kinds[i];
        failed += cmocka_run_group_tests_name(running->scheme, tests, NULL, NULL);
    }
    return failed;
}
