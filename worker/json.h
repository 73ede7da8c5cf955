/* SPDX-License-Identifier: MIT
 *
 * JSON at the border to outside commands: arguments go out as JSON, what comes back is read as
 * JSON.
 *
 *     MessagePack        JSON
 *     nil, bool          null, true, false
 *     integer            integer
 *     real               number; infinite and NaN: null
 *     string             string; bytes that are not UTF-8 become U+FFFD
 *     bytes              string in base64
 *     list               array
 *     map                object; a key that is no string is written as its JSON text
 *     extension          null
 */
#ifndef WHERRY_WORKER_JSON_H
#define WHERRY_WORKER_JSON_H

#include "common/bytes.h"

#include <stdbool.h>

/* Appends the JSON of one MessagePack value; false: it is none, or deeper than 16. Then `out` holds
 * nonsense. */
bool json_write(struct bytes *out, struct span value);

/* Appends the MessagePack of one JSON text; false: it is none (or too deep, or out of an integer's
 * range); then nothing was appended. */
bool json_read(struct bytes *out, struct span text);

/* Is it UTF-8 throughout? */
bool json_is_text(struct span text);

#endif
