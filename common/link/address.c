/* SPDX-License-Identifier: MIT
 *
 * Addresses; see address.h. libzmq would find some of these mistakes itself, but says only
 * "Invalid argument", and of an ipc path that is too long nothing until nobody answers. */
#include "common/link/address.h"

#include "common/err.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

/* A name, an IPv4 address, or an IPv6 address in brackets. */
static bool address_host_ok(const char *host, size_t size) {
    bool literal = size > 2 && host[0] == '[' && host[size - 1] == ']';
    const char *marks = literal ? ":.%" : ".-_";
    size_t skip = literal ? 1 : 0;
    for (size_t i = skip; i < size - skip; i++) {
        if (!isalnum((unsigned char)host[i]) && strchr(marks, host[i]) == NULL) {
            return false;
        }
    }
    return size > 0;
}

static wherry_err address_check_tcp(const char *item) {
    const char *host = item + strlen("tcp://");
    const char *colon = strrchr(host, ':');
    if (colon == NULL || !address_host_ok(host, (size_t)(colon - host)) ||
        !isdigit((unsigned char)colon[1])) {
        return err_set(WHERRY_E_INVALID, "address \"%s\": expected tcp://host:port", item);
    }
    char *end = NULL;
    long port = strtol(colon + 1, &end, 10);
    if (*end != 0 || port < 1 || port > 65535) {
        return err_set(WHERRY_E_INVALID, "address \"%s\": the port must be 1 to 65535", item);
    }
    return WHERRY_OK;
}

static wherry_err address_check_ipc(const char *item) {
    size_t size = strlen(item + strlen("ipc://"));
    size_t size_max = sizeof((struct sockaddr_un *)NULL)->sun_path - 1;
    if (size == 0 || strcmp(item, "ipc://@") == 0) {
        return err_set(WHERRY_E_INVALID, "address \"%s\": expected ipc://path", item);
    }
    if (size > size_max) {
        return err_set(WHERRY_E_INVALID, "address \"%s\": the path is longer than %zu bytes", item,
                       size_max);
    }
    return WHERRY_OK;
}

static wherry_err address_check(const char *item) {
    for (const char *at = item; *at != 0; at++) {
        if (isspace((unsigned char)*at)) {
            return err_set(WHERRY_E_INVALID, "address \"%s\": contains white space", item);
        }
    }
    if (strncmp(item, "tcp://", strlen("tcp://")) == 0) {
        return address_check_tcp(item);
    }
    if (strncmp(item, "ipc://", strlen("ipc://")) == 0) {
        return address_check_ipc(item);
    }
    return err_set(WHERRY_E_INVALID, "address \"%s\": expected tcp://host:port or ipc://path",
                   item);
}

static wherry_err addresses_split(struct addresses *addresses) {
    char *at = addresses->text;
    while (at != NULL) {
        char *comma = strchr(at, ',');
        if (comma != NULL) {
            *comma = 0;
        }
        if (addresses->count == ADDRESSES_MAX) {
            return err_set(WHERRY_E_INVALID, "more than %d addresses", (int)ADDRESSES_MAX);
        }
        wherry_err err = address_check(at);
        if (err != WHERRY_OK) {
            return err;
        }
        addresses->items[addresses->count++] = at;
        at = comma == NULL ? NULL : comma + 1;
    }
    return WHERRY_OK;
}

wherry_err addresses_parse(const char *text, struct addresses *out) {
    struct addresses addresses = {.text = strdup(text)};
    if (addresses.text == NULL) {
        return err_set(WHERRY_E_NO_MEMORY, "addresses: out of memory");
    }
    wherry_err err = addresses_split(&addresses);
    if (err != WHERRY_OK) {
        addresses_fini(&addresses);
        return err;
    }
    *out = addresses;
    return WHERRY_OK;
}

void addresses_fini(struct addresses *addresses) {
    free(addresses->text);
    *addresses = (struct addresses){.text = NULL};
}
