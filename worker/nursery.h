/* SPDX-License-Identifier: MIT
 *
 * Nursery: the supervisor's side of its places: page, eventfd and process of each child; when a
 * place is filled again.
 *
 *     EMPTY ──nursery_fill: FORK sent──> ASKED ──FORKED──> ALIVE ──DIED──> DEAD
 *       ^                                                                  │
 *       └──────────────────────────── nursery_free <──────────────────────┘
 *
 * A child that dies before it started any task, within its first second, makes its place wait: 0.1
 * s, doubled each time, up to 10 s. Places for Processes stand behind the others; each is filled
 * once, when it is wanted. */
#ifndef WHERRY_NURSERY_H
#define WHERRY_NURSERY_H

#include "worker/gate.h"
#include "worker/host.h"
#include "worker/post.h"

enum nursery_kind { NURSERY_EMPTY, NURSERY_ASKED, NURSERY_ALIVE, NURSERY_DEAD };

struct nursery_place { /* private */
    enum nursery_kind kind;
    struct gate_page *gate; /* mapped while not EMPTY */
    int event_fd;
    int64_t pid;
    int64_t started_at_us;
    int64_t fill_at_us; /* EMPTY */
    uint32_t started;   /* number at the child's start */
    uint32_t early;     /* deaths in a row without any task */
    bool wanted;        /* behind the pool's places: a Process waits for a child here */
};

struct nursery {       /* private */
    struct host *host; /* borrowed */
    uint64_t host_session;
    int post;
    struct nursery_place *places;
    uint32_t pool; /* the first so many places are always filled */
    uint32_t count;
};

/* `pool` places that are kept filled, and `further` ones that are filled when that is wanted. */
void nursery_init(struct nursery *nursery, struct host *host, uint64_t host_session, int post,
                  uint32_t pool, uint32_t further);
void nursery_fini(struct nursery *nursery);

/* A Process waits for a child in this place. */
void nursery_want(struct nursery *nursery, uint32_t place, int64_t now_us);
/* Asks for a child in every empty place whose time has come. */
void nursery_fill(struct nursery *nursery, int64_t now_us);
int64_t nursery_next_wake(const struct nursery *nursery);
/* Of the pool. */
uint32_t nursery_alive(const struct nursery *nursery);

void nursery_forked(struct nursery *nursery, const struct post *letter, int64_t now_us);
void nursery_died(struct nursery *nursery, const struct post *letter, int64_t now_us);
/* The broker has acknowledged the death: the page may go. */
void nursery_free(struct nursery *nursery, uint32_t place, int64_t now_us);

void nursery_wake(struct nursery *nursery, uint32_t place);
void nursery_signal(struct nursery *nursery, uint32_t place, int64_t pid, int signal);

#endif
