/* SPDX-License-Identifier: MIT
 *
 * The life of a connection: made, connected, released; see connection.h. */
#include "client/async.h"
#include "client/callbacks.h"
#include "client/connection.h"
#include "client/local_address.h"
#include "common/bounds.h"
#include "common/clock.h"
#include "common/err.h"
#include "common/link/resolve.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
    CONNECT_TIMEOUT_MS = 5000,
    CONNECTION_LINGER_MS = 1000,
    CONNECTION_ADDRESS_SIZE = 4096,
};

const char *wherry_version(void) {
    return WHERRY_VERSION;
}

/* ---- a caller that waits alone -------------------------------------------------------------- */

static uint64_t connection_due(void *context) {
    const struct wherry_connection *connection = context;
    return session_due(connection->session);
}

static void connection_drive(void *context, bool (*enough)(void *argument), void *argument,
                             int64_t until_us) {
    const struct wherry_connection *connection = context;
    link_drive(connection->link, enough, argument, until_us);
}

static void connection_yield(void *context) {
    const struct wherry_connection *connection = context;
    link_yield(connection->link);
}

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
    connection->waiters.driver =
        (struct wait_driver){connection, connection_due, connection_drive, connection_yield};
    connection->handles = 1;
    wire_out_init(&connection->out);
    connection->no_restore_wait = options != NULL && options->no_restore_wait;
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

static wherry_err connect_late(const struct session_view *view, const char *address,
                               int64_t timeout_ms) {
    char why[RESOLVE_WHY];
    if (view->restoring[0] != 0) {
        return err_set(WHERRY_E_NO_BROKER, "%s does not serve within %lld ms: %s", address,
                       (long long)timeout_ms, view->restoring);
    }
    bool named = resolve_explain(address, RESOLVE_LIMIT_MS, why);
    return err_set(WHERRY_E_NO_BROKER, "no broker answers at %s within %lld ms%s%s", address,
                   (long long)timeout_ms, named ? ": " : "", named ? why : "");
}

/* Until the first hello is answered, whatever the answer. */
static wherry_err connect_wait(struct wherry_connection *connection, const char *address,
                               int64_t timeout_ms) {
    int64_t deadline_us = 0;
    wherry_err err = wait_deadline(timeout_ms, &deadline_us);
    if (err == WHERRY_OK) {
        err = wait_word(&connection->waiters, &connection->connected, WAIT_DONE, deadline_us);
    }
    pthread_mutex_lock(&connection->mutex);
    struct session_view view;
    session_look(connection->session, &view);
    if (err == WHERRY_E_TIMEOUT) {
        err = connect_late(&view, address, timeout_ms);
    } else if (view.failed != WHERRY_OK) {
        err = err_set(view.failed, "%s: %s", address, view.failure);
    } else if (err == WHERRY_OK && !view.connected && view.restoring[0] != 0) {
        err = err_set(WHERRY_E_RESTORING, "%s: %s", address, view.restoring);
    }
    pthread_mutex_unlock(&connection->mutex);
    return err;
}

/* `house`: of local:, else NULL; taken with OK. */
static wherry_err connect_to(const char *address, const wherry_connect_options *options,
                             struct local_house *house, wherry_connection **out) {
    struct wherry_connection *connection = NULL;
    wherry_err err = connection_create(options, &connection);
    if (err != WHERRY_OK) {
        return err;
    }
    struct link_options link_options = {
        .payload_max = WIRE_PAYLOAD_MAX,
        .extra_fd = house != NULL ? local_lifeline(house) : -1,
        .extra = connection_house_ended,
    };
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
    connection->house = house;
    *out = connection;
    return WHERRY_OK;
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
    struct local_house *house = NULL;
    if (local_address_is(address)) {
        err = local_enter(address, options != NULL ? options->connect_timeout_ms : 0, &house,
                          &address);
    }
    err = err != WHERRY_OK ? err : connect_to(address, options, house, out);
    if (err != WHERRY_OK) {
        local_leave(&house);
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
    while (err == WHERRY_E_INTERRUPTED && !connection_waiter_done(connection, &waiter, &view)) {
        err = connection_wait_room(connection, &waiter, deadline_us);
        session_look(connection->session, &view);
    }
    pthread_mutex_unlock(&connection->mutex);
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
        local_leave(&dying->house);
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
    local_leave(&dying->house);
    connection_unhold(dying);
}

void wherry_interrupt(wherry_connection *connection) {
    if (connection == NULL || atomic_load(connection->life) != 1) {
        return;
    }
    wait_interrupt_ask(&connection->waiters);
    link_alarm(connection->link);
}
