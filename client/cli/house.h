/* SPDX-License-Identifier: MIT
 *
 * House: a private broker and its workers for the length of one benchmark.
 *
 * The programs are those that lie beside this one. Their logs go to memory, their endpoint is a
 * free port of the loopback or a socket in a private folder, and they end with this process,
 * however it ends. */
#ifndef CLI_HOUSE_H
#define CLI_HOUSE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct house {
    pid_t broker; /* 0: none */
    pid_t worker;
    char endpoint[128];
    char folder[64]; /* "": none */
};

/* Starts a broker with a memory store and waits until it is ready. 0, or an exit code after one
 * line on stderr; house_close() in both cases. */
int house_open(struct house *house, bool ipc);
/* Starts workers and waits until they are ready. */
int house_work(struct house *house, int64_t processes);
void house_close(struct house *house);

#endif
