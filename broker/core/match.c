/* SPDX-License-Identifier: MIT
 *
 * Match: see match.h. Fair in turns: after one delivery a lane goes behind the others of its
 * priority, and a host behind the other hosts with free children, and a child behind the other free
 * ones of its host. The orders are lists, so they are the same in every run.
 *
 * Nothing is looked at that cannot run: a queue is due only when it has both a lane that somebody
 * offers and a child with room, and a lane takes the first free host that offers it.
 *
 * One delivery holds tasks of one batch only: what is already stored does not wait for what is not.
 */
#include "broker/core/match.h"

#include "broker/core/hot.h"
#include "broker/core/spawn.h"

enum { SHARE_MIN_NS = BOUND_CREDIT_US * 1000 / 4 };

/* The batch that must be committed before this task may be delivered. */
static uint64_t match_batch(const struct engine *engine, uint32_t index) {
    const struct task *task = task_at(engine, index);
    uint64_t batch = barrier_batch_of_arrival(&engine->barrier, task_arrival(task));
    if ((task->flags & TASK_COLD) != 0 && cold_find(engine, index)->batch > batch) {
        batch = cold_find(engine, index)->batch;
    }
    if ((task->flags & TASK_OLD) != 0 && engine->grace.floor_batch > batch) {
        batch = engine->grace.floor_batch;
    }
    return batch;
}

bool match_may_start(const struct engine *engine, uint32_t task) {
    return task != 0 && (engine->grace.over || (task_at(engine, task)->flags & TASK_OLD) == 0);
}

/* A start record: after a restart, an unannounced attempt of a run-once task has perhaps run. */
static uint64_t match_start_once(struct engine *engine, uint32_t index, uint64_t batch) {
    task_at(engine, index)->flags |= TASK_STARTED;
    persist_task(engine, index);
    return PLANTED(PLANT_ONCE_UNSTORED) ? batch : barrier_newest(&engine->barrier);
}

/* Out of the lane, with a token, into a delivery. */
static void match_take(struct engine *engine, struct home *home, uint32_t index,
                       struct effect_deliver_item *item) {
    struct task *task = task_at(engine, index);
    item->index = index;
    item->payload = (struct payload){task->payload, task->payload_size};
    if ((task->flags & TASK_ORIGIN) != 0) {
        item->id = task_id_of(engine, index);
    } else {
        home_find(engine, home, task);
        item->id.session = session_at(engine, home->stream->session)->id;
        item->id.slot = home->stream->slot;
        item->id.number = task_number(task) & UINT64_C(0xffffffffffff);
    }
    if (task->state == TASK_QUEUED && index == home->lane->fifo.head) {
        hot_shift(engine, home);
    } else {
        lane_remove(engine, index);
    }
    task_set_counter(task, engine->next_counter++);
}

/* Takes up to `most` tasks of one batch out of the lane, and fills `items`; at least one, then as
 * many as have arguments of up to `bytes` together. */
static uint32_t match_fill(struct engine *engine, uint32_t lane_index, uint32_t most,
                           uint64_t bytes, struct effect_deliver_item *items, uint64_t *batch) {
    struct lane *lane = lane_at(engine, lane_index);
    struct home home = {.lane_index = lane_index, .lane = lane};
    home.queue = queue_at(engine, lane->queue);
    bool once = (lane->options.flags & TASK_ONCE) != 0;
    uint32_t count = 0;
    while (count < most) {
        uint32_t index = lane->back_count == 0 ? lane->fifo.head : lane_first(engine, lane_index);
        if (!match_may_start(engine, index)) {
            break;
        }
        uint32_t size = task_at(engine, index)->payload_size;
        if (size > bytes && count > 0) {
            break;
        }
        bytes -= size < bytes ? size : bytes;
        if (engine->config.keeps) {
            uint64_t needs = match_batch(engine, index);
            if (count > 0 && needs > *batch) {
                break;
            }
            *batch = needs > *batch ? needs : *batch;
            *batch = once ? match_start_once(engine, index, *batch) : *batch;
        }
        match_take(engine, &home, index, &items[count++]);
        if ((task_at(engine, index)->flags & TASK_VOID_AGAIN) != 0) {
            break;
        }
    }
    return count;
}

