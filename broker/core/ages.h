/* SPDX-License-Identifier: MIT
 *
 * Ages: a few marks "arrival number n was at time t". They give the age of a queue's oldest task
 * without a time in every task. When the table is full every second mark goes: old ages get
 * coarser, never wrong by more than the gap between two marks. */
#ifndef WHERRY_AGES_H
#define WHERRY_AGES_H

#include <stdint.h>

enum { AGES_MARKS = 256, AGES_GAP_US = 10000 };

struct ages {
    struct {
        uint64_t arrival;
        int64_t at_us;
    } marks[AGES_MARKS];
    uint32_t count;
};

void ages_note(struct ages *ages, uint64_t arrival, int64_t now_us);
/* When `arrival` came, about; too early by at most the gap between two marks. */
int64_t ages_time_us(const struct ages *ages, uint64_t arrival, int64_t now_us);

#endif
