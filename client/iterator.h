/* SPDX-License-Identifier: MIT
 *
 * The inside of an iterator: what imap makes and next() draws from. */
#ifndef WHERRY_CLIENT_ITERATOR_H
#define WHERRY_CLIENT_ITERATOR_H

#include "client/chunk.h"
#include "client/source.h"

struct iterator_chunk {
    struct owner owner;
    struct wherry_iterator *iterator;
    struct task_id key;
    size_t items;
    bool over;     /* the session has told its end */
    bool finished; /* for the user: over, or terminated */
    bool dropped;  /* the iterator has forgotten it */
    wherry_err err;
    char *error;
    struct wire_part result;
    struct iterator_chunk *following;
};

struct iterator_list {
    struct iterator_chunk *first;
    struct iterator_chunk *last;
};

struct wherry_iterator {
    struct wherry_connection *connection;
    struct submission submission;
    char function[WIRE_NAME_MAX + 1];
    wherry_value *kwargs;
    bool unordered;
    size_t chunksize;
    uint64_t look_ahead;
    /* whoever has the turn */
    struct source source;
    struct bytes waiting; /* encoded, not yet submitted */
    size_t waiting_items;
    bool exhausted; /* the source gives no more */
    bool ended;
    wherry_err source_err;
    char *source_error;
    uint64_t taken;
    uint64_t yielded;
    wherry_value *current;
    size_t current_at;
    char *error;
    /* under the connection's mutex */
    struct iterator_list sent;  /* ordered: all on their way; unordered: those not finished */
    struct iterator_list ready; /* unordered only */
    atomic_uint word;           /* done: something finished since it was last cleared */
    size_t open;                /* chunks not over */
    bool released;
    bool turn_taken;           /* a thread is inside next() */
    struct pool_joiner *queue; /* others that want to be */
};

void iterator_free(struct wherry_iterator *iterator);
/* Takes and submits as many items as may be on their way; for whoever has the turn. Returns OK,
 * TIMEOUT or INTERRUPTED; everything else comes out of next() at its place. */
wherry_err iterator_top_up(struct wherry_iterator *iterator, int64_t deadline_us);

#endif
