/* SPDX-License-Identifier: MIT
 *
 * Coder: see coder.h. */
#include "broker/core/coder.h"

#include "common/check.h"
#include "common/checksum.h"

#include <endian.h>
#include <string.h>

enum { CODER_CHECK = 4 };

void coder_put(struct bytes *out, uint64_t value, uint32_t size) {
    if (out->capacity - out->size < sizeof(value)) {
        CHECK(bytes_reserve(out, sizeof(value)));
    }
    uint64_t big_endian = htobe64(value << (64 - 8 * size));
    memcpy(out->data + out->size, &big_endian, sizeof(value)); /* what lies behind is overwritten */
    out->size += size;
}

void coder_put_text(struct bytes *out, struct span text) {
    size_t size = text.size < UINT16_MAX ? text.size : UINT16_MAX;
    coder_put(out, size, 2);
    if (size > 0) {
        bytes_append(out, text.data, size);
    }
}

void coder_seal(struct bytes *out, size_t from) {
    uint64_t check = checksum(0, (struct span){out->data + from, out->size - from});
    coder_put(out, check & UINT32_MAX, CODER_CHECK);
}

bool coder_open(struct span sealed, struct coder_in *in) {
    if (sealed.size < CODER_CHECK + 1) {
        return false;
    }
    size_t size = sealed.size - CODER_CHECK;
    *in = (struct coder_in){sealed.data, sealed.data + size, false};
    struct coder_in tail = {sealed.data + size, sealed.data + sealed.size, false};
    uint64_t check = checksum(0, (struct span){sealed.data, size});
    return coder_get(&tail, CODER_CHECK) == (check & UINT32_MAX);
}

uint64_t coder_get(struct coder_in *in, uint32_t size) {
    if ((size_t)(in->end - in->at) < size) {
        in->bad = true;
        in->at = in->end;
        return 0;
    }
    uint64_t value = 0;
    for (uint32_t i = 0; i < size; i++) {
        value = value << 8 | *in->at++;
    }
    return value;
}

struct span coder_get_text(struct coder_in *in) {
    size_t size = coder_get(in, 2);
    if ((size_t)(in->end - in->at) < size) {
        in->bad = true;
        return (struct span){in->at, 0};
    }
    struct span text = {in->at, size};
    in->at += size;
    return text;
}

bool coder_done(const struct coder_in *in) {
    return !in->bad && in->at == in->end;
}
