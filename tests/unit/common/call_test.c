/* SPDX-License-Identifier: MIT
 *
 * Payloads of tasks. */
#include "testing.h"

#include "common/call.h"
#include "common/value.h"

static wherry_err encode(struct bytes *out, const char *picture, ...) {
    va_list arguments;
    va_start(arguments, picture);
    wherry_err err = call_encode_picture(out, picture, arguments);
    va_end(arguments);
    return err;
}

#define ASSERT_ENCODES(wanted, ...) \
    do { \
        struct bytes bytes = BYTES_EMPTY; \
        assert_int_equal(encode(&bytes, __VA_ARGS__), WHERRY_OK); \
        assert_int_equal(bytes.size, sizeof(wanted) - 1); \
        assert_memory_equal(bytes.data, wanted, bytes.size); \
        struct call call; \
        assert_int_equal(call_decode(bytes_span(&bytes), &call), WHERRY_OK); \
        assert_int_equal(call.kind, CALL_ONE); \
        bytes_free(&bytes); \
    } while (0)

static void the_shape_with_one_argument_is_like_any_other(void **state) {
    (void)state;
    ASSERT_ENCODES("\x93\x00\x91\xc4\x02hi\x80", "y", "hi", (size_t)2);
    ASSERT_ENCODES("\x93\x00\x91\xc4\x02hi\x80", " y", "hi", (size_t)2);
    ASSERT_ENCODES("\x93\x00\x91\xa2hi\x80", "S", "hi", (size_t)2);
    ASSERT_ENCODES("\x93\x00\x91\xa2hi\x80", "s", "hi");
    ASSERT_ENCODES("\x93\x00\x91\xa2hi\x80", "s ", "hi");
    ASSERT_ENCODES("\x93\x00\x91\xd0\x80\x80", "i", (int64_t)-128);
    ASSERT_ENCODES("\x93\x00\x91\xd0\x80\x80", "i ", (int64_t)-128);
    ASSERT_ENCODES("\x93\x00\x91\xc4\x00\x80", "y", NULL, (size_t)0);
}

static void arguments_and_keywords_are_encoded(void **state) {
    (void)state;
    ASSERT_ENCODES("\x93\x00\x90\x80", "");
    ASSERT_ENCODES("\x93\x00\x92\x01\xa1x\x80", "is", (int64_t)1, "x");
    ASSERT_ENCODES("\x93\x00\x92\x01\xa1x\x82\xa4" "deep\xc3\xa5scale\x92\x02\x03", "is;b[ii]",
                   (int64_t)1, "x", "deep", 1, "scale", (int64_t)2, (int64_t)3);
    ASSERT_ENCODES("\x93\x00\x90\x81\xa1k\xc0", ";n", "k");
}

static void on_failure_the_bytes_before_stay_as_they_were(void **state) {
    (void)state;
    struct bytes bytes = BYTES_EMPTY;
    bytes_append(&bytes, "before", 6);
    assert_int_equal(encode(&bytes, "is", (int64_t)1, NULL), WHERRY_E_TYPE);
    assert_int_equal(encode(&bytes, "s", NULL), WHERRY_E_TYPE);
    assert_int_equal(encode(&bytes, "y", NULL, (size_t)3), WHERRY_E_TYPE);
    assert_int_equal(encode(&bytes, "i;i", (int64_t)1, NULL, (int64_t)1), WHERRY_E_TYPE);
    assert_int_equal(encode(&bytes, "x"), WHERRY_E_INVALID);
    assert_int_equal(encode(&bytes, NULL), WHERRY_E_INVALID);
    assert_int_equal(bytes.size, 6);
    bytes_free(&bytes);
}

static void a_call_comes_back(void **state) {
    (void)state;
    struct bytes bytes = BYTES_EMPTY;
    call_encode(&bytes, &(struct call){.kind = CALL_ONE, .args = SPAN("\x91\x05"),
                                       .kwargs = SPAN("\x81\xa1k\x06")});
    struct call got;
    assert_int_equal(call_decode(bytes_span(&bytes), &got), WHERRY_OK);
    assert_int_equal(got.kind, CALL_ONE);
    assert_false(got.starmap);
    assert_span(got.args, "\x91\x05");
    assert_span(got.kwargs, "\x81\xa1k\x06");
    bytes_free(&bytes);
}

