/* SPDX-License-Identifier: MIT
 *
 * Payloads: the input as a call, and as a failure. What is accepted, is written again, and read
 * again, must be the same. */
#include "fuzz.h"

#include "common/call.h"
#include "common/value.h"
#include "common/wire/wire.h"

static void try_call(struct span payload) {
    struct call call;
    if (call_decode(payload, &call) != WHERRY_OK) {
        return;
    }
    struct bytes bytes = BYTES_EMPTY;
    struct call again;
    call_encode(&bytes, &call);
    CHECK(call_decode(bytes_span(&bytes), &again) == WHERRY_OK);
    CHECK(again.kind == call.kind && again.starmap == call.starmap);
    CHECK(span_equal(again.args, call.args) && span_equal(again.kwargs, call.kwargs));
    bytes_free(&bytes);
    wherry_value *args = NULL;
    CHECK(value_copy(&args, call.args) == WHERRY_OK);
    CHECK(wherry_value_kind(args) == WHERRY_LIST);
    wherry_value_release(&args);
}

static void try_failure(struct span payload) {
    struct wire_failure failure;
    if (wire_get_failure(payload, &failure) != WHERRY_OK) {
        return;
    }
    struct bytes bytes = BYTES_EMPTY;
    struct wire_failure again;
    wire_put_failure(&bytes, &failure);
    CHECK(wire_get_failure(bytes_span(&bytes), &again) == WHERRY_OK);
    CHECK(again.code == failure.code && span_equal(again.text, failure.text));
    CHECK(again.retry_ms == failure.retry_ms && span_equal(again.host, failure.host));
    bytes_free(&bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    try_call((struct span){data, size});
    try_failure((struct span){data, size});
    return 0;
}
