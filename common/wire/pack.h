/* SPDX-License-Identifier: MIT
 *
 * Pack: msgpack tokens appended to `struct bytes`, by msgpack-c's packers.
 *
 * A packer writes through a function of ours. The one here appends with a check for room at every
 * token; the hot item writers reserve once an item and use `pack_tight`, whose writing is a
 * memcpy. */
#ifndef WHERRY_WIRE_PACK_H
#define WHERRY_WIRE_PACK_H

#include "common/check.h"
#include "common/wire/wire.h"

#include <msgpack/pack.h>
#include <string.h>

void pack_array(struct bytes *out, uint32_t count);
void pack_uint(struct bytes *out, uint64_t value);
void pack_int(struct bytes *out, int64_t value);
void pack_bool(struct bytes *out, bool value);
void pack_map(struct bytes *out, uint32_t count);
void pack_nil(struct bytes *out);
void pack_bin(struct bytes *out, struct span span);
/* Cut to `size_max` bytes, never inside a UTF-8 sequence: peers refuse longer texts. */
void pack_text(struct bytes *out, struct span text, size_t size_max);
void pack_id(struct bytes *out, struct task_id id);
void pack_options(struct bytes *out, const struct wire_options *options);
void pack_runs(struct bytes *out, const struct wire_run *runs, uint32_t run_count);
void pack_attempt(struct bytes *out, const struct wire_attempt *attempt);
/* At their full width, so that they can be overwritten in place. */
void pack_fixed_u16(struct bytes *out, uint16_t value);
void pack_fixed_u32(struct bytes *out, uint32_t value);
void pack_fixed_u64(struct bytes *out, uint64_t value);

/* [type, … with `fields` fields behind it; of the broker's messages the first is the epoch. */
void message_open(struct wire_out *out, enum wire_type type, uint32_t fields);
/* A list whose count becomes known at its end; one is open at a time. */
void list_open(struct wire_out *out);
void list_close(struct wire_out *out, uint32_t stride);
/* The payload, inline or as the next frame. */
void pack_payload(struct wire_out *out, struct wire_part part);

static inline bool payload_is_inline(const struct wire_part *part) {
    return part->release == NULL && part->size <= WIRE_INLINE_MAX;
}

/* ---- tight writing ---- */

/* More than the tokens of any hot item, its payload's own bytes aside. */
enum { TIGHT_MAX = 96 };

struct tight {
    uint8_t *at;
};

static inline int tight_write(void *tight, const char *source, size_t size) {
    struct tight *self = tight;
    memcpy(self->at, source, size);
    self->at += size;
    return 0;
}

/* Room for one item with `payload_size` bytes inline. */
static inline struct tight tight_begin(struct wire_out *out, size_t payload_size) {
    size_t more = TIGHT_MAX + payload_size;
    if (out->body.capacity - out->body.size < more) {
        CHECK(bytes_reserve(&out->body, more));
    }
    return (struct tight){out->body.data + out->body.size};
}

static inline void tight_payload(struct tight *tight, const struct wire_part *part) {
    if (part->size > 0) {
        memcpy(tight->at, part->data, part->size);
        tight->at += part->size;
    }
}

static inline void tight_end(struct wire_out *out, const struct tight *tight) {
    out->body.size = (size_t)(tight->at - out->body.data);
    out->count++;
}

/* Inlines msgpack-c's packers and the memcpy behind them into the one function that has it. */
#define PACK_FLAT __attribute__((flatten))

#endif
