/* SPDX-License-Identifier: MIT
 *
 * One line on stderr that shows how far a map has come; nothing at all when stderr is no terminal
 * or a dumb one. It is wiped before anything else is printed and drawn again after it.
 *
 *     412/1000 [#########------------]  41 %  120/s  ETA 5s  4 workers  1 failed  2 retried */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
    bool on;
    bool color; /* not with NO_COLOR */
    bool drawn;
    int64_t start_us;
    int64_t next_us;
};

struct progress_state {
    int64_t finished;
    int64_t skipped; /* done in an earlier run; not part of the rate */
    int64_t total;   /* -1: not known yet */
    int64_t workers;
    int64_t failed;
    int64_t retried;
};

enum { PROGRESS_EVERY_US = 200000 };

void progress_init(struct progress *progress, int64_t now_us);
/* Draws when it is time to, or at once. */
void progress_draw(struct progress *progress, const struct progress_state *state, int64_t now_us);
void progress_wipe(struct progress *progress);
/* The last state stays, on a line of its own. */
void progress_end(struct progress *progress, const struct progress_state *state, int64_t now_us);

#endif
