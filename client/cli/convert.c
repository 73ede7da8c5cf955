/* SPDX-License-Identifier: MIT
 *
 * MessagePack is read and packed by msgpack-c; what is read here was checked by the library when
 * the value was made. */
#include "client/cli/convert.h"

#include <math.h>
#include <msgpack.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DEPTH_MAX = 16 };

static json_t *json_from(const msgpack_object *object);

static json_t *json_base64(const uint8_t *data, size_t size) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char *text = malloc((size + 2) / 3 * 4 + 1);
    size_t at = 0;
    for (size_t i = 0; text != NULL && i < size; i += 3) {
        size_t have = size - i < 3 ? size - i : 3;
        uint32_t three = (uint32_t)data[i] << 16 | (have > 1 ? (uint32_t)data[i + 1] << 8 : 0) |
                         (have > 2 ? data[i + 2] : 0);
        text[at++] = digits[three >> 18];
        text[at++] = digits[three >> 12 & 63];
        text[at++] = have > 1 ? digits[three >> 6 & 63] : '=';
        text[at++] = have > 2 ? digits[three & 63] : '=';
    }
    json_t *json = text == NULL ? NULL : json_stringn(text, at);
    free(text);
    return json;
}

/* jansson judges what UTF-8 is: the longest prefix that it takes stays, the next byte is replaced.
 */
static size_t utf8_sequence(const char *text, size_t left) {
    for (size_t size = 1; size <= 4 && size <= left; size++) {
        json_t *taken = json_stringn(text, size);
        if (taken != NULL) {
            json_decref(taken);
            return size;
        }
    }
    return 0;
}

json_t *json_from_text(const char *text, size_t size) {
    json_t *json = json_stringn(text, size);
    char *mended = json != NULL ? NULL : malloc(size * 3 + 1);
    size_t used = 0;
    for (size_t i = 0; mended != NULL && i < size;) {
        size_t sequence = utf8_sequence(text + i, size - i);
        memcpy(mended + used, sequence > 0 ? text + i : "\xEF\xBF\xBD",
               sequence > 0 ? sequence : 3);
        used += sequence > 0 ? sequence : 3;
        i += sequence > 0 ? sequence : 1;
    }
    if (mended != NULL) {
        json = json_stringn(mended, used);
        free(mended);
    }
    return json;
}

static json_t *json_number(double number) {
    if (isnan(number)) {
        return json_string("NaN");
    }
    return isinf(number) ? json_string(number > 0 ? "Infinity" : "-Infinity") : json_real(number);
}

static json_t *json_list(const msgpack_object_array *array) {
    json_t *json = json_array();
    for (uint32_t i = 0; json != NULL && i < array->size; i++) {
        if (json_array_append_new(json, json_from(&array->ptr[i])) != 0) {
            json_decref(json);
            json = NULL;
        }
    }
    return json;
}

static bool json_map_put(json_t *json, const msgpack_object_kv *pair) {
    json_t *key = json_from(&pair->key);
    char *text = NULL;
    if (key != NULL && !json_is_string(key)) {
        text = json_dumps(key, JSON_ENCODE_ANY | JSON_COMPACT | JSON_SORT_KEYS);
    }
    const char *name = key == NULL ? NULL : json_is_string(key) ? json_string_value(key) : text;
    bool done = name != NULL && json_object_set_new(json, name, json_from(&pair->val)) == 0;
    free(text);
    json_decref(key);
    return done;
}

static json_t *json_map(const msgpack_object_map *map) {
    json_t *json = json_object();
    for (uint32_t i = 0; json != NULL && i < map->size; i++) {
        if (!json_map_put(json, &map->ptr[i])) {
            json_decref(json);
            json = NULL;
        }
    }
    return json;
}

