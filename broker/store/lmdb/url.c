/* SPDX-License-Identifier: MIT
 *
 * The URL of an LMDB store; see url.h. The default reserve is four times the payload limit, the
 * default map what no disk of today fills: address space costs nothing. */
#include "broker/store/lmdb/url.h"

#include "common/err.h"
#include "common/flags.h"
#include "common/wire/wire.h"

#include <stdio.h>
#include <string.h>

#define URL_RESERVE (UINT64_C(4) * WIRE_PAYLOAD_MAX)
#define URL_RESERVE_MIN (UINT64_C(1) << 20)
#define URL_MAP (UINT64_C(1) << 40)
#define URL_MAP_MIN (UINT64_C(64) << 20)
#define URL_MAP_MAX (UINT64_C(1) << 46) /* what x86-64 gives a process, by half */

enum { URL_SCHEME = 5 }; /* "lmdb:" */

static bool url_size(const char *text, const char *name, uint64_t min, uint64_t max,
                     uint64_t *out) {
    int64_t size = 0;
    size_t name_size = strlen(name);
    if (strncmp(text, name, name_size) != 0 || !flags_read_size(text + name_size, &size) ||
        (uint64_t)size < min || (uint64_t)size > max) {
        return false;
    }
    *out = (uint64_t)size;
    return true;
}

/* One NAME=SIZE. */
static bool url_setting(const char *text, struct lmdb_url *out) {
    return url_size(text, "reserve=", URL_RESERVE_MIN, URL_MAP_MAX, &out->reserve_bytes) ||
           url_size(text, "map=", URL_MAP_MIN, URL_MAP_MAX, &out->map_bytes);
}

static wherry_err url_settings(const char *text, struct lmdb_url *out) {
    char item[64];
    while (*text != '\0') {
        size_t size = strcspn(text, "&");
        snprintf(item, sizeof item, "%.*s", (int)size, text);
        if (size >= sizeof item || !url_setting(item, out)) {
            return err_set(WHERRY_E_INVALID,
                           "%s: not a setting of lmdb: there is reserve=SIZE (1M at least) and "
                           "map=SIZE (64M at least), joined by &",
                           item);
        }
        text += size + (text[size] == '&');
    }
    return WHERRY_OK;
}

wherry_err lmdb_url_read(const char *url, struct lmdb_url *out) {
    const char *folder = url + URL_SCHEME;
    size_t size = strcspn(folder, "?");
    *out = (struct lmdb_url){.reserve_bytes = URL_RESERVE, .map_bytes = URL_MAP};
    if (size == 0) {
        return err_set(WHERRY_E_INVALID, "lmdb: needs a folder: lmdb:DIR");
    }
    if (size >= sizeof out->folder) {
        return err_set(WHERRY_E_INVALID, "lmdb: the folder's name is too long");
    }
    memcpy(out->folder, folder, size);
    return url_settings(folder + size + (folder[size] == '?'), out);
}
