/* SPDX-License-Identifier: MIT
 *
 * Tokens into bytes; see pack.h. */
#include "common/wire/pack.h"

#include <endian.h>

static int pack_append(void *bytes, const char *source, size_t size) {
    bytes_append(bytes, source, size);
    return 0;
}

static msgpack_packer packer_of(struct bytes *out) {
    msgpack_packer packer;
    msgpack_packer_init(&packer, out, pack_append);
    return packer;
}

void pack_array(struct bytes *out, uint32_t count) {
    msgpack_packer packer = packer_of(out);
    msgpack_pack_array(&packer, count);
}

void pack_map(struct bytes *out, uint32_t count) {
    msgpack_packer packer = packer_of(out);
    msgpack_pack_map(&packer, count);
}

void pack_uint(struct bytes *out, uint64_t value) {
    msgpack_packer packer = packer_of(out);
    msgpack_pack_uint64(&packer, value);
}

void pack_int(struct bytes *out, int64_t value) {
    msgpack_packer packer = packer_of(out);
    msgpack_pack_int64(&packer, value);
}

void pack_bool(struct bytes *out, bool value) {
    msgpack_packer packer = packer_of(out);
    if (value) {
        msgpack_pack_true(&packer);
    } else {
        msgpack_pack_false(&packer);
    }
}

void pack_nil(struct bytes *out) {
    msgpack_packer packer = packer_of(out);
    msgpack_pack_nil(&packer);
}

void pack_bin(struct bytes *out, struct span span) {
    msgpack_packer packer = packer_of(out);
    msgpack_pack_bin(&packer, span.size);
    bytes_append(out, span.data, span.size);
}

/* Where to cut: not before a continuation byte. Bytes that are no UTF-8 are cut where they are. */
static size_t text_cut(struct span text, size_t size_max) {
    if (text.size <= size_max) {
        return text.size;
    }
    size_t size = size_max;
    while (size > 0 && size_max - size < 3 && (text.data[size] & 0xc0) == 0x80) {
        size--;
    }
    return (text.data[size] & 0xc0) == 0x80 ? size_max : size;
}

void pack_text(struct bytes *out, struct span text, size_t size_max) {
    size_t size = text_cut(text, size_max);
    msgpack_packer packer = packer_of(out);
    msgpack_pack_str(&packer, size);
    bytes_append(out, text.data, size);
}

void pack_id(struct bytes *out, struct task_id id) {
    uint8_t wire[ID_WIRE_SIZE];
    task_id_to_wire(id, wire);
    pack_bin(out, (struct span){wire, sizeof wire});
}

void pack_options(struct bytes *out, const struct wire_options *options) {
    uint32_t count = options->ttl_ms != 0         ? 4
                     : options->max_attempts != 0 ? 3
                     : options->priority != 0     ? 2
                     : options->flags != 0        ? 1
                                                  : 0;
    pack_array(out, count);
    if (count > 0) {
        pack_uint(out, options->flags);
    }
    if (count > 1) {
        pack_int(out, options->priority);
    }
    if (count > 2) {
        pack_uint(out, options->max_attempts);
    }
    if (count > 3) {
        pack_uint(out, options->ttl_ms);
    }
}

void pack_runs(struct bytes *out, const struct wire_run *runs, uint32_t run_count) {
    pack_array(out, run_count * 2);
    for (uint32_t i = 0; i < run_count; i++) {
        pack_uint(out, runs[i].first);
        pack_uint(out, runs[i].count);
    }
}

void pack_attempt(struct bytes *out, const struct wire_attempt *attempt) {
    pack_array(out, 4);
    pack_id(out, attempt->id);
    pack_uint(out, attempt->token.epoch);
    pack_uint(out, attempt->token.counter);
    pack_bool(out, attempt->answered);
}

void pack_fixed_u16(struct bytes *out, uint16_t value) {
    msgpack_packer packer = packer_of(out);
    msgpack_pack_fix_uint16(&packer, value);
}

void pack_fixed_u32(struct bytes *out, uint32_t value) {
    msgpack_packer packer = packer_of(out);
    msgpack_pack_fix_uint32(&packer, value);
}

void pack_fixed_u64(struct bytes *out, uint64_t value) {
    msgpack_packer packer = packer_of(out);
    msgpack_pack_fix_uint64(&packer, value);
}

void message_open(struct wire_out *out, enum wire_type type, uint32_t fields) {
    wire_out_clear(out);
    pack_array(&out->body, 1 + fields);
    pack_uint(&out->body, type);
}

void list_open(struct wire_out *out) {
    /* msgpack-c writes the shortest head that fits; the count is not known yet: take the widest. */
    static const uint8_t array32[] = {0xdd, 0, 0, 0, 0};
    out->count_at = out->body.size;
    out->count = 0;
    bytes_append(&out->body, array32, sizeof array32);
}

void list_close(struct wire_out *out, uint32_t stride) {
    uint32_t count = htobe32(out->count * stride);
    memcpy(out->body.data + out->count_at + 1, &count, sizeof count);
}

void pack_payload(struct wire_out *out, struct wire_part part) {
    if (!payload_is_inline(&part) && out->part_count < WIRE_FRAMES_MAX - 1) {
        out->parts[out->part_count++] = part;
        pack_uint(&out->body, out->part_count);
        return;
    }
    /* Small, or no frame is left: whoever did not ask wire_out_fits() pays with a copy. */
    pack_bin(&out->body, (struct span){part.data, part.size});
    if (part.release != NULL) {
        part.release((void *)(uintptr_t)part.data, part.hint);
    }
}
