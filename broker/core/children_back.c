/* SPDX-License-Identifier: MIT
 *
 * Children: taking back what they have not begun; see children.h. Only the host can close a gate,
 * so this is an order, and nothing comes back before its report. Two things must not happen: that
 * an order is lost and its place is never used again, and that what travels slowly is taken back
 * for ever, because each time another process idles. */
#include "broker/core/hot.h"

bool children_sealed(const struct engine *engine, const struct child *child) {
    if (children_ahead(child->sealed, child->started) <= 0) {
        return false; /* nearly always */
    }
    uint32_t task = children_entry(child, child->sealed);
    return task != 0 && (task_at(engine, task)->flags & TASK_VOID_AGAIN) != 0 &&
           task_at(engine, task)->lease.number == child->sealed;
}

bool children_may_wait(const struct child *child) {
    return !child->dead &&
           (child->closing ||
            (child->leased >= 2 && children_ahead(child->next - 1, child->started) > 0));
}

/* In or out of the list, as its state says; at its end, because it was looked at. */
static void child_look(struct engine *engine, uint32_t index) {
    struct child *child = child_at(engine, index);
    size_t offset = offsetof(struct child, in_unstarted);
    if (child->waiting) {
        list_remove(&engine->unstarted, &engine->children, offset, index);
    }
    child->waiting = children_may_wait(child);
    if (child->waiting) {
        child->looked_us = engine_lived_us(engine);
        list_append(&engine->unstarted, &engine->children, offset, index);
    }
}

void children_progress(struct engine *engine, uint32_t index) {
    child_at(engine, index)->progress_us = engine_lived_us(engine);
    child_look(engine, index);
}

static bool host_has_idle(const struct engine *engine, const struct host *host) {
    uint32_t at = host->free.head;
    while (at != 0 &&
           (child_at(engine, at)->leased > 0 || !children_usable(engine, child_at(engine, at)))) {
        at = child_at(engine, at)->in_free.next;
    }
    return at != 0;
}

/* Does an idle process of the pool offer any of what waits here? */
static bool child_has_helper(const struct engine *engine, const struct child *child) {
    const struct queue *queue = queue_at(engine, host_at(engine, child->host)->queue);
    if (queue->idle_children == 0) {
        return false;
    }
    for (uint32_t at = queue->free_hosts.head; at != 0; at = host_at(engine, at)->in_free.next) {
        const struct host *host = host_at(engine, at);
        if (host_has_idle(engine, host)) {
            for (uint32_t i = 0; i < CHILD_LOADS; i++) {
                if (child->loads[i].lane != 0 && hosts_offers(host, child->loads[i].lane)) {
                    return true;
                }
            }
        }
    }
    return false;
}

/* Time to arrive, and more after each take-back that helped nothing: what it waits for may be slow
 * wherever it is sent. */
static int64_t child_patience_us(const struct engine *engine, const struct child *child) {
    if (PLANTED(PLANT_IMPATIENT)) {
        return BOUND_UNSTARTED_US;
    }
    uint32_t doublings =
        children_sealed(engine, child) ? BOUND_UNSTARTED_DOUBLINGS : child->fruitless;
    return ((int64_t)BOUND_UNSTARTED_US << doublings) +
           (int64_t)(child->leased_bytes / BOUND_TRANSFER_BYTES_MS) * 1000;
}

static void child_close(struct engine *engine, struct child *child) {
    const struct host *host = host_at(engine, child->host);
    child->closing = true;
    child->closing_us = engine_lived_us(engine);
    struct effect *effect = effects_add(engine->out, EFFECT_CLOSE_GATE, host->route);
    effect->place_note.place = child->place;
}

/* Its queue was paused or purged since it was given what it has not begun. */
static bool child_is_recalled(const struct engine *engine, struct child *child) {
    uint32_t recalls = queue_at(engine, host_at(engine, child->host)->queue)->recalls;
    bool recalled = child->recalls != recalls;
    child->recalls = recalls;
    return recalled;
}

/* An order may get lost: with a connection, or at a host that does not know its child yet. */
static void child_judge(struct engine *engine, struct child *child) {
    int64_t now_us = engine_lived_us(engine);
    if (host_at(engine, child->host)->route == 0) {
        return;
    }
    if (child->closing && !PLANTED(PLANT_CLOSE_ONCE) &&
        now_us - child->closing_us >= BOUND_CLOSE_AGAIN_US) {
        child_close(engine, child);
    } else if (!child->closing && child_is_recalled(engine, child)) {
        child_close(engine, child);
        children_update(engine, child->index);
    } else if (!child->closing && now_us - child->progress_us >= child_patience_us(engine, child) &&
               child_has_helper(engine, child)) {
        child->fruitless += child->fruitless < BOUND_UNSTARTED_DOUBLINGS;
        child_close(engine, child);
        children_update(engine, child->index);
    }
}

void children_judge_unstarted(struct engine *engine) {
    int64_t limit = engine_lived_us(engine) - BOUND_UNSTARTED_US;
    uint32_t rounds = engine->unstarted.count;
    while (rounds-- > 0) {
        uint32_t index = engine->unstarted.head;
        if (child_at(engine, index)->looked_us > limit) {
            return;
        }
        child_judge(engine, child_at(engine, index));
        child_look(engine, index);
    }
}
