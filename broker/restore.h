/* SPDX-License-Identifier: MIT
 *
 * The time before the loop: every record of the store into the engine, then the settings of the
 * command line. */
#ifndef WHERRY_RESTORE_H
#define WHERRY_RESTORE_H

#include "broker/core/engine.h"
#include "broker/net/payload.h"
#include "broker/options.h"
#include "broker/store/store.h"

/* OK, or why the store cannot be used (wherry_last_error()). What the engine wants done is
 * appended to `out`. */
wherry_err restore_engine(struct engine *engine, struct store *store,
                          struct payload_store *payloads, const struct options *options,
                          struct effects *out);

#endif
