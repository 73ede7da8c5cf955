/* SPDX-License-Identifier: MIT
 *
 * The callback thread of a connection: made with the first callback, it runs them one at a time in
 * the order in which their calls were completed, with no lock held. */
#ifndef WHERRY_CLIENT_CALLBACKS_H
#define WHERRY_CLIENT_CALLBACKS_H

#include "client/async.h"

/* Under the connection's mutex: the thread exists from now on. False: it could not be made. */
bool callbacks_start(struct wherry_connection *connection);
/* Under the mutex: queue the async's callback; its word has ASYNC_CALLBACK. */
void callbacks_push(struct wherry_connection *connection, struct wherry_async *async);
/* Runs what is queued, then ends the thread. */
void callbacks_destroy(struct callbacks **callbacks);
void callbacks_abandon(struct callbacks **callbacks); /* in a forked child */

#endif
