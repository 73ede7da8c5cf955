/* SPDX-License-Identifier: MIT
 *
 * RESULT: finished tasks, from the broker to the client that submitted them.
 *
 *     [52, epoch, slot, [number, status, payload, …]] */
#include "common/wire/pack.h"
#include "common/wire/reader.h"

void wire_result_begin(struct wire_out *out, uint64_t epoch, uint16_t slot) {
    message_open(out, WIRE_RESULT, 3);
    pack_uint(&out->body, epoch);
    pack_uint(&out->body, slot);
    list_open(out);
}

PACK_FLAT void wire_result_item(struct wire_out *out, uint64_t number, uint32_t status,
                                struct wire_part payload) {
    if (!payload_is_inline(&payload)) {
        pack_uint(&out->body, number);
        pack_uint(&out->body, status);
        pack_payload(out, payload);
        out->count++;
        return;
    }
    struct tight tight = tight_begin(out, payload.size);
    msgpack_packer packer = {&tight, tight_write};
    msgpack_pack_uint64(&packer, number);
    msgpack_pack_uint32(&packer, status);
    msgpack_pack_bin(&packer, payload.size);
    tight_payload(&tight, &payload);
    tight_end(out, &tight);
}

void wire_result_end(struct wire_out *out) {
    list_close(out, 3);
}

static inline bool result_item_read(struct cursor *cursor, const struct wire_message *message,
                                    struct wire_result_item *out) {
    struct payload_read payload;
    uint64_t status;
    bool ok = cursor_number48(cursor, &out->number) && out->number >= 1 &&
              cursor_uint(cursor, &status) && status < WIRE_TRY_AGAIN &&
              payload_read(cursor, message, &payload);
    if (CURSOR_LIKELY(ok)) {
        out->status = (uint32_t)status;
        out->payload = payload.span;
        out->frame = payload.frame;
    }
    return ok;
}

bool wire_next_result(struct wire_items *items, struct wire_result_item *out) {
    if (items->left == 0) {
        return false;
    }
    struct cursor cursor = {items->at, items->end};
    bool ok = result_item_read(&cursor, items->message, out);
    items->at = cursor.at;
    items->left--;
    return ok;
}

static bool result_items_read(struct reader *reader, struct wire_items *out) {
    bool ok = reader_list(reader, 3, out);
    struct cursor cursor = reader->cursor;
    struct wire_result_item item;
    for (uint32_t i = 0; ok && i < out->left; i++) {
        ok = result_item_read(&cursor, reader->message, &item) && reader_frame(reader, item.frame);
    }
    reader->cursor = cursor;
    reader_list_end(reader, out);
    return ok;
}

wherry_err wire_get_result(const struct wire_message *message, struct wire_result *out) {
    *out = (struct wire_result){0};
    struct reader reader;
    bool ok = reader_open(&reader, message, WIRE_RESULT, 3) &&
              cursor_uint(&reader.cursor, &out->epoch) &&
              cursor_slot(&reader.cursor, &out->slot) && result_items_read(&reader, &out->items);
    return reader_close(&reader, ok);
}
