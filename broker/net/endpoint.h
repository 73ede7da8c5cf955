/* SPDX-License-Identifier: MIT
 *
 * Endpoints to listen on: are they well formed, who can reach them, and is somebody there already?
 *
 *     tcp://127.0.0.1:7380   tcp://[::1]:7380   tcp://127.0.0.1:*   ipc:///path
 *
 * libzmq binds over an ipc path on which another broker listens: it unlinks the socket, and the
 * other one hears nothing any more. So each ipc path is guarded by an flock on PATH.lock. */
#ifndef WHERRY_ENDPOINT_H
#define WHERRY_ENDPOINT_H

#include "common/include/wherry_base.h"

/* OK; INVALID, REFUSED (reachable from other machines and not `insecure`): wherry_last_error() is
 * the cause in words. */
wherry_err endpoint_check(const char *endpoint, bool insecure);
/* The same for HTTP: "ADDR:PORT". */
wherry_err endpoint_check_http(const char *address, bool insecure);

/* True if only this machine can reach the address ("127.0.0.1", "::1", "localhost"). */
bool endpoint_is_loopback(const char *host);
/* Splits "HOST:PORT" and "[HOST]:PORT"; false: it is neither, or the port is none. "*" is port
 * 0. */
bool endpoint_split(const char *address, char *host, size_t host_size, uint16_t *port);

/* The ipc path of an endpoint, NULL if it is none. */
const char *endpoint_ipc_path(const char *endpoint);

/* Guards an ipc path: *fd is the lock, held until endpoint_unlock. OK; BUSY: somebody listens
 * there; SYSTEM: no such folder, not allowed, or something that is no socket is in the way
 * (text). */
wherry_err endpoint_lock(const char *path, int *fd);
void endpoint_unlock(const char *path, int *fd);

#endif
