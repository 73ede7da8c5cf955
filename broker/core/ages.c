/* SPDX-License-Identifier: MIT
 *
 * Ages: see ages.h. */
#include "broker/core/ages.h"

void ages_note(struct ages *ages, uint64_t arrival, int64_t now_us) {
    if (ages->count > 0 && now_us - ages->marks[ages->count - 1].at_us < AGES_GAP_US) {
        return;
    }
    if (ages->count == AGES_MARKS) {
        for (uint32_t i = 0; i < AGES_MARKS / 2; i++) {
            ages->marks[i] = ages->marks[i * 2];
        }
        ages->count = AGES_MARKS / 2;
    }
    ages->marks[ages->count].arrival = arrival;
    ages->marks[ages->count].at_us = now_us;
    ages->count++;
}

int64_t ages_time_us(const struct ages *ages, uint64_t arrival, int64_t now_us) {
    int64_t at_us = ages->count > 0 ? ages->marks[0].at_us : now_us;
    for (uint32_t i = 0; i < ages->count && ages->marks[i].arrival <= arrival; i++) {
        at_us = ages->marks[i].at_us;
    }
    return at_us;
}
