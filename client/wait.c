/* SPDX-License-Identifier: MIT
 *
 * Waiting on a word; see wait.h.
 *
 * The futex syscall compares the whole word, so that whatever happens between the look and the
 * sleep (done, or an interruption, which counts up in the high bits) makes it return at once: no
 * wake-up is lost and no lock is held across the two. A stray signal only makes it look again. */
#include "client/wait.h"

#include "common/clock.h"
#include "common/err.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { WAIT_LONGEST_MS = 1000 * 60 * 60 * 24 }; /* a sleep; then it looks again */

wherry_err wait_deadline(int64_t timeout_ms, int64_t *deadline_us) {
    if (timeout_ms < WHERRY_FOREVER) {
        return err_set(WHERRY_E_INVALID,
                       "timeout_ms %lld: expected WHERRY_FOREVER (-1) or 0 and more",
                       (long long)timeout_ms);
    }
    int64_t now_us = timeout_ms == 0 ? 0 : clock_mono_us();
    bool endless = timeout_ms == WHERRY_FOREVER || timeout_ms > (INT64_MAX - now_us) / 1000;
    *deadline_us = endless ? INT64_MAX : now_us + timeout_ms * 1000;
    return WHERRY_OK;
}

static void futex_sleep(atomic_uint *word, unsigned seen, int64_t deadline_us) {
    int64_t left_us = (int64_t)WAIT_LONGEST_MS * 1000;
    if (deadline_us != INT64_MAX) {
        int64_t until_us = deadline_us - clock_mono_us();
        left_us = until_us < left_us ? until_us : left_us;
    }
    if (left_us <= 0) {
        return;
    }
    struct timespec left = {left_us / 1000000, (left_us % 1000000) * 1000};
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, seen, &left, NULL, 0);
}

void wait_wake(atomic_uint *word, unsigned before) {
    if ((before & WAIT_WAITED) != 0) {
        syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
    }
}

void wait_wake_late(struct waiters *waiters, atomic_uint *word, unsigned before) {
    if (!waiters->late || waiters->late_count == WAIT_LATE_MAX) {
        wait_wake(word, before);
    } else if ((before & WAIT_WAITED) != 0) {
        waiters->late_words[waiters->late_count++] = word;
    }
}

void wait_late_begin(struct waiters *waiters) {
    waiters->late = true;
}

void wait_late_end(struct waiters *waiters) {
    waiters->late = false;
}

void wait_late_wake(struct waiters *waiters) {
    for (uint32_t i = 0; i < waiters->late_count; i++) {
        wait_wake(waiters->late_words[i], WAIT_WAITED);
    }
    waiters->late_count = 0;
}

static bool waiter_enter(struct waiters *waiters, struct waiter *waiter) {
    pthread_mutex_lock(waiters->mutex);
    wait_interrupt_run(waiters); /* those under way came first: it is theirs */
    bool interrupted = atomic_exchange(&waiters->pending, false);
    if (!interrupted) {
        waiter->drives = waiters->first == NULL && waiters->driver.drive != NULL &&
                         waiters->driver.due(waiters->driver.context) <= 1;
        waiter->following = waiters->first;
        if (waiters->first != NULL) {
            waiters->first->previous = waiter;
        }
        waiters->first = waiter;
    }
    pthread_mutex_unlock(waiters->mutex);
    return !interrupted;
}

static void waiter_leave(struct waiters *waiters, struct waiter *waiter) {
    pthread_mutex_lock(waiters->mutex);
    if (waiter->previous != NULL) {
        waiter->previous->following = waiter->following;
    } else {
        waiters->first = waiter->following;
    }
    if (waiter->following != NULL) {
        waiter->following->previous = waiter->previous;
    }
    bool yields = waiter->drives &&
                  (waiters->first != NULL || waiters->driver.due(waiters->driver.context) > 0);
    pthread_mutex_unlock(waiters->mutex);
    if (yields) {
        waiters->driver.yield(waiters->driver.context);
    }
}

static bool waiter_is_over(void *argument) {
    const struct waiter *waiter = argument;
    return (atomic_load(waiter->word) & waiter->done_bit) != 0 ||
           atomic_load(&waiter->interrupted) ||
           (waiter->deadline_us != INT64_MAX && clock_mono_us() >= waiter->deadline_us);
}

static wherry_err waiter_sleep(struct waiter *waiter) {
    for (;;) {
        unsigned seen = atomic_load(waiter->word);
        if ((seen & waiter->done_bit) != 0) {
            return WHERRY_OK;
        }
        if (atomic_load(&waiter->interrupted)) {
            return WHERRY_E_INTERRUPTED;
        }
        if (waiter_is_over(waiter)) {
            return WHERRY_E_TIMEOUT;
        }
        if ((seen & WAIT_WAITED) != 0 ||
            atomic_compare_exchange_strong(waiter->word, &seen, seen | WAIT_WAITED)) {
            futex_sleep(waiter->word, seen | WAIT_WAITED, waiter->deadline_us);
        }
    }
}

wherry_err wait_word(struct waiters *waiters, atomic_uint *word, unsigned done_bit,
                     int64_t deadline_us) {
    if ((atomic_load_explicit(word, memory_order_acquire) & done_bit) != 0) {
        return WHERRY_OK;
    }
    if (deadline_us == 0) {
        return WHERRY_E_TIMEOUT;
    }
    struct waiter waiter = {.word = word, .done_bit = done_bit, .deadline_us = deadline_us};
    if (!waiter_enter(waiters, &waiter)) {
        return err_set(WHERRY_E_INTERRUPTED, "wherry_interrupt() ended the wait");
    }
    if (waiter.drives) {
        waiters->driver.drive(waiters->driver.context, waiter_is_over, &waiter, deadline_us);
    }
    wherry_err err = waiter_sleep(&waiter); /* after a drive it only tells why */
    waiter_leave(waiters, &waiter);
    return err == WHERRY_E_INTERRUPTED ? err_set(err, "wherry_interrupt() ended the wait") : err;
}

void wait_interrupt_ask(struct waiters *waiters) {
    atomic_store(&waiters->pending, true);
}

void wait_interrupt_run(struct waiters *waiters) {
    if (waiters->first == NULL || !atomic_exchange(&waiters->pending, false)) {
        return;
    }
    for (struct waiter *at = waiters->first; at != NULL; at = at->following) {
        atomic_store(&at->interrupted, true);
        wait_wake(at->word, atomic_fetch_add(at->word, WAIT_INTERRUPTIONS));
    }
}
