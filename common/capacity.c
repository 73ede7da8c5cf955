/* SPDX-License-Identifier: MIT
 *
 * Capacity; see capacity.h. */
#include "common/capacity.h"

#include "common/flags.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PIECE_SIZE = 64 };

static bool items_read(const char *text, uint64_t *out) {
    static const struct {
        const char *unit;
        uint64_t factor;
    } units[] = {{"", 1}, {"k", 1000}, {"K", 1000}, {"M", 1000000}, {"G", 1000000000}};
    char *end = NULL;
    errno = 0;
    uint64_t number = strtoull(text, &end, 10);
    if (errno != 0 || text[0] < '0' || text[0] > '9') {
        return false;
    }
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (strcmp(end, units[i].unit) == 0) {
            *out = number * units[i].factor;
            return number <= UINT32_MAX && *out <= UINT32_MAX;
        }
    }
    return false;
}

static bool bytes_read(const char *text, uint64_t *out) {
    int64_t bytes = 0;
    bool ok = flags_read_size(text, &bytes) && bytes >= 0;
    *out = (uint64_t)bytes;
    return ok;
}

static const struct bound {
    const char *name;
    size_t at; /* in struct capacity */
    bool (*read)(const char *text, uint64_t *out);
    const char *wanted;
} bounds[] = {
    {"max", offsetof(struct capacity, items_max), items_read,
     "a number of tasks up to 4,294,967,295, as 5000, 10k or 2M, or \"default\""},
    {"bytes", offsetof(struct capacity, bytes_max), bytes_read,
     "a size, as 65536, 64M or 2G, or \"default\""},
};

enum { BOUNDS = sizeof bounds / sizeof *bounds };

static const struct bound *bound_find(const char *name, char *why) {
    const char *names[BOUNDS];
    for (size_t i = 0; i < BOUNDS; i++) {
        names[i] = bounds[i].name;
        if (strcmp(name, names[i]) == 0) {
            return &bounds[i];
        }
    }
    const char *near = flags_nearest(name, names, BOUNDS);
    if (near != NULL) {
        snprintf(why, CAPACITY_WHY, "%s: did you mean %s=?", name, near);
    } else {
        snprintf(why, CAPACITY_WHY, "%s: there are max=N and bytes=SIZE", name);
    }
    return NULL;
}

/* "NAME=VALUE"; writes into it. */
static bool piece_read(char *piece, struct capacity *out, char *why) {
    char *value = strchr(piece, '=');
    if (value != NULL) {
        *value++ = '\0';
    }
    const struct bound *bound = bound_find(piece, why);
    if (bound == NULL) {
        return false;
    }
    uint64_t *field = (uint64_t *)(void *)((char *)out + bound->at);
    if (*field != 0) {
        snprintf(why, CAPACITY_WHY, "%s is said twice", piece);
        return false;
    }
    if (value != NULL && strcmp(value, "default") == 0) {
        *field = CAPACITY_DEFAULT;
        return true;
    }
    if (value == NULL || !bound->read(value, field)) {
        snprintf(why, CAPACITY_WHY, "%s=%s: %s is wanted", piece, value != NULL ? value : "",
                 bound->wanted);
        return false;
    }
    if (*field == 0) {
        snprintf(why, CAPACITY_WHY,
                 "%s=%s: above 0 is wanted; a queue that shall take nothing is paused", piece,
                 value);
        return false;
    }
    return true;
}

bool capacity_read(const char *text, struct capacity *out, char why[CAPACITY_WHY]) {
    char piece[PIECE_SIZE];
    for (;; text++) {
        size_t size = strcspn(text, ",");
        if (size == 0 || size >= sizeof piece) {
            snprintf(why, CAPACITY_WHY, "max=N,bytes=SIZE or one of them is wanted");
            return false;
        }
        memcpy(piece, text, size);
        piece[size] = '\0';
        if (!piece_read(piece, out, why)) {
            return false;
        }
        text += size;
        if (*text == '\0') {
            return true;
        }
    }
}