static void a_chunk_comes_back(void **state) {
    (void)state;
    for (int starmap = 0; starmap < 2; starmap++) {
        struct bytes bytes = BYTES_EMPTY;
        call_encode(&bytes, &(struct call){.kind = CALL_CHUNK, .args = SPAN("\x92\x91\x05\x90"),
                                           .starmap = starmap == 1});
        struct call got;
        assert_int_equal(call_decode(bytes_span(&bytes), &got), WHERRY_OK);
        assert_true(got.kind == CALL_CHUNK && got.starmap == (starmap == 1));
        assert_span(got.args, "\x92\x91\x05\x90");
        assert_span(got.kwargs, "\x80");
        bytes_free(&bytes);
    }
}

static wherry_err decode(struct span payload) {
    struct span tight = span_tight(payload);
    struct call call;
    wherry_err err = call_decode(tight, &call);
    span_free(tight);
    return err;
}

static void what_is_no_call_is_refused(void **state) {
    (void)state;
    const struct span bad[] = {
        SPAN(""), SPAN("\xc0"), SPAN("\x90"), SPAN("\x92\x00\x90"),
        SPAN("\x93\x02\x90\x80"),             /* no such kind */
        SPAN("\x93\x01\x90\x80"),             /* a chunk without starmap */
        SPAN("\x94\x01\x90\x80\x00"),         /* starmap is a truth value */
        SPAN("\x94\x01\x91\x05\x80\xc3"),     /* a starmap's items are lists */
        SPAN("\x93\x00\x80\x80"), SPAN("\x93\x00\x90\x90"),
        SPAN("\x93\x00\x90\x81\x01\x02"),     /* a keyword is a string */
        SPAN("\x93\x00\x91\xd4\x01\x02\x80"), /* extension */
        SPAN("\x93\x00\x90\x80\x00"),         /* a byte behind */
        SPAN("\x93\x00\xdd\xff\xff\xff\xff\x80"),
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        assert_int_equal(decode(bad[i]), WHERRY_E_TYPE);
    }
    assert_int_equal(decode(SPAN("\x94\x00\x90\x80\xc0")), WHERRY_OK); /* a newer field */
}

static void every_truncation_of_a_call_is_refused(void **state) {
    (void)state;
    struct bytes bytes = BYTES_EMPTY;
    assert_int_equal(encode(&bytes, "i[sy]{sd};sn", (int64_t)70000, "text", "bytes", (size_t)5,
                            "key", 1.5, "name", "value", "other"),
                     WHERRY_OK);
    assert_int_equal(decode(bytes_span(&bytes)), WHERRY_OK);
    for (size_t size = 0; size < bytes.size; size++) {
        assert_int_equal(decode((struct span){bytes.data, size}), WHERRY_E_TYPE);
    }
    bytes_free(&bytes);
}

static void an_argument_may_be_as_deep_as_a_value(void **state) {
    (void)state;
    struct bytes bytes = BYTES_EMPTY;
    wherry_value *value = NULL;
    assert_int_equal(wherry_value_build(&value, "[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]"), WHERRY_OK);
    assert_int_equal(encode(&bytes, "v;v", value, "k", value), WHERRY_OK);
    struct call call;
    assert_int_equal(call_decode(bytes_span(&bytes), &call), WHERRY_OK);
    wherry_value *args = NULL;
    assert_int_equal(value_copy(&args, call.args), WHERRY_OK);
    wherry_value_release(&args);
    wherry_value_release(&value);
    bytes_free(&bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_shape_with_one_argument_is_like_any_other),
        cmocka_unit_test(arguments_and_keywords_are_encoded),
        cmocka_unit_test(on_failure_the_bytes_before_stay_as_they_were),
        cmocka_unit_test(a_call_comes_back),
        cmocka_unit_test(a_chunk_comes_back),
        cmocka_unit_test(what_is_no_call_is_refused),
        cmocka_unit_test(every_truncation_of_a_call_is_refused),
        cmocka_unit_test(an_argument_may_be_as_deep_as_a_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
