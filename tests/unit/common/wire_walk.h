/* SPDX-License-Identifier: MIT
 *
 * Reads any message to its last byte, as a careless receiver would: the reader of its type, every
 * item of every list, every byte of every span. Ends the process where a reader breaks its word: a
 * list that fails half way after OK, or goes on after its end. */
#ifndef WHERRY_WIRE_WALK_H
#define WHERRY_WIRE_WALK_H

#include "common/wire/wire.h"

/* OK if the message was accepted; `sum` is moved by every byte seen. */
wherry_err wire_walk(const struct wire_message *message, uint64_t *sum);

#endif
