/* SPDX-License-Identifier: MIT
 *
 * A connection: the shell around the session; see connection.h.
 *
 * Results are taken in slices: the mutex is held for one message at most, and a submitter that
 * waits for it gets its turn between two. Reopening is delayed a little longer each time nobody
 * answers. */
#include "client/connection.h"

#include "common/clock.h"
#include "common/entropy.h"
#include "common/err.h"

#include <stdlib.h>
#include <string.h>

enum {
    CONNECTION_REOPEN_US = 10000,
    CONNECTION_REOPEN_MAX_US = 1000000,
};

/* ---- the session's callbacks ---------------------------------------------------------------- */

static void on_finished(void *context, void *owner, const struct session_outcome *outcome) {
    (void)context;
    struct owner *self = owner;
    self->kind->finished(self, outcome);
}

static void on_accepted(void *context, void *owner) {
    (void)context;
    struct owner *self = owner;
    self->kind->accepted(self);
}

static void on_moved(void *context, void *owner, struct task_id key) {
    (void)context;
    struct owner *self = owner;
    self->kind->moved(self, key);
}

static void on_answered(void *context, void *owner, const struct session_outcome *outcome) {
    (void)context;
    struct owner *self = owner;
    self->kind->answered(self, outcome);
}

static void on_random(void *context, void *out, size_t size) {
    (void)context;
    entropy_fill(out, size);
}

const struct session_ops connection_session_ops = {on_finished, on_accepted, on_moved, on_answered,
                                                   on_random};

/* ---- the I/O thread ------------------------------------------------------------------------- */

bool connection_waiter_done(const struct wherry_connection *connection,
                            const struct room_waiter *waiter, const struct session_view *view) {
    if (view->failed != WHERRY_OK) {
        return true;
    }
    return waiter->flush ? view->unsent_bytes == 0 || !view->connected
                         : session_has_room(connection->session, waiter->slot);
}

/* `all`: whether there is room or not. */
static void room_wake(struct wherry_connection *connection, bool all) {
    struct session_view view;
    session_look(connection->session, &view);
    struct room_waiter **at = &connection->room_waiters;
    while (*at != NULL) {
        struct room_waiter *waiter = *at;
        if (!connection_waiter_done(connection, waiter, &view) && (!all || waiter->flush)) {
            at = &waiter->following;
            continue;
        }
        *at = waiter->following; /* before the wake-up: the waiter is gone after it */
        wait_wake(&waiter->word, atomic_fetch_or(&waiter->word, WAIT_DONE));
    }
}

void connection_room_again(struct wherry_connection *connection) {
    room_wake(connection, true);
}

wherry_err connection_wait_room(struct wherry_connection *connection, struct room_waiter *waiter,
                                int64_t deadline_us) {
    atomic_store(&waiter->word, 0);
    waiter->following = connection->room_waiters;
    connection->room_waiters = waiter;
    pthread_mutex_unlock(&connection->mutex);
    connection_wake(connection);
    wherry_err err = wait_word(&connection->waiters, &waiter->word, WAIT_DONE, deadline_us);
    pthread_mutex_lock(&connection->mutex);
    struct room_waiter **at = &connection->room_waiters;
    while (*at != NULL && *at != waiter) {
        at = &(*at)->following;
    }
    if (*at != NULL) {
        *at = waiter->following;
    }
    return err;
}

void connection_after(struct wherry_connection *connection) {
    if (connection->room_waiters != NULL) {
        room_wake(connection, false);
    }
    wait_interrupt_run(&connection->waiters);
    if ((atomic_load(&connection->connected) & WAIT_DONE) != 0 && connection->reopened == 0) {
        return;
    }
    struct session_view view;
    session_look(connection->session, &view);
    bool restoring = connection->no_restore_wait && view.restoring[0] != 0;
    if (view.connected || restoring ||
        (view.failed != WHERRY_OK && view.failed != WHERRY_E_NO_BROKER)) {
        connection->reopened = 0;
        wait_wake(&connection->connected, atomic_fetch_or(&connection->connected, WAIT_DONE));
    }
}

static void on_opened(void *context, struct link *link) {
    struct wherry_connection *connection = context;
    (void)link;
    pthread_mutex_lock(&connection->mutex);
    session_opened(connection->session, clock_mono_us());
    connection->reopened++;
    pthread_mutex_unlock(&connection->mutex);
}

