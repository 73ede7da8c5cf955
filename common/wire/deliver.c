/* SPDX-License-Identifier: MIT
 *
 * DELIVER: a batch of attempts of one lane, from the broker to a child.
 *
 *     [60, epoch, generation, first_slot, first_counter, queue, function, options,
 *      [index, id or nil, payload, …]]
 *
 * Tasks are mostly delivered in the order in which they were numbered, so that most ids are the one
 * before plus one; these travel as nil. The writer notices by itself. */
#include "common/wire/pack.h"
#include "common/wire/reader.h"

enum { DELIVER_FIELDS = 8 };

static const uint64_t number_max = (UINT64_C(1) << 48) - 1;

void wire_deliver_begin(struct wire_out *out, const struct wire_deliver *head) {
    message_open(out, WIRE_DELIVER, DELIVER_FIELDS);
    struct bytes *body = &out->body;
    pack_uint(body, head->epoch);
    pack_uint(body, head->generation);
    pack_uint(body, head->first_slot);
    pack_uint(body, head->first_counter);
    pack_text(body, head->queue, WIRE_NAME_MAX);
    pack_text(body, head->function, WIRE_NAME_MAX);
    pack_options(body, &head->options);
    list_open(out);
    out->last = (struct task_id){0};
}

/* NULL is the caller's word for "the one before plus one". */
static inline bool deliver_id_follows(struct wire_out *out, const struct task_id *id) {
    if (id == NULL) {
        out->last.number++;
        return true;
    }
    bool follows = out->count > 0 && id->session == out->last.session &&
                   id->slot == out->last.slot && id->number == out->last.number + 1;
    out->last = *id;
    return follows;
}

PACK_FLAT void wire_deliver_item(struct wire_out *out, uint32_t index, const struct task_id *id,
                                 struct wire_part payload) {
    bool follows = deliver_id_follows(out, id);
    bool is_inline = payload_is_inline(&payload);
    struct tight tight = tight_begin(out, is_inline ? payload.size : 0);
    msgpack_packer packer = {&tight, tight_write};
    msgpack_pack_uint32(&packer, index);
    if (follows) {
        msgpack_pack_nil(&packer);
    } else {
        msgpack_pack_bin(&packer, ID_WIRE_SIZE);
        task_id_to_wire(out->last, tight.at);
        tight.at += ID_WIRE_SIZE;
    }
    if (is_inline) {
        msgpack_pack_bin(&packer, payload.size);
        tight_payload(&tight, &payload);
    }
    tight_end(out, &tight);
    if (!is_inline) {
        pack_payload(out, payload);
    }
}

void wire_deliver_end(struct wire_out *out) {
    list_close(out, 3);
}

/* `out->id` is the item before. */
static inline bool deliver_id_read(struct cursor *cursor, struct task_id *id) {
    if (CURSOR_LIKELY(cursor_peek(cursor) == MSG_NIL)) {
        if (id->number == 0 || id->number == number_max) {
            return false; /* nothing stands before, or nothing can follow */
        }
        id->number++;
        cursor->at += 1;
        return true;
    }
    return cursor_id(cursor, id) && id->number >= 1;
}

static inline bool deliver_item_read(struct cursor *cursor, const struct wire_message *message,
                                     struct wire_deliver_item *out) {
    struct payload_read payload;
    uint64_t index;
    bool ok = cursor_uint(cursor, &index) && index <= UINT32_MAX &&
              deliver_id_read(cursor, &out->id) && payload_read(cursor, message, &payload);
    if (CURSOR_LIKELY(ok)) {
        out->index = (uint32_t)index;
        out->payload = payload.span;
        out->frame = payload.frame;
    }
    return ok;
}

bool wire_next_deliver(struct wire_items *items, struct wire_deliver_item *out) {
    if (items->left == 0) {
        return false;
    }
    struct cursor cursor = {items->at, items->end};
    bool ok = deliver_item_read(&cursor, items->message, out);
    items->at = cursor.at;
    items->left--;
    return ok;
}

static bool deliver_items_read(struct reader *reader, struct wire_items *out) {
    bool ok = reader_list(reader, 3, out);
    struct cursor cursor = reader->cursor;
    struct wire_deliver_item item = {.id = {.number = 0}};
    for (uint32_t i = 0; ok && i < out->left; i++) {
        ok = deliver_item_read(&cursor, reader->message, &item) &&
             reader_frame(reader, item.frame);
    }
    reader->cursor = cursor;
    reader_list_end(reader, out);
    return ok;
}

wherry_err wire_get_deliver(const struct wire_message *message, struct wire_deliver *out) {
    *out = (struct wire_deliver){0};
    struct reader reader;
    struct cursor *cursor = &reader.cursor;
    bool ok = reader_open(&reader, message, WIRE_DELIVER, DELIVER_FIELDS) &&
              cursor_uint(cursor, &out->epoch) && cursor_u32(cursor, &out->generation) &&
              cursor_u32(cursor, &out->first_slot) &&
              cursor_uint(cursor, &out->first_counter) && cursor_name(cursor, &out->queue) &&
              cursor_function(cursor, &out->function) && options_read(cursor, &out->options) &&
              deliver_items_read(&reader, &out->items) &&
              out->first_counter <= UINT64_MAX - out->items.left;
    return reader_close(&reader, ok);
}
