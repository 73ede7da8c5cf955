/* SPDX-License-Identifier: MIT
 *
 * The job log of `wherry map`: what became of each item, for people and for --resume.
 *
 *     #wherry-joblog 1 <tab> what is run
 *     number  id  started  seconds  state  exit  item        (tabs between them)
 *
 * In texts \t, \n and \\ stand for tab, line end and backslash. Each line is one write, after the
 * item's output has left; a torn last line is cut off when the log is taken up again. The log is
 * locked while it is written. */
#ifndef CLI_JOBLOG_H
#define CLI_JOBLOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JOBLOG_STATE_SENT "sent"

enum { JOBLOG_ID_SIZE = 32 };

struct joblog_entry {
    char *item; /* NULL: no line */
    bool done;
    char id[JOBLOG_ID_SIZE]; /* handed out, and nothing known of its end; "": not so */
};

struct joblog {
    int fd; /* -1: none is kept */
    const char *path;
    struct joblog_entry *entries; /* of the run before, by number − 1 */
    size_t count;
};

struct joblog_line {
    uint64_t number;
    const char *id; /* "": never submitted */
    int64_t start_ms;
    int64_t took_ms;
    const char *state; /* "sent" when it is handed out; later "done", "failed", "cancelled" */
    int64_t exit;
    const char *item;
};

enum joblog_answer { JOBLOG_TODO, JOBLOG_SENT, JOBLOG_DONE, JOBLOG_OTHER };

/* An exit code, after one line on stderr if it is not 0. title: what is run; a log of something
 * else is refused, as is one that is there without `resume`. */
int joblog_open(struct joblog *log, const char *path, bool resume, const char *title);
/* What the log knows of this item; OTHER: it had another item at this number; SENT: with this id.
 */
enum joblog_answer joblog_look(const struct joblog *log, uint64_t number, const char *item,
                               const char **id);
/* False after one line on stderr. */
bool joblog_write(struct joblog *log, const struct joblog_line *line);
void joblog_close(struct joblog *log);

#endif
