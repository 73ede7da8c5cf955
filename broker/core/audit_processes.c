/* SPDX-License-Identifier: MIT
 *
 * Audit of Processes, the children that are made for them, and sessions inside of attempts: each is
 * where it must be and counted once, and nothing that could be done was forgotten. */
#include "broker/core/audit.h"

#include "broker/core/match.h"
#include "broker/core/process.h"
#include "broker/core/spawn.h"

static const char *audit_process_lists(const struct engine *engine) {
    uint32_t count = 0;
    for (uint32_t at = 1; at <= engine->tasks.used; at++) {
        const struct task *task = task_at(engine, at);
        if (task->state != TASK_FREE && process_is(engine, at) && !task_is_terminal(task)) {
            AUDIT(cold_find(engine, at) != NULL && cold_find(engine, at)->process,
                  "process: not in its list");
            count++;
        }
    }
    AUDIT(audit_list(&engine->processes, &engine->colds, offsetof(struct cold, in_processes)),
          "processes: list");
    AUDIT(count == engine->processes.count, "processes: count");
    for (uint32_t at = 1; at <= engine->sessions.used; at++) {
        const struct session *session = session_at(engine, at);
        AUDIT(audit_list(&session->daemons, &engine->colds, offsetof(struct cold, in_daemons)),
              "session: daemons");
        AUDIT(session->state != SESSION_ENDED || session->daemons.count == 0 ||
                  engine->works.count > 0,
              "session: its daemons outlive it");
    }
    return NULL;
}

static const char *audit_spawned(const struct engine *engine, const struct host *host) {
    uint32_t spawned = 0;
    for (uint32_t place = 0; place < host->place_count; place++) {
        const struct child *child =
            host->places[place] == 0 ? NULL : child_at(engine, host->places[place]);
        if (child == NULL) {
            continue;
        }
        spawned += child->spawn != SPAWN_FREE;
        AUDIT(child->spawn == SPAWN_FREE || place >= host->processes, "spawn: a place of the pool");
        AUDIT(!child->fresh || child->spawn == SPAWN_ASKED, "spawn: fresh, and not asked for");
        AUDIT(!spawn_is(engine, child) || child->leased + child->adopted.count <= 1,
              "spawn: a child with two Processes");
        AUDIT(!spawn_is(engine, child) || !child->free, "spawn: among the children of the pool");
    }
    AUDIT(spawned == host->spawned, "spawn: count of a host");
    return NULL;
}

static uint32_t audit_asked(const struct engine *engine, uint32_t lane) {
    uint32_t asked = 0;
    for (uint32_t at = 1; at <= engine->children.used; at++) {
        asked += child_at(engine, at)->host != 0 && child_at(engine, at)->spawn_lane == lane;
    }
    return asked;
}

static const char *audit_spawning(const struct engine *engine) {
    for (uint32_t at = 1; at <= engine->hosts.used; at++) {
        if (host_at(engine, at)->state != HOST_FREE) {
            const char *complaint = audit_spawned(engine, host_at(engine, at));
            AUDIT(complaint == NULL, complaint);
        }
    }
    for (uint32_t at = 1; at <= engine->lanes.used; at++) {
        AUDIT(lane_at(engine, at)->queue == 0 ||
                  audit_asked(engine, at) == lane_at(engine, at)->spawning,
              "spawn: count of a lane");
    }
    for (uint32_t at = 1; at <= engine->queues.used; at++) {
        AUDIT(audit_list(&queue_at(engine, at)->fresh, &engine->children,
                         offsetof(struct child, in_free)),
              "spawn: fresh children of a queue");
    }
    return NULL;
}

static const char *audit_nested(const struct engine *engine) {
    uint32_t inside = 0;
    for (uint32_t at = 1; at <= engine->sessions.used; at++) {
        const struct session *session = session_at(engine, at);
        bool live = session->state == SESSION_LIVE;
        AUDIT(session->inside == 0 || live, "nested: a session that has ended");
        AUDIT(session->inside == 0 || task_at(engine, session->inside)->state == TASK_LEASED,
              "nested: a session whose attempt has ended");
        inside += live && session->attempt.counter != 0;
    }
    for (uint32_t at = 1; at <= engine->tasks.used; at++) {
        const struct cold *cold =
            task_at(engine, at)->state == TASK_FREE ? NULL : cold_find(engine, at);
        inside -= cold == NULL ? 0 : cold->sessions.count;
    }
    AUDIT(inside == engine->unbound.count, "nested: count");
    return NULL;
}

const char *audit_processes(const struct engine *engine) {
    const char *complaint = audit_process_lists(engine);
    complaint = complaint != NULL ? complaint : audit_spawning(engine);
    return complaint != NULL ? complaint : audit_nested(engine);
}
