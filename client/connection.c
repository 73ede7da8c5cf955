/* SPDX-License-Identifier: MIT
 *
 * A connection: the shell around the session; see connection.h.
 *
 * Results are taken in slices: the mutex is held for one message at most, and a submitter that
 * waits for it gets its turn between two. Reopening is delayed a little longer each time nobody
 * answers. */
#include "client/connection.h"

#include "client/async.h"
#include "client/callbacks.h"
#include "common/check.h"
#include "common/clock.h"
#include "common/entropy.h"
#include "common/err.h"
#include "common/bounds.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
    CONNECT_TIMEOUT_MS = 5000,
    CONNECTION_LINGER_MS = 1000,
    CONNECTION_REOPEN_US = 10000,
    CONNECTION_REOPEN_MAX_US = 1000000,
    CONNECTION_ADDRESS_SIZE = 4096,
};

const char *wherry_version(void) {
    return WHERRY_VERSION;
}

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

static const struct session_ops connection_session_ops = {on_finished, on_accepted, on_moved,
                                                          on_answered, on_random};

/* ---- the I/O thread ------------------------------------------------------------------------- */

static bool room_waiter_done(const struct wherry_connection *connection,
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
        if (!room_waiter_done(connection, waiter, &view) && (!all || waiter->flush)) {
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

/* What was submitted leaves before the goodbye, if a broker takes it within the linger time. */
static void connection_flush(struct wherry_connection *connection) {
    struct room_waiter waiter = {.flush = true};
    int64_t deadline_us = clock_mono_us() + (int64_t)CONNECTION_LINGER_MS * 1000;
    struct session_view view;
    wherry_err err = WHERRY_E_INTERRUPTED; /* nobody can be told of an interruption here */
    pthread_mutex_lock(&connection->mutex);
    session_look(connection->session, &view);
    while (err == WHERRY_E_INTERRUPTED && !room_waiter_done(connection, &waiter, &view)) {
        err = connection_wait_room(connection, &waiter, deadline_us);
        session_look(connection->session, &view);
    }
    pthread_mutex_unlock(&connection->mutex);
}

/* Under the mutex, after anything the session may have learnt. */
static void connection_after(struct wherry_connection *connection) {
    if (connection->room_waiters != NULL) {
        room_wake(connection, false);
    }
    wait_interrupt_run(&connection->waiters);
    if ((atomic_load(&connection->connected) & WAIT_DONE) != 0 && connection->reopened == 0) {
        return;
    }
    struct session_view view;
    session_look(connection->session, &view);
    if (view.connected || (view.failed != WHERRY_OK && view.failed != WHERRY_E_NO_BROKER)) {
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

static const struct link_ops connection_link_ops = {on_opened, on_received, on_collect, on_tick};

/* ---- life ----------------------------------------------------------------------------------- */

static void connection_free(struct wherry_connection *connection) {
    link_close(&connection->link, 0);
    session_destroy(&connection->session);
    async_slab_destroy(&connection->asyncs);
    struct bytes *scratch = atomic_load(&connection->scratch);
    if (scratch != NULL) {
        bytes_free(scratch);
        free(scratch);
    }
    wire_out_fini(&connection->out);
    if (connection->life != NULL) {
        munmap(connection->life, (size_t)sysconf(_SC_PAGESIZE));
    }
    free(connection);
}

void connection_hold(struct wherry_connection *connection) {
    atomic_fetch_add_explicit(&connection->handles, 1, memory_order_relaxed);
}

void connection_unhold(struct wherry_connection *connection) {
    if (atomic_fetch_sub_explicit(&connection->handles, 1, memory_order_acq_rel) == 1) {
        connection_free(connection);
    }
}

static bool connection_live(struct wherry_connection *connection) {
    size_t size = (size_t)sysconf(_SC_PAGESIZE);
    void *page = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) {
        return false;
    }
    connection->life = page;
    atomic_store(connection->life, 1);
    return madvise(page, size, MADV_WIPEONFORK) == 0;
}

static const char *connection_label(const wherry_connect_options *options) {
    if (options != NULL && options->label != NULL) {
        return options->label;
    }
    return program_invocation_short_name != NULL ? program_invocation_short_name : "";
}

static int64_t connection_limit_us(const wherry_connect_options *options) {
    int64_t limit_ms = options != NULL ? options->reconnect_limit_ms : 0;
    if (limit_ms == WHERRY_FOREVER || limit_ms > INT64_MAX / 2000) {
        return INT64_MAX;
    }
    return (limit_ms == 0 ? TIME_RECONNECT_LIMIT_MS : limit_ms) * 1000;
}

static wherry_err connection_create(const wherry_connect_options *options,
                                    struct wherry_connection **out) {
    struct wherry_connection *connection = calloc(1, sizeof *connection);
    if (connection == NULL) {
        return err_set(WHERRY_E_NO_MEMORY, "connect: out of memory");
    }
    /* It is held for well under a microsecond by callers: a short spin saves most sleeps. */
    pthread_mutexattr_t adaptive;
    pthread_mutexattr_init(&adaptive);
    pthread_mutexattr_settype(&adaptive, PTHREAD_MUTEX_ADAPTIVE_NP);
    pthread_mutex_init(&connection->mutex, &adaptive);
    pthread_mutexattr_destroy(&adaptive);
    connection->waiters.mutex = &connection->mutex;
    connection->handles = 1;
    wire_out_init(&connection->out);
    snprintf(connection->label, sizeof connection->label, "%s", connection_label(options));
    struct session_options session_options = {
        .label = connection->label,
        .pid = getpid(),
        .reconnect_limit_us = connection_limit_us(options),
        .accepted_if_wanted = true,
    };
    connection->session =
        session_create(&session_options, &connection_session_ops, connection, clock_mono_us());
    connection->asyncs = async_slab_create();
    if (connection->session == NULL || connection->asyncs == NULL || !connection_live(connection)) {
        connection_free(connection);
        return err_set(WHERRY_E_NO_MEMORY, "connect: out of memory");
    }
    *out = connection;
    return WHERRY_OK;
}

static wherry_err connect_check(const wherry_connect_options *options) {
    if (options == NULL) {
        return WHERRY_OK;
    }
    if (options->size != sizeof *options) {
        return err_set(WHERRY_E_INVALID, "options.size is %zu, expected %zu: set it to sizeof",
                       options->size, sizeof *options);
    }
    if (options->connect_timeout_ms < WHERRY_FOREVER ||
        options->reconnect_limit_ms < WHERRY_FOREVER) {
        return err_set(WHERRY_E_INVALID, "options: a time is negative");
    }
    return WHERRY_OK;
}

/* Until the first hello is answered, whatever the answer. */
static wherry_err connect_wait(struct wherry_connection *connection, const char *address,
                               int64_t timeout_ms) {
    int64_t deadline_us = 0;
    wherry_err err = wait_deadline(timeout_ms, &deadline_us);
    if (err == WHERRY_OK) {
        err = wait_word(&connection->waiters, &connection->connected, WAIT_DONE, deadline_us);
    }
    if (err == WHERRY_E_TIMEOUT) {
        return err_set(WHERRY_E_NO_BROKER, "no broker answers at %s within %lld ms", address,
                       (long long)timeout_ms);
    }
    pthread_mutex_lock(&connection->mutex);
    struct session_view view;
    session_look(connection->session, &view);
    if (view.failed != WHERRY_OK) {
        err = err_set(view.failed, "%s: %s", address, view.failure);
    }
    pthread_mutex_unlock(&connection->mutex);
    return err;
}

wherry_err wherry_connect(const char *address, const wherry_connect_options *options,
                          wherry_connection **out) {
    if (out == NULL) {
        return err_set(WHERRY_E_INVALID, "connect: no place for the connection");
    }
    wherry_err err = connect_check(options);
    if (err != WHERRY_OK) {
        return err;
    }
    char fallback[CONNECTION_ADDRESS_SIZE];
    if (address == NULL) {
        connection_default_address(fallback, sizeof fallback);
        address = fallback;
    }
    struct wherry_connection *connection = NULL;
    err = connection_create(options, &connection);
    if (err != WHERRY_OK) {
        return err;
    }
    struct link_options link_options = {.payload_max = WIRE_PAYLOAD_MAX, .extra_fd = -1};
    err = link_open(address, &link_options, &connection_link_ops, connection, &connection->link);
    if (err != WHERRY_OK) {
        connection_free(connection);
        return err;
    }
    int64_t timeout_ms = options != NULL ? options->connect_timeout_ms : 0;
    err = connect_wait(connection, address, timeout_ms == 0 ? CONNECT_TIMEOUT_MS : timeout_ms);
    if (err != WHERRY_OK) {
        link_stop(connection->link, 0);
        connection_unhold(connection);
        return err;
    }
    *out = connection;
    return WHERRY_OK;
}

void wherry_connection_release(wherry_connection **connection) {
    if (connection == NULL || *connection == NULL) {
        return;
    }
    struct wherry_connection *dying = *connection;
    *connection = NULL;
    if (atomic_load(dying->life) != 1) {
        link_abandon(&dying->link);
        callbacks_abandon(&dying->callbacks);
        connection_unhold(dying);
        return;
    }
    connection_flush(dying);
    pthread_mutex_lock(&dying->mutex);
    dying->closed = true;
    session_close(dying->session, clock_mono_us());
    connection_after(dying);
    struct callbacks *callbacks = dying->callbacks;
    dying->callbacks = NULL; /* what ends from now on is told to nobody */
    pthread_mutex_unlock(&dying->mutex);
    link_stop(dying->link, CONNECTION_LINGER_MS);
    callbacks_destroy(&callbacks);
    connection_unhold(dying);
}

void wherry_interrupt(wherry_connection *connection) {
    if (connection == NULL || atomic_load(connection->life) != 1) {
        return;
    }
    wait_interrupt_ask(&connection->waiters);
    link_alarm(connection->link);
}

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
