/* SPDX-License-Identifier: MIT
 *
 * clock_gettime, and nothing else; see clock.h. */
#include "common/clock.h"

#include <time.h>

int64_t clock_mono_us(void) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return (int64_t)at.tv_sec * 1000000 + at.tv_nsec / 1000;
}

int64_t clock_wall_ms(void) {
    struct timespec at;
    clock_gettime(CLOCK_REALTIME, &at);
    return (int64_t)at.tv_sec * 1000 + at.tv_nsec / 1000000;
}
