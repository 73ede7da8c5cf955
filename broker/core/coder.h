/* SPDX-License-Identifier: MIT
 *
 * Coder: fixed-width big-endian fields for the heads of records, and the check behind them.
 *
 * A reader that runs out of bytes goes on reading zeros and remembers it: whoever decodes a record
 * looks once, at the end. */
#ifndef WHERRY_CODER_H
#define WHERRY_CODER_H

#include "common/bytes.h"

struct coder_in {
    const uint8_t *at;
    const uint8_t *end;
    bool bad;
};

void coder_put(struct bytes *out, uint64_t value, uint32_t size); /* 1 … 8 bytes */
void coder_put_text(struct bytes *out, struct span text);         /* at most 65,535 bytes */
/* Appends the check of everything since `from`. */
void coder_seal(struct bytes *out, size_t from);

/* False: too short, or the check does not fit. */
bool coder_open(struct span sealed, struct coder_in *in);
uint64_t coder_get(struct coder_in *in, uint32_t size);
struct span coder_get_text(struct coder_in *in); /* borrowed */
/* True if everything was read, and nothing was missing. */
bool coder_done(const struct coder_in *in);

#endif
