/* SPDX-License-Identifier: MIT
 *
 * The supervisor's connection: all of this runs on the link's thread, but for the opening. What the
 * host wants done is done at once, under the mutex: an eventfd is written, or a letter of a few
 * bytes goes to the fork server. */
#include "worker/supervisor_inside.h"

#include "common/clock.h"
#include "common/log.h"

#include <unistd.h>

enum { SUPERVISOR_REOPEN_US = 200000 };

/* ---- what the host wants -------------------------------------------------------------------- */

void supervisor_notice(struct supervisor *self) {
    uint64_t one = 1;
    ssize_t size = write(self->notice, &one, sizeof one);
    (void)size;
}

/* Holds the mutex. */
void supervisor_act(struct supervisor *self) {
    struct host_action action;
    while (host_action(self->host, &action)) {
        switch (action.kind) {
        case HOST_WAKE_CHILD:
            nursery_wake(&self->nursery, action.place);
            break;
        case HOST_SIGNAL_CHILD:
            log_event(LOG_INFO, "stopping an attempt", log_number("place", action.place),
                      log_number("pid", action.pid), log_number("signal", action.signal));
            nursery_signal(&self->nursery, action.place, action.pid, action.signal);
            break;
        case HOST_SPAWN:
            nursery_want(&self->nursery, action.place, clock_mono_us());
            supervisor_notice(self);
            break;
        case HOST_PLACE_FREE:
            nursery_free(&self->nursery, action.place, clock_mono_us());
            supervisor_notice(self);
            break;
        case HOST_LEAVE:
            self->leave_asked = true;
            self->leave_grace_ms = action.grace_ms;
            supervisor_notice(self);
            break;
        case HOST_DRAINED:
            self->drained = true;
            supervisor_notice(self);
            break;
        }
    }
}

/* ---- the link's thread ---------------------------------------------------------------------- */

static void supervisor_opened(void *context, struct link *link) {
    struct supervisor *self = context;
    (void)link;
    wire_out_clear(&self->out);
    self->out_kept = false;
    pthread_mutex_lock(&self->mutex);
    self->reopening = false;
    host_opened(self->host, clock_mono_us());
    supervisor_notice(self); /* the old connection may have been lost: to be said */
    pthread_mutex_unlock(&self->mutex);
}

static void supervisor_received(void *context, struct link *link,
                                const struct wire_message *message) {
    struct supervisor *self = context;
    (void)link;
    pthread_mutex_lock(&self->mutex);
    bool before = host_greeted(self->host);
    host_input(self->host, message, clock_mono_us());
    supervisor_act(self);
    if (host_greeted(self->host) != before) {
        supervisor_notice(self);
    }
    pthread_mutex_unlock(&self->mutex);
}

/* Holds the mutex. */
static void supervisor_reopen_if_wanted(struct supervisor *self, struct link *link) {
    if (!self->reopening && host_wants_reopen(self->host)) {
        self->reopening = true;
        link_reopen(link, SUPERVISOR_REOPEN_US);
        supervisor_notice(self);
    }
}

static void supervisor_collect(void *context, struct link *link) {
    struct supervisor *self = context;
    pthread_mutex_lock(&self->mutex);
    for (;;) {
        if (!self->out_kept && !host_output(self->host, clock_mono_us(), &self->out)) {
            break;
        }
        supervisor_act(self);
        self->out_kept = !link_send(link, &self->out);
        if (self->out_kept) {
            break;
        }
        wire_out_clear(&self->out);
    }
    supervisor_act(self);
    pthread_mutex_unlock(&self->mutex);
}

static int64_t supervisor_tick(void *context, struct link *link, int64_t now_us) {
    struct supervisor *self = context;
    pthread_mutex_lock(&self->mutex);
    host_tick(self->host, now_us);
    supervisor_act(self);
    supervisor_reopen_if_wanted(self, link);
    int64_t wake_us = host_next_wake(self->host);
    pthread_mutex_unlock(&self->mutex);
    return wake_us;
}

bool supervisor_open_link(struct supervisor *self) {
    static const struct link_ops ops = {supervisor_opened, supervisor_received, supervisor_collect,
                                        supervisor_tick};
    struct link_options options = {.payload_max = WIRE_PAYLOAD_MAX, .extra_fd = -1};
    wherry_err err = link_open(self->settings->brokers, &options, &ops, self, &self->link);
    if (err != WHERRY_OK) {
        settings_refuse("broker", self->settings->brokers, wherry_last_error());
    }
    return err == WHERRY_OK;
}
