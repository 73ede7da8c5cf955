/* SPDX-License-Identifier: MIT
 *
 * Cursor: reads msgpack that a stranger wrote, one token at a time.
 *
 *     struct cursor c = {data, data + size};
 *     bool ok = cursor_array(&c, &count) && cursor_u32(&c, &place) && cursor_skip(&c, 16);
 *
 * Every read checks against `end` before it looks; a count is believed only if that many values
 * could stand in the bytes that remain. Nothing is allocated and nothing recurses. After a false
 * the cursor stands somewhere inside the bytes and is of no further use.
 *
 * Numbers are read in every encoding whose value fits: writers in other languages choose freely. */
#ifndef WHERRY_WIRE_CURSOR_H
#define WHERRY_WIRE_CURSOR_H

#include "common/bytes.h"
#include "common/id.h"

#include <string.h>

#define CURSOR_LIKELY(condition) __builtin_expect((condition), 1)

enum { /* first bytes of msgpack tokens */
    MSG_FIXMAP = 0x80,
    MSG_FIXARRAY = 0x90,
    MSG_FIXSTR = 0xa0,
    MSG_NIL = 0xc0,
    MSG_NEVER = 0xc1,
    MSG_FALSE = 0xc2,
    MSG_TRUE = 0xc3,
    MSG_BIN8 = 0xc4,
    MSG_BIN16 = 0xc5,
    MSG_BIN32 = 0xc6,
    MSG_EXT8 = 0xc7,
    MSG_EXT32 = 0xc9,
    MSG_FLOAT32 = 0xca,
    MSG_FLOAT64 = 0xcb,
    MSG_UINT8 = 0xcc,
    MSG_UINT64 = 0xcf,
    MSG_INT8 = 0xd0,
    MSG_INT64 = 0xd3,
    MSG_FIXEXT1 = 0xd4,
    MSG_FIXEXT16 = 0xd8,
    MSG_STR8 = 0xd9,
    MSG_STR32 = 0xdb,
    MSG_ARRAY16 = 0xdc,
    MSG_ARRAY32 = 0xdd,
    MSG_MAP16 = 0xde,
    MSG_MAP32 = 0xdf,
    MSG_FIXNEG = 0xe0,
};

struct cursor {
    const uint8_t *at;
    const uint8_t *end;
};

enum cursor_kind {
    CURSOR_NIL, CURSOR_BOOL, CURSOR_INT, CURSOR_UINT, CURSOR_REAL, CURSOR_STR, CURSOR_BIN,
    CURSOR_ARRAY, CURSOR_MAP, CURSOR_EXT,
};

/* One token, taken apart. INT is a negative number, UINT any other whole one. The children of an
 * ARRAY (count) or MAP (2 × count) stand behind it and are not consumed. */
struct cursor_token {
    enum cursor_kind kind;
    union {
        bool truth;
        int64_t negative;
        uint64_t whole;
        double real;
        struct span span; /* STR, BIN and EXT: the content */
        uint32_t count;
    };
};

struct cursor cursor_of(struct span span);
bool cursor_next(struct cursor *cursor, struct cursor_token *out);

/* The first byte of the next token; MSG_NEVER at the end. */
static inline uint8_t cursor_peek(const struct cursor *cursor) {
    return cursor->at < cursor->end ? *cursor->at : MSG_NEVER;
}

/* One whole value, of at most `depth_max` (≤ 32) nested lists and maps. */
bool cursor_skip(struct cursor *cursor, uint32_t depth_max);
struct cursor_scan {
    uint32_t depth; /* nested lists and maps found */
    bool has_ext;   /* an extension type stands somewhere inside */
};
bool cursor_scan(struct cursor *cursor, uint32_t depth_max, struct cursor_scan *out);

bool cursor_uint_slow(struct cursor *cursor, uint64_t *out);
bool cursor_bin_slow(struct cursor *cursor, struct span *out);
bool cursor_u16(struct cursor *cursor, uint16_t *out);
bool cursor_u32(struct cursor *cursor, uint32_t *out);
bool cursor_i32(struct cursor *cursor, int32_t *out);
bool cursor_i64(struct cursor *cursor, int64_t *out);
bool cursor_bool(struct cursor *cursor, bool *out);
bool cursor_str(struct cursor *cursor, size_t size_max, struct span *out);
bool cursor_array(struct cursor *cursor, uint32_t *count);
bool cursor_map(struct cursor *cursor, uint32_t *count);

bool cursor_slot(struct cursor *cursor, uint16_t *out);     /* 0 … 4095 */
bool cursor_function(struct cursor *cursor, struct span *out); /* 1 … WIRE_NAME_MAX bytes */
bool cursor_name(struct cursor *cursor, struct span *out);  /* as name_ok() */
bool cursor_patience(struct cursor *cursor, int64_t *out);  /* milliseconds ≥ -1 */

/* The reads of the hot batches, inline. Their slow paths get a copy of the cursor: one whose
 * address never leaves stands in registers, and a walk over a batch takes half the time. */

static inline bool cursor_uint(struct cursor *cursor, uint64_t *out) {
    if (CURSOR_LIKELY(cursor->end - cursor->at >= 9)) {
        uint8_t head = *cursor->at;
        if (head < MSG_FIXMAP) {
            *out = head;
            cursor->at += 1;
            return true;
        }
        unsigned width_log = (unsigned)head - MSG_UINT8;
        if (CURSOR_LIKELY(width_log <= 3)) {
            /* All four widths at once: eight bytes are there, the superfluous ones are shifted
             * out. */
            uint64_t eight;
            memcpy(&eight, cursor->at + 1, 8);
            *out = __builtin_bswap64(eight) >> (64 - (8u << width_log));
            cursor->at += 1 + (1u << width_log);
            return true;
        }
    }
    struct cursor copy = *cursor;
    uint64_t value = 0;
    bool ok = cursor_uint_slow(&copy, &value);
    *out = value;
    cursor->at = copy.at;
    return ok;
}

/* A task's number: 0 … 2^48 - 1. */
static inline bool cursor_number48(struct cursor *cursor, uint64_t *out) {
    return cursor_uint(cursor, out) && *out < UINT64_C(1) << 48;
}

static inline bool cursor_bin(struct cursor *cursor, struct span *out) {
    const uint8_t *at = cursor->at;
    size_t left = (size_t)(cursor->end - at);
    if (CURSOR_LIKELY(left >= 2 && at[0] == MSG_BIN8 && left - 2 >= at[1])) {
        size_t size = at[1];
        out->data = at + 2;
        out->size = size;
        cursor->at = at + 2 + size;
        return true;
    }
    struct cursor copy = *cursor;
    struct span span = {0};
    bool ok = cursor_bin_slow(&copy, &span);
    out->data = span.data;
    out->size = span.size;
    cursor->at = copy.at;
    return ok;
}

/* A task's id: bin of 16 bytes. */
static inline bool cursor_id(struct cursor *cursor, struct task_id *out) {
    struct span span;
    if (!cursor_bin(cursor, &span) || span.size != ID_WIRE_SIZE) {
        return false;
    }
    uint64_t halves[2];
    memcpy(halves, span.data, sizeof halves);
    uint64_t low = __builtin_bswap64(halves[1]);
    out->session = __builtin_bswap64(halves[0]);
    out->number = low & UINT64_C(0xffffffffffff);
    out->slot = low >> 48;
    return low >> 48 < ID_SLOTS;
}

#endif
