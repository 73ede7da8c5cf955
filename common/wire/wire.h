/* SPDX-License-Identifier: MIT
 *
 * The wire, version 1: every message that crosses a socket, as a struct, with its writer and
 * reader.
 *
 * A message is one ZeroMQ multipart: frame 0 is one positional msgpack array, further frames are
 * large payloads (above WIRE_INLINE_MAX) in the order in which frame 0 names them.
 *
 *     peer to broker    [type, field, …]
 *     broker to peer    [type, epoch, field, …]
 *
 * Readers take what a stranger sent: every count is checked against the bytes that remain before
 * anything is allocated; unknown trailing fields are ignored (newer minor versions append), unknown
 * types and bytes after the value are refused. They allocate nothing: spans borrow the frames, and
 * lists stay packed and are walked by a `wire_items` cursor. A reader accepts a message only when
 * its lists are well formed to the last item, so a walk after WHERRY_OK cannot fail half way.
 *
 * Writers append to a `wire_out` and cannot fail but for memory. docs/protocol.md says what each
 * side must do. */
#ifndef WHERRY_WIRE_H
#define WHERRY_WIRE_H

#include "common/wire/attempt.h"
#include "common/wire/hello.h"
#include "common/wire/message.h"
#include "common/wire/task.h"

#endif
