/* SPDX-License-Identifier: MIT
 *
 * The story behind an error code: one text a thread, told by whoever found the failure.
 *
 *     return err_set(WHERRY_E_TYPE, "item %zu: a string was expected", index);
 *
 * The outer layers may tell it again in their words; wherry_last_error() shows the last telling. */
#ifndef WHERRY_ERR_H
#define WHERRY_ERR_H

#include "common/include/wherry_base.h"

enum { ERR_TEXT_SIZE = 2048 }; /* longer texts are cut */

/* Keeps the text for the calling thread; returns `err`, so that a failure is one statement. */
wherry_err err_set(wherry_err err, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
