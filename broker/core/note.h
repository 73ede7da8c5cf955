/* SPDX-License-Identifier: MIT
 *
 * Note: log lines as effects, in logfmt. Ids and tokens are written the way every tool writes them.
 */
#ifndef WHERRY_NOTE_H
#define WHERRY_NOTE_H

#include "broker/core/effect.h"

struct engine;

__attribute__((format(printf, 3, 4))) void note_line(struct engine *engine, enum log_level level,
                                                     const char *format, ...);
/* `event` about a task and a token: msg="event" task=… token=… and what `format` adds. */
__attribute__((format(printf, 6, 7))) void note_task(struct engine *engine, enum log_level level,
                                                     const char *event, uint32_t task,
                                                     struct token token, const char *format, ...);

#endif
