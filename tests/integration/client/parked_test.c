/* SPDX-License-Identifier: MIT
 *
 * Calls that wait at a full queue of a real broker: what they do to the other calls of their
 * connection. */
#include "crew.h"

#include <stdio.h>

/* Both names lie in one slot: what waits in one counts against the window of the other. */
#define QUEUE_FULL "{site}full"
#define QUEUE_WIDE "{site}wide"

struct site {
    struct crew crew;
    wherry_pool *full; /* takes one call; nobody serves it */
    wherry_pool *wide;
    wherry_async *first;
};

static wherry_async *call(wherry_pool *pool, int64_t number) {
    wherry_async *async = NULL;
    assert_int_equal(wherry_pool_apply_async(pool, "square", NULL, &async, "i", number), WHERRY_OK);
    return async;
}

static struct site site_open(struct sandbox *box) {
    struct site site = {.crew = crew_open(box, NULL, NULL, NULL)};
    wherry_connection *connection = site.crew.connection;
    assert_int_equal(wherry_queue_set(connection, QUEUE_FULL, 1, 0, 5000), WHERRY_OK);
    assert_int_equal(wherry_pool_open(connection, QUEUE_FULL, &site.full), WHERRY_OK);
    assert_int_equal(wherry_pool_open(connection, QUEUE_WIDE, &site.wide), WHERRY_OK);
    site.first = call(site.full, 0);
    assert_int_equal(wherry_async_accepted(site.first, sandbox_left_ms(box)), WHERRY_OK);
    return site;
}

static void site_close(struct site *site) {
    wherry_async_release(&site->first);
    wherry_pool_release(&site->full);
    wherry_pool_release(&site->wide);
    crew_close(&site->crew);
}

/* The one that waits would end the window of 65,536 numbers, if it kept its own. */
static void one_that_waits_lets_eighty_thousand_others_pass(void **state) {
    struct site site = site_open(*state);
    wherry_async *waits = call(site.full, 1);
    char id[64];
    snprintf(id, sizeof id, "%s", wherry_async_id(waits));
    wherry_call_options forget = {.size = sizeof forget, .no_result = true, .wait_ms = 20000};
    for (int64_t i = 0; i < 80000; i++) {
        wherry_err err = wherry_pool_apply_async(site.wide, "square", &forget, NULL, "i", i);
        if (err != WHERRY_OK) {
            fail_msg("call %lld: %s", (long long)i, wherry_last_error());
        }
    }
    wherry_async *last = call(site.wide, 0);
    assert_int_equal(wherry_async_accepted(last, sandbox_left_ms(site.crew.box)), WHERRY_OK);
    assert_int_equal(wherry_async_accepted(waits, 0), WHERRY_E_TIMEOUT);
    assert_string_equal(wherry_async_id(waits), id);
    assert_int_equal(wherry_async_cancel(site.first), WHERRY_OK);
    assert_int_equal(wherry_async_accepted(waits, sandbox_left_ms(site.crew.box)), WHERRY_OK);
    assert_int_equal(wherry_task_cancel(site.crew.connection, id, 5000, NULL), WHERRY_OK);
    crew_outcome(&site.crew, waits, WHERRY_E_CANCELLED);
    wherry_async_release(&waits);
    wherry_async_release(&last);
    site_close(&site);
}

static void six_that_wait_do_not_hold_up_another_queue(void **state) {
    struct site site = site_open(*state);
    wherry_async *waits[6];
    for (int64_t i = 0; i < 6; i++) {
        waits[i] = call(site.full, i);
        assert_int_equal(wherry_async_accepted(waits[i], 20), WHERRY_E_TIMEOUT);
    }
    wherry_async *other = call(site.wide, 7);
    assert_int_equal(wherry_async_accepted(other, sandbox_left_ms(site.crew.box)), WHERRY_OK);
    wherry_async_release(&other);
    for (int64_t i = 0; i < 6; i++) {
        wherry_async_release(&waits[i]);
    }
    site_close(&site);
}

/* What has no room behind a full queue waits in the call: the broker is no second store. */
static void a_full_queue_makes_its_own_callers_wait(void **state) {
    struct site site = site_open(*state);
    wherry_call_options options = {.size = sizeof options, .no_result = true, .wait_ms = 1000};
    wherry_err err = WHERRY_OK;
    int64_t taken = 0;
    while (err == WHERRY_OK && taken < 200000) {
        err = wherry_pool_apply_async(site.full, "square", &options, NULL, "i", taken);
        taken += err == WHERRY_OK;
    }
    assert_int_equal(err, WHERRY_E_FULL);
    assert_true(taken >= 4096);
    site_close(&site);
}

#define IN_SANDBOX(test) cmocka_unit_test_setup_teardown(test, sandbox_setup, sandbox_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_SANDBOX(one_that_waits_lets_eighty_thousand_others_pass),
        IN_SANDBOX(six_that_wait_do_not_hold_up_another_queue),
        IN_SANDBOX(a_full_queue_makes_its_own_callers_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
