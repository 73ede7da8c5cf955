/* SPDX-License-Identifier: MIT
 *
 * `wherry map` inside: a window of submitted items, at most as many as keep all workers busy.
 *
 *     items ─▶ job ─▶ submitted ─▶ its callback (library's thread) puts it on `ready`, wakes us
 *                        └──────── main thread: prints its outcome, writes the log, frees it
 *
 * Everything but `ready` belongs to the main thread, which waits in one place: for input, for
 * outcomes, for a signal. */
#ifndef CLI_MAP_H
#define CLI_MAP_H

#include "client/cli/cli.h"
#include "client/cli/items.h"
#include "client/cli/joblog.h"
#include "client/cli/progress.h"

#include <pthread.h>

enum map_halt { HALT_NEVER, HALT_SOON, HALT_NOW };

struct map_job {
    struct map *map;
    uint64_t number; /* of the item, from 1 */
    char *item;
    wherry_async *async;
    int64_t start_ms; /* on the wall */
    int64_t start_us;
    bool attached;        /* of a run before; not ready yet */
    bool finished;        /* its outcome is known; main thread only */
    struct map_job *next; /* in the window, in the items' order */
    struct map_job *prev;
    struct map_job *ready_next; /* guarded by map.lock until taken */
};

struct map {
    const struct flags *flags;
    const char *function; /* "wherry.exec" for commands */
    char **command;       /* NULL: items are arguments of the function */
    size_t command_count;
    bool keep_order;
    enum map_halt halt;
    struct items items;
    struct joblog log;
    struct progress progress;
    struct progress_state state;
    wherry_connection *connection;
    wherry_pool *pool;
    struct map_job *window;
    size_t window_count;
    size_t window_max;
    size_t attached_count;
    bool input_ended;
    bool stopped;           /* by the first Ctrl-C: no more items */
    bool cancelled;         /* by a signal, --halt now, or what cannot go on */
    int code;               /* the exit code so far */
    int signal;             /* that ended it; 0: none */
    int64_t retries_before; /* what the broker had counted when we began; −1: not asked yet */
    int64_t asked_us;       /* when workers and retries were asked for last */
    int64_t quiet_us;       /* since when nothing has finished */
    char *why;              /* what was said about that */
    pthread_mutex_t lock;
    struct map_job *ready; /* guarded by lock: newest first */
    int wake;              /* eventfd */
};

/* The call of one item; NULL after one line on stderr: it cannot be sent. */
wherry_value *map_arguments(const struct map *map, const char *item);

/* The outcome of a job: prints, counts, logs. */
void map_outcome(struct map *map, struct map_job *job);
/* An item that could not be submitted. */
void map_unsent(struct map *map, uint64_t number, const char *item);

/* The log learns that it is out. */
void map_sent(struct map *map, const struct map_job *job);

/* Submits items up to the window's size, as far as there are any. */
void map_window_fill(struct map *map);
/* Jobs of a run before whose outcome is there; what the broker does not know is submitted. */
void map_attached_look(struct map *map);
void map_job_free(struct map_job *job);
bool map_interrupted(void);

/* Runs it to its end; the connection and pool are open. */
int map_loop(struct map *map);
/* No more items; what is unfinished is cancelled. The first `code` other than 0 stays. */
void map_cancel(struct map *map, int code);

#endif
