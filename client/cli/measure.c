/* SPDX-License-Identifier: MIT
 *
 * /proc/PID/stat counts in clock ticks of 10 ms, which a run of some seconds does not notice. */
#include "client/cli/measure.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { PROCESSES_MAX = 65536 };

struct process {
    pid_t pid;
    pid_t parent;
    int64_t cpu_us;
    bool inside;
};

int64_t cpu_self_us(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (int64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 +
           usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
}

static bool process_read(const char *name, struct process *out) {
    char path[64];
    char text[1024];
    snprintf(path, sizeof path, "/proc/%.20s/stat", name);
    FILE *file = fopen(path, "re");
    size_t size = file != NULL ? fread(text, 1, sizeof text - 1, file) : 0;
    if (file != NULL) {
        fclose(file);
    }
    text[size] = '\0';
    const char *rest = strrchr(text, ')'); /* the name before it may hold anything */
    int parent;
    unsigned long user;
    unsigned long kernel;
    if (rest == NULL || sscanf(rest + 1, " %*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
                               &parent, &user, &kernel) != 3) {
        return false;
    }
    int64_t ticks = (int64_t)(user + kernel);
    *out = (struct process){.pid = (pid_t)strtol(name, NULL, 10),
                            .parent = parent,
                            .cpu_us = ticks * (1000000 / sysconf(_SC_CLK_TCK))};
    return true;
}

static size_t processes_read(struct process *out, size_t capacity) {
    DIR *folder = opendir("/proc");
    size_t count = 0;
    struct dirent *entry;
    while (folder != NULL && count < capacity && (entry = readdir(folder)) != NULL) {
        if (entry->d_name[0] >= '0' && entry->d_name[0] <= '9') {
            count += process_read(entry->d_name, &out[count]);
        }
    }
    if (folder != NULL) {
        closedir(folder);
    }
    return count;
}

static bool processes_spread(struct process *all, size_t count) { /* false: nobody joined */
    bool grew = false;
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < count && !all[i].inside; j++) {
            all[i].inside = all[j].inside && all[j].pid == all[i].parent;
            grew = grew || all[i].inside;
        }
    }
    return grew;
}

int64_t cpu_tree_us(pid_t root) {
    struct process *all = calloc(PROCESSES_MAX, sizeof *all);
    size_t count = all != NULL && root > 0 ? processes_read(all, PROCESSES_MAX) : 0;
    int64_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        all[i].inside = all[i].pid == root;
    }
    while (processes_spread(all, count)) {
    }
    for (size_t i = 0; i < count; i++) {
        sum += all[i].inside ? all[i].cpu_us : 0;
    }
    free(all);
    return sum;
}

int64_t memory_bytes(pid_t pid) {
    char path[64];
    char line[256];
    int64_t kilobytes = 0;
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    FILE *file = fopen(path, "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        if (sscanf(line, "VmRSS: %" SCNd64, &kilobytes) == 1) {
            break;
        }
    }
    if (file != NULL) {
        fclose(file);
    }
    return kilobytes * 1024;
}

static int sample_compare(const void *a, const void *b) {
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

void samples_sort(double *samples, size_t count) {
    qsort(samples, count, sizeof *samples, sample_compare);
}

double samples_percentile(const double *sorted, size_t count, double percent) {
    if (count == 0) {
        return 0;
    }
    size_t at = (size_t)(percent / 100 * (double)count);
    return sorted[at < count ? at : count - 1];
}
