/* SPDX-License-Identifier: MIT
 *
 * Reader: one message, from its type to its last byte and last frame.
 *
 *     struct reader r;
 *     bool ok = reader_open(&r, message, WIRE_GATE, 3) && cursor_u32(&r.cursor, &out->place) && …;
 *     return reader_close(&r, ok);
 *
 * Lists stay packed: reader_list() opens one, the caller reads every item once (the check), then
 * reader_list_end() fixes where it ends. `wire_next_…` walk the same bytes again for the
 * receiver. */
#ifndef WHERRY_WIRE_READER_H
#define WHERRY_WIRE_READER_H

#include "common/wire/cursor.h"
#include "common/wire/wire.h"

struct reader {
    struct cursor cursor;
    const struct wire_message *message;
    enum wire_type type;
    uint32_t extra;  /* fields of a newer version, behind those that we know */
    size_t frame;    /* the payload frame that must be named next */
};

/* False unless `message` has that type and at least `fields` fields behind it. */
bool reader_open(struct reader *reader, const struct wire_message *message, enum wire_type type,
                 uint32_t fields);
/* OK if `ok`, nothing stands behind the array, and every frame was named once; else PROTOCOL. */
wherry_err reader_close(struct reader *reader, bool ok);

/* A list whose items are `stride` elements each. */
bool reader_list(struct reader *reader, uint32_t stride, struct wire_items *out);
void reader_list_end(const struct reader *reader, struct wire_items *items);

/* Frames are named in order, each once. 0: the payload was inline. */
static inline bool reader_frame(struct reader *reader, int frame) {
    if (CURSOR_LIKELY(frame == 0)) {
        return true;
    }
    return (size_t)frame == reader->frame++;
}

/* ---- payloads ---- */

/* payload = bin | frame number | [bin or frame number, [reference…], origin id or nil, …] */
struct payload_read {
    struct span span;
    int frame;
    bool has_origin;
    struct task_id origin;
};
bool payload_read_slow(struct cursor *cursor, const struct wire_message *message,
                       struct payload_read *out);

static inline bool payload_read(struct cursor *cursor, const struct wire_message *message,
                                struct payload_read *out) {
    out->frame = 0;
    out->has_origin = false;
    uint8_t head = cursor_peek(cursor);
    if (CURSOR_LIKELY(head >= MSG_BIN8 && head <= MSG_BIN32)) {
        return cursor_bin(cursor, &out->span);
    }
    struct cursor copy = *cursor;
    struct payload_read payload = {0};
    bool ok = payload_read_slow(&copy, message, &payload);
    *out = payload;
    cursor->at = copy.at;
    return ok;
}

/* ---- lists that several messages share ---- */

bool reader_runs(struct reader *reader, struct wire_items *out);
bool reader_attempts(struct reader *reader, struct wire_items *out);
bool options_read(struct cursor *cursor, struct wire_options *out);

#endif
