/* SPDX-License-Identifier: MIT
 *
 * The frame around every reader of a message, and the pieces that several messages have; see
 * reader.h. */
#include "common/wire/reader.h"

#include "common/err.h"

bool reader_open(struct reader *reader, const struct wire_message *message, enum wire_type type,
                 uint32_t fields) {
    *reader = (struct reader){.message = message, .type = type, .frame = 1};
    if (message->count < 1 || message->count > WIRE_FRAMES_MAX) {
        return false;
    }
    reader->cursor = cursor_of(message->frames[0]);
    uint32_t count = 0;
    uint64_t found = 0;
    if (!cursor_array(&reader->cursor, &count) || count < 1 + fields ||
        !cursor_uint(&reader->cursor, &found) || found != (uint64_t)type) {
        return false;
    }
    reader->extra = count - 1 - fields;
    return true;
}

wherry_err reader_close(struct reader *reader, bool ok) {
    for (uint32_t i = 0; ok && i < reader->extra; i++) {
        ok = cursor_skip(&reader->cursor, WIRE_DEPTH_MAX - 1);
    }
    if (!ok || reader->cursor.at != reader->cursor.end ||
        reader->frame != reader->message->count) {
        return err_set(WHERRY_E_PROTOCOL, "a malformed %s message", wire_type_name(reader->type));
    }
    return WHERRY_OK;
}

static bool list_open(struct cursor *cursor, uint32_t stride, struct wire_items *out) {
    uint32_t count;
    if (!cursor_array(cursor, &count) || count % stride != 0 ||
        count / stride > WIRE_ITEMS_MAX) {
        return false;
    }
    out->at = cursor->at;
    out->end = cursor->end;
    out->left = count / stride;
    return true;
}

bool reader_list(struct reader *reader, uint32_t stride, struct wire_items *out) {
    out->message = reader->message;
    return list_open(&reader->cursor, stride, out);
}

void reader_list_end(const struct reader *reader, struct wire_items *items) {
    items->end = reader->cursor.at;
}

/* ---- payloads ---- */

static bool payload_read_plain(struct cursor *cursor, const struct wire_message *message,
                               struct payload_read *out) {
    uint8_t head = cursor_peek(cursor);
    if (head >= MSG_BIN8 && head <= MSG_BIN32) {
        return cursor_bin(cursor, &out->span);
    }
    uint64_t frame;
    if (!cursor_uint(cursor, &frame) || frame < 1 || frame >= message->count) {
        return false;
    }
    out->frame = (int)frame;
    out->span = message->frames[frame];
    return true;
}

/* References to shared objects are reserved: read past. */
static bool payload_read_extra(struct cursor *cursor, uint32_t index, struct payload_read *out) {
    if (index == 1) {
        uint32_t head = cursor_peek(cursor);
        bool list = (head >= MSG_FIXARRAY && head < MSG_FIXSTR) || head == MSG_ARRAY16 ||
                    head == MSG_ARRAY32;
        return list && cursor_skip(cursor, 2);
    }
    if (index == 2 && cursor_peek(cursor) != MSG_NIL) {
        out->has_origin = true;
        return cursor_id(cursor, &out->origin);
    }
    return cursor_skip(cursor, WIRE_DEPTH_MAX - 4);
}

bool payload_read_slow(struct cursor *cursor, const struct wire_message *message,
                       struct payload_read *out) {
    uint8_t head = cursor_peek(cursor);
    bool list = (head >= MSG_FIXARRAY && head < MSG_FIXSTR) || head == MSG_ARRAY16 ||
                head == MSG_ARRAY32;
    if (!list) {
        return payload_read_plain(cursor, message, out);
    }
    uint32_t count;
    if (!cursor_array(cursor, &count) || count < 1 ||
        !payload_read_plain(cursor, message, out)) {
        return false;
    }
    for (uint32_t i = 1; i < count; i++) {
        if (!payload_read_extra(cursor, i, out)) {
            return false;
        }
    }
    return true;
}

/* ---- runs ---- */

static bool run_read(struct cursor *cursor, struct wire_run *out) {
    return cursor_number48(cursor, &out->first) && cursor_number48(cursor, &out->count) &&
           out->first >= 1 && out->count >= 1 &&
           out->first + out->count - 1 < UINT64_C(1) << 48;
}

bool wire_next_run(struct wire_items *items, struct wire_run *out) {
    if (items->left == 0) {
        return false;
    }
    struct cursor cursor = {items->at, items->end};
    bool ok = run_read(&cursor, out);
    items->at = cursor.at;
    items->left--;
    return ok;
}

bool reader_runs(struct reader *reader, struct wire_items *out) {
    bool ok = reader_list(reader, 2, out);
    struct wire_run run;
    for (uint32_t i = 0; ok && i < out->left; i++) {
        ok = run_read(&reader->cursor, &run);
    }
    reader_list_end(reader, out);
    return ok;
}

/* ---- attempts of a gate: [id, epoch, counter, answered] ---- */

static bool attempt_read(struct cursor *cursor, struct wire_attempt *out) {
    uint32_t count;
    bool ok = cursor_array(cursor, &count) && count >= 4 && cursor_id(cursor, &out->id) &&
              cursor_uint(cursor, &out->token.epoch) &&
              cursor_uint(cursor, &out->token.counter) && cursor_bool(cursor, &out->answered);
    for (uint32_t i = 4; ok && i < count; i++) {
        ok = cursor_skip(cursor, WIRE_DEPTH_MAX - 5);
    }
    return ok;
}

bool wire_next_attempt(struct wire_items *items, struct wire_attempt *out) {
    if (items->left == 0) {
        return false;
    }
    struct cursor cursor = {items->at, items->end};
    bool ok = attempt_read(&cursor, out);
    items->at = cursor.at;
    items->left--;
    return ok;
}

bool reader_attempts(struct reader *reader, struct wire_items *out) {
    bool ok = reader_list(reader, 1, out);
    struct wire_attempt attempt;
    for (uint32_t i = 0; ok && i < out->left; i++) {
        ok = attempt_read(&reader->cursor, &attempt);
    }
    reader_list_end(reader, out);
    return ok;
}

/* ---- options: [flags, priority, max_attempts, ttl_ms], missing ones are 0 ---- */

bool options_read(struct cursor *cursor, struct wire_options *out) {
    *out = (struct wire_options){0};
    uint32_t count;
    bool ok = cursor_array(cursor, &count);
    ok = ok && (count < 1 || cursor_u32(cursor, &out->flags));
    ok = ok && (count < 2 || cursor_i32(cursor, &out->priority));
    ok = ok && (count < 3 || cursor_u32(cursor, &out->max_attempts));
    ok = ok && (count < 4 || cursor_uint(cursor, &out->ttl_ms));
    for (uint32_t i = 4; ok && i < count; i++) {
        ok = cursor_skip(cursor, WIRE_DEPTH_MAX - 2);
    }
    return ok;
}
