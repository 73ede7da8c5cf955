/* SPDX-License-Identifier: MIT
 *
 * The payload of a task; see call.h. Every submitted task passes through here, mostly with one
 * argument: that shape is written in one go. */
#include "common/call.h"

#include "common/bounds.h"
#include "common/check.h"
#include "common/err.h"
#include "common/picture.h"
#include "common/value.h"
#include "common/wire/cursor.h"
#include "common/wire/pack.h"

#include <string.h>

enum {
    CALL_HEADS_MAX = 32, /* all tokens of a call but what its arguments hold */
    CALL_PROCESS_FIELDS = 7,
};

/* ---- encoding ---- */

static int call_write(void *bytes, const char *source, size_t size) {
    struct bytes *out = bytes;
    if (!bytes_reserve(out, size)) {
        return -1;
    }
    if (size > 0) {
        memcpy(out->data + out->size, source, size);
        out->size += size;
    }
    return 0;
}

void call_encode(struct bytes *out, const struct call *call) {
    msgpack_packer packer;
    msgpack_packer_init(&packer, out, call_write);
    CHECK(bytes_reserve(out, CALL_HEADS_MAX + call->args.size + call->kwargs.size));
    bool chunk = call->kind == CALL_CHUNK;
    bool process = !chunk && call->process.name.size > 0;
    msgpack_pack_array(&packer, process ? CALL_PROCESS_FIELDS : chunk ? 4 : 3);
    msgpack_pack_uint32(&packer, call->kind);
    bytes_append(out, call->args.data, call->args.size);
    if (call->kwargs.size > 0) {
        bytes_append(out, call->kwargs.data, call->kwargs.size);
    } else {
        msgpack_pack_map(&packer, 0);
    }
    if (chunk) {
        if (call->starmap) {
            msgpack_pack_true(&packer);
        } else {
            msgpack_pack_false(&packer);
        }
    }
    if (process) {
        pack_text(out, call->process.name, WIRE_NAME_MAX);
        pack_text(out, call->process.parent, WIRE_NAME_MAX);
        pack_int(out, call->process.parent_pid);
        pack_text(out, call->process.parent_host, WIRE_NAME_MAX);
    }
}

/* What stands before and behind the only argument: [0, [argument], {}]. */
static const uint8_t one_before[] = {MSG_FIXARRAY | 3, CALL_ONE, MSG_FIXARRAY | 1};
static const uint8_t one_behind[] = {MSG_FIXMAP};

PACK_FLAT static wherry_err encode_one_span(struct bytes *out, bool is_bytes, const void *data,
                                            size_t size) {
    if ((data == NULL && size > 0) || size > UINT32_MAX) {
        return err_set(WHERRY_E_TYPE, "NULL was given for a string or bytes, or beyond 4 GiB");
    }
    if (!bytes_reserve(out, CALL_HEADS_MAX + size)) {
        return err_set(WHERRY_E_NO_MEMORY, "no memory for %zu bytes of arguments", size);
    }
    struct tight tight = {out->data + out->size};
    msgpack_packer packer = {&tight, tight_write};
    tight_write(&tight, (const char *)one_before, sizeof one_before);
    if (is_bytes) {
        msgpack_pack_bin(&packer, size);
    } else {
        msgpack_pack_str(&packer, size);
    }
    tight_payload(&tight, &(struct wire_part){.data = data, .size = size});
    tight_write(&tight, (const char *)one_behind, sizeof one_behind);
    out->size = (size_t)(tight.at - out->data);
    return WHERRY_OK;
}

PACK_FLAT static wherry_err encode_one_integer(struct bytes *out, int64_t number) {
    if (!bytes_reserve(out, CALL_HEADS_MAX)) {
        return err_set(WHERRY_E_NO_MEMORY, "no memory for the arguments");
    }
    struct tight tight = {out->data + out->size};
    msgpack_packer packer = {&tight, tight_write};
    tight_write(&tight, (const char *)one_before, sizeof one_before);
    msgpack_pack_int64(&packer, number);
    tight_write(&tight, (const char *)one_behind, sizeof one_behind);
    out->size = (size_t)(tight.at - out->data);
    return WHERRY_OK;
}

static wherry_err encode_items(struct bytes *out, const char *picture,
                               struct picture_args *arguments) {
    const char *at = picture;
    msgpack_packer packer;
    msgpack_packer_init(&packer, out, call_write);
    bool ok = msgpack_pack_array(&packer, 3) == 0 && msgpack_pack_uint8(&packer, CALL_ONE) == 0 &&
              msgpack_pack_array(&packer, picture_count(at)) == 0;
    wherry_err err = ok ? value_pack_items(out, &at, arguments, false) : WHERRY_E_NO_MEMORY;
    if (err != WHERRY_OK) {
        return err;
    }
    if (msgpack_pack_map(&packer, picture_count(at)) != 0) {
        return WHERRY_E_NO_MEMORY;
    }
    return value_pack_items(out, &at, arguments, true);
}

static wherry_err encode_general(struct bytes *out, const char *picture,
                                 struct picture_args *arguments) {
    wherry_err err = picture_check(picture, PICTURE_CALL);
    if (err != WHERRY_OK) {
        return err;
    }
    size_t size = out->size;
    err = encode_items(out, picture, arguments);
    if (err == WHERRY_E_NO_MEMORY) {
        err_set(err, "no memory for the arguments");
    }
    if (err != WHERRY_OK) {
        out->size = size;
    }
    return err;
}

