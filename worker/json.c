/* SPDX-License-Identifier: MIT
 *
 * JSON. Writing is ours, because msgpack values come from strangers and the cursor checks as it
 * goes; reading is jansson's. Depth is bounded in both directions, so recursion is. */
#include "worker/json.h"

#include "common/wire/cursor.h"
#include "common/wire/pack.h"

#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>

/* ---- writing -------------------------------------------------------------------------------- */

static bool json_write_value(struct bytes *out, struct cursor *cursor, uint32_t depth);

static void json_put(struct bytes *out, const char *text) {
    bytes_append(out, text, strlen(text));
}

static void json_put_real(struct bytes *out, double real) {
    char text[40];
    if (!isfinite(real)) {
        json_put(out, "null");
        return;
    }
    snprintf(text, sizeof text, "%.17g", real);
    json_put(out, text);
    if (strpbrk(text, ".e") == NULL) {
        json_put(out, ".0");
    }
}

/* The length of the UTF-8 sequence at `at`, 0 if there is none. */
static size_t json_sequence(const uint8_t *at, size_t left) {
    static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
    uint8_t head = at[0];
    size_t size = head < 0x80 ? 1 : head < 0xc2 ? 0 : head < 0xe0 ? 2 : head < 0xf0 ? 3 : 4;
    if (size == 0 || size > left || head > 0xf4) {
        return 0;
    }
    uint32_t code = size == 1 ? head : head & (0x7fu >> size);
    for (size_t i = 1; i < size; i++) {
        if ((at[i] & 0xc0) != 0x80) {
            return 0;
        }
        code = code << 6 | (at[i] & 0x3fu);
    }
    bool surrogate = code >= 0xd800 && code < 0xe000;
    return code < least[size] || surrogate || code > 0x10ffff ? 0 : size;
}

bool json_is_text(struct span text) {
    for (size_t i = 0; i < text.size;) {
        size_t size = json_sequence(text.data + i, text.size - i);
        if (size == 0) {
            return false;
        }
        i += size;
    }
    return true;
}

static void json_put_character(struct bytes *out, const uint8_t *at, size_t size) {
    char text[8];
    if (size > 1 || (at[0] >= 0x20 && at[0] != '"' && at[0] != '\\')) {
        bytes_append(out, at, size);
    } else if (at[0] == '"' || at[0] == '\\') {
        text[0] = '\\';
        text[1] = (char)at[0];
        bytes_append(out, text, 2);
    } else {
        snprintf(text, sizeof text, "\\u%04x", at[0]);
        json_put(out, text);
    }
}

static void json_put_string(struct bytes *out, struct span text) {
    json_put(out, "\"");
    for (size_t i = 0; i < text.size;) {
        size_t size = json_sequence(text.data + i, text.size - i);
        if (size == 0) {
            json_put(out, "\xef\xbf\xbd"); /* U+FFFD */
            i++;
        } else {
            json_put_character(out, text.data + i, size);
            i += size;
        }
    }
    json_put(out, "\"");
}

static void json_put_base64(struct bytes *out, struct span data) {
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    json_put(out, "\"");
    for (size_t i = 0; i < data.size; i += 3) {
        uint32_t left = (uint32_t)(data.size - i);
        uint32_t three = (uint32_t)data.data[i] << 16;
        three |= left > 1 ? (uint32_t)data.data[i + 1] << 8 : 0;
        three |= left > 2 ? data.data[i + 2] : 0;
        char text[4] = {letters[three >> 18], letters[three >> 12 & 63],
                        left > 1 ? letters[three >> 6 & 63] : '=',
                        left > 2 ? letters[three & 63] : '='};
        bytes_append(out, text, 4);
    }
    json_put(out, "\"");
}

static bool json_write_array(struct bytes *out, struct cursor *cursor, uint32_t count,
                             uint32_t depth) {
    json_put(out, "[");
    for (uint32_t i = 0; i < count; i++) {
        json_put(out, i > 0 ? "," : "");
        if (!json_write_value(out, cursor, depth)) {
            return false;
        }
    }
    json_put(out, "]");
    return true;
}

static bool json_write_key(struct bytes *out, struct cursor *cursor, uint32_t depth) {
    uint8_t head = cursor_peek(cursor);
    bool text = (head >= MSG_FIXSTR && head < MSG_NIL) || (head >= MSG_STR8 && head <= MSG_STR32) ||
                (head >= MSG_BIN8 && head <= MSG_BIN32);
    if (text) {
        return json_write_value(out, cursor, depth);
    }
    struct bytes inner = BYTES_EMPTY;
    bool whole = json_write_value(&inner, cursor, depth);
    if (whole) {
        json_put_string(out, bytes_span(&inner));
    }
    bytes_free(&inner);
    return whole;
}