static json_t *json_from(const msgpack_object *object) {
    switch (object->type) {
    case MSGPACK_OBJECT_NIL:
        return json_null();
    case MSGPACK_OBJECT_BOOLEAN:
        return json_boolean(object->via.boolean);
    case MSGPACK_OBJECT_POSITIVE_INTEGER:
        return object->via.u64 <= INT64_MAX ? json_integer((json_int_t)object->via.u64)
                                            : json_real((double)object->via.u64);
    case MSGPACK_OBJECT_NEGATIVE_INTEGER:
        return json_integer(object->via.i64);
    case MSGPACK_OBJECT_FLOAT32:
    case MSGPACK_OBJECT_FLOAT64:
        return json_number(object->via.f64);
    case MSGPACK_OBJECT_STR:
        return json_from_text(object->via.str.ptr, object->via.str.size);
    case MSGPACK_OBJECT_BIN:
        return json_base64((const uint8_t *)object->via.bin.ptr, object->via.bin.size);
    case MSGPACK_OBJECT_EXT:
        return json_base64((const uint8_t *)object->via.ext.ptr, object->via.ext.size);
    case MSGPACK_OBJECT_ARRAY:
        return json_list(&object->via.array);
    case MSGPACK_OBJECT_MAP:
        return json_map(&object->via.map);
    }
    return NULL;
}

json_t *json_from_value(const wherry_value *value) {
    size_t size;
    const char *data = wherry_value_msgpack(value, &size);
    msgpack_unpacked unpacked;
    msgpack_unpacked_init(&unpacked);
    json_t *json = NULL;
    if (msgpack_unpack_next(&unpacked, data, size, NULL) == MSGPACK_UNPACK_SUCCESS) {
        json = json_from(&unpacked.data);
    }
    msgpack_unpacked_destroy(&unpacked);
    return json;
}

static bool pack_json(msgpack_packer *packer, const json_t *json, int depth) {
    const char *key;
    json_t *item;
    size_t i;
    switch (json_typeof(json)) {
    case JSON_NULL:
        return msgpack_pack_nil(packer) == 0;
    case JSON_TRUE:
        return msgpack_pack_true(packer) == 0;
    case JSON_FALSE:
        return msgpack_pack_false(packer) == 0;
    case JSON_INTEGER:
        return msgpack_pack_int64(packer, json_integer_value(json)) == 0;
    case JSON_REAL:
        return msgpack_pack_double(packer, json_real_value(json)) == 0;
    case JSON_STRING:
        return msgpack_pack_str_with_body(packer, json_string_value(json),
                                          json_string_length(json)) == 0;
    case JSON_ARRAY:
        msgpack_pack_array(packer, json_array_size(json));
        json_array_foreach(json, i, item) {
            if (depth >= DEPTH_MAX || !pack_json(packer, item, depth + 1)) {
                return false;
            }
        }
        return true;
    case JSON_OBJECT:
        msgpack_pack_map(packer, json_object_size(json));
        json_object_foreach((json_t *)(uintptr_t)json, key, item) {
            msgpack_pack_str_with_body(packer, key, strlen(key));
            if (depth >= DEPTH_MAX || !pack_json(packer, item, depth + 1)) {
                return false;
            }
        }
        return true;
    }
    return false;
}

wherry_err json_to_value(const json_t *json, wherry_value **out) {
    msgpack_sbuffer buffer;
    msgpack_packer packer;
    msgpack_sbuffer_init(&buffer);
    msgpack_packer_init(&packer, &buffer, msgpack_sbuffer_write);
    wherry_err err = WHERRY_E_TYPE;
    if (pack_json(&packer, json, 1)) {
        err = wherry_value_from_msgpack(out, buffer.data, buffer.size);
    }
    msgpack_sbuffer_destroy(&buffer);
    return err;
}

json_t *json_from_argument(const char *text, bool remark) {
    json_error_t error;
    json_t *json = json_loads(text, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
    bool meant = (*text != '\0' && strchr("[{\"", *text) != NULL) ||
                 json_error_code(&error) == json_error_numeric_overflow;
    if (json == NULL && remark && meant) {
        fprintf(stderr, "wherry: note: '%s' is no JSON (column %d: %s); sent as a string\n", text,
                error.column, error.text);
    }
    return json != NULL ? json : json_string(text);
}
