/* SPDX-License-Identifier: MIT
 *
 * Built-in functions.
 *
 *     wherry.noop()          nil
 *     wherry.echo(x)         x; of several arguments their list
 *     wherry.sleep(seconds)  nil, after that long; or wherry.sleep(ms=…); ends early when cancelled
 *     wherry.exec(argv)      [exit code, stdout, end of stderr]; only with --allow-exec
 *
 * and what runs the commands of --exec. */
#ifndef WHERRY_BUILTIN_H
#define WHERRY_BUILTIN_H

#include "worker/registry.h"

wherry_err builtin_register(struct registry *registry, bool allow_exec);

/* Runs `command` for this task: arguments as one JSON array on stdin; stdout is the answer, as JSON
 * if it is that, else as a string without its last newline. Exit 75 asks for a retry; anything but
 * 0 fails. */
wherry_err builtin_command(wherry_task *task, char *const *command);

#endif
