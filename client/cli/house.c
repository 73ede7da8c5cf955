/* SPDX-License-Identifier: MIT
 *
 * A program is ready when its log says `msg=ready`; the broker's line before it names the endpoint
 * that the system chose. Logs are memfds unless a folder for them is named: nothing is left behind,
 * and a program that does not start is quoted. */
#include "client/cli/house.h"

#include "client/cli/cli.h"
#include "common/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { START_MS = 20000, STOP_MS = 5000, LOG_SIZE = 16384 };

static void nap(void) {
    nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
}

bool house_program(const char *name, char *out, size_t size) {
    char self[4096];
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    if (length <= 0) {
        return false;
    }
    self[length] = '\0';
    int used = snprintf(out, size, "%s/%s", dirname(self), name);
    return used > 0 && (size_t)used < size && access(out, X_OK) == 0;
}

/* In a process group of its own: a Ctrl-C is for us alone, and we end them in order. */
static void program_become(const char *path, const char *const *arguments, int log) {
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    dup2(log, STDOUT_FILENO);
    dup2(log, STDERR_FILENO);
    unsetenv("WHERRY_BROKER");
    execv(path, (char *const *)(uintptr_t)arguments);
    _exit(127);
}

static void log_read(int log, char out[LOG_SIZE]) {
    ssize_t size = pread(log, out, LOG_SIZE - 1, 0);
    out[size > 0 ? size : 0] = '\0';
}

static void log_quote(const struct house *house, const char *name, const char *text) {
    size_t size = strlen(text);
    const char *last = text;
    while (size > 0 && text[size - 1] == '\n') {
        size--;
    }
    for (size_t i = 0; i < size; i++) {
        last = text[i] == '\n' ? text + i + 1 : last;
    }
    fprintf(stderr, "wherry %s: %s does not start: %.*s\n", house->verb, name,
            (int)(size - (size_t)(last - text)), last);
}

/* Waits for `msg=ready`; the log so far is in `text`. */
static bool program_wait(pid_t pid, int log, char text[LOG_SIZE]) {
    int64_t deadline_us = clock_mono_us() + START_MS * INT64_C(1000);
    while (clock_mono_us() < deadline_us) {
        bool ended = waitpid(pid, NULL, WNOHANG) == pid;
        log_read(log, text);
        if (strstr(text, "msg=ready") != NULL && !ended) {
            return true;
        }
        if (ended) {
            return false;
        }
        nap();
    }
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    return false;
}

static int log_open(const struct house *house, const char *name) {
    char path[256];
    if (house->logs == NULL) {
        return memfd_create(name, MFD_CLOEXEC);
    }
    snprintf(path, sizeof path, "%s/%s.log", house->logs, name);
    return open(path, O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
}

/* The pid of the ready program, or 0 after one line on stderr. */
static pid_t program_start(const struct house *house, const char *name,
                           const char *const *arguments, char text[LOG_SIZE]) {
    char path[4096];
    if (!house_program(name, path, sizeof path)) {
        fprintf(stderr, "wherry %s: %s is not beside this program; name a broker with --broker\n",
                house->verb, name);
        return 0;
    }
    int log = log_open(house, name);
    pid_t pid = log < 0 ? -1 : fork();
    if (pid == 0) {
        program_become(path, arguments, log);
    }
    text[0] = '\0';
    if (pid < 0) {
        fprintf(stderr, "wherry %s: %s does not start: %s\n", house->verb, name, strerror(errno));
    } else if (!program_wait(pid, log, text)) {
        log_quote(house, name, text);
        pid = 0;
    }
    if (log >= 0) {
        close(log);
    }
    return pid > 0 ? pid : 0;
}

/* The endpoint behind `endpoint=` in the broker's log. */
static bool endpoint_read(const char *log, char *out, size_t size) {
    const char *at = strstr(log, "endpoint=");
    if (at == NULL) {
        return false;
    }
    at += strlen("endpoint=");
    snprintf(out, size, "%.*s", (int)strcspn(at, " \n"), at);
    return true;
}

int house_open(struct house *house, bool ipc) {
    house->verb = "bench";
    snprintf(house->endpoint, sizeof house->endpoint, "tcp://127.0.0.1:*");
    if (ipc) {
        snprintf(house->folder, sizeof house->folder, "/tmp/wherry-bench.XXXXXX");
        if (mkdtemp(house->folder) == NULL) {
            house->folder[0] = '\0';
            return cli_fail("bench", WHERRY_E_SYSTEM, "cannot make a folder in /tmp");
        }
        snprintf(house->endpoint, sizeof house->endpoint, "ipc://%s/broker", house->folder);
    }
    return house_listen(house);
}

int house_listen(struct house *house) {
    char log[LOG_SIZE];
    const char *store = house->store != NULL ? house->store : "memory:";
    const char *const arguments[] = {"wherry-broker", "--listen", house->endpoint, "--http",
                                     "off",           "--store",  store,           NULL};
    house->broker = program_start(house, "wherry-broker", arguments, log);
    if (house->broker == 0) {
        return CLI_NO_BROKER;
    }
    if (!endpoint_read(log, house->endpoint, sizeof house->endpoint)) {
        return cli_fail(house->verb, WHERRY_E_NO_BROKER, "the broker's log names no endpoint");
    }
    return CLI_DONE;
}

int house_work(struct house *house, int64_t processes) {
    char log[LOG_SIZE];
    char number[24];
    size_t count = 3;
    const char *arguments[HOUSE_ARGUMENTS_MAX + 8] = {"wherry-worker", "--broker", house->endpoint};
    if (processes > 0) {
        snprintf(number, sizeof number, "%lld", (long long)processes);
        arguments[count++] = "--processes";
        arguments[count++] = number;
    }
    for (size_t i = 0; i < house->more_count; i++) {
        arguments[count++] = house->more[i];
    }
    house->worker = program_start(house, "wherry-worker", arguments, log);
    return house->worker == 0 ? CLI_FAILED : CLI_DONE;
}

static void program_stop(pid_t pid) {
    int64_t deadline_us = clock_mono_us() + STOP_MS * INT64_C(1000);
    if (pid <= 0) {
        return;
    }
    kill(pid, SIGTERM);
    while (waitpid(pid, NULL, WNOHANG) == 0) {
        if (clock_mono_us() >= deadline_us) {
            kill(pid, SIGKILL);
            waitpid(pid, NULL, 0);
            return;
        }
        nap();
    }
}

void house_close(struct house *house) {
    program_stop(house->worker);
    program_stop(house->broker);
    if (house->folder[0] != '\0') {
        char path[128];
        static const char *const names[] = {"broker", "broker.lock"};
        for (size_t i = 0; i < 2; i++) {
            snprintf(path, sizeof path, "%s/%s", house->folder, names[i]);
            unlink(path);
        }
        rmdir(house->folder);
    }
    *house = (struct house){0};
}
