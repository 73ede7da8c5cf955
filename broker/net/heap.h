/* SPDX-License-Identifier: MIT
 *
 * Heap: memory that a backlog leaves behind goes back to the system.
 *
 * What the engine and the payloads free, malloc keeps for reuse wherever something newer lies above
 * it. Asking for it back takes about a millisecond for ten megabytes, so it is done only when what
 * we hold has fallen well below its peak. */
#ifndef WHERRY_HEAP_H
#define WHERRY_HEAP_H

#include <stdbool.h>
#include <stdint.h>

struct heap {
    uint64_t peak_bytes; /* most that was held since memory was last given back */
};

/* held_bytes: what engine and payloads hold now. True: it is time to give back. */
bool heap_fell(struct heap *heap, uint64_t held_bytes);
/* Gives back what nobody uses. */
void heap_give_back(void);

#endif
