/* SPDX-License-Identifier: MIT
 *
 * Endpoints; see endpoint.h. Names other than "localhost" are not resolved to judge who can reach
 * them: what a name means tomorrow is nobody's promise, so they count as reachable from
 * elsewhere. */
#include "broker/net/endpoint.h"

#include "common/err.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { HOST_SIZE = 256, LOCK_PATH_SIZE = 4096 };

bool endpoint_is_loopback(const char *host) {
    struct in_addr four;
    struct in6_addr six;
    if (strcmp(host, "localhost") == 0) {
        return true;
    }
    if (inet_pton(AF_INET, host, &four) == 1) {
        return ntohl(four.s_addr) >> 24 == 127;
    }
    return inet_pton(AF_INET6, host, &six) == 1 && IN6_IS_ADDR_LOOPBACK(&six);
}

static bool port_read(const char *text, uint16_t *port) {
    char *end = NULL;
    if (strcmp(text, "*") == 0) {
        *port = 0;
        return true;
    }
    unsigned long number = strtoul(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || number > 65535) {
        return false;
    }
    *port = (uint16_t)number;
    return true;
}

bool endpoint_split(const char *address, char *host, size_t host_size, uint16_t *port) {
    const char *colon = strrchr(address, ':');
    if (colon == NULL || !port_read(colon + 1, port)) {
        return false;
    }
    size_t size = (size_t)(colon - address);
    bool brackets = size >= 2 && address[0] == '[' && address[size - 1] == ']';
    if (brackets) {
        address++;
        size -= 2;
    } else if (memchr(address, ':', size) != NULL) {
        return false; /* an IPv6 address needs its brackets */
    }
    if (size == 0 || size >= host_size) {
        return false;
    }
    memcpy(host, address, size);
    host[size] = '\0';
    return true;
}

static wherry_err check_reach(const char *host, bool insecure) {
    if (!insecure && !endpoint_is_loopback(host)) {
        return err_set(WHERRY_E_REFUSED,
                       "other machines could reach it, and nothing protects it; listen on "
                       "127.0.0.1, or say --insecure if the network is trusted");
    }
    return WHERRY_OK;
}

static wherry_err check_ipc(const char *path) {
    if (path[0] != '/') {
        return err_set(WHERRY_E_INVALID, "an ipc endpoint needs an absolute path: ipc:///run/…");
    }
    if (strlen(path) >= sizeof((struct sockaddr_un *)NULL)->sun_path) {
        return err_set(WHERRY_E_INVALID, "the path is longer than the %zu bytes of a socket's name",
                       sizeof((struct sockaddr_un *)NULL)->sun_path - 1);
    }
    return WHERRY_OK;
}

wherry_err endpoint_check(const char *endpoint, bool insecure) {
    char host[HOST_SIZE];
    uint16_t port = 0;
    if (endpoint_ipc_path(endpoint) != NULL) {
        return check_ipc(endpoint_ipc_path(endpoint));
    }
    if (strncmp(endpoint, "tcp://", 6) != 0) {
        return err_set(WHERRY_E_INVALID,
                       "an endpoint is tcp://HOST:PORT or ipc:///PATH, e.g. tcp://127.0.0.1:7380");
    }
    if (!endpoint_split(endpoint + 6, host, sizeof host, &port)) {
        return err_set(WHERRY_E_INVALID, "no port from 0 to 65535, or no host: tcp://HOST:PORT");
    }
    return check_reach(host, insecure);
}

wherry_err endpoint_check_http(const char *address, bool insecure) {
    char host[HOST_SIZE];
    uint16_t port = 0;
    struct in6_addr any;
    if (!endpoint_split(address, host, sizeof host, &port)) {
        return err_set(WHERRY_E_INVALID, "neither ADDR:PORT nor off, e.g. 127.0.0.1:7381");
    }
    if (strcmp(host, "localhost") != 0 && inet_pton(AF_INET, host, &any) != 1 &&
        inet_pton(AF_INET6, host, &any) != 1) {
        return err_set(WHERRY_E_INVALID, "%s is not a numeric address, e.g. 127.0.0.1", host);
    }
    return check_reach(host, insecure);
}

const char *endpoint_ipc_path(const char *endpoint) {
    return strncmp(endpoint, "ipc://", 6) == 0 ? endpoint + 6 : NULL;
}

/* Is the file that we locked still the one that has the name? Its last owner may have removed
 * it. */
static bool lock_is_current(int fd, const char *lock_path) {
    struct stat held;
    struct stat named;
    return fstat(fd, &held) == 0 && stat(lock_path, &named) == 0 && held.st_ino == named.st_ino &&
           held.st_dev == named.st_dev;
}

static wherry_err check_in_the_way(const char *path) {
    struct stat status;
    if (lstat(path, &status) == 0 && !S_ISSOCK(status.st_mode)) {
        return err_set(WHERRY_E_SYSTEM,
                       "%s exists and is no socket; remove it or take another path", path);
    }
    return WHERRY_OK;
}

wherry_err endpoint_lock(const char *path, int *out) {
    char lock_path[LOCK_PATH_SIZE];
    snprintf(lock_path, sizeof lock_path, "%s.lock", path);
    for (;;) {
        int fd = open(lock_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0) {
            return err_set(WHERRY_E_SYSTEM, "%s: %s", lock_path, strerror(errno));
        }
        if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
            close(fd);
            return err_set(WHERRY_E_BUSY, "another broker listens on %s; stop it or take another "
                                          "path", path);
        }
        if (lock_is_current(fd, lock_path)) {
            *out = fd;
            wherry_err err = check_in_the_way(path);
            if (err != WHERRY_OK) {
                endpoint_unlock(path, out);
            }
            return err;
        }
        close(fd);
    }
}

/* libzmq leaves the socket's name behind; it goes first. The lock's name goes while the lock is
 * still held: whoever opened the old file sees that it is not current. */
void endpoint_unlock(const char *path, int *fd) {
    char lock_path[LOCK_PATH_SIZE];
    if (*fd < 0) {
        return;
    }
    snprintf(lock_path, sizeof lock_path, "%s.lock", path);
    struct stat status;
    if (lstat(path, &status) == 0 && S_ISSOCK(status.st_mode)) {
        unlink(path);
    }
    unlink(lock_path);
    close(*fd);
    *fd = -1;
}
