/* SPDX-License-Identifier: MIT
 *
 * Growable buffer; see bytes.h. */
#include "common/bytes.h"

#include "common/check.h"

#include <stdlib.h>
#include <string.h>

struct span span_of_text(const char *text) {
    return (struct span){(const uint8_t *)text, strlen(text)};
}

bool span_equal(struct span a, struct span b) {
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

bool bytes_reserve(struct bytes *bytes, size_t more) {
    if (bytes->capacity - bytes->size >= more) {
        return true;
    }
    size_t capacity = bytes->capacity < 64 ? 64 : bytes->capacity * 2;
    while (capacity - bytes->size < more) {
        capacity *= 2;
    }
    uint8_t *data = realloc(bytes->data, capacity);
    if (data == NULL) {
        return false;
    }
    bytes->data = data;
    bytes->capacity = capacity;
    return true;
}

void bytes_append(struct bytes *bytes, const void *data, size_t size) {
    if (size == 0) {
        return;
    }
    CHECK(bytes_reserve(bytes, size));
    memcpy(bytes->data + bytes->size, data, size);
    bytes->size += size;
}

void bytes_clear(struct bytes *bytes) {
    bytes->size = 0;
}

void bytes_free(struct bytes *bytes) {
    free(bytes->data);
    *bytes = BYTES_EMPTY;
}

struct span bytes_span(const struct bytes *bytes) {
    return (struct span){bytes->data, bytes->size};
}
