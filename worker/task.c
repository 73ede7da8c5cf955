/* SPDX-License-Identifier: MIT
 *
 * What a function sees of its task. Nothing is unpacked or allocated before a function asks for it:
 * a no-op costs neither. */
#include "worker/task.h"

#include "common/err.h"
#include "common/value.h"
#include "common/wire/cursor.h"
#include "common/wire/pack.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TASK_PICTURE_MAX = 512 };

/* ---- arguments ------------------------------------------------------------------------------ */

const wherry_value *wherry_task_args(wherry_task *task) {
    if (task->args_value == NULL) {
        struct bytes list = BYTES_EMPTY;
        pack_array(&list, task->count);
        bytes_append(&list, task->items.data, task->items.size);
        value_copy(&task->args_value, bytes_span(&list));
        bytes_free(&list);
    }
    return task->args_value;
}

const wherry_value *wherry_task_kwargs(wherry_task *task) {
    static const uint8_t none[] = {MSG_FIXMAP};
    if (task->kwargs_value == NULL) {
        struct span map = task->call.kwargs.size > 0 ? task->call.kwargs : (struct span){none, 1};
        value_copy(&task->kwargs_value, map);
    }
    return task->kwargs_value;
}

static wherry_err task_no_memory(void) {
    return err_set(WHERRY_E_NO_MEMORY, "out of memory");
}

/* "is" → "[is]"; the last error of a picture that is too long. */
static wherry_err task_picture(char out[TASK_PICTURE_MAX], const char *format,
                               const char *picture) {
    int size = snprintf(out, TASK_PICTURE_MAX, format, picture);
    return size < TASK_PICTURE_MAX
               ? WHERRY_OK
               : err_set(WHERRY_E_INVALID, "the picture is longer than %d bytes",
                         TASK_PICTURE_MAX - 8);
}

wherry_err wherry_task_read(wherry_task *task, const char *picture, ...) {
    char whole[TASK_PICTURE_MAX];
    if (picture == NULL) {
        return err_set(WHERRY_E_INVALID, "the picture is NULL");
    }
    wherry_err err = task_picture(whole, "[%s]", picture);
    if (err != WHERRY_OK) {
        return err;
    }
    const wherry_value *args = wherry_task_args(task);
    if (args == NULL) {
        return task_no_memory();
    }
    va_list arguments;
    va_start(arguments, picture);
    err = value_read_va(args, whole, arguments);
    va_end(arguments);
    return err;
}

/* Looks the name up by hand: a missing keyword is no failure, and leaves no last error. */
static bool task_has_kwarg(const struct wherry_task *task, struct span name, struct span *out) {
    struct cursor cursor = cursor_of(task->call.kwargs);
    uint32_t pairs;
    if (task->call.kwargs.size == 0 || !cursor_map(&cursor, &pairs)) {
        return false;
    }
    while (pairs-- > 0) {
        struct cursor key = cursor;
        struct span text;
        bool is_text = cursor_str(&key, UINT32_MAX, &text);
        if (!cursor_skip(&cursor, 32)) {
            return false;
        }
        const uint8_t *from = cursor.at;
        if (!cursor_skip(&cursor, 32)) {
            return false;
        }
        if (is_text && span_equal(text, name)) {
            *out = (struct span){from, (size_t)(cursor.at - from)};
            return true;
        }
    }
    return false;
}

static void task_keep(void *data, void *hint) {
    (void)data;
    (void)hint;
}

static wherry_err task_read_kwarg(struct wherry_task *task, struct span item, const char *picture,
                                  va_list arguments) {
    struct task_kwarg *kwarg = calloc(1, sizeof *kwarg);
    if (kwarg == NULL) {
        return task_no_memory();
    }
    wherry_err err = value_adopt(&kwarg->value, item.data, item.size, task_keep, NULL);
    if (err != WHERRY_OK) {
        free(kwarg);
        return err;
    }
    kwarg->next = task->kwargs_read;
    task->kwargs_read = kwarg;
    return value_read_va(kwarg->value, picture, arguments);
}

wherry_err wherry_task_kwarg(wherry_task *task, const char *name, const char *picture, ...) {
    struct span item;
    if (name == NULL || picture == NULL) {
        return err_set(WHERRY_E_INVALID, "name or picture is NULL");
    }
    if (!task_has_kwarg(task, span_of_text(name), &item)) {
        return WHERRY_E_EMPTY;
    }
    va_list arguments;
    va_start(arguments, picture);
    wherry_err err = task_read_kwarg(task, item, picture, arguments);
    va_end(arguments);
    return err;
}

bool task_item(const struct wherry_task *task, uint32_t index, struct span *out) {
    struct cursor cursor = cursor_of(task->items);
    for (uint32_t i = 0; i < task->count; i++) {
        const uint8_t *from = cursor.at;
        if (!cursor_skip(&cursor, 32)) {
            return false;
        }
        if (i == index) {
            *out = (struct span){from, (size_t)(cursor.at - from)};
            return true;
        }
    }
    return false;
}

