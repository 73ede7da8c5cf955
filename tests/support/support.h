/* SPDX-License-Identifier: MIT
 *
 * Tests with real processes: one `sandbox` a test.
 *
 *     sandbox ── folder /tmp/wherry-XXXXXX (gone at the end), one deadline for everything
 *        ├── program: started from $WHERRY_BIN, stdout and stderr caught in files of the folder
 *        └── broker:  a wherry-broker on private endpoints
 *
 * Nothing sleeps for a fixed time and nothing has a fixed port: everything waits for a condition
 * until the sandbox's deadline (60 s, $WHERRY_TEST_DEADLINE_S), then the test fails and shows
 * every log. Whatever a test left running is killed at its end, by pid; programs also die with the
 * test.
 *
 *     static void broker_answers_health(void **state) {
 *         struct sandbox *box = *state;
 *         struct broker *broker = broker_start(box, NULL);
 *         struct http_answer answer = http_get(box, broker->http_port, "/healthz");
 *         assert_int_equal(answer.status, 200);
 *     }
 *     cmocka_unit_test_setup_teardown(broker_answers_health, sandbox_setup, sandbox_teardown)
 *
 * All functions fail the running cmocka test when they cannot do what they say; one thread a
 * sandbox. */
#ifndef WHERRY_TEST_SUPPORT_H
#define WHERRY_TEST_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>
#include <sys/types.h>

enum {
    SANDBOX_PROGRAMS_MAX = 64,
    SANDBOX_PATH_SIZE = 96, /* an ipc path has to stay below 108 */
    HTTP_BODY_SIZE = 256 * 1024,
    BROKER_FLAGS_MAX = 64,
};

struct sandbox;

/* For cmocka_unit_test_setup_teardown: *state becomes the sandbox. */
int sandbox_setup(void **state);
int sandbox_teardown(void **state);

const char *sandbox_folder(const struct sandbox *box);
/* The folder's path of `name`; borrowed until the sandbox closes. */
const char *sandbox_path(struct sandbox *box, const char *name);
/* "ipc://…/name": private to this test. */
const char *sandbox_endpoint(struct sandbox *box, const char *name);
/* Makes a file in the folder, returns its path. */
const char *sandbox_write(struct sandbox *box, const char *name, const void *data, size_t size);
/* Skips the running test, saying so, where no mount namespace can be made. */
void sandbox_need_mounts(struct sandbox *box);
/* What is left until the deadline, at least 0. */
int64_t sandbox_left_ms(const struct sandbox *box);

/* Polls `condition(context)` until it is true; fails the test at the deadline, naming `what`. */
void sandbox_wait(struct sandbox *box, const char *what, bool (*condition)(void *context),
                  void *context);
/* For loops of one's own: `while (!done()) { sandbox_pause(box, "what"); }`: waits 2 ms, fails the
 * test at the deadline. */
void sandbox_pause(struct sandbox *box, const char *what);

/* ---- programs ------------------------------------------------------------------------------- */

struct program {
    char name[64];
    pid_t pid;
    bool ended;
    int status; /* as waitpid gives it, once ended */
    char out_path[SANDBOX_PATH_SIZE];
    char err_path[SANDBOX_PATH_SIZE];
    struct sandbox *box;
};

/* Starts `name` ($WHERRY_BIN/name, or a path with a '/') with the arguments up to a NULL. */
struct program *program_start(struct sandbox *box, const char *name, ...)
    __attribute__((sentinel));
/* The same with arrays ending in NULL. environment: "NAME=value" put on top of ours, "NAME" removes
 * it; may be NULL. input: what is its stdin, NULL: /dev/null. */
struct program *program_start_with(struct sandbox *box, const char *name,
                                   const char *const *arguments, const char *const *environment,
                                   const char *input_path);

/* Waits until stderr holds `text`; fails the test if the program ends before. */
void program_wait_line(struct program *program, const char *text);
/* True if stderr holds it now. */
bool program_said(struct program *program, const char *text);
/* Everything it wrote so far; borrowed until the next call for this sandbox's end. Never NULL. */
const char *program_stdout(struct program *program);
const char *program_stderr(struct program *program);

/* True while it runs; reaps it when it does not. */
bool program_running(struct program *program);
/* Waits for its end: the exit code, or −signal. */
int program_wait_exit(struct program *program);
void program_signal(struct program *program, int signal_number);
/* SIGKILL and wait. */
void program_kill(struct program *program);
/* SIGTERM and wait: as program_wait_exit. */
int program_stop(struct program *program);
/* For tests that start more than SANDBOX_PROGRAMS_MAX: gives the place of an ended program back,
 * with what it wrote. */
void program_forget(struct program *program);

/* Runs it to its end and checks the exit code; what it wrote stays readable. */
struct program *program_run(struct sandbox *box, int expected_exit, const char *name, ...)
    __attribute__((sentinel));

/* ---- broker and workers ---------------------------------------------------------------------- */

struct broker {
    struct program *program;
    char endpoint[SANDBOX_PATH_SIZE];     /* ipc://…: private */
    char tcp_endpoint[SANDBOX_PATH_SIZE]; /* tcp://127.0.0.1:N, N chosen by the system */
    uint16_t http_port;
    const char *flags[BROKER_FLAGS_MAX + 1]; /* beyond the endpoints */
};

/* A broker on an ipc and a tcp endpoint, HTTP on a free port, with the store memory:; flags beyond
 * that up to a NULL.
 * Returns when it listens. Starting again in the same sandbox (after a kill) takes the same ipc
 * endpoint: that is how a restart is tested. */
struct broker *broker_start(struct sandbox *box, ...) __attribute__((sentinel));
/* Kills it if it still runs, and starts another one on the same endpoints with the same flags. */
void broker_restart(struct broker *broker);
/* The same, but does not wait until it is ready. */
struct program *broker_begin_restart(struct broker *broker);

/* wherry-worker --broker ENDPOINT and these flags up to a NULL; returns when it says `msg=ready`:
 * its host is known to the broker and all its processes are up. */
struct program *worker_start(struct sandbox *box, const char *endpoint, ...)
    __attribute__((sentinel));

/* ---- /proc ----------------------------------------------------------------------------------- */

/* Children of `pid` (direct ones), in order of their pids; returns how many (≤ capacity). */
size_t proc_children(pid_t pid, pid_t *out, size_t capacity);
/* All descendants, parents first. */
size_t proc_descendants(pid_t pid, pid_t *out, size_t capacity);
/* False for zombies, too. */
bool proc_alive(pid_t pid);
/* "VmRSS", "VmSize" …: bytes, 0 if unreadable. */
uint64_t proc_memory_bytes(pid_t pid, const char *field);
void proc_wait_gone(struct sandbox *box, pid_t pid);

/* ---- http ------------------------------------------------------------------------------------ */

struct http_answer {
    int status;       /* 0: no answer at all */
    const char *body; /* borrowed until the next http_get of this sandbox */
};
struct http_answer http_get(struct sandbox *box, uint16_t port, const char *path);
/* The value of a line `name value` or `name{labels} value` of a metrics page; fails if it is
 * missing. */
double metric_value(const char *body, const char *name_and_labels);

#endif
