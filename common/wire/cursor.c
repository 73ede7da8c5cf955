/* SPDX-License-Identifier: MIT
 *
 * The bounds-checking reader; see cursor.h.
 *
 * All tokens go through cursor_next(), which knows the layout of every msgpack token from its first
 * byte; the typed reads are a look at what it found. It costs a few nanoseconds, which only the hot
 * batches notice: their two reads have inline fast paths in the header. */
#include "common/wire/cursor.h"

#include "common/check.h"
#include "common/name.h"
#include "common/wire/wire.h"

enum { CURSOR_DEPTH_MAX = 32 };

struct cursor cursor_of(struct span span) {
    /* An empty span may be NULL, and NULL has no arithmetic. */
    static const uint8_t nothing[1];
    const uint8_t *data = span.data != NULL ? span.data : nothing;
    return (struct cursor){data, data + (span.data != NULL ? span.size : 0)};
}

static size_t cursor_left(const struct cursor *cursor) {
    return (size_t)(cursor->end - cursor->at);
}

/* A big-endian number of `width` bytes behind the head byte; consumes both. */
static bool next_number(struct cursor *cursor, uint32_t width, uint64_t *out) {
    if (cursor_left(cursor) < 1 + width) {
        return false;
    }
    uint64_t value = 0;
    for (uint32_t i = 1; i <= width; i++) {
        value = value << 8 | cursor->at[i];
    }
    cursor->at += 1 + width;
    *out = value;
    return true;
}

static bool next_span(struct cursor *cursor, enum cursor_kind kind, uint64_t size,
                      struct cursor_token *out) {
    if (cursor_left(cursor) < size) {
        return false;
    }
    out->kind = kind;
    out->span = (struct span){cursor->at, (size_t)size};
    cursor->at += size;
    return true;
}

/* Each child needs a byte at least: a count beyond that is a lie. */
static bool next_container(struct cursor *cursor, enum cursor_kind kind, uint64_t count,
                           struct cursor_token *out) {
    uint64_t children = kind == CURSOR_MAP ? count * 2 : count;
    if (cursor_left(cursor) < children) {
        return false;
    }
    out->kind = kind;
    out->count = (uint32_t)count;
    return true;
}

static void token_whole(struct cursor_token *out, uint64_t whole) {
    out->kind = CURSOR_UINT;
    out->whole = whole;
}

static void token_signed(struct cursor_token *out, int64_t value) {
    if (value >= 0) {
        token_whole(out, (uint64_t)value);
        return;
    }
    out->kind = CURSOR_INT;
    out->negative = value;
}

/* A two's complement number of `width` bytes, widened. */
static int64_t sign_extend(uint64_t value, uint32_t width) {
    uint32_t shift = 64 - 8 * width;
    return (int64_t)(value << shift) >> shift;
}

static bool next_real(struct cursor *cursor, uint8_t head, struct cursor_token *out) {
    uint64_t bits;
    if (!next_number(cursor, head == MSG_FLOAT32 ? 4 : 8, &bits)) {
        return false;
    }
    out->kind = CURSOR_REAL;
    if (head == MSG_FLOAT32) {
        uint32_t bits32 = (uint32_t)bits;
        float real;
        memcpy(&real, &bits32, sizeof real);
        out->real = (double)real;
    } else {
        memcpy(&out->real, &bits, sizeof out->real);
    }
    return true;
}

/* Tokens of one byte, or with their count in the first byte. */
static bool next_small(struct cursor *cursor, uint8_t head, struct cursor_token *out) {
    cursor->at += 1;
    if (head < MSG_FIXMAP) {
        token_whole(out, head);
        return true;
    }
    if (head >= MSG_FIXNEG) {
        token_signed(out, (int8_t)head);
        return true;
    }
    if (head < MSG_FIXARRAY) {
        return next_container(cursor, CURSOR_MAP, head & 15, out);
    }
    if (head < MSG_FIXSTR) {
        return next_container(cursor, CURSOR_ARRAY, head & 15, out);
    }
    if (head < MSG_NIL) {
        return next_span(cursor, CURSOR_STR, head & 31, out);
    }
    out->kind = head == MSG_NIL ? CURSOR_NIL : CURSOR_BOOL;
    out->truth = head == MSG_TRUE;
    return head != MSG_NEVER;
}

static bool next_ext(struct cursor *cursor, uint8_t head, struct cursor_token *out) {
    uint64_t size = 0;
    if (head >= MSG_FIXEXT1) {
        size = UINT64_C(1) << (head - MSG_FIXEXT1);
        cursor->at += 1;
    } else if (!next_number(cursor, 1u << (head - MSG_EXT8), &size)) {
        return false;
    }
    if (cursor_left(cursor) < 1) { /* the byte that names the extension */
        return false;
    }
    cursor->at += 1;
    return next_span(cursor, CURSOR_EXT, size, out);
}

/* Tokens whose head says how wide the number behind it is. */
static bool next_wide(struct cursor *cursor, uint8_t head, struct cursor_token *out) {
    uint64_t value = 0;
    uint32_t width = head >= MSG_ARRAY16  ? 2u << (head & 1)
                     : head >= MSG_STR8   ? 1u << (head - MSG_STR8)
                     : head >= MSG_INT8   ? 1u << (head - MSG_INT8)
                     : head >= MSG_UINT8  ? 1u << (head - MSG_UINT8)
                                          : 1u << (head - MSG_BIN8);
    if (!next_number(cursor, width, &value)) {
        return false;
    }
    if (head >= MSG_MAP16) {
        return next_container(cursor, CURSOR_MAP, value, out);
    }
    if (head >= MSG_ARRAY16) {
        return next_container(cursor, CURSOR_ARRAY, value, out);
    }
    if (head >= MSG_STR8) {
        return next_span(cursor, CURSOR_STR, value, out);
    }
    if (head >= MSG_INT8) {
        token_signed(out, sign_extend(value, width));
        return true;
    }
    if (head >= MSG_UINT8) {
        token_whole(out, value);
        return true;
    }
    return next_span(cursor, CURSOR_BIN, value, out);
}

