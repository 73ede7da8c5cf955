/* SPDX-License-Identifier: MIT
 *
 * What the command line of wherry-broker and its configuration file say, checked: after FLAGS_GO
 * everything is well formed, and what remains can only fail on the machine (taken ports, no
 * memory). */
#ifndef WHERRY_BROKER_OPTIONS_H
#define WHERRY_BROKER_OPTIONS_H

#include "common/bytes.h"
#include "common/capacity.h"
#include "common/flags.h"

#include <limits.h>

enum { OPTIONS_LISTEN_MAX = 64, OPTIONS_QUEUES_MAX = 1024 };

struct options_queue {
    struct span name;
    struct capacity bounds;
};

struct options {
    struct flags flags; /* what the texts below borrow */
    const char *listen[OPTIONS_LISTEN_MAX];
    size_t listen_count;
    const char *http; /* NULL: off */
    const char *store; /* NULL: neither told, nor a place for it in the environment */
    char home[PATH_MAX];
    const char *backup; /* NULL: serve, … */
    const char *check;  /* … or look at a store, … */
    const char *salvage; /* … or mend one */
    uint64_t memory_limit_bytes;
    int64_t grace_ms;
    struct options_queue queues[OPTIONS_QUEUES_MAX];
    size_t queue_count;
};

/* FLAGS_SHOWN and FLAGS_WRONG: as flags_parse; everything was printed. */
enum flags_outcome options_parse(struct options *options, int argc, char **argv);
void options_fini(struct options *options);

#endif
