/* SPDX-License-Identifier: MIT
 *
 * One HTTP GET over a plain socket: the answer is read until the server closes. */
#include "tests/support/internal.h"

#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int http_connect(uint16_t port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static size_t http_read(struct sandbox *box, int fd, char *out, size_t capacity) {
    size_t size = 0;
    while (size < capacity) {
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        if (poll(&wait, 1, (int)sandbox_left_ms(box)) <= 0) {
            sandbox_fail(box, "no answer over HTTP before the deadline");
        }
        ssize_t got = read(fd, out + size, capacity - size);
        if (got <= 0) {
            break;
        }
        size += (size_t)got;
    }
    return size;
}

struct http_answer http_get(struct sandbox *box, uint16_t port, const char *path) {
    char request[512];
    if (box->http_body == NULL) {
        box->http_body = malloc(HTTP_BODY_SIZE);
        assert_non_null(box->http_body);
    }
    int fd = http_connect(port);
    if (fd < 0) {
        return (struct http_answer){0, ""};
    }
    int size = snprintf(request, sizeof request,
                        "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", path);
    if (write(fd, request, (size_t)size) != size) {
        close(fd);
        return (struct http_answer){0, ""};
    }
    box->http_body[http_read(box, fd, box->http_body, HTTP_BODY_SIZE - 1)] = '\0';
    close(fd);
    struct http_answer answer = {0, ""};
    const char *end = strstr(box->http_body, "\r\n\r\n");
    if (end != NULL && sscanf(box->http_body, "HTTP/1.1 %d", &answer.status) == 1) {
        answer.body = end + 4;
    }
    return answer;
}

double metric_value(const char *body, const char *name_and_labels) {
    size_t size = strlen(name_and_labels);
    for (const char *line = body; line != NULL; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, name_and_labels, size) == 0 && line[size] == ' ') {
            return strtod(line + size, NULL);
        }
    }
    fail_msg("no metric %s", name_and_labels);
    return 0;
}
