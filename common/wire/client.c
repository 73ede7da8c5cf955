/* SPDX-License-Identifier: MIT
 *
 * The smaller messages between client and broker:
 *
 *     ACK       [11, slot, acked, credit, [first, count, …]]
 *     CANCEL    [12, slot, [first, count, …]]
 *     CALL      [13, call, verb, timeout_ms, thread, body]
 *     RENUMBER  [14, slot, acked, [old, new, …]]
 *     ACCEPTED  [50, epoch, slot, [first, count, …]]
 *     ANSWERED  [51, epoch, slot, number, err, text]
 *     ANSWER    [53, epoch, call, err, text, body]
 *     PARKED    [54, epoch, slot, [first, count, …]] */
#include "common/wire/pack.h"
#include "common/wire/reader.h"

void wire_put_ack(struct wire_out *out, const struct wire_ack *ack, const struct wire_run *runs,
                  uint32_t run_count) {
    message_open(out, WIRE_ACK, 4);
    pack_uint(&out->body, ack->slot);
    pack_uint(&out->body, ack->acked);
    pack_uint(&out->body, ack->credit);
    pack_runs(&out->body, runs, run_count);
}

wherry_err wire_get_ack(const struct wire_message *message, struct wire_ack *out) {
    *out = (struct wire_ack){0};
    struct reader reader;
    bool ok = reader_open(&reader, message, WIRE_ACK, 4) &&
              cursor_slot(&reader.cursor, &out->slot) &&
              cursor_number48(&reader.cursor, &out->acked) &&
              cursor_uint(&reader.cursor, &out->credit) && reader_runs(&reader, &out->results);
    return reader_close(&reader, ok);
}

void wire_put_cancel(struct wire_out *out, uint16_t slot, const struct wire_run *runs,
                     uint32_t run_count) {
    message_open(out, WIRE_CANCEL, 2);
    pack_uint(&out->body, slot);
    pack_runs(&out->body, runs, run_count);
}

wherry_err wire_get_cancel(const struct wire_message *message, struct wire_cancel *out) {
    *out = (struct wire_cancel){0};
    struct reader reader;
    bool ok = reader_open(&reader, message, WIRE_CANCEL, 2) &&
              cursor_slot(&reader.cursor, &out->slot) && reader_runs(&reader, &out->runs);
    return reader_close(&reader, ok);
}

void wire_put_renumber(struct wire_out *out, uint16_t slot, uint64_t acked,
                       const struct wire_renumbering *items, uint32_t item_count) {
    message_open(out, WIRE_RENUMBER, 3);
    pack_uint(&out->body, slot);
    pack_uint(&out->body, acked);
    pack_array(&out->body, item_count * 2);
    for (uint32_t i = 0; i < item_count; i++) {
        pack_uint(&out->body, items[i].from);
        pack_uint(&out->body, items[i].to);
    }
}

static bool renumbering_read(struct cursor *cursor, struct wire_renumbering *out) {
    return cursor_number48(cursor, &out->from) && cursor_number48(cursor, &out->to) &&
           out->from >= 1 && out->to >= 1;
}

bool wire_next_renumbering(struct wire_items *items, struct wire_renumbering *out) {
    if (items->left == 0) {
        return false;
    }
    struct cursor cursor = {items->at, items->end};
    bool ok = renumbering_read(&cursor, out);
    items->at = cursor.at;
    items->left--;
    return ok;
}

wherry_err wire_get_renumber(const struct wire_message *message, struct wire_renumber *out) {
    *out = (struct wire_renumber){0};
    struct reader reader;
    struct wire_renumbering item;
    bool ok = reader_open(&reader, message, WIRE_RENUMBER, 3) &&
              cursor_slot(&reader.cursor, &out->slot) &&
              cursor_number48(&reader.cursor, &out->acked) &&
              reader_list(&reader, 2, &out->items);
    for (uint32_t i = 0; ok && i < out->items.left; i++) {
        ok = renumbering_read(&reader.cursor, &item);
    }
    reader_list_end(&reader, &out->items);
    return reader_close(&reader, ok);
}

