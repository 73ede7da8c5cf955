/* SPDX-License-Identifier: MIT
 *
 * Audit of queues and lanes: order, bounds' counts, active lists, and that nothing was forgotten: a
 * putter that could be let in, and work that an idle child could do, must be due. */
#include "broker/core/audit.h"

#include "broker/core/purge.h"
#include "broker/core/treap.h"

struct order { /* walking tasks that must rise by arrival */
    const struct engine *engine;
    uint32_t lane;
    uint64_t last;
    uint32_t count;
};

static bool order_visit(void *context, uint32_t index) {
    struct order *order = context;
    const struct task *task = task_at(order->engine, index);
    if (task->state != TASK_BACK || task->lane != order->lane ||
        task_arrival(task) <= order->last) {
        return false;
    }
    order->last = task_arrival(task);
    order->count++;
    return true;
}

static const char *audit_lane_order(const struct engine *engine, uint32_t index) {
    const struct lane *lane = lane_at(engine, index);
    uint64_t last = 0;
    AUDIT(audit_list(&lane->fifo, &engine->tasks, offsetof(struct task, links)), "lane: fifo");
    for (uint32_t at = lane->fifo.head; at != 0;) {
        const struct task *task = task_at(engine, at);
        AUDIT(task->state == TASK_QUEUED && task->lane == index, "lane: a stranger in the fifo");
        AUDIT(task_arrival(task) > last, "lane: the fifo is out of order");
        last = task_arrival(task);
        at = task->links.next;
    }
    struct order order = {.engine = engine, .lane = index};
    AUDIT(treap_walk(&engine->tasks, lane->back, order_visit, &order), "lane: what came back");
    AUDIT(order.count == lane->back_count, "lane: count of what came back");
    return NULL;
}

static uint32_t audit_offers(const struct engine *engine, uint32_t lane) {
    const struct queue *queue = queue_at(engine, lane_at(engine, lane)->queue);
    uint32_t offers = 0;
    for (uint32_t at = queue->hosts.head; at != 0; at = host_at(engine, at)->in_queue.next) {
        offers += hosts_has_function(host_at(engine, at), lane_at(engine, lane)->function);
    }
    return offers;
}

static const char *audit_lane(const struct engine *engine, uint32_t index) {
    const struct lane *lane = lane_at(engine, index);
    uint32_t tasks = 0;
    uint32_t leased = 0;
    for (uint32_t at = 1; at <= engine->tasks.used; at++) {
        const struct task *task = task_at(engine, at);
        tasks += task->state != TASK_FREE && task->lane == index;
        leased += task->state == TASK_LEASED && task->lane == index;
    }
    for (uint32_t at = 1; at <= engine->waiters.used; at++) {
        const struct waiter *waiter = waiter_at(engine, at);
        tasks += (waiter->kind == WAITER_PUT || waiter->kind == WAITER_RESERVED) &&
                 waiter->lane == index;
    }
    AUDIT(tasks == lane->tasks, "lane: count of tasks");
    AUDIT(leased == lane->leased, "lane: count of leased tasks");
    AUDIT(audit_offers(engine, index) == lane->offers, "lane: who offers it");
    AUDIT(lane->active == (lane->offers > 0 && lane_ready(lane) > 0), "lane: active or not");
    return audit_lane_order(engine, index);
}

struct sums {
    uint64_t depth;
    uint64_t bytes;
    uint64_t leased;
    uint64_t waiting;
    uint64_t reserved;
    uint64_t reserved_bytes;
};

static struct sums audit_sums(const struct engine *engine, uint32_t queue) {
    struct sums sums = {0};
    for (uint32_t at = 1; at <= engine->tasks.used; at++) {
        const struct task *task = task_at(engine, at);
        if (task->state == TASK_FREE || lane_at(engine, task->lane)->queue != queue) {
            continue;
        }
        sums.depth += task_is_ready(task);
        sums.bytes += task_is_ready(task) ? task->payload_size : 0;
        sums.leased += task->state == TASK_LEASED;
        sums.waiting += task->state == TASK_WAITING;
    }
    for (uint32_t at = 1; at <= engine->waiters.used; at++) {
        const struct waiter *waiter = waiter_at(engine, at);
        if (waiter->kind == WAITER_RESERVED && lane_at(engine, waiter->lane)->queue == queue) {
            sums.reserved++;
            sums.reserved_bytes += waiter->payload.size;
        }
    }
    return sums;
}

