/* SPDX-License-Identifier: MIT
 *
 * The program's side of local:; see local.h.
 *
 * What wherry_program() was told is kept here, the second thing beside wherry_last_error() that
 * belongs to the whole program: main says it once, long before there is a connection. */
#include "client/local.h"

#include "client/include/wherry.h"
#include "client/local_address.h"
#include "client/local_broker.h"
#include "client/local_inside.h"
#include "common/bounds.h"
#include "common/clock.h"
#include "common/err.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LOCAL_START_MS = 30000, LOCAL_STOP_MS = 5000 };

struct local_house { /* under local.mutex */
    uint32_t users;
    int socket; /* the lifeline */
    pid_t program;
    struct local_address address;
    char endpoint[LOCAL_ENDPOINT_SIZE];
    uint32_t pool_count;
    char pools[BOUND_LOCAL_POOLS][WIRE_NAME_MAX + 1]; /* that workers were started for */
};

static struct {
    pthread_mutex_t mutex;
    struct local_house *house; /* NULL: none, or the last has ended */
    bool told;                 /* wherry_program() was called */
    const char *name;          /* argv[0] */
    const struct wherry_function_table *functions;
} local = {.mutex = PTHREAD_MUTEX_INITIALIZER};

void wherry_program(int argc, char **argv, const struct wherry_function_table *functions) {
    int type = 0;
    socklen_t size = sizeof type;
    bool copy = argc == 2 && strcmp(argv[1], LOCAL_WORD) == 0 &&
                getsockopt(LOCAL_SOCKET_FD, SOL_SOCKET, SO_TYPE, &type, &size) == 0 &&
                type == SOCK_SEQPACKET;
    if (copy) {
        keeper_run(LOCAL_SOCKET_FD, LOCAL_PROGRAM_FD, functions);
    }
    local.told = true;
    local.name = argc > 0 ? argv[0] : NULL;
    local.functions = functions;
}

/* ---- the keeper's birth -----------------------------------------------------------------------
 */

struct birth {
    int socket;  /* the keeper's end */
    int program; /* our pidfd */
    enum local_start start;
    const char *arguments[3];
};

