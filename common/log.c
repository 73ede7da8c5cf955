/* SPDX-License-Identifier: MIT
 *
 * Log lines; see log.h. A line is made in one buffer and leaves with one write(2), so that lines of
 * several threads and processes on one stderr never mix. The only state of the whole library that
 * is global: a program has one stderr.
 *
 * Repeats are counted by (level, message) in a small table under a mutex; a full table only means
 * that the oldest counter begins again. */
#include "common/log.h"

#include "common/clock.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    LINE_SIZE = 4096,   /* longer lines are cut */
    REPEATS = 32,       /* messages counted at once */
    REPEATS_MAX = 20,   /* lines of one message a window */
    REPEAT_WINDOW_US = 1000000,
};

struct repeat {
    uint64_t key;
    int64_t opened_at_us;
    uint32_t written;
    uint32_t held_back;
};

static struct {
    const char *program;
    enum log_level level;
    bool journal;
    pthread_mutex_t lock;
    struct repeat repeats[REPEATS];
} logger = {.program = "wherry", .level = LOG_INFO, .lock = PTHREAD_MUTEX_INITIALIZER};

static const char *const level_names[] = {"error", "warn", "info", "debug"};

struct line {
    size_t size;
    char text[LINE_SIZE];
};

/* ---- pieces of a line ------------------------------------------------------------------------ */

static void line_char(struct line *line, char c) {
    if (line->size < LINE_SIZE - 1) { /* the last byte is for the line feed */
        line->text[line->size++] = c;
    }
}

static void line_text(struct line *line, const char *text) {
    while (*text != '\0') {
        line_char(line, *text++);
    }
}

static bool is_plain(struct span text) {
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        if (c <= ' ' || c == '"' || c == '=' || c == '\\' || c == 0x7f) {
            return false;
        }
    }
    return text.size > 0;
}

static void line_escaped(struct line *line, uint8_t c) {
    static const char hex[] = "0123456789abcdef";
    if (c == '"' || c == '\\') {
        line_char(line, '\\');
        line_char(line, (char)c);
    } else if (c == '\n') {
        line_text(line, "\\n");
    } else if (c == '\t') {
        line_text(line, "\\t");
    } else if (c < ' ' || c == 0x7f) {
        line_text(line, "\\x");
        line_char(line, hex[c >> 4]);
        line_char(line, hex[c & 15]);
    } else {
        line_char(line, (char)c);
    }
}

static void line_value(struct line *line, struct span text) {
    bool plain = is_plain(text);
    if (!plain) {
        line_char(line, '"');
    }
    for (size_t i = 0; i < text.size; i++) {
        line_escaped(line, text.data[i]);
    }
    if (!plain) {
        line_char(line, '"');
    }
}

static void line_number(struct line *line, const char *format, int64_t number) {
    char text[32];
    snprintf(text, sizeof text, format, (long long)number);
    line_text(line, text);
}

static void line_field(struct line *line, const struct log_field *field) {
    char text[ID_TEXT_SIZE];
    if (field->key == NULL) {
        return;
    }
    line_char(line, ' ');
    line_text(line, field->key);
    line_char(line, '=');
    switch (field->kind) {
    case LOG_FIELD_TEXT:
        line_value(line, field->text);
        break;
    case LOG_FIELD_NUMBER:
        line_number(line, "%lld", field->number);
        break;
    case LOG_FIELD_ID:
        task_id_to_text(field->id, text);
        line_text(line, text);
        break;
    case LOG_FIELD_TOKEN:
        line_number(line, "%llx", (int64_t)field->token.epoch);
        line_number(line, ".%llu", (int64_t)field->token.counter);
        break;
    case LOG_FIELD_END:
        break;
    }
}

static void line_begin(struct line *line, enum log_level level) {
    static const char priorities[] = {'3', '4', '6', '7'};
    line->size = 0;
    if (logger.journal) {
        line_char(line, '<');
        line_char(line, priorities[level]);
        line_char(line, '>');
    } else {
        char text[40];
        struct tm broken;
        int64_t now_ms = clock_wall_ms();
        time_t seconds = (time_t)(now_ms / 1000);
        gmtime_r(&seconds, &broken);
        strftime(text, sizeof text, "ts=%Y-%m-%dT%H:%M:%S", &broken);
        line_text(line, text);
        line_number(line, ".%03lldZ ", now_ms % 1000);
    }
    line_text(line, "level=");
    line_text(line, level_names[level]);
    line_text(line, " prog=");
    line_text(line, logger.program);
    line_char(line, ' ');
}

static void line_end(struct line *line) {
    line->text[line->size++] = '\n';
    ssize_t written = write(STDERR_FILENO, line->text, line->size);
    (void)written; /* a log that cannot be written has nowhere to complain */
}

/* ---- repeats --------------------------------------------------------------------------------- */

static uint64_t repeat_key(enum log_level level, struct span message) {
    uint64_t key = UINT64_C(0xcbf29ce484222325) ^ (uint64_t)level; /* FNV-1a */
    for (size_t i = 0; i < message.size; i++) {
        key = (key ^ message.data[i]) * UINT64_C(0x100000001b3);
    }
    return key;
}

