/* SPDX-License-Identifier: MIT
 *
 * HELLO: who is there, and what it holds.
 *
 *     [1, peer, min, max, features, resume, session, secret, [parent, attempt epoch, counter],
 *      label, pid, X]
 *     X of a client   nil
 *     X of a host     [pool, processes, [function…], [place…], processes_max]
 *     place           [place, alive, generation, started, [attempt…]]
 *     X of a child    [place, generation, started, [held…]]
 *     held            [id, epoch, counter, status, payload]
 *
 * Places and held results are lists of their own and not strides of a flat one, so that a newer
 * version can append to each. */
#include "common/wire/pack.h"
#include "common/wire/reader.h"

enum { HELLO_FIELDS = 11 };

/* ---- writing ---- */

static void hello_head(struct wire_out *out, const struct wire_hello *hello) {
    message_open(out, WIRE_HELLO, HELLO_FIELDS);
    struct bytes *body = &out->body;
    pack_uint(body, hello->peer);
    pack_uint(body, hello->version_min);
    pack_uint(body, hello->version_max);
    pack_uint(body, hello->features);
    pack_bool(body, hello->resume);
    pack_uint(body, hello->session);
    pack_bin(body, hello->secret);
    pack_array(body, 3);
    pack_uint(body, hello->parent);
    pack_uint(body, hello->attempt.epoch);
    pack_uint(body, hello->attempt.counter);
    pack_text(body, hello->label, WIRE_NAME_MAX);
    pack_int(body, hello->pid);
}

/* The head of the places stands behind the last function. Until then `count` holds the functions
 * still missing and `count_at` the number of places. */
static void hello_places(struct wire_out *out) {
    if (out->count == 0) {
        pack_array(&out->body, (uint32_t)out->count_at);
        out->count_at = 0;
    }
}

void wire_hello_begin(struct wire_out *out, const struct wire_hello *hello, uint32_t function_count,
                      uint32_t place_count) {
    hello_head(out, hello);
    struct bytes *body = &out->body;
    if (hello->peer == WIRE_HOST) {
        pack_array(body, 5);
        pack_text(body, hello->pool, WIRE_NAME_MAX);
        pack_uint(body, hello->processes);
        pack_array(body, function_count);
        out->count = function_count;
        out->count_at = place_count;
        out->processes_max = hello->processes_max;
        out->ends_host = true;
        hello_places(out);
    } else if (hello->peer == WIRE_CHILD) {
        pack_array(body, 4);
        pack_uint(body, hello->place);
        pack_uint(body, hello->generation);
        pack_uint(body, hello->started);
        list_open(out);
    } else {
        pack_nil(body);
    }
}

void wire_hello_function(struct wire_out *out, struct span name) {
    pack_text(&out->body, name, WIRE_NAME_MAX);
    out->count--;
    hello_places(out);
}

void wire_hello_place(struct wire_out *out, const struct wire_place *place,
                      uint32_t attempt_count) {
    struct bytes *body = &out->body;
    pack_array(body, 5);
    pack_uint(body, place->place);
    pack_bool(body, place->alive);
    pack_uint(body, place->generation);
    pack_uint(body, place->started);
    pack_array(body, attempt_count);
}

void wire_hello_attempt(struct wire_out *out, const struct wire_attempt *attempt) {
    pack_attempt(&out->body, attempt);
}

void wire_hello_held(struct wire_out *out, const struct wire_held *held) {
    struct bytes *body = &out->body;
    pack_array(body, 5);
    pack_id(body, held->id);
    pack_uint(body, held->token.epoch);
    pack_uint(body, held->token.counter);
    pack_uint(body, held->status);
    pack_payload(out, (struct wire_part){.data = held->payload.data, .size = held->payload.size});
    out->count++;
}

void wire_hello_end(struct wire_out *out) {
    if (out->ends_host) {
        pack_uint(&out->body, out->processes_max);
        out->ends_host = false;
    } else if (out->count_at != 0) {
        list_close(out, 1);
    }
}

/* ---- reading ---- */

static bool hello_read_head(struct cursor *cursor, struct wire_hello *out) {
    bool ok = cursor_u32(cursor, &out->peer) && out->peer <= WIRE_CHILD &&
              cursor_u32(cursor, &out->version_min) && cursor_u32(cursor, &out->version_max) &&
              out->version_min <= out->version_max && cursor_uint(cursor, &out->features) &&
              cursor_bool(cursor, &out->resume) && cursor_uint(cursor, &out->session) &&
              cursor_bin(cursor, &out->secret) && out->secret.size == WIRE_SECRET_SIZE;
    uint32_t count;
    ok = ok && cursor_array(cursor, &count) && count == 3 && cursor_uint(cursor, &out->parent) &&
         cursor_uint(cursor, &out->attempt.epoch) && cursor_uint(cursor, &out->attempt.counter);
    return ok && cursor_str(cursor, WIRE_NAME_MAX, &out->label) && cursor_i64(cursor, &out->pid);
}

