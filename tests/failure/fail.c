/* SPDX-License-Identifier: MIT
 *
 * The calls; see fail.h. */
#include "tests/failure/fail.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

const char *const fail_names[FAIL_KINDS] = {"memory", "write", "sync", "name", "send"};

static atomic_int failing = -1;
static atomic_uint_fast64_t calls;
static uint64_t failing_k;

void fail_begin(enum fail_kind kind, uint64_t k) {
    failing_k = k;
    atomic_store(&calls, 0);
    atomic_store(&failing, (int)kind);
}

static int paused_kind = -1;

void fail_pause(void) {
    paused_kind = atomic_exchange(&failing, -1);
}

void fail_resume(void) {
    atomic_store(&failing, paused_kind);
}

uint64_t fail_end(void) {
    atomic_store(&failing, -1);
    return atomic_load(&calls);
}

static bool fails(enum fail_kind kind) {
    return atomic_load_explicit(&failing, memory_order_relaxed) == (int)kind &&
           atomic_fetch_add(&calls, 1) + 1 == failing_k;
}

static long refuse(int error) {
    errno = error;
    return -1;
}

/* ---- memory ---------------------------------------------------------------------------------- */

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);

void *__wrap_malloc(size_t size) {
    return fails(FAIL_MEMORY) ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size) {
    return fails(FAIL_MEMORY) ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size) {
    return fails(FAIL_MEMORY) ? NULL : __real_realloc(old, size);
}

/* ---- the system ------------------------------------------------------------------------------ */

#define SEEN __attribute__((visibility("default")))

static int write_error(void) {
    return failing_k % 2 == 0 ? ENOSPC : EIO;
}

SEEN ssize_t write(int fd, const void *data, size_t size) {
    bool is_event = size == 8; /* an eventfd's: never fails where there is one */
    return !is_event && fails(FAIL_WRITE) ? refuse(write_error())
                                          : syscall(SYS_write, fd, data, size);
}

SEEN ssize_t pwrite(int fd, const void *data, size_t size, off_t at) {
    return fails(FAIL_WRITE) ? refuse(write_error()) : syscall(SYS_pwrite64, fd, data, size, at);
}

SEEN ssize_t writev(int fd, const struct iovec *parts, int count) {
    return fails(FAIL_WRITE) ? refuse(write_error()) : syscall(SYS_writev, fd, parts, count);
}

SEEN int fallocate(int fd, int mode, off_t from, off_t size) {
    return (int)(fails(FAIL_WRITE) ? refuse(ENOSPC) : syscall(SYS_fallocate, fd, mode, from, size));
}

SEEN int fsync(int fd) {
    return (int)(fails(FAIL_SYNC) ? refuse(EIO) : syscall(SYS_fsync, fd));
}

SEEN int fdatasync(int fd) {
    return (int)(fails(FAIL_SYNC) ? refuse(EIO) : syscall(SYS_fdatasync, fd));
}

static int open_at(int folder, const char *path, int flags, mode_t mode) {
    bool writes = (flags & O_ACCMODE) != O_RDONLY;
    return (int)(writes && fails(FAIL_NAME) ? refuse(EACCES)
                                            : syscall(SYS_openat, folder, path, flags, mode));
}

static mode_t mode_of(int flags, va_list list) {
    return (flags & O_CREAT) != 0 ? va_arg(list, mode_t) : 0;
}

SEEN int open(const char *path, int flags, ...) {
    va_list list;
    va_start(list, flags);
    mode_t mode = mode_of(flags, list);
    va_end(list);
    return open_at(AT_FDCWD, path, flags, mode);
}

SEEN int openat(int folder, const char *path, int flags, ...) {
    va_list list;
    va_start(list, flags);
    mode_t mode = mode_of(flags, list);
    va_end(list);
    return open_at(folder, path, flags, mode);
}

SEEN int renameat(int from_folder, const char *from, int to_folder, const char *to) {
    return (int)(fails(FAIL_NAME) ? refuse(EACCES)
                                  : syscall(SYS_renameat2, from_folder, from, to_folder, to, 0));
}

SEEN int renameat2(int from_folder, const char *from, int to_folder, const char *to,
                   unsigned flags) {
    return (int)(fails(FAIL_NAME)
                     ? refuse(EACCES)
                     : syscall(SYS_renameat2, from_folder, from, to_folder, to, flags));
}

SEEN int linkat(int from_folder, const char *from, int to_folder, const char *to, int flags) {
    return (int)(fails(FAIL_NAME) ? refuse(EACCES)
                                  : syscall(SYS_linkat, from_folder, from, to_folder, to, flags));
}

SEEN int unlinkat(int folder, const char *path, int flags) {
    return (int)(fails(FAIL_NAME) ? refuse(EACCES) : syscall(SYS_unlinkat, folder, path, flags));
}

SEEN ssize_t send(int fd, const void *data, size_t size, int flags) {
    return fails(FAIL_SEND) ? refuse(ECONNRESET)
                            : syscall(SYS_sendto, fd, data, size, flags, NULL, 0);
}

SEEN ssize_t sendmsg(int fd, const struct msghdr *message, int flags) {
    return fails(FAIL_SEND) ? refuse(ECONNRESET) : syscall(SYS_sendmsg, fd, message, flags);
}
