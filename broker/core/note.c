/* SPDX-License-Identifier: MIT
 *
 * Note: log lines; see note.h. They leave at once: a log tells what the engine thought, not what is
 * stored. */
#include "broker/core/note.h"

#include "broker/core/state.h"

#include <stdarg.h>
#include <stdio.h>

enum { NOTE_SIZE = 1024 };

static void note_add(struct engine *engine, enum log_level level, char *text, size_t size) {
    for (size_t i = 0; i < size; i++) { /* a host's label or stderr must not break the line */
        if ((unsigned char)text[i] < ' ') {
            text[i] = ' ';
        }
    }
    effects_trim(engine->out, text, size);
    struct effect *effect = effects_add(engine->out, EFFECT_LOG, 0);
    effect->log.level = level;
    effect->log.text = (struct span){(const uint8_t *)text, size};
}

static size_t note_size(int size, size_t room) {
    return size < 0 ? 0 : (size_t)size < room ? (size_t)size : room - 1;
}

void note_line(struct engine *engine, enum log_level level, const char *format, ...) {
    char *text = effects_alloc(engine->out, NOTE_SIZE);
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(text, NOTE_SIZE, format, arguments);
    va_end(arguments);
    note_add(engine, level, text, note_size(size, NOTE_SIZE));
}

void note_task(struct engine *engine, enum log_level level, const char *event, uint32_t task,
               struct token token, const char *format, ...) {
    char id[ID_TEXT_SIZE];
    task_id_to_text(task_id_of(engine, task), id);
    char *text = effects_alloc(engine->out, NOTE_SIZE);
    size_t size =
        note_size(snprintf(text, NOTE_SIZE, "msg=\"%s\" task=%s token=%llu.%llu", event, id,
                           (unsigned long long)token.epoch, (unsigned long long)token.counter),
                  NOTE_SIZE);
    va_list arguments;
    va_start(arguments, format);
    size +=
        note_size(vsnprintf(text + size, NOTE_SIZE - size, format, arguments), NOTE_SIZE - size);
    va_end(arguments);
    note_add(engine, level, text, size);
}
