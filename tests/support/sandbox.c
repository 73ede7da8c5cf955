/* SPDX-License-Identifier: MIT
 *
 * The sandbox: one folder, one deadline, and an end that leaves nothing behind, also when the test
 * failed half way (cmocka jumps out of the test, so everything hangs on the sandbox, not on the
 * stack). */
#include "tests/support/internal.h"

#include <errno.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { DEADLINE_DEFAULT_S = 60, LOG_SHOWN_BYTES = 4000 };

int64_t support_now_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int64_t deadline_s(void) {
    const char *text = getenv("WHERRY_TEST_DEADLINE_S");
    int64_t seconds = text != NULL ? strtoll(text, NULL, 10) : 0;
    return seconds > 0 ? seconds : DEADLINE_DEFAULT_S;
}

int sandbox_setup(void **state) {
    struct sandbox *box = calloc(1, sizeof *box);
    if (box == NULL) {
        return -1;
    }
    snprintf(box->folder, sizeof box->folder, "/tmp/wherry-XXXXXX");
    if (mkdtemp(box->folder) == NULL) {
        free(box);
        return -1;
    }
    box->deadline_us = support_now_us() + deadline_s() * 1000000;
    signal(SIGPIPE, SIG_IGN);
    *state = box;
    return 0;
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *walk) {
    (void)status;
    (void)type;
    (void)walk;
    return remove(path);
}

int sandbox_teardown(void **state) {
    struct sandbox *box = *state;
    for (size_t i = box->program_count; i > 0; i--) {
        struct program *program = box->programs[i - 1];
        if (!program->ended) {
            kill(program->pid, SIGKILL);
            while (waitpid(program->pid, &program->status, 0) < 0 && errno == EINTR) {
            }
        }
        free(program);
    }
    for (size_t i = 0; i < box->text_count; i++) {
        free(box->texts[i]);
    }
    free(box->http_body);
    if (getenv("WHERRY_TEST_KEEP") == NULL) {
        nftw(box->folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    }
    free(box);
    *state = NULL;
    return 0;
}

void *sandbox_keep(struct sandbox *box, void *memory) {
    if (memory == NULL || box->text_count == SANDBOX_TEXTS_MAX) {
        free(memory);
        sandbox_fail(box, "out of memory, or more than %d texts kept", SANDBOX_TEXTS_MAX);
    }
    box->texts[box->text_count++] = memory;
    return memory;
}

static void show_log(struct program *program) {
    bool running = program_running(program);
    char *text = support_read_file(program->err_path);
    size_t size = strlen(text);
    const char *tail = size > LOG_SHOWN_BYTES ? text + size - LOG_SHOWN_BYTES : text;
    print_error("--- stderr of %s (pid %d, %s)\n%s\n", program->name, (int)program->pid,
                running ? "running" : "ended", tail);
    free(text);
}

void sandbox_fail(struct sandbox *box, const char *format, ...) {
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    for (size_t i = 0; i < box->program_count; i++) {
        show_log(box->programs[i]);
    }
    fail_msg("%s", text);
    abort(); /* fail_msg jumps */
}

const char *sandbox_folder(const struct sandbox *box) {
    return box->folder;
}

static const char *sandbox_print(struct sandbox *box, const char *prefix, const char *name) {
    char *path = malloc(SANDBOX_PATH_SIZE);
    sandbox_keep(box, path);
    int size = snprintf(path, SANDBOX_PATH_SIZE, "%s%s/%s", prefix, box->folder, name);
    if (size < 0 || size >= SANDBOX_PATH_SIZE) {
        sandbox_fail(box, "the name %s is too long for a path of the sandbox", name);
    }
    return path;
}

const char *sandbox_path(struct sandbox *box, const char *name) {
    return sandbox_print(box, "", name);
}

const char *sandbox_endpoint(struct sandbox *box, const char *name) {
    return sandbox_print(box, "ipc://", name);
}

const char *sandbox_write(struct sandbox *box, const char *name, const void *data, size_t size) {
    const char *path = sandbox_path(box, name);
    FILE *file = fopen(path, "w");
    if (file == NULL || fwrite(data, 1, size, file) != size || fclose(file) != 0) {
        sandbox_fail(box, "cannot write %s: %s", path, strerror(errno));
    }
    return path;
}

int64_t sandbox_left_ms(const struct sandbox *box) {
    int64_t left = (box->deadline_us - support_now_us()) / 1000;
    return left > 0 ? left : 0;
}

void sandbox_pause(struct sandbox *box, const char *what) {
    if (sandbox_left_ms(box) == 0) {
        sandbox_fail(box, "the deadline passed while waiting for: %s", what);
    }
    nanosleep(&(struct timespec){0, 2000000}, NULL);
}

void sandbox_wait(struct sandbox *box, const char *what, bool (*condition)(void *context),
                  void *context) {
    while (!condition(context)) {
        sandbox_pause(box, what);
    }
}

char *support_read_file(const char *path) {
    size_t size = 0;
    size_t capacity = 4096;
    char *text = malloc(capacity);
    FILE *file = fopen(path, "r");
    while (file != NULL && text != NULL) {
        size_t got = fread(text + size, 1, capacity - 1 - size, file);
        size += got;
        if (got == 0) {
            break;
        }
        if (size == capacity - 1) {
            capacity *= 2;
            text = realloc(text, capacity);
        }
    }
    if (file != NULL) {
        fclose(file);
    }
    if (text == NULL) {
        abort();
    }
    text[size] = '\0';
    return text;
}