/* Between fork and exec of a program that may have threads: async-signal-safe calls alone. */
_Noreturn static void birth_exec(const struct birth *birth) {
    sigset_t none;
    int socket = fcntl(birth->socket, F_DUPFD, LOCAL_PROGRAM_FD + 1);
    int program = fcntl(birth->program, F_DUPFD, LOCAL_PROGRAM_FD + 1);
    dup2(socket, LOCAL_SOCKET_FD);
    dup2(program, LOCAL_PROGRAM_FD);
    close_range(LOCAL_PROGRAM_FD + 1, ~0U, 0);
    signal(SIGCHLD, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execv("/proc/self/exe", (char *const *)(uintptr_t)birth->arguments);
    _exit(127);
}

/* A process group of its own: Ctrl-C is for the program, and the house ends when that does. */
_Noreturn static void birth_become(const struct birth *birth, int ours) {
    setpgid(0, 0);
    int nothing = open("/dev/null", O_RDONLY);
    if (nothing > 0) { /* stdin, as Python's children have it */
        dup2(nothing, STDIN_FILENO);
        close(nothing);
    }
    if (birth->start == LOCAL_SPAWN) {
        birth_exec(birth);
    }
    close(ours);
    keeper_run(birth->socket, birth->program, local.functions);
}

/* By way of a child that ends at once, so that the keeper is none of ours. */
static bool birth_fork(const struct birth *birth, int ours) {
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pid_t pid = fork();
    if (pid == 0) {
        pid_t keeper = fork();
        if (keeper == 0) {
            birth_become(birth, ours);
        }
        _exit(keeper < 0);
    }
    int status = 0;
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return pid > 0 && status == 0;
}

static wherry_err house_bear(struct local_house *house) {
    int ends[2];
    struct birth birth = {.start = house->address.start,
                          .program = pidfd_open(getpid(), 0),
                          .arguments = {local.name != NULL ? local.name : "wherry", LOCAL_WORD}};
    if (birth.program < 0) {
        return err_set(WHERRY_E_SYSTEM, "local: pidfd_open: %s", strerror(errno));
    }
    bool born = socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0;
    if (born) {
        if (birth.start == LOCAL_FORK) { /* else children would write it once more */
            fflush(stdout);
            fflush(stderr);
        }
        birth.socket = ends[1];
        house->socket = ends[0];
        born = birth_fork(&birth, ends[0]);
        close(ends[1]);
    }
    close(birth.program);
    return born ? WHERRY_OK : err_set(WHERRY_E_SYSTEM, "local: cannot fork: %s", strerror(errno));
}

/* ---- the start ------------------------------------------------------------------------------- */

static bool threads_exist(void) {
    DIR *threads = opendir("/proc/self/task");
    size_t count = 0;
    for (struct dirent *one; threads != NULL && (one = readdir(threads)) != NULL;) {
        count += one->d_name[0] != '.';
    }
    if (threads != NULL) {
        closedir(threads);
    }
    return count > 1;
}

static wherry_err house_check(const struct local_address *address) {
    if (!local.told) {
        return err_set(
            WHERRY_E_INVALID,
            "local: worker processes are made from this program: let the first statement "
            "of main be wherry_program(argc, argv, &functions)");
    }
    if (address->start == LOCAL_FORK && threads_exist()) {
        return err_set(WHERRY_E_BUSY,
                       "local:?start=fork: this program has threads already (a connection is one), "
                       "and a forked copy of it might never run on: connect before the first, or "
                       "use start=spawn");
    }
    return WHERRY_OK;
}

/* Waits for something to read, or the end; false: not within the time. */
static bool socket_wait(int socket, int64_t timeout_ms) {
    int64_t deadline_us =
        timeout_ms > INT32_MAX ? INT64_MAX : clock_mono_us() + timeout_ms * INT64_C(1000);
    struct pollfd item = {socket, POLLIN, 0};
    for (;;) {
        int64_t left_ms = deadline_us == INT64_MAX ? -1 : (deadline_us - clock_mono_us()) / 1000;
        left_ms = left_ms < 0 && deadline_us != INT64_MAX ? 0 : left_ms;
        int ready = poll(&item, 1, (int)left_ms);
        if (ready >= 0 || errno != EINTR) {
            return ready > 0;
        }
    }
}

static wherry_err house_hear(struct local_house *house, int64_t timeout_ms) {
    struct local_report report;
    if (!socket_wait(house->socket, timeout_ms)) {
        return err_set(WHERRY_E_NO_BROKER, "local: broker and workers are not ready within %lld ms",
                       (long long)timeout_ms);
    }
    if (recv(house->socket, &report, sizeof report, 0) != (ssize_t)sizeof report) {
        return err_set(WHERRY_E_SYSTEM,
                       "local: the copy of this program ended at its start: is wherry_program() "
                       "the first statement of main, and its words are on stderr");
    }
    if (report.err != WHERRY_OK) {
        return err_set(report.err, "%s", report.text);
    }
    memcpy(house->endpoint, report.endpoint, sizeof house->endpoint);
    return WHERRY_OK;
}

static wherry_err house_open(struct local_house *house, int64_t timeout_ms) {
    struct local_order order = {.size = sizeof order, .processes = house->address.processes};
    wherry_err err = house_check(&house->address);
    err = err != WHERRY_OK ? err : local_broker_find(order.broker);
    err = err != WHERRY_OK ? err : house_bear(house);
    if (err == WHERRY_OK) {
        send(house->socket, &order, sizeof order, MSG_NOSIGNAL);
        err = house_hear(house, timeout_ms);
    }
    return err;
}

/* ---- the end --------------------------------------------------------------------------------- */

/* The keeper's end of the socket closes when it has gone, the last of all. A fork of ours may hold
 * our end, too: hence shutdown. */
static void house_close(struct local_house *house) {
    if (house->socket >= 0 && house->program == getpid()) {
        shutdown(house->socket, SHUT_WR);
        char rest[sizeof(struct local_report)];
        while (socket_wait(house->socket, LOCAL_STOP_MS) &&
               recv(house->socket, rest, sizeof rest, MSG_DONTWAIT) > 0) {
        }
    }
    if (house->socket >= 0) {
        close(house->socket);
    }
    free(house);
}

void local_leave(struct local_house **house) {
    struct local_house *left = *house;
    *house = NULL;
    if (left == NULL) {
        return;
    }
    pthread_mutex_lock(&local.mutex);
    if (--left->users == 0) {
        if (local.house == left) {
            local.house = NULL;
        }
        house_close(left);
    }
    pthread_mutex_unlock(&local.mutex);
}

/* ---- joining --------------------------------------------------------------------------------- */

/* The keeper says nothing after its report: whatever can be read is its end. */
static bool house_alive(const struct local_house *house) {
    struct pollfd item = {house->socket, POLLIN, 0};
    return house->program == getpid() && poll(&item, 1, 0) == 0;
}

static wherry_err house_join(const struct local_address *address) {
    const struct local_address *there = &local.house->address;
    bool same = address->start == there->start && address->processes == there->processes;
    if (address->given && !same) {
        return err_set(WHERRY_E_BUSY, "local: this program has workers already, started otherwise: "
                                      "connect to plain \"local:\", or release those connections");
    }
    return WHERRY_OK;
}

static wherry_err house_start(const struct local_address *address, int64_t timeout_ms) {
    struct local_house *house = calloc(1, sizeof *house);
    if (house == NULL) {
        return err_set(WHERRY_E_NO_MEMORY, "local: out of memory");
    }
    house->socket = -1;
    house->program = getpid();
    house->address = *address;
    house->pool_count = 1;
    snprintf(house->pools[0], sizeof house->pools[0], "default");
    wherry_err err = house_open(house, timeout_ms == 0 ? LOCAL_START_MS : timeout_ms);
    if (err != WHERRY_OK) {
        house_close(house);
        return err;
    }
    local.house = house;
    return WHERRY_OK;
}

wherry_err local_enter(const char *text, int64_t timeout_ms, struct local_house **out,
                       const char **endpoint) {
    struct local_address address;
    wherry_err err = local_address_read(text, &address);
    if (err != WHERRY_OK) {
        return err;
    }
    if (local_inside[0] != '\0') {
        *endpoint = local_inside;
        return WHERRY_OK;
    }
    pthread_mutex_lock(&local.mutex);
    bool there = local.house != NULL && house_alive(local.house);
    err = there ? house_join(&address)
                : house_start(&address, timeout_ms == WHERRY_FOREVER ? INT64_MAX : timeout_ms);
    if (err == WHERRY_OK) {
        local.house->users++;
        *out = local.house;
        *endpoint = local.house->endpoint;
    }
    pthread_mutex_unlock(&local.mutex);
    return err;
}

int local_lifeline(const struct local_house *house) {
    return house->socket;
}

/* Under the mutex. */
static wherry_err house_serve(struct local_house *house, const char *name) {
    for (uint32_t i = 0; i < house->pool_count; i++) {
        if (strcmp(house->pools[i], name) == 0) {
            return WHERRY_OK;
        }
    }
    if (house->pool_count == BOUND_LOCAL_POOLS) {
        return err_set(WHERRY_E_LIMIT, "pool \"%s\": local: serves at most %d pools", name,
                       BOUND_LOCAL_POOLS);
    }
    if (send(house->socket, name, strlen(name), MSG_NOSIGNAL) < 0) {
        return err_set(WHERRY_E_NO_BROKER, "pool \"%s\": the processes of local: have ended", name);
    }
    snprintf(house->pools[house->pool_count++], sizeof house->pools[0], "%s", name);
    return WHERRY_OK;
}

wherry_err local_serve(struct local_house *house, const char *name) {
    pthread_mutex_lock(&local.mutex);
    wherry_err err = house_serve(house, name);
    pthread_mutex_unlock(&local.mutex);
    return err;
}
