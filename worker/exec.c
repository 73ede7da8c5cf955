/* SPDX-License-Identifier: MIT
 *
 * Exec. fork and execve by hand, because posix_spawn can set neither PDEATHSIG nor a process group
 * and a death signal together. Between fork and execve only async-signal-safe functions run: other
 * threads exist.
 *
 * A command may leave processes behind that hold its pipes open; so the end is the command's own
 * end: then its group is killed and reaped (we are the subreaper of our orphans), and what is still
 * in the pipes is read without waiting, no more than a pipe can hold: a process that left the group
 * may go on writing for ever. A pidfd tells that end to poll(). */
#include "worker/exec.h"

#include "common/clock.h"
#include "common/err.h"
#include "common/wire/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    EXEC_LOOK_MS = 50,
    EXEC_KILL_AFTER_US = 2000000,
    EXEC_READ_BYTES = 64 * 1024,
    EXEC_PIPE_MAX = 1024 * 1024, /* what a pipe holds at most, without privileges */
    EXEC_REAP_MS = 100,
};

enum { EXEC_IN, EXEC_OUT, EXEC_ERR, EXEC_FAULT, EXEC_PIPES };

struct exec {
    const struct exec_job *job;
    struct exec_outcome *outcome;
    pid_t pid;
    int pid_fd;
    int ours[EXEC_PIPES];
    int theirs[EXEC_PIPES];
    size_t written;
    bool too_large;
    int64_t kill_at_us; /* INT64_MAX: not stopping */
};

extern char **environ;

static void exec_close(int *fd) {
    if (*fd >= 0) {
        close(*fd);
        *fd = -1;
    }
}

static void exec_close_all(struct exec *exec) {
    for (int i = 0; i < EXEC_PIPES; i++) {
        exec_close(&exec->ours[i]);
        exec_close(&exec->theirs[i]);
    }
    exec_close(&exec->pid_fd);
}

static bool exec_pipe(struct exec *exec, int which) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return false;
    }
    bool in = which == EXEC_IN;
    exec->ours[which] = ends[in ? 1 : 0];
    exec->theirs[which] = ends[in ? 0 : 1];
    return fcntl(exec->ours[which], F_SETFL, O_NONBLOCK) == 0;
}

static bool exec_pipes(struct exec *exec) {
    if (exec->job->input == NULL) {
        exec->theirs[EXEC_IN] = open("/dev/null", O_RDONLY | O_CLOEXEC);
    } else if (!exec_pipe(exec, EXEC_IN)) {
        return false;
    }
    return exec->theirs[EXEC_IN] >= 0 && exec_pipe(exec, EXEC_OUT) && exec_pipe(exec, EXEC_ERR) &&
           exec_pipe(exec, EXEC_FAULT);
}

/* Ours and the job's, which come last: putenv-like lookups of most programs find the first, so ours
 * are left out where the job has the same name. */
static char **exec_environment(char *const *more) {
    size_t count = 0;
    size_t added = 0;
    while (environ[count] != NULL) {
        count++;
    }
    while (more != NULL && more[added] != NULL) {
        added++;
    }
    char **all = calloc(count + added + 1, sizeof *all);
    if (all == NULL) {
        return NULL;
    }
    size_t kept = 0;
    for (; kept < added; kept++) {
        all[kept] = more[kept];
    }
    for (size_t i = 0; i < count; i++) {
        size_t name = strcspn(environ[i], "=") + 1;
        bool again = false;
        for (size_t j = 0; j < added && !again; j++) {
            again = strncmp(environ[i], more[j], name) == 0;
        }
        if (!again) {
            all[kept++] = environ[i];
        }
    }
    return all;
}

static void exec_child_signals(void) {
    sigset_t none;
    sigemptyset(&none);
    for (int number = 1; number < NSIG; number++) {
        signal(number, SIG_DFL);
    }
    sigprocmask(SIG_SETMASK, &none, NULL);
}

