/* SPDX-License-Identifier: MIT
 *
 * Grace: the time after a start in which hosts announce what they still run (rules §3.3, §4.2).
 *
 *     open ──hosts announce, at latest 10 s──> one batch: floor = (epoch, 0), held tokens ──>
 * deliveries
 *
 * Until then no task older than the epoch is delivered. Announcements and results of ids that are
 * not known (yet) are kept and matched with resubmissions. */
#ifndef WHERRY_GRACE_H
#define WHERRY_GRACE_H

#include "broker/core/event.h"
#include "broker/core/list.h"
#include "broker/core/map.h"

struct engine;

struct early {      /* an announcement or a result that came before its task */
    uint32_t index; /* itself; also the slab's free link */
    bool announced; /* by its host, for `child` */
    bool answered;  /* it said so, too */
    bool has_result;
    uint32_t child;
    struct task_id id;
    struct token token;
    uint32_t status;
    int64_t retry_ms;
    struct payload payload;
    struct links links;
};

struct grace {
    bool over;
    bool row_seen;    /* while records are read: the first one was */
    bool copied;      /* the records are of another store: what was begun after the copy is void */
    int64_t until_us; /* lived time */
    int64_t early_us; /* lived time; where nothing is kept, the end if a host has announced */
    struct token floor;   /* results of unannounced attempts up to here are refused */
    uint64_t floor_batch; /* it is stored in this batch: old tasks are delivered after that */
    uint32_t awaited;     /* stored hosts that have not said hello */
    uint32_t *suspects;   /* tasks with a held token or a start record from before the restart */
    uint32_t suspect_count;
    uint32_t suspect_capacity;
    struct slab early;
    struct list early_list;
    struct map early_by_id;
};

void grace_init(struct grace *grace);
/* The scan is over: the time starts. On a copy of another store there is none: every token is of a
 * future that the copy knows nothing of (rules §5.7). */
void grace_begin(struct engine *engine);
/* TICK: ends it when all have announced, or time is up, in steps of `units`. A broker on memory
 * does not know who is to announce: it waits 3 s for the others once it has heard any host. */
void grace_judge(struct engine *engine, uint32_t units);
/* lived_us at which it ends; INT64_MAX: it is over. */
int64_t grace_next(const struct engine *engine);
/* A task that must be looked at when it ends. */
void grace_suspect(struct engine *engine, uint32_t task);

/* Kept until a task with this id is submitted again. False: too late, nothing was kept. */
bool grace_keep_announcement(struct engine *engine, const struct event_attempt *attempt,
                             uint32_t child);
bool grace_keep_result(struct engine *engine, const struct event_held *held, uint32_t child);
/* A resubmission arrived (its task is in its lane): what is known of it? */
void grace_match(struct engine *engine, uint32_t task);
/* The child of a place is gone: so are its announcements. */
void grace_forget_child(struct engine *engine, uint32_t child);
/* It died: what it was announced to run has ended; its results still count. */
void grace_forget_running(struct engine *engine, uint32_t child);
void grace_fini(struct engine *engine);

#endif
