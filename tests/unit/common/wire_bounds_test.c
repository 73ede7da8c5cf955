/* SPDX-License-Identifier: MIT
 *
 * Messages that are well-formed msgpack but beyond a bound: each is refused, and none costs more
 * than the bytes it has. */
#include "testing.h"

#include "wire_walk.h"

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

static wherry_err walk_out(void) {
    struct wire_message message = wire_out_message(&out);
    message.frames[0] = span_tight(message.frames[0]);
    uint64_t sum = 0;
    wherry_err err = wire_walk(&message, &sum);
    span_free(message.frames[0]);
    return err;
}

static wherry_err submit_walk(const struct wire_submit *head) {
    wire_submit_begin(&out, head);
    wire_submit_item(&out, 1, (struct wire_part){.data = "x", .size = 1}, NULL);
    wire_submit_end(&out);
    return walk_out();
}

static struct wire_submit head_of(void) {
    return (struct wire_submit){.queue = SPAN("q"), .function = SPAN("f")};
}

static void heads_out_of_range_are_refused(void **state) {
    (void)state;
    struct wire_submit head = head_of();
    assert_int_equal(submit_walk(&head), WHERRY_OK);
    head.slot = ID_SLOTS;
    assert_int_equal(submit_walk(&head), WHERRY_E_PROTOCOL);
    head = head_of();
    head.acked = UINT64_C(1) << 48;
    assert_int_equal(submit_walk(&head), WHERRY_E_PROTOCOL);
    head = head_of();
    head.wait_ms = -2;
    assert_int_equal(submit_walk(&head), WHERRY_E_PROTOCOL);
    head = head_of();
    head.queue = SPAN("no spaces");
    assert_int_equal(submit_walk(&head), WHERRY_E_PROTOCOL);
    head = head_of();
    head.queue = SPAN("");
    assert_int_equal(submit_walk(&head), WHERRY_E_PROTOCOL);
    head = head_of();
    head.function = SPAN("");
    assert_int_equal(submit_walk(&head), WHERRY_E_PROTOCOL);
}

static void a_name_of_129_bytes_is_refused(void **state) {
    (void)state;
    struct bytes name = BYTES_EMPTY;
    for (int i = 0; i < 129; i++) {
        bytes_append(&name, "n", 1);
    }
    for (int field = 0; field < 2; field++) {
        message_open(&out, WIRE_SUBMIT, 8);
        pack_uint(&out.body, 1);
        pack_uint(&out.body, 0);
        pack_uint(&out.body, 0);
        pack_text(&out.body, field == 0 ? bytes_span(&name) : SPAN("q"), 1000);
        pack_text(&out.body, field == 1 ? bytes_span(&name) : SPAN("f"), 1000);
        pack_array(&out.body, 0);
        pack_uint(&out.body, 0);
        pack_array(&out.body, 0);
        assert_int_equal(walk_out(), WHERRY_E_PROTOCOL);
    }
    bytes_free(&name);
}

/* A submit with `elements` bytes in its list, whatever they are, and a count that may lie. */
static wherry_err list_walk(uint32_t count, struct span elements) {
    struct wire_submit head = head_of();
    wire_submit_begin(&out, &head);
    bytes_append(&out.body, elements.data, elements.size);
    out.count = count;
    list_close(&out, 1);
    return walk_out();
}

static void a_count_that_lies_is_refused_at_once(void **state) {
    (void)state;
    assert_int_equal(list_walk(2, SPAN("\x01\xc4\x01x")), WHERRY_OK);
    assert_int_equal(list_walk(16000000, SPAN("\x01\xc4\x01x")), WHERRY_E_PROTOCOL);
    assert_int_equal(list_walk(UINT32_MAX - 1, SPAN("\x01\xc4\x01x")), WHERRY_E_PROTOCOL);
    assert_int_equal(list_walk(4, SPAN("\x01\xc4\x01x")), WHERRY_E_PROTOCOL);
    assert_int_equal(list_walk(3, SPAN("\x01\xc4\x01x\x02")), WHERRY_E_PROTOCOL); /* odd */
    assert_int_equal(list_walk(2, SPAN("\x01\xc6\xff\xff\xff\xffx")), WHERRY_E_PROTOCOL);
}

