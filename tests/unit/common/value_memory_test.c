/* SPDX-License-Identifier: MIT
 *
 * Values when memory runs out: the k-th allocation fails, for every k, and each call answers
 * NO_MEMORY, leaks nothing and leaves its arguments as they were. */
#include "testing.h"

#include "common/call.h"
#include "common/value.h"

void *__real_malloc(size_t size);
void *__real_realloc(void *data, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_realloc(void *data, size_t size);

static long allocations_left = -1; /* below 0: as many as are wanted */

static bool allocation_fails(void) {
    if (allocations_left < 0) {
        return false;
    }
    return allocations_left-- == 0;
}

void *__wrap_malloc(size_t size) {
    return allocation_fails() ? NULL : __real_malloc(size);
}

void *__wrap_realloc(void *data, size_t size) {
    return allocation_fails() ? NULL : __real_realloc(data, size);
}

/* Runs `step` with the first, second, third… allocation failing until it needs no more; returns how
 * many it needed. */
static int fail_each(wherry_err (*step)(void)) {
    for (int k = 0; k < 100; k++) {
        allocations_left = k;
        wherry_err err = step();
        bool all_used = allocations_left < 0;
        allocations_left = -1;
        if (!all_used) {
            assert_int_equal(err, WHERRY_OK);
            return k;
        }
        assert_int_equal(err, WHERRY_E_NO_MEMORY);
    }
    return -1;
}

static wherry_err step_build(void) {
    static const char text[1000] = "long enough for the buffer to grow a few times";
    wherry_value *value = NULL;
    wherry_err err = wherry_value_build(&value, "[i S S {sS}]", (int64_t)1, text, sizeof text, text,
                                        sizeof text, "key", text, sizeof text);
    assert_true((err == WHERRY_OK) == (value != NULL));
    wherry_value_release(&value);
    return err;
}

static void building_survives_every_failing_allocation(void **state) {
    (void)state;
    assert_in_range(fail_each(step_build), 2, 20);
}

static wherry_err step_copy(void) {
    wherry_value *value = NULL;
    wherry_err err = wherry_value_from_msgpack(&value, "\x91\xa1x", 3);
    assert_true((err == WHERRY_OK) == (value != NULL));
    wherry_value_release(&value);
    return err;
}

static void copying_survives_every_failing_allocation(void **state) {
    (void)state;
    assert_int_equal(fail_each(step_copy), 1);
}

static wherry_value *shared;

static wherry_err step_read(void) {
    const char *text = NULL;
    wherry_value *first = NULL;
    wherry_value *second = NULL;
    wherry_err err = wherry_value_read(shared, "[vsv]", &first, &text, &second);
    bool ok = err == WHERRY_OK;
    assert_true((first != NULL) == ok && (second != NULL) == ok && (text != NULL) == ok);
    wherry_value_release(&first);
    wherry_value_release(&second);
    return err;
}

static void reading_survives_every_failing_allocation_and_writes_nothing(void **state) {
    (void)state;
    /* Two values and the strings; these are kept once made, so that the last round needs two. */
    assert_int_equal(wherry_value_build(&shared, "[isi]", (int64_t)1, "x", (int64_t)2), WHERRY_OK);
    assert_in_range(fail_each(step_read), 2, 3);
    wherry_value_release(&shared);
}

static wherry_err step_at(void) {
    wherry_value *item = NULL;
    wherry_err err = wherry_value_at(shared, 1, &item);
    assert_true((err == WHERRY_OK) == (item != NULL));
    wherry_value_release(&item);
    return err;
}

static void taking_an_item_survives_a_failing_allocation(void **state) {
    (void)state;
    assert_int_equal(wherry_value_build(&shared, "[ii]", (int64_t)1, (int64_t)2), WHERRY_OK);
    assert_int_equal(fail_each(step_at), 1);
    wherry_value_release(&shared);
}

static wherry_err encode(struct bytes *out, const char *picture, ...) {
    va_list arguments;
    va_start(arguments, picture);
    wherry_err err = call_encode_picture(out, picture, arguments);
    va_end(arguments);
    return err;
}

static wherry_err step_call_one(void) {
    struct bytes bytes = BYTES_EMPTY;
    wherry_err err = encode(&bytes, "y", "data", (size_t)4);
    bytes_free(&bytes);
    return err;
}

static wherry_err step_call_many(void) {
    static const char text[1000] = "long";
    struct bytes bytes = BYTES_EMPTY;
    wherry_err err = encode(&bytes, "iS;S", (int64_t)1, text, sizeof text, "k", text, sizeof text);
    assert_true(err == WHERRY_OK || bytes.size == 0);
    bytes_free(&bytes);
    return err;
}

static void encoding_a_call_survives_every_failing_allocation(void **state) {
    (void)state;
    assert_int_equal(fail_each(step_call_one), 1);
    assert_in_range(fail_each(step_call_many), 2, 20);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(building_survives_every_failing_allocation),
        cmocka_unit_test(copying_survives_every_failing_allocation),
        cmocka_unit_test(reading_survives_every_failing_allocation_and_writes_nothing),
        cmocka_unit_test(taking_an_item_survives_a_failing_allocation),
        cmocka_unit_test(encoding_a_call_survives_every_failing_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