static wherry_err encode_args(struct bytes *out, const char *picture,
                              struct picture_args *arguments) {
    char only = picture != NULL && picture[0] != '\0' && picture[1] == '\0' ? picture[0] : '\0';
    if (only == 'y' || only == 'S') {
        const void *data = va_arg(arguments->list, const void *);
        return encode_one_span(out, only == 'y', data, va_arg(arguments->list, size_t));
    }
    if (only == 's') {
        const char *text = va_arg(arguments->list, const char *);
        return encode_one_span(out, false, text, text != NULL ? strlen(text) : 1);
    }
    if (only == 'i') {
        return encode_one_integer(out, va_arg(arguments->list, int64_t));
    }
    return encode_general(out, picture, arguments);
}

wherry_err call_encode_picture(struct bytes *out, const char *picture, va_list arguments) {
    struct picture_args copy;
    va_copy(copy.list, arguments);
    wherry_err err = encode_args(out, picture, &copy);
    va_end(copy.list);
    return err;
}

/* ---- decoding ---- */

/* One value, wrapped in `wrappers` lists of ours; false unless it begins with `kind`. */
static bool read_part(struct cursor *cursor, enum cursor_kind kind, uint32_t wrappers,
                      struct span *out) {
    struct cursor head = *cursor;
    struct cursor_token token;
    struct cursor_scan scan;
    const uint8_t *from = cursor->at;
    if (!cursor_next(&head, &token) || token.kind != kind ||
        !cursor_scan(cursor, BOUND_TASK_ARGUMENTS_DEPTH + wrappers, &scan) || scan.has_ext) {
        return false;
    }
    *out = (struct span){from, (size_t)(cursor->at - from)};
    return true;
}

static bool keywords_ok(struct span kwargs) {
    struct cursor cursor = cursor_of(kwargs);
    uint32_t count;
    bool ok = cursor_map(&cursor, &count);
    for (uint32_t i = 0; ok && i < count; i++) {
        struct span name;
        ok = cursor_str(&cursor, SIZE_MAX, &name) &&
             cursor_skip(&cursor, BOUND_TASK_ARGUMENTS_DEPTH);
    }
    return ok;
}

/* Each item of a starmap is itself a list of arguments. */
static bool starmap_ok(struct span items) {
    struct cursor cursor = cursor_of(items);
    uint32_t count;
    bool ok = cursor_array(&cursor, &count);
    for (uint32_t i = 0; ok && i < count; i++) {
        struct cursor head = cursor;
        uint32_t arguments;
        ok = cursor_array(&head, &arguments) &&
             cursor_skip(&cursor, BOUND_TASK_ARGUMENTS_DEPTH + 1);
    }
    return ok;
}

static bool process_read(struct cursor *cursor, struct call_process *out) {
    return cursor_str(cursor, WIRE_NAME_MAX, &out->name) &&
           cursor_str(cursor, WIRE_NAME_MAX, &out->parent) &&
           cursor_i64(cursor, &out->parent_pid) &&
           cursor_str(cursor, WIRE_NAME_MAX, &out->parent_host);
}

static bool decode_parts(struct cursor *cursor, uint32_t count, struct call *out) {
    bool ok = count >= 3 && cursor_u32(cursor, &out->kind) && out->kind <= CALL_CHUNK;
    if (!ok) {
        return false;
    }
    uint32_t wrappers = out->kind == CALL_CHUNK ? 2 : 1;
    ok = read_part(cursor, CURSOR_ARRAY, wrappers, &out->args) &&
         read_part(cursor, CURSOR_MAP, 1, &out->kwargs) && keywords_ok(out->kwargs);
    uint32_t known = 3;
    if (ok && out->kind == CALL_CHUNK) {
        known = 4;
        ok = count >= known && cursor_bool(cursor, &out->starmap) &&
             (!out->starmap || starmap_ok(out->args));
    }
    if (ok && out->kind == CALL_ONE && count >= CALL_PROCESS_FIELDS) {
        known = CALL_PROCESS_FIELDS;
        ok = process_read(cursor, &out->process);
    }
    for (uint32_t i = known; ok && i < count; i++) {
        ok = cursor_skip(cursor, BOUND_TASK_ARGUMENTS_DEPTH);
    }
    return ok;
}

/* The shape that encode_one_… write, whose only argument is no list or map: most tasks. */
static bool decode_one(struct span payload, struct call *out) {
    enum { AROUND = sizeof one_before + sizeof one_behind };
    if (payload.size <= AROUND || memcmp(payload.data, one_before, sizeof one_before) != 0 ||
        payload.data[payload.size - 1] != one_behind[0]) {
        return false;
    }
    struct cursor cursor = cursor_of((struct span){payload.data + sizeof one_before,
                                                   payload.size - AROUND});
    struct cursor_token token;
    if (!cursor_next(&cursor, &token) || cursor.at != cursor.end || token.kind >= CURSOR_ARRAY) {
        return false;
    }
    *out = (struct call){.kind = CALL_ONE, .args = {payload.data + 2, payload.size - 3},
                         .kwargs = {payload.data + payload.size - 1, 1}};
    return true;
}

wherry_err call_decode(struct span payload, struct call *out) {
    if (decode_one(payload, out)) {
        return WHERRY_OK;
    }
    struct call call = {0};
    struct cursor cursor = cursor_of(payload);
    uint32_t count = 0;
    if (!cursor_array(&cursor, &count) || !decode_parts(&cursor, count, &call) ||
        cursor.at != cursor.end) {
        return err_set(WHERRY_E_TYPE, "the payload is no call");
    }
    *out = call;
    return WHERRY_OK;
}
