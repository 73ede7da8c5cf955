/* SPDX-License-Identifier: MIT
 *
 * The URL of an LMDB store, read:
 *
 *     lmdb:DIR[?reserve=SIZE][&map=SIZE]
 *
 *     reserve   disk allocated ahead of what is used; below it no new work is taken. Payloads may
 *               have a quarter of it: 256M, which makes 64M
 *     map       address space for the file, which can never grow beyond it: 1024G, or less where
 *               the process may not have so much
 *
 * SIZE as on command lines: 65536, 64K, 1.5G. DIR ends at the first '?'. */
#ifndef WHERRY_STORE_LMDB_URL_H
#define WHERRY_STORE_LMDB_URL_H

#include "common/include/wherry_base.h"

#include <limits.h>

struct lmdb_url {
    char folder[PATH_MAX];
    uint64_t reserve_bytes;
    uint64_t map_bytes;
};

/* OK; INVALID with a text; nothing is touched. */
wherry_err lmdb_url_read(const char *url, struct lmdb_url *out);

#endif
