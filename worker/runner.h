/* SPDX-License-Identifier: MIT
 *
 * Runner: from a delivery to a result. Decodes the call, runs the function once, or once an item of
 * a chunk, and packs what came out. */
#ifndef WHERRY_RUNNER_H
#define WHERRY_RUNNER_H

#include "worker/child.h"
#include "worker/registry.h"
#include "worker/task.h"

struct runner { /* private */
    const struct registry *registry;
    const struct registry_entry *last; /* found last */
    struct span host;                  /* borrowed: for failures */
    int64_t pid;
    bool forked; /* in a copy that a function made of its process by fork() */
    struct bytes answer;
    struct wherry_task task;
};

void runner_init(struct runner *runner, const struct registry *registry, struct span host,
                 bool (*cancelled)(void *context, uint32_t number), void *context);
void runner_fini(struct runner *runner);

/* Runs the task; returns its wire_status, and leaves its payload in runner->answer, which the
 * caller may take or read until the next run. */
uint32_t runner_run(struct runner *runner, const struct child_task *delivery);

#endif
