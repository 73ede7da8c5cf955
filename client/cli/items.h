/* SPDX-License-Identifier: MIT
 *
 * The items of `wherry map`: arguments, or pieces of a file descriptor between line ends. They are
 * read while there is room, never ahead of the buffer, so that an endless pipe is fine; nothing
 * here blocks. */
#ifndef CLI_ITEMS_H
#define CLI_ITEMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum items_state {
    ITEMS_ONE,
    ITEMS_LATER, /* nothing yet: poll items_fd() */
    ITEMS_END,
    ITEMS_WRONG, /* unreadable, longer than an argument may be, or no memory: errno says which */
};

struct items {
    char **texts; /* NULL: from `fd` */
    size_t count;
    int fd;
    char delimiter;
    bool ended; /* the descriptor gave its last byte */
    char *buffer;
    size_t start; /* private from here on */
    size_t used;
    size_t capacity;
    uint64_t given;
};

/* Reads once what the descriptor has ready, if the buffer has room. */
enum items_state items_fill(struct items *items);
/* The next item: allocated, a text without any 0 in it unless that ends it. */
enum items_state items_next(struct items *items, char **out);
/* What to poll for reading; -1: nothing. */
int items_fd(const struct items *items);
/* How many there are in all, if that is known by now; else -1. */
int64_t items_total(const struct items *items);
void items_fini(struct items *items);

#endif
