/* SPDX-License-Identifier: MIT
 *
 * Reading values by picture; see value.h.
 *
 * On failure nothing may have been written, and a picture can fail at its last letter. So the value
 * is walked twice over the same arguments: a first pass looks at everything and allocates what is
 * needed, a second writes and cannot fail.
 *
 * Recursion follows the picture, whose depth picture_check() bounds, never the value. */
#include "common/value.h"

#include "common/bounds.h"
#include "common/check.h"
#include "common/err.h"
#include "common/picture.h"
#include "common/wire/cursor.h"

#include <string.h>

enum { READ_DEPTH_MAX = BOUND_TASK_ARGUMENTS_DEPTH + VALUE_WRAPPERS };

struct reading {
    const wherry_value *value;
    const char *picture;
    const char *at;
    struct picture_args arguments;
    bool writes;            /* the second pass */
    wherry_value *made;     /* for 'v': made in the first pass, oldest first, taken in the second */
    wherry_value **made_end;
};

static const char *token_words(const struct cursor_token *token) {
    static const char *const words[] = {
        [CURSOR_NIL] = "nil",       [CURSOR_BOOL] = "a truth value", [CURSOR_INT] = "an integer",
        [CURSOR_UINT] = "an integer", [CURSOR_REAL] = "a real number", [CURSOR_STR] = "a string",
        [CURSOR_BIN] = "bytes",     [CURSOR_ARRAY] = "a list",       [CURSOR_MAP] = "a map",
        [CURSOR_EXT] = "an extension",
    };
    return words[token->kind];
}

static wherry_err read_fail(const struct reading *reading, const char *wanted,
                            const char *found) {
    return err_set(WHERRY_E_TYPE, "picture \"%.80s\", letter %zu: %s was expected, found %s",
                   reading->picture, (size_t)(reading->at - reading->picture), wanted, found);
}

static wherry_err read_differs(const struct reading *reading, const char *wanted,
                               const struct cursor_token *token) {
    return read_fail(reading, wanted, token_words(token));
}

/* ---- scalars ---- */

static wherry_err read_integer(struct reading *reading, const struct cursor_token *token) {
    int64_t *out = va_arg(reading->arguments.list, int64_t *);
    bool small = token->kind == CURSOR_UINT && token->whole <= INT64_MAX;
    if (!small && token->kind != CURSOR_INT) {
        return token->kind == CURSOR_UINT
                   ? read_fail(reading, "an integer below 2^63", "a larger one")
                   : read_differs(reading, "an integer", token);
    }
    if (reading->writes) {
        *out = small ? (int64_t)token->whole : token->negative;
    }
    return WHERRY_OK;
}

static wherry_err read_unsigned(struct reading *reading, const struct cursor_token *token) {
    uint64_t *out = va_arg(reading->arguments.list, uint64_t *);
    if (token->kind != CURSOR_UINT) {
        return token->kind == CURSOR_INT ? read_fail(reading, "an integer from 0", "a negative one")
                                         : read_differs(reading, "an integer", token);
    }
    if (reading->writes) {
        *out = token->whole;
    }
    return WHERRY_OK;
}

static wherry_err read_real(struct reading *reading, const struct cursor_token *token) {
    double *out = va_arg(reading->arguments.list, double *);
    if (token->kind != CURSOR_REAL && token->kind != CURSOR_INT && token->kind != CURSOR_UINT) {
        return read_differs(reading, "a number", token);
    }
    if (reading->writes) {
        *out = token->kind == CURSOR_REAL  ? token->real
               : token->kind == CURSOR_INT ? (double)token->negative
                                           : (double)token->whole;
    }
    return WHERRY_OK;
}

static wherry_err read_truth(struct reading *reading, const struct cursor_token *token) {
    bool *out = va_arg(reading->arguments.list, bool *);
    if (token->kind != CURSOR_BOOL) {
        return read_differs(reading, "a truth value", token);
    }
    if (reading->writes) {
        *out = token->truth;
    }
    return WHERRY_OK;
}

static wherry_err read_text(struct reading *reading, const struct cursor_token *token) {
    const char **out = va_arg(reading->arguments.list, const char **);
    if (token->kind != CURSOR_STR) {
        return read_differs(reading, "a string", token);
    }
    if (token->span.size > 0 && memchr(token->span.data, 0, token->span.size) != NULL) {
        return read_fail(reading, "a string without 0 inside", "one with it (\"S\" reads it)");
    }
    const char *text = value_text(reading->value, token->span.data);
    if (text == NULL) {
        return err_set(WHERRY_E_NO_MEMORY, "no memory for the strings of a value");
    }
    if (reading->writes) {
        *out = text;
    }
    return WHERRY_OK;
}

