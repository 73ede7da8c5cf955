/* SPDX-License-Identifier: MIT
 *
 * Post: one letter, one packet; only as much of the text as there is. */
#include "worker/post.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

union post_control { /* aligned room for the descriptors */
    struct cmsghdr head;
    char room[CMSG_SPACE(POST_FDS * sizeof(int))];
};

bool post_send(int socket, const struct post *letter, const int *fds) {
    union post_control control;
    struct iovec part = {(void *)(uintptr_t)letter,
                         offsetof(struct post, text) + letter->text_size};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (fds != NULL) {
        memset(&control, 0, sizeof control);
        message.msg_control = &control;
        message.msg_controllen = sizeof control.room;
        struct cmsghdr *head = CMSG_FIRSTHDR(&message);
        head->cmsg_level = SOL_SOCKET;
        head->cmsg_type = SCM_RIGHTS;
        head->cmsg_len = CMSG_LEN(POST_FDS * sizeof(int));
        memcpy(CMSG_DATA(head), fds, POST_FDS * sizeof(int));
    }
    ssize_t size;
    do {
        size = sendmsg(socket, &message, MSG_NOSIGNAL);
    } while (size < 0 && errno == EINTR);
    return size == (ssize_t)part.iov_len;
}

enum post_sent post_try(int socket, const struct post *letter) {
    size_t size = offsetof(struct post, text) + letter->text_size;
    ssize_t sent;
    do {
        sent = send(socket, letter, size, MSG_NOSIGNAL | MSG_DONTWAIT);
    } while (sent < 0 && errno == EINTR);
    if (sent < 0 && (errno == EAGAIN || errno == ENOBUFS)) {
        return POST_FULL;
    }
    return sent == (ssize_t)size ? POST_SENT : POST_GONE;
}

bool post_receive(int socket, struct post *letter, int fds[POST_FDS]) {
    union post_control control;
    struct iovec part = {letter, sizeof *letter};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof control.room};
    for (int i = 0; i < POST_FDS; i++) {
        fds[i] = -1;
    }
    ssize_t size;
    do {
        size = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
    } while (size < 0 && errno == EINTR);
    struct cmsghdr *head = size > 0 ? CMSG_FIRSTHDR(&message) : NULL;
    if (head != NULL && head->cmsg_type == SCM_RIGHTS &&
        head->cmsg_len == CMSG_LEN(POST_FDS * sizeof(int))) {
        memcpy(fds, CMSG_DATA(head), POST_FDS * sizeof(int));
    }
    return size >= (ssize_t)offsetof(struct post, text) &&
           (size_t)size == offsetof(struct post, text) + letter->text_size;
}