static void items_out_of_range_are_refused(void **state) {
    (void)state;
    assert_int_equal(list_walk(2, SPAN("\x00\xc4\x00")), WHERRY_E_PROTOCOL);     /* number 0 */
    assert_int_equal(list_walk(2, SPAN("\xcf\x00\x01\x00\x00\x00\x00\x00\x00\xc4\x00")),
                     WHERRY_E_PROTOCOL);                                         /* 2^48 */
    assert_int_equal(list_walk(2, SPAN("\xff\xc4\x00")), WHERRY_E_PROTOCOL);     /* -1 */
    assert_int_equal(list_walk(2, SPAN("\x01\xa1x")), WHERRY_E_PROTOCOL);        /* str */
    assert_int_equal(list_walk(2, SPAN("\x01\xc0")), WHERRY_E_PROTOCOL);         /* nil */
    assert_int_equal(list_walk(2, SPAN("\x01\x90")), WHERRY_E_PROTOCOL);         /* [] */
    assert_int_equal(list_walk(2, SPAN("\x01\x92\xc4\x00\x01")), WHERRY_E_PROTOCOL); /* no refs */
    assert_int_equal(list_walk(2, SPAN("\x01\x93\xc4\x00\x90\xc4\x01x")), WHERRY_E_PROTOCOL);
}

static void more_items_than_the_bound_are_refused(void **state) {
    (void)state;
    struct bytes elements = BYTES_EMPTY;
    for (uint32_t i = 0; i <= WIRE_ITEMS_MAX; i++) {
        bytes_append(&elements, "\x01\xc4\x00", 3);
    }
    struct span most = {elements.data, WIRE_ITEMS_MAX * 3};
    assert_int_equal(list_walk(WIRE_ITEMS_MAX * 2, most), WHERRY_OK);
    assert_int_equal(list_walk((WIRE_ITEMS_MAX + 1) * 2, bytes_span(&elements)),
                     WHERRY_E_PROTOCOL);
    bytes_free(&elements);
}

/* Two payload frames stand behind frame 0; the items name them. */
static wherry_err frames_walk(struct span elements, uint32_t items) {
    struct wire_submit head = head_of();
    wire_submit_begin(&out, &head);
    bytes_append(&out.body, elements.data, elements.size);
    out.count = items;
    list_close(&out, 2);
    struct wire_message message = wire_out_message(&out);
    message.count = 3;
    message.frames[1] = SPAN("first");
    message.frames[2] = SPAN("second");
    uint64_t sum = 0;
    return wire_walk(&message, &sum);
}

static void each_frame_is_named_once_and_in_order(void **state) {
    (void)state;
    assert_int_equal(frames_walk(SPAN("\x05\x01\x06\x02"), 2), WHERRY_OK);
    assert_int_equal(frames_walk(SPAN("\x05\x91\x01\x06\x02"), 2), WHERRY_OK);
    assert_int_equal(frames_walk(SPAN("\x05\x02\x06\x01"), 2), WHERRY_E_PROTOCOL); /* order */
    assert_int_equal(frames_walk(SPAN("\x05\x01\x06\x01"), 2), WHERRY_E_PROTOCOL); /* twice */
    assert_int_equal(frames_walk(SPAN("\x05\x01"), 1), WHERRY_E_PROTOCOL);         /* one unnamed */
    assert_int_equal(frames_walk(SPAN("\x05\x01\x06\x02\x07\x03"), 3), WHERRY_E_PROTOCOL);
    assert_int_equal(frames_walk(SPAN("\x05\x00\x06\x01"), 2), WHERRY_E_PROTOCOL); /* frame 0 */
}

static void runs_out_of_range_are_refused(void **state) {
    (void)state;
    static const struct wire_run bad[] = {
        {0, 1}, {1, 0}, {UINT64_C(1) << 48, 1}, {1, UINT64_C(1) << 48},
        {2, (UINT64_C(1) << 48) - 1}, {UINT64_MAX, UINT64_MAX},
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        wire_put_cancel(&out, 1, &bad[i], 1);
        assert_int_equal(walk_out(), WHERRY_E_PROTOCOL);
    }
    static const struct wire_token_run bad_tokens[] = {{1, 0, 1}, {1, 1, 0}, {1, 2, UINT64_MAX}};
    for (size_t i = 0; i < COUNT_OF(bad_tokens); i++) {
        wire_put_tokens(&out, WIRE_RESULT_ACK, 1, 0, &bad_tokens[i], 1);
        assert_int_equal(walk_out(), WHERRY_E_PROTOCOL);
    }
}

static void a_delivery_without_an_id_before_it_is_refused(void **state) {
    (void)state;
    struct wire_deliver head = {.queue = SPAN("q"), .function = SPAN("f")};
    wire_deliver_begin(&out, &head);
    wire_deliver_item(&out, 1, NULL, (struct wire_part){0});
    wire_deliver_end(&out);
    assert_int_equal(walk_out(), WHERRY_E_PROTOCOL);
}

