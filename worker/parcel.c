/* SPDX-License-Identifier: MIT
 *
 * Parcels. One allocation a message holds all its frames; the memory of the last one is used again,
 * so a busy child allocates nothing. */
#include "worker/parcel.h"

#include <stdlib.h>
#include <string.h>

enum { PARCEL_SPARE_MAX = 1024 * 1024 };

void parcels_init(struct parcels *parcels) {
    *parcels = (struct parcels){0};
    parcels->last = &parcels->first;
}

void parcels_fini(struct parcels *parcels) {
    parcels_drop_all(parcels);
    free(parcels->spare);
    parcels->spare = NULL;
}

static struct parcel *parcel_get(struct parcels *parcels, size_t size) {
    struct parcel *parcel = parcels->spare;
    if (parcel != NULL && parcel->capacity >= size) {
        parcels->spare = NULL;
        return parcel;
    }
    size_t capacity = size < 4096 ? 4096 : size;
    parcel = malloc(sizeof(*parcel) + capacity);
    if (parcel != NULL) {
        parcel->capacity = capacity;
    }
    return parcel;
}

static bool parcel_takes(const struct wire_part *parts, size_t frame) {
    return parts != NULL && frame > 0 && parts[frame - 1].release != NULL;
}

static void parcel_fill(struct parcel *parcel, const struct wire_message *message,
                        struct wire_part *parts) {
    uint8_t *at = parcel->data;
    parcel->message.count = message->count;
    for (size_t i = 0; i < message->count; i++) {
        struct span frame = message->frames[i];
        if (parcel_takes(parts, i)) {
            parcel->parts[parcel->part_count++] = parts[i - 1];
            parts[i - 1].release = NULL;
            parcel->message.frames[i] = (struct span){parts[i - 1].data, parts[i - 1].size};
            continue;
        }
        if (frame.size > 0) {
            memcpy(at, frame.data, frame.size);
        }
        parcel->message.frames[i] = (struct span){at, frame.size};
        at += frame.size;
    }
}

struct parcel *parcels_make(struct parcels *parcels, const struct wire_message *message,
                            struct wire_part *parts) {
    size_t size = 0;
    for (size_t i = 0; i < message->count; i++) {
        size += parcel_takes(parts, i) ? 0 : message->frames[i].size;
    }
    struct parcel *parcel = parcel_get(parcels, size);
    if (parcel == NULL) {
        return NULL;
    }
    parcel->part_count = 0;
    parcel_fill(parcel, message, parts);
    parcel->next = NULL;
    memset(&parcel->item, 0, sizeof(parcel->item));
    if (wire_get_deliver(&parcel->message, &parcel->head) != WHERRY_OK) {
        parcels_free(parcels, parcel);
        return NULL;
    }
    parcel->taken = 0;
    return parcel;
}

void parcels_append(struct parcels *parcels, struct parcel *parcel) {
    parcels->count += parcel->head.items.left;
    *parcels->last = parcel;
    parcels->last = &parcel->next;
}

void parcels_free(struct parcels *parcels, struct parcel *parcel) {
    for (uint32_t i = 0; i < parcel->part_count; i++) {
        struct wire_part *part = &parcel->parts[i];
        part->release((void *)(uintptr_t)part->data, part->hint);
    }
    bool better = parcels->spare == NULL || parcels->spare->capacity < parcel->capacity;
    if (parcel->capacity > PARCEL_SPARE_MAX || !better) {
        free(parcel);
        return;
    }
    free(parcels->spare);
    parcels->spare = parcel;
}

struct parcel *parcels_shift(struct parcels *parcels) {
    struct parcel *parcel = parcels->first;
    parcels->count -= parcel->head.items.left;
    parcels->first = parcel->next;
    if (parcels->first == NULL) {
        parcels->last = &parcels->first;
    }
    return parcel;
}

bool parcels_next(struct parcels *parcels, uint32_t *number, struct token *token) {
    struct parcel *parcel = parcels->first;
    if (!wire_next_deliver(&parcel->head.items, &parcel->item)) {
        return false;
    }
    parcels->count--;
    uint32_t taken = parcel->taken++;
    *number = parcel->head.first_slot + taken;
    token->epoch = parcel->head.epoch;
    token->counter = parcel->head.first_counter + taken;
    return true;
}

void parcels_drop_all(struct parcels *parcels) {
    while (parcels->first != NULL) {
        parcels_free(parcels, parcels_shift(parcels));
    }
}
