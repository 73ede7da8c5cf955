/* SPDX-License-Identifier: MIT
 *
 * Waiting: a 32-bit word that becomes "done", a futex under it, and a list of who waits, so that
 * wherry_interrupt() can end every wait of a connection.
 *
 *     word:  bit 0 done · bit 1 somebody waits · bits 2…15 free for the owner · above:
 *            interruptions
 *
 * Who completes a word pays a system call only if somebody waits on it. */
#ifndef WHERRY_CLIENT_WAIT_H
#define WHERRY_CLIENT_WAIT_H

#include "common/include/wherry_base.h"

#include <pthread.h>
#include <stdatomic.h>

enum {
    WAIT_DONE = 1,
    WAIT_WAITED = 2,
    WAIT_FIRST_FREE = 4,
    WAIT_INTERRUPTIONS = 1 << 16, /* one of them */
    WAIT_LATE_MAX = 32,
};

struct waiter {
    atomic_uint *word;
    unsigned done_bit;
    int64_t deadline_us;
    bool drives;
    atomic_bool interrupted;
    struct waiter *previous;
    struct waiter *following;
};

/* Who waits alone for the only answer that is due does the I/O thread's work itself: the answer
 * then wakes it without a hand-over. All NULL: nobody does. */
struct wait_driver {
    void *context;
    /* Under the mutex: how many answers are due. */
    uint64_t (*due)(void *context);
    void (*drive)(void *context, bool (*enough)(void *waiter), void *waiter, int64_t until_us);
    void (*yield)(void *context); /* after a drive: others wait for something */
};

struct waiters { /* embedded in a connection; under its mutex but for `pending` */
    pthread_mutex_t *mutex;
    struct waiter *first;
    struct wait_driver driver;
    atomic_bool pending; /* an interruption that has not met a wait yet */
    bool late;           /* wake-ups are put off until the mutex is free */
    uint32_t late_count; /* these two belong to the thread that set `late` */
    atomic_uint *late_words[WAIT_LATE_MAX];
};

/* The deadline of a time-out; INVALID for negative ones but WHERRY_FOREVER. */
wherry_err wait_deadline(int64_t timeout_ms, int64_t *deadline_us);

/* Waits until `done_bit` of the word is set. Returns OK, TIMEOUT, INTERRUPTED. A deadline that has
 * passed only looks. Not under the mutex. */
wherry_err wait_word(struct waiters *waiters, atomic_uint *word, unsigned done_bit,
                     int64_t deadline_us);

/* Wakes whoever waits on the word, after its owner has set a bit that `before` lacked. */
void wait_wake(atomic_uint *word, unsigned before);

/* Under the mutex: the same, or after it if wait_late_begin() was called. Whoever is woken wants
 * the mutex and would sleep again at once. The word may have another owner by then, who looks
 * again. */
void wait_wake_late(struct waiters *waiters, atomic_uint *word, unsigned before);
void wait_late_begin(struct waiters *waiters); /* under the mutex, one thread only */
void wait_late_end(struct waiters *waiters);   /* under the mutex */
void wait_late_wake(struct waiters *waiters);  /* by the same thread, after the mutex */

/* Async-signal-safe; then wait_interrupt_run() must run soon, on any thread. */
void wait_interrupt_ask(struct waiters *waiters);
/* Under the mutex: ends the waits under way; with none the next one ends. */
void wait_interrupt_run(struct waiters *waiters);

#endif
