/* SPDX-License-Identifier: MIT
 *
 * The time before the loop: every record of the store into the engine, then the settings of the
 * command line. Meanwhile /readyz answers with how far it is, and so is every peer that comes:
 * RESTORING, and it tries again. The service manager is told. */
#ifndef WHERRY_RESTORE_H
#define WHERRY_RESTORE_H

#include "broker/core/engine.h"
#include "broker/http/http.h"
#include "broker/net/border.h"
#include "broker/net/router.h"
#include "broker/options.h"
#include "broker/store/store.h"

struct restore_config { /* all borrowed for the call */
    struct engine *engine;
    struct store *store;
    struct payload_store *payloads;
    struct border *border;
    struct router *router;
    struct http *http; /* NULL: off */
    const struct options *options;
};

/* OK, or why the store cannot be used (wherry_last_error()). What the engine wants done is
 * appended to `out`. */
wherry_err restore_engine(const struct restore_config *config, struct effects *out);

/* Why the engine did not take this record in, with its text: REFUSED, it is of an unknown version;
 * PROTOCOL, it is damaged. */
wherry_err restore_refuse(const struct record *record);

#endif
