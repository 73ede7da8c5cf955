/* SPDX-License-Identifier: MIT
 *
 * Audit of hosts and children: rings, loads, free lists, offers. */
#include "broker/core/audit.h"

static const char *audit_ring(const struct engine *engine, const struct child *child) {
    uint32_t leased = 0;
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < child->ring_size; i++) {
        uint32_t index = child->ring[i];
        if (index == 0) {
            continue;
        }
        const struct task *task = task_at(engine, index);
        leased++;
        bytes += task->payload_size;
        AUDIT(task->state == TASK_LEASED && task->lease.child == child->index &&
                  (task->flags & TASK_ADOPTED) == 0,
              "child: a task in the ring that it does not lease");
        AUDIT((task->lease.number & (child->ring_size - 1)) == i,
              "child: at another number's place");
        AUDIT((int32_t)(child->next - task->lease.number) > 0, "child: a number not yet given");
    }
    AUDIT(leased == child->leased, "child: count of leased tasks");
    AUDIT(bytes == child->leased_bytes, "child: bytes of leased tasks");
    return NULL;
}

static const char *audit_loads(const struct engine *engine, const struct child *child) {
    uint32_t sum = 0;
    for (uint32_t i = 0; i < CHILD_LOADS; i++) {
        uint32_t count = 0;
        const struct child_load *load = &child->loads[i];
        AUDIT((load->lane == 0) == (load->count == 0), "child: an empty load");
        for (uint32_t at = 0; load->lane != 0 && at < child->ring_size; at++) {
            count += child->ring[at] != 0 && task_at(engine, child->ring[at])->lane == load->lane;
        }
        AUDIT(count == load->count, "child: load of a lane");
        sum += count;
    }
    AUDIT(sum == child->leased, "child: loads");
    return NULL;
}

static const char *audit_adopted(const struct engine *engine, const struct child *child) {
    AUDIT(audit_list(&child->adopted, &engine->colds, offsetof(struct cold, adopted)),
          "child: adopted leases");
    for (uint32_t at = child->adopted.head; at != 0;) {
        const struct cold *cold = slab_at(&engine->colds, at);
        const struct task *task = task_at(engine, cold->task);
        AUDIT(task->state == TASK_LEASED && task->lease.child == child->index &&
                  (task->flags & TASK_ADOPTED) != 0,
              "child: an adopted task that it does not lease");
        at = cold->adopted.next;
    }
    return NULL;
}

static const char *audit_child(const struct engine *engine, uint32_t index) {
    const struct child *child = child_at(engine, index);
    const struct host *host = host_at(engine, child->host);
    AUDIT(child->index == index, "child: its index");
    AUDIT(hosts_child_find(engine, child->host, child->place) == index, "child: not in its place");
    AUDIT(child->route == 0 || routes_find(engine, child->route) != NULL, "child: its route");
    AUDIT(child->old_route == 0 || routes_find(engine, child->old_route) != NULL,
          "child: its old route");
    AUDIT((int32_t)(child->next - child->started) > 0, "child: started beyond what was given");
    AUDIT(!child->free || host->state == HOST_LIVE, "child: free without a host");
    AUDIT(!child->idle || (child->free && child->leased == 0) || child->due,
          "child: counted as idle and is not");
    AUDIT(!child->free || child->due ||
              (!child->dead && !child->closing && child->route != 0 && children_room(child) > 0),
          "child: counted as free and is not");
    AUDIT(child->ack_count == 0 || child->due, "child: acknowledgements that nobody sends");
    AUDIT(!children_may_wait(child) || child->waiting || child->due,
          "child: nobody looks whether it starts");
    const char *complaint = audit_ring(engine, child);
    complaint = complaint != NULL ? complaint : audit_loads(engine, child);
    return complaint != NULL ? complaint : audit_adopted(engine, child);
}

static const char *audit_offers(const struct engine *engine, const struct host *host) {
    for (uint32_t index = 1; index <= engine->lanes.used; index++) {
        const struct lane *lane = lane_at(engine, index);
        bool should = host->state == HOST_LIVE && lane->queue != 0 && lane->queue == host->queue &&
                      hosts_has_function(host, lane->function);
        AUDIT(hosts_offers(host, index) == should, "host: its offers");
    }
    return NULL;
}

