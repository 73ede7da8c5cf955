/* SPDX-License-Identifier: MIT
 *
 * One buffer: the bytes from `start` on are unread. A piece that does not fit makes it larger, up
 * to what a task may carry. */
#include "client/cli/items.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { READ_SIZE = 65536, ITEM_MAX = 64 << 20 };

static bool readable(int fd) {
    struct pollfd look = {.fd = fd, .events = POLLIN};
    return poll(&look, 1, 0) == 1;
}

static bool buffer_room(struct items *items) {
    if (items->start > 0) {
        memmove(items->buffer, items->buffer + items->start, items->used - items->start);
        items->used -= items->start;
        items->start = 0;
    }
    if (items->capacity - items->used >= READ_SIZE) {
        return true;
    }
    if (items->used > ITEM_MAX) {
        errno = EMSGSIZE;
        return false;
    }
    size_t capacity = items->capacity * 2 + 2 * READ_SIZE;
    char *larger = realloc(items->buffer, capacity);
    if (larger == NULL) {
        return false;
    }
    items->buffer = larger;
    items->capacity = capacity;
    return true;
}

static enum items_state read_once(struct items *items) {
    if (items->texts != NULL || items->ended || !readable(items->fd)) {
        return ITEMS_LATER;
    }
    if (!buffer_room(items)) {
        return ITEMS_WRONG;
    }
    ssize_t size = read(items->fd, items->buffer + items->used, READ_SIZE);
    if (size < 0) {
        return errno == EINTR || errno == EAGAIN ? ITEMS_LATER : ITEMS_WRONG;
    }
    items->used += (size_t)size;
    items->ended = size == 0;
    return ITEMS_ONE;
}

enum items_state items_fill(struct items *items) {
    return items->used - items->start < READ_SIZE ? read_once(items) : ITEMS_LATER;
}

static enum items_state item_take(struct items *items, size_t size, size_t skip, char **out) {
    *out = strndup(items->buffer + items->start, size);
    if (*out == NULL) {
        return ITEMS_WRONG;
    }
    if (strlen(*out) < size) {
        free(*out);
        errno = EILSEQ;
        return ITEMS_WRONG;
    }
    items->start += size + skip;
    items->given++;
    return ITEMS_ONE;
}

static enum items_state argument_take(struct items *items, char **out) {
    if (items->given == items->count) {
        return ITEMS_END;
    }
    *out = strdup(items->texts[items->given++]);
    return *out != NULL ? ITEMS_ONE : ITEMS_WRONG;
}

enum items_state items_next(struct items *items, char **out) {
    if (items->texts != NULL) {
        return argument_take(items, out);
    }
    size_t looked = 0;
    for (;;) {
        size_t left = items->used - items->start;
        const char *from = items->buffer + items->start;
        const char *end =
            left > looked ? memchr(from + looked, items->delimiter, left - looked) : NULL;
        if (end != NULL) {
            return item_take(items, (size_t)(end - from), 1, out);
        }
        if (items->ended) {
            return left > 0 ? item_take(items, left, 0, out) : ITEMS_END;
        }
        looked = left;
        enum items_state state = read_once(items);
        if (state != ITEMS_ONE) {
            return state;
        }
    }
}

int items_fd(const struct items *items) {
    bool wanted = items->texts == NULL && !items->ended && items->used - items->start < READ_SIZE;
    return wanted ? items->fd : -1;
}

int64_t items_total(const struct items *items) {
    if (items->texts != NULL) {
        return (int64_t)items->count;
    }
    if (!items->ended) {
        return -1;
    }
    int64_t total = (int64_t)items->given;
    for (size_t at = items->start; at < items->used; at++) {
        total += items->buffer[at] == items->delimiter || at + 1 == items->used;
    }
    return total;
}

void items_fini(struct items *items) {
    free(items->buffer);
    items->buffer = NULL;
}
