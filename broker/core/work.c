/* SPDX-License-Identifier: MIT
 *
 * Work: see work.h. Items name what they are about by its permanent id, because the record may be
 * gone, and its index given to another, before their turn comes. */
#include "broker/core/work.h"

#include "broker/core/cancel.h"
#include "broker/core/purge.h"
#include "broker/core/state.h"

#include <stdlib.h>
#include <string.h>

struct work {
    struct work *next;
    enum work_kind kind;
    uint64_t id; /* of the session or host; a queue's index, which is permanent */
    uint16_t slot;
    uint32_t run; /* CANCEL: the run that is worked on */
    uint32_t run_count;
    struct wire_run runs[];
};

static void work_queue(struct works *works, struct work *work) {
    work->next = NULL;
    if (works->last != NULL) {
        works->last->next = work;
    } else {
        works->first = work;
    }
    works->last = work;
    works->count++;
}

static struct work *work_shift(struct works *works) {
    struct work *work = works->first;
    works->first = work->next;
    works->last = works->first == NULL ? NULL : works->last;
    works->count--;
    return work;
}

static struct work *work_append(struct engine *engine, uint32_t run_count) {
    struct work *work = calloc(1, sizeof(*work) + run_count * sizeof(work->runs[0]));
    CHECK(work != NULL);
    work_queue(&engine->works, work);
    return work;
}

void work_add(struct engine *engine, enum work_kind kind, uint32_t owner) {
    struct work *work = work_append(engine, 0);
    work->kind = kind;
    work->id = kind == WORK_HOST      ? host_at(engine, owner)->id
               : kind == WORK_SESSION ? session_at(engine, owner)->id
                                      : owner;
}

void work_add_cancel(struct engine *engine, uint32_t stream_index, const struct wire_run *runs,
                     uint32_t run_count) {
    const struct stream *stream = stream_at(engine, stream_index);
    struct work *work = work_append(engine, run_count);
    work->kind = WORK_CANCEL;
    work->id = session_at(engine, stream->session)->id;
    work->slot = stream->slot;
    work->run_count = run_count;
    memcpy(work->runs, runs, run_count * sizeof(*runs));
}

/* A run that is wider than everything there is shrinks to the chunks that exist. */
static bool work_skip_chunk(const struct stream *stream, struct wire_run *run) {
    uint64_t chunk = run->first >> INDEX_BITS;
    if (index_find(&stream->index, chunk) != NULL) {
        return false;
    }
    uint64_t next = UINT64_MAX;
    for (uint32_t i = 0; i < stream->index.capacity; i++) {
        const struct index_chunk *at = stream->index.slots[i];
        if (at != NULL && at->number > chunk && at->number < next) {
            next = at->number;
        }
    }
    uint64_t gone = next == UINT64_MAX ? run->count : (next << INDEX_BITS) - run->first;
    gone = gone < run->count ? gone : run->count;
    run->first += gone;
    run->count -= gone;
    return true;
}

static uint32_t work_cancel(struct engine *engine, struct work *work, uint32_t units, bool *over) {
    uint32_t session = sessions_find(engine, work->id);
    uint32_t stream = session == 0 ? 0 : stream_find(engine, session, work->slot);
    uint32_t used = 0;
    while (stream != 0 && work->run < work->run_count && used < units) {
        struct wire_run *run = &work->runs[work->run];
        used++;
        if (run->count == 0 || run->first >> 48 != 0) {
            work->run++;
        } else if (!work_skip_chunk(stream_at(engine, stream), run)) {
            cancel_number(engine, stream, run->first);
            run->first++;
            run->count--;
        }
    }
    *over = stream == 0 || work->run == work->run_count;
    return used;
}

static uint32_t work_session(struct engine *engine, const struct work *work, uint32_t units,
                             bool *over) {
    uint32_t session = sessions_find(engine, work->id);
    if (session == 0 || session_at(engine, session)->state != SESSION_ENDED) {
        *over = true;
        return 0;
    }
    uint32_t used = sessions_purge(engine, session, units);
    *over = used < units;
    return used;
}

static uint32_t work_host(struct engine *engine, const struct work *work, uint32_t units,
                          bool *over) {
    uint32_t host = hosts_find(engine, work->id);
    if (host == 0) {
        *over = true;
        return 0;
    }
    return hosts_purge(engine, host, units, over);
}

static uint32_t work_do(struct engine *engine, struct work *work, uint32_t units, bool *over) {
    switch (work->kind) {
    case WORK_SESSION:
        return work_session(engine, work, units, over);
    case WORK_HOST:
        return work_host(engine, work, units, over);
    case WORK_CANCEL:
        return work_cancel(engine, work, units, over);
    case WORK_PURGE:
        return purge_work(engine, (uint32_t)work->id, units, over);
    }
    IMPOSSIBLE("work of no kind");
}

bool work_is_due(const struct engine *engine) {
    return engine->works.count > 0 && !barrier_full(engine);
}

uint32_t work_run(struct engine *engine, uint32_t units) {
    while (units > 0 && work_is_due(engine)) {
        struct work *work = work_shift(&engine->works);
        bool over = true;
        uint32_t used = work_do(engine, work, units, &over);
        units -= used < units ? used : units;
        if (over) {
            free(work);
        } else {
            work_queue(&engine->works, work);
        }
    }
    return units;
}

void work_fini(struct engine *engine) {
    while (engine->works.count > 0) {
        free(work_shift(&engine->works));
    }
}
