/* SPDX-License-Identifier: MIT
 *
 * Built-in functions and outside commands. wherry.noop and wherry.echo copy bytes and look at
 * nothing: they are what the benchmarks run. */
#include "worker/builtin.h"

#include "common/clock.h"
#include "common/err.h"
#include "common/wire/cursor.h"
#include "common/wire/pack.h"
#include "worker/exec.h"
#include "worker/json.h"
#include "worker/task.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

enum { BUILTIN_LOOK_US = 50000, BUILTIN_TRY_AGAIN = 75, BUILTIN_ARGS_MAX = 65536 };

static wherry_err builtin_noop(wherry_task *task) {
    (void)task;
    return WHERRY_OK;
}

static wherry_err builtin_echo(wherry_task *task) {
    if (task->count == 1) {
        return task_answer(task, task->items);
    }
    return wherry_task_return_value(task, wherry_task_args(task));
}

/* ---- sleep ---------------------------------------------------------------------------------- */

static wherry_err builtin_sleep_us(wherry_task *task, int64_t *out) {
    int64_t ms = 0;
    double seconds = 0;
    wherry_err err = wherry_task_kwarg(task, "ms", "i", &ms);
    if (err == WHERRY_E_EMPTY) {
        err = wherry_task_read(task, "d", &seconds);
    } else if (err == WHERRY_OK) {
        seconds = (double)ms / 1000;
        err = wherry_task_read(task, "");
    }
    if (err != WHERRY_OK) {
        return err;
    }
    if (!(seconds >= 0 && seconds <= 1e9)) {
        return wherry_task_fail(task, "wherry.sleep: %g seconds; 0 to 1e9 are allowed", seconds);
    }
    *out = (int64_t)(seconds * 1e6);
    return WHERRY_OK;
}

static wherry_err builtin_sleep(wherry_task *task) {
    int64_t sleep_us = 0;
    wherry_err err = builtin_sleep_us(task, &sleep_us);
    if (err != WHERRY_OK) {
        return err;
    }
    int64_t until_us = clock_mono_us() + sleep_us;
    for (int64_t left_us = sleep_us; left_us > 0; left_us = until_us - clock_mono_us()) {
        if (wherry_task_cancelled(task)) {
            return wherry_task_fail(task, "wherry.sleep: cancelled");
        }
        int64_t slice_us = left_us < BUILTIN_LOOK_US ? left_us : BUILTIN_LOOK_US;
        struct timespec slice = {0, slice_us * 1000};
        nanosleep(&slice, NULL);
    }
    return WHERRY_OK;
}

/* ---- outside commands ----------------------------------------------------------------------- */

static bool builtin_stop(void *context) {
    return wherry_task_cancelled(context);
}

struct builtin_environment {
    char id[64];
    char attempt[64];
    char *list[3];
};

static void builtin_environment(const wherry_task *task, struct builtin_environment *out) {
    uint64_t epoch;
    uint64_t counter;
    wherry_task_attempt(task, &epoch, &counter);
    snprintf(out->id, sizeof out->id, "WHERRY_TASK_ID=%s", wherry_task_id(task));
    snprintf(out->attempt, sizeof out->attempt, "WHERRY_ATTEMPT=%" PRIu64 ".%" PRIu64, epoch,
             counter);
    out->list[0] = out->id;
    out->list[1] = out->attempt;
    out->list[2] = NULL;
}

static wherry_err builtin_run(wherry_task *task, char *const *argv, const struct span *input,
                              struct exec_outcome *outcome) {
    struct builtin_environment environment;
    builtin_environment(task, &environment);
    struct exec_job job = {.argv = argv,
                           .input = input,
                           .environment = environment.list,
                           .stop = builtin_stop,
                           .context = task};
    wherry_err err = exec_run(&job, outcome);
    if (err != WHERRY_OK) {
        return wherry_task_fail(task, "%s", wherry_last_error());
    }
    if (outcome->stopped) {
        return wherry_task_fail(task, "%s: stopped, the task was cancelled", argv[0]);
    }
    return WHERRY_OK;
}

/* "exit code 3", "killed by SIGKILL". */
static void builtin_ending(int status, char *out, size_t size) {
    if (WIFSIGNALED(status)) {
        const char *name = sigabbrev_np(WTERMSIG(status));
        snprintf(out, size, "killed by SIG%s", name != NULL ? name : "?");
    } else {
        snprintf(out, size, "exit code %d", WEXITSTATUS(status));
    }
}

static struct span builtin_trimmed(const struct bytes *text) {
    struct span span = bytes_span(text);
    while (span.size > 0 && (span.data[span.size - 1] == '\n' || span.data[span.size - 1] == ' ')) {
        span.size--;
    }
    return span;
}

static wherry_err builtin_command_failed(wherry_task *task, const struct exec_outcome *outcome) {
    char ending[48];
    struct span tail = builtin_trimmed(&outcome->tail);
    builtin_ending(outcome->status, ending, sizeof ending);
    bool again = WIFEXITED(outcome->status) && WEXITSTATUS(outcome->status) == BUILTIN_TRY_AGAIN;
    wherry_err err =
        wherry_task_fail(task, "%s: %s%s%.*s", wherry_task_function(task), ending,
                         tail.size > 0 ? ": " : "", (int)tail.size, (const char *)tail.data);
    if (!again) {
        return err;
    }
    task->retry_ms = 0; /* the broker's rule: 1, 2, 4 … 60 s */
    return WHERRY_E_RETRY;
}

