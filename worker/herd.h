/* SPDX-License-Identifier: MIT
 *
 * Herd: the fork server's list of its children: what they say on stderr, how they end, and what
 * they leave behind. */
#ifndef WHERRY_HERD_H
#define WHERRY_HERD_H

#include "common/bounds.h"
#include "worker/post.h"

#include <poll.h>
#include <stdbool.h>
#include <sys/types.h>

enum { HERD_TAIL_BYTES = 2048 }; /* of stderr, kept for the death report */

struct herd_child { /* private */
    pid_t pid;      /* 0: the place is empty */
    int err_fd;
    size_t tail_size;
    char tail[2 * HERD_TAIL_BYTES];
};

struct herd { /* private */
    struct herd_child *children[BOUND_PLACES];
    uint32_t count; /* places ever used */
    bool blocked;   /* our own stderr takes nothing now */
    uint64_t oom_kills;
};

void herd_init(struct herd *herd);
/* In a freshly forked child: closes what belongs to the others. */
void herd_abandon(struct herd *herd);

void herd_add(struct herd *herd, uint32_t place, pid_t pid, int err_fd);
/* To the whole process group, if `pid` still lives in that place; 0: whoever was forked there last.
 */
void herd_signal(struct herd *herd, uint32_t place, pid_t pid, int signal);
void herd_kill_all(struct herd *herd);

/* The pipes to poll, herd->count of them at most; herd_listen() reads those that are ready. */
size_t herd_poll(const struct herd *herd, struct pollfd *items);
void herd_listen(struct herd *herd, const struct pollfd *items, size_t count);
int herd_timeout_ms(const struct herd *herd);

/* Reaps; true: a child ended, and `letter` is the POST_DIED that says how. Call until false. */
bool herd_reap(struct herd *herd, struct post *letter);

#endif
