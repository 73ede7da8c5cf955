/* SPDX-License-Identifier: MIT
 *
 * Stream: the numbers of one (client session, slot): which were answered, which tasks stand behind
 * them, and which results wait for the client.
 *
 *     index    number -> task or parked putter, in chunks of 1,024 entries that exist while they
 * hold any results  terminal tasks in order of completion: sent ones, then from `unsent` on those
 * that wait. A resumed session gets all of them again: `unsent` goes back to the head
 *
 * A stream outlives its session as long as tasks name it: tasks of an ended session go on. */
#ifndef WHERRY_STREAM_H
#define WHERRY_STREAM_H

#include "broker/core/answers.h"
#include "broker/core/list.h"

struct engine;

enum { INDEX_CHUNK = 1024, INDEX_BITS = 10 };
#define INDEX_WAITER UINT32_C(0x80000000) /* the entry is a parked putter */

struct index_chunk {
    struct index_chunk *next_spare;
    uint64_t number; /* of its first entry / 1,024 */
    uint32_t live;
    uint32_t entries[INDEX_CHUNK];
};

struct index { /* open addressing by chunk number; 16 bytes for 1,024 tasks, so doubling is cheap */
    struct index_chunk **slots;
    uint32_t capacity;
    uint32_t count;
    struct index_chunk *recent;
};

struct stream {
    uint32_t session; /* also the slab's free link; 0: free */
    uint16_t slot;
    uint16_t lane;  /* of the last submit: the next one is probably for the same */
    bool flush_due; /* in engine.flush_due */
    struct answers answers;
    struct runs pending; /* accepted, not yet told */
    struct index index;
    struct list results;
    uint32_t unsent;  /* first result not sent; 0: none */
    uint32_t tasks;   /* records that name it */
    uint32_t putters; /* parked ones */
    struct links in_flush;
};

/* Of a session's slot; made if there is none. 0: too many streams (LIMIT). */
uint32_t stream_of(struct engine *engine, uint32_t session, uint16_t slot);
uint32_t stream_find(const struct engine *engine, uint32_t session, uint16_t slot);

/* 0, a task, or INDEX_WAITER | waiter. */
uint32_t stream_entry(const struct stream *stream, uint64_t number);
void stream_set_entry(struct engine *engine, struct stream *stream, uint64_t number,
                      uint32_t entry);

/* Results may be sent: look in this turn. */
void stream_flush(struct engine *engine, uint32_t stream);

/* The chunk with `number`, or NULL. */
struct index_chunk *index_find(const struct index *index, uint64_t chunk);
void index_fini(struct index *index);
void stream_fini(struct stream *stream);

#endif
