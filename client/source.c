/* SPDX-License-Identifier: MIT
 *
 * Items of a map; see source.h. */
#include "client/source.h"

#include "common/err.h"
#include "common/value.h"

#include <stdlib.h>

wherry_err source_check(const wherry_items *items) {
    if (items->array == NULL && items->count > 0) {
        return err_set(WHERRY_E_INVALID, "items: count is set, but the array is NULL");
    }
    if (items->array == NULL && items->list != NULL &&
        wherry_value_kind(items->list) != WHERRY_LIST) {
        return err_set(WHERRY_E_TYPE, "items.list is no list");
    }
    return WHERRY_OK;
}

/* The next item. `owned`: a value to be released after use, or NULL. */
static wherry_err source_take(struct source *source, const wherry_value **out,
                              wherry_value **owned) {
    const wherry_items *items = &source->items;
    *owned = NULL;
    if (items->array != NULL) {
        if (source->index == items->count) {
            return WHERRY_E_END;
        }
        *out = items->array[source->index];
    } else if (items->list != NULL) {
        if (source->index == wherry_value_count(items->list)) {
            return WHERRY_E_END;
        }
        wherry_err err = wherry_value_at(items->list, source->index, owned);
        if (err != WHERRY_OK) {
            return err;
        }
        *out = *owned;
    } else {
        wherry_err err = items->next == NULL ? WHERRY_E_END : items->next(items->context, owned);
        if (err != WHERRY_OK) {
            return err;
        }
        *out = *owned;
    }
    if (*out == NULL) {
        return err_set(WHERRY_E_INVALID, "item %zu is NULL", source->index);
    }
    source->index++;
    return WHERRY_OK;
}

wherry_err source_next(struct source *source, struct bytes *out) {
    const wherry_value *value = NULL;
    wherry_value *owned = NULL;
    wherry_err err = source_take(source, &value, &owned);
    if (err != WHERRY_OK) {
        return err;
    }
    struct span span = value_span(value);
    if (bytes_reserve(out, span.size)) {
        bytes_append(out, span.data, span.size);
    } else {
        err = err_set(WHERRY_E_NO_MEMORY, "no memory for an item");
    }
    wherry_value_release(&owned);
    return err;
}

static bool source_list_grow(struct source_list *list) {
    size_t capacity = list->capacity == 0 ? 64 : list->capacity * 2;
    struct span *items = realloc(list->items, capacity * sizeof items[0]);
    if (items == NULL) {
        return false;
    }
    list->items = items;
    wherry_value **owned = realloc(list->owned, capacity * sizeof(wherry_value *));
    if (owned == NULL) {
        return false;
    }
    list->owned = owned;
    list->capacity = capacity;
    return true;
}

wherry_err source_read_all(const wherry_items *items, struct source_list *out) {
    struct source source = {.items = *items};
    struct source_list list = {.items = NULL};
    wherry_err err = WHERRY_OK;
    while (err == WHERRY_OK) {
        if (list.count == list.capacity && !source_list_grow(&list)) {
            err = err_set(WHERRY_E_NO_MEMORY, "no memory for %zu items", list.count);
            break;
        }
        const wherry_value *value = NULL;
        err = source_take(&source, &value, &list.owned[list.count]);
        if (err == WHERRY_OK) {
            list.items[list.count++] = value_span(value);
        }
    }
    if (err != WHERRY_E_END) {
        source_list_fini(&list);
        return err;
    }
    *out = list;
    return WHERRY_OK;
}

void source_list_fini(struct source_list *list) {
    for (size_t i = 0; i < list->count; i++) {
        wherry_value_release(&list->owned[i]);
    }
    free(list->items);
    free(list->owned);
    *list = (struct source_list){.items = NULL};
}
