/* SPDX-License-Identifier: MIT
 *
 * Error codes in words, and the calling thread's last failure; see err.h.
 *
 * The text lives in a fixed thread-local buffer, not on the heap: telling of a failed allocation
 * must not need one, and a thread that ends leaves nothing behind. Beside what
 * wherry_program() was told (client/local.c) it is the one variable of this library that is neither
 * const nor passed in, as errno is for C. */
#include "common/err.h"

#include <stdarg.h>
#include <stdio.h>

static const char *const err_texts[] = {
    [WHERRY_OK] = "ok",
    [WHERRY_E_INVALID] = "invalid argument",
    [WHERRY_E_NO_MEMORY] = "out of memory",
    [WHERRY_E_TIMEOUT] = "timed out",
    [WHERRY_E_FULL] = "queue is full",
    [WHERRY_E_RESULTS_FULL] = "broker keeps as many results as it may",
    [WHERRY_E_TOO_LARGE] = "too large",
    [WHERRY_E_CLOSED] = "closed",
    [WHERRY_E_NO_BROKER] = "no broker answers",
    [WHERRY_E_UNCERTAIN] = "outcome unknown",
    [WHERRY_E_UNKNOWN] = "unknown",
    [WHERRY_E_EXPIRED] = "result expired",
    [WHERRY_E_REFUSED] = "refused by the broker",
    [WHERRY_E_PROTOCOL] = "protocol broken",
    [WHERRY_E_TASK_FAILED] = "task failed",
    [WHERRY_E_CANCELLED] = "cancelled",
    [WHERRY_E_WORKER_LOST] = "worker process lost",
    [WHERRY_E_LOST] = "lost",
    [WHERRY_E_INTERRUPTED] = "interrupted",
    [WHERRY_E_FORKED] = "handle belongs to the parent process",
    [WHERRY_E_BUSY] = "busy",
    [WHERRY_E_TYPE] = "value has another type",
    [WHERRY_E_EMPTY] = "empty",
    [WHERRY_E_END] = "end",
    [WHERRY_E_NOT_READY] = "not ready",
    [WHERRY_E_NO_FUNCTION] = "no worker offers the function",
    [WHERRY_E_STORE_FULL] = "store is full",
    [WHERRY_E_DRAINING] = "going down",
    [WHERRY_E_SESSION_LOST] = "session lost",
    [WHERRY_E_LIMIT] = "limit reached",
    [WHERRY_E_SYSTEM] = "system call failed",
    [WHERRY_E_RETRY] = "send again",
    [WHERRY_E_RENUMBERED] = "renumbered",
    [WHERRY_E_RESTORING] = "reading its store",
};

static _Thread_local char err_last[ERR_TEXT_SIZE];

const char *wherry_err_text(wherry_err err) {
    size_t index = (size_t)err;
    if (index >= sizeof err_texts / sizeof err_texts[0]) {
        return "unknown error";
    }
    return err_texts[index];
}

/* A program may link both libraries, each with its copy of this file. The dynamic linker then takes
 * one wherry_last_error() for both, so err_set() asks it where the text lies; hence not inline. */
__attribute__((noinline)) const char *wherry_last_error(void) {
    return err_last;
}

wherry_err err_set(wherry_err err, const char *format, ...) {
    /* Through a second buffer: an argument may be the last text itself, told again from outside. */
    char text[ERR_TEXT_SIZE];
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    char *last = (char *)(uintptr_t)wherry_last_error();
    snprintf(last, sizeof err_last, "%s", size < 0 ? wherry_err_text(err) : text);
    return err;
}
