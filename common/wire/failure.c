/* SPDX-License-Identifier: MIT
 *
 * A failure as a payload: [code, text, cause kind, cause number, host, pid, retry_ms]. */
#include "common/wire/pack.h"
#include "common/wire/cursor.h"

#include "common/err.h"

enum { FAILURE_FIELDS = 7 };

void wire_put_failure(struct bytes *out, const struct wire_failure *failure) {
    pack_array(out, FAILURE_FIELDS);
    pack_uint(out, failure->code);
    pack_text(out, failure->text, WIRE_TEXT_MAX);
    pack_uint(out, failure->cause);
    pack_int(out, failure->cause_number);
    pack_text(out, failure->host, WIRE_NAME_MAX);
    pack_int(out, failure->pid);
    pack_int(out, failure->retry_ms);
}

wherry_err wire_get_failure(struct span payload, struct wire_failure *out) {
    *out = (struct wire_failure){0};
    struct cursor cursor = cursor_of(payload);
    uint32_t count = 0;
    bool ok = cursor_array(&cursor, &count) && count >= FAILURE_FIELDS &&
              cursor_u32(&cursor, &out->code) && cursor_str(&cursor, WIRE_TEXT_MAX, &out->text) &&
              cursor_u32(&cursor, &out->cause) && cursor_i64(&cursor, &out->cause_number) &&
              cursor_str(&cursor, WIRE_NAME_MAX, &out->host) && cursor_i64(&cursor, &out->pid) &&
              cursor_patience(&cursor, &out->retry_ms);
    for (uint32_t i = FAILURE_FIELDS; ok && i < count; i++) {
        ok = cursor_skip(&cursor, WIRE_DEPTH_MAX - 1);
    }
    if (!ok || cursor.at != cursor.end) {
        return err_set(WHERRY_E_PROTOCOL, "a malformed failure");
    }
    return WHERRY_OK;
}
