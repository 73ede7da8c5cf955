/* SPDX-License-Identifier: MIT
 *
 * The inside of local:, shared by the program's side (local.c) and the keeper (local_keeper.c).
 *
 * Both speak over a SOCK_SEQPACKET pair; the end of it is the end of the house:
 *
 *     program ──order──> keeper
 *     program <──report── keeper       the house is ready, or why it is not
 *     program ──pool's name──> keeper  workers for another pool are wanted */
#ifndef WHERRY_CLIENT_LOCAL_INSIDE_H
#define WHERRY_CLIENT_LOCAL_INSIDE_H

#include "common/wire/wire.h"

#include <limits.h>

struct wherry_function_table;

enum {
    LOCAL_ENDPOINT_SIZE = 128,
    LOCAL_TEXT_SIZE = 512,
    LOCAL_SOCKET_FD = 3, /* in the re-executed copy */
    LOCAL_PROGRAM_FD = 4,
};

/* The one argument of the re-executed copy. */
#define LOCAL_WORD "--wherry-local"

struct local_order {
    uint32_t size; /* sizeof: both are the same library */
    uint32_t processes;
    char broker[PATH_MAX]; /* the program's path */
};

struct local_report {
    wherry_err err;
    char endpoint[LOCAL_ENDPOINT_SIZE];
    char text[LOCAL_TEXT_SIZE];
};

/* In a process of its own without other threads. `socket`: to the program; `program`: its pidfd. */
_Noreturn void keeper_run(int socket, int program, const struct wherry_function_table *functions);

/* Inside a house (keeper, workers): its endpoint, which local: means there; else "". */
extern char local_inside[LOCAL_ENDPOINT_SIZE];

#endif
