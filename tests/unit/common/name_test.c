/* SPDX-License-Identifier: MIT
 *
 * Names of queues and pools. */
#include "testing.h"

#include "common/name.h"

static void every_byte_is_judged_by_the_alphabet(void **state) {
    (void)state;
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._{}-";
    for (int byte = 0; byte < 256; byte++) {
        uint8_t name[3] = {'a', (uint8_t)byte, 'z'};
        bool wanted = byte != 0 && strchr(alphabet, byte) != NULL;
        assert_int_equal(name_ok((struct span){name, 3}), wanted);
    }
}

static void a_name_has_1_to_128_bytes(void **state) {
    (void)state;
    uint8_t name[129];
    memset(name, 'n', sizeof name);
    assert_false(name_ok((struct span){NULL, 0}));
    assert_true(name_ok((struct span){name, 1}));
    assert_true(name_ok((struct span){name, 128}));
    assert_false(name_ok((struct span){name, 129}));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_byte_is_judged_by_the_alphabet),
        cmocka_unit_test(a_name_has_1_to_128_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
