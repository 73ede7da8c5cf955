/* SPDX-License-Identifier: MIT
 *
 * The guard of accept4(); see accept.h. libzmq and libmicrohttpd call this program's accept4(),
 * because a program's own symbols come before those of its libraries. */
#include "broker/net/accept.h"

#include "common/clock.h"
#include "common/log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { TELL_US = 10000000 };

static pthread_mutex_t kept_lock = PTHREAD_MUTEX_INITIALIZER;
static int kept = -1;   /* under the lock */
static int64_t told_us; /* under the lock */
static atomic_uint_fast64_t refused;

void accept_guard(void) {
    pthread_mutex_lock(&kept_lock);
    if (kept < 0) {
        kept = open("/dev/null", O_RDONLY | O_CLOEXEC);
    }
    pthread_mutex_unlock(&kept_lock);
}

uint64_t accept_refused(void) {
    return atomic_load(&refused);
}

/* Under the lock. */
static void refusal_tell(void) {
    int64_t now_us = clock_mono_us();
    if (told_us == 0 || now_us - told_us >= TELL_US) {
        told_us = now_us;
        log_event(LOG_WARN,
                  "no file descriptor is left: connections are closed; raise the limit "
                  "(ulimit -n, LimitNOFILE=)",
                  log_number("closed_in_all", (int64_t)atomic_load(&refused)));
    }
}

/* ECONNABORTED, as if the peer had gone: both listeners go on. */
static void connection_refuse(int listener, int flags) {
    pthread_mutex_lock(&kept_lock);
    if (kept >= 0) {
        close(kept);
        long fd = syscall(SYS_accept4, listener, NULL, NULL, flags);
        if (fd >= 0) {
            close((int)fd);
            atomic_fetch_add(&refused, 1);
        }
        kept = open("/dev/null", O_RDONLY | O_CLOEXEC);
        refusal_tell();
    }
    pthread_mutex_unlock(&kept_lock);
    errno = ECONNABORTED;
}

/* The type of the address is glibc's union of pointers. */
__attribute__((visibility("default"))) int accept4(int listener, __SOCKADDR_ARG address,
                                                   socklen_t *restrict size, int flags) {
    int fd = (int)syscall(SYS_accept4, listener, address.__sockaddr__, size, flags);
    if (fd < 0 && (errno == EMFILE || errno == ENFILE)) {
        connection_refuse(listener, flags);
    }
    return fd;
}