static bool extra_skip(struct cursor *cursor, uint32_t have, uint32_t known) {
    for (uint32_t i = known; i < have; i++) {
        if (!cursor_skip(cursor, WIRE_DEPTH_MAX - 6)) {
            return false;
        }
    }
    return true;
}

static bool name_read(struct cursor *cursor, struct span *out) {
    return cursor_function(cursor, out);
}

bool wire_next_name(struct wire_items *items, struct span *out) {
    if (items->left == 0) {
        return false;
    }
    struct cursor cursor = {items->at, items->end};
    bool ok = name_read(&cursor, out);
    items->at = cursor.at;
    items->left--;
    return ok;
}

static bool functions_read(struct reader *reader, struct wire_items *out) {
    bool ok = reader_list(reader, 1, out);
    struct span name;
    for (uint32_t i = 0; ok && i < out->left; i++) {
        ok = name_read(&reader->cursor, &name);
    }
    reader_list_end(reader, out);
    return ok;
}

static bool place_read(struct reader *reader, struct wire_place *out) {
    struct cursor *cursor = &reader->cursor;
    uint32_t count;
    return cursor_array(cursor, &count) && count >= 5 && cursor_u32(cursor, &out->place) &&
           cursor_bool(cursor, &out->alive) && cursor_u32(cursor, &out->generation) &&
           cursor_u32(cursor, &out->started) && reader_attempts(reader, &out->attempts) &&
           extra_skip(cursor, count, 5);
}

bool wire_next_place(struct wire_items *items, struct wire_place *out) {
    if (items->left == 0) {
        return false;
    }
    struct reader reader = {.cursor = {items->at, items->end}, .message = items->message};
    bool ok = place_read(&reader, out);
    items->at = reader.cursor.at;
    items->left--;
    return ok;
}

static bool places_read(struct reader *reader, struct wire_items *out) {
    bool ok = reader_list(reader, 1, out);
    struct wire_place place;
    for (uint32_t i = 0; ok && i < out->left; i++) {
        ok = place_read(reader, &place);
    }
    reader_list_end(reader, out);
    return ok;
}

static bool held_read(struct cursor *cursor, const struct wire_message *message,
                      struct wire_held *out, int *frame) {
    struct payload_read payload = {0};
    uint32_t count;
    bool ok = cursor_array(cursor, &count) && count >= 5 && cursor_id(cursor, &out->id) &&
              cursor_uint(cursor, &out->token.epoch) &&
              cursor_uint(cursor, &out->token.counter) && cursor_u32(cursor, &out->status) &&
              out->status <= WIRE_TRY_AGAIN && payload_read(cursor, message, &payload) &&
              extra_skip(cursor, count, 5);
    out->payload = payload.span;
    *frame = payload.frame;
    return ok;
}

bool wire_next_held(struct wire_items *items, struct wire_held *out) {
    if (items->left == 0) {
        return false;
    }
    struct cursor cursor = {items->at, items->end};
    int frame;
    bool ok = held_read(&cursor, items->message, out, &frame);
    items->at = cursor.at;
    items->left--;
    return ok;
}

static bool held_list_read(struct reader *reader, struct wire_items *out) {
    bool ok = reader_list(reader, 1, out);
    struct wire_held held;
    for (uint32_t i = 0; ok && i < out->left; i++) {
        int frame;
        ok = held_read(&reader->cursor, reader->message, &held, &frame) &&
             reader_frame(reader, frame);
    }
    reader_list_end(reader, out);
    return ok;
}

static bool hello_read_host(struct reader *reader, struct wire_hello *out) {
    uint32_t count;
    return cursor_array(&reader->cursor, &count) && count >= 4 &&
           cursor_name(&reader->cursor, &out->pool) &&
           cursor_u32(&reader->cursor, &out->processes) &&
           functions_read(reader, &out->functions) && places_read(reader, &out->places) &&
           (count == 4 || (cursor_u32(&reader->cursor, &out->processes_max) &&
                           extra_skip(&reader->cursor, count, 5)));
}

static bool hello_read_child(struct reader *reader, struct wire_hello *out) {
    uint32_t count;
    return cursor_array(&reader->cursor, &count) && count >= 4 &&
           cursor_u32(&reader->cursor, &out->place) &&
           cursor_u32(&reader->cursor, &out->generation) &&
           cursor_u32(&reader->cursor, &out->started) && held_list_read(reader, &out->held) &&
           extra_skip(&reader->cursor, count, 4);
}

wherry_err wire_get_hello(const struct wire_message *message, struct wire_hello *out) {
    *out = (struct wire_hello){0};
    struct reader reader;
    bool ok = reader_open(&reader, message, WIRE_HELLO, HELLO_FIELDS) &&
              hello_read_head(&reader.cursor, out);
    if (ok && out->peer == WIRE_HOST) {
        ok = hello_read_host(&reader, out);
    } else if (ok && out->peer == WIRE_CHILD) {
        ok = hello_read_child(&reader, out);
    } else {
        ok = ok && cursor_skip(&reader.cursor, WIRE_DEPTH_MAX - 1);
    }
    return reader_close(&reader, ok);
}
