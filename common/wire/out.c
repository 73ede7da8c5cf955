/* SPDX-License-Identifier: MIT
 *
 * The message being written; see "frames in, frames out" in wire.h. */
#include "common/wire/pack.h"

/* Payload frames of one batch, together: enough to keep a connection busy, little enough that the
 * first of them need not wait for gigabytes. One frame alone may be larger. */
enum { OUT_FRAMES_BYTES_MAX = 8 * 1024 * 1024 };

void wire_out_init(struct wire_out *out) {
    out->body = BYTES_EMPTY;
    out->part_count = 0;
    out->count_at = 0;
    out->count = 0;
    out->ends_host = false;
}

void wire_out_clear(struct wire_out *out) {
    bytes_clear(&out->body);
    out->part_count = 0;
    out->count_at = 0;
    out->count = 0;
    out->ends_host = false;
}

void wire_out_fini(struct wire_out *out) {
    bytes_free(&out->body);
    wire_out_init(out);
}

struct wire_message wire_out_message(const struct wire_out *out) {
    struct wire_message message = {.count = 1 + out->part_count};
    message.frames[0] = bytes_span(&out->body);
    for (size_t i = 0; i < out->part_count; i++) {
        message.frames[1 + i] = (struct span){out->parts[i].data, out->parts[i].size};
    }
    return message;
}

static size_t parts_bytes(const struct wire_out *out) {
    size_t size = 0;
    for (size_t i = 0; i < out->part_count; i++) {
        size += out->parts[i].size;
    }
    return size;
}

bool wire_out_fits(const struct wire_out *out, size_t payload_size) {
    if (out->count == 0) {
        return true;
    }
    /* A small payload with a release function travels as a frame, too; keep a frame for it. */
    if (out->count >= WIRE_ITEMS_MAX || out->part_count >= WIRE_FRAMES_MAX - 1) {
        return false;
    }
    if (payload_size > WIRE_INLINE_MAX) {
        return out->body.size + TIGHT_MAX <= WIRE_BATCH_MAX &&
               parts_bytes(out) + payload_size <= OUT_FRAMES_BYTES_MAX;
    }
    return out->body.size + TIGHT_MAX + payload_size <= WIRE_BATCH_MAX;
}

bool wire_out_reserve(struct wire_out *out, size_t payload_size) {
    size_t inline_size = payload_size > WIRE_INLINE_MAX ? 0 : payload_size;
    return bytes_reserve(&out->body, TIGHT_MAX + inline_size);
}
