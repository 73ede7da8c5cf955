/* SPDX-License-Identifier: MIT
 *
 * What every test of common/ includes, in the order that cmocka needs. */
#ifndef WHERRY_TESTING_H
#define WHERRY_TESTING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/bytes.h"

#include <stdlib.h>
#include <string.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define SPAN(literal) ((struct span){(const uint8_t *)(literal), sizeof(literal) - 1})

static inline void assert_span(struct span span, const char *text) {
    assert_int_equal(span.size, strlen(text));
    assert_memory_equal(span.data, text, span.size);
}

/* A copy that ends exactly where its memory does: reading beyond it is noticed. */
static inline struct span span_tight(struct span span) {
    uint8_t *copy = malloc(span.size > 0 ? span.size : 1);
    assert_non_null(copy);
    if (span.size > 0) {
        memcpy(copy, span.data, span.size);
    }
    return (struct span){copy, span.size};
}

static inline void span_free(struct span span) {
    free((void *)(uintptr_t)span.data);
}

#endif
