/* SPDX-License-Identifier: MIT
 *
 * Fork server: a process without threads and without ZeroMQ, from which worker processes are
 * forked.
 *
 *     supervisor ──> fork server ──> child, child, child …
 *
 * It loads the plugins once, so that children share their pages; forks a child when the supervisor
 * asks; passes on what children write to stderr and keeps the end of it; reaps them and tells the
 * supervisor how each of them ended; kills what a dead child left behind. It ends with the
 * supervisor, and the children with it. */
#ifndef WHERRY_FORKSERVER_H
#define WHERRY_FORKSERVER_H

#include "worker/settings.h"

/* In the forked process; `socket`: letters (post.h); parent: the supervisor. */
_Noreturn void forkserver_run(int socket, const struct settings *settings, int parent);

#endif
