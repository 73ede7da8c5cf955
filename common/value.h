/* SPDX-License-Identifier: MIT
 *
 * Values inside the libraries: what wherry_base.h shows, and the forms that libraries need.
 *
 *     [ wherry_value | msgpack … ]      one allocation: built, or copied
 *     [ wherry_value ] ──> msgpack …    adopted: the bytes are somebody's (a ZeroMQ message, say)
 *
 * A value never changes. Threads may share one. All memory is asked for politely: NO_MEMORY. */
#ifndef WHERRY_VALUE_H
#define WHERRY_VALUE_H

#include "common/bytes.h"
#include "common/include/wherry_base.h"

#include <stdarg.h>
#include <stdatomic.h>

/* Lists that the libraries wrap around values (arguments, chunks of results) do not count against
 * the depth that a user may use. */
enum { VALUE_WRAPPERS = 2 };

struct wherry_value { /* private to value*.c */
    const uint8_t *data;
    size_t size;
    uint32_t depth;
    void (*release)(void *data, void *hint); /* NULL: the bytes stand behind this struct */
    void *hint;
    _Atomic uint64_t place; /* where wherry_value_at() was last: index << 32 | offset */
    _Atomic(char *) texts;  /* a copy with every string 0-terminated, made when first asked for */
    struct wherry_value *next; /* in the chain of values that one reading makes */
};

/* As the public functions. */
wherry_err value_build_va(wherry_value **out, const char *picture, va_list arguments);
wherry_err value_read_va(const wherry_value *value, const char *picture, va_list arguments);

/* Takes `data`: release(data, hint) runs once, with the value's release. On failure nothing was
 * taken. Depth up to VALUE_WRAPPERS more than a user's. Returns OK, TYPE, NO_MEMORY. */
wherry_err value_adopt(wherry_value **out, const void *data, size_t size,
                       void (*release)(void *data, void *hint), void *hint);

/* A copy; depth as value_adopt(). */
wherry_err value_copy(wherry_value **out, struct span msgpack);

/* OK if `msgpack` is exactly one value of at most `depth_max` nested lists and maps; else TYPE. */
wherry_err value_check(struct span msgpack, uint32_t depth_max, uint32_t *depth);

struct span value_span(const wherry_value *value);

/* The 0-terminated copy of a string that stands `at` in the value; NULL: no memory. */
const char *value_text(const wherry_value *value, const uint8_t *at);

/* ---- building in pieces, for calls ---- */

struct picture_args;

/* Appends the items of a checked picture from *at to the end of its level. Returns OK, TYPE,
 * NO_MEMORY; on failure `out` holds a part. `names`: each item is preceded by its name (a
 * string). */
wherry_err value_pack_items(struct bytes *out, const char **at, struct picture_args *arguments,
                            bool names);

#endif
