/* SPDX-License-Identifier: MIT
 *
 * The engine's small tools: slab, map, timers, treap, runs, record coder, effect list. */
#include "broker/core/answers.h"
#include "broker/core/ages.h"
#include "broker/core/coder.h"
#include "broker/core/emit.h"
#include "broker/core/map.h"
#include "broker/core/task.h"
#include "broker/core/timer.h"
#include "broker/core/treap.h"
#include "common/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MANY = 3000 };

static void a_slab_reuses_what_was_freed_last_and_never_moves(void **state) {
    (void)state;
    struct slab slab;
    slab_init(&slab, 24, 3);
    uint8_t *first = slab_at(&slab, slab_take(&slab));
    for (uint32_t i = 2; i <= MANY; i++) {
        assert_int_equal(slab_take(&slab), i);
    }
    assert_ptr_equal(slab_at(&slab, 1), first);
    memset(slab_at(&slab, 7), 0xff, 24);
    slab_free(&slab, 7);
    slab_free(&slab, 9);
    assert_int_equal(slab_take(&slab), 9);
    assert_int_equal(slab_take(&slab), 7);
    static const uint8_t zero[24] = {0};
    assert_memory_equal(slab_at(&slab, 7), zero, 24);
    assert_false(slab_holds(&slab, 0));
    assert_false(slab_holds(&slab, MANY + 1));
    slab_fini(&slab);
}

static void a_map_finds_what_is_in_it_and_nothing_else(void **state) {
    (void)state;
    struct map map;
    map_init(&map);
    for (uint32_t i = 1; i <= MANY; i++) {
        map_put(&map, map_hash(i), i);
    }
    for (uint32_t i = 1; i <= MANY; i += 2) {
        map_drop(&map, map_hash(i), i);
    }
    for (uint32_t i = 1; i <= MANY; i++) {
        assert_int_equal(map_find(&map, map_hash(i), NULL, NULL), i % 2 == 0 ? i : 0);
    }
    map_fini(&map);
}

static bool is_seven(const void *context, uint32_t value) {
    (void)context;
    return value == 7;
}

static void a_map_tells_equal_hashes_apart(void **state) {
    (void)state;
    struct map map;
    map_init(&map);
    map_put(&map, 1, 6);
    map_put(&map, 1, 7);
    map_put(&map, 1, 8);
    assert_int_equal(map_find(&map, 1, is_seven, NULL), 7);
    map_drop(&map, 1, 7);
    assert_int_equal(map_find(&map, 1, is_seven, NULL), 0);
    map_fini(&map);
}

static void timers_expire_in_order_and_can_be_stopped(void **state) {
    (void)state;
    struct timers timers;
    struct rng rng;
    uint32_t handles[MANY];
    timers_init(&timers);
    rng_init(&rng, 7);
    for (uint32_t i = 0; i < MANY; i++) {
        handles[i] = timer_start(&timers, (int64_t)rng_below(&rng, 1000), TIMER_TASK, i);
    }
    for (uint32_t i = 0; i < MANY; i += 3) {
        timer_stop(&timers, &handles[i]);
    }
    assert_null(timers_audit(&timers));
    enum timer_kind kind;
    uint32_t owner;
    int64_t last = 0;
    uint32_t count = 0;
    while (timers_next(&timers) != INT64_MAX) {
        int64_t due = timers_next(&timers);
        assert_true(due >= last);
        assert_false(timers_expire(&timers, due - 1, &kind, &owner));
        assert_true(timers_expire(&timers, due, &kind, &owner));
        assert_int_not_equal(owner % 3, 0);
        last = due;
        count++;
    }
    assert_int_equal(count, MANY - MANY / 3);
    timers_fini(&timers);
}

