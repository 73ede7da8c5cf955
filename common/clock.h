/* SPDX-License-Identifier: MIT
 *
 * The only reader of time. Logic is told the time; only shells ask here. */
#ifndef WHERRY_CLOCK_H
#define WHERRY_CLOCK_H

#include <stdint.h>

int64_t clock_mono_us(void);
int64_t clock_wall_ms(void);

#endif
