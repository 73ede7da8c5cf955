/* SPDX-License-Identifier: MIT
 *
 * Parcel: one DELIVER message, kept whole, from which the child takes one delivery at a time.
 * Nothing is unpacked ahead: what the gate voids was never touched. */
#ifndef WHERRY_PARCEL_H
#define WHERRY_PARCEL_H

#include "common/wire/wire.h"

struct parcel { /* private but for reading */
    struct parcel *next;
    size_t capacity;
    struct wire_deliver head;
    uint32_t taken; /* the next delivery: first_slot and first_counter of the head, plus this */
    struct wire_deliver_item item; /* the one taken last */
    struct wire_message message;
    uint32_t part_count; /* frames that were moved here rather than copied */
    struct wire_part parts[WIRE_FRAMES_MAX - 1];
    uint8_t data[];
};

struct parcels { /* a queue; private but for `first` and `count` */
    struct parcel *first;
    struct parcel **last;
    struct parcel *spare; /* kept for its memory */
    uint64_t count;       /* deliveries not taken */
};

void parcels_init(struct parcels *parcels);
void parcels_fini(struct parcels *parcels);

/* NULL: `message` is no DELIVER, or there is no memory. parcels_append() or _free() it. parts:
 * NULL, or one for each frame behind the first; one with a `release` is taken (and its release
 * wiped), the bytes of the others are copied. */
struct parcel *parcels_make(struct parcels *parcels, const struct wire_message *message,
                            struct wire_part *parts);
void parcels_append(struct parcels *parcels, struct parcel *parcel);
void parcels_free(struct parcels *parcels, struct parcel *parcel);

/* Takes parcels->first off the queue; the caller owns it. */
struct parcel *parcels_shift(struct parcels *parcels);
/* Moves to the next delivery of the first parcel: its `item` is filled, number and token are
 * told. */
bool parcels_next(struct parcels *parcels, uint32_t *number, struct token *token);
void parcels_drop_all(struct parcels *parcels);

#endif