static wherry_err read_span(struct reading *reading, const struct cursor_token *token,
                            enum cursor_kind kind) {
    const void **out = va_arg(reading->arguments.list, const void **);
    size_t *size = va_arg(reading->arguments.list, size_t *);
    if (token->kind != kind) {
        return read_differs(reading, kind == CURSOR_STR ? "a string" : "bytes", token);
    }
    if (reading->writes) {
        *out = token->span.data;
        *size = token->span.size;
    }
    return WHERRY_OK;
}

static wherry_err read_scalar(struct reading *reading, char letter, struct cursor *cursor) {
    struct cursor_token token;
    CHECK(cursor_next(cursor, &token));
    switch (letter) {
    case 'i':
        return read_integer(reading, &token);
    case 'u':
        return read_unsigned(reading, &token);
    case 'd':
        return read_real(reading, &token);
    case 'b':
        return read_truth(reading, &token);
    case 's':
        return read_text(reading, &token);
    case 'S':
        return read_span(reading, &token, CURSOR_STR);
    case 'y':
        return read_span(reading, &token, CURSOR_BIN);
    default: /* 'n': the check let nothing else through */
        return token.kind == CURSOR_NIL ? WHERRY_OK : read_differs(reading, "nil", &token);
    }
}

static wherry_err read_value(struct reading *reading, struct cursor *cursor) {
    wherry_value **out = va_arg(reading->arguments.list, wherry_value **);
    const uint8_t *from = cursor->at;
    CHECK(cursor_skip(cursor, READ_DEPTH_MAX));
    if (reading->writes) {
        *out = reading->made;
        reading->made = reading->made->next;
        return WHERRY_OK;
    }
    wherry_value *made;
    wherry_err err = value_copy(&made, (struct span){from, (size_t)(cursor->at - from)});
    if (err == WHERRY_OK) {
        *reading->made_end = made;
        reading->made_end = &made->next;
    }
    return err;
}

/* ---- maps: looked up by key ---- */

static wherry_err read_key(struct reading *reading, char letter, struct cursor_token *key) {
    va_list *list = &reading->arguments.list;
    *key = (struct cursor_token){.kind = CURSOR_NIL};
    if (letter == 'i') {
        int64_t number = va_arg(*list, int64_t);
        key->kind = number < 0 ? CURSOR_INT : CURSOR_UINT;
        key->negative = number; /* the same bits as `whole` */
    } else if (letter == 'u') {
        key->kind = CURSOR_UINT;
        key->whole = va_arg(*list, uint64_t);
    } else if (letter == 'd') {
        key->kind = CURSOR_REAL;
        key->real = va_arg(*list, double);
    } else if (letter == 'b') {
        key->kind = CURSOR_BOOL;
        key->truth = va_arg(*list, int) != 0;
    } else if (letter != 'n') {
        const char *data = va_arg(*list, const char *);
        size_t size = letter == 's' ? (data != NULL ? strlen(data) : 1) : va_arg(*list, size_t);
        key->kind = letter == 'y' ? CURSOR_BIN : CURSOR_STR;
        key->span = (struct span){(const uint8_t *)data, size};
        if (data == NULL && size > 0) {
            return read_fail(reading, "a key", "NULL");
        }
    }
    return WHERRY_OK;
}

static bool token_equal_key(const struct cursor_token *token, const struct cursor_token *key) {
    if (token->kind != key->kind) {
        return false;
    }
    switch (key->kind) {
    case CURSOR_NIL:
        return true;
    case CURSOR_BOOL:
        return token->truth == key->truth;
    case CURSOR_INT:
    case CURSOR_UINT:
        return token->whole == key->whole;
    case CURSOR_REAL:
        return memcmp(&token->real, &key->real, sizeof key->real) == 0;
    case CURSOR_STR:
    case CURSOR_BIN:
        return span_equal(token->span, key->span);
    case CURSOR_ARRAY:
    case CURSOR_MAP:
    case CURSOR_EXT:
        return false;
    }
    return false;
}

