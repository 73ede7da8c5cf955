/* SPDX-License-Identifier: MIT
 *
 * How the broker answers a hello:
 *
 *     HELLO_OK      [40, epoch, version, features, store, session, keeps, beat_ms, payload_max]
 *     SESSION_LOST  [42, epoch, store, keeps]
 *     REFUSED       [43, epoch, err, text] */
#include "common/wire/pack.h"
#include "common/wire/reader.h"

enum { STORE_SIZE = 16 }; /* a uuid */

static bool store_read(struct cursor *cursor, struct span *out) {
    return cursor_bin(cursor, out) && out->size == STORE_SIZE;
}

void wire_put_hello_ok(struct wire_out *out, const struct wire_hello_ok *message) {
    message_open(out, WIRE_HELLO_OK, 8);
    struct bytes *body = &out->body;
    pack_uint(body, message->epoch);
    pack_uint(body, message->version);
    pack_uint(body, message->features);
    pack_bin(body, message->store);
    pack_uint(body, message->session);
    pack_bool(body, message->keeps);
    pack_uint(body, message->beat_ms);
    pack_uint(body, message->payload_max);
}

wherry_err wire_get_hello_ok(const struct wire_message *message, struct wire_hello_ok *out) {
    *out = (struct wire_hello_ok){0};
    struct reader reader;
    struct cursor *cursor = &reader.cursor;
    bool ok = reader_open(&reader, message, WIRE_HELLO_OK, 8) &&
              cursor_uint(cursor, &out->epoch) && cursor_u32(cursor, &out->version) &&
              cursor_uint(cursor, &out->features) && store_read(cursor, &out->store) &&
              cursor_uint(cursor, &out->session) && cursor_bool(cursor, &out->keeps) &&
              cursor_u32(cursor, &out->beat_ms) && cursor_u32(cursor, &out->payload_max);
    return reader_close(&reader, ok);
}

void wire_put_session_lost(struct wire_out *out, const struct wire_session_lost *message) {
    message_open(out, WIRE_SESSION_LOST, 3);
    pack_uint(&out->body, message->epoch);
    pack_bin(&out->body, message->store);
    pack_bool(&out->body, message->keeps);
}

wherry_err wire_get_session_lost(const struct wire_message *message,
                                 struct wire_session_lost *out) {
    *out = (struct wire_session_lost){0};
    struct reader reader;
    bool ok = reader_open(&reader, message, WIRE_SESSION_LOST, 3) &&
              cursor_uint(&reader.cursor, &out->epoch) &&
              store_read(&reader.cursor, &out->store) && cursor_bool(&reader.cursor, &out->keeps);
    return reader_close(&reader, ok);
}

void wire_put_refused(struct wire_out *out, const struct wire_refused *message) {
    message_open(out, WIRE_REFUSED, 3);
    pack_uint(&out->body, message->epoch);
    pack_uint(&out->body, message->err);
    pack_text(&out->body, message->text, WIRE_TEXT_MAX);
}

wherry_err wire_get_refused(const struct wire_message *message, struct wire_refused *out) {
    *out = (struct wire_refused){0};
    struct reader reader;
    bool ok = reader_open(&reader, message, WIRE_REFUSED, 3) &&
              cursor_uint(&reader.cursor, &out->epoch) && cursor_u32(&reader.cursor, &out->err) &&
              cursor_str(&reader.cursor, WIRE_TEXT_MAX, &out->text);
    return reader_close(&reader, ok);
}