/* ---- the answer ----------------------------------------------------------------------------- */

wherry_err task_answer(struct wherry_task *task, struct span value) {
    if (task->answer_from + value.size > WIRE_PAYLOAD_MAX) {
        return err_set(WHERRY_E_TOO_LARGE, "the result is larger than %d MiB",
                       WIRE_PAYLOAD_MAX >> 20);
    }
    size_t more = task->answer_from + value.size;
    if (more > task->answer->size && !bytes_reserve(task->answer, more - task->answer->size)) {
        return task_no_memory();
    }
    task->answer->size = task->answer_from;
    bytes_append(task->answer, value.data, value.size);
    task->answered = true;
    task->has_text = false;
    return WHERRY_OK;
}

wherry_err wherry_task_return_value(wherry_task *task, const wherry_value *value) {
    if (value == NULL) {
        return err_set(WHERRY_E_INVALID, "the value is NULL");
    }
    return task_answer(task, value_span(value));
}

wherry_err wherry_task_return_msgpack(wherry_task *task, const void *data, size_t size) {
    struct span value = {data, size};
    uint32_t depth;
    wherry_err err = value_check(value, WIRE_DEPTH_MAX, &depth);
    return err == WHERRY_OK ? task_answer(task, value) : err;
}

wherry_err wherry_task_return(wherry_task *task, const char *picture, ...) {
    wherry_value *value = NULL;
    va_list arguments;
    va_start(arguments, picture);
    wherry_err err = value_build_va(&value, picture, arguments);
    va_end(arguments);
    if (err == WHERRY_OK) {
        err = task_answer(task, value_span(value));
    }
    wherry_value_release(&value);
    return err;
}

static void task_keep_text(struct wherry_task *task, const char *format, va_list arguments) {
    bytes_clear(&task->text);
    task->has_text = true;
    if (!bytes_reserve(&task->text, WIRE_TEXT_MAX)) {
        return;
    }
    int size = vsnprintf((char *)task->text.data, WIRE_TEXT_MAX, format, arguments);
    size = size < 0 ? 0 : size;
    task->text.size = size < WIRE_TEXT_MAX ? (size_t)size : WIRE_TEXT_MAX - 1;
}

wherry_err wherry_task_fail(wherry_task *task, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    task_keep_text(task, format, arguments);
    va_end(arguments);
    return WHERRY_E_TASK_FAILED;
}

wherry_err wherry_task_retry(wherry_task *task, int64_t delay_ms, const char *text) {
    if (delay_ms < 0) {
        wherry_task_fail(task, "wherry_task_retry: a delay of %lld ms", (long long)delay_ms);
        return err_set(WHERRY_E_INVALID, "the delay is negative");
    }
    wherry_task_fail(task, "%s", text != NULL ? text : "");
    task->retry_ms = delay_ms;
    return WHERRY_E_RETRY;
}

/* ---- about the task ------------------------------------------------------------------------- */

static struct wherry_task *task_writable(const wherry_task *task) {
    return (struct wherry_task *)(uintptr_t)task;
}

bool wherry_task_cancelled(const wherry_task *task) {
    atomic_store_explicit(&task_writable(task)->cooperates, true, memory_order_relaxed);
    return task->cancelled(task->context, task->delivery->number);
}

/* The texts are cheap to make, but not free; most functions never ask. Made twice by two threads at
 * once they are the same bytes. */
const char *wherry_task_id(const wherry_task *task) {
    if (task->id_text[0] == '\0') {
        task_id_to_text(task->delivery->id, task_writable(task)->id_text);
    }
    return task->id_text;
}

void wherry_task_attempt(const wherry_task *task, uint64_t *epoch, uint64_t *counter) {
    if (epoch != NULL) {
        *epoch = task->delivery->token.epoch;
    }
    if (counter != NULL) {
        *counter = task->delivery->token.counter;
    }
}

static const char *task_text(char out[WIRE_NAME_MAX + 1], struct span name) {
    if (out[0] == '\0') {
        size_t size = name.size < WIRE_NAME_MAX ? name.size : WIRE_NAME_MAX;
        memcpy(out, name.data, size);
        out[size] = '\0';
    }
    return out;
}

const char *wherry_task_function(const wherry_task *task) {
    return task_text(task_writable(task)->function_text, task->delivery->function);
}

const char *wherry_task_queue(const wherry_task *task) {
    return task_text(task_writable(task)->queue_text, task->delivery->queue);
}

void task_end_item(struct wherry_task *task) {
    wherry_value_release(&task->args_value);
    wherry_value_release(&task->kwargs_value);
    while (task->kwargs_read != NULL) {
        struct task_kwarg *kwarg = task->kwargs_read;
        task->kwargs_read = kwarg->next;
        wherry_value_release(&kwarg->value);
        free(kwarg);
    }
}
