/* SPDX-License-Identifier: MIT
 *
 * The service manager's socket ($NOTIFY_SOCKET, the sd_notify protocol), by hand: it is stable,
 * and a library for one datagram is one too many. All of it does nothing when no service manager
 * asked. */
#ifndef WHERRY_NOTIFY_H
#define WHERRY_NOTIFY_H

#include <stdint.h>

/* "READY=1\nSTATUS=…", "STOPPING=1", "WATCHDOG=1": one datagram; a failure is ignored. */
void notify_send(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* How often WATCHDOG=1 should be sent: half of what was asked for; 0: nobody watches this
 * process. */
int64_t notify_watchdog_us(void);

#endif
