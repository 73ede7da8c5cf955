/* SPDX-License-Identifier: MIT
 *
 * Answers: sorted arrays; see answers.h. A client that gets its answers in order has one run,
 * whatever the rate. The worst case, every second number refused, is bounded by the window. */
#include "broker/core/answers.h"

#include "common/check.h"

#include <stdlib.h>
#include <string.h>

static void *answers_grow(void *items, uint32_t count, uint32_t *capacity, size_t size) {
    if (count < *capacity) {
        return items;
    }
    *capacity = *capacity == 0 ? 4 : *capacity * 2;
    items = realloc(items, *capacity * size);
    CHECK(items != NULL);
    return items;
}

/* The first run whose end lies beyond `number`, that is: holds it, or lies above it. */
static uint32_t runs_place(const struct runs *runs, uint64_t number) {
    uint32_t low = 0;
    uint32_t high = runs->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        const struct wire_run *run = &runs->items[middle];
        if (run->first + run->count > number) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return low;
}

bool runs_have(const struct runs *runs, uint64_t number) {
    uint32_t at = runs_place(runs, number);
    return at < runs->count && runs->items[at].first <= number;
}

static void runs_remove(struct runs *runs, uint32_t at, uint32_t count) {
    memmove(runs->items + at, runs->items + at + count,
            (runs->count - at - count) * sizeof(*runs->items));
    runs->count -= count;
}

void runs_add_slow(struct runs *runs, uint64_t number) {
    uint32_t at = runs_place(runs, number);
    if (at < runs->count && runs->items[at].first <= number) {
        return;
    }
    bool joins_above = at < runs->count && runs->items[at].first == number + 1;
    bool joins_below = at > 0 && runs->items[at - 1].first + runs->items[at - 1].count == number;
    if (joins_below && joins_above) {
        runs->items[at - 1].count += 1 + runs->items[at].count;
        runs_remove(runs, at, 1);
    } else if (joins_below) {
        runs->items[at - 1].count++;
    } else if (joins_above) {
        runs->items[at].first--;
        runs->items[at].count++;
    } else {
        runs->items = answers_grow(runs->items, runs->count, &runs->capacity, sizeof(*runs->items));
        memmove(runs->items + at + 1, runs->items + at, (runs->count - at) * sizeof(*runs->items));
        runs->items[at] = (struct wire_run){.first = number, .count = 1};
        runs->count++;
    }
}

void runs_append(struct runs *runs, uint64_t first, uint64_t count) {
    runs->items = answers_grow(runs->items, runs->count, &runs->capacity, sizeof(*runs->items));
    runs->items[runs->count++] = (struct wire_run){.first = first, .count = count};
}

void runs_drop_until(struct runs *runs, uint64_t number) {
    uint32_t at = runs_place(runs, number);
    if (at < runs->count && runs->items[at].first <= number) {
        uint64_t gone = number + 1 - runs->items[at].first;
        runs->items[at].first += gone;
        runs->items[at].count -= gone;
        if (runs->items[at].count == 0) {
            at++;
        }
    }
    if (at > 0) {
        runs_remove(runs, 0, at);
    }
}

void runs_fini(struct runs *runs) {
    free(runs->items);
    *runs = (struct runs){NULL, 0, 0};
}

static uint32_t singles_place(const struct answers *answers, uint64_t number) {
    uint32_t low = 0;
    uint32_t high = answers->single_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (answers->singles[middle].number < number) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static const struct answer_single *singles_find(const struct answers *answers, uint64_t number) {
    uint32_t at = singles_place(answers, number);
    bool found = at < answers->single_count && answers->singles[at].number == number;
    return found ? &answers->singles[at] : NULL;
}

enum answer_kind answers_find(const struct answers *answers, uint64_t number, uint32_t *err) {
    if (number <= answers->acked) {
        return ANSWER_ACKED;
    }
    if (answers->accepted.count > 0 && runs_have(&answers->accepted, number)) {
        return ANSWER_ACCEPTED;
    }
    const struct answer_single *single = singles_find(answers, number);
    if (single == NULL) {
        return ANSWER_NONE;
    }
    *err = single->err;
    return ANSWER_SINGLE;
}

uint64_t answers_follow(const struct answers *answers, uint64_t number) {
    const struct answer_single *single = singles_find(answers, number);
    while (single != NULL && single->ahead > 0) {
        number += single->ahead;
        single = singles_find(answers, number);
    }
    return number;
}

void answers_add_single(struct answers *answers, struct answer_single single) {
    if (singles_find(answers, single.number) != NULL) {
        return;
    }
    uint32_t at = singles_place(answers, single.number);
    answers->singles = answers_grow(answers->singles, answers->single_count,
                                    &answers->single_capacity, sizeof(*answers->singles));
    memmove(answers->singles + at + 1, answers->singles + at,
            (answers->single_count - at) * sizeof(*answers->singles));
    answers->singles[at] = single;
    answers->single_count++;
}

bool answers_acknowledge(struct answers *answers, uint64_t acked) {
    if (acked <= answers->acked) {
        return false;
    }
    answers->acked = acked;
    runs_drop_until(&answers->accepted, acked);
    uint32_t gone = singles_place(answers, acked + 1);
    if (gone > 0) {
        memmove(answers->singles, answers->singles + gone,
                (answers->single_count - gone) * sizeof(*answers->singles));
        answers->single_count -= gone;
    }
    return true;
}

uint64_t answers_bytes(const struct answers *answers) {
    return (uint64_t)answers->accepted.count * sizeof(struct wire_run) +
           (uint64_t)answers->single_count * sizeof(struct answer_single);
}

void answers_fini(struct answers *answers) {
    runs_fini(&answers->accepted);
    free(answers->singles);
    *answers = (struct answers){0};
}
