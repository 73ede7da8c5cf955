/* SPDX-License-Identifier: MIT
 *
 * Bytes: `span` is borrowed memory, `bytes` a growable buffer that owns its memory.
 *
 * Growth doubles, so that appending costs O(1) a byte. Out of memory ends broker and worker
 * (bounds make it our bug); the client library uses bytes_reserve(), which can say no. */
#ifndef WHERRY_BYTES_H
#define WHERRY_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct span {
    const uint8_t *data;
    size_t size;
};

struct bytes {
    uint8_t *data;
    size_t size;
    size_t capacity;
};

#define BYTES_EMPTY ((struct bytes){NULL, 0, 0})

struct span span_of_text(const char *text);
bool span_equal(struct span a, struct span b);

/* Room for `more` bytes beyond `size`. False: no memory, nothing changed. */
bool bytes_reserve(struct bytes *bytes, size_t more);
void bytes_append(struct bytes *bytes, const void *data, size_t size);
void bytes_clear(struct bytes *bytes); /* size 0, memory kept */
void bytes_free(struct bytes *bytes);  /* memory given back, ready for use again */
struct span bytes_span(const struct bytes *bytes);

#endif
