/* SPDX-License-Identifier: MIT
 *
 * Pictures: the grammar of the strings that describe values (wherry_base.h), apart from what is
 * done with them.
 *
 *     picture_check() accepts the whole picture first; after it, building and reading meet no bad
 *     letter, no open bracket, no key that is a list, no depth beyond the bound.
 *
 * A picture comes from a programmer, but perhaps through a script: a bad one is INVALID and never a
 * crash. What the picture promises about the arguments behind it cannot be checked in C. */
#ifndef WHERRY_PICTURE_H
#define WHERRY_PICTURE_H

#include "common/include/wherry_base.h"

#include <stdarg.h>

enum picture_use {
    PICTURE_BUILD, /* one item */
    PICTURE_READ,  /* one item; '*' skips */
    PICTURE_CALL,  /* any number of items, then perhaps ';' and keyword items */
};

/* Returns OK, INVALID (wherry_last_error() names the letter). */
wherry_err picture_check(const char *picture, enum picture_use use);

/* Items from here to the bracket, ';' or end that closes this level. */
uint32_t picture_count(const char *at);

/* The next letter that is no white space, without consuming it; 0 at the end. */
char picture_peek(const char **at);
char picture_next(const char **at);

/* A va_list that functions can share: passed by pointer, which a bare one cannot on every
 * machine. */
struct picture_args {
    va_list list;
};

#endif
