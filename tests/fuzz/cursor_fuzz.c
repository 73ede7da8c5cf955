/* SPDX-License-Identifier: MIT
 *
 * The cursor: the typed reads in the order that the input's first byte says, then a scan; both must
 * agree on what one value is. */
#include "fuzz.h"

#include "common/wire/cursor.h"

static bool read_typed(struct cursor *cursor, uint8_t choice) {
    union {
        uint64_t u64;
        uint32_t u32;
        uint16_t u16;
        int64_t i64;
        int32_t i32;
        bool truth;
        struct span span;
        struct task_id id;
    } out;
    switch (choice % 12) {
    case 0:
        return cursor_uint(cursor, &out.u64);
    case 1:
        return cursor_bin(cursor, &out.span);
    case 2:
        return cursor_u16(cursor, &out.u16);
    case 3:
        return cursor_u32(cursor, &out.u32);
    case 4:
        return cursor_i32(cursor, &out.i32);
    case 5:
        return cursor_i64(cursor, &out.i64);
    case 6:
        return cursor_bool(cursor, &out.truth);
    case 7:
        return cursor_str(cursor, 100, &out.span);
    case 8:
        return cursor_array(cursor, &out.u32);
    case 9:
        return cursor_map(cursor, &out.u32);
    case 10:
        return cursor_id(cursor, &out.id);
    default:
        return cursor_name(cursor, &out.span);
    }
}

/* All twelve at the same place: at most the ones that fit move on, none beyond the end. */
static void read_every_type(struct cursor cursor) {
    for (uint8_t choice = 0; choice < 12; choice++) {
        struct cursor copy = cursor;
        read_typed(&copy, choice);
        CHECK(copy.at >= cursor.at && copy.at <= cursor.end);
    }
}

/* A value that the scan accepts is the same number of bytes, token by token. */
static void agree_on_one_value(struct cursor cursor) {
    struct cursor scanned = cursor;
    struct cursor_scan scan;
    if (!cursor_scan(&scanned, 16, &scan)) {
        return;
    }
    CHECK(scan.depth <= 16);
    while (cursor.at < scanned.at) {
        struct cursor_token token;
        CHECK(cursor_next(&cursor, &token));
    }
    CHECK(cursor.at == scanned.at);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0) {
        return 0;
    }
    struct cursor cursor = cursor_of((struct span){data + 1, size - 1});
    agree_on_one_value(cursor);
    uint8_t choice = data[0];
    while (cursor.at < cursor.end) {
        read_every_type(cursor);
        struct cursor_token token;
        bool ok = choice % 2 == 0 ? read_typed(&cursor, choice) : cursor_next(&cursor, &token);
        if (!ok) {
            break;
        }
        choice = (uint8_t)(choice * 5 + 3);
    }
    return 0;
}
