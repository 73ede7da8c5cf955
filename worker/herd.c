/* SPDX-License-Identifier: MIT
 *
 * Herd. What children write to stderr is passed on whole reads at a time and only while our own
 * stderr takes it: otherwise the pipe fills and the child waits, as it would without us, and
 * reaping goes on.
 *
 * What a dead child leaves behind: first its process group is killed, then whatever was handed to
 * us as the nearest subreaper. All our direct children that are not in the list are such orphans.
 */
#include "worker/herd.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    HERD_READ_BYTES = 4096,
    HERD_BLOCKED_MS = 20,
    HERD_PIPE_MAX = 1024 * 1024, /* what a pipe holds at most, without privileges */
};

/* ---- out of memory -------------------------------------------------------------------------- */

/* How often the kernel killed for memory in our cgroup; 0 where that cannot be read. */
static uint64_t herd_oom_kills(void) {
    char path[512] = "/sys/fs/cgroup";
    char line[384];
    FILE *file = fopen("/proc/self/cgroup", "re");
    if (file == NULL) {
        return 0;
    }
    while (fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, "0::/", 4) == 0) {
            line[strcspn(line, "\n")] = '\0';
            snprintf(path, sizeof path, "/sys/fs/cgroup%s/memory.events", line + 3);
        }
    }
    fclose(file);
    file = fopen(path, "re");
    uint64_t kills = 0;
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, "oom_kill ", 9) == 0) {
            kills = strtoull(line + 9, NULL, 10);
        }
    }
    if (file != NULL) {
        fclose(file);
    }
    return kills;
}

static bool herd_out_of_memory(struct herd *herd, int status) {
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL) {
        return false;
    }
    uint64_t kills = herd_oom_kills();
    bool more = kills > herd->oom_kills;
    herd->oom_kills = kills;
    return more;
}

/* ---- the list ------------------------------------------------------------------------------- */

void herd_init(struct herd *herd) {
    memset(herd, 0, sizeof *herd);
    herd->oom_kills = herd_oom_kills();
}

void herd_abandon(struct herd *herd) {
    for (uint32_t i = 0; i < herd->count; i++) {
        if (herd->children[i] != NULL && herd->children[i]->pid != 0) {
            close(herd->children[i]->err_fd);
        }
    }
}

void herd_add(struct herd *herd, uint32_t place, pid_t pid, int err_fd) {
    if (herd->children[place] == NULL) {
        herd->children[place] = malloc(sizeof *herd->children[place]);
    }
    struct herd_child *child = herd->children[place];
    if (child == NULL) {
        abort();
    }
    child->pid = pid;
    child->err_fd = err_fd;
    child->tail_size = 0;
    fcntl(err_fd, F_SETFL, O_NONBLOCK);
    if (place >= herd->count) {
        herd->count = place + 1;
    }
}

void herd_signal(struct herd *herd, uint32_t place, pid_t pid, int signal) {
    const struct herd_child *child = place < herd->count ? herd->children[place] : NULL;
    if (child != NULL && child->pid > 0 && (pid == 0 || child->pid == pid)) {
        kill(-child->pid, signal);
    }
}

void herd_kill_all(struct herd *herd) {
    for (uint32_t i = 0; i < herd->count; i++) {
        if (herd->children[i] != NULL && herd->children[i]->pid != 0) {
            kill(-herd->children[i]->pid, SIGKILL);
        }
    }
}

static struct herd_child *herd_find(struct herd *herd, pid_t pid, uint32_t *place) {
    for (uint32_t i = 0; i < herd->count; i++) {
        if (herd->children[i] != NULL && herd->children[i]->pid == pid) {
            *place = i;
            return herd->children[i];
        }
    }
    return NULL;
}

/* ---- stderr --------------------------------------------------------------------------------- */

static void herd_keep(struct herd_child *child, const char *text, size_t size) {
    size_t room = sizeof child->tail - child->tail_size;
    if (size > HERD_TAIL_BYTES) {
        text += size - HERD_TAIL_BYTES;
        size = HERD_TAIL_BYTES;
    }
    if (size > room) {
        size_t keep = HERD_TAIL_BYTES < child->tail_size ? HERD_TAIL_BYTES : child->tail_size;
        memmove(child->tail, child->tail + child->tail_size - keep, keep);
        child->tail_size = keep;
    }
    memcpy(child->tail + child->tail_size, text, size);
    child->tail_size += size;
}

static bool herd_may_write(void) {
    struct pollfd item = {STDERR_FILENO, POLLOUT, 0};
    return poll(&item, 1, 0) == 1; /* room for PIPE_BUF, or an error that a write returns at once */
}