/* The effect for what was leased. `made` was written into the step's own arena. */
static void match_emit(struct engine *engine, uint32_t lane_index, uint32_t child_index,
                       uint32_t first_slot, uint64_t first_counter,
                       const struct effect_deliver_item *made, uint32_t count) {
    const struct lane *lane = lane_at(engine, lane_index);
    const struct child *child = child_at(engine, child_index);
    struct effects *sink = barrier_sink(engine, child->batch);
    const struct effect_deliver_item *items = made;
    if (sink != engine->out) {
        items = (const void *)effects_copy(sink,
                                           (struct span){(const void *)made, count * sizeof(*made)})
                    .data;
    }
    struct span queue = effects_copy(sink, queue_at(engine, lane->queue)->name);
    struct span function = effects_copy(sink, lane->function);
    struct effect *effect = effects_add(sink, EFFECT_DELIVER, child->route);
    effect->deliver = (struct effect_deliver){
        .generation = child->generation,
        .first_slot = first_slot,
        .first_counter = first_counter,
        .queue = queue,
        .function = function,
        .options = lane->options,
        .items = items,
        .item_count = count,
    };
    engine->counts.delivered += count;
}

uint32_t match_deliver(struct engine *engine, uint32_t lane, uint32_t child_index, uint32_t most) {
    struct child *child = child_at(engine, child_index);
    most = children_make_slots(engine, child_index, most);
    struct effect_deliver_item *items =
        effects_alloc(engine->out, most * sizeof(struct effect_deliver_item));
    if (child->leased == 0) {
        child->recalls = queue_at(engine, lane_at(engine, lane)->queue)->recalls;
    }
    uint32_t first_slot = child->next;
    uint64_t first_counter = engine->next_counter;
    uint64_t batch = 0;
    uint64_t bytes =
        BOUND_LEASED_BYTES > child->leased_bytes ? BOUND_LEASED_BYTES - child->leased_bytes : 0;
    uint32_t count = match_fill(engine, lane, most, bytes, items, &batch);
    if (count == 0) {
        return 0;
    }
    children_lease(engine, child_index, lane, items, count);
    child->batch = batch > child->batch ? batch : child->batch;
    match_emit(engine, lane, child_index, first_slot, first_counter, items, count);
    if (!child->waiting) {
        children_progress(engine, child_index);
    }
    return count;
}

/* How many tasks of the lane this child may get now. */
static uint32_t match_share(const struct engine *engine, const struct lane *lane,
                            const struct child *child) {
    uint64_t estimate = hot_estimate_ns(lane);
    uint64_t limit = BOUND_CREDIT_US * 1000;
    uint64_t work = child->leased == 0 ? 0 : children_work_ns(engine, child);
    uint64_t by_time = work >= limit ? 0 : (limit - work + estimate - 1) / estimate;
    uint64_t helpers = queue_at(engine, lane->queue)->free_children;
    uint64_t ready = lane_ready(lane);
    uint64_t fair = (ready + helpers - 1) / helpers;
    uint64_t least = (SHARE_MIN_NS + estimate - 1) / estimate;
    uint64_t share = fair > least ? fair : least;
    share = share < by_time ? share : by_time;
    share = share < ready ? share : ready;
    uint32_t room = children_room(child);
    return share < room ? (uint32_t)share : room;
}

/* A free child of this host that can take the lane; those that time made unusable leave the list.
 */
static uint32_t match_child_of(struct engine *engine, struct host *host, uint32_t lane,
                               uint32_t size) {
    for (uint32_t index = host->free.head; index != 0;) {
        const struct child *child = child_at(engine, index);
        uint32_t next = child->in_free.next;
        if (!children_usable(engine, child)) {
            children_update(engine, index);
        } else if (children_can_load(child, lane) && children_can_hold(child, size)) {
            return index;
        }
        index = next;
    }
    return 0;
}

