/* SPDX-License-Identifier: MIT
 *
 * Chunk: some items of a map as one task; and the rule that says how many. */
#ifndef WHERRY_CLIENT_CHUNK_H
#define WHERRY_CLIENT_CHUNK_H

#include "client/submit.h"

/* Python's rule for `count` items and WHERRY_AUTO; INVALID below 1. May ask the broker. */
wherry_err chunk_size(struct wherry_pool *pool, int64_t chunksize, size_t count, size_t *out);
size_t chunk_size_rule(size_t count, size_t processes);

/* The payload of a chunk: `items` are the packed items back to back. */
wherry_err chunk_encode(struct bytes *out, struct span items, size_t count,
                        const wherry_value *kwargs, bool starmap);

/* Checks that a chunk's result is a list of `count` values and strips its head; false: it is
 * not. */
bool chunk_result_items(struct span result, size_t count, struct span *out);
/* Appends the head of a list of `count` items. */
bool chunk_list_head(struct bytes *out, size_t count);

#endif
