/* SPDX-License-Identifier: MIT
 *
 * Crash handler. It writes and lets the signal have its usual effect (core dump included): the
 * handler is installed with SA_RESETHAND, and raises the signal again. A stack overflow is a crash,
 * too: hence sigaltstack. */
#include "worker/crash.h"

#include <execinfo.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

enum { CRASH_STACK_BYTES = 64 * 1024, CRASH_FRAMES = 14 };

static const int crash_signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};

static void crash_say(const char *text) {
    ssize_t written = write(STDERR_FILENO, text, strlen(text));
    (void)written;
}

static void crash_handle(int number, siginfo_t *info, void *context) {
    (void)info;
    (void)context;
    void *frames[CRASH_FRAMES];
    crash_say("crashed: SIG");
    const char *name = sigabbrev_np(number);
    crash_say(name != NULL ? name : "?");
    crash_say(", at\n");
    int count = backtrace(frames, CRASH_FRAMES);
    if (count > 2) {
        backtrace_symbols_fd(frames + 2, count - 2,
                             STDERR_FILENO); /* without us and the trampoline */
    }
    raise(number);
}

void crash_prepare(void) {
    void *frames[1];
    backtrace(frames, 1);
}

void crash_install(void) {
    static char stack[CRASH_STACK_BYTES]; /* used by one thread, at the end of its process */
    stack_t alternate = {.ss_sp = stack, .ss_size = sizeof stack};
    sigaltstack(&alternate, NULL);
    struct sigaction action = {.sa_sigaction = crash_handle,
                               .sa_flags = SA_SIGINFO | SA_ONSTACK | (int)SA_RESETHAND};
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof crash_signals / sizeof crash_signals[0]; i++) {
        sigaction(crash_signals[i], &action, NULL);
    }
}