static void equal_deadlines_are_due_in_the_order_of_their_starting(void **state) {
    (void)state;
    struct timers timers;
    timers_init(&timers);
    for (uint32_t i = 0; i < 100; i++) {
        (void)timer_start(&timers, 5, TIMER_TASK, i);
    }
    enum timer_kind kind;
    uint32_t owner;
    for (uint32_t i = 0; i < 100; i++) {
        assert_true(timers_expire(&timers, 5, &kind, &owner));
        assert_int_equal(owner, i);
    }
    timers_fini(&timers);
}

struct walk {
    const struct slab *tasks;
    uint64_t last;
    uint32_t count;
};

static bool rises(void *context, uint32_t task) {
    struct walk *walk = context;
    uint64_t arrival = task_arrival(slab_at(walk->tasks, task));
    bool ok = arrival > walk->last;
    walk->last = arrival;
    walk->count++;
    return ok;
}

static void a_treap_keeps_the_order_of_arrival(void **state) {
    (void)state;
    struct slab tasks;
    struct rng rng;
    uint32_t root = 0;
    slab_init(&tasks, sizeof(struct task), 8);
    rng_init(&rng, 3);
    for (uint32_t i = 1; i <= MANY; i++) {
        uint32_t task = slab_take(&tasks);
        task_set_arrival(slab_at(&tasks, task), (uint64_t)i * 7919 % 65537);
        treap_insert(&tasks, &root, task);
    }
    for (uint32_t removed = 0; removed < MANY / 2;) {
        uint32_t task = 1 + (uint32_t)rng_below(&rng, MANY);
        struct task *record = slab_at(&tasks, task);
        if (record->state == TASK_FREE) {
            treap_remove(&tasks, &root, task);
            record->state = TASK_KEPT;
            removed++;
        }
    }
    struct walk walk = {.tasks = &tasks};
    assert_true(treap_walk(&tasks, root, rises, &walk));
    assert_int_equal(walk.count, MANY - MANY / 2);
    for (uint64_t last = 0; root != 0;) {
        uint32_t first = treap_first(&tasks, root);
        assert_true(task_arrival(slab_at(&tasks, first)) > last);
        last = task_arrival(slab_at(&tasks, first));
        treap_remove(&tasks, &root, first);
    }
    slab_fini(&tasks);
}

static void runs_join_and_split(void **state) {
    (void)state;
    struct answers answers = {0};
    bool there[200] = {false};
    struct rng rng;
    rng_init(&rng, 11);
    for (int i = 0; i < 400; i++) {
        uint64_t number = 1 + rng_below(&rng, 199);
        runs_add(&answers.accepted, number);
        there[number] = true;
    }
    for (uint64_t number = 1; number < 200; number++) {
        assert_int_equal(runs_have(&answers.accepted, number), there[number]);
    }
    assert_true(answers_acknowledge(&answers, 100));
    assert_false(answers_acknowledge(&answers, 99));
    uint32_t err = 0;
    assert_int_equal(answers_find(&answers, 100, &err), ANSWER_ACKED);
    for (uint64_t number = 101; number < 200; number++) {
        assert_int_equal(answers_find(&answers, number, &err),
                         there[number] ? ANSWER_ACCEPTED : ANSWER_NONE);
    }
    answers_fini(&answers);
}

static void single_answers_are_remembered_until_acknowledged(void **state) {
    (void)state;
    struct answers answers = {0};
    uint32_t err = 0;
    struct answer_single full = {.number = 9, .err = WHERRY_E_FULL};
    struct answer_single never = {.number = 5, .err = WHERRY_E_UNKNOWN, .stored = true};
    answers_add_single(&answers, full);
    answers_add_single(&answers, never);
    full.err = WHERRY_E_TOO_LARGE; /* the first one counts */
    answers_add_single(&answers, full);
    assert_int_equal(answers_find(&answers, 9, &err), ANSWER_SINGLE);
    assert_int_equal(err, WHERRY_E_FULL);
    (void)answers_acknowledge(&answers, 5);
    assert_int_equal(answers_find(&answers, 5, &err), ANSWER_ACKED);
    assert_int_equal(answers_find(&answers, 9, &err), ANSWER_SINGLE);
    answers_fini(&answers);
}