/* Leaves `cursor`, which stands at a map's first key, before the value of `key`. */
static bool map_find(struct cursor *cursor, uint32_t pairs, const struct cursor_token *key) {
    for (uint32_t i = 0; i < pairs; i++) {
        struct cursor head = *cursor;
        struct cursor_token token;
        CHECK(cursor_next(&head, &token) && cursor_skip(cursor, READ_DEPTH_MAX));
        if (token_equal_key(&token, key)) {
            return true;
        }
        CHECK(cursor_skip(cursor, READ_DEPTH_MAX));
    }
    return false;
}

static wherry_err read_item(struct reading *reading, struct cursor *cursor);

static wherry_err read_map(struct reading *reading, struct cursor *cursor) {
    struct cursor inside = *cursor;
    struct cursor_token token;
    CHECK(cursor_next(&inside, &token) && cursor_skip(cursor, READ_DEPTH_MAX));
    if (token.kind != CURSOR_MAP) {
        return read_differs(reading, "a map", &token);
    }
    for (char letter = picture_next(&reading->at); letter != '}';
         letter = picture_next(&reading->at)) {
        struct cursor_token key;
        wherry_err err = read_key(reading, letter, &key);
        struct cursor found = inside;
        if (err == WHERRY_OK && !map_find(&found, token.count, &key)) {
            err = read_fail(reading, "a key", "a map without it");
        }
        if (err == WHERRY_OK) {
            err = read_item(reading, &found);
        }
        if (err != WHERRY_OK) {
            return err;
        }
    }
    return WHERRY_OK;
}

static wherry_err read_list(struct reading *reading, struct cursor *cursor) {
    struct cursor_token token;
    CHECK(cursor_next(cursor, &token));
    if (token.kind != CURSOR_ARRAY) {
        return read_differs(reading, "a list", &token);
    }
    uint32_t wanted = picture_count(reading->at);
    if (token.count != wanted) {
        return err_set(WHERRY_E_TYPE,
                       "picture \"%.80s\", letter %zu: a list of %u items was expected, found %u",
                       reading->picture, (size_t)(reading->at - reading->picture), wanted,
                       token.count);
    }
    for (uint32_t i = 0; i < wanted; i++) {
        wherry_err err = read_item(reading, cursor);
        if (err != WHERRY_OK) {
            return err;
        }
    }
    picture_next(&reading->at); /* the ']' */
    return WHERRY_OK;
}

static wherry_err read_item(struct reading *reading, struct cursor *cursor) {
    char letter = picture_next(&reading->at);
    if (letter == '[') {
        return read_list(reading, cursor);
    }
    if (letter == '{') {
        return read_map(reading, cursor);
    }
    if (letter == 'v') {
        return read_value(reading, cursor);
    }
    if (letter == '*') {
        CHECK(cursor_skip(cursor, READ_DEPTH_MAX));
        return WHERRY_OK;
    }
    return read_scalar(reading, letter, cursor);
}

static wherry_err read_pass(struct reading *reading, va_list arguments, bool writes) {
    reading->at = reading->picture;
    reading->writes = writes;
    va_copy(reading->arguments.list, arguments);
    struct cursor cursor = cursor_of(value_span(reading->value));
    wherry_err err = read_item(reading, &cursor);
    va_end(reading->arguments.list);
    return err;
}

static void reading_drop(struct reading *reading) {
    while (reading->made != NULL) {
        wherry_value *made = reading->made;
        reading->made = made->next;
        wherry_value_release(&made);
    }
}

wherry_err value_read_va(const wherry_value *value, const char *picture, va_list arguments) {
    if (value == NULL) {
        return err_set(WHERRY_E_INVALID, "no value to read");
    }
    wherry_err err = picture_check(picture, PICTURE_READ);
    if (err != WHERRY_OK) {
        return err;
    }
    struct reading reading = {.value = value, .picture = picture};
    reading.made_end = &reading.made;
    err = read_pass(&reading, arguments, false);
    if (err != WHERRY_OK) {
        reading_drop(&reading);
        return err;
    }
    err = read_pass(&reading, arguments, true);
    CHECK(err == WHERRY_OK && reading.made == NULL);
    return WHERRY_OK;
}

wherry_err wherry_value_read(const wherry_value *value, const char *picture, ...) {
    va_list arguments;
    va_start(arguments, picture);
    wherry_err err = value_read_va(value, picture, arguments);
    va_end(arguments);
    return err;
}