/* A free child whose host offers the lane, with room for arguments of this size; both go behind the
 * others. */
static uint32_t match_child(struct engine *engine, struct queue *queue, uint32_t lane,
                            uint32_t size) {
    size_t offset = offsetof(struct host, in_free);
    for (uint32_t index = queue->free_hosts.head; index != 0;) {
        struct host *host = host_at(engine, index);
        uint32_t next = host->in_free.next;
        uint32_t child = hosts_offers(host, lane) ? match_child_of(engine, host, lane, size) : 0;
        if (child != 0) {
            list_remove(&queue->free_hosts, &engine->hosts, offset, index);
            list_append(&queue->free_hosts, &engine->hosts, offset, index);
            offset = offsetof(struct child, in_free);
            list_remove(&host->free, &engine->children, offset, child);
            list_append(&host->free, &engine->children, offset, child);
            return child;
        }
        index = next;
    }
    return 0;
}

/* Behind the other lanes of its priority. */
static void match_rotate(struct engine *engine, struct queue *queue, uint32_t index) {
    size_t offset = offsetof(struct lane, in_active);
    const struct lane *lane = lane_at(engine, index);
    uint32_t after = lane->in_active.next;
    if (!lane->active || after == 0 ||
        lane_at(engine, after)->options.priority != lane->options.priority) {
        return;
    }
    uint32_t next = lane_at(engine, after)->in_active.next;
    while (next != 0 && lane_at(engine, next)->options.priority == lane->options.priority) {
        after = next;
        next = lane_at(engine, next)->in_active.next;
    }
    list_remove(&queue->active, &engine->lanes, offset, index);
    list_insert(&queue->active, &engine->lanes, offset, after, index);
}

/* One delivery, if the lane and some child allow it. */
static uint32_t match_lane(struct engine *engine, struct queue *queue, uint32_t lane,
                           uint32_t units) {
    uint32_t first = lane_first(engine, lane);
    if (!match_may_start(engine, first) ||
        (lane_at(engine, lane)->options.flags & TASK_PROCESS) != 0) { /* spawn.h */
        return 0;
    }
    uint32_t child = match_child(engine, queue, lane, task_at(engine, first)->payload_size);
    if (child == 0) {
        return 0;
    }
    uint32_t share = match_share(engine, lane_at(engine, lane), child_at(engine, child));
    uint32_t count =
        share == 0 ? 0 : match_deliver(engine, lane, child, share < units ? share : units);
    children_update(engine, child);
    return count;
}

/* Rounds over the active lanes until a whole round gives nothing. */
static uint32_t match_queue(struct engine *engine, uint32_t index, uint32_t units) {
    struct queue *queue = queue_at(engine, index);
    uint32_t fruitless = 0;
    uint32_t lane = queue->active.head;
    bool pool = queue->active.count > queue->active_processes;
    while (pool && lane != 0 && units > 0 && queue->free_hosts.count > 0) {
        uint32_t next = lane_at(engine, lane)->in_active.next;
        uint32_t count = match_lane(engine, queue, lane, units);
        units -= count;
        if (count > 0) {
            match_rotate(engine, queue, lane);
            fruitless = 0;
            lane = queue->active.head; /* the most urgent lane that is left */
        } else if (++fruitless >= queue->active.count) {
            break;
        } else {
            lane = next;
        }
    }
    if (queue->active.count > 0 && fruitless > 0) {
        engine->counts.credit_stalls++;
    }
    return units;
}

uint32_t match_run(struct engine *engine, uint32_t units) {
    uint32_t rounds = engine->match_due.count;
    while (rounds-- > 0 && units > 0) {
        uint32_t index = engine->match_due.head;
        struct queue *queue = queue_at(engine, index);
        list_remove(&engine->match_due, &engine->queues, offsetof(struct queue, in_match), index);
        queue->match_due = false;
        if (!engine->draining && queue_hands_out(queue)) {
            units = spawn_queue(engine, index, match_queue(engine, index, units));
        }
        if (units == 0) {
            queue_match(engine, index);
        }
    }
    return units;
}
