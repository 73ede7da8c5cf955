/* SPDX-License-Identifier: MIT
 *
 * HELLO in its three shapes, and the example of docs/protocol.md byte for byte. */
#include "testing.h"

#include "common/wire/pack.h"

static struct wire_out out;

static int out_setup(void **state) {
    (void)state;
    wire_out_init(&out);
    return 0;
}

static int out_teardown(void **state) {
    (void)state;
    wire_out_fini(&out);
    return 0;
}

static struct wire_hello hello_of(enum wire_peer peer) {
    return (struct wire_hello){.peer = peer, .version_min = 1, .version_max = 1,
                               .secret = SPAN("0123456789abcdef"), .label = SPAN("demo")};
}

static void the_example_of_the_protocol_page_is_what_is_written(void **state) {
    (void)state;
    static const uint8_t example[] = {
        0x9c, 0x01, 0x00, 0x01, 0x01, 0x00, 0xc2,                         /* type … resume */
        0xcf, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88,             /* session */
        0xc4, 0x10, 0x30, 0x31, 0x32, 0x33, 0x34, 0x35, 0x36, 0x37,       /* secret */
        0x38, 0x39, 0x61, 0x62, 0x63, 0x64, 0x65, 0x66,
        0x93, 0x00, 0x00, 0x00,                                           /* parent */
        0xa4, 0x64, 0x65, 0x6d, 0x6f,                                     /* label "demo" */
        0xcd, 0x12, 0x67,                                                 /* pid 4711 */
        0xc0,                                                             /* X of a client */
    };
    struct wire_hello hello = hello_of(WIRE_CLIENT);
    hello.session = UINT64_C(0x1122334455667788);
    hello.pid = 4711;
    wire_hello_begin(&out, &hello, 0, 0);
    wire_hello_end(&out);
    assert_int_equal(out.body.size, sizeof example);
    assert_memory_equal(out.body.data, example, sizeof example);
}

static void a_client_comes_back(void **state) {
    (void)state;
    struct wire_hello hello = hello_of(WIRE_CLIENT);
    hello.features = 6;
    hello.resume = true;
    hello.session = 7;
    hello.parent = 8;
    hello.attempt = (struct token){9, 10};
    hello.pid = -1;
    wire_hello_begin(&out, &hello, 0, 0);
    wire_hello_end(&out);
    struct wire_message message = wire_out_message(&out);
    struct wire_hello got;
    assert_int_equal(wire_get_hello(&message, &got), WHERRY_OK);
    assert_true(got.peer == WIRE_CLIENT && got.version_min == 1 && got.version_max == 1);
    assert_true(got.features == 6 && got.resume && got.session == 7 && got.parent == 8);
    assert_true(got.attempt.epoch == 9 && got.attempt.counter == 10 && got.pid == -1);
    assert_span(got.secret, "0123456789abcdef");
    assert_span(got.label, "demo");
    assert_int_equal(got.functions.left + got.places.left + got.held.left, 0);
}

static void host_write(uint32_t functions, uint32_t places) {
    struct wire_hello hello = hello_of(WIRE_HOST);
    hello.pool = SPAN("default");
    hello.processes = 4;
    wire_hello_begin(&out, &hello, functions, places);
    for (uint32_t i = 0; i < functions; i++) {
        wire_hello_function(&out, SPAN("f"));
    }
    for (uint32_t i = 0; i < places; i++) {
        wire_hello_place(&out, &(struct wire_place){.place = i, .alive = i == 0, .generation = 5,
                                                    .started = 6}, i);
        for (uint32_t k = 0; k < i; k++) {
            struct wire_attempt attempt = {{.session = 3}, {4, k + 1}, k % 2 == 0};
            attempt.id.number = k + 1;
            wire_hello_attempt(&out, &attempt);
        }
    }
    wire_hello_end(&out);
}

static void a_host_comes_back_with_functions_places_and_attempts(void **state) {
    (void)state;
    host_write(2, 3);
    struct wire_message message = wire_out_message(&out);
    struct wire_hello got;
    assert_int_equal(wire_get_hello(&message, &got), WHERRY_OK);
    assert_span(got.pool, "default");
    assert_true(got.processes == 4 && got.functions.left == 2 && got.places.left == 3);
    struct span name;
    while (wire_next_name(&got.functions, &name)) {
        assert_span(name, "f");
    }
    struct wire_place place;
    for (uint32_t i = 0; i < 3; i++) {
        assert_true(wire_next_place(&got.places, &place));
        assert_true(place.place == i && place.alive == (i == 0) && place.attempts.left == i);
        struct wire_attempt attempt;
        for (uint32_t k = 0; k < i; k++) {
            assert_true(wire_next_attempt(&place.attempts, &attempt));
            assert_true(attempt.id.number == k + 1 && attempt.token.counter == k + 1);
        }
    }
    assert_false(wire_next_place(&got.places, &place));
}

static void a_host_may_have_neither_functions_nor_places(void **state) {
    (void)state;
    for (uint32_t shape = 0; shape < 4; shape++) {
        host_write(shape & 1, shape >> 1);
        struct wire_message message = wire_out_message(&out);
        struct wire_hello got;
        assert_int_equal(wire_get_hello(&message, &got), WHERRY_OK);
        assert_true(got.functions.left == (shape & 1) && got.places.left == shape >> 1);
    }
}

