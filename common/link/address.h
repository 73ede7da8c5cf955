/* SPDX-License-Identifier: MIT
 *
 * Addresses: "tcp://host:port,ipc://path,…" taken apart and checked, so that a slip of the keyboard
 * is one clear line at the call and not a connection that never comes. */
#ifndef WHERRY_LINK_ADDRESS_H
#define WHERRY_LINK_ADDRESS_H

#include "common/include/wherry_base.h"

enum { ADDRESSES_MAX = 16 };

struct addresses { /* private */
    char *text;    /* owned: the list with 0 for ',' */
    const char *items[ADDRESSES_MAX];
    size_t count;
};

/* INVALID (wherry_last_error() names the piece and what is wrong), NO_MEMORY. */
wherry_err addresses_parse(const char *text, struct addresses *out);
void addresses_fini(struct addresses *addresses);

#endif