static bool json_write_map(struct bytes *out, struct cursor *cursor, uint32_t count,
                           uint32_t depth) {
    json_put(out, "{");
    for (uint32_t i = 0; i < count; i++) {
        json_put(out, i > 0 ? "," : "");
        if (!json_write_key(out, cursor, depth)) {
            return false;
        }
        json_put(out, ":");
        if (!json_write_value(out, cursor, depth)) {
            return false;
        }
    }
    json_put(out, "}");
    return true;
}

static void json_put_whole(struct bytes *out, const struct cursor_token *token) {
    char text[24];
    if (token->kind == CURSOR_INT) {
        snprintf(text, sizeof text, "%" PRId64, token->negative);
    } else {
        snprintf(text, sizeof text, "%" PRIu64, token->whole);
    }
    json_put(out, text);
}

static bool json_write_value(struct bytes *out, struct cursor *cursor, uint32_t depth) {
    struct cursor_token token;
    if (!cursor_next(cursor, &token)) {
        return false;
    }
    switch (token.kind) {
    case CURSOR_NIL:
    case CURSOR_EXT:
        json_put(out, "null");
        return true;
    case CURSOR_BOOL:
        json_put(out, token.truth ? "true" : "false");
        return true;
    case CURSOR_INT:
    case CURSOR_UINT:
        json_put_whole(out, &token);
        return true;
    case CURSOR_REAL:
        json_put_real(out, token.real);
        return true;
    case CURSOR_STR:
        json_put_string(out, token.span);
        return true;
    case CURSOR_BIN:
        json_put_base64(out, token.span);
        return true;
    case CURSOR_ARRAY:
        return depth > 0 && json_write_array(out, cursor, token.count, depth - 1);
    case CURSOR_MAP:
        return depth > 0 && json_write_map(out, cursor, token.count, depth - 1);
    }
    return false;
}

bool json_write(struct bytes *out, struct span value) {
    struct cursor cursor = cursor_of(value);
    return json_write_value(out, &cursor, WIRE_DEPTH_MAX) && cursor.at == cursor.end;
}

/* ---- reading -------------------------------------------------------------------------------- */

static void json_pack_real(struct bytes *out, double real) {
    uint64_t bits;
    memcpy(&bits, &real, 8);
    uint8_t token[9] = {MSG_FLOAT64};
    for (int i = 0; i < 8; i++) {
        token[1 + i] = (uint8_t)(bits >> (56 - 8 * i));
    }
    bytes_append(out, token, sizeof token);
}

static void json_pack_map_head(struct bytes *out, uint32_t count) {
    uint8_t token[5] = {MSG_MAP32, (uint8_t)(count >> 24), (uint8_t)(count >> 16),
                        (uint8_t)(count >> 8), (uint8_t)count};
    bytes_append(out, token, sizeof token);
}

static bool json_convert(struct bytes *out, json_t *value, uint32_t depth);

static bool json_convert_object(struct bytes *out, json_t *object, uint32_t depth) {
    const char *key;
    size_t size;
    json_t *item;
    json_pack_map_head(out, (uint32_t)json_object_size(object));
    json_object_keylen_foreach(object, key, size, item) {
        pack_text(out, (struct span){(const uint8_t *)key, size}, SIZE_MAX);
        if (!json_convert(out, item, depth)) {
            return false;
        }
    }
    return true;
}

static bool json_convert_array(struct bytes *out, json_t *array, uint32_t depth) {
    size_t index;
    json_t *item;
    pack_array(out, (uint32_t)json_array_size(array));
    json_array_foreach(array, index, item) {
        if (!json_convert(out, item, depth)) {
            return false;
        }
    }
    return true;
}

static bool json_convert(struct bytes *out, json_t *value, uint32_t depth) {
    switch (json_typeof(value)) {
    case JSON_NULL:
        pack_nil(out);
        return true;
    case JSON_TRUE:
    case JSON_FALSE:
        pack_bool(out, json_is_true(value));
        return true;
    case JSON_INTEGER:
        pack_int(out, json_integer_value(value));
        return true;
    case JSON_REAL:
        json_pack_real(out, json_real_value(value));
        return true;
    case JSON_STRING:
        pack_text(
            out,
            (struct span){(const uint8_t *)json_string_value(value), json_string_length(value)},
            SIZE_MAX);
        return true;
    case JSON_ARRAY:
        return depth > 0 && json_convert_array(out, value, depth - 1);
    case JSON_OBJECT:
        return depth > 0 && json_convert_object(out, value, depth - 1);
    }
    return false;
}

bool json_read(struct bytes *out, struct span text) {
    json_error_t error;
    json_t *value = json_loadb((const char *)text.data, text.size,
                               JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, &error);
    if (value == NULL) {
        return false;
    }
    size_t before = out->size;
    bool whole = json_convert(out, value, WIRE_DEPTH_MAX);
    if (!whole) {
        out->size = before;
    }
    json_decref(value);
    return whole;
}
