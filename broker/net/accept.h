/* SPDX-License-Identifier: MIT
 *
 * Accept: what happens to a connection for which there is no file descriptor left. libzmq's ipc
 * listener takes that for impossible and aborts; its tcp listener leaves the connection waiting and
 * spins. Here one descriptor is kept for this case: the connection is taken with it and closed at
 * once, and the peer tries again later. */
#ifndef WHERRY_NET_ACCEPT_H
#define WHERRY_NET_ACCEPT_H

#include <stdint.h>

/* Keeps the descriptor; before any socket listens. */
void accept_guard(void);
/* How many were closed for want of a descriptor. Any thread. */
uint64_t accept_refused(void);

#endif
