/* SPDX-License-Identifier: MIT
 *
 * A raw peer for tests of the broker: one DEALER that says exactly what the test wants, right or
 * wrong. And a plain TCP connection for those who do not even speak ZMTP. */
#ifndef WHERRY_TEST_PEER_H
#define WHERRY_TEST_PEER_H

#include "common/wire/wire.h"
#include "tests/support/support.h"

struct peer;

struct peer *peer_open(struct sandbox *box, const char *endpoint);
void peer_close(struct peer **peer);

/* Sends frame 0 and parts; the message is cleared. */
void peer_send(struct peer *peer, struct wire_out *message);
void peer_send_frames(struct peer *peer, const struct span *frames, size_t count);
/* The next message from the broker, at the sandbox's deadline the test fails; borrowed until the
 * next. */
const struct wire_message *peer_receive(struct peer *peer);
/* Skips other messages until one of `type` arrives. */
const struct wire_message *peer_expect(struct peer *peer, enum wire_type type);

/* Says hello as a client of these versions. */
void peer_hello(struct peer *peer, uint64_t session, uint32_t version_min, uint32_t version_max);
/* Hello and HELLO_OK. */
struct peer *peer_join(struct sandbox *box, const char *endpoint, uint64_t session);

/* A worker host that offers `function` in pool `default`, and its only child with room for ten. */
struct peer *peer_host(struct sandbox *box, const char *endpoint, uint64_t session,
                       const char *function);
struct peer *peer_child(struct sandbox *box, const char *endpoint, uint64_t session,
                        uint64_t host_session);
/* One task for pool `default`. */
void peer_submit(struct peer *peer, uint64_t number, const char *function,
                 struct wire_part payload);
/* The child answers the delivery with the same payload. */
void peer_answer(struct peer *child, uint64_t epoch, const struct wire_deliver_item *item,
                 uint64_t counter);
/* A beat and its answer: the broker still serves this peer. */
void peer_check_served(struct peer *peer);

/* A TCP connection to tcp://127.0.0.1:PORT. */
int stranger_connect(struct sandbox *box, const char *tcp_endpoint);
void stranger_say(int fd, const void *data, size_t size);
/* Waits until the broker closes it, at most until the sandbox's deadline. */
void stranger_wait_closed(struct sandbox *box, int fd);
/* The 64 bytes with which a ZMTP 3.0 NULL peer begins, and the READY of a DEALER. */
extern const uint8_t zmtp_greeting[64];
extern const uint8_t zmtp_ready[];
extern const size_t zmtp_ready_size;

#endif
