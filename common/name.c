/* SPDX-License-Identifier: MIT
 *
 * The alphabet of names as a bitmap: a name is checked with every batch. See name.h. */
#include "common/name.h"

enum { NAME_SIZE_MAX = 128 };

/* One bit a character, 32 a word. */
static const uint32_t name_letters[8] = {
    [1] = 0x03ff6000, /* - . 0…9 */
    [2] = 0x87fffffe, /* A…Z _ */
    [3] = 0x2ffffffe, /* a…z { } */
};

bool name_ok(struct span name) {
    if (name.size == 0 || name.size > NAME_SIZE_MAX) {
        return false;
    }
    uint32_t ok = 1;
    for (size_t i = 0; i < name.size; i++) {
        ok &= name_letters[name.data[i] >> 5] >> (name.data[i] & 31);
    }
    return ok != 0;
}
