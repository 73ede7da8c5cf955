/* SPDX-License-Identifier: MIT
 *
 * Programs under test. stdout and stderr go to files rather than pipes: nobody has to drain them, a
 * program never blocks on its log, and a failed test can show them afterwards. */
#include "tests/support/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ARGUMENTS_MAX = 256 };

static void redirect(const char *path, int flags, int fd) {
    int file = open(path, flags | O_CLOEXEC, 0600);
    if (file < 0 || dup2(file, fd) < 0) {
        _exit(126);
    }
}

static void apply_environment(const char *const *environment) {
    for (; environment != NULL && *environment != NULL; environment++) {
        if (strchr(*environment, '=') != NULL) {
            putenv((char *)(uintptr_t)*environment);
        } else {
            unsetenv(*environment);
        }
    }
}

/* In the child. The test's own broker address must not leak into a program that should find
 * none. */
static _Noreturn void program_become(const struct program *program, pid_t parent, char **argv,
                                     const char *const *environment, const char *input_path) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) {
        _exit(126);
    }
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    redirect(input_path != NULL ? input_path : "/dev/null", O_RDONLY, 0);
    redirect(program->out_path, O_WRONLY | O_CREAT | O_TRUNC, 1);
    redirect(program->err_path, O_WRONLY | O_CREAT | O_TRUNC, 2);
    unsetenv("WHERRY_BROKER");
    unsetenv("JOURNAL_STREAM");
    unsetenv("NOTIFY_SOCKET");
    apply_environment(environment);
    execv(argv[0], argv);
    fprintf(stderr, "cannot start %s: %s\n", argv[0], strerror(errno));
    _exit(127);
}

static void program_path(struct sandbox *box, const char *name, char *out, size_t size) {
    const char *folder = getenv("WHERRY_BIN");
    if (strchr(name, '/') != NULL) {
        snprintf(out, size, "%s", name);
    } else if (folder != NULL) {
        snprintf(out, size, "%s/%s", folder, name);
    } else {
        sandbox_fail(box, "WHERRY_BIN is not set: run the test by ctest");
    }
}

static struct program *program_create(struct sandbox *box, const char *name) {
    struct program *program = calloc(1, sizeof *program);
    if (program == NULL || box->program_count == SANDBOX_PROGRAMS_MAX) {
        free(program);
        sandbox_fail(box, "more than %d programs in one test", SANDBOX_PROGRAMS_MAX);
    }
    const char *base = strrchr(name, '/') != NULL ? strrchr(name, '/') + 1 : name;
    snprintf(program->name, sizeof program->name, "%s", base);
    size_t number = box->programs_made++;
    snprintf(program->out_path, sizeof program->out_path, "%.40s/%zu.out", box->folder, number);
    snprintf(program->err_path, sizeof program->err_path, "%.40s/%zu.err", box->folder, number);
    program->box = box;
    return program;
}

struct program *program_start_with(struct sandbox *box, const char *name,
                                   const char *const *arguments, const char *const *environment,
                                   const char *input_path) {
    char path[512];
    program_path(box, name, path, sizeof path);
    char *argv[ARGUMENTS_MAX + 2] = {path};
    size_t count = 1;
    for (; arguments != NULL && *arguments != NULL; arguments++) {
        if (count > ARGUMENTS_MAX) {
            sandbox_fail(box, "more than %d arguments", ARGUMENTS_MAX);
        }
        argv[count++] = (char *)(uintptr_t)*arguments;
    }
    struct program *program = program_create(box, name);
    pid_t parent = getpid();
    program->pid = fork();
    if (program->pid == 0) {
        program_become(program, parent, argv, environment, input_path);
    }
    if (program->pid < 0) {
        free(program);
        sandbox_fail(box, "fork: %s", strerror(errno));
    }
    box->programs[box->program_count++] = program;
    return program;
}

