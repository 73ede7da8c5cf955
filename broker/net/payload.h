/* SPDX-License-Identifier: MIT
 *
 * The payload store: bytes that the broker carries and never looks into, behind 32-bit handles.
 *
 *     handle ──> small (≤ 1 KiB)    a slot in a region of its size class (8, 12, 16 … 1,024 bytes)
 *           └──> large              an owner: memory with a release function, counted
 *
 * Small ones are copied in once, without malloc; their cost is at most 3 bytes of rounding (8 are
 * the least) and under a byte of bookkeeping. Regions never move, so a span stays valid until its
 * handle is freed; emptied regions serve any class again, and their memory goes back to the system
 * when many are empty. Large ones are taken over, not copied; one that is being sent outlives its
 * handle.
 *
 * One thread owns the store. Only the release of a sent part runs on another one (libzmq's).
 * No socket, clock or lock inside: the simulation runs it as it is. */
#ifndef WHERRY_PAYLOAD_H
#define WHERRY_PAYLOAD_H

#include "broker/core/event.h"
#include "common/bytes.h"
#include "common/wire/wire.h"

struct payload_store;

/* What the handles can name, with a margin for half-filled regions: a limit above it means this. */
#define PAYLOAD_BYTES_MAX (UINT64_C(48) << 30)

/* Memory given away: release(data, hint) runs exactly once, on any thread. NULL: nothing to do. */
struct payload_owner {
    void *data;
    size_t size;
    void (*release)(void *data, void *hint);
    void *hint;
};

struct payload_store *payload_store_create(void);
/* Handles that are still there are released; parts must all have been released before (close the
 * sockets first). */
void payload_store_destroy(struct payload_store **store);

/* A copy. Empty bytes are handle 0. */
struct payload payload_copy(struct payload_store *store, struct span bytes);
/* Takes the owner; small memory is copied and released at once. */
struct payload payload_take(struct payload_store *store, struct payload_owner owner);

/* Borrowed until the handle is freed. */
struct span payload_span(const struct payload_store *store, struct payload payload);
/* For sending. Up to WIRE_INLINE_MAX: borrowed, no release (the writer copies it); above: counted,
 * its release must run once. */
struct wire_part payload_part(struct payload_store *store, struct payload payload);

/* 0 is a no-op. */
void payload_free(struct payload_store *store, uint32_t handle);

struct payload_sums {
    uint64_t count;        /* handles in use */
    uint64_t bytes;        /* of payloads, those still being sent included */
    uint64_t memory_bytes; /* held for them: regions in use and large memory */
};
void payload_sums(const struct payload_store *store, struct payload_sums *out);

#endif
