/* SPDX-License-Identifier: MIT
 *
 * The scan at the start; see restore.h. */
#include "broker/restore.h"

#include "common/clock.h"
#include "common/err.h"

struct restore {
    struct engine *engine;
    struct payload_store *payloads;
};

static wherry_err restore_one(void *context, const struct store_change *change) {
    struct restore *restore = context;
    struct record record = change->record;
    record.payload = payload_copy(restore->payloads, change->payload);
    return engine_restore(restore->engine, &record);
}

static wherry_err restore_queues(struct engine *engine, const struct options *options,
                                 struct now now, struct effects *out) {
    for (size_t i = 0; i < options->queue_count; i++) {
        const struct options_queue *queue = &options->queues[i];
        wherry_err err = engine_queue_set(engine, queue->name, queue->items_max, queue->bytes_max,
                                          now, out);
        if (err != WHERRY_OK) {
            return err_set(err, "--queue %.*s: %s", (int)queue->name.size,
                           (const char *)queue->name.data, wherry_err_text(err));
        }
    }
    return WHERRY_OK;
}

wherry_err restore_engine(struct engine *engine, struct store *store,
                          struct payload_store *payloads, const struct options *options,
                          struct effects *out) {
    struct restore restore = {engine, payloads};
    wherry_err err = store_scan(store, restore_one, &restore);
    if (err != WHERRY_OK) {
        return err;
    }
    struct now now = {clock_mono_us(), clock_wall_ms()};
    engine_restored(engine, now, out);
    return restore_queues(engine, options, now, out);
}
