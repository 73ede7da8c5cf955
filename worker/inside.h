/* SPDX-License-Identifier: MIT
 *
 * Inside: what code in a worker process may know of where it runs. The client library asks, which
 * is another shared object with another copy of everything else: hence the exported function, and
 * the size in front of what it gives. */
#ifndef WHERRY_INSIDE_H
#define WHERRY_INSIDE_H

#include "worker/child.h"
#include "worker/gate.h"
#include "worker/include/wherry_worker.h"

enum { INSIDE_NAME_SIZE = WIRE_NAME_MAX + 1 };

struct wherry_inside {
    size_t size;
    const char *brokers; /* addresses */
    uint64_t child;      /* this process's session, */
    uint64_t host;       /* and its host's */
    bool process;        /* it is a Process, and called */
    char name[INSIDE_NAME_SIZE];
    char parent[INSIDE_NAME_SIZE]; /* who started it, */
    int64_t parent_pid;
    char parent_host[INSIDE_NAME_SIZE]; /* and where */
    /* The client library's: run when the target of a Process has returned. NULL: not needed. */
    void (*ending)(void);
    const struct child_task *task; /* what runs, or ran last; NULL: nothing yet */
    struct gate_page *gate;
};

/* NULL: this is no worker process. */
WHERRY_API struct wherry_inside *wherry_inside(void);

/* In a worker process, before it runs anything. */
void inside_open(const char *brokers, uint64_t host, uint64_t child, struct gate_page *gate,
                 const struct child_task *task);
/* It is a Process, and this its call. */
void inside_begin(const struct child_task *delivery);
void inside_end(void);
/* False: longer than a name may be. */
bool inside_rename(const char *name);

#endif
