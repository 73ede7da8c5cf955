/* SPDX-License-Identifier: MIT
 *
 * Chunks; see chunk.h. */
#include "client/chunk.h"

#include "common/call.h"
#include "common/err.h"
#include "common/value.h"
#include "common/wire/cursor.h"

enum { CHUNK_HEAD_SIZE = 5, CHUNK_CALL_HEAD = 32 };

size_t chunk_size_rule(size_t count, size_t processes) {
    size_t parts = 4 * processes;
    return count / parts + (count % parts != 0 ? 1 : 0);
}

wherry_err chunk_size(struct wherry_pool *pool, int64_t chunksize, size_t count, size_t *out) {
    if (chunksize != WHERRY_AUTO && chunksize < 1) {
        return err_set(WHERRY_E_INVALID, "chunksize is %lld: expected 1 or more, or WHERRY_AUTO",
                       (long long)chunksize);
    }
    if (chunksize != WHERRY_AUTO || count == 0) {
        *out = count == 0 ? 1 : (size_t)chunksize;
        return WHERRY_OK;
    }
    uint32_t processes = 0;
    wherry_err err = pool_processes_for_chunks(pool, &processes);
    if (err == WHERRY_OK) {
        *out = chunk_size_rule(count, processes);
    }
    return err;
}

bool chunk_list_head(struct bytes *out, size_t count) {
    if (!bytes_reserve(out, CHUNK_HEAD_SIZE)) {
        return false;
    }
    uint8_t head[CHUNK_HEAD_SIZE] = {0xdd, (uint8_t)(count >> 24), (uint8_t)(count >> 16),
                                     (uint8_t)(count >> 8), (uint8_t)count};
    bytes_append(out, head, sizeof head);
    return true;
}

wherry_err chunk_encode(struct bytes *out, struct span items, size_t count,
                        const wherry_value *kwargs, bool starmap) {
    struct bytes args = BYTES_EMPTY;
    struct span keywords = kwargs != NULL ? value_span(kwargs) : (struct span){NULL, 0};
    bool room = bytes_reserve(&args, CHUNK_HEAD_SIZE + items.size) &&
                bytes_reserve(out, CHUNK_CALL_HEAD + items.size + keywords.size);
    if (!room || count > UINT32_MAX) {
        bytes_free(&args);
        return err_set(WHERRY_E_NO_MEMORY, "no memory for a chunk of %zu items", count);
    }
    chunk_list_head(&args, count);
    bytes_append(&args, items.data, items.size);
    struct call call = {
        .kind = CALL_CHUNK,
        .args = bytes_span(&args),
        .kwargs = keywords,
        .starmap = starmap,
    };
    call_encode(out, &call);
    bytes_free(&args);
    return WHERRY_OK;
}

bool chunk_result_items(struct span result, size_t count, struct span *out) {
    struct cursor cursor = cursor_of(result);
    uint32_t found = 0;
    if (!cursor_array(&cursor, &found) || found != count) {
        return false;
    }
    *out = (struct span){cursor.at, (size_t)(cursor.end - cursor.at)};
    return true;
}