static const char *audit_putters(const struct engine *engine, const struct queue *queue) {
    AUDIT(audit_list(&queue->putters, &engine->waiters, offsetof(struct waiter, in_owner)),
          "queue: putters");
    for (uint32_t at = queue->putters.head; at != 0; at = waiter_at(engine, at)->in_owner.next) {
        AUDIT(waiter_at(engine, at)->kind == WAITER_PUT, "queue: no putter among the putters");
        AUDIT(lane_at(engine, waiter_at(engine, at)->lane)->queue == queue->index,
              "queue: another queue's putter");
    }
    if (queue->putters.head == 0 || queue->wake_due || queue->purge.works) {
        return NULL;
    }
    const struct waiter *head = waiter_at(engine, queue->putters.head);
    bool older = waiter_is_older(engine, head);
    AUDIT(!queue_refuses(queue, older), "queue: a putter that should be refused");
    AUDIT(engine->store_full || !queue_is_open(queue, older) ||
              !queue_has_room(queue, head->payload.size),
          "queue: there is room, and nobody wakes the putter");
    return NULL;
}

static const char *audit_queue_lists(const struct engine *engine, const struct queue *queue) {
    AUDIT(audit_list(&queue->lanes, &engine->lanes, offsetof(struct lane, in_queue)),
          "queue: lanes");
    AUDIT(audit_list(&queue->active, &engine->lanes, offsetof(struct lane, in_active)),
          "queue: active lanes");
    AUDIT(audit_list(&queue->hosts, &engine->hosts, offsetof(struct host, in_queue)),
          "queue: hosts");
    AUDIT(audit_list(&queue->free_hosts, &engine->hosts, offsetof(struct host, in_free)),
          "queue: free hosts");
    int64_t priority = INT64_MAX;
    for (uint32_t at = queue->active.head; at != 0; at = lane_at(engine, at)->in_active.next) {
        AUDIT(lane_at(engine, at)->active,
              "queue: a lane that is not active among the active ones");
        AUDIT(lane_at(engine, at)->options.priority <= priority, "queue: priorities out of order");
        priority = lane_at(engine, at)->options.priority;
    }
    for (uint32_t at = queue->lanes.head; at != 0; at = lane_at(engine, at)->in_queue.next) {
        AUDIT(lane_at(engine, at)->queue == queue->index, "queue: another queue's lane");
    }
    return NULL;
}

/* What was purged is gone, but for what its work has still to reach, or what hosts may announce. */
static const char *audit_purge(const struct engine *engine, const struct queue *queue) {
    if (queue->purge.open) {
        return NULL;
    }
    for (uint32_t at = queue->lanes.head; at != 0; at = lane_at(engine, at)->in_queue.next) {
        uint32_t task = lane_first(engine, at);
        AUDIT(task == 0 || !purge_hits(engine, task), "queue: a purged task stands in it");
    }
    return NULL;
}

static const char *audit_queue(const struct engine *engine, uint32_t index) {
    const struct queue *queue = queue_at(engine, index);
    struct sums sums = audit_sums(engine, index);
    AUDIT(queue_find(engine, queue->name) == index, "queue: not found by its name");
    AUDIT(sums.depth == queue->depth, "queue: depth");
    AUDIT(sums.bytes == queue->depth_bytes, "queue: bytes");
    AUDIT(sums.leased == queue->leased, "queue: leased");
    AUDIT(sums.waiting == queue->retries.count &&
              audit_list(&queue->retries, &engine->tasks, offsetof(struct task, links)),
          "queue: waiting for a retry");
    AUDIT(sums.reserved == queue->reserved && sums.reserved_bytes == queue->reserved_bytes,
          "queue: reserved places");
    const char *complaint = audit_queue_lists(engine, queue);
    complaint = complaint != NULL ? complaint : audit_purge(engine, queue);
    return complaint != NULL ? complaint : audit_putters(engine, queue);
}

const char *audit_queues(const struct engine *engine) {
    uint32_t lanes = 0;
    for (uint32_t index = 1; index <= engine->lanes.used; index++) {
        if (lane_at(engine, index)->queue != 0) {
            const char *complaint = audit_lane(engine, index);
            AUDIT(complaint == NULL, complaint);
            lanes++;
        }
    }
    AUDIT(lanes == engine->lanes.live, "lanes: live count");
    for (uint32_t index = 1; index <= engine->queues.used; index++) {
        const char *complaint = audit_queue(engine, index);
        AUDIT(complaint == NULL, complaint);
        lanes -= queue_at(engine, index)->lanes.count;
    }
    AUDIT(lanes == 0, "lanes: one stands in no queue");
    AUDIT(audit_list(&engine->match_due, &engine->queues, offsetof(struct queue, in_match)),
          "queues: due for matching");
    AUDIT(audit_list(&engine->wake_due, &engine->queues, offsetof(struct queue, in_wake)),
          "queues: due for waking");
    return NULL;
}
