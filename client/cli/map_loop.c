/* SPDX-License-Identifier: MIT
 *
 * The loop of `wherry map`. Signals are blocked but in ppoll(), so that none comes between looking
 * and waiting. The first Ctrl-C ends the input, the second cancels what is out, a third one kills;
 * SIGTERM cancels at once. */
#include "client/cli/convert.h"
#include "client/cli/map.h"
#include "client/cli/outcome.h"

#include "common/clock.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <utlist.h>

enum {
    ASK_EVERY_US = 1000000,
    QUIET_US = 2000000,
    ASK_MS = 1000,
    JOIN_MS = 5000,
    ATTACHED_EVERY_MS = 20, /* they tell nobody when they are ready */
    WINDOW_MIN = 16,
    AHEAD = 4,  /* items a worker process */
    ORDERED = 4 /* times that: others finish while the first in order is slow */
};

static volatile sig_atomic_t signalled; /* the last one */
static volatile sig_atomic_t signals;   /* how often; SIGTERM counts for two */

/* The third is the program's end. */
static void on_signal(int number) {
    signalled = number;
    signals = signals + (number == SIGTERM ? 2 : 1);
    if (signals >= 2) {
        signal(SIGINT, SIG_DFL);
        signal(SIGTERM, SIG_DFL);
    }
}

bool map_interrupted(void) {
    return signals > 0;
}

/* ---- outcomes ------------------------------------------------------------------------------- */

static void job_finish(struct map *map, struct map_job *job) {
    DL_DELETE(map->window, job);
    map->window_count--;
    map_outcome(map, job);
    map_job_free(job);
}

static void ready_take(struct map *map) {
    uint64_t count;
    ssize_t got = read(map->wake, &count, sizeof count);
    pthread_mutex_lock(&map->lock);
    struct map_job *newest = map->ready;
    map->ready = NULL;
    pthread_mutex_unlock(&map->lock);
    (void)got;
    struct map_job *oldest = NULL;
    while (newest != NULL) {
        struct map_job *next = newest->ready_next;
        newest->ready_next = oldest;
        oldest = newest;
        newest = next;
    }
    for (struct map_job *next; oldest != NULL; oldest = next) {
        next = oldest->ready_next;
        oldest->finished = true;
        map->quiet_us = clock_mono_us();
        if (!map->keep_order) {
            job_finish(map, oldest);
        }
    }
    while (map->window != NULL && map->window->finished) {
        job_finish(map, map->window);
    }
    if (!map->cancelled && cli_flush() != CLI_DONE) {
        map_cancel(map, CLI_FAILED);
    }
}

/* ---- questions ------------------------------------------------------------------------------ */

static void retries_ask(struct map *map) {
    wherry_value *value = NULL;
    if (wherry_status(map->connection, ASK_MS, &value) != WHERRY_OK) {
        return;
    }
    json_t *status = json_from_value(value);
    const json_t *totals = json_object_get(status, "totals");
    static const char *const keys[] = {"retries_crash", "retries_lease", "retries_asked"};
    int64_t sum = 0;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        sum += json_integer_value(json_object_get(totals, keys[i]));
    }
    map->retries_before = map->retries_before < 0 ? sum : map->retries_before;
    map->state.retried = sum > map->retries_before ? sum - map->retries_before : 0;
    json_decref(status);
    wherry_value_release(&value);
}

/* How many work for us, at most once a second. */
static void workers_ask(struct map *map, int64_t now_us) {
    uint32_t workers = 0;
    if (now_us - map->asked_us < ASK_EVERY_US) {
        return;
    }
    if (wherry_pool_processes(map->pool, &workers) == WHERRY_OK) {
        size_t ahead = (size_t)workers * AHEAD * (map->keep_order ? ORDERED : 1);
        map->state.workers = workers;
        map->window_max = ahead > WINDOW_MIN ? ahead : WINDOW_MIN;
    }
    if (map->progress.on) {
        retries_ask(map);
    }
    map->asked_us = clock_mono_us();
}

