/* SPDX-License-Identifier: MIT
 *
 * Values: life, shape, items; see value.h. Building and reading by picture: value_build.c and
 * value_read.c.
 *
 * A value is its MessagePack bytes, checked once. It is never unpacked into a tree: the cursor
 * finds its way in the bytes, so that a value costs one allocation whatever is in it, and a
 * stranger's counts can ask for none. */
#include "common/value.h"

#include "common/bounds.h"
#include "common/err.h"
#include "common/wire/cursor.h"

#include <stdlib.h>
#include <string.h>

wherry_err value_check(struct span msgpack, uint32_t depth_max, uint32_t *depth) {
    struct cursor cursor = cursor_of(msgpack);
    struct cursor_scan scan;
    if (!cursor_scan(&cursor, depth_max, &scan)) {
        return err_set(WHERRY_E_TYPE, "not MessagePack, cut short, or nested deeper than %u",
                       depth_max);
    }
    if (cursor.at != cursor.end) {
        return err_set(WHERRY_E_TYPE, "%zu bytes stand behind the value",
                       (size_t)(cursor.end - cursor.at));
    }
    if (scan.has_ext) {
        return err_set(WHERRY_E_TYPE, "MessagePack extension types are not supported");
    }
    *depth = scan.depth;
    return WHERRY_OK;
}

static wherry_value *value_new(size_t more) {
    wherry_value *value = malloc(sizeof *value + more);
    if (value == NULL) {
        err_set(WHERRY_E_NO_MEMORY, "no memory for a value of %zu bytes", more);
        return NULL;
    }
    memset(value, 0, sizeof *value);
    return value;
}

static wherry_err value_copy_upto(wherry_value **out, struct span msgpack, uint32_t depth_max) {
    uint32_t depth = 0;
    wherry_err err = value_check(msgpack, depth_max, &depth);
    if (err != WHERRY_OK) {
        return err;
    }
    wherry_value *value = value_new(msgpack.size);
    if (value == NULL) {
        return WHERRY_E_NO_MEMORY;
    }
    uint8_t *data = (uint8_t *)(value + 1);
    memcpy(data, msgpack.data, msgpack.size);
    value->data = data;
    value->size = msgpack.size;
    value->depth = depth;
    *out = value;
    return WHERRY_OK;
}

wherry_err wherry_value_from_msgpack(wherry_value **out, const void *data, size_t size) {
    if (out == NULL || (data == NULL && size > 0)) {
        return err_set(WHERRY_E_INVALID, "no place for the value, or no data");
    }
    return value_copy_upto(out, (struct span){data, size}, BOUND_TASK_ARGUMENTS_DEPTH);
}

wherry_err value_copy(wherry_value **out, struct span msgpack) {
    return value_copy_upto(out, msgpack, BOUND_TASK_ARGUMENTS_DEPTH + VALUE_WRAPPERS);
}

wherry_err value_adopt(wherry_value **out, const void *data, size_t size,
                       void (*release)(void *data, void *hint), void *hint) {
    uint32_t depth = 0;
    wherry_err err = value_check((struct span){data, size},
                                 BOUND_TASK_ARGUMENTS_DEPTH + VALUE_WRAPPERS, &depth);
    if (err != WHERRY_OK) {
        return err;
    }
    wherry_value *value = value_new(0);
    if (value == NULL) {
        return WHERRY_E_NO_MEMORY;
    }
    value->data = data;
    value->size = size;
    value->depth = depth;
    value->release = release;
    value->hint = hint;
    *out = value;
    return WHERRY_OK;
}

void wherry_value_release(wherry_value **value) {
    if (value == NULL || *value == NULL) {
        return;
    }
    wherry_value *self = *value;
    *value = NULL;
    if (self->release != NULL) {
        self->release((void *)(uintptr_t)self->data, self->hint);
    }
    free(atomic_load_explicit(&self->texts, memory_order_acquire));
    free(self);
}

struct span value_span(const wherry_value *value) {
    return (struct span){value->data, value->size};
}

const void *wherry_value_msgpack(const wherry_value *value, size_t *size) {
    if (size != NULL) {
        *size = value != NULL ? value->size : 0;
    }
    return value != NULL ? value->data : NULL;
}

/* ---- shape ---- */

static struct cursor_token value_head(const wherry_value *value, struct cursor *cursor) {
    struct cursor_token token = {.kind = CURSOR_NIL};
    if (value != NULL) {
        *cursor = cursor_of(value_span(value));
        cursor_next(cursor, &token);
    }
    return token;
}

