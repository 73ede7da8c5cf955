/* SPDX-License-Identifier: MIT
 *
 * List: a doubly linked list of slab records, by index. The links stand inside the record, at
 * `offset`; a record with several pairs of links can be in several lists. Everything is O(1). */
#ifndef WHERRY_LIST_H
#define WHERRY_LIST_H

#include "broker/core/slab.h"

#include <stddef.h>

struct links {
    uint32_t next;
    uint32_t prev;
};

struct list {
    uint32_t head;
    uint32_t tail;
    uint32_t count;
};

static inline struct links *list_links(const struct slab *slab, size_t offset, uint32_t index) {
    return (struct links *)(void *)((uint8_t *)slab_at(slab, index) + offset);
}

static inline uint32_t list_next(const struct slab *slab, size_t offset, uint32_t index) {
    return list_links(slab, offset, index)->next;
}

static inline void list_append(struct list *list, const struct slab *slab, size_t offset,
                               uint32_t index) {
    *list_links(slab, offset, index) = (struct links){.next = 0, .prev = list->tail};
    if (list->tail != 0) {
        list_links(slab, offset, list->tail)->next = index;
    } else {
        list->head = index;
    }
    list->tail = index;
    list->count++;
}

/* Behind `after`; 0: at the front. */
static inline void list_insert(struct list *list, const struct slab *slab, size_t offset,
                               uint32_t after, uint32_t index) {
    uint32_t next = after == 0 ? list->head : list_next(slab, offset, after);
    *list_links(slab, offset, index) = (struct links){.next = next, .prev = after};
    if (after != 0) {
        list_links(slab, offset, after)->next = index;
    } else {
        list->head = index;
    }
    if (next != 0) {
        list_links(slab, offset, next)->prev = index;
    } else {
        list->tail = index;
    }
    list->count++;
}

static inline void list_remove(struct list *list, const struct slab *slab, size_t offset,
                               uint32_t index) {
    struct links *links = list_links(slab, offset, index);
    if (links->prev != 0) {
        list_links(slab, offset, links->prev)->next = links->next;
    } else {
        list->head = links->next;
    }
    if (links->next != 0) {
        list_links(slab, offset, links->next)->prev = links->prev;
    } else {
        list->tail = links->prev;
    }
    *links = (struct links){0, 0};
    list->count--;
}

/* Puts all of `from` in front of `list`; `from` is empty afterwards. */
static inline void list_prepend_all(struct list *list, struct list *from, const struct slab *slab,
                                    size_t offset) {
    if (from->count == 0) {
        return;
    }
    if (list->head != 0) {
        list_links(slab, offset, list->head)->prev = from->tail;
        list_links(slab, offset, from->tail)->next = list->head;
        from->tail = list->tail;
    }
    from->count += list->count;
    *list = *from;
    *from = (struct list){0, 0, 0};
}

#endif
