/* SPDX-License-Identifier: MIT
 *
 * The scan at the start; see restore.h. A record costs half a microsecond, so the clock is looked
 * at once in LOOK_RECORDS of them. */
#include "broker/restore.h"

#include "common/clock.h"
#include "common/err.h"
#include "common/log.h"
#include "common/notify.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>

enum { LOOK_RECORDS = 4096, LOOK_MESSAGES = 1024, LOOK_US = 20000, TELL_US = 1000000 };

struct restore {
    const struct restore_config *config;
    struct store_identity identity;
    uint64_t records; /* taken in so far */
    int64_t begun_us;
    int64_t looked_us;
    int64_t told_us;
};

static void restore_fill(void *context, struct metrics *out) {
    const struct restore *restore = context;
    *out = (struct metrics){
        .uptime_us = clock_mono_us() - restore->begun_us,
        .epoch = restore->identity.epoch,
        .restoring = true,
        .restored_records = restore->records,
        .stored_records = restore->identity.records,
        .store_full = !store_has_space(restore->config->store),
        .memory_limit_bytes = restore->config->options->memory_limit_bytes,
    };
    engine_counts(restore->config->engine, &out->engine);
    out->engine_memory_bytes = engine_memory_bytes(restore->config->engine);
    payload_sums(restore->config->payloads, &out->payloads);
}

/* Nobody is served yet, and nobody need wonder why. What a peer says after that comes from a new
 * route, like what it will say when this is over. */
static void restore_answer_peers(struct restore *restore, int64_t now_us) {
    struct router *router = restore->config->router;
    char text[128];
    struct wire_message message;
    route_id route = 0;
    snprintf(text, sizeof text,
             "the broker is reading its store: %" PRIu64 " of %" PRIu64 " records",
             restore->records, restore->identity.records);
    for (size_t i = 0;
         i < LOOK_MESSAGES && router_receive(router, now_us, &route, &message) != ROUTER_NOTHING;
         i++) {
        border_refuse(restore->config->border, route, WHERRY_E_RESTORING, span_of_text(text),
                      router_send, router);
        router_forget(router, route);
    }
}

/* Whoever asked over HTTP gets an answer; the service manager learns that we are alive. */
static void restore_look(struct restore *restore) {
    int64_t now_us = clock_mono_us();
    if (now_us - restore->looked_us < LOOK_US) {
        return;
    }
    restore->looked_us = now_us;
    if (restore->config->http != NULL) {
        struct pollfd asked = {.fd = http_fd(restore->config->http), .events = POLLIN};
        if (poll(&asked, 1, 0) > 0) {
            http_answer(restore->config->http, restore_fill, restore);
        }
    }
    restore_answer_peers(restore, now_us);
    if (now_us - restore->told_us >= TELL_US) {
        restore->told_us = now_us;
        notify_send("EXTEND_TIMEOUT_USEC=%d\nSTATUS=restoring: %" PRIu64 " of %" PRIu64 " records",
                    30 * TELL_US, restore->records, restore->identity.records);
    }
}

wherry_err restore_refuse(const struct record *record) {
    unsigned version = record->head.size > 0 ? record->head.data[0] : 0;
    if (version < RECORD_OLDEST || version > RECORD_VERSION) {
        return err_set(WHERRY_E_REFUSED,
                       "its head has version %u, and this broker reads %d to %d; start the version "
                       "that wrote it",
                       version, RECORD_OLDEST, RECORD_VERSION);
    }
    return err_set(WHERRY_E_PROTOCOL, "what it says cannot be, or contradicts another record");
}

static wherry_err restore_one(void *context, const struct store_change *change) {
    struct restore *restore = context;
    struct record record = change->record;
    if (++restore->records % LOOK_RECORDS == 0) {
        restore_look(restore);
    }
    record.payload = payload_copy(restore->config->payloads, change->payload);
    wherry_err err = engine_restore(restore->config->engine, &record);
    if (err != WHERRY_OK) {
        payload_free(restore->config->payloads, record.payload.handle);
        return restore_refuse(&record);
    }
    return WHERRY_OK;
}

static wherry_err restore_queues(struct engine *engine, const struct options *options,
                                 struct now now, struct effects *out) {
    for (size_t i = 0; i < options->queue_count; i++) {
        const struct options_queue *queue = &options->queues[i];
        wherry_err err = engine_queue_set(engine, queue->name, queue->bounds.items_max,
                                          queue->bounds.bytes_max, now, out);
        if (err != WHERRY_OK) {
            return err_set(err, "--queue %.*s: %s", (int)queue->name.size,
                           (const char *)queue->name.data, wherry_err_text(err));
        }
    }
    return WHERRY_OK;
}

wherry_err restore_engine(const struct restore_config *config, struct effects *out) {
    struct restore restore = {.config = config, .begun_us = clock_mono_us()};
    store_identity(config->store, &restore.identity);
    restore.looked_us = restore.told_us = restore.begun_us;
    wherry_err err = store_scan(config->store, restore_one, &restore);
    if (err != WHERRY_OK) {
        return err;
    }
    struct now now = {clock_mono_us(), clock_wall_ms()};
    if (restore.identity.keeps) {
        log_event(LOG_INFO, "the store was read", log_text("store", config->options->store),
                  log_number("records", (int64_t)restore.records),
                  log_number("took_ms", (now.mono_us - restore.begun_us) / 1000));
    }
    engine_restored(config->engine, now, out);
    return restore_queues(config->engine, config->options, now, out);
}