/* One read, passed on; its size. 0: nothing there, or no room for it. */
static size_t herd_pass(struct herd *herd, struct herd_child *child) {
    char text[HERD_READ_BYTES];
    herd->blocked = !herd_may_write();
    if (herd->blocked) {
        return 0;
    }
    ssize_t size = read(child->err_fd, text, sizeof text);
    if (size <= 0) {
        return 0;
    }
    herd_keep(child, text, (size_t)size);
    ssize_t written = write(STDERR_FILENO, text, (size_t)size);
    (void)written;
    return (size_t)size;
}

size_t herd_poll(const struct herd *herd, struct pollfd *items) {
    size_t count = 0;
    for (uint32_t i = 0; i < herd->count; i++) {
        const struct herd_child *child = herd->children[i];
        bool listen = child != NULL && child->pid != 0 && child->err_fd >= 0 && !herd->blocked;
        items[count++] = (struct pollfd){listen ? child->err_fd : -1, POLLIN, 0};
    }
    return count;
}

void herd_listen(struct herd *herd, const struct pollfd *items, size_t count) {
    herd->blocked = false;
    for (uint32_t i = 0; i < count; i++) {
        struct herd_child *child = herd->children[i];
        if (items[i].fd < 0 || items[i].revents == 0 || child->err_fd != items[i].fd) {
            continue;
        }
        if ((items[i].revents & POLLIN) != 0) {
            herd_pass(herd, child);
        } else {
            close(child->err_fd); /* the child closed its stderr */
            child->err_fd = -1;
        }
    }
}

int herd_timeout_ms(const struct herd *herd) {
    return herd->blocked ? HERD_BLOCKED_MS : -1;
}

/* ---- the end of a child --------------------------------------------------------------------- */

/* Kills every process that was handed to us. They are reaped when their SIGCHLD comes. */
static void herd_kill_orphans(struct herd *herd) {
    char path[64];
    snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
    FILE *file = fopen(path, "re");
    long pid;
    uint32_t place;
    while (file != NULL && fscanf(file, "%ld", &pid) == 1) {
        if (herd_find(herd, (pid_t)pid, &place) == NULL) {
            kill((pid_t)pid, SIGKILL);
        }
    }
    if (file != NULL) {
        fclose(file);
    }
}

/* What stood in the pipe at its end, and no more: a process that it left behind may go on writing
 * for ever. */
static void herd_last_words(struct herd *herd, struct herd_child *child) {
    size_t rest = 0;
    size_t passed;
    if (child->err_fd < 0) {
        return;
    }
    while (rest < HERD_PIPE_MAX && (passed = herd_pass(herd, child)) > 0) {
        rest += passed;
    }
    char text[HERD_READ_BYTES];
    ssize_t size;
    while (rest < HERD_PIPE_MAX && (size = read(child->err_fd, text, sizeof text)) > 0) {
        herd_keep(child, text, (size_t)size); /* our stderr is stuck: keep, at least */
        rest += (size_t)size;
    }
    close(child->err_fd);
    child->err_fd = -1;
}

/* The last whole lines of at most HERD_TAIL_BYTES. */
static void herd_tail(const struct herd_child *child, struct post *letter) {
    const char *text = child->tail;
    size_t size = child->tail_size;
    if (size > HERD_TAIL_BYTES) {
        text += size - HERD_TAIL_BYTES;
        size = HERD_TAIL_BYTES;
        const char *line = memchr(text, '\n', size);
        if (line != NULL && (size_t)(line + 1 - text) < size) {
            size -= (size_t)(line + 1 - text);
            text = line + 1;
        }
    }
    memcpy(letter->text, text, size);
    letter->text_size = size;
}

/* A child that ended and is not reaped yet, or 0. */
static pid_t herd_ended(void) {
    siginfo_t info = {0};
    return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 ? info.si_pid : 0;
}

bool herd_reap(struct herd *herd, struct post *letter) {
    int status;
    struct rusage usage;
    pid_t pid;
    uint32_t place = 0;
    while ((pid = herd_ended()) > 0) {
        kill(-pid, SIGKILL); /* still a zombie: the number is nobody else's */
        wait4(pid, &status, 0, &usage);
        struct herd_child *child = herd_find(herd, pid, &place);
        if (child == NULL) {
            herd_kill_orphans(herd); /* its own children are ours now */
            continue;
        }
        child->pid = 0;
        herd_kill_orphans(herd);
        memset(letter, 0, sizeof *letter);
        letter->kind = POST_DIED;
        letter->place = place;
        letter->pid = pid;
        letter->status = status;
        letter->rss_peak_bytes = (uint64_t)usage.ru_maxrss * 1024;
        letter->out_of_memory = herd_out_of_memory(herd, status);
        herd_last_words(herd, child);
        herd_tail(child, letter);
        return true;
    }
    return false;
}
