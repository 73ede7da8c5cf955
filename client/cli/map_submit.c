/* SPDX-License-Identifier: MIT
 *
 * From items to jobs: submitted, or with --resume taken up where a run before left them. */
#include "client/cli/map.h"

#include "common/clock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <utlist.h>

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

void map_job_free(struct map_job *job) {
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
                                   .keep = map->log.fd >= 0, /* for whoever resumes */
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
        map_job_free(job);
        return;
    }
    map_sent(map, job);
}

/* A run before handed it out and did not see its end: perhaps its terminal was closed. */
static void job_attach(struct map *map, uint64_t number, char *item, const char *id) {
    struct map_job *job = calloc(1, sizeof *job);
    if (job == NULL || wherry_task_attach(map->connection, id, &job->async) != WHERRY_OK) {
        free(job);
        job_submit(map, number, item);
        return;
    }
    job->map = map;
    job->number = number;
    job->item = item;
    job->attached = true;
    job->start_ms = clock_wall_ms();
    job->start_us = clock_mono_us();
    DL_APPEND(map->window, job);
    map->window_count++;
    map->attached_count++;
}

/* The broker does not know it (any more): as if it had never been handed out. */
static void job_again(struct map *map, struct map_job *job) {
    char *item = job->item;
    uint64_t number = job->number;
    job->item = NULL;
    DL_DELETE(map->window, job);
    map->window_count--;
    map_job_free(job);
    job_submit(map, number, item);
}

void map_attached_look(struct map *map) {
    struct map_job *job;
    struct map_job *following;
    DL_FOREACH_SAFE(map->window, job, following) {
        if (!job->attached || !wherry_async_ready(job->async)) {
            continue;
        }
        job->attached = false;
        map->attached_count--;
        wherry_err err = wherry_async_get(job->async, 0, NULL);
        bool gone = err == WHERRY_E_UNKNOWN || err == WHERRY_E_EXPIRED || err == WHERRY_E_REFUSED;
        if (gone && !map->cancelled) {
            job_again(map, job);
        } else {
            job_ready(job);
        }
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
    const char *id = NULL;
    switch (joblog_look(&map->log, number, item, &id)) {
    case JOBLOG_TODO:
        job_submit(map, number, item);
        return;
    case JOBLOG_SENT:
        job_attach(map, number, item, id);
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

void map_window_fill(struct map *map) {
    while (!map->input_ended && map->window_count < map->window_max && !map_interrupted()) {
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
