/* SPDX-License-Identifier: MIT
 *
 * Link: one DEALER, one I/O thread, or a caller that drives in its place. The socket side of client
 * connections, worker children and supervisors. Transport only: what is said stands in the pure
 * session logic above it.
 *
 *     callers ── encode under their own short mutex ──> open buffer
 *        └── link_wake() only if the buffer was empty and the driver sleeps
 *     driver: loop { ops.collect: swap buffers, link_send(); drain input: ops.received;
 *     ops.tick }
 *
 * One thread at a time drives, and it alone touches the socket (a shared ZMQ_FD loses wake-ups,
 * docs/architecture.md): the I/O thread, or a caller in link_drive() and link_pass(), which saves
 * it two hand-overs a message. "Driver" below is whoever does. A caller that stays away for a
 * millisecond, or yields, has its link driven by the I/O thread until it comes back.
 *
 * Plain libzmq, a private context; the I/O thread blocks all signals.
 *
 * Every reopening makes a new socket with a fresh routing id, linger 0; several addresses are tried
 * in turn. libzmq does not report a lost connection without draft calls: silence is judged by the
 * session logic, which then calls link_reopen(). */
#ifndef WHERRY_LINK_H
#define WHERRY_LINK_H

#include "common/wire/wire.h"

struct link;

struct link_ops { /* all run on the driver, one at a time */
    /* A new socket: say hello. Called first after link_open and after each link_reopen. */
    void (*opened)(void *context, struct link *link);
    void (*received)(void *context, struct link *link, const struct wire_message *message);
    /* Before each sleep: send whatever is waiting. */
    void (*collect)(void *context, struct link *link);
    /* Time; returns the mono_us of the next needed call (INT64_MAX: none). */
    int64_t (*tick)(void *context, struct link *link, int64_t now_us);
};

struct link_options {
    uint32_t payload_max; /* ZMQ_MAXMSGSIZE + room for frame 0 */
    int extra_fd;         /* also polled, −1: none (a gate's eventfd) */
    void (*extra)(void *context, struct link *link); /* extra_fd is readable */
};

/* `addresses`: comma-separated tcp:// and ipc:// endpoints. Returns before anything is connected.
 * INVALID (an address is malformed: wherry_last_error()), NO_MEMORY, SYSTEM. */
wherry_err link_open(const char *addresses, const struct link_options *options,
                     const struct link_ops *ops, void *context, struct link **out);

/* Any thread, under no lock that collect takes: see that collect runs soon. One eventfd write, and
 * only if the driver sleeps; with no driver, because a caller drove until now, collect runs here.
 */
void link_wake(struct link *link);

/* Any thread, async-signal-safe: see that tick runs soon, whatever the driver is about to do and
 * although there may be no connection to collect for. One eventfd write in any case. */
void link_alarm(struct link *link);

/* One caller at a time, not inside an op: turns, with their sleeps, until enough(argument), which
 * is asked at until_us at the latest (INT64_MAX: no limit), or until the link is stopped. */
void link_drive(struct link *link, bool (*enough)(void *argument), void *argument,
                int64_t until_us);

/* After link_drive: the I/O thread drives now, because the caller will not come back soon. */
void link_yield(struct link *link);

/* The same caller: collect, then perhaps receive what is there; no sleep. */
void link_pass(struct link *link, bool receive);

/* Driver only. Takes the message: body is copied or moved, parts are sent in place. Never
 * blocks; false: the high-water mark is reached, nothing was taken; try again in a later
 * collect. */
bool link_send(struct link *link, struct wire_out *message);

/* Driver only: whether link_send would take a message now. */
bool link_ready(struct link *link);

/* As link_send, with frame 0 lent instead of taken from message->body, which must be empty. */
bool link_send_lent(struct link *link, const struct wire_part *body, struct wire_out *message);

/* Inside ops.received only: moves a frame (1 …) of the message out of it, so that a large payload
 * need not be copied; out->release must be called once, on any thread, also after link_close.
 * False: no memory or no such frame. The message's span of that frame stays valid until the
 * release. */
bool link_take(struct link *link, int frame, struct wire_part *out);

/* Driver only: drop the connection and open a new one after `delay_us` (≥ 0) at the next
 * address. While that is under way another call changes nothing. */
void link_reopen(struct link *link, int64_t delay_us);

/* Any thread but the driver: joins it and closes the socket; what was sent gets `linger_ms` to
 * leave. */
void link_close(struct link **link, int linger_ms);

/* The same, but the link can still be waked (in vain) by other threads until link_close. */
void link_stop(struct link *link, int linger_ms);

/* Driver only: extra_fd has nothing more to say, and is not polled any more. */
void link_forget_extra(struct link *link);

/* In a forked child: frees memory, touches no socket or thread. */
void link_abandon(struct link **link);

#endif
