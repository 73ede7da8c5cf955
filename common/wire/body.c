/* SPDX-License-Identifier: MIT
 *
 * Bodies of calls and answers; see body.h. */
#include "common/wire/body.h"

#include "common/err.h"
#include "common/wire/cursor.h"
#include "common/wire/pack.h"

struct body_reader {
    struct cursor cursor;
    uint32_t extra;
};

static bool body_open(struct body_reader *reader, struct span body, uint32_t fields) {
    reader->cursor = cursor_of(body);
    uint32_t count;
    if (!cursor_array(&reader->cursor, &count) || count < fields) {
        return false;
    }
    reader->extra = count - fields;
    return true;
}

static wherry_err body_close(struct body_reader *reader, bool ok) {
    for (uint32_t i = 0; ok && i < reader->extra; i++) {
        ok = cursor_skip(&reader->cursor, WIRE_DEPTH_MAX - 1);
    }
    if (!ok || reader->cursor.at != reader->cursor.end) {
        return err_set(WHERRY_E_PROTOCOL, "a malformed body of a call or answer");
    }
    return WHERRY_OK;
}

void body_put_id(struct bytes *out, struct task_id id) {
    pack_array(out, 1);
    pack_id(out, id);
}

wherry_err body_get_id(struct span body, struct task_id *out) {
    struct body_reader reader;
    return body_close(&reader, body_open(&reader, body, 1) && cursor_id(&reader.cursor, out));
}

void body_put_name(struct bytes *out, struct span name) {
    pack_array(out, 1);
    pack_text(out, name, WIRE_NAME_MAX);
}

wherry_err body_get_name(struct span body, struct span *out) {
    struct body_reader reader;
    return body_close(&reader, body_open(&reader, body, 1) && cursor_name(&reader.cursor, out));
}

void body_put_queue(struct bytes *out, const struct body_queue *queue) {
    pack_array(out, 3);
    pack_text(out, queue->name, WIRE_NAME_MAX);
    pack_uint(out, queue->items_max);
    pack_uint(out, queue->bytes_max);
}

wherry_err body_get_queue(struct span body, struct body_queue *out) {
    struct body_reader reader;
    bool ok = body_open(&reader, body, 3) && cursor_name(&reader.cursor, &out->name) &&
              cursor_uint(&reader.cursor, &out->items_max) &&
              cursor_uint(&reader.cursor, &out->bytes_max);
    return body_close(&reader, ok);
}

void body_put_pause(struct bytes *out, const struct body_pause *pause) {
    pack_array(out, 3);
    pack_text(out, pause->name, WIRE_NAME_MAX);
    pack_uint(out, pause->pause);
    pack_uint(out, pause->resume);
}

wherry_err body_get_pause(struct span body, struct body_pause *out) {
    struct body_reader reader;
    bool ok = body_open(&reader, body, 3) && cursor_name(&reader.cursor, &out->name) &&
              cursor_u32(&reader.cursor, &out->pause) && cursor_u32(&reader.cursor, &out->resume);
    return body_close(&reader, ok);
}

void body_put_drain(struct bytes *out, const struct body_drain *drain) {
    pack_array(out, 2);
    pack_text(out, drain->host, WIRE_NAME_MAX);
    pack_int(out, drain->grace_ms);
}

wherry_err body_get_drain(struct span body, struct body_drain *out) {
    struct body_reader reader;
    bool ok = body_open(&reader, body, 2) && cursor_name(&reader.cursor, &out->host) &&
              cursor_patience(&reader.cursor, &out->grace_ms);
    return body_close(&reader, ok);
}

void body_put_signal(struct bytes *out, struct task_id id, uint32_t signal) {
    pack_array(out, 2);
    pack_id(out, id);
    pack_uint(out, signal);
}

wherry_err body_get_signal(struct span body, struct task_id *id, uint32_t *signal) {
    struct body_reader reader;
    bool ok = body_open(&reader, body, 2) && cursor_id(&reader.cursor, id) &&
              cursor_u32(&reader.cursor, signal);
    return body_close(&reader, ok);
}

void body_put_process(struct bytes *out, const struct body_process *process) {
    pack_array(out, 3);
    pack_uint(out, process->state);
    pack_int(out, process->pid);
    pack_text(out, process->host, WIRE_NAME_MAX);
}

wherry_err body_get_process(struct span body, struct body_process *out) {
    struct body_reader reader;
    bool ok = body_open(&reader, body, 3) && cursor_u32(&reader.cursor, &out->state) &&
              cursor_i64(&reader.cursor, &out->pid) &&
              cursor_str(&reader.cursor, WIRE_NAME_MAX, &out->host);
    return body_close(&reader, ok);
}

void body_put_empty(struct bytes *out) {
    pack_array(out, 0);
}

void body_put_number(struct bytes *out, uint64_t number) {
    pack_array(out, 1);
    pack_uint(out, number);
}

wherry_err body_get_number(struct span body, uint64_t *out) {
    struct body_reader reader;
    return body_close(&reader, body_open(&reader, body, 1) && cursor_uint(&reader.cursor, out));
}

void body_put_outcome(struct bytes *out, const struct body_outcome *outcome) {
    pack_array(out, 2);
    pack_uint(out, outcome->status);
    pack_bin(out, outcome->payload);
}

wherry_err body_get_outcome(struct span body, struct body_outcome *out) {
    struct body_reader reader;
    bool ok = body_open(&reader, body, 2) && cursor_u32(&reader.cursor, &out->status) &&
              out->status < WIRE_TRY_AGAIN && cursor_bin(&reader.cursor, &out->payload);
    return body_close(&reader, ok);
}

void body_put_text(struct bytes *out, struct span text) {
    pack_array(out, 1);
    pack_text(out, text, WIRE_TEXT_MAX);
}

wherry_err body_get_text(struct span body, struct span *out) {
    struct body_reader reader;
    bool ok = body_open(&reader, body, 1) && cursor_str(&reader.cursor, WIRE_TEXT_MAX, out);
    return body_close(&reader, ok);
}
