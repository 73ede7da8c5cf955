/* SPDX-License-Identifier: MIT
 *
 * Keeper: the process that holds a house together; see local.h.
 *
 * It has one thread and no ZeroMQ, so that it may fork supervisors at any time, and it is a
 * subreaper: whatever its descendants leave behind becomes its child, and it goes only when it has
 * none left. Should it be killed itself, its children die with it (PDEATHSIG), theirs with them. */
#include "client/local_folder.h"
#include "client/local_inside.h"
#include "common/err.h"
#include "worker/include/wherry_worker.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { KEEPER_NOTE_SIZE = 512 };

/* What is waited for; see keeper_ready(). */
enum keeper_state { KEEPER_BROKER, KEEPER_WORKERS, KEEPER_READY };

struct keeper {
    int socket;  /* to the program */
    int program; /* its pidfd */
    int signals;
    int notices; /* READY=1 of broker and supervisors, as systemd would be told */
    int lock;
    enum keeper_state state;
    const wherry_function_table *functions;
    struct local_order order;
    pid_t broker;
    char folder[LOCAL_FOLDER_SIZE];
    char notify[LOCAL_ENDPOINT_SIZE]; /* the path of `notices` */
};

char local_inside[LOCAL_ENDPOINT_SIZE];

/* ---- the end -------------------------------------------------------------------------------- */

/* Those whose parents die become our children, and are met in a later round. */
static void keeper_kill_all(void) {
    do {
        FILE *children = fopen("/proc/thread-self/children", "re");
        int pid;
        while (children != NULL && fscanf(children, "%d", &pid) == 1) {
            kill(pid, SIGKILL);
        }
        if (children != NULL) {
            fclose(children);
        }
    } while (waitpid(-1, NULL, 0) > 0 || errno == EINTR);
}

_Noreturn static void keeper_end(struct keeper *keeper) {
    keeper_kill_all();
    if (keeper->folder[0] != '\0') {
        local_folder_remove(keeper->folder);
    }
    _exit(0); /* not exit(): with start=fork, what the program registered is not ours to run */
}

static void keeper_report(struct keeper *keeper, wherry_err err, const char *text) {
    struct local_report report = {.err = err};
    snprintf(report.text, sizeof report.text, "%s", text);
    snprintf(report.endpoint, sizeof report.endpoint, "%s", local_inside);
    send(keeper->socket, &report, sizeof report, MSG_NOSIGNAL);
}

_Noreturn static void keeper_fail(struct keeper *keeper, wherry_err err, const char *text) {
    keeper_report(keeper, err, text);
    keeper_end(keeper);
}

/* ---- children ------------------------------------------------------------------------------- */

/* In a forked child: dies with us, and shares none of our descriptors. */
static void child_prepare(const struct keeper *keeper, pid_t parent) {
    sigset_t none;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) {
        _exit(0);
    }
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setenv("NOTIFY_SOCKET", keeper->notify, 1);
    close(keeper->socket);
    close(keeper->program);
    close(keeper->signals);
    close(keeper->notices);
    close(keeper->lock);
}

_Noreturn static void broker_become(const struct keeper *keeper) {
    const char *arguments[] = {"wherry-broker", "--listen", local_inside, "--http", "off",
                               "--store",       "memory:",  "--grace",    "0",      "--log",
                               "error",         NULL};
    if (getenv("WHERRY_LOG") != NULL) {
        arguments[9] = NULL;
    }
    close_range(STDERR_FILENO + 1, ~0U, 0);
    unsetenv("WHERRY_BROKER_CONFIG"); /* a private broker takes no settings of others */
    execv(keeper->order.broker, (char *const *)(uintptr_t)arguments);
    fprintf(stderr, "%s: %s\n", keeper->order.broker, strerror(errno));
    _exit(127);
}

_Noreturn static void workers_become(const struct keeper *keeper, const char *pool) {
    char processes[16];
    const char *arguments[12] = {"wherry-worker", "--broker", local_inside, "--grace", "0",
                                 "--pool",        pool};
    int count = 7;
    if (keeper->order.processes > 0) {
        snprintf(processes, sizeof processes, "%u", keeper->order.processes);
        arguments[count++] = "--processes";
        arguments[count++] = processes;
    }
    prctl(PR_SET_NAME, "wherry-worker");
    setenv("WHERRY_LOG", "error", 0);
    char **argv = (char **)(uintptr_t)arguments; /* getopt turns them round, and writes none */
    _exit(wherry_worker_main(count, argv, keeper->functions));
}

/* pool NULL: the broker. */
static pid_t keeper_fork(struct keeper *keeper, const char *pool) {
    pid_t self = getpid();
    pid_t pid = fork();
    if (pid == 0) {
        child_prepare(keeper, self);
        if (pool == NULL) {
            broker_become(keeper);
        }
        workers_become(keeper, pool);
    }
    if (pid < 0) {
        char text[LOCAL_TEXT_SIZE];
        snprintf(text, sizeof text, "local: cannot fork: %s", strerror(errno));
        keeper_fail(keeper, WHERRY_E_SYSTEM, text);
    }
    return pid;
}

