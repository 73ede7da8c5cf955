/* SPDX-License-Identifier: MIT
 *
 * Levels of a log line; apart from log.h so that pure code can name one without being able to
 * write. */
#ifndef WHERRY_LOG_LEVEL_H
#define WHERRY_LOG_LEVEL_H

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

#endif
