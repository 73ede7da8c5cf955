/* SPDX-License-Identifier: MIT
 *
 * Heap; see heap.h. A quarter and 64 MiB below the peak: so the number of times grows with the
 * logarithm of the backlog. */
#include "broker/net/heap.h"

#include <malloc.h>

#define FALL_BYTES (UINT64_C(64) << 20)

bool heap_fell(struct heap *heap, uint64_t held_bytes) {
    if (held_bytes > heap->peak_bytes) {
        heap->peak_bytes = held_bytes;
    }
    uint64_t fall = heap->peak_bytes - held_bytes;
    if (fall < FALL_BYTES || fall < heap->peak_bytes / 4) {
        return false;
    }
    heap->peak_bytes = held_bytes;
    return true;
}

void heap_give_back(void) {
    malloc_trim(0);
}
