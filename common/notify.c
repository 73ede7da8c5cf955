/* SPDX-License-Identifier: MIT
 *
 * sd_notify by hand; see notify.h. Nobody waits for an answer: a manager that went away must not
 * keep us from working. */
#include "common/notify.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

void notify_send(const char *format, ...) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const char *path = getenv("NOTIFY_SOCKET");
    size_t path_size = path != NULL ? strlen(path) : 0;
    if (path_size < 2 || path_size >= sizeof address.sun_path ||
        (path[0] != '/' && path[0] != '@')) {
        return;
    }
    memcpy(address.sun_path, path, path_size);
    if (path[0] == '@') {
        address.sun_path[0] = '\0'; /* an abstract name */
    }
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || size < 0) {
        return;
    }
    size_t sent_size = (size_t)size < sizeof text ? (size_t)size : sizeof text - 1;
    socklen_t address_size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + path_size);
    sendto(fd, text, sent_size, MSG_NOSIGNAL | MSG_DONTWAIT, (struct sockaddr *)&address,
           address_size);
    close(fd);
}

int64_t notify_watchdog_us(void) {
    const char *interval = getenv("WATCHDOG_USEC");
    const char *pid = getenv("WATCHDOG_PID");
    if (interval == NULL || (pid != NULL && strtol(pid, NULL, 10) != getpid())) {
        return 0;
    }
    return strtoll(interval, NULL, 10) / 2;
}
