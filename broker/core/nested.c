/* SPDX-License-Identifier: MIT
 *
 * Nested sessions; see nested.h. */
#include "broker/core/nested.h"

#include "broker/core/state.h"

enum { IN_ATTEMPT = offsetof(struct session, in_attempt) };

/* ---- which attempt -------------------------------------------------------------------------- */

static bool child_has_session(const void *context, uint32_t value) {
    const struct engine *engine = ((const void *const *)context)[0];
    return child_at(engine, value)->session == *((const uint64_t *const *)context)[1];
}

static uint32_t nested_child(const struct engine *engine, uint64_t session) {
    const void *context[2] = {engine, &session};
    return session == 0
               ? 0
               : map_find(&engine->child_by_session, map_hash(session), child_has_session, context);
}

void nested_rename(struct engine *engine, struct child *child, uint64_t session) {
    if (child->session == session) {
        return;
    }
    if (child->session != 0) {
        map_drop(&engine->child_by_session, map_hash(child->session), child->index);
    }
    child->session = session;
    if (session != 0) {
        map_put(&engine->child_by_session, map_hash(session), child->index);
    }
}

static uint32_t nested_delivered(const struct engine *engine, uint32_t index, struct token token) {
    const struct child *child = child_at(engine, index);
    for (uint32_t i = 0; i < child->ring_size && child->leased > 0; i++) {
        if (child->ring[i] != 0 && token_equal(task_token(engine, child->ring[i]), token)) {
            return child->ring[i];
        }
    }
    return 0;
}

static uint32_t nested_adopted(const struct engine *engine, uint32_t index, struct token token) {
    const struct child *child = child_at(engine, index);
    for (uint32_t at = child->adopted.head; at != 0;) {
        const struct cold *cold = slab_at(&engine->colds, at);
        if (token_equal(task_token(engine, cold->task), token)) {
            return cold->task;
        }
        at = cold->adopted.next;
    }
    return 0;
}

/* The task whose current attempt this is; 0: none. One of an epoch before was announced by its
 * host, and its child may not have said hello yet: then all are looked at. */
static uint32_t nested_task(const struct engine *engine, uint64_t parent, struct token token) {
    if (token.epoch == engine->config.epoch) {
        uint32_t child = nested_child(engine, parent);
        return child == 0 ? 0 : nested_delivered(engine, child, token);
    }
    uint32_t task = 0;
    for (uint32_t at = 1; at <= engine->children.used && task == 0; at++) {
        task = child_at(engine, at)->adopted.count > 0 ? nested_adopted(engine, at, token) : 0;
    }
    return task;
}

/* ---- joining and leaving -------------------------------------------------------------------- */

static void nested_bind(struct engine *engine, struct session *session, uint32_t task) {
    session->inside = task;
    if (task != 0) {
        list_append(&cold_of(engine, task)->sessions, &engine->sessions, IN_ATTEMPT,
                    session->index);
    } else {
        list_append(&engine->unbound, &engine->sessions, IN_ATTEMPT, session->index);
    }
}

static void nested_unlink(struct engine *engine, struct session *session) {
    struct list *list =
        session->inside != 0 ? &cold_find(engine, session->inside)->sessions : &engine->unbound;
    list_remove(list, &engine->sessions, IN_ATTEMPT, session->index);
    session->inside = 0;
}

bool nested_may_exist(const struct engine *engine, const struct event_hello *hello) {
    return hello->attempt.counter == 0 || !engine->grace.over ||
           nested_task(engine, hello->parent, hello->attempt) != 0;
}

void nested_join(struct engine *engine, uint32_t index, const struct event_hello *hello) {
    struct session *session = session_at(engine, index);
    if (hello->attempt.counter == 0 || session->attempt.counter != 0) {
        return; /* in none, or known */
    }
    session->parent = hello->parent;
    session->attempt = hello->attempt;
    nested_bind(engine, session, nested_task(engine, hello->parent, hello->attempt));
}

void nested_leave(struct engine *engine, uint32_t index) {
    struct session *session = session_at(engine, index);
    if (session->attempt.counter != 0) {
        nested_unlink(engine, session);
        session->attempt = (struct token){0, 0};
    }
}

void nested_end(struct engine *engine, struct cold *cold) {
    while (cold->sessions.head != 0 && !PLANTED(PLANT_NESTED_STAYS)) {
        sessions_end(engine, cold->sessions.head, "the attempt that it was part of has ended");
    }
}

uint32_t nested_settle(struct engine *engine, uint32_t units) {
    for (; units > 0 && engine->unbound.head != 0; units--) {
        uint32_t index = engine->unbound.head;
        struct session *session = session_at(engine, index);
        uint32_t task = nested_task(engine, session->parent, session->attempt);
        if (task == 0) {
            sessions_end(engine, index, "the attempt that it was part of has ended");
        } else {
            nested_unlink(engine, session);
            nested_bind(engine, session, task);
        }
    }
    return units;
}
