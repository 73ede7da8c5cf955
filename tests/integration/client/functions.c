/* SPDX-License-Identifier: MIT
 *
 * A plugin for the client's tests: functions that compute, fail, wait for a file and die. */
#include "wherry_worker.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static wherry_err square(wherry_task *task) {
    int64_t number = 0;
    wherry_err err = wherry_task_read(task, "i", &number);
    return err != WHERRY_OK ? err : wherry_task_return(task, "i", number * number);
}

/* power(base, exponent; minus) */
static wherry_err power(wherry_task *task) {
    int64_t base = 0;
    int64_t exponent = 0;
    int64_t minus = 0;
    wherry_err err = wherry_task_read(task, "ii", &base, &exponent);
    if (err != WHERRY_OK) {
        return err;
    }
    err = wherry_task_kwarg(task, "minus", "i", &minus);
    if (err != WHERRY_OK && err != WHERRY_E_EMPTY) {
        return err;
    }
    int64_t product = 1;
    for (int64_t i = 0; i < exponent; i++) {
        product *= base;
    }
    return wherry_task_return(task, "i", product - minus);
}

/* picky(number; bad): fails for that one. */
static wherry_err picky(wherry_task *task) {
    int64_t number = 0;
    int64_t bad = -1;
    wherry_err err = wherry_task_read(task, "i", &number);
    if (err != WHERRY_OK) {
        return err;
    }
    wherry_task_kwarg(task, "bad", "i", &bad);
    if (number == bad) {
        return wherry_task_fail(task, "ValueError: %d is bad", (int)number);
    }
    return wherry_task_return(task, "i", number);
}

/* when(path, number): answers the number once the file exists. */
static wherry_err when(wherry_task *task) {
    const char *path = NULL;
    int64_t number = 0;
    wherry_err err = wherry_task_read(task, "si", &path, &number);
    if (err != WHERRY_OK) {
        return err;
    }
    while (access(path, F_OK) != 0) {
        if (wherry_task_cancelled(task)) {
            return wherry_task_fail(task, "cancelled in time");
        }
        poll(NULL, 0, 2);
    }
    return wherry_task_return(task, "i", number);
}

/* nap(ms): deaf to cancels. */
static wherry_err nap(wherry_task *task) {
    int64_t ms = 0;
    wherry_err err = wherry_task_read(task, "i", &ms);
    if (err == WHERRY_OK) {
        poll(NULL, 0, (int)ms);
    }
    return err;
}

/* once(path, number): the first to come dies by SIGKILL, the next answers. */
static wherry_err once(wherry_task *task) {
    const char *path = NULL;
    int64_t number = 0;
    wherry_err err = wherry_task_read(task, "si", &path, &number);
    if (err != WHERRY_OK) {
        return err;
    }
    FILE *file = fopen(path, "wxe");
    if (file != NULL) {
        fclose(file);
        raise(SIGKILL);
    }
    return wherry_task_return(task, "i", number);
}

static wherry_err die(wherry_task *task) {
    (void)task;
    raise(SIGSEGV);
    return WHERRY_OK;
}

static wherry_err leave(wherry_task *task) {
    (void)task;
    _exit(3);
}

/* large(size): so many bytes. */
static wherry_err large(wherry_task *task) {
    int64_t size = 0;
    wherry_err err = wherry_task_read(task, "i", &size);
    if (err != WHERRY_OK) {
        return err;
    }
    void *data = calloc(1, (size_t)size);
    if (data == NULL) {
        return wherry_task_fail(task, "no memory");
    }
    err = wherry_task_return(task, "y", data, (size_t)size);
    free(data);
    return err;
}

WHERRY_PLUGIN({"square", square, "square(number)"},
              {"power", power, "power(base, exponent; minus)"},
              {"picky", picky, "picky(number; bad)"}, {"when", when, "when(path, number)"},
              {"once", once, "once(path, number)"}, {"die", die, "dies by a signal"},
              {"leave", leave, "exits with 3"}, {"large", large, "large(size)"},
              {"nap", nap, "nap(ms), deaf to cancels"});
