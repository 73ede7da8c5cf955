/* SPDX-License-Identifier: MIT
 *
 * What /proc knows of a process and its children. */
#include "tests/support/internal.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* State and parent from /proc/PID/stat; false if there is no such process. The command stands in
 * parentheses and may hold anything, so we look from the last one. */
static bool proc_stat(pid_t pid, char *state, pid_t *parent) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    char *text = support_read_file(path);
    const char *end = strrchr(text, ')');
    int parent_pid = 0;
    bool ok = end != NULL && sscanf(end + 1, " %c %d", state, &parent_pid) == 2;
    *parent = parent_pid;
    free(text);
    return ok;
}

static int pid_compare(const void *left, const void *right) {
    pid_t a = *(const pid_t *)left;
    pid_t b = *(const pid_t *)right;
    return (a > b) - (a < b);
}

size_t proc_children(pid_t pid, pid_t *out, size_t capacity) {
    size_t count = 0;
    DIR *folder = opendir("/proc");
    for (struct dirent *entry; folder != NULL && (entry = readdir(folder)) != NULL;) {
        pid_t candidate = (pid_t)strtol(entry->d_name, NULL, 10);
        pid_t parent = 0;
        char state = 'X';
        if (candidate > 0 && count < capacity && proc_stat(candidate, &state, &parent) &&
            parent == pid && state != 'Z' && state != 'X') {
            out[count++] = candidate;
        }
    }
    if (folder != NULL) {
        closedir(folder);
    }
    qsort(out, count, sizeof *out, pid_compare);
    return count;
}

size_t proc_descendants(pid_t pid, pid_t *out, size_t capacity) {
    size_t count = proc_children(pid, out, capacity);
    for (size_t i = 0; i < count; i++) {
        count += proc_children(out[i], out + count, capacity - count);
    }
    return count;
}

bool proc_alive(pid_t pid) {
    char state = 'X';
    pid_t parent = 0;
    return proc_stat(pid, &state, &parent) && state != 'Z' && state != 'X';
}

uint64_t proc_memory_bytes(pid_t pid, const char *field) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    char *text = support_read_file(path);
    const char *at = strstr(text, field);
    uint64_t kib = at != NULL ? strtoull(at + strlen(field) + 1, NULL, 10) : 0;
    free(text);
    return kib * 1024;
}

void proc_wait_gone(struct sandbox *box, pid_t pid) {
    while (proc_alive(pid)) {
        sandbox_pause(box, "the end of a process");
    }
}
