/* SPDX-License-Identifier: MIT
 *
 * Runner. The answer buffer is kept from task to task, so that a no-op allocates nothing; one that
 * grew large goes away with its result. */
#include "worker/runner.h"

#include "common/err.h"
#include "common/wire/cursor.h"
#include "common/wire/pack.h"
#include "worker/builtin.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

void runner_init(struct runner *runner, const struct registry *registry, struct span host,
                 bool (*cancelled)(void *context, uint32_t number), void *context) {
    *runner = (struct runner){.registry = registry,
                              .host = host,
                              .pid = getpid(),
                              .task = {.cancelled = cancelled, .context = context}};
    runner->task.answer = &runner->answer;
}

void runner_fini(struct runner *runner) {
    bytes_free(&runner->answer);
    bytes_free(&runner->task.text);
}

/* ---- failures ------------------------------------------------------------------------------- */

static uint32_t runner_fail(struct runner *runner, uint32_t status, uint32_t code,
                            struct span text) {
    struct wire_failure failure = {.code = code,
                                   .text = text,
                                   .host = runner->host,
                                   .pid = runner->pid,
                                   .retry_ms = runner->task.retry_ms};
    if (text.size > WIRE_TEXT_MAX) {
        failure.text.size = WIRE_TEXT_MAX;
    }
    bytes_clear(&runner->answer);
    wire_put_failure(&runner->answer, &failure);
    return status;
}

/* A function that was told to stop, and did, has not failed: the broker knows what that was for. */
static uint32_t runner_failure_status(const struct wherry_task *task) {
    return task->cancelled(task->context, task->delivery->number) ? WIRE_CANCELLED : WIRE_FAILED;
}

/* What the function said last: its own text, else the last error, else the code in words. */
static uint32_t runner_failed(struct runner *runner, wherry_err err) {
    struct wherry_task *task = &runner->task;
    if (err == WHERRY_E_RETRY && task->retry_ms >= 0) {
        return runner_fail(runner, WIRE_TRY_AGAIN, WHERRY_E_TASK_FAILED, bytes_span(&task->text));
    }
    task->retry_ms = 0;
    uint32_t status = runner_failure_status(task);
    if (task->has_text) {
        return runner_fail(runner, status, WHERRY_E_TASK_FAILED, bytes_span(&task->text));
    }
    char text[2400];
    const char *cause = wherry_last_error();
    snprintf(text, sizeof text, "%s: %s", wherry_task_function(task),
             cause[0] != '\0' ? cause : wherry_err_text(err));
    err_set(WHERRY_OK, "%s", ""); /* the next failure shall not show this one's text */
    return runner_fail(runner, status, WHERRY_E_TASK_FAILED, span_of_text(text));
}

static uint32_t runner_refuse(struct runner *runner, uint32_t code, const char *text) {
    return runner_fail(runner, WIRE_FAILED, code, span_of_text(text));
}

/* ---- one item ------------------------------------------------------------------------------- */

/* A function forked, and its copy returned, too. The task is its parent's: the copy may neither run
 * the next item nor give an answer. */
_Noreturn static void runner_end_copy(const struct runner *runner) {
    fprintf(stderr,
            "%s: a copy of the process, made by fork(), returned from the function; it ends here\n",
            wherry_task_function(&runner->task));
    _exit(1);
}

static wherry_err runner_call(struct runner *runner, const struct registry_entry *entry) {
    struct wherry_task *task = &runner->task;
    task->answered = false;
    atomic_store_explicit(&task->cooperates, false, memory_order_relaxed);
    task->has_text = false;
    task->retry_ms = -1;
    wherry_err err = entry->run != NULL ? entry->run(task) : builtin_command(task, entry->command);
    if (runner->forked) {
        runner_end_copy(runner);
    }
    if (err != WHERRY_OK) {
        return err;
    }
    if (!task->answered) {
        static const uint8_t nil[] = {MSG_NIL};
        task->answer->size = task->answer_from;
        bytes_append(task->answer, nil, sizeof nil);
    }
    task->answer_from = task->answer->size;
    return WHERRY_OK;
}