static void renumbered_requests_are_followed_to_their_last_number(void **state) {
    (void)state;
    struct answers answers = {0};
    struct answer_single single = {.number = 3, .ahead = 4, .err = WHERRY_E_RENUMBERED};
    answers_add_single(&answers, single);
    single.number = 7;
    single.ahead = 70000;
    answers_add_single(&answers, single);
    assert_int_equal(answers_follow(&answers, 3), 70007);
    assert_int_equal(answers_follow(&answers, 7), 70007);
    assert_int_equal(answers_follow(&answers, 4), 4);
    answers_fini(&answers);
}

static void a_head_is_read_back_and_damage_is_noticed(void **state) {
    (void)state;
    struct bytes head = BYTES_EMPTY;
    coder_put(&head, 1, 1);
    coder_put(&head, UINT64_C(0x123456789abcdef0), 8);
    coder_put_text(&head, span_of_text("queue"));
    coder_seal(&head, 0);
    struct coder_in in;
    assert_true(coder_open(bytes_span(&head), &in));
    assert_int_equal(coder_get(&in, 1), 1);
    assert_true(coder_get(&in, 8) == UINT64_C(0x123456789abcdef0));
    assert_true(span_equal(coder_get_text(&in), span_of_text("queue")));
    assert_true(coder_done(&in));
    (void)coder_get(&in, 4);
    assert_false(coder_done(&in));
    for (size_t i = 0; i < head.size; i++) {
        head.data[i] ^= 0x10;
        assert_false(coder_open(bytes_span(&head), &in));
        head.data[i] ^= 0x10;
        assert_false(coder_open((struct span){head.data, i}, &in));
    }
    bytes_free(&head);
}

static void effects_move_with_all_they_point_to(void **state) {
    (void)state;
    struct effects from;
    struct effects to;
    effects_init(&from);
    effects_init(&to);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 200; i++) {
            struct span text = effects_copy(&from, span_of_text("a text that is copied"));
            effects_add(&from, EFFECT_LOG, 0)->log.text = text;
            (void)effects_alloc(&from, 4000);
        }
        (void)effects_alloc(&from, 200000);
        effects_append_all(&to, &from);
        effects_clear(&from);
        assert_int_equal(to.count, 200);
        for (uint32_t i = 0; i < to.count; i++) {
            assert_true(span_equal(to.items[i].log.text, span_of_text("a text that is copied")));
        }
        effects_clear(&to);
    }
    effects_fini(&from);
    effects_fini(&to);
}

static void ages_get_coarser_not_wrong(void **state) {
    (void)state;
    struct ages ages = {0};
    for (uint64_t i = 1; i <= 1000; i++) {
        ages_note(&ages, i * 10, (int64_t)i * 20000);
    }
    for (uint64_t arrival = 20; arrival < 10000; arrival += 7) {
        int64_t at = ages_time_us(&ages, arrival, 30000000);
        int64_t true_us = (int64_t)(arrival / 10) * 20000;
        assert_true(at <= true_us && at > true_us - 20000 * 128);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_slab_reuses_what_was_freed_last_and_never_moves),
        cmocka_unit_test(a_map_finds_what_is_in_it_and_nothing_else),
        cmocka_unit_test(a_map_tells_equal_hashes_apart),
        cmocka_unit_test(timers_expire_in_order_and_can_be_stopped),
        cmocka_unit_test(equal_deadlines_are_due_in_the_order_of_their_starting),
        cmocka_unit_test(a_treap_keeps_the_order_of_arrival),
        cmocka_unit_test(runs_join_and_split),
        cmocka_unit_test(single_answers_are_remembered_until_acknowledged),
        cmocka_unit_test(renumbered_requests_are_followed_to_their_last_number),
        cmocka_unit_test(a_head_is_read_back_and_damage_is_noticed),
        cmocka_unit_test(effects_move_with_all_they_point_to),
        cmocka_unit_test(ages_get_coarser_not_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
