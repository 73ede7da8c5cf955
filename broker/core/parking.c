/* SPDX-License-Identifier: MIT
 *
 * Parking: see parking.h. A parked event is one allocation: the event, then its arrays and texts.
 * Its route is looked up when its turn comes; if the peer has reconnected meanwhile, the event is
 * dropped, because the peer has said everything again. */
#include "broker/core/parking.h"

#include "broker/core/dispatch.h"
#include "broker/core/state.h"

#include <stdlib.h>
#include <string.h>

struct parked {
    struct parked *next;
    struct event event;
    _Alignas(16) uint8_t data[];
};

struct packer { /* copies into what lies behind the event; with `at` NULL it only counts */
    uint8_t *at;
    size_t size;
};

static void *pack_array_copy(struct packer *packer, const void *data, size_t size) {
    size_t room = (size + 15) & ~(size_t)15;
    void *copy = packer->at;
    if (copy != NULL) {
        if (size > 0) {
            memcpy(copy, data, size);
        }
        packer->at += room;
    }
    packer->size += room;
    return copy;
}

static void pack_span_copy(struct packer *packer, struct span *span) {
    span->data = pack_array_copy(packer, span->data, span->size);
}

/* Points the event's arrays to their copies. */
static void parked_pack(struct packer *packer, struct event *event) {
    switch (event->kind) {
    case EVENT_SUBMIT:
        pack_span_copy(packer, &event->submit.queue);
        pack_span_copy(packer, &event->submit.function);
        event->submit.items =
            pack_array_copy(packer, event->submit.items,
                            event->submit.item_count * sizeof(struct event_submit_item));
        return;
    case EVENT_ACK:
        event->ack.runs = pack_array_copy(packer, event->ack.runs,
                                          event->ack.run_count * sizeof(struct wire_run));
        return;
    case EVENT_CANCEL:
        event->cancel.runs = pack_array_copy(packer, event->cancel.runs,
                                             event->cancel.run_count * sizeof(struct wire_run));
        return;
    case EVENT_RENUMBER:
        event->renumber.items =
            pack_array_copy(packer, event->renumber.items,
                            event->renumber.item_count * sizeof(struct wire_renumbering));
        return;
    case EVENT_CALL:
        pack_span_copy(packer, &event->call.name);
        return;
    case EVENT_RESULTS:
        event->results.items = pack_array_copy(
            packer, event->results.items, event->results.item_count * sizeof(struct event_result));
        return;
    case EVENT_DEATH:
        pack_span_copy(packer, &event->death.text);
        event->death.attempts =
            pack_array_copy(packer, event->death.attempts,
                            event->death.attempt_count * sizeof(struct event_attempt));
        return;
    default: /* no arrays */
        return;
    }
}

static bool parking_concerns(enum event_kind kind) {
    return kind == EVENT_SUBMIT || kind == EVENT_ACK || kind == EVENT_CANCEL ||
           kind == EVENT_CALL || kind == EVENT_RENUMBER || kind == EVENT_RESULTS ||
           kind == EVENT_DEATH || kind == EVENT_GATE || kind == EVENT_CREDIT ||
           kind == EVENT_GOODBYE;
}

bool parking_takes(struct engine *engine, const struct event *event) {
    struct parking *parking = &engine->parking;
    if (!parking_concerns(event->kind) || (parking->count == 0 && !barrier_full(engine))) {
        return false;
    }
    struct event copy = *event;
    struct packer packer = {NULL, 0};
    parked_pack(&packer, &copy);
    struct parked *parked = malloc(sizeof(*parked) + packer.size);
    CHECK(parked != NULL);
    parked->next = NULL;
    parked->event = *event;
    packer = (struct packer){parked->data, 0};
    parked_pack(&packer, &parked->event);
    if (parking->last != NULL) {
        parking->last->next = parked;
    } else {
        parking->first = parked;
    }
    parking->last = parked;
    parking->count++;
    return true;
}

static struct parked *parking_shift(struct parking *parking) {
    struct parked *parked = parking->first;
    parking->first = parked->next;
    if (parking->first == NULL) {
        parking->last = NULL;
    }
    parking->count--;
    return parked;
}

bool parking_is_due(const struct engine *engine) {
    return engine->parking.count > 0 && !barrier_full(engine);
}

static uint32_t parked_units(const struct event *event) {
    switch (event->kind) {
    case EVENT_SUBMIT:
        return 1 + event->submit.item_count;
    case EVENT_ACK:
        return 1 + event->ack.run_count;
    case EVENT_RENUMBER:
        return 1 + event->renumber.item_count;
    case EVENT_RESULTS:
        return 1 + event->results.item_count;
    case EVENT_DEATH:
        return 1 + event->death.attempt_count;
    default: /* a cancel only adds work */
        return 1;
    }
}

void parking_resume(struct engine *engine, uint32_t units) {
    while (units > 0 && parking_is_due(engine)) {
        struct parked *parked = parking_shift(&engine->parking);
        uint32_t used = parked_units(&parked->event);
        units -= used < units ? used : units;
        if (routes_find(engine, parked->event.route) != NULL) {
            dispatch_event(engine, &parked->event);
        } else {
            dispatch_drop(engine, &parked->event);
        }
        free(parked);
    }
}

void parking_fini(struct engine *engine) {
    while (engine->parking.count > 0) {
        free(parking_shift(&engine->parking));
    }
}
