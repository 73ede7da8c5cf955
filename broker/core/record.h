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

/* Of heads. Readers take the one before their own as well (persist.c says what differs), so that a
 * new broker starts on what the one before it left. */
enum { RECORD_VERSION = 2, RECORD_OLDEST = 1, RECORD_KEY_SIZE = 12 };

struct record {
    uint8_t key[RECORD_KEY_SIZE]; /* kind 1, 0, slot 2, arrival or id 8; big endian */
    struct span head; /* PUT: borrowed until its batch is committed */
    struct payload payload; /* 0 unless a task's arguments or result */
};

/* Of a RECORD_TASK's head; false: damaged. */
bool record_task_id(struct span head, struct task_id *out);

#endif
