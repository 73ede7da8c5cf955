/* SPDX-License-Identifier: MIT
 *
 * The guard; see guard.h. A handler may do little: it compares, writes and leaves. The jump does
 * not save the signal mask, which would be a system call a record; SA_NODEFER leaves the mask as
 * it is. */
#include "broker/store/lmdb/guard.h"

#include "broker/store/lmdb/format.h"
#include "common/check.h"

#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { LINE_SIZE = 512 };

static const int guarded[] = {SIGSEGV, SIGBUS};

enum { GUARDED = sizeof guarded / sizeof *guarded };

static struct {
    volatile sig_atomic_t on;
    volatile sig_atomic_t may_jump;
    long thread;
    const char *folder;
    uint8_t last[RECORD_KEY_SIZE];
    sigjmp_buf back;
    struct sigaction before[GUARDED];
} guard;

static void actions_restore(void) {
    for (size_t i = 0; i < GUARDED; i++) {
        sigaction(guarded[i], &guard.before[i], NULL);
    }
}

static void line_add(char *line, const char *text) {
    size_t at = strlen(line);
    for (; *text != '\0' && at < LINE_SIZE - 1; text++, at++) {
        line[at] = *text;
    }
    line[at] = '\0';
}

static void guard_say(void) {
    char line[LINE_SIZE] = "wherry-broker: the store in ";
    char name[FORMAT_KEY_TEXT] = "none";
    if (guard.last[0] != 0) {
        format_key_text(guard.last, name, sizeof name);
    }
    line_add(line, guard.folder);
    line_add(line, " is damaged: a page of it cannot be read (last good record: ");
    line_add(line, name);
    line_add(line, "); wherry-broker --check names what is wrong\n");
    ssize_t written = write(STDERR_FILENO, line, strlen(line));
    (void)written; /* there is nobody left to tell */
}

static bool guard_is_mine(void) {
    return guard.on && syscall(SYS_gettid) == guard.thread;
}

_Noreturn static void guard_leave(void) {
    if (guard.may_jump) {
        siglongjmp(guard.back, 1);
    }
    guard_say();
    _exit(GUARD_EXIT);
}

static void guard_caught(int number) {
    (void)number;
    if (guard_is_mine()) {
        guard_leave();
    }
    actions_restore(); /* it happens again */
}

void guard_asserted(MDB_env *env, const char *what) {
    (void)env;
    (void)what;
    if (guard_is_mine()) {
        guard_leave();
    }
}

void guard_begin(const char *folder) {
    struct sigaction action = {.sa_handler = guard_caught, .sa_flags = SA_NODEFER};
    CHECK(!guard.on);
    guard.thread = syscall(SYS_gettid);
    guard.folder = folder;
    guard.may_jump = false;
    memset(guard.last, 0, sizeof guard.last);
    for (size_t i = 0; i < GUARDED; i++) {
        sigaction(guarded[i], &action, &guard.before[i]);
    }
    guard.on = true;
}

void guard_end(void) {
    if (guard.on) {
        guard.on = false;
        actions_restore();
    }
}

void guard_passed(const uint8_t *key) {
    memcpy(guard.last, key, sizeof guard.last);
}

int guard_call(int (*step)(void *context), void *context) {
    if (sigsetjmp(guard.back, 0) != 0) {
        guard.may_jump = false;
        return MDB_CORRUPTED;
    }
    guard.may_jump = true;
    int rc = step(context);
    guard.may_jump = false;
    return rc;
}