static void ids_and_counters_do_not_run_over(void **state) {
    (void)state;
    struct wire_deliver head = {.queue = SPAN("q"), .function = SPAN("f"),
                                .first_counter = UINT64_MAX - 2};
    struct task_id id = {.session = 1};
    id.number = (UINT64_C(1) << 48) - 1;
    wire_deliver_begin(&out, &head);
    wire_deliver_item(&out, 1, &id, (struct wire_part){0});
    wire_deliver_end(&out);
    assert_int_equal(walk_out(), WHERRY_OK);
    wire_deliver_begin(&out, &head);
    wire_deliver_item(&out, 1, &id, (struct wire_part){0});
    wire_deliver_item(&out, 1, NULL, (struct wire_part){0});
    wire_deliver_end(&out);
    assert_int_equal(walk_out(), WHERRY_E_PROTOCOL);
    head.first_counter = UINT64_MAX;
    wire_deliver_begin(&out, &head);
    wire_deliver_item(&out, 1, &id, (struct wire_part){0});
    wire_deliver_end(&out);
    assert_int_equal(walk_out(), WHERRY_E_PROTOCOL);
}

static void an_unknown_status_is_refused(void **state) {
    (void)state;
    wire_result_begin(&out, 1, 2);
    wire_result_item(&out, 1, WIRE_TRY_AGAIN, (struct wire_part){0}); /* never to a client */
    wire_result_end(&out);
    assert_int_equal(walk_out(), WHERRY_E_PROTOCOL);
    wire_results_begin(&out, 1);
    wire_results_item(&out, 1, 1, WIRE_TRY_AGAIN + 1, (struct wire_part){0});
    wire_results_end(&out, (struct wire_credit){0}, 0);
    assert_int_equal(walk_out(), WHERRY_E_PROTOCOL);
}

static void an_unknown_type_is_refused(void **state) {
    (void)state;
    for (uint32_t type = 0; type < 300; type++) {
        enum wire_type known = (enum wire_type)type;
        if (wire_type_name(known)[0] != 'u') {
            continue;
        }
        message_open(&out, known, 1);
        pack_uint(&out.body, 1);
        assert_int_equal(walk_out(), WHERRY_E_PROTOCOL);
    }
}

static void reserved_types_are_known_and_still_checked(void **state) {
    (void)state;
    message_open(&out, WIRE_MOVED, 2);
    pack_uint(&out.body, 7);
    pack_text(&out.body, SPAN("newer"), 100);
    assert_int_equal(walk_out(), WHERRY_OK);
    out.body.size--;
    assert_int_equal(walk_out(), WHERRY_E_PROTOCOL);
}

static void fields_behind_the_known_ones_are_ignored_but_must_be_whole(void **state) {
    (void)state;
    wire_put_gate(&out, &(struct wire_gate){1, 2, 3});
    out.body.data[0]++;
    pack_array(&out.body, 1);
    pack_text(&out.body, SPAN("newer"), 100);
    assert_int_equal(walk_out(), WHERRY_OK);
    out.body.data[out.body.size - 1 - 5 - 1] = 0x92; /* the list claims two */
    assert_int_equal(walk_out(), WHERRY_E_PROTOCOL);
}

static void what_is_nested_too_deep_is_refused(void **state) {
    (void)state;
    for (uint32_t depth = 14; depth < 18; depth++) {
        wire_put_gate(&out, &(struct wire_gate){1, 2, 3});
        out.body.data[0]++;
        for (uint32_t i = 0; i < depth; i++) {
            pack_array(&out.body, 1);
        }
        pack_nil(&out.body);
        assert_int_equal(walk_out(), depth < WIRE_DEPTH_MAX ? WHERRY_OK : WHERRY_E_PROTOCOL);
    }
}

static void the_body_of_a_call_is_one_list(void **state) {
    (void)state;
    const struct span bad[] = {SPAN(""), SPAN("\x01"), SPAN("\x91"), SPAN("\x90\xc0"),
                                      SPAN("\xdd\xff\xff\xff\xff")};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        wire_put_call(&out, &(struct wire_call){.call = 1, .verb = 1, .body = bad[i]});
        assert_int_equal(walk_out(), WHERRY_E_PROTOCOL);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heads_out_of_range_are_refused),
        cmocka_unit_test(a_name_of_129_bytes_is_refused),
        cmocka_unit_test(a_count_that_lies_is_refused_at_once),
        cmocka_unit_test(items_out_of_range_are_refused),
        cmocka_unit_test(more_items_than_the_bound_are_refused),
        cmocka_unit_test(each_frame_is_named_once_and_in_order),
        cmocka_unit_test(runs_out_of_range_are_refused),
        cmocka_unit_test(a_delivery_without_an_id_before_it_is_refused),
        cmocka_unit_test(ids_and_counters_do_not_run_over),
        cmocka_unit_test(an_unknown_status_is_refused),
        cmocka_unit_test(an_unknown_type_is_refused),
        cmocka_unit_test(reserved_types_are_known_and_still_checked),
        cmocka_unit_test(fields_behind_the_known_ones_are_ignored_but_must_be_whole),
        cmocka_unit_test(what_is_nested_too_deep_is_refused),
        cmocka_unit_test(the_body_of_a_call_is_one_list),
    };
    return cmocka_run_group_tests(tests, out_setup, out_teardown);
}
