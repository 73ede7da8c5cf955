/* SPDX-License-Identifier: MIT
 *
 * Functions for wherry's workers: what the author of a task function includes.
 *
 *     #include <wherry_worker.h>
 *
 *     static wherry_err add(wherry_task *task)
 *     {
 *         int64_t a, b;
 *         wherry_err err = wherry_task_read(task, "ii", &a, &b);
 *         return err ? err : wherry_task_return(task, "i", a + b);
 *     }
 *     WHERRY_PLUGIN({"add", add, "add(a, b): their sum"});
 *
 *     cc -shared -fPIC -o sums.so sums.c $(pkg-config --cflags --libs wherry-worker)
 *     wherry-worker ./sums.so              # offers "add" to the broker
 *
 * A function gets one task and answers one value, or fails. It runs on the main thread of a worker
 * process, one task at a time; the process is used again and again, so what a function leaves
 * behind (globals, open files) the next task finds. A function that crashes takes its process with
 * it: the process is replaced, the task is tried again, and after its third crash it fails with the
 * cause.
 *
 * Life of a task in its process:
 *
 *     delivered ──> running ──> returned | failed | retry asked
 *                      └─────> process killed, crashed or exited: reported by the supervisor
 *
 * Threads   a wherry_task belongs to the thread that runs the function; wherry_task_cancelled(),
 *           wherry_task_id() and wherry_task_attempt() may be called from others while it runs.
 * Borrowed  whatever is read from a task (strings, bytes, values) lives until its function returns.
 * Chunks    a map sends several items at once; the function is called once an item and never sees
 *           it. */
#ifndef WHERRY_WORKER_H
#define WHERRY_WORKER_H

#include "wherry_base.h"

#ifdef __cplusplus
#define WHERRY_EXTERN_C extern "C"
extern "C" {
#else
#define WHERRY_EXTERN_C extern
#endif

typedef struct wherry_task wherry_task;

/* The function itself. Returns WHERRY_OK when it is done (without a return value: nil); anything
 * else fails the task with the text of wherry_task_fail(), or else with wherry_last_error() of what
 * it called. `return wherry_task_fail(task, "…")` is the usual form. */
typedef wherry_err (*wherry_function_run)(wherry_task *task);

/* ---- arguments ------------------------------------------------------------------------------ */

/* Read the positional arguments: exactly as many as the picture has items ("is": an integer and a
 * string; letters: wherry_base.h). On failure nothing was written.
 * Returns OK, TYPE (count or kind differs; wherry_last_error() says which), INVALID (bad
 * picture). */
WHERRY_API wherry_err wherry_task_read(wherry_task *task, const char *picture, ...);

/* Read one keyword argument by a picture of one item: wherry_task_kwarg(task, "scale", "d",
 * &scale).
 * Returns OK; EMPTY (not given: the variables keep their defaults, no failure is
 * recorded); TYPE; INVALID. */
WHERRY_API wherry_err wherry_task_kwarg(wherry_task *task, const char *name, const char *picture,
                                        ...);

/* All positional arguments as a list, all keyword arguments as a map. Borrowed: do not release.
 * NULL only without memory. */
WHERRY_API const wherry_value *wherry_task_args(wherry_task *task);
WHERRY_API const wherry_value *wherry_task_kwargs(wherry_task *task);

/* ---- the answer ----------------------------------------------------------------------------- */

/* Set the answer; the last one set before the function returns is taken. What is passed is copied.
 * Return OK, or INVALID, TYPE, TOO_LARGE (above 64 MiB), NO_MEMORY: the answer is as it was. */
WHERRY_API wherry_err wherry_task_return(wherry_task *task, const char *picture, ...);
WHERRY_API wherry_err wherry_task_return_value(wherry_task *task, const wherry_value *value);
/* `data` must hold exactly one MessagePack value. */
WHERRY_API wherry_err wherry_task_return_msgpack(wherry_task *task, const void *data, size_t size);

/* Fail with a text of printf's form, cut at 8 KiB. Returns WHERRY_E_TASK_FAILED, to be returned. */
WHERRY_API wherry_err wherry_task_fail(wherry_task *task, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Ask for another attempt after `delay_ms` (0: the broker's rule: 1, 2, 4 … 60 s); after ten of
 * them the task fails with `text` (NULL: none). Returns WHERRY_E_RETRY, to be returned; INVALID for
 * a negative delay, which fails the task. */
WHERRY_API wherry_err wherry_task_retry(wherry_task *task, int64_t delay_ms, const char *text);

/* ---- about the task ------------------------------------------------------------------------- */

/* True once somebody cancelled this task, its lease was lost, or its worker has no time left. A
 * long function should look now and then, clean up and return: one that has looked is given some
 * seconds for that (2 to 5), one that never looks is ended by SIGTERM at once. Cheap: one load. */
WHERRY_API bool wherry_task_cancelled(const wherry_task *task);

/* The task's id in text form, 26 characters. */
WHERRY_API const char *wherry_task_id(const wherry_task *task);

/* The fencing token of this attempt: every later attempt of the same task has a higher (epoch,
 * counter). Give it to outside systems that should refuse a stale attempt. NULL is allowed. */
WHERRY_API void wherry_task_attempt(const wherry_task *task, uint64_t *epoch, uint64_t *counter);

/* The names that the submitter used. */
WHERRY_API const char *wherry_task_function(const wherry_task *task);
WHERRY_API const char *wherry_task_queue(const wherry_task *task);

/* ---- offering functions --------------------------------------------------------------------- */

typedef struct wherry_function {
    const char *name; /* 1–128 of A-Za-z0-9._{}-; what submitters call it; "wherry." is reserved */
    wherry_function_run run;
    const char *help; /* one line for people, or NULL */
} wherry_function;

enum { WHERRY_FUNCTION_TABLE_VERSION = 1 };

typedef struct wherry_function_table {
    uint32_t version; /* WHERRY_FUNCTION_TABLE_VERSION */
    uint32_t count;
    const wherry_function *functions;
} wherry_function_table;

/* A plugin: a shared object with one table, named wherry_plugin. Loaded once, before worker
 * processes are forked. One that does not load, lacks the table or repeats a name ends
 * wherry-worker with exit code 2 and one line that says so. */
#define WHERRY_PLUGIN(...)                                                                         \
    WHERRY_EXTERN_C WHERRY_API const wherry_function_table wherry_plugin;                          \
    static const wherry_function wherry_plugin_functions[] = {__VA_ARGS__};                        \
    const wherry_function_table wherry_plugin = {WHERRY_FUNCTION_TABLE_VERSION,                    \
                                                 sizeof(wherry_plugin_functions) /                 \
                                                     sizeof(wherry_plugin_functions[0]),           \
                                                 wherry_plugin_functions}

/* A program that is a worker: the whole of wherry-worker (same flags, signals and exit codes) with
 * the functions of `table` besides the built-in ones; NULL: none. Call it first in main, before any
 * thread or ZeroMQ context exists: worker processes are forked from this one.
 * Returns the exit code for main: 0 clean, 2 usage, 5 no broker, 8 forced after the grace time. */
WHERRY_API int wherry_worker_main(int argc, char **argv, const wherry_function_table *table);

#ifdef __cplusplus
}
#endif
#endif
