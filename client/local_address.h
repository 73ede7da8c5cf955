/* SPDX-License-Identifier: MIT
 *
 * Addresses of the kind local:[?KEY=VALUE[&KEY=VALUE]…]. */
#ifndef WHERRY_CLIENT_LOCAL_ADDRESS_H
#define WHERRY_CLIENT_LOCAL_ADDRESS_H

#include "common/include/wherry_base.h"

enum local_start { LOCAL_SPAWN, LOCAL_FORK };

struct local_address {
    enum local_start start;
    uint32_t processes; /* 0: not given, as many as CPUs */
    bool given;         /* it names an option, be it the default */
};

bool local_address_is(const char *address);
/* INVALID: the text names what may stand there. */
wherry_err local_address_read(const char *address, struct local_address *out);

#endif