/* When nothing finishes: says once why the oldest item waits. */
static void quiet_explain(struct map *map, int64_t now_us) {
    if (map->window == NULL || map->cancelled || now_us - map->quiet_us < QUIET_US) {
        return;
    }
    char *why = outcome_why(map->window->async);
    if (why != NULL && *why != '\0' && strncmp(why, "running", 7) != 0 &&
        (map->why == NULL || strcmp(map->why, why) != 0)) {
        progress_wipe(&map->progress);
        fputs("wherry map: waiting: ", stderr);
        cli_put(stderr, why);
        fputs(map->command != NULL && strstr(why, "no worker offers wherry.exec") != NULL
                  ? "; start `wherry dev`, or wherry-worker --allow-exec\n"
                  : "\n",
              stderr);
        free(map->why);
        map->why = why;
        why = NULL;
    }
    free(why);
    map->quiet_us = clock_mono_us();
}

/* ---- the loop ------------------------------------------------------------------------------- */

void map_cancel(struct map *map, int code) {
    map->code = map->code == CLI_DONE ? code : map->code;
    map->input_ended = true;
    if (!map->cancelled) {
        map->cancelled = true;
        map->items.ended = true;
        wherry_pool_terminate(map->pool);
        struct map_job *job;
        DL_FOREACH(map->window, job) {
            if (job->attached) {
                wherry_async_cancel(job->async);
            }
        }
    }
}

static void wait_something(struct map *map, const sigset_t *mask) {
    bool room = !map->input_ended;
    struct pollfd files[] = {
        {.fd = map->wake, .events = POLLIN},
        {.fd = room ? items_fd(&map->items) : -1, .events = POLLIN},
    };
    long wait_ms = map->progress.on ? PROGRESS_EVERY_US / 1000 : ASK_EVERY_US / 1000;
    wait_ms = map->attached_count > 0 ? ATTACHED_EVERY_MS : wait_ms;
    struct timespec wait = {.tv_sec = wait_ms / 1000, .tv_nsec = wait_ms % 1000 * 1000000};
    ppoll(files, 2, &wait, mask);
}

static void signals_take(sigset_t *before) {
    static const int numbers[] = {SIGINT, SIGTERM};
    sigset_t ours;
    sigemptyset(&ours);
    for (size_t i = 0; i < 2; i++) {
        struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
        struct sigaction was;
        sigaddset(&ours, numbers[i]);
        sigaction(numbers[i], NULL, &was);
        if (was.sa_handler == SIG_DFL) {
            sigaction(numbers[i], &action, NULL);
        }
    }
    pthread_sigmask(SIG_BLOCK, &ours, before);
}

/* Running ones are ended by their hosts: a moment later nothing of ours runs any more. The second
 * signal may kill us meanwhile. */
static void cancelled_end(struct map *map, const sigset_t *before) {
    pthread_sigmask(SIG_SETMASK, before, NULL);
    if (map->cancelled && map->code != CLI_NO_BROKER) {
        wherry_pool_join(map->pool, JOIN_MS);
    }
}

/* Asks first: what is out may be worth waiting for. */
static void signals_judge(struct map *map) {
    if (signals > 0 && !map->stopped && !map->cancelled) {
        map->stopped = true;
        map->input_ended = true;
        map->code = map->code == CLI_DONE ? CLI_CANCELLED : map->code;
        if (signals == 1 && map->window_count > 0) {
            progress_wipe(&map->progress);
            fprintf(stderr,
                    "wherry map: no more items; waiting for the %zu that are out (Ctrl-C "
                    "again cancels them)\n",
                    map->window_count);
        }
    }
    if (signals > 1 && !map->cancelled) {
        progress_wipe(&map->progress);
        fputs("wherry map: cancelling what is unfinished\n", stderr);
        map_cancel(map, CLI_CANCELLED);
    }
}

int map_loop(struct map *map) {
    sigset_t before;
    signals_take(&before);
    map->quiet_us = clock_mono_us();
    while (!map->input_ended || map->window != NULL) {
        int64_t now_us = clock_mono_us();
        workers_ask(map, now_us);
        map_window_fill(map);
        quiet_explain(map, now_us);
        progress_draw(&map->progress, &map->state, now_us);
        if (!map->input_ended || map->window != NULL) {
            wait_something(map, &before);
        }
        map_attached_look(map);
        ready_take(map);
        signals_judge(map);
    }
    progress_end(&map->progress, &map->state, clock_mono_us());
    cancelled_end(map, &before);
    map->signal = (int)signalled;
    return map->code;
}