static void runner_item_end(struct wherry_task *task) {
    if (task->args_value != NULL || task->kwargs_value != NULL || task->kwargs_read != NULL) {
        task_end_item(task);
    }
}

static uint32_t runner_one(struct runner *runner, const struct registry_entry *entry) {
    struct wherry_task *task = &runner->task;
    struct cursor cursor = cursor_of(task->call.args);
    if (!cursor_array(&cursor, &task->count)) {
        return runner_refuse(runner, WHERRY_E_TYPE, "the arguments are no list");
    }
    task->items = (struct span){cursor.at, (size_t)(cursor.end - cursor.at)};
    wherry_err err = runner_call(runner, entry);
    uint32_t status = err == WHERRY_OK ? WIRE_DONE : runner_failed(runner, err);
    runner_item_end(task);
    return status;
}

/* ---- chunks --------------------------------------------------------------------------------- */

/* The next item of a chunk as the arguments of one call. */
static bool runner_chunk_item(struct wherry_task *task, struct cursor *cursor, bool starmap) {
    struct cursor inner = *cursor;
    if (!cursor_skip(cursor, 32)) {
        return false;
    }
    task->count = 1;
    if (starmap && !cursor_array(&inner, &task->count)) {
        return false;
    }
    task->items = (struct span){inner.at, (size_t)(cursor->at - inner.at)};
    return true;
}

static uint32_t runner_chunk(struct runner *runner, const struct registry_entry *entry) {
    struct wherry_task *task = &runner->task;
    struct cursor cursor = cursor_of(task->call.args);
    uint32_t count;
    if (!cursor_array(&cursor, &count)) {
        return runner_refuse(runner, WHERRY_E_TYPE, "the items are no list");
    }
    pack_array(task->answer, count);
    task->answer_from = task->answer->size;
    for (uint32_t i = 0; i < count; i++) {
        if (!runner_chunk_item(task, &cursor, task->call.starmap)) {
            return runner_refuse(runner, WHERRY_E_TYPE, "starmap: an item is no list of arguments");
        }
        wherry_err err = runner_call(runner, entry);
        uint32_t status = err == WHERRY_OK ? WIRE_DONE : runner_failed(runner, err);
        runner_item_end(task);
        if (status != WIRE_DONE) {
            return status;
        }
    }
    return WIRE_DONE;
}

/* ---- a delivery ----------------------------------------------------------------------------- */

static const struct registry_entry *runner_find(struct runner *runner, struct span name) {
    if (runner->last == NULL || !span_equal(runner->last->name, name)) {
        runner->last = registry_find(runner->registry, name);
    }
    return runner->last;
}

static void runner_begin(struct runner *runner, const struct child_task *delivery) {
    struct wherry_task *task = &runner->task;
    bytes_clear(&runner->answer);
    task->delivery = delivery;
    task->answer_from = 0;
    task->retry_ms = 0;
    task->id_text[0] = '\0';
    task->function_text[0] = '\0';
    task->queue_text[0] = '\0';
}

uint32_t runner_run(struct runner *runner, const struct child_task *delivery) {
    struct wherry_task *task = &runner->task;
    runner_begin(runner, delivery);
    if (call_decode(delivery->payload, &task->call) != WHERRY_OK) {
        return runner_refuse(runner, WHERRY_E_TYPE,
                             "the payload is no call ([0, [argument…], {…}]), or an item of a "
                             "starmap is no list of arguments");
    }
    const struct registry_entry *entry = runner_find(runner, delivery->function);
    if (entry == NULL) {
        return runner_refuse(runner, WHERRY_E_NO_FUNCTION,
                             "this worker does not offer the function");
    }
    return task->call.kind == CALL_CHUNK ? runner_chunk(runner, entry) : runner_one(runner, entry);
}