/* ---- the loop ------------------------------------------------------------------------------- */

static void keeper_ready(struct keeper *keeper) {
    if (keeper->state == KEEPER_BROKER) {
        keeper->state = KEEPER_WORKERS;
        keeper_fork(keeper, "default");
    } else if (keeper->state == KEEPER_WORKERS) {
        keeper->state = KEEPER_READY;
        keeper_report(keeper, WHERRY_OK, "");
    }
}

static void keeper_notice(struct keeper *keeper) {
    char note[KEEPER_NOTE_SIZE];
    ssize_t size = recv(keeper->notices, note, sizeof note - 1, MSG_DONTWAIT);
    if (size > 0 && strncmp(note, "READY=1", 7) == 0) {
        keeper_ready(keeper);
    }
}

static void keeper_reap(struct keeper *keeper) {
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        char text[LOCAL_TEXT_SIZE];
        snprintf(text, sizeof text,
                 "local: the %s ended before all was ready (%s %d): its words are on stderr",
                 pid == keeper->broker ? "broker" : "worker host",
                 WIFEXITED(status) ? "exit code" : "signal",
                 WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
        keeper_fail(keeper, WHERRY_E_SYSTEM, text);
    }
}

/* Anything but a child's end asks us to go. */
static void keeper_signal(struct keeper *keeper) {
    struct signalfd_siginfo info;
    if (read(keeper->signals, &info, sizeof info) == (ssize_t)sizeof info &&
        info.ssi_signo != SIGCHLD) {
        keeper_end(keeper);
    }
    keeper_reap(keeper);
}

static void keeper_wish(struct keeper *keeper) {
    char pool[WIRE_NAME_MAX + 1];
    ssize_t size = recv(keeper->socket, pool, sizeof pool - 1, 0);
    if (size <= 0) {
        keeper_end(keeper);
    }
    pool[size] = '\0';
    keeper_fork(keeper, pool);
}

static void keeper_turn(struct keeper *keeper) {
    struct pollfd items[] = {{keeper->program, POLLIN, 0},
                             {keeper->socket, POLLIN, 0},
                             {keeper->signals, POLLIN, 0},
                             {keeper->notices, POLLIN, 0}};
    if (poll(items, sizeof items / sizeof *items, -1) <= 0) {
        return;
    }
    if (items[0].revents != 0) {
        keeper_end(keeper);
    }
    if (items[2].revents != 0) {
        keeper_signal(keeper);
    }
    if (items[3].revents != 0) {
        keeper_notice(keeper);
    }
    if (items[1].revents != 0) {
        keeper_wish(keeper);
    }
}

/* ---- the start ------------------------------------------------------------------------------ */

static void keeper_take_signals(struct keeper *keeper) {
    static const int caught[] = {SIGTERM, SIGINT, SIGHUP, SIGCHLD};
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < sizeof caught / sizeof *caught; i++) {
        sigaddset(&set, caught[i]);
        signal(caught[i], SIG_DFL); /* a program may ignore SIGCHLD, and handle the rest */
    }
    sigprocmask(SIG_SETMASK, &set, NULL);
    keeper->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static bool keeper_listen(struct keeper *keeper) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(keeper->notify, sizeof keeper->notify, "%s/notify", keeper->folder);
    snprintf(local_inside, sizeof local_inside, "ipc://%s/broker", keeper->folder);
    snprintf(address.sun_path, sizeof address.sun_path, "%.107s", keeper->notify);
    keeper->notices = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    return keeper->notices >= 0 && keeper->signals >= 0 &&
           bind(keeper->notices, (struct sockaddr *)&address, sizeof address) == 0;
}

_Noreturn void keeper_run(int socket, int program, const struct wherry_function_table *functions) {
    static struct keeper keeper;
    keeper = (struct keeper){.socket = socket, .program = program, .functions = functions};
    fcntl(socket, F_SETFD, FD_CLOEXEC);
    fcntl(program, F_SETFD, FD_CLOEXEC);
    prctl(PR_SET_NAME, "wherry-keeper");
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    keeper_take_signals(&keeper);
    if (recv(socket, &keeper.order, sizeof keeper.order, 0) != (ssize_t)sizeof keeper.order ||
        keeper.order.size != sizeof keeper.order) {
        _exit(2);
    }
    wherry_err err = local_folder_make(keeper.folder, &keeper.lock);
    if (err != WHERRY_OK) {
        keeper.folder[0] = '\0';
        keeper_fail(&keeper, err, wherry_last_error());
    }
    if (!keeper_listen(&keeper)) {
        keeper_fail(&keeper, WHERRY_E_SYSTEM, strerror(errno));
    }
    keeper.broker = keeper_fork(&keeper, NULL);
    for (;;) {
        keeper_turn(&keeper);
    }
}
