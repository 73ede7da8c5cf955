/* SPDX-License-Identifier: MIT
 *
 * The configuration file: the same settings as the flags, by the same table.
 *
 *     # comment
 *     memory-limit = 2G
 *     insecure = true
 *     listen = {"tcp://127.0.0.1:7380", "ipc:///run/wherry/broker"}
 *     queue = "mail:max=10000"          # may stand again for another queue
 *     queue = "video:max=50,bytes=2G"
 *
 * Read by libconfuse. All that is wrong is named, not only the first: FILE:LINE, the name, the
 * cause, and the nearest right name. */
#ifndef WHERRY_BROKER_CONFIG_H
#define WHERRY_BROKER_CONFIG_H

#include "common/flags.h"

/* Called inside flags_program.more: puts what `path` says for flags that were not given; hidden
 * flags and the first `skipped` of the table are no settings. WRONG: everything wrong stands on
 * stderr, a line each. */
enum flags_outcome config_read(struct flags *flags, size_t skipped, const char *path);

/* A file with every setting, its text and its default, each commented out. */
void config_print_example(const struct flags_program *program, size_t skipped);

#endif
