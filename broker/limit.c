/* SPDX-License-Identifier: MIT
 *
 * Memory limits from the places where Linux keeps them: the machine's size, cgroup v2's memory.max
 * of our group and of every group above it, cgroup v1's memory.limit_in_bytes. What is not there
 * limits nothing. */
#include "broker/limit.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { PATH_SIZE = 4096 };

static uint64_t smaller(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

/* The number in a file, UINT64_MAX if there is none ("max", no such file). */
static uint64_t read_number(const char *path) {
    uint64_t number = UINT64_MAX;
    FILE *file = fopen(path, "re");
    if (file != NULL) {
        if (fscanf(file, "%" SCNu64, &number) != 1) {
            number = UINT64_MAX;
        }
        fclose(file);
    }
    return number;
}

/* Our group in the unified hierarchy: the line "0::/path"; "" if there is none. */
static void read_group(char *out, size_t size) {
    char line[PATH_SIZE];
    FILE *file = fopen("/proc/self/cgroup", "re");
    out[0] = '\0';
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, "0::", 3) == 0) {
            snprintf(out, size, "%.*s", (int)strcspn(line + 3, "\n"), line + 3);
        }
    }
    if (file != NULL) {
        fclose(file);
    }
}

static uint64_t group_limit(void) {
    char group[PATH_SIZE];
    char path[PATH_SIZE + 64];
    uint64_t limit = read_number("/sys/fs/cgroup/memory/memory.limit_in_bytes");
    read_group(group, sizeof group);
    for (;;) {
        snprintf(path, sizeof path, "/sys/fs/cgroup%s/memory.max", group);
        limit = smaller(limit, read_number(path));
        char *slash = strrchr(group, '/');
        if (slash == NULL) {
            return limit;
        }
        *slash = '\0';
    }
}

uint64_t limit_memory_bytes(void) {
    uint64_t machine = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
    return smaller(machine, group_limit());
}