_Noreturn static void exec_child(const struct exec *exec, char **environment, pid_t parent) {
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) {
        _exit(127);
    }
    exec_child_signals();
    dup2(exec->theirs[EXEC_IN], 0);
    dup2(exec->theirs[EXEC_OUT], 1);
    dup2(exec->theirs[EXEC_ERR], 2);
    execvpe(exec->job->argv[0], exec->job->argv, environment);
    int fault = errno;
    ssize_t written = write(exec->theirs[EXEC_FAULT], &fault, sizeof fault);
    _exit(written == (ssize_t)sizeof fault ? 127 : 126);
}

static wherry_err exec_refuse(const struct exec *exec, const char *what, int fault) {
    return err_set(WHERRY_E_SYSTEM, "%s %s: %s", what, exec->job->argv[0], strerror(fault));
}

static wherry_err exec_start(struct exec *exec) {
    char **environment = exec_environment(exec->job->environment);
    if (environment == NULL || !exec_pipes(exec)) {
        free(environment);
        return exec_refuse(exec, "no pipes for", errno);
    }
    pid_t parent = getpid();
    exec->pid = fork();
    if (exec->pid == 0) {
        exec_child(exec, environment, parent);
    }
    int fault = errno;
    free(environment);
    for (int i = 0; i < EXEC_PIPES; i++) {
        exec_close(&exec->theirs[i]);
    }
    if (exec->pid < 0) {
        return exec_refuse(exec, "cannot fork for", fault);
    }
    setpgid(exec->pid, exec->pid); /* both sides do it: whoever is first */
    exec->pid_fd = (int)syscall(SYS_pidfd_open, exec->pid, 0);
    return WHERRY_OK;
}

/* Waits for execve: the pipe closes, or tells why not. */
static wherry_err exec_started(struct exec *exec) {
    int fault = 0;
    struct pollfd item = {exec->ours[EXEC_FAULT], POLLIN, 0};
    while (poll(&item, 1, -1) < 0 && errno == EINTR) {
    }
    ssize_t size = read(exec->ours[EXEC_FAULT], &fault, sizeof fault);
    exec_close(&exec->ours[EXEC_FAULT]);
    return size == (ssize_t)sizeof fault ? exec_refuse(exec, "cannot run", fault) : WHERRY_OK;
}

static void exec_feed(struct exec *exec) {
    const struct span *input = exec->job->input;
    ssize_t size =
        write(exec->ours[EXEC_IN], input->data + exec->written, input->size - exec->written);
    if (size > 0) {
        exec->written += (size_t)size;
    }
    bool broken = size < 0 && errno != EAGAIN && errno != EINTR;
    if (broken || exec->written == input->size) {
        exec_close(
            &exec->ours[EXEC_IN]); /* a command that does not read its input may well be right */
    }
}

static void exec_keep_tail(struct bytes *tail) {
    if (tail->size > 2 * EXEC_TAIL_BYTES) {
        memmove(tail->data, tail->data + (tail->size - EXEC_TAIL_BYTES), EXEC_TAIL_BYTES);
        tail->size = EXEC_TAIL_BYTES;
    }
}

/* How much it read; 0: nothing there now. */
static size_t exec_read(struct exec *exec, int which) {
    struct bytes *into = which == EXEC_OUT ? &exec->outcome->out : &exec->outcome->tail;
    if (exec->ours[which] < 0 || !bytes_reserve(into, EXEC_READ_BYTES)) {
        return 0;
    }
    ssize_t size = read(exec->ours[which], into->data + into->size, EXEC_READ_BYTES);
    if (size <= 0) {
        if (size == 0 || (errno != EAGAIN && errno != EINTR)) {
            exec_close(&exec->ours[which]);
        }
        return 0;
    }
    into->size += (size_t)size;
    if (which == EXEC_ERR) {
        exec_keep_tail(into);
    } else if (into->size > WIRE_PAYLOAD_MAX - 64) {
        exec->too_large = true;
    }
    return (size_t)size;
}

static void exec_read_rest(struct exec *exec, int which) {
    size_t rest = 0;
    size_t size;
    while (rest < EXEC_PIPE_MAX && !exec->too_large && (size = exec_read(exec, which)) > 0) {
        rest += size;
    }
}

