/* SPDX-License-Identifier: MIT
 *
 * Numbers as they lie on disk: big endian, wherever they stand. */
#ifndef WHERRY_STORE_LMDB_BIG_ENDIAN_H
#define WHERRY_STORE_LMDB_BIG_ENDIAN_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

static inline void put32(uint8_t *out, uint32_t value) {
    uint32_t big_endian = htobe32(value);
    memcpy(out, &big_endian, sizeof big_endian);
}

static inline uint32_t get32(const uint8_t *data) {
    uint32_t big_endian;
    memcpy(&big_endian, data, sizeof big_endian);
    return be32toh(big_endian);
}

static inline void put64(uint8_t *out, uint64_t value) {
    uint64_t big_endian = htobe64(value);
    memcpy(out, &big_endian, sizeof big_endian);
}

static inline uint64_t get64(const uint8_t *data) {
    uint64_t big_endian;
    memcpy(&big_endian, data, sizeof big_endian);
    return be64toh(big_endian);
}

#endif