static const char *audit_host(const struct engine *engine, uint32_t index) {
    const struct host *host = host_at(engine, index);
    AUDIT(host->index == index, "host: its index");
    AUDIT(hosts_find(engine, host->id) == index, "host: not found by its id");
    const struct route *route = host->route == 0 ? NULL : routes_find(engine, host->route);
    AUDIT(host->route == 0 || (route != NULL && route->kind == PEER_HOST && route->peer == index),
          "host: its route");
    AUDIT(audit_list(&host->free, &engine->children, offsetof(struct child, in_free)),
          "host: free children");
    for (uint32_t at = host->free.head; at != 0; at = child_at(engine, at)->in_free.next) {
        AUDIT(child_at(engine, at)->free && child_at(engine, at)->host == index,
              "host: a child that is not free");
    }
    for (uint32_t place = 0; place < host->place_count; place++) {
        uint32_t child = host->places[place];
        AUDIT(child == 0 || (child_at(engine, child)->host == index &&
                             child_at(engine, child)->place == place),
              "host: a place with another place's child");
    }
    AUDIT(audit_list(&host->waiters, &engine->waiters, offsetof(struct waiter, in_owner)),
          "host: who waits for its leaving");
    return audit_offers(engine, host);
}

static const char *audit_pool(const struct engine *engine, const struct queue *queue) {
    uint32_t free = 0;
    uint32_t idle = 0;
    uint32_t free_hosts = 0;
    for (uint32_t at = queue->hosts.head; at != 0; at = host_at(engine, at)->in_queue.next) {
        const struct host *host = host_at(engine, at);
        AUDIT(host->state == HOST_LIVE && host->queue == queue->index, "pool: not its host");
        free += host->free.count;
        free_hosts += host->free.count > 0;
        for (uint32_t place = 0; place < host->place_count; place++) {
            idle += host->places[place] != 0 && child_at(engine, host->places[place])->idle;
        }
    }
    AUDIT(free == queue->free_children, "pool: free children");
    AUDIT(idle == queue->idle_children, "pool: idle children");
    AUDIT(free_hosts == queue->free_hosts.count, "pool: hosts with free children");
    return NULL;
}

static const char *audit_lists(const struct engine *engine) {
    AUDIT(audit_list(&engine->hosts_by_silence, &engine->hosts, offsetof(struct host, in_silence)),
          "hosts: by silence");
    AUDIT(audit_list(&engine->unstarted, &engine->children, offsetof(struct child, in_unstarted)),
          "children: unstarted");
    AUDIT(audit_list(&engine->children_due, &engine->children, offsetof(struct child, in_due)),
          "children: due");
    AUDIT(engine->hosts_by_silence.count == engine->counts.hosts, "hosts: count");
    int64_t last = INT64_MIN;
    for (uint32_t at = engine->hosts_by_silence.head; at != 0;) {
        const struct host *host = host_at(engine, at);
        AUDIT(host->state == HOST_LIVE && host->heard_us >= last, "hosts: silence order");
        last = host->heard_us;
        at = host->in_silence.next;
    }
    return NULL;
}

const char *audit_workers(const struct engine *engine) {
    const char *complaint = audit_lists(engine);
    uint32_t awaited = 0;
    uint32_t children = 0;
    for (uint32_t i = 1; complaint == NULL && i <= engine->hosts.used; i++) {
        if (host_at(engine, i)->state != HOST_FREE) {
            complaint = audit_host(engine, i);
            awaited += host_at(engine, i)->state == HOST_AWAITED;
        }
    }
    for (uint32_t i = 1; complaint == NULL && i <= engine->children.used; i++) {
        if (child_at(engine, i)->host != 0) {
            complaint = audit_child(engine, i);
            children++;
        }
    }
    for (uint32_t i = 1; complaint == NULL && i <= engine->queues.used; i++) {
        complaint = audit_pool(engine, queue_at(engine, i));
    }
    AUDIT(complaint == NULL, complaint);
    AUDIT(awaited == engine->grace.awaited, "grace: hosts awaited");
    AUDIT(children == engine->counts.children && children == engine->children.live,
          "children: count");
    return NULL;
}
