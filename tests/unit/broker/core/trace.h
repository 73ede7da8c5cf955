/* SPDX-License-Identifier: MIT
 *
 * Trace: effects as text, one line each, for tests to compare. */
#ifndef WHERRY_CORE_TRACE_H
#define WHERRY_CORE_TRACE_H

#include "broker/core/effect.h"

#include <stdio.h>

/* Nothing for PUT, DELETE, LOG and the frees. */
void trace_effect(FILE *out, const struct effect *effect);

#endif