static void a_full_gate_in_every_place_is_announced(void **state) {
    (void)state;
    struct wire_hello hello = hello_of(WIRE_HOST);
    hello.pool = SPAN("default");
    wire_hello_begin(&out, &hello, 0, 32);
    struct wire_attempt attempt = {{.session = 3}, {4, 5}, true};
    for (uint32_t i = 0; i < 32; i++) {
        wire_hello_place(&out, &(struct wire_place){.place = i}, 4096);
        for (uint32_t k = 0; k < 4096; k++) {
            wire_hello_attempt(&out, &attempt);
        }
    }
    wire_hello_end(&out);
    struct wire_message message = wire_out_message(&out);
    struct wire_hello got;
    assert_int_equal(wire_get_hello(&message, &got), WHERRY_OK);
    assert_int_equal(got.places.left, 32);
}

static void a_child_comes_back_with_what_it_holds(void **state) {
    (void)state;
    static const uint8_t large[WIRE_INLINE_MAX + 1];
    struct wire_hello hello = hello_of(WIRE_CHILD);
    hello.place = 1;
    hello.generation = 2;
    hello.started = 3;
    wire_hello_begin(&out, &hello, 0, 0);
    struct wire_held held = {{.session = 4}, {5, 6}, WIRE_FAILED, SPAN("why")};
    held.id.number = 7;
    wire_hello_held(&out, &held);
    for (int i = 0; i < WIRE_FRAMES_MAX; i++) { /* more than there are frames: the rest is inline */
        held.payload = (struct span){large, sizeof large};
        wire_hello_held(&out, &held);
    }
    wire_hello_end(&out);
    struct wire_message message = wire_out_message(&out);
    assert_int_equal(message.count, WIRE_FRAMES_MAX);
    struct wire_hello got;
    assert_int_equal(wire_get_hello(&message, &got), WHERRY_OK);
    assert_true(got.place == 1 && got.generation == 2 && got.started == 3);
    assert_int_equal(got.held.left, 1 + WIRE_FRAMES_MAX);
    struct wire_held read;
    assert_true(wire_next_held(&got.held, &read));
    assert_true(task_id_equal(read.id, held.id) && token_equal(read.token, held.token));
    assert_int_equal(read.status, WIRE_FAILED);
    assert_span(read.payload, "why");
    while (wire_next_held(&got.held, &read)) {
        assert_int_equal(read.payload.size, sizeof large);
    }
}

static void a_child_that_holds_nothing_says_so(void **state) {
    (void)state;
    struct wire_hello hello = hello_of(WIRE_CHILD);
    wire_hello_begin(&out, &hello, 0, 0);
    wire_hello_end(&out);
    struct wire_message message = wire_out_message(&out);
    struct wire_hello got;
    assert_int_equal(wire_get_hello(&message, &got), WHERRY_OK);
    assert_int_equal(got.held.left, 0);
}

static wherry_err read_client(const struct wire_hello *hello) {
    wire_hello_begin(&out, hello, 0, 0);
    wire_hello_end(&out);
    struct wire_message message = wire_out_message(&out);
    struct wire_hello got;
    return wire_get_hello(&message, &got);
}

static void a_hello_out_of_bounds_is_refused(void **state) {
    (void)state;
    struct wire_hello hello = hello_of(WIRE_CLIENT);
    assert_int_equal(read_client(&hello), WHERRY_OK);
    hello.secret.size = 15;
    assert_int_equal(read_client(&hello), WHERRY_E_PROTOCOL);
    hello = hello_of(WIRE_CLIENT);
    hello.version_min = 2;
    assert_int_equal(read_client(&hello), WHERRY_E_PROTOCOL);
    hello = hello_of((enum wire_peer)3);
    assert_int_equal(read_client(&hello), WHERRY_E_PROTOCOL);
}

static void the_pool_of_a_host_must_be_a_name(void **state) {
    (void)state;
    struct wire_hello hello = hello_of(WIRE_HOST);
    hello.pool = SPAN("two words");
    assert_int_equal(read_client(&hello), WHERRY_E_PROTOCOL);
    hello.pool = SPAN("");
    assert_int_equal(read_client(&hello), WHERRY_E_PROTOCOL);
}

static void fields_of_a_newer_version_are_ignored(void **state) {
    (void)state;
    host_write(1, 2);
    out.body.data[0]++; /* one field more */
    pack_text(&out.body, SPAN("newer"), 100);
    struct wire_message message = wire_out_message(&out);
    struct wire_hello got;
    assert_int_equal(wire_get_hello(&message, &got), WHERRY_OK);
    assert_int_equal(got.places.left, 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_example_of_the_protocol_page_is_what_is_written),
        cmocka_unit_test(a_client_comes_back),
        cmocka_unit_test(a_host_comes_back_with_functions_places_and_attempts),
        cmocka_unit_test(a_host_may_have_neither_functions_nor_places),
        cmocka_unit_test(a_full_gate_in_every_place_is_announced),
        cmocka_unit_test(a_child_comes_back_with_what_it_holds),
        cmocka_unit_test(a_child_that_holds_nothing_says_so),
        cmocka_unit_test(a_hello_out_of_bounds_is_refused),
        cmocka_unit_test(the_pool_of_a_host_must_be_a_name),
        cmocka_unit_test(fields_of_a_newer_version_are_ignored),
    };
    return cmocka_run_group_tests(tests, out_setup, out_teardown);
}
