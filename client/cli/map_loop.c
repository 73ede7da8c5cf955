/* SPDX-License-Identifier: MIT
 *
 * The loop of `wherry map`. Signals are blocked but in ppoll(), so that none comes between looking
 * and waiting; the first one cancels, a second one kills. */
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
    WINDOW_MIN = 16,
    AHEAD = 4,  /* items a worker process */
    ORDERED = 4 /* times that: others finish while the first in order is slow */
};

static volatile sig_atomic_t signalled;

static void on_signal(int number) {
    signalled = number;
}

/* ---- submitting ----------------------------------------------------------------------------- */

static void job_ready(struct map_job *job) {
    struct map *map = job->map;
    pthread_mutex_lock(&map->lock);
    bool first = map->ready == NULL;
    job->ready_next = map->ready;
    map->ready = job;
    pthread_mutex_unlock(&map->lock);
    if (first) {
        ssize_t written = write(map->wake, &(uint64_t){1}, sizeof(uint64_t));
        (void)written; /* fails only when it is awake anyway */
    }
}

static void job_done(const wherry_value *value, void *context) {
    (void)value;
    job_ready(context);
}

static void job_failed(wherry_err err, const char *text, void *context) {
    (void)err;
    (void)text;
    job_ready(context);
}

static void job_free(struct map_job *job) {
    wherry_async_release(&job->async);
    free(job->item);
    free(job);
}

/* Takes the item. */
static void job_submit(struct map *map, uint64_t number, char *item) {
    wherry_value *arguments = map_arguments(map, item);
    struct map_job *job = arguments == NULL ? NULL : calloc(1, sizeof *job);
    if (job == NULL) {
        map_unsent(map, number, item);
        wherry_value_release(&arguments);
        free(item);
        return;
    }
    *job = (struct map_job){
        .map = map,
        .number = number,
        .item = item,
        .start_ms = clock_wall_ms(),
        .start_us = clock_mono_us(),
    };
    wherry_call_options options = {.size = sizeof options,
                                   .wait_ms = WHERRY_FOREVER,
                                   .callback = job_done,
                                   .error_callback = job_failed,
                                   .context = job};
    DL_APPEND(map->window, job);
    map->window_count++;
    wherry_err err = wherry_pool_apply_async_values(map->pool, map->function, arguments, NULL,
                                                    &options, &job->async);
    wherry_value_release(&arguments);
    if (err != WHERRY_OK) {
        DL_DELETE(map->window, job);
        map->window_count--;
        progress_wipe(&map->progress);
        int code = cli_fail(item, err, NULL);
        map_unsent(map, number, item);
        if (err != WHERRY_E_TOO_LARGE) {
            map_cancel(map, code);
            map->code = code;
        }
        job_free(job);
    }
}

static void items_refuse(struct map *map, uint64_t number, const char *cause, int code) {
    progress_wipe(&map->progress);
    fprintf(stderr, "wherry map: item %llu: %s\n", (unsigned long long)number, cause);
    map_cancel(map, code);
    map->code = code;
}

/* Takes the item. */
static void item_hand(struct map *map, uint64_t number, char *item) {
    switch (joblog_look(&map->log, number, item)) {
    case JOBLOG_TODO:
        job_submit(map, number, item);
        return;
    case JOBLOG_DONE:
        map->state.finished++;
        map->state.skipped++;
        break;
    case JOBLOG_OTHER:
        items_refuse(map, number, "the job log has another item here; resume with the same items",
                     CLI_USAGE);
        break;
    }
    free(item);
}

static void window_fill(struct map *map) {
    while (!map->input_ended && map->window_count < map->window_max && signalled == 0) {
        char *item = NULL;
        enum items_state state = items_next(&map->items, &item);
        if (state == ITEMS_ONE) {
            item_hand(map, map->items.given, item);
            continue;
        }
        if (state == ITEMS_WRONG) {
            items_refuse(map, map->items.given + 1,
                         errno == EILSEQ ? "holds a 0, which no argument can" : strerror(errno),
                         CLI_USAGE);
        }
        map->input_ended = map->input_ended || state == ITEMS_END;
        break;
    }
    if (!map->input_ended && items_fill(&map->items) == ITEMS_WRONG) {
        items_refuse(map, map->items.given + 1, strerror(errno), CLI_USAGE);
    }
    if (!map->cancelled) {
        map->state.total = items_total(&map->items);
    }
}

/* ---- outcomes ------------------------------------------------------------------------------- */

static void job_finish(struct map *map, struct map_job *job) {
    DL_DELETE(map->window, job);
    map->window_count--;
    map_outcome(map, job);
    job_free(job);
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
    }
}

static void wait_something(struct map *map, const sigset_t *mask) {
    bool room = !map->input_ended;
    struct pollfd files[] = {
        {.fd = map->wake, .events = POLLIN},
        {.fd = room ? items_fd(&map->items) : -1, .events = POLLIN},
    };
    long wait_ms = map->progress.on ? PROGRESS_EVERY_US / 1000 : ASK_EVERY_US / 1000;
    struct timespec wait = {.tv_sec = wait_ms / 1000, .tv_nsec = wait_ms % 1000 * 1000000};
    ppoll(files, 2, &wait, mask);
}

static void signals_take(sigset_t *before) {
    static const int numbers[] = {SIGINT, SIGTERM};
    sigset_t ours;
    sigemptyset(&ours);
    for (size_t i = 0; i < 2; i++) {
        struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};
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

int map_loop(struct map *map) {
    sigset_t before;
    signals_take(&before);
    map->quiet_us = clock_mono_us();
    while (!map->input_ended || map->window != NULL) {
        int64_t now_us = clock_mono_us();
        workers_ask(map, now_us);
        window_fill(map);
        quiet_explain(map, now_us);
        progress_draw(&map->progress, &map->state, now_us);
        if (!map->input_ended || map->window != NULL) {
            wait_something(map, &before);
        }
        ready_take(map);
        if (signalled != 0 && !map->cancelled) {
            progress_wipe(&map->progress);
            fputs("wherry map: cancelling what is unfinished\n", stderr);
            map_cancel(map, CLI_CANCELLED);
        }
    }
    progress_end(&map->progress, &map->state, clock_mono_us());
    cancelled_end(map, &before);
    map->signal = (int)signalled;
    return map->code;
}
