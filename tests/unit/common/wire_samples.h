/* SPDX-License-Identifier: MIT
 *
 * One message of each kind, and of each shape that a kind can take: what the tests of the wire cut,
 * flip and read back, and what the fuzz corpus is made of. */
#ifndef WHERRY_WIRE_SAMPLES_H
#define WHERRY_WIRE_SAMPLES_H

#include "common/wire/wire.h"

struct wire_sample {
    const char *name;
    enum wire_type type;
    void (*make)(struct wire_out *out);
};

extern const struct wire_sample wire_samples[];
extern const size_t wire_sample_count;

#endif