bool cursor_next(struct cursor *cursor, struct cursor_token *out) {
    if (cursor->at >= cursor->end) {
        return false;
    }
    uint8_t head = *cursor->at;
    if (head < MSG_BIN8 || head >= MSG_FIXNEG) {
        return next_small(cursor, head, out);
    }
    if (head == MSG_FLOAT32 || head == MSG_FLOAT64) {
        return next_real(cursor, head, out);
    }
    bool ext = (head >= MSG_EXT8 && head <= MSG_EXT32) ||
               (head >= MSG_FIXEXT1 && head <= MSG_FIXEXT16);
    return ext ? next_ext(cursor, head, out) : next_wide(cursor, head, out);
}

bool cursor_scan(struct cursor *cursor, uint32_t depth_max, struct cursor_scan *out) {
    CHECK(depth_max <= CURSOR_DEPTH_MAX);
    uint64_t left[CURSOR_DEPTH_MAX + 1]; /* values still to come, level by level */
    uint32_t depth = 0;
    left[0] = 1;
    *out = (struct cursor_scan){0};
    for (;;) {
        while (left[depth] == 0) {
            if (depth == 0) {
                return true;
            }
            depth--;
        }
        left[depth]--;
        struct cursor_token token;
        if (!cursor_next(cursor, &token)) {
            return false;
        }
        out->has_ext |= token.kind == CURSOR_EXT;
        if (token.kind != CURSOR_ARRAY && token.kind != CURSOR_MAP) {
            continue;
        }
        if (depth == depth_max) {
            return false;
        }
        left[++depth] = token.kind == CURSOR_MAP ? 2 * (uint64_t)token.count : token.count;
        out->depth = depth > out->depth ? depth : out->depth;
    }
}

bool cursor_skip(struct cursor *cursor, uint32_t depth_max) {
    struct cursor_scan scan;
    return cursor_scan(cursor, depth_max, &scan);
}

bool cursor_uint_slow(struct cursor *cursor, uint64_t *out) {
    struct cursor_token token;
    if (!cursor_next(cursor, &token) || token.kind != CURSOR_UINT) {
        return false;
    }
    *out = token.whole;
    return true;
}

bool cursor_bin_slow(struct cursor *cursor, struct span *out) {
    struct cursor_token token;
    if (!cursor_next(cursor, &token) || token.kind != CURSOR_BIN) {
        return false;
    }
    *out = token.span;
    return true;
}

static bool cursor_uint_upto(struct cursor *cursor, uint64_t max, uint64_t *out) {
    return cursor_uint(cursor, out) && *out <= max;
}

bool cursor_u16(struct cursor *cursor, uint16_t *out) {
    uint64_t value;
    bool ok = cursor_uint_upto(cursor, UINT16_MAX, &value);
    *out = ok ? (uint16_t)value : 0;
    return ok;
}

bool cursor_u32(struct cursor *cursor, uint32_t *out) {
    uint64_t value;
    bool ok = cursor_uint_upto(cursor, UINT32_MAX, &value);
    *out = ok ? (uint32_t)value : 0;
    return ok;
}

bool cursor_i64(struct cursor *cursor, int64_t *out) {
    struct cursor_token token;
    if (!cursor_next(cursor, &token)) {
        return false;
    }
    if (token.kind == CURSOR_INT) {
        *out = token.negative;
        return true;
    }
    if (token.kind != CURSOR_UINT || token.whole > INT64_MAX) {
        return false;
    }
    *out = (int64_t)token.whole;
    return true;
}

bool cursor_i32(struct cursor *cursor, int32_t *out) {
    int64_t value;
    if (!cursor_i64(cursor, &value) || value < INT32_MIN || value > INT32_MAX) {
        return false;
    }
    *out = (int32_t)value;
    return true;
}

bool cursor_bool(struct cursor *cursor, bool *out) {
    struct cursor_token token;
    if (!cursor_next(cursor, &token) || token.kind != CURSOR_BOOL) {
        return false;
    }
    *out = token.truth;
    return true;
}

bool cursor_str(struct cursor *cursor, size_t size_max, struct span *out) {
    struct cursor_token token;
    if (!cursor_next(cursor, &token) || token.kind != CURSOR_STR || token.span.size > size_max) {
        return false;
    }
    *out = token.span;
    return true;
}

static bool cursor_container(struct cursor *cursor, enum cursor_kind kind, uint32_t *count) {
    struct cursor_token token;
    if (!cursor_next(cursor, &token) || token.kind != kind) {
        return false;
    }
    *count = token.count;
    return true;
}

bool cursor_array(struct cursor *cursor, uint32_t *count) {
    return cursor_container(cursor, CURSOR_ARRAY, count);
}

bool cursor_map(struct cursor *cursor, uint32_t *count) {
    return cursor_container(cursor, CURSOR_MAP, count);
}

bool cursor_slot(struct cursor *cursor, uint16_t *out) {
    return cursor_u16(cursor, out) && *out < ID_SLOTS;
}

bool cursor_function(struct cursor *cursor, struct span *out) {
    return cursor_str(cursor, WIRE_NAME_MAX, out) && out->size > 0;
}

bool cursor_name(struct cursor *cursor, struct span *out) {
    return cursor_str(cursor, WIRE_NAME_MAX, out) && name_ok(*out);
}

bool cursor_patience(struct cursor *cursor, int64_t *out) {
    return cursor_i64(cursor, out) && *out >= -1;
}