static wherry_err builtin_answer(wherry_task *task, const struct exec_outcome *outcome) {
    struct bytes value = BYTES_EMPTY;
    struct span text = bytes_span(&outcome->out);
    if (!json_read(&value, text)) {
        if (text.size > 0 && text.data[text.size - 1] == '\n') {
            text.size--;
        }
        if (json_is_text(text)) {
            pack_text(&value, text, SIZE_MAX);
        } else {
            pack_bin(&value, text);
        }
    }
    wherry_err err = task_answer(task, bytes_span(&value));
    bytes_free(&value);
    return err;
}

static wherry_err builtin_arguments(wherry_task *task, struct bytes *out) {
    struct span kwargs = task->call.kwargs;
    if (kwargs.size > 1) {
        return wherry_task_fail(task, "%s is an outside command: it takes no keyword arguments",
                                wherry_task_function(task));
    }
    struct bytes list = BYTES_EMPTY;
    pack_array(&list, task->count);
    bytes_append(&list, task->items.data, task->items.size);
    bool whole = json_write(out, bytes_span(&list));
    bytes_free(&list);
    bytes_append(out, "\n", 1);
    return whole ? WHERRY_OK
                 : wherry_task_fail(task, "%s: the arguments cannot be written as JSON",
                                    wherry_task_function(task));
}

wherry_err builtin_command(wherry_task *task, char *const *command) {
    struct bytes arguments = BYTES_EMPTY;
    struct exec_outcome outcome = {0};
    wherry_err err = builtin_arguments(task, &arguments);
    if (err == WHERRY_OK) {
        struct span input = bytes_span(&arguments);
        err = builtin_run(task, command, &input, &outcome);
        if (err == WHERRY_OK) {
            err = outcome.status == 0 ? builtin_answer(task, &outcome)
                                      : builtin_command_failed(task, &outcome);
        }
        exec_outcome_fini(&outcome);
    }
    bytes_free(&arguments);
    return err;
}

/* ---- wherry.exec ---------------------------------------------------------------------------- */

static char *builtin_word(struct cursor *cursor) {
    struct cursor_token token;
    if (!cursor_next(cursor, &token) || (token.kind != CURSOR_STR && token.kind != CURSOR_BIN) ||
        memchr(token.span.data, '\0', token.span.size) != NULL) {
        return NULL;
    }
    return strndup((const char *)token.span.data, token.span.size);
}

static void builtin_words_free(char **words, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        free(words[i]);
    }
    free(words);
}

/* The one argument: a list of strings. NULL: it is not; the task was failed. */
static char **builtin_words(wherry_task *task, uint32_t *count) {
    struct cursor cursor = cursor_of(task->items);
    bool list = task->count == 1 && cursor_array(&cursor, count) && *count > 0 &&
                *count <= BUILTIN_ARGS_MAX;
    char **words = list ? calloc(*count + 1, sizeof *words) : NULL;
    for (uint32_t i = 0; words != NULL && i < *count; i++) {
        words[i] = builtin_word(&cursor);
        if (words[i] == NULL) {
            builtin_words_free(words, i);
            words = NULL;
        }
    }
    if (words == NULL) {
        wherry_task_fail(task, "wherry.exec takes one argument: a list of strings, the command and "
                               "its arguments");
    }
    return words;
}

static wherry_err builtin_exec_answer(wherry_task *task, const struct exec_outcome *outcome) {
    struct bytes value = BYTES_EMPTY;
    int status = outcome->status;
    struct span tail = bytes_span(&outcome->tail);
    pack_array(&value, 3);
    pack_int(&value, WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status));
    pack_bin(&value, bytes_span(&outcome->out));
    if (json_is_text(tail)) {
        pack_text(&value, tail, SIZE_MAX);
    } else {
        pack_bin(&value, tail);
    }
    wherry_err err = task_answer(task, bytes_span(&value));
    bytes_free(&value);
    return err;
}

static wherry_err builtin_exec(wherry_task *task) {
    uint32_t count = 0;
    char **words = builtin_words(task, &count);
    if (words == NULL) {
        return WHERRY_E_TASK_FAILED;
    }
    struct exec_outcome outcome = {0};
    wherry_err err = builtin_run(task, words, NULL, &outcome);
    if (err == WHERRY_OK) {
        err = builtin_exec_answer(task, &outcome);
    }
    exec_outcome_fini(&outcome);
    builtin_words_free(words, count);
    return err;
}

wherry_err builtin_register(struct registry *registry, bool allow_exec) {
    static const struct {
        const char *name;
        wherry_function_run run;
    } functions[] = {{"wherry.noop", builtin_noop},
                     {"wherry.echo", builtin_echo},
                     {"wherry.sleep", builtin_sleep},
                     {"wherry.exec", builtin_exec}};
    size_t count = allow_exec ? 4 : 3;
    for (size_t i = 0; i < count; i++) {
        wherry_err err =
            registry_add(registry, span_of_text(functions[i].name), functions[i].run, "built in");
        if (err != WHERRY_OK) {
            return err;
        }
    }
    return WHERRY_OK;
}
