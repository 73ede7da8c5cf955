/* SPDX-License-Identifier: MIT
 *
 * What a fuzz target is: one function over bytes that must neither crash, hang nor read out of
 * bounds, whatever they are. */
#ifndef WHERRY_FUZZ_H
#define WHERRY_FUZZ_H

#include "common/bytes.h"
#include "common/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
