/* SPDX-License-Identifier: MIT
 *
 * Log lines in logfmt, to stderr:
 *
 *     ts=2026-11-21T10:00:00.123Z level=info prog=wherry-broker msg=listening
 *     endpoint=tcp://127.0.0.1:7380
 *
 * $WHERRY_LOG = error | warn | info (default) | debug chooses the level. Under systemd
 * ($JOURNAL_STREAM is stderr) a line begins with `<N>`, its priority, and has no ts. Values are
 * quoted and escaped where needed, so that a stranger's text cannot forge a line. A message that
 * repeats more than 20 times within a second is held back; how often is said when the second is
 * over.
 *
 *     log_event(LOG_INFO, "child died", log_number("pid", pid), log_text("cause", cause));
 *
 * Off levels cost one comparison; their arguments are not evaluated. Any thread. */
#ifndef WHERRY_LOG_H
#define WHERRY_LOG_H

#include "common/bytes.h"
#include "common/id.h"
#include "common/log_level.h"

#include <stdbool.h>
#include <stdint.h>

enum log_field_kind {
    LOG_FIELD_END,
    LOG_FIELD_TEXT,
    LOG_FIELD_NUMBER,
    LOG_FIELD_ID,
    LOG_FIELD_TOKEN,
};

struct log_field {
    const char *key;
    enum log_field_kind kind;
    struct span text;
    int64_t number;
    struct task_id id;
    struct token token;
};

/* Once, before other threads exist. program: static text. */
void log_open(const char *program);
/* Overrides $WHERRY_LOG; false: no such level. */
bool log_set_level(const char *name);
bool log_is_level(const char *name);
bool log_on(enum log_level level);
/* message: one of ours, short, the same for each such event (it is what repeats are counted by). */
void log_write(enum log_level level, const char *message, const struct log_field *fields);
/* A line whose body is logfmt already (the engine's). */
void log_raw(enum log_level level, struct span body);

struct log_field log_text(const char *key, const char *text); /* NULL: left out */
struct log_field log_span(const char *key, struct span text);
struct log_field log_number(const char *key, int64_t number);
struct log_field log_id(const char *key, struct task_id id);
struct log_field log_token(const char *key, struct token token);

#define LOG_FIELDS_END ((struct log_field){.key = NULL, .kind = LOG_FIELD_END})
#define LOG_WRITE_FIELDS(level, message, ...) \
    log_write(level, message, (const struct log_field[]){__VA_ARGS__})
/* log_event(level, message, field, …) */
#define log_event(level, ...) \
    (log_on(level) ? LOG_WRITE_FIELDS(level, __VA_ARGS__, LOG_FIELDS_END) : (void)0)

#endif