/* Gathers variadic arguments up to the NULL; `out` has ARGUMENTS_MAX + 1 places. */
static void arguments_gather(struct sandbox *box, va_list list, const char **out) {
    size_t count = 0;
    for (const char *next = va_arg(list, const char *); next != NULL;
         next = va_arg(list, const char *)) {
        if (count == ARGUMENTS_MAX) {
            sandbox_fail(box, "more than %d arguments", ARGUMENTS_MAX);
        }
        out[count++] = next;
    }
    out[count] = NULL;
}

struct program *program_start(struct sandbox *box, const char *name, ...) {
    const char *arguments[ARGUMENTS_MAX + 1];
    va_list list;
    va_start(list, name);
    arguments_gather(box, list, arguments);
    va_end(list);
    return program_start_with(box, name, arguments, NULL, NULL);
}

struct program *program_run(struct sandbox *box, int expected_exit, const char *name, ...) {
    const char *arguments[ARGUMENTS_MAX + 1];
    va_list list;
    va_start(list, name);
    arguments_gather(box, list, arguments);
    va_end(list);
    struct program *program = program_start_with(box, name, arguments, NULL, NULL);
    int code = program_wait_exit(program);
    if (code != expected_exit) {
        sandbox_fail(box, "%s ended with %d, expected %d; stdout: %.300s", name, code,
                     expected_exit, program_stdout(program));
    }
    return program;
}

bool program_running(struct program *program) {
    if (!program->ended && waitpid(program->pid, &program->status, WNOHANG) == program->pid) {
        program->ended = true;
    }
    return !program->ended;
}

bool program_said(struct program *program, const char *text) {
    char *log = support_read_file(program->err_path);
    bool said = strstr(log, text) != NULL;
    free(log);
    return said;
}

void program_wait_line(struct program *program, const char *text) {
    for (;;) {
        bool running = program_running(program); /* asked first: its last words come at its end */
        if (program_said(program, text)) {
            return;
        }
        if (!running) {
            sandbox_fail(program->box, "%s ended before it said: %s", program->name, text);
        }
        sandbox_pause(program->box, text);
    }
}

const char *program_stdout(struct program *program) {
    return sandbox_keep(program->box, support_read_file(program->out_path));
}

const char *program_stderr(struct program *program) {
    return sandbox_keep(program->box, support_read_file(program->err_path));
}

int program_wait_exit(struct program *program) {
    while (program_running(program)) {
        sandbox_pause(program->box, "the end of a program");
    }
    return WIFSIGNALED(program->status) ? -WTERMSIG(program->status)
                                        : WEXITSTATUS(program->status);
}

void program_signal(struct program *program, int signal_number) {
    if (program_running(program) && kill(program->pid, signal_number) != 0) {
        sandbox_fail(program->box, "kill: %s", strerror(errno));
    }
}

void program_kill(struct program *program) {
    program_signal(program, SIGKILL);
    program_wait_exit(program);
}

int program_stop(struct program *program) {
    program_signal(program, SIGTERM);
    return program_wait_exit(program);
}

void program_forget(struct program *program) {
    struct sandbox *box = program->box;
    if (program_running(program)) {
        sandbox_fail(box, "%s still runs: it cannot be forgotten", program->name);
    }
    for (size_t i = 0; i < box->program_count; i++) {
        if (box->programs[i] == program) {
            memmove(&box->programs[i], &box->programs[i + 1],
                    (box->program_count - i - 1) * sizeof box->programs[0]);
            box->program_count--;
            break;
        }
    }
    unlink(program->out_path);
    unlink(program->err_path);
    free(program);
}

void sandbox_need_mounts(struct sandbox *box) {
    struct program *attempt = program_start(
        box, "/usr/bin/unshare", "-rm", "mount", "-t", "tmpfs", "none", sandbox_folder(box), NULL);
    if (program_wait_exit(attempt) != 0) {
        printf("SKIPPED: no mount namespace can be made here\n");
        skip();
    }
}
