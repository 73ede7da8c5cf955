/* SPDX-License-Identifier: MIT
 *
 * Pictures: the input is one. What the check accepts is then built, with arguments made for it, and
 * what is built must be a value.
 *
 * C cannot make an argument list at run time. But a call with plenty of 64-bit words and eight
 * doubles looks, to va_arg, like any mixture of them: words and doubles are passed apart on the
 * machines that we build for. Pictures that would use up either are left out. */
#include "fuzz.h"

#include "common/call.h"
#include "common/picture.h"
#include "common/value.h"

#include <string.h>

enum { WORDS = 24, DOUBLES = 8, PICTURE_MAX = 200 };

struct words {
    uint64_t word[WORDS];
    uint32_t count;
    uint32_t doubles;
    bool fits;
};

static void words_add(struct words *words, uint64_t word) {
    if (words->count == WORDS) {
        words->fits = false;
        return;
    }
    words->word[words->count++] = word;
}

static void words_letter(struct words *words, char letter, const wherry_value *value) {
    if (letter == 'd') {
        words->doubles++;
    } else if (letter == 'i' || letter == 'u' || letter == 'b') {
        words_add(words, UINT64_C(0x8000000000000001) + words->count);
    } else if (letter == 's') {
        words_add(words, (uint64_t)(uintptr_t)"text");
    } else if (letter == 'S' || letter == 'y') {
        words_add(words, (uint64_t)(uintptr_t)"bytes");
        words_add(words, 5);
    } else if (letter == 'v') {
        words_add(words, (uint64_t)(uintptr_t)value);
    }
}

/* `names`: behind a ';' each item of the top level has its name before it. */
static struct words words_for(const char *picture, const wherry_value *value) {
    struct words words = {.fits = true};
    uint32_t depth = 0;
    bool names = false;
    const char *at = picture;
    for (char letter = picture_next(&at); letter != '\0'; letter = picture_next(&at)) {
        bool closes = letter == ']' || letter == '}';
        names |= letter == ';';
        if (names && depth == 0 && !closes && letter != ';') {
            words_letter(&words, 's', value);
        }
        depth += letter == '[' || letter == '{' ? 1 : 0;
        depth -= closes ? 1 : 0;
        words_letter(&words, letter, value);
    }
    words.fits = words.fits && words.doubles <= DOUBLES;
    return words;
}

#define W4(w, i) w[i], w[i + 1], w[i + 2], w[i + 3]
#define ALL_WORDS(w) W4(w, 0), W4(w, 4), W4(w, 8), W4(w, 12), W4(w, 16), W4(w, 20)
#define ALL_DOUBLES 1.5, -0.0, 1e300, 1e-300, 2.0, 3.0, 4.0, 5.0

static wherry_err encode(struct bytes *out, const char *picture, ...) {
    va_list arguments;
    va_start(arguments, picture);
    wherry_err err = call_encode_picture(out, picture, arguments);
    va_end(arguments);
    return err;
}

static void build(const char *picture, const wherry_value *value) {
    struct words words = words_for(picture, value);
    wherry_value *built = NULL;
    if (!words.fits) {
        return;
    }
    wherry_err err = wherry_value_build(&built, picture, ALL_WORDS(words.word), ALL_DOUBLES);
    CHECK(err == WHERRY_OK || err == WHERRY_E_TYPE); /* TYPE: too deep by what was put in */
    if (err == WHERRY_OK) {
        uint32_t depth;
        CHECK(value_check(value_span(built), 16, &depth) == WHERRY_OK);
    }
    wherry_value_release(&built);
}

static void build_call(const char *picture, const wherry_value *value) {
    struct words words = words_for(picture, value);
    struct bytes bytes = BYTES_EMPTY;
    if (!words.fits) {
        return;
    }
    wherry_err err = encode(&bytes, picture, ALL_WORDS(words.word), ALL_DOUBLES);
    CHECK(err == WHERRY_OK || err == WHERRY_E_TYPE);
    if (err == WHERRY_OK) {
        struct call call;
        CHECK(call_decode(bytes_span(&bytes), &call) == WHERRY_OK);
    }
    bytes_free(&bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char picture[PICTURE_MAX + 1];
    if (size > PICTURE_MAX) {
        return 0;
    }
    if (size > 0) {
        memcpy(picture, data, size);
    }
    picture[size] = '\0';
    wherry_value *value = NULL;
    CHECK(wherry_value_build(&value, "[i[]]", (int64_t)1) == WHERRY_OK);
    picture_check(picture, PICTURE_READ);
    if (picture_check(picture, PICTURE_BUILD) == WHERRY_OK) {
        build(picture, value);
    }
    if (picture_check(picture, PICTURE_CALL) == WHERRY_OK) {
        build_call(picture, value);
    }
    wherry_value_release(&value);
    return 0;
}
