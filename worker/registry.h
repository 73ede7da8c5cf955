/* SPDX-License-Identifier: MIT
 *
 * Registry: which functions a worker offers, by name. Filled before any child is forked, then only
 * read.
 *
 * Four sources: built in (wherry.*), the table of the program itself, plugins, outside commands. */
#ifndef WHERRY_REGISTRY_H
#define WHERRY_REGISTRY_H

#include "common/bytes.h"
#include "worker/include/wherry_worker.h"

struct registry_entry {
    struct span name;        /* borrowed from the table, plugin or command line */
    wherry_function_run run; /* NULL: an outside command */
    char **command;          /* its words; owned */
    const char *source;      /* for messages: "built in", a plugin's path, "--exec"; borrowed */
};

struct registry { /* private but for reading */
    struct registry_entry *entries;
    uint32_t count;
    uint32_t capacity;
    void **plugins; /* handles of dlopen: never closed, functions may have left threads behind */
    uint32_t plugin_count;
};

void registry_init(struct registry *registry);
void registry_fini(struct registry *registry);

/* Each returns OK, or INVALID or LIMIT with a line in wherry_last_error() that names the cause. */
wherry_err registry_add(struct registry *registry, struct span name, wherry_function_run run,
                        const char *source);
wherry_err registry_add_table(struct registry *registry, const wherry_function_table *table,
                              const char *source);
/* "NAME=COMMAND" */
wherry_err registry_add_command(struct registry *registry, const char *text);
/* Loads a shared object and takes its table. */
wherry_err registry_add_plugin(struct registry *registry, const char *path);

const struct registry_entry *registry_find(const struct registry *registry, struct span name);

#endif
