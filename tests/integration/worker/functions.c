/* SPDX-License-Identifier: MIT
 *
 * A plugin for tests: functions that crash, exit, fail and look at themselves. */
#include "wherry_worker.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static wherry_err add(wherry_task *task) {
    int64_t a;
    int64_t b;
    wherry_err err = wherry_task_read(task, "ii", &a, &b);
    return err != WHERRY_OK ? err : wherry_task_return(task, "i", a + b);
}

static wherry_err scaled(wherry_task *task) {
    double value;
    double scale = 2;
    const char *unit = "m";
    wherry_err err = wherry_task_read(task, "d", &value);
    if (err == WHERRY_OK) {
        err = wherry_task_kwarg(task, "scale", "d", &scale);
    }
    if (err == WHERRY_OK || err == WHERRY_E_EMPTY) {
        err = wherry_task_kwarg(task, "unit", "s", &unit);
    }
    if (err != WHERRY_OK && err != WHERRY_E_EMPTY) {
        return err;
    }
    return wherry_task_return(task, "[ds]", value * scale, unit);
}

static wherry_err fail(wherry_task *task) {
    return wherry_task_fail(task, "it was %s", "not to be");
}

static wherry_err again(wherry_task *task) {
    return wherry_task_retry(task, 1500, "the printer is out of paper");
}

static wherry_err crash(wherry_task *task) {
    (void)task;
    fprintf(stderr, "about to crash\n");
    raise(SIGSEGV);
    return WHERRY_OK;
}

static wherry_err leave(wherry_task *task) {
    int64_t code = 0;
    wherry_err err = wherry_task_read(task, "i", &code);
    if (err != WHERRY_OK) {
        return err;
    }
    fprintf(stderr, "leaving with %d\n", (int)code);
    _exit((int)code);
}

static wherry_err whoami(wherry_task *task) {
    return wherry_task_return(task, "[iisss]", (int64_t)getpid(), (int64_t)getppid(),
                              wherry_task_id(task), wherry_task_function(task),
                              wherry_task_queue(task));
}

/* hold(path, ms): writes its pid into the file, so that a test knows that it runs, and sleeps. */
static wherry_err hold(wherry_task *task) {
    const char *path;
    int64_t ms;
    wherry_err err = wherry_task_read(task, "si", &path, &ms);
    if (err != WHERRY_OK) {
        return err;
    }
    FILE *file = fopen(path, "we");
    if (file == NULL) {
        return wherry_task_fail(task, "cannot make %s", path);
    }
    fprintf(file, "%d\n", (int)getpid());
    fclose(file);
    poll(NULL, 0, (int)ms);
    return WHERRY_OK;
}

/* Runs until it is cancelled, and says so in the file. */
static wherry_err polite(wherry_task *task) {
    const char *path;
    wherry_err err = wherry_task_read(task, "s", &path);
    FILE *file = err == WHERRY_OK ? fopen(path, "we") : NULL;
    if (file == NULL) {
        return wherry_task_fail(task, "no file");
    }
    fprintf(file, "%d\n", (int)getpid());
    fflush(file);
    while (!wherry_task_cancelled(task)) {
        poll(NULL, 0, 2);
    }
    fprintf(file, "cleaned up\n");
    fclose(file);
    return wherry_task_fail(task, "cancelled, as asked");
}

/* Leaves a grandchild behind that ignores everything but SIGKILL; answers its pid. */
static wherry_err litter(wherry_task *task) {
    pid_t pid = fork();
    if (pid == 0) {
        setsid();
        signal(SIGTERM, SIG_IGN);
        signal(SIGHUP, SIG_IGN);
        for (;;) {
            pause();
        }
    }
    return wherry_task_return(task, "i", (int64_t)pid);
}

/* Both the process and its copy return. */
static wherry_err twofold(wherry_task *task) {
    return wherry_task_return(task, "s", fork() == 0 ? "the copy" : "the process");
}

/* Ends, and leaves a process behind that left the group and writes to stderr for ever. */
static wherry_err spew(wherry_task *task) {
    static char noise[4096];
    (void)task;
    for (int generation = 0; generation < 2; generation++) {
        if (fork() > 0) {
            if (generation == 0) {
                poll(NULL, 0, 100);
                _exit(7);
            }
            for (;;) {
                pause();
            }
        }
        setsid();
    }
    memset(noise, '\n', sizeof noise);
    while (write(STDERR_FILENO, noise, sizeof noise) > 0) {
    }
    _exit(0);
}

static wherry_err end_thread(wherry_task *task) {
    (void)task;
    pthread_exit(NULL);
}

WHERRY_PLUGIN({"add", add, "add(a, b)"}, {"scaled", scaled, "scaled(value, scale=2, unit='m')"},
              {"fail", fail, NULL}, {"again", again, NULL}, {"crash", crash, NULL},
              {"leave", leave, NULL}, {"whoami", whoami, NULL}, {"litter", litter, NULL},
              {"hold", hold, NULL}, {"polite", polite, NULL}, {"twofold", twofold, NULL},
              {"spew", spew, NULL}, {"end_thread", end_thread, NULL});
