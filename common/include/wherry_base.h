/* SPDX-License-Identifier: MIT
 *
 * What both public libraries share: the error codes, the time-out convention and values.
 *
 * Errors     Every fallible function returns a `wherry_err`; 0 is success, and on failure nothing
 *            has changed unless its comment says so. wherry_err_text() names the code in words,
 *            wherry_last_error() tells the whole story of the calling thread's last failure.
 * Time-outs  `timeout_ms` is milliseconds on the monotonic clock. WHERRY_FOREVER (-1) waits without
 *            end, 0 only looks, every other negative value is WHERRY_E_INVALID.
 * Values     A `wherry_value` is an immutable MessagePack value: what a function is given and what
 *            it answers. Values are built and read with picture strings (below) or as raw
 *            MessagePack.
 */
#ifndef WHERRY_BASE_H
#define WHERRY_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define WHERRY_API __attribute__((visibility("default")))
#else
#define WHERRY_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

#define WHERRY_FOREVER ((int64_t)-1)

typedef enum wherry_err {
    WHERRY_OK = 0,
    WHERRY_E_INVALID = 1,      /* an argument is out of its documented range */
    WHERRY_E_NO_MEMORY = 2,    /* the allocation failed; nothing changed */
    WHERRY_E_TIMEOUT = 3,      /* not yet; the object stays usable */
    WHERRY_E_FULL = 4,         /* the queue is at its bound; the item is certainly not in it */
    WHERRY_E_RESULTS_FULL = 5, /* the broker keeps as many result bytes as it may; get some first */
    WHERRY_E_TOO_LARGE = 6,    /* can never fit: beyond the payload limit or the queue's bound */
    WHERRY_E_CLOSED = 7,       /* the pool, queue or connection takes nothing more */
    WHERRY_E_NO_BROKER = 8,    /* no broker answered within reconnect_limit */
    WHERRY_E_UNCERTAIN = 9,    /* the broker vanished at the wrong moment: done or not is unknown */
    WHERRY_E_UNKNOWN = 10,     /* no such id, queue or name was ever seen */
    WHERRY_E_EXPIRED = 11,     /* it existed; its result is gone */
    WHERRY_E_REFUSED = 12,     /* the broker refuses this peer or request; the text says why */
    WHERRY_E_PROTOCOL = 13,    /* the peer speaks another version, or broke the protocol */
    WHERRY_E_TASK_FAILED = 14, /* the function itself failed; its text is the remote cause */
    WHERRY_E_CANCELLED = 15,   /* cancelled or terminated before it was done */
    WHERRY_E_WORKER_LOST = 16, /* the process running it died too often; the text names the cause */
    WHERRY_E_LOST = 17,        /* no answer will ever come */
    WHERRY_E_INTERRUPTED = 18, /* wherry_interrupt() ended the wait */
    WHERRY_E_FORKED = 19,      /* the handle belongs to the parent of this forked process */
    WHERRY_E_BUSY = 20,        /* not now: still running, or already set */
    WHERRY_E_TYPE = 21,        /* a value does not match the picture, or is not MessagePack */
    WHERRY_E_EMPTY = 22,       /* nothing there */
    WHERRY_E_END = 23,         /* the iterator is exhausted */
    WHERRY_E_NOT_READY = 24,   /* asked for the outcome of a call that is still open */
    WHERRY_E_NO_FUNCTION = 25, /* no worker offers the function */
    WHERRY_E_STORE_FULL = 26,  /* the broker's store takes no new work until space returns */
    WHERRY_E_DRAINING = 27,    /* the broker or worker is going down and takes nothing new */
    WHERRY_E_SESSION_LOST = 28, /* the broker forgot this session (90 s of silence, or a restart) */
    WHERRY_E_LIMIT = 29,        /* a count in the table of bounds is used up; the text names it */
    WHERRY_E_SYSTEM = 30,       /* the operating system refused; the text carries errno's words */
    WHERRY_E_RETRY = 31,        /* internal between peers: send the same request again */
    WHERRY_E_RENUMBERED = 32,   /* internal between peers: it waits under its new number */
    WHERRY_E_RESTORING = 33,    /* the broker is still reading its store; the text says how far */
} wherry_err;

/* The code in a few lower-case words; never NULL, also for codes unknown to this version. */
WHERRY_API const char *wherry_err_text(wherry_err err);

/* The calling thread's last failure in whole words: what, why, what to do. Valid until the next
 * failing call of this thread; "" if none. */
WHERRY_API const char *wherry_last_error(void);

/* ---- values ------------------------------------------------------------------------------- */

typedef struct wherry_value wherry_value;

typedef enum wherry_kind {
    WHERRY_NIL, WHERRY_BOOL, WHERRY_INT, WHERRY_UINT, WHERRY_REAL, WHERRY_STRING, WHERRY_BYTES,
    WHERRY_LIST, WHERRY_MAP,
} wherry_kind;

/* Pictures: one letter an item, white space ignored.
 *
 *     letter   build takes                       read takes
 *     i        int64_t                           int64_t *
 *     u        uint64_t                          uint64_t *
 *     d        double                            double * (integers convert)
 *     b        int (0 or 1)                      bool *
 *     s        const char *                      const char ** (0-terminated; no 0 inside)
 *     S        const char *, size_t              const char **, size_t *
 *     y        const void *, size_t              const void **, size_t *
 *     n        nothing                           nothing; the item must be nil
 *     v        const wherry_value *              wherry_value ** (a new value; release it)
 *     *        -                                 nothing; skips one item
 *     [ ]      a list of what stands between     the same, with exactly that many items
 *     { }      a map: key, value, key, value…    looked up by key: the letters of a key are
 *                                                given as when building, those of a value as when
 *                                                reading; e.g. "{si}", "width", &width
 *
 * A picture of one item is that item ("i" is an integer); a list is written with brackets.
 * int arguments need a cast: (int64_t)3. Depth is at most 16. */

/* Build. out: owned by the caller. Returns OK, INVALID (bad picture), TYPE (NULL string, or nested
 * too deep by the values put in), NO_MEMORY. */
WHERRY_API wherry_err wherry_value_build(wherry_value **out, const char *picture, ...);

/* Copy `size` bytes holding exactly one MessagePack value. Returns OK, TYPE (not one whole value,
 * too deep, counts beyond the bytes), NO_MEMORY. */
WHERRY_API wherry_err wherry_value_from_msgpack(wherry_value **out, const void *data, size_t size);

/* Read by picture. Strings and bytes are borrowed until the value is released. On failure nothing
 * was written. Returns OK, TYPE (shape or range differs; wherry_last_error() says where), INVALID,
 * NO_MEMORY ("s" and "v" only). */
WHERRY_API wherry_err wherry_value_read(const wherry_value *value, const char *picture, ...);

/* The value's bytes, borrowed until its release. */
WHERRY_API const void *wherry_value_msgpack(const wherry_value *value, size_t *size);

WHERRY_API wherry_kind wherry_value_kind(const wherry_value *value);

/* Items of a list, pairs of a map, else 0. */
WHERRY_API size_t wherry_value_count(const wherry_value *value);

/* A new value: the `index`-th item of a list, from 0. Going through a list item by item is cheap.
 * Returns OK, TYPE (no list), INVALID (no such index), NO_MEMORY. */
WHERRY_API wherry_err wherry_value_at(const wherry_value *value, size_t index, wherry_value **out);

/* Frees and sets NULL; NULL and *NULL are no-ops. */
WHERRY_API void wherry_value_release(wherry_value **value);

#ifdef __cplusplus
}
#endif
#endif