wherry_kind wherry_value_kind(const wherry_value *value) {
    struct cursor cursor;
    struct cursor_token token = value_head(value, &cursor);
    switch (token.kind) {
    case CURSOR_NIL:
    case CURSOR_EXT: /* no value holds one */
        return WHERRY_NIL;
    case CURSOR_BOOL:
        return WHERRY_BOOL;
    case CURSOR_INT:
        return WHERRY_INT;
    case CURSOR_UINT: /* what fits an int64_t is an INT: how it was packed does not matter */
        return token.whole <= INT64_MAX ? WHERRY_INT : WHERRY_UINT;
    case CURSOR_REAL:
        return WHERRY_REAL;
    case CURSOR_STR:
        return WHERRY_STRING;
    case CURSOR_BIN:
        return WHERRY_BYTES;
    case CURSOR_ARRAY:
        return WHERRY_LIST;
    case CURSOR_MAP:
        return WHERRY_MAP;
    }
    return WHERRY_NIL;
}

size_t wherry_value_count(const wherry_value *value) {
    struct cursor cursor;
    struct cursor_token token = value_head(value, &cursor);
    return token.kind == CURSOR_ARRAY || token.kind == CURSOR_MAP ? token.count : 0;
}

/* Puts `cursor` (at the first item) before item `index`. A walk from item to item goes on where the
 * last one stopped: without that, looking at all n items would read n² / 2. */
static void value_seek(const wherry_value *value, struct cursor *cursor, uint32_t index) {
    _Atomic uint64_t *place = (_Atomic uint64_t *)(uintptr_t)&value->place;
    uint64_t last = atomic_load_explicit(place, memory_order_relaxed);
    uint32_t at = 0;
    if (last != 0 && last >> 32 <= index) {
        at = (uint32_t)(last >> 32);
        cursor->at = value->data + (last & UINT32_MAX);
    }
    for (; at < index; at++) {
        cursor_skip(cursor, BOUND_TASK_ARGUMENTS_DEPTH + VALUE_WRAPPERS);
    }
    uint64_t offset = (uint64_t)(cursor->at - value->data);
    if (offset <= UINT32_MAX) {
        atomic_store_explicit(place, (uint64_t)index << 32 | offset, memory_order_relaxed);
    }
}

wherry_err wherry_value_at(const wherry_value *value, size_t index, wherry_value **out) {
    struct cursor cursor;
    struct cursor_token token = value_head(value, &cursor);
    if (value == NULL || out == NULL) {
        return err_set(WHERRY_E_INVALID, "no value, or no place for its item");
    }
    if (token.kind != CURSOR_ARRAY) {
        return err_set(WHERRY_E_TYPE, "the value is no list");
    }
    if (index >= token.count) {
        return err_set(WHERRY_E_INVALID, "item %zu of a list of %u", index, token.count);
    }
    value_seek(value, &cursor, (uint32_t)index);
    struct cursor end = cursor;
    cursor_skip(&end, BOUND_TASK_ARGUMENTS_DEPTH + VALUE_WRAPPERS);
    return value_copy(out, (struct span){cursor.at, (size_t)(end.at - cursor.at)});
}

/* ---- strings with their 0 ---- */

/* In the copy, the byte behind each string becomes 0. That byte is the head of the next token,
 * which nobody reads there: only strings are taken from the copy, each behind a head of its own. */
static char *texts_make(const wherry_value *value) {
    char *texts = malloc(value->size + 1);
    if (texts == NULL) {
        return NULL;
    }
    memcpy(texts, value->data, value->size);
    struct cursor cursor = cursor_of(value_span(value));
    struct cursor_token token;
    while (cursor_next(&cursor, &token)) {
        if (token.kind == CURSOR_STR) {
            texts[cursor.at - value->data] = '\0';
        }
    }
    return texts;
}

const char *value_text(const wherry_value *value, const uint8_t *at) {
    _Atomic(char *) *slot = (_Atomic(char *) *)(uintptr_t)&value->texts;
    char *texts = atomic_load_explicit(slot, memory_order_acquire);
    if (texts == NULL) {
        char *made = texts_make(value);
        if (made == NULL) {
            return NULL;
        }
        /* Two threads may both make one: the second takes the first one's. */
        if (atomic_compare_exchange_strong(slot, &texts, made)) {
            texts = made;
        } else {
            free(made);
        }
    }
    return texts + (at - value->data);
}
