/* SPDX-License-Identifier: MIT
 *
 * A stored object: one small record each. What a store keeps is exactly these: a key, a head that
 * the engine encodes (versioned), and a payload that it never looks into.
 *
 * The key sorts by arrival within a kind, so that neighbours in time are neighbours on disk. */
#ifndef WHERRY_RECORD_H
#define WHERRY_RECORD_H

#include "broker/core/event.h"

enum record_kind {
    RECORD_STORE = 1,   /* one: uuid, epoch, floor, next arrival number */
    RECORD_QUEUE = 2,   /* settings */
    RECORD_SESSION = 3, /* a client session: secret, and per slot acked and answers above it */
    RECORD_HOST = 4,    /* a worker host's session */
    RECORD_TASK = 5,    /* from acceptance until its result is no longer needed */
};

enum { RECORD_VERSION = 1, RECORD_KEY_SIZE = 12 };

struct record {
    uint8_t key[RECORD_KEY_SIZE]; /* kind 1, 0, slot 2, arrival or id 8; big endian */
    struct span head; /* PUT: borrowed until its batch is committed */
    struct payload payload; /* 0 unless a task's arguments or result */
};

#endif