static void on_received(void *context, struct link *link, const struct wire_message *message) {
    struct wherry_connection *connection = context;
    (void)link;
    int64_t now_us = clock_mono_us();
    pthread_mutex_lock(&connection->mutex);
    connection->message = message;
    wait_late_begin(&connection->waiters);
    session_input(connection->session, message, now_us);
    wait_late_end(&connection->waiters);
    connection->message = NULL;
    connection_after(connection);
    pthread_mutex_unlock(&connection->mutex);
    wait_late_wake(&connection->waiters);
}

/* One message under the mutex, sent without it; false: nothing waits. */
static bool connection_collect_one(struct wherry_connection *connection, struct wire_part *body) {
    pthread_mutex_lock(&connection->mutex);
    bool some = session_output_lent(connection->session, clock_mono_us(), &connection->out, body);
    if (connection->room_waiters != NULL) {
        room_wake(connection, false);
    }
    wait_interrupt_run(&connection->waiters); /* here, too: after `asleep` was said */
    pthread_mutex_unlock(&connection->mutex);
    return some;
}

static void on_collect(void *context, struct link *link) {
    struct wherry_connection *connection = context;
    struct wire_part body = {NULL, 0, NULL, NULL};
    while (link_ready(link) && connection_collect_one(connection, &body)) {
        if (body.data != NULL) {
            link_send_lent(link, &body, &connection->out);
        } else {
            link_send(link, &connection->out);
        }
    }
}

static int64_t on_tick(void *context, struct link *link, int64_t now_us) {
    struct wherry_connection *connection = context;
    pthread_mutex_lock(&connection->mutex);
    session_tick(connection->session, now_us);
    connection_after(connection);
    bool reopen = session_wants_reopen(connection->session);
    int64_t wake_us = session_next_wake(connection->session);
    uint32_t reopened = connection->reopened;
    pthread_mutex_unlock(&connection->mutex);
    if (reopen) {
        int64_t delay_us = CONNECTION_REOPEN_US << (reopened < 7 ? reopened : 7);
        link_reopen(link,
                    delay_us < CONNECTION_REOPEN_MAX_US ? delay_us : CONNECTION_REOPEN_MAX_US);
    }
    return wake_us;
}

void connection_house_ended(void *context, struct link *link) {
    struct wherry_connection *connection = context;
    link_forget_extra(link);
    pthread_mutex_lock(&connection->mutex);
    session_lose_broker(connection->session,
                        "local: the broker or the parent of the workers died, and everything of "
                        "this program's house with it: connect again",
                        clock_mono_us());
    connection_after(connection);
    pthread_mutex_unlock(&connection->mutex);
}

const struct link_ops connection_link_ops = {on_opened, on_received, on_collect, on_tick};

/* ---- for the other files -------------------------------------------------------------------- */

wherry_err connection_check(const struct wherry_connection *connection) {
    if (atomic_load_explicit(connection->life, memory_order_relaxed) == 1) {
        return WHERRY_OK;
    }
    return err_set(WHERRY_E_FORKED, "the handle belongs to the parent of this forked process: "
                                    "connect afresh here");
}

wherry_err connection_fail(struct wherry_connection *connection, wherry_err err) {
    struct session_view view;
    session_look(connection->session, &view);
    bool told = err == view.failed && view.failure[0] != 0;
    return err_set(err, "%s", told ? view.failure : wherry_err_text(err));
}

void connection_wake(struct wherry_connection *connection) {
    link_wake(connection->link);
}

void connection_free_copy(void *data, void *hint) {
    (void)hint;
    free(data);
}

bool connection_keep(struct wherry_connection *connection, const struct session_outcome *outcome,
                     struct wire_part *out) {
    size_t size = outcome->payload.size;
    if (outcome->frame > 0 && size > CONNECTION_RESULT_COPY_MAX && connection->message != NULL &&
        link_take(connection->link, outcome->frame, out)) {
        return true;
    }
    void *copy = malloc(size > 0 ? size : 1);
    if (copy == NULL) {
        return false;
    }
    if (size > 0) {
        memcpy(copy, outcome->payload.data, size);
    }
    *out = (struct wire_part){copy, size, connection_free_copy, NULL};
    return true;
}

struct bytes *connection_scratch_take(struct wherry_connection *connection) {
    struct bytes *scratch = atomic_exchange(&connection->scratch, NULL);
    if (scratch == NULL) {
        scratch = calloc(1, sizeof *scratch);
    }
    if (scratch != NULL) {
        bytes_clear(scratch);
    }
    return scratch;
}

void connection_scratch_give(struct wherry_connection *connection, struct bytes *scratch) {
    scratch = atomic_exchange(&connection->scratch, scratch);
    if (scratch != NULL) {
        bytes_free(scratch);
        free(scratch);
    }
}