void wire_put_call(struct wire_out *out, const struct wire_call *call) {
    message_open(out, WIRE_CALL, 5);
    pack_uint(&out->body, call->call);
    pack_uint(&out->body, call->verb);
    pack_int(&out->body, call->timeout_ms);
    pack_uint(&out->body, call->thread);
    pack_bin(&out->body, call->body);
}

/* The body is one list; what stands in it is the verb's affair (body.h). */
static bool call_body_ok(struct span body) {
    struct cursor whole = cursor_of(body);
    struct cursor head = whole;
    uint32_t count;
    return cursor_array(&head, &count) && cursor_skip(&whole, WIRE_DEPTH_MAX) &&
           whole.at == whole.end;
}

wherry_err wire_get_call(const struct wire_message *message, struct wire_call *out) {
    *out = (struct wire_call){0};
    struct reader reader;
    struct cursor *cursor = &reader.cursor;
    bool ok = reader_open(&reader, message, WIRE_CALL, 5) && cursor_uint(cursor, &out->call) &&
              cursor_u32(cursor, &out->verb) && cursor_patience(cursor, &out->timeout_ms) &&
              cursor_uint(cursor, &out->thread) && cursor_bin(cursor, &out->body) &&
              call_body_ok(out->body);
    return reader_close(&reader, ok);
}

void wire_put_numbers(struct wire_out *out, enum wire_type type, uint64_t epoch, uint16_t slot,
                      const struct wire_run *runs, uint32_t run_count) {
    message_open(out, type, 3);
    pack_uint(&out->body, epoch);
    pack_uint(&out->body, slot);
    pack_runs(&out->body, runs, run_count);
}

wherry_err wire_get_numbers(const struct wire_message *message, enum wire_type type,
                            struct wire_numbers *out) {
    *out = (struct wire_numbers){0};
    struct reader reader;
    bool ok = reader_open(&reader, message, type, 3) &&
              cursor_uint(&reader.cursor, &out->epoch) &&
              cursor_slot(&reader.cursor, &out->slot) && reader_runs(&reader, &out->runs);
    return reader_close(&reader, ok);
}

void wire_put_answered(struct wire_out *out, const struct wire_answered *message) {
    message_open(out, WIRE_ANSWERED, 5);
    pack_uint(&out->body, message->epoch);
    pack_uint(&out->body, message->slot);
    pack_uint(&out->body, message->number);
    pack_uint(&out->body, message->err);
    pack_text(&out->body, message->text, WIRE_TEXT_MAX);
}

wherry_err wire_get_answered(const struct wire_message *message, struct wire_answered *out) {
    *out = (struct wire_answered){0};
    struct reader reader;
    struct cursor *cursor = &reader.cursor;
    bool ok = reader_open(&reader, message, WIRE_ANSWERED, 5) &&
              cursor_uint(cursor, &out->epoch) && cursor_slot(cursor, &out->slot) &&
              cursor_number48(cursor, &out->number) && out->number >= 1 &&
              cursor_u32(cursor, &out->err) && cursor_str(cursor, WIRE_TEXT_MAX, &out->text);
    return reader_close(&reader, ok);
}

void wire_put_answer(struct wire_out *out, const struct wire_answer *message,
                     struct wire_part body) {
    message_open(out, WIRE_ANSWER, 5);
    pack_uint(&out->body, message->epoch);
    pack_uint(&out->body, message->call);
    pack_uint(&out->body, message->err);
    pack_text(&out->body, message->text, WIRE_TEXT_MAX);
    pack_payload(out, body);
}

wherry_err wire_get_answer(const struct wire_message *message, struct wire_answer *out) {
    *out = (struct wire_answer){0};
    struct reader reader;
    struct cursor *cursor = &reader.cursor;
    struct payload_read body = {0};
    bool ok = reader_open(&reader, message, WIRE_ANSWER, 5) && cursor_uint(cursor, &out->epoch) &&
              cursor_uint(cursor, &out->call) && cursor_u32(cursor, &out->err) &&
              cursor_str(cursor, WIRE_TEXT_MAX, &out->text) &&
              payload_read(cursor, message, &body) && reader_frame(&reader, body.frame);
    out->body = body.span;
    out->frame = body.frame;
    return reader_close(&reader, ok);
}
