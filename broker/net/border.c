/* SPDX-License-Identifier: MIT
 *
 * The border's life and its counts; see border.h. Decoding: border_in.c, encoding: border_out.c. */
#include "broker/net/border.h"

#include "broker/net/border_parts.h"
#include "common/check.h"

#include <stdlib.h>

struct border *border_create(const struct border_config *config) {
    struct border *border = calloc(1, sizeof *border);
    CHECK(border != NULL);
    border->config = *config;
    wire_out_init(&border->out);
    return border;
}

void border_destroy(struct border **border_at) {
    struct border *border = *border_at;
    if (border == NULL) {
        return;
    }
    wire_out_fini(&border->out);
    free(border->items.data);
    free(border->places.data);
    free(border->attempts.data);
    free(border);
    *border_at = NULL;
}

struct span border_refusal(const struct border *border) {
    return border->refusal;
}

const struct border_counts *border_counts(const struct border *border) {
    return &border->counts;
}

/* Bucket n holds batches of at most 2^n items. */
void batches_count(struct border_batches *batches, uint32_t items) {
    uint32_t bucket = items <= 1 ? 0 : 32 - (uint32_t)__builtin_clz(items - 1);
    batches->buckets[bucket < BORDER_BUCKETS - 1 ? bucket : BORDER_BUCKETS - 1]++;
    batches->messages++;
    batches->items += items;
}
