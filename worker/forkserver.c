/* SPDX-License-Identifier: MIT
 *
 * Fork server. Single-threaded on purpose: fork() of a process with threads copies locks that
 * nobody will open, and PDEATHSIG follows the parent's *thread*.
 *
 * A signal for a child goes through here because only the parent can know that a pid is still the
 * child's. What it has to say it says through an outbox: it reads letters at all times, so that the
 * supervisor never waits for long. */
#include "worker/forkserver.h"

#include "common/bounds.h"
#include "common/err.h"
#include "worker/builtin.h"
#include "worker/crash.h"
#include "worker/herd.h"
#include "worker/outbox.h"
#include "worker/post.h"
#include "worker/process.h"
#include "worker/registry.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

struct forkserver {
    int socket;
    int signals;
    const struct settings *settings;
    struct registry registry;
    struct herd herd;
    struct outbox outbox;
};

static void forkserver_tell(struct forkserver *server, enum post_kind kind, const char *text,
                            size_t size) {
    static struct post letter; /* 8 KiB: not for the stack of a process that only forks */
    memset(&letter, 0, sizeof letter);
    letter.kind = kind;
    letter.text_size = size < POST_TEXT_MAX ? size : POST_TEXT_MAX;
    memcpy(letter.text, text, letter.text_size);
    if (!post_send(server->socket, &letter, NULL)) {
        _exit(0); /* the supervisor is gone */
    }
}

/* ---- the start ------------------------------------------------------------------------------ */

static wherry_err forkserver_load(struct forkserver *server) {
    const struct settings *settings = server->settings;
    struct registry *registry = &server->registry;
    wherry_err err = builtin_register(registry, settings->allow_exec);
    if (err == WHERRY_OK && settings->table != NULL) {
        err = registry_add_table(registry, settings->table, "this program");
    }
    for (size_t i = 0; err == WHERRY_OK && i < flags_count(&settings->flags, SETTINGS_EXEC); i++) {
        err = registry_add_command(registry, flags_text_at(&settings->flags, SETTINGS_EXEC, i));
    }
    size_t count;
    char **plugins = flags_rest(&settings->flags, &count);
    for (size_t i = 0; err == WHERRY_OK && i < count; i++) {
        err = registry_add_plugin(registry, plugins[i]);
    }
    return err;
}

static void forkserver_start(struct forkserver *server) {
    if (forkserver_load(server) != WHERRY_OK) {
        const char *text = wherry_last_error();
        forkserver_tell(server, POST_FAULT, text, strlen(text));
        _exit(2);
    }
    for (uint32_t i = 0; i < server->registry.count; i++) {
        struct span name = server->registry.entries[i].name;
        forkserver_tell(server, POST_FUNCTION, (const char *)name.data, name.size);
    }
    forkserver_tell(server, POST_READY, "", 0);
}

/* ---- forking -------------------------------------------------------------------------------- */

static void forkserver_become(struct forkserver *server, const struct post *letter,
                              const int fds[POST_FDS], int err_fd, int parent) {
    struct process_start start = {
        .settings = server->settings,
        .registry = &server->registry,
        .place = letter->place,
        .once = letter->once,
        .session = letter->session,
        .host_session = letter->host_session,
        .gate_fd = fds[0],
        .event_fd = fds[1],
        .err_fd = err_fd,
        .parent = parent,
    };
    memcpy(start.secret, letter->secret, sizeof start.secret);
    close(server->socket);
    close(server->signals);
    herd_abandon(&server->herd);
    process_run(&start);
}

static void forkserver_fork(struct forkserver *server, const struct post *letter,
                            const int fds[POST_FDS]) {
    int ends[2] = {-1, -1};
    int parent = getpid();
    pid_t pid = pipe2(ends, O_CLOEXEC) == 0 ? fork() : -1;
    if (pid == 0) {
        close(ends[0]);
        forkserver_become(server, letter, fds, ends[1], parent);
    }
    static struct post answer;
    memset(&answer, 0, sizeof answer);
    answer.kind = POST_FORKED;
    answer.place = letter->place;
    answer.pid = pid > 0 ? pid : -(int64_t)errno;
    if (ends[1] >= 0) {
        close(ends[1]);
    }
    if (pid > 0) {
        setpgid(pid, pid);
        herd_add(&server->herd, letter->place, pid, ends[0]);
    } else if (ends[0] >= 0) {
        close(ends[0]);
    }
    if (!outbox_send(&server->outbox, server->socket, &answer)) {
        _exit(0);
    }
}

static void forkserver_letter(struct forkserver *server) {
    static struct post letter;
    int fds[POST_FDS];
    if (!post_receive(server->socket, &letter, fds)) {
        herd_kill_all(&server->herd);
        _exit(0);
    }
    if (letter.kind == POST_FORK && letter.place < BOUND_PLACES && fds[0] >= 0 && fds[1] >= 0) {
        forkserver_fork(server, &letter, fds);
    } else if (letter.kind == POST_SIGNAL) {
        herd_signal(&server->herd, letter.place, (pid_t)letter.pid, letter.signal);
    }
    for (int i = 0; i < POST_FDS; i++) {
        if (fds[i] >= 0) {
            close(fds[i]);
        }
    }
}

/* ---- the loop ------------------------------------------------------------------------------- */

static void forkserver_reap(struct forkserver *server) {
    struct signalfd_siginfo info;
    while (read(server->signals, &info, sizeof info) == (ssize_t)sizeof info) {
    }
    static struct post letter;
    while (herd_reap(&server->herd, &letter)) {
        if (!outbox_send(&server->outbox, server->socket, &letter)) {
            _exit(0);
        }
    }
}

static void forkserver_turn(struct forkserver *server) {
    static struct pollfd items[2 + BOUND_PLACES];
    short writable = outbox_waits(&server->outbox) ? POLLOUT : 0;
    items[0] = (struct pollfd){server->socket, POLLIN | writable, 0};
    items[1] = (struct pollfd){server->signals, POLLIN, 0};
    size_t count = herd_poll(&server->herd, items + 2);
    if (poll(items, (nfds_t)(2 + count), herd_timeout_ms(&server->herd)) < 0) {
        return;
    }
    herd_listen(&server->herd, items + 2, count);
    if (items[1].revents != 0) {
        forkserver_reap(server);
    }
    if (!outbox_flush(&server->outbox, server->socket)) {
        herd_kill_all(&server->herd);
        _exit(0);
    }
    if ((items[0].revents & ~POLLOUT) != 0) {
        forkserver_letter(server);
    }
}

_Noreturn void forkserver_run(int socket, const struct settings *settings, int parent) {
    struct forkserver server = {.socket = socket, .settings = settings};
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    prctl(PR_SET_NAME, "wherry-fork");
    unsetenv("NOTIFY_SOCKET"); /* the supervisor alone speaks to who started it */
    if (getppid() != parent) {
        _exit(0);
    }
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    server.signals = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
    registry_init(&server.registry);
    herd_init(&server.herd);
    crash_prepare();
    forkserver_start(&server);
    for (;;) {
        forkserver_turn(&server);
    }
}
