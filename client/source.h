/* SPDX-License-Identifier: MIT
 *
 * Source: the items of a map, one after another, whatever form they came in. */
#ifndef WHERRY_CLIENT_SOURCE_H
#define WHERRY_CLIENT_SOURCE_H

#include "client/include/wherry.h"
#include "common/bytes.h"

struct source {
    wherry_items items;
    size_t index;
};

wherry_err source_check(const wherry_items *items);
/* Appends the next item's bytes to `out`. Returns OK, END, INVALID (NULL item), NO_MEMORY, or what
 * the user's `next` says. */
wherry_err source_next(struct source *source, struct bytes *out);

/* All items read into an array, so that their number is known; owned values are kept in it. */
struct source_list {
    struct span *items;
    size_t count;
    size_t capacity;
    wherry_value **owned; /* one an item, or NULL */
};
wherry_err source_read_all(const wherry_items *items, struct source_list *out);
void source_list_fini(struct source_list *list);

#endif
