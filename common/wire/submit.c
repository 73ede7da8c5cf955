/* SPDX-License-Identifier: MIT
 *
 * SUBMIT: a batch of tasks for one lane.
 *
 *     [10, slot, acked, flags, queue, function, options, wait_ms, [number, payload, …]]
 *
 * A client keeps its batches and sends them again unchanged but for `acked` and `flags`: everything
 * up to these has a fixed width, and so a fixed place. */
#include "common/wire/pack.h"
#include "common/wire/reader.h"

#include <endian.h>

enum {
    SUBMIT_FIELDS = 8,
    SUBMIT_ACKED_AT = 6,  /* the number itself, behind its head byte */
    SUBMIT_FLAGS_AT = 15,
};

void wire_submit_begin(struct wire_out *out, const struct wire_submit *head) {
    message_open(out, WIRE_SUBMIT, SUBMIT_FIELDS);
    struct bytes *body = &out->body;
    pack_fixed_u16(body, head->slot);
    pack_fixed_u64(body, head->acked);
    pack_fixed_u32(body, head->flags);
    pack_text(body, head->queue, WIRE_NAME_MAX);
    pack_text(body, head->function, WIRE_NAME_MAX);
    pack_options(body, &head->options);
    pack_int(body, head->wait_ms);
    list_open(out);
}

/* A resubmission: [payload, [], origin]. */
static void submit_item_origin(struct wire_out *out, uint64_t number, struct wire_part payload,
                               const struct task_id *origin) {
    pack_uint(&out->body, number);
    pack_array(&out->body, 3);
    pack_payload(out, payload);
    pack_array(&out->body, 0);
    pack_id(&out->body, *origin);
    out->count++;
}

PACK_FLAT void wire_submit_item(struct wire_out *out, uint64_t number, struct wire_part payload,
                                const struct task_id *origin) {
    if (origin != NULL) {
        submit_item_origin(out, number, payload, origin);
        return;
    }
    if (!payload_is_inline(&payload)) {
        pack_uint(&out->body, number);
        pack_payload(out, payload);
        out->count++;
        return;
    }
    struct tight tight = tight_begin(out, payload.size);
    msgpack_packer packer = {&tight, tight_write};
    msgpack_pack_uint64(&packer, number);
    msgpack_pack_bin(&packer, payload.size);
    tight_payload(&tight, &payload);
    tight_end(out, &tight);
}

void wire_submit_end(struct wire_out *out) {
    list_close(out, 2);
}

void wire_submit_patch(struct wire_out *out, uint64_t acked, uint32_t flags) {
    uint64_t acked_wire = htobe64(acked);
    uint32_t flags_wire = htobe32(flags);
    memcpy(out->body.data + SUBMIT_ACKED_AT, &acked_wire, sizeof acked_wire);
    memcpy(out->body.data + SUBMIT_FLAGS_AT, &flags_wire, sizeof flags_wire);
}

static inline bool submit_item_read(struct cursor *cursor, const struct wire_message *message,
                                    struct wire_submit_item *out) {
    struct payload_read payload;
    bool ok = cursor_number48(cursor, &out->number) && out->number >= 1 &&
              payload_read(cursor, message, &payload);
    if (CURSOR_LIKELY(ok)) {
        out->payload = payload.span;
        out->frame = payload.frame;
        out->has_origin = payload.has_origin;
        if (payload.has_origin) {
            out->origin = payload.origin;
        }
    }
    return ok;
}

bool wire_next_submit(struct wire_items *items, struct wire_submit_item *out) {
    if (items->left == 0) {
        return false;
    }
    struct cursor cursor = {items->at, items->end};
    bool ok = submit_item_read(&cursor, items->message, out);
    items->at = cursor.at;
    items->left--;
    return ok;
}

static bool submit_items_read(struct reader *reader, struct wire_items *out) {
    bool ok = reader_list(reader, 2, out);
    struct cursor cursor = reader->cursor;
    struct wire_submit_item item;
    for (uint32_t i = 0; ok && i < out->left; i++) {
        ok = submit_item_read(&cursor, reader->message, &item) && reader_frame(reader, item.frame);
    }
    reader->cursor = cursor;
    reader_list_end(reader, out);
    return ok;
}

wherry_err wire_get_submit(const struct wire_message *message, struct wire_submit *out) {
    *out = (struct wire_submit){0};
    struct reader reader;
    struct cursor *cursor = &reader.cursor;
    bool ok = reader_open(&reader, message, WIRE_SUBMIT, SUBMIT_FIELDS) &&
              cursor_slot(cursor, &out->slot) && cursor_number48(cursor, &out->acked) &&
              cursor_u32(cursor, &out->flags) && cursor_name(cursor, &out->queue) &&
              cursor_function(cursor, &out->function) && options_read(cursor, &out->options) &&
              cursor_patience(cursor, &out->wait_ms) && submit_items_read(&reader, &out->items);
    return reader_close(&reader, ok);
}
