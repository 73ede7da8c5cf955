/* SPDX-License-Identifier: MIT
 *
 * local: addresses. Written as the query of a URL, so that one string in $WHERRY_BROKER says it
 * all. */
#include "client/local_address.h"

#include "common/bounds.h"
#include "common/err.h"

#include <stdlib.h>
#include <string.h>

static const char prefix[] = "local:";

bool local_address_is(const char *address) {
    return strncmp(address, prefix, sizeof prefix - 1) == 0;
}

static bool text_is(const char *text, size_t size, const char *word) {
    return strlen(word) == size && memcmp(text, word, size) == 0;
}

static wherry_err start_read(const char *value, size_t size, struct local_address *out) {
    if (!text_is(value, size, "spawn") && !text_is(value, size, "fork")) {
        return err_set(WHERRY_E_INVALID, "local: start=%.*s: it is spawn or fork", (int)size,
                       value);
    }
    out->start = text_is(value, size, "fork") ? LOCAL_FORK : LOCAL_SPAWN;
    return WHERRY_OK;
}

static wherry_err processes_read(const char *value, size_t size, struct local_address *out) {
    uint32_t number = 0;
    for (size_t i = 0; i < size && number <= BOUND_PROCESSES; i++) {
        bool digit = value[i] >= '0' && value[i] <= '9';
        number = digit ? number * 10 + (uint32_t)(value[i] - '0') : BOUND_PROCESSES + 1;
    }
    if (number < 1 || number > BOUND_PROCESSES) {
        return err_set(WHERRY_E_INVALID, "local: processes=%.*s: it is a number from 1 to %d",
                       (int)size, value, BOUND_PROCESSES);
    }
    out->processes = number;
    return WHERRY_OK;
}

static wherry_err option_read(const char *text, size_t size, struct local_address *out) {
    const char *equals = memchr(text, '=', size);
    size_t key_size = equals != NULL ? (size_t)(equals - text) : size;
    const char *value = equals != NULL ? equals + 1 : text + size;
    size_t value_size = size - (size_t)(value - text);
    if (text_is(text, key_size, "start")) {
        return start_read(value, value_size, out);
    }
    if (text_is(text, key_size, "processes")) {
        return processes_read(value, value_size, out);
    }
    return err_set(WHERRY_E_INVALID,
                   "local: no option \"%.*s\": there are start=spawn|fork and processes=N",
                   (int)key_size, text);
}

wherry_err local_address_read(const char *address, struct local_address *out) {
    *out = (struct local_address){.start = LOCAL_SPAWN};
    const char *at = address + sizeof prefix - 1;
    if (*at != '\0' && *at != '?') {
        return err_set(WHERRY_E_INVALID,
                       "\"%.200s\": behind local: stands nothing, or ?start=fork&processes=4",
                       address);
    }
    wherry_err err = WHERRY_OK;
    while (*at != '\0' && err == WHERRY_OK) {
        size_t size = strcspn(++at, "&");
        err = option_read(at, size, out);
        out->given = true;
        at += size;
    }
    return err;
}
