/* SPDX-License-Identifier: MIT
 *
 * RESULTS: finished attempts, from a child to the broker, with its next credit.
 *
 *     [21, epoch, generation, up_to, started, busy_us, [index, counter, status, payload, …]]
 *
 * Credit and time are known only when the batch leaves: they have a fixed width and are patched. */
#include "common/wire/pack.h"
#include "common/wire/reader.h"

#include <endian.h>

enum {
    RESULTS_FIELDS = 6,
    RESULTS_CREDIT_AT = 11, /* behind list head, type and the epoch's nine bytes */
    RESULTS_BUSY_AT = RESULTS_CREDIT_AT + 3 * 5,
};

void wire_results_begin(struct wire_out *out, uint64_t epoch) {
    message_open(out, WIRE_RESULTS, RESULTS_FIELDS);
    struct bytes *body = &out->body;
    pack_fixed_u64(body, epoch);
    pack_fixed_u32(body, 0);
    pack_fixed_u32(body, 0);
    pack_fixed_u32(body, 0);
    pack_fixed_u64(body, 0);
    list_open(out);
}

PACK_FLAT void wire_results_item(struct wire_out *out, uint32_t index, uint64_t counter,
                                 uint32_t status, struct wire_part payload) {
    if (!payload_is_inline(&payload)) {
        pack_uint(&out->body, index);
        pack_uint(&out->body, counter);
        pack_uint(&out->body, status);
        pack_payload(out, payload);
        out->count++;
        return;
    }
    struct tight tight = tight_begin(out, payload.size);
    msgpack_packer packer = {&tight, tight_write};
    msgpack_pack_uint32(&packer, index);
    msgpack_pack_uint64(&packer, counter);
    msgpack_pack_uint32(&packer, status);
    msgpack_pack_bin(&packer, payload.size);
    tight_payload(&tight, &payload);
    tight_end(out, &tight);
}

static void patch_u32(struct wire_out *out, size_t at, uint32_t value) {
    value = htobe32(value);
    memcpy(out->body.data + at + 1, &value, sizeof value);
}

void wire_results_end(struct wire_out *out, struct wire_credit credit, uint64_t busy_us) {
    patch_u32(out, RESULTS_CREDIT_AT, credit.generation);
    patch_u32(out, RESULTS_CREDIT_AT + 5, credit.up_to);
    patch_u32(out, RESULTS_CREDIT_AT + 10, credit.started);
    uint64_t busy_wire = htobe64(busy_us);
    memcpy(out->body.data + RESULTS_BUSY_AT + 1, &busy_wire, sizeof busy_wire);
    list_close(out, 4);
}

static inline bool results_item_read(struct cursor *cursor, const struct wire_message *message,
                                     struct wire_results_item *out) {
    struct payload_read payload;
    uint64_t index;
    uint64_t status;
    bool ok = cursor_uint(cursor, &index) && index <= UINT32_MAX &&
              cursor_uint(cursor, &out->counter) && cursor_uint(cursor, &status) &&
              status <= WIRE_TRY_AGAIN && payload_read(cursor, message, &payload);
    if (CURSOR_LIKELY(ok)) {
        out->index = (uint32_t)index;
        out->status = (uint32_t)status;
        out->payload = payload.span;
        out->frame = payload.frame;
    }
    return ok;
}

bool wire_next_results(struct wire_items *items, struct wire_results_item *out) {
    if (items->left == 0) {
        return false;
    }
    struct cursor cursor = {items->at, items->end};
    bool ok = results_item_read(&cursor, items->message, out);
    items->at = cursor.at;
    items->left--;
    return ok;
}

static bool results_items_read(struct reader *reader, struct wire_items *out) {
    bool ok = reader_list(reader, 4, out);
    struct cursor cursor = reader->cursor;
    struct wire_results_item item;
    for (uint32_t i = 0; ok && i < out->left; i++) {
        ok = results_item_read(&cursor, reader->message, &item) &&
             reader_frame(reader, item.frame);
    }
    reader->cursor = cursor;
    reader_list_end(reader, out);
    return ok;
}

wherry_err wire_get_results(const struct wire_message *message, struct wire_results *out) {
    *out = (struct wire_results){0};
    struct reader reader;
    struct cursor *cursor = &reader.cursor;
    bool ok = reader_open(&reader, message, WIRE_RESULTS, RESULTS_FIELDS) &&
              cursor_uint(cursor, &out->epoch) && cursor_u32(cursor, &out->credit.generation) &&
              cursor_u32(cursor, &out->credit.up_to) &&
              cursor_u32(cursor, &out->credit.started) && cursor_uint(cursor, &out->busy_us) &&
              results_items_read(&reader, &out->items);
    return reader_close(&reader, ok);
}

/* [20, generation, up_to, started]: the same credit, when there is no result to carry it. */

void wire_put_credit(struct wire_out *out, const struct wire_credit *credit) {
    message_open(out, WIRE_CREDIT, 3);
    pack_uint(&out->body, credit->generation);
    pack_uint(&out->body, credit->up_to);
    pack_uint(&out->body, credit->started);
}

wherry_err wire_get_credit(const struct wire_message *message, struct wire_credit *out) {
    *out = (struct wire_credit){0};
    struct reader reader;
    bool ok = reader_open(&reader, message, WIRE_CREDIT, 3) &&
              cursor_u32(&reader.cursor, &out->generation) &&
              cursor_u32(&reader.cursor, &out->up_to) &&
              cursor_u32(&reader.cursor, &out->started);
    return reader_close(&reader, ok);
}
