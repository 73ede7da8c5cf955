/* SPDX-License-Identifier: MIT
 *
 * Checksum; see checksum.h. A step on eight bytes takes about six cycles, all of them latency: so
 * longer texts run in four lanes side by side, 32 bytes at a time, and the lanes are folded. */
#include "common/checksum.h"

#include <endian.h>
#include <string.h>

enum { LANES = 4, BLOCK = LANES * 8 };

static uint64_t checksum_mix(uint64_t state) {
    state ^= state >> 33;
    state *= UINT64_C(0xff51afd7ed558ccd);
    state ^= state >> 33;
    state *= UINT64_C(0xc4ceb9fe1a85ec53);
    return state ^ state >> 33;
}

static inline uint64_t checksum_step(uint64_t state, const uint8_t *data) {
    uint64_t word;
    memcpy(&word, data, sizeof(word));
    state = (state ^ le64toh(word)) * UINT64_C(0x9e3779b97f4a7c15);
    return state ^ state >> 29;
}

/* All whole blocks of `bytes`, which shrinks to what is left. */
static uint64_t checksum_blocks(uint64_t state, struct span *bytes) {
    uint64_t lanes[LANES] = {state, state + 1, state + 2, state + 3};
    while (bytes->size >= BLOCK) {
        for (int i = 0; i < LANES; i++) {
            lanes[i] = checksum_step(lanes[i], bytes->data + 8 * i);
        }
        bytes->data += BLOCK;
        bytes->size -= BLOCK;
    }
    for (int i = 1; i < LANES; i++) {
        lanes[0] = (lanes[0] ^ lanes[i]) * UINT64_C(0xc2b2ae3d27d4eb4f);
        lanes[0] ^= lanes[0] >> 31;
    }
    return lanes[0];
}

uint64_t checksum(uint64_t seed, struct span bytes) {
    uint64_t state = seed + checksum_mix(bytes.size + 1);
    if (bytes.size >= BLOCK) {
        state = checksum_blocks(state, &bytes);
    }
    for (; bytes.size >= 8; bytes.data += 8, bytes.size -= 8) {
        state = checksum_step(state, bytes.data);
    }
    uint64_t rest = 0;
    for (size_t i = 0; i < bytes.size; i++) {
        rest |= (uint64_t)bytes.data[i] << 8 * i;
    }
    return checksum_mix(state ^ rest);
}
