/* SPDX-License-Identifier: MIT
 *
 * House: a private broker and its workers for the length of one command.
 *
 * The programs are those that lie beside this one. Their logs go to memory or into a folder, their
 * endpoint is a free port of the loopback or a socket in a private folder, and they end with this
 * process, however it ends. */
#ifndef CLI_HOUSE_H
#define CLI_HOUSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { HOUSE_ARGUMENTS_MAX = 256 };

struct house {
    const char *verb;                      /* for what goes wrong: "bench" */
    const char *store;                     /* the broker's; NULL: memory: */
    const char *logs;                      /* the folder of NAME.log; NULL: in memory */
    const char *more[HOUSE_ARGUMENTS_MAX]; /* further arguments of the worker */
    size_t more_count;
    pid_t broker; /* 0: none */
    pid_t worker;
    char endpoint[128];
    char folder[64]; /* "": none */
};

/* Starts a broker with `store` and waits until it is ready. 0, or an exit code after one
 * line on stderr; house_close() in both cases. */
int house_open(struct house *house, bool ipc);
/* The same at `endpoint`, with `verb` and `logs` as they are. */
int house_listen(struct house *house);
/* Starts workers (0: as many as CPUs) and waits until they are ready. */
int house_work(struct house *house, int64_t processes);
void house_close(struct house *house);

/* The path of a program that is installed beside this one; false: it is not. */
bool house_program(const char *name, char *out, size_t size);

#endif