static struct repeat *repeat_find(uint64_t key) {
    struct repeat *oldest = &logger.repeats[0];
    for (size_t i = 0; i < REPEATS; i++) {
        struct repeat *repeat = &logger.repeats[i];
        if (repeat->key == key) {
            return repeat;
        }
        if (repeat->opened_at_us < oldest->opened_at_us) {
            oldest = repeat;
        }
    }
    return oldest;
}

/* False: hold this line back. held_back: how many were, in the window that just ended. */
static bool repeat_allows(enum log_level level, struct span message, uint32_t *held_back) {
    uint64_t key = repeat_key(level, message);
    int64_t now_us = clock_mono_us();
    pthread_mutex_lock(&logger.lock);
    struct repeat *repeat = repeat_find(key);
    if (repeat->key != key || now_us - repeat->opened_at_us > REPEAT_WINDOW_US) {
        *held_back = repeat->key == key ? repeat->held_back : 0;
        *repeat = (struct repeat){.key = key, .opened_at_us = now_us};
    }
    bool allowed = repeat->written < REPEATS_MAX;
    repeat->written += allowed;
    repeat->held_back += !allowed;
    pthread_mutex_unlock(&logger.lock);
    return allowed;
}

/* ---- entry ----------------------------------------------------------------------------------- */

/* $JOURNAL_STREAM is "device:inode" of the journal's socket; it counts only if that is our
 * stderr. */
static bool stderr_is_journal(void) {
    const char *text = getenv("JOURNAL_STREAM");
    unsigned long long device = 0;
    unsigned long long inode = 0;
    struct stat status;
    return text != NULL && sscanf(text, "%llu:%llu", &device, &inode) == 2 &&
           fstat(STDERR_FILENO, &status) == 0 && status.st_dev == device && status.st_ino == inode;
}

void log_open(const char *program) {
    logger.program = program;
    logger.journal = stderr_is_journal();
    const char *level = getenv("WHERRY_LOG");
    if (level != NULL && level[0] != '\0' && !log_set_level(level)) {
        log_event(LOG_WARN, "WHERRY_LOG is not a level: error, warn, info or debug",
                  log_text("value", level));
    }
}

static size_t level_find(const char *name) {
    size_t at = 0;
    while (at < sizeof level_names / sizeof *level_names && strcmp(name, level_names[at]) != 0) {
        at++;
    }
    return at;
}

bool log_is_level(const char *name) {
    return level_find(name) < sizeof level_names / sizeof *level_names;
}

bool log_set_level(const char *name) {
    if (!log_is_level(name)) {
        return false;
    }
    logger.level = (enum log_level)level_find(name);
    return true;
}

bool log_on(enum log_level level) {
    return level <= logger.level;
}

void log_write(enum log_level level, const char *message, const struct log_field *fields) {
    struct line line;
    uint32_t held_back = 0;
    struct span text = span_of_text(message);
    if (!log_on(level) || !repeat_allows(level, text, &held_back)) {
        return;
    }
    line_begin(&line, level);
    line_text(&line, "msg=");
    line_value(&line, text);
    for (; fields->kind != LOG_FIELD_END; fields++) {
        line_field(&line, fields);
    }
    if (held_back > 0) {
        line_number(&line, " held_back=%lld", held_back);
    }
    line_end(&line);
}

/* The message of a raw line: what repeats are counted by. It ends where its value does. */
static struct span raw_message(struct span body) {
    bool quoted = body.size > 4 && body.data[4] == '"';
    for (size_t i = quoted ? 5 : 0; i < body.size; i++) {
        if (body.data[i] == (quoted ? '"' : ' ')) {
            return (struct span){body.data, i};
        }
    }
    return body;
}

void log_raw(enum log_level level, struct span body) {
    struct line line;
    uint32_t held_back = 0;
    if (!log_on(level) || !repeat_allows(level, raw_message(body), &held_back)) {
        return;
    }
    line_begin(&line, level);
    for (size_t i = 0; i < body.size; i++) {
        uint8_t c = body.data[i];
        line_char(&line, c < ' ' || c == 0x7f ? ' ' : (char)c);
    }
    if (held_back > 0) {
        line_number(&line, " held_back=%lld", held_back);
    }
    line_end(&line);
}

/* ---- fields ---------------------------------------------------------------------------------- */

struct log_field log_text(const char *key, const char *text) {
    return log_span(text != NULL ? key : NULL, span_of_text(text != NULL ? text : ""));
}

struct log_field log_span(const char *key, struct span text) {
    return (struct log_field){.key = key, .kind = LOG_FIELD_TEXT, .text = text};
}

struct log_field log_number(const char *key, int64_t number) {
    return (struct log_field){.key = key, .kind = LOG_FIELD_NUMBER, .number = number};
}

struct log_field log_id(const char *key, struct task_id id) {
    return (struct log_field){.key = key, .kind = LOG_FIELD_ID, .id = id};
}

struct log_field log_token(const char *key, struct token token) {
    return (struct log_field){.key = key, .kind = LOG_FIELD_TOKEN, .token = token};
}
