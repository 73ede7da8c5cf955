/* SPDX-License-Identifier: MIT
 *
 * What border_in.c and border_out.c share: the border itself. */
#ifndef WHERRY_BORDER_PARTS_H
#define WHERRY_BORDER_PARTS_H

#include "broker/net/border.h"

/* Memory for the arrays of the event being decoded; grown as needed, kept for the next one. */
struct scratch {
    void *data;
    size_t capacity;
};

struct border {
    struct border_config config;
    struct border_counts counts;
    struct span refusal;
    struct scratch items; /* submit items, results, runs, function names, held results */
    struct scratch places;
    struct scratch attempts;
    struct wire_out out;
};

void batches_count(struct border_batches *batches, uint32_t items);

#endif