static void exec_stop_if_asked(struct exec *exec) {
    int64_t now_us = clock_mono_us();
    if (exec->kill_at_us == INT64_MAX) {
        bool asked = exec->job->stop != NULL && exec->job->stop(exec->job->context);
        if (asked) {
            exec->outcome->stopped = true;
            exec->kill_at_us = now_us + EXEC_KILL_AFTER_US;
            kill(-exec->pid, SIGTERM);
        }
    } else if (now_us >= exec->kill_at_us) {
        kill(-exec->pid, SIGKILL);
    }
    if (exec->too_large) {
        kill(-exec->pid, SIGKILL);
    }
}

/* One wait. True: the command has ended. */
static bool exec_turn(struct exec *exec) {
    struct pollfd items[4] = {
        {exec->ours[EXEC_IN], POLLOUT, 0},
        {exec->ours[EXEC_OUT], POLLIN, 0},
        {exec->ours[EXEC_ERR], POLLIN, 0},
        {exec->pid_fd, POLLIN, 0},
    };
    poll(items, 4, EXEC_LOOK_MS);
    if (items[0].revents != 0) {
        exec_feed(exec);
    }
    if (items[1].revents != 0) {
        exec_read(exec, EXEC_OUT);
    }
    if (items[2].revents != 0) {
        exec_read(exec, EXEC_ERR);
    }
    exec_stop_if_asked(exec);
    siginfo_t info = {0};
    return waitid(P_PID, (id_t)exec->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           info.si_pid == exec->pid;
}

/* Killed, they end at once, but for one that the kernel holds in a system call: it is left. */
static void exec_reap_group(pid_t group) {
    for (int waited_ms = 0; waited_ms < EXEC_REAP_MS;) {
        pid_t pid = waitpid(-group, NULL, WNOHANG);
        if (pid < 0) {
            return;
        }
        if (pid == 0) {
            poll(NULL, 0, 1);
            waited_ms++;
        }
    }
}

static void exec_end(struct exec *exec) {
    kill(-exec->pid, SIGKILL); /* still a zombie, so the group's number is not anybody else's */
    while (waitpid(exec->pid, &exec->outcome->status, 0) < 0 && errno == EINTR) {
    }
    exec_reap_group(exec->pid);
    exec_read_rest(exec, EXEC_OUT);
    exec_read_rest(exec, EXEC_ERR);
    struct bytes *tail = &exec->outcome->tail;
    if (tail->size > EXEC_TAIL_BYTES) {
        memmove(tail->data, tail->data + (tail->size - EXEC_TAIL_BYTES), EXEC_TAIL_BYTES);
        tail->size = EXEC_TAIL_BYTES;
    }
}

static wherry_err exec_go(struct exec *exec) {
    wherry_err err = exec_start(exec);
    if (err != WHERRY_OK) {
        return err;
    }
    err = exec_started(exec);
    while (err == WHERRY_OK && !exec_turn(exec)) {
    }
    exec_end(exec);
    if (err == WHERRY_OK && exec->too_large) {
        return err_set(WHERRY_E_TOO_LARGE, "%s wrote more than the %d MiB that a result may hold",
                       exec->job->argv[0], WIRE_PAYLOAD_MAX >> 20);
    }
    return err;
}

wherry_err exec_run(const struct exec_job *job, struct exec_outcome *outcome) {
    struct exec exec = {.job = job,
                        .outcome = outcome,
                        .pid_fd = -1,
                        .ours = {-1, -1, -1, -1},
                        .theirs = {-1, -1, -1, -1},
                        .kill_at_us = INT64_MAX};
    *outcome = (struct exec_outcome){.out = BYTES_EMPTY, .tail = BYTES_EMPTY};
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    struct sigaction before;
    sigaction(SIGPIPE, &ignore, &before);
    wherry_err err = exec_go(&exec);
    sigaction(SIGPIPE, &before, NULL);
    exec_close_all(&exec);
    return err;
}

void exec_outcome_fini(struct exec_outcome *outcome) {
    bytes_free(&outcome->out);
    bytes_free(&outcome->tail);
}
